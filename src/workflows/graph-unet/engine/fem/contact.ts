// Frictionless contact of a body's boundary with a rigid collider, as a barrier that is infinite at zero gap.
// Barrier: Li et al., "Incremental Potential Contact", TOG 39(4), 2020, eq. 6. Gaps are between whole edges and corners,
// not only nodes, so that a coarse boundary cannot cut into a small collider.
import { type Collider, isInside } from "./collider";
import { SegmentDistance } from "./distance";
import { boundaryEdges, type Mesh, type Point } from "./mesh";
import type { Tangent } from "./problem";
import type { Stiffness } from "./stiffness";

export interface Barrier {
  /** Gap below which the barrier acts. */
  range: number;
  /** Force per length of gap; forces at half the range are about 1.2 * stiffness * range. */
  stiffness: number;
}

export class Contact {
  /** Where the collider is; set by whoever moves it. */
  position: Point = [0, 0];
  private readonly edges: Int32Array;
  private readonly nodes: Int32Array;
  private readonly distance = new SegmentDistance();

  constructor(
    mesh: Mesh,
    readonly collider: Collider,
    readonly barrier: Barrier,
  ) {
    this.edges = boundaryEdges(mesh);
    this.nodes = Int32Array.from(new Set(this.edges)).sort();
  }

  /** Sum of the barriers; infinite when the collider is touched or inside. */
  energy(x: Float64Array): number {
    let sum = 0;
    const least = this.eachGap(x, (gap) => {
      if (gap > 0) sum += this.density(gap);
    });
    return least > 0 && !this.isCrossed(x) ? sum : Number.POSITIVE_INFINITY;
  }

  /** The smallest gap, at most the barrier's range. */
  leastGap(x: Float64Array): number {
    return this.eachGap(x, () => {});
  }

  /** Adds forces and, where wanted, the tangent. "projected": without the part that curvature of the gap takes off. */
  derivatives(x: Float64Array, out: Float64Array, stiffness: Stiffness, tangent: Tangent): void {
    this.eachGap(
      x,
      (gap, coordinates, offset) => {
        const { gradient, hessian } = this.distance;
        const slope = this.slope(gap);
        const curvature = this.curvature(gap);
        for (let k = 0; k < coordinates.length; k++) {
          out[coordinates[k]] += slope * gradient[offset + k];
          if (tangent === "none") continue;
          for (let l = k; l < coordinates.length; l++) {
            let entry = curvature * gradient[offset + k] * gradient[offset + l];
            if (tangent === "full") entry += slope * hessian[6 * (offset + k) + offset + l];
            stiffness.values[stiffness.slot(coordinates[k], coordinates[l])] += entry;
          }
        }
      },
      tangent === "full",
    );
  }

  /** Force on the collider. */
  force(x: Float64Array): [number, number] {
    const sum: [number, number] = [0, 0];
    this.eachGap(
      x,
      (gap, coordinates, offset) => {
        const slope = this.slope(gap);
        for (let k = 0; k < coordinates.length; k++) sum[k & 1] += slope * this.distance.gradient[offset + k];
      },
      false,
    );
    return sum;
  }

  /** Adds the tangent times a shift of the whole body by (dx, dy): how forces change when the collider moves back. */
  addPush(x: Float64Array, dx: number, dy: number, out: Float64Array): void {
    this.eachGap(
      x,
      (gap, coordinates, offset) => {
        const { gradient, hessian } = this.distance;
        const [slope, curvature] = [this.slope(gap), this.curvature(gap)];
        for (let k = 0; k < coordinates.length; k++) {
          for (let l = 0; l < coordinates.length; l++) {
            const entry =
              curvature * gradient[offset + k] * gradient[offset + l] +
              slope * hessian[6 * (offset + k) + offset + l];
            out[coordinates[k]] += entry * (l & 1 ? dy : dx);
          }
        }
      },
      true,
    );
  }

