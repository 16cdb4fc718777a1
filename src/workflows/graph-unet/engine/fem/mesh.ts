// Triangle meshes in the plane: structured grids under any map, refinement, boundary. It knows no material.

export interface Mesh {
  /** x and y of each node, [nodes, 2]. */
  positions: Float64Array;
  /** Nodes of each triangle, counterclockwise, [triangles, 3]. */
  triangles: Int32Array;
}

export type Point = readonly [number, number];
export type PlaneMap = (u: number, v: number) => Point;

export const nodeCount = (mesh: Mesh): number => mesh.positions.length / 2;
export const triangleCount = (mesh: Mesh): number => mesh.triangles.length / 3;

/**
 * The unit square cut into `columns` by `rows` cells of two triangles, under a map. Node (i, j) is number
 * j * (columns + 1) + i. Diagonals run towards the upper right, or in alternating directions.
 */
export function gridMesh(
  columns: number,
  rows: number,
  map: PlaneMap,
  diagonals: "right" | "alternating" = "right",
): Mesh {
  const positions = new Float64Array(2 * (columns + 1) * (rows + 1));
  for (let j = 0; j <= rows; j++)
    for (let i = 0; i <= columns; i++) positions.set(map(i / columns, j / rows), 2 * (j * (columns + 1) + i));
  const triangles: number[] = [];
  for (let j = 0; j < rows; j++) {
    for (let i = 0; i < columns; i++) {
      const a = j * (columns + 1) + i;
      const [b, c, d] = [a + 1, a + columns + 2, a + columns + 1];
      if (diagonals === "right" || (i + j) % 2 === 0) triangles.push(a, b, c, a, c, d);
      else triangles.push(a, b, d, b, c, d);
    }
  }
  return { positions, triangles: Int32Array.from(triangles) };
}

/** The bilinear map of the unit square to a quadrilateral: lower left, lower right, upper right, upper left. */
export function bilinear([a, b, c, d]: readonly [Point, Point, Point, Point]): PlaneMap {
  const mix = (u: number, v: number, k: 0 | 1): number =>
    (1 - v) * ((1 - u) * a[k] + u * b[k]) + v * ((1 - u) * d[k] + u * c[k]);
  return (u, v) => [mix(u, v, 0), mix(u, v, 1)];
}

/** Each triangle becomes four; old nodes keep their numbers. */
export function refine(mesh: Mesh): Mesh {
  const points = [...mesh.positions];
  const middles = new Map<string, number>();
  const middle = (a: number, b: number): number => {
    const key = a < b ? `${a} ${b}` : `${b} ${a}`;
    const known = middles.get(key);
    if (known !== undefined) return known;
    points.push((points[2 * a] + points[2 * b]) / 2, (points[2 * a + 1] + points[2 * b + 1]) / 2);
    middles.set(key, points.length / 2 - 1);
    return points.length / 2 - 1;
  };
  const triangles: number[] = [];
  for (let t = 0; t < mesh.triangles.length; t += 3) {
    const [a, b, c] = mesh.triangles.subarray(t, t + 3);
    const [ab, bc, ca] = [middle(a, b), middle(b, c), middle(c, a)];
    triangles.push(a, ab, ca, ab, b, bc, ca, bc, c, ab, bc, ca);
  }
  return { positions: Float64Array.from(points), triangles: Int32Array.from(triangles) };
}

/** Directed boundary edges, the body on their left, [edges, 2]. */
export function boundaryEdges(mesh: Mesh): Int32Array {
  const seen = new Map<string, readonly [number, number]>();
  for (let t = 0; t < mesh.triangles.length; t += 3) {
    for (let k = 0; k < 3; k++) {
      const a = mesh.triangles[t + k];
      const b = mesh.triangles[t + ((k + 1) % 3)];
      if (!seen.delete(`${b} ${a}`)) seen.set(`${a} ${b}`, [a, b]);
    }
  }
  return Int32Array.from([...seen.values()].flat());
}

/** Undirected edges, smaller node first, [edges, 2]. */
export function meshEdges(mesh: Mesh): Int32Array {
  const keys = new Set<number>();
  const nodes = nodeCount(mesh);
  for (let t = 0; t < mesh.triangles.length; t += 3) {
    for (let k = 0; k < 3; k++) {
      const a = mesh.triangles[t + k];
      const b = mesh.triangles[t + ((k + 1) % 3)];
      keys.add(Math.min(a, b) * nodes + Math.max(a, b));
    }
  }
  return Int32Array.from([...keys].flatMap((key) => [Math.floor(key / nodes), key % nodes]));
}

export function meanEdgeLength(mesh: Mesh): number {
  const edges = meshEdges(mesh);
  let sum = 0;
  for (let e = 0; e < edges.length; e += 2) {
    const [a, b] = [2 * edges[e], 2 * edges[e + 1]];
    sum += Math.hypot(mesh.positions[a] - mesh.positions[b], mesh.positions[a + 1] - mesh.positions[b + 1]);
  }
  return sum / (edges.length / 2);
}
