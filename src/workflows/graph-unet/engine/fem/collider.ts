// Rigid bodies that press on the elastic one: convex polygons whose corners may be rounded; a disc is one round corner.
import { TesseraError } from "../../../../base/errors";
import type { Point } from "./mesh";

export interface Collider {
  kind: "disc" | "box" | "polygon";
  /** Corners of the core, counterclockwise, relative to the body's position, [corners, 2]. */
  corners: Float64Array;
  /** Everything within this distance of the core belongs to the body. */
  radius: number;
}

export function disc(radius: number): Collider {
  if (!(radius > 0)) throw new TesseraError("params", `A disc needs a positive radius, got ${radius}`);
  return { kind: "disc", corners: Float64Array.of(0, 0), radius };
}

/** A rectangle about its position, turned by `angle` in radians. */
export function box(width: number, height: number, angle = 0, rounding = 0): Collider {
  if (!(Math.min(width, height) > 2 * rounding))
    throw new TesseraError(
      "params",
      `A box of ${width} by ${height} cannot have corners rounded by ${rounding}`,
    );
  const [x, y] = [width / 2 - rounding, height / 2 - rounding];
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const turned = (
    [
      [-x, -y],
      [x, -y],
      [x, y],
      [-x, y],
    ] as Point[]
  ).map(([u, v]): Point => [c * u - s * v, s * u + c * v]);
  return { ...polygon(turned, rounding), kind: "box" };
}

/** @throws TesseraError `params` when the corners are not convex and counterclockwise. */
export function polygon(corners: readonly Point[], rounding = 0): Collider {
  const turnsLeft = corners.every(([x, y], i) => {
    const [u, v] = corners[(i + 1) % corners.length];
    const [p, q] = corners[(i + 2) % corners.length];
    return (u - x) * (q - v) - (v - y) * (p - u) > 0;
  });
  if (corners.length < 3 || !turnsLeft || rounding < 0)
    throw new TesseraError("params", "A polygon needs at least 3 corners, convex and counterclockwise");
  return { kind: "polygon", corners: Float64Array.from(corners.flat()), radius: rounding };
}

/** Whether the number of edges to the right of a point is odd. `ends`: x, y of both ends of edge e. */
export function isInside(
  px: number,
  py: number,
  edges: number,
  ends: (edge: number) => readonly [number, number, number, number],
): boolean {
  let inside = false;
  for (let e = 0; e < edges; e++) {
    const [ax, ay, bx, by] = ends(e);
    if (ay > py !== by > py && px < ax + ((py - ay) / (by - ay)) * (bx - ax)) inside = !inside;
  }
  return inside;
}
