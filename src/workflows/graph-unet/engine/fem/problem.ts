// What is minimised: a body with held coordinates, dead loads and, where there is one, an obstacle.
import type { Body } from "./body";
import type { Contact } from "./contact";

export type Tangent = "none" | "full" | "projected";

export class Problem {
  /** 1 for each coordinate (2 * node + axis) that keeps its value. */
  readonly isHeld: Uint8Array;
  /** Dead forces on the nodes, [nodes, 2]. */
  readonly loads: Float64Array;

  constructor(
    readonly body: Body,
    readonly contact?: Contact,
  ) {
    this.isHeld = new Uint8Array(body.mesh.positions.length);
    this.loads = new Float64Array(body.mesh.positions.length);
  }

  /** Total potential; infinite when a triangle is inverted or the obstacle is touched. */
  energy(x: Float64Array): number {
    let sum = this.contact ? this.contact.energy(x) : 0;
    if (sum === Number.POSITIVE_INFINITY) return sum;
    sum += this.body.energy(x);
    const rest = this.body.mesh.positions;
    for (let i = 0; i < x.length; i++) sum -= this.loads[i] * (x[i] - rest[i]);
    return sum;
  }

  /** The smallest gap to the obstacle, at most the barrier's range; infinite without an obstacle. */
  leastGap(x: Float64Array): number {
    return this.contact ? this.contact.leastGap(x) : Number.POSITIVE_INFINITY;
  }

  /** The gradient of the potential into `out`, zero at held coordinates; with a tangent, the stiffness' values. */
  derivatives(x: Float64Array, out: Float64Array, tangent: Tangent): void {
    out.fill(0);
    if (tangent !== "none") this.body.stiffness.values.fill(0);
    this.body.derivatives(x, out, tangent);
    this.contact?.derivatives(x, out, this.body.stiffness, tangent);
    for (let i = 0; i < x.length; i++) out[i] = this.isHeld[i] ? 0 : out[i] - this.loads[i];
  }
}
