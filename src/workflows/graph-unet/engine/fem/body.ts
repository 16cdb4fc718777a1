// An elastic body of linear triangles: energy, forces, stiffness and stresses. Thickness is 1, contact is not its business.
import { TesseraError } from "../../../../base/errors";
import { LAWS, type Material, moduliOf } from "./laws";
import { type Mesh, meshEdges, nodeCount, triangleCount } from "./mesh";
import { Stiffness } from "./stiffness";
import { StressPoint } from "./stress";

export class Body {
  readonly stiffness: Stiffness;
  readonly areas: Float64Array;
  /** Gradients of the three shape functions of each triangle, [triangles, 3, 2]. */
  private readonly shapes: Float64Array;
  /** Place of entry (k, l), k <= l, of each element's 6 by 6 matrix in the stiffness, [triangles, 21]. */
  private readonly slots: Int32Array;
  private readonly point: StressPoint;

  /** @throws TesseraError `mesh` when a triangle has no area or runs clockwise; `params` for an unstable material. */
  constructor(
    readonly mesh: Mesh,
    readonly material: Material,
  ) {
    const count = triangleCount(mesh);
    this.point = new StressPoint(LAWS[material.law], moduliOf(material));
    this.stiffness = new Stiffness(nodeCount(mesh), meshEdges(mesh));
    this.areas = new Float64Array(count);
    this.shapes = new Float64Array(6 * count);
    this.slots = new Int32Array(21 * count);
    const { positions: x, triangles } = mesh;
    for (let t = 0; t < count; t++) {
      const [a, b, c] = triangles.subarray(3 * t, 3 * t + 3);
      const [ux, uy] = [x[2 * b] - x[2 * a], x[2 * b + 1] - x[2 * a + 1]];
      const [vx, vy] = [x[2 * c] - x[2 * a], x[2 * c + 1] - x[2 * a + 1]];
      const twice = ux * vy - uy * vx;
      if (!(twice > 0))
        throw new TesseraError("mesh", `Triangle ${t} has no area or runs clockwise`, { triangle: t });
      this.areas[t] = twice / 2;
      const [bx, by, cx, cy] = [vy / twice, -vx / twice, -uy / twice, ux / twice];
      this.shapes.set([-bx - cx, -by - cy, bx, by, cx, cy], 6 * t);
      let at = 21 * t;
      for (let k = 0; k < 6; k++)
        for (let l = k; l < 6; l++)
          this.slots[at++] = this.stiffness.slot(
            2 * triangles[3 * t + (k >> 1)] + (k & 1),
            2 * triangles[3 * t + (l >> 1)] + (l & 1),
          );
    }
  }

  /** The deformation gradient of a triangle, row-major. */
  gradient(x: Float64Array, t: number, out: Float64Array): void {
    const { shapes } = this;
    const { triangles } = this.mesh;
    out.fill(0);
    for (let k = 0; k < 3; k++) {
      const node = 2 * triangles[3 * t + k];
      const [gx, gy] = [shapes[6 * t + 2 * k], shapes[6 * t + 2 * k + 1]];
      out[0] += x[node] * gx;
      out[1] += x[node] * gy;
      out[2] += x[node + 1] * gx;
      out[3] += x[node + 1] * gy;
    }
  }

  /** Stored energy; infinite when a triangle has lost its orientation. */
  energy(x: Float64Array): number {
    const f = new Float64Array(4);
    let sum = 0;
    for (let t = 0; t < this.areas.length; t++) {
      this.gradient(x, t, f);
      if (!(f[0] * f[3] - f[1] * f[2] > 0)) return Number.POSITIVE_INFINITY;
      sum += this.areas[t] * this.point.density(f[0], f[1], f[2], f[3]);
    }
    return sum;
  }

  /**
   * Adds dE/dx to `force` and, where wanted, d²E/dx² to the stiffness' values.
   * @param tangent "projected": every element's matrix without its negative part.
   */
  derivatives(x: Float64Array, force: Float64Array, tangent: "none" | "full" | "projected"): void {
    const f = new Float64Array(4);
    const { areas, shapes, slots, point, stiffness } = this;
    const { triangles } = this.mesh;
    for (let t = 0; t < areas.length; t++) {
      this.gradient(x, t, f);
      point.evaluate(f[0], f[1], f[2], f[3], tangent === "projected");
      const { piola } = point;
      const area = areas[t];
      for (let k = 0; k < 3; k++) {
        const node = 2 * triangles[3 * t + k];
        const [gx, gy] = [area * shapes[6 * t + 2 * k], area * shapes[6 * t + 2 * k + 1]];
        force[node] += piola[0] * gx + piola[1] * gy;
        force[node + 1] += piola[2] * gx + piola[3] * gy;
      }
      if (tangent === "none") continue;
      const d = point.tangent;
      let at = 21 * t;
      for (let k = 0; k < 6; k++) {
        const [ax, ay] = [area * shapes[6 * t + (k & 6)], area * shapes[6 * t + (k & 6) + 1]];
        const row = 8 * (k & 1);
        for (let l = k; l < 6; l++) {
          const [bx, by] = [shapes[6 * t + (l & 6)], shapes[6 * t + (l & 6) + 1]];
          const column = row + 2 * (l & 1);
          stiffness.values[slots[at++]] +=
            ax * (d[column] * bx + d[column + 1] * by) + ay * (d[column + 4] * bx + d[column + 5] * by);
        }
      }
    }
  }

  /** The smallest determinant of a deformation gradient. */
  leastVolume(x: Float64Array): number {
    const f = new Float64Array(4);
    let least = Number.POSITIVE_INFINITY;
    for (let t = 0; t < this.areas.length; t++) {
      this.gradient(x, t, f);
      least = Math.min(least, f[0] * f[3] - f[1] * f[2]);
    }
    return least;
  }

  /** Cauchy stress of each triangle, xx, yy, xy, [triangles, 3]. */
  stresses(x: Float64Array): Float64Array {
    const f = new Float64Array(4);
    const out = new Float64Array(3 * this.areas.length);
    for (let t = 0; t < this.areas.length; t++) {
      this.gradient(x, t, f);
      this.point.evaluate(f[0], f[1], f[2], f[3], false);
      const { piola: p } = this.point;
      const j = f[0] * f[3] - f[1] * f[2];
      out[3 * t] = (p[0] * f[0] + p[1] * f[1]) / j;
      out[3 * t + 1] = (p[2] * f[2] + p[3] * f[3]) / j;
      out[3 * t + 2] = (p[0] * f[2] + p[1] * f[3]) / j;
    }
    return out;
  }
}