  private density(gap: number): number {
    const { range, stiffness } = this.barrier;
    return -stiffness * (gap - range) ** 2 * Math.log(gap / range);
  }
  private slope(gap: number): number {
    const { range, stiffness } = this.barrier;
    const short = gap - range;
    return -stiffness * short * (2 * Math.log(gap / range) + short / gap);
  }
  private curvature(gap: number): number {
    const { range, stiffness } = this.barrier;
    const ratio = (gap - range) / gap;
    return -stiffness * (2 * Math.log(gap / range) + 4 * ratio - ratio * ratio);
  }

  /**
   * Visits every pair whose gap is below the range: corners of the collider and edges of the body, nodes of the body and
   * edges of the collider. `coordinates` are those of the body, in the distance's derivatives from `offset` on.
   * @param withHessian undefined: the distances only. @returns the smallest gap, at most the range.
   */
  private eachGap(
    x: Float64Array,
    visit: (gap: number, coordinates: readonly number[], offset: number) => void,
    withHessian?: boolean,
  ): number {
    const { corners, radius } = this.collider;
    const [sx, sy] = this.position;
    const reach = radius + this.barrier.range;
    let least = this.barrier.range;
    const meet = (
      points: readonly [number, number, number, number, number, number],
      coordinates: readonly number[],
      offset: number,
    ): void => {
      const gap = this.distance.measure(...points) - radius;
      if (!(gap < this.barrier.range)) return;
      least = Math.min(least, gap);
      if (withHessian !== undefined) this.distance.evaluate(...points, withHessian);
      visit(gap, coordinates, offset);
    };
    for (let c = 0; c < corners.length; c += 2) {
      const [px, py] = [sx + corners[c], sy + corners[c + 1]];
      for (let e = 0; e < this.edges.length; e += 2) {
        const [a, b] = [2 * this.edges[e], 2 * this.edges[e + 1]];
        if (isApart(px, x[a], x[b], reach) || isApart(py, x[a + 1], x[b + 1], reach)) continue;
        meet([px, py, x[a], x[a + 1], x[b], x[b + 1]], [a, a + 1, b, b + 1], 2);
      }
    }
    if (corners.length < 4) return least;
    for (let c = 0; c < corners.length; c += 2) {
      const d = (c + 2) % corners.length;
      const [ax, ay, bx, by] = [sx + corners[c], sy + corners[c + 1], sx + corners[d], sy + corners[d + 1]];
      for (const node of this.nodes) {
        const n = 2 * node;
        if (isApart(x[n], ax, bx, reach) || isApart(x[n + 1], ay, by, reach)) continue;
        meet([x[n], x[n + 1], ax, ay, bx, by], [n, n + 1], 0);
      }
    }
    return least;
  }

  /** A corner of the collider inside the body, or a node of the body inside the collider's core. */
  private isCrossed(x: Float64Array): boolean {
    const { corners } = this.collider;
    const [sx, sy] = this.position;
    const { edges } = this;
    for (let c = 0; c < corners.length; c += 2) {
      const inside = isInside(sx + corners[c], sy + corners[c + 1], edges.length / 2, (e) => {
        const [a, b] = [2 * edges[2 * e], 2 * edges[2 * e + 1]];
        return [x[a], x[a + 1], x[b], x[b + 1]];
      });
      if (inside) return true;
    }
    if (corners.length < 6) return false;
    return this.nodes.some((node) =>
      isInside(x[2 * node] - sx, x[2 * node + 1] - sy, corners.length / 2, (e) => {
        const d = (2 * e + 2) % corners.length;
        return [corners[2 * e], corners[2 * e + 1], corners[d], corners[d + 1]];
      }),
    );
  }
}

/** Whether a coordinate lies further than `reach` from the interval of two others. */
const isApart = (p: number, a: number, b: number, reach: number): boolean =>
  p < Math.min(a, b) - reach || p > Math.max(a, b) + reach;
