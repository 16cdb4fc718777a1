// What is read off a state beside positions: von Mises stress, nodal averages, a boundary that crosses itself.
import type { Body } from "./body";
import { moduliOf } from "./laws";
import { boundaryEdges, type Mesh, nodeCount } from "./mesh";

/** Von Mises stress of each triangle. In plane strain the stress across the plane is that of the linear law. */
export function vonMises(body: Body, x: Float64Array): Float64Array {
  const stresses = body.stresses(x);
  const { shear, bulk } = moduliOf(body.material);
  const across = body.material.state === "plane-strain" ? (bulk - shear) / (2 * bulk) : 0;
  const out = new Float64Array(stresses.length / 3);
  for (let t = 0; t < out.length; t++) {
    const [xx, yy, xy] = stresses.subarray(3 * t, 3 * t + 3);
    const zz = across * (xx + yy);
    const squares = (xx - yy) ** 2 + (yy - zz) ** 2 + (zz - xx) ** 2;
    out[t] = Math.sqrt(squares / 2 + 3 * xy * xy);
  }
  return out;
}

/** Mean of the triangles about each node, weighted by their areas at rest. */
export function nodalMean({ mesh, areas }: Body, values: Float64Array): Float64Array {
  const sums = new Float64Array(nodeCount(mesh));
  const weights = new Float64Array(sums.length);
  for (let t = 0; t < areas.length; t++) {
    for (let k = 0; k < 3; k++) {
      const node = mesh.triangles[3 * t + k];
      sums[node] += areas[t] * values[t];
      weights[node] += areas[t];
    }
  }
  return sums.map((sum, node) => sum / weights[node]);
}

/** Whether two edges of the boundary cross: a fold has gone through itself, which the solver does not prevent. */
export function crossesItself(mesh: Mesh, x: Float64Array): boolean {
  const edges = boundaryEdges(mesh);
  const side = (a: number, b: number, c: number): number =>
    (x[2 * b] - x[2 * a]) * (x[2 * c + 1] - x[2 * a + 1]) -
    (x[2 * b + 1] - x[2 * a + 1]) * (x[2 * c] - x[2 * a]);
  for (let e = 0; e < edges.length; e += 2) {
    const [a, b] = [edges[e], edges[e + 1]];
    for (let f = e + 2; f < edges.length; f += 2) {
      const [c, d] = [edges[f], edges[f + 1]];
      if (a === c || a === d || b === c || b === d) continue;
      if (side(a, b, c) * side(a, b, d) < 0 && side(c, d, a) * side(c, d, b) < 0) return true;
    }
  }
  return false;
}
