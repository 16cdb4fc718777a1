// The distance of a point from a segment with its first and second derivatives. Coordinates are ordered p, a, b.

/** Room that is used again for every pair. */
export class SegmentDistance {
  value = 0;
  /** By px, py, ax, ay, bx, by. */
  readonly gradient = new Float64Array(6);
  /** [6, 6]; filled where asked for. */
  readonly hessian = new Float64Array(36);
  private readonly along = new Float64Array(6);
  private readonly turn = new Float64Array(6);

  /** The distance alone. */
  measure(px: number, py: number, ax: number, ay: number, bx: number, by: number): number {
    const [ex, ey] = [bx - ax, by - ay];
    const w = ((px - ax) * ex + (py - ay) * ey) / (ex * ex + ey * ey);
    if (w <= 0) return Math.hypot(px - ax, py - ay);
    if (w >= 1) return Math.hypot(px - bx, py - by);
    return Math.abs(ex * (py - ay) - ey * (px - ax)) / Math.hypot(ex, ey);
  }

  /** Everything; the distance must not be zero. */
  evaluate(
    px: number,
    py: number,
    ax: number,
    ay: number,
    bx: number,
    by: number,
    withHessian: boolean,
  ): void {
    const { gradient: g, hessian } = this;
    const [ex, ey] = [bx - ax, by - ay];
    const squared = ex * ex + ey * ey;
    const w = ((px - ax) * ex + (py - ay) * ey) / squared;
    g.fill(0);
    if (w <= 0 || w >= 1) {
      const end = w <= 0 ? 2 : 4;
      const [rx, ry] = end === 2 ? [px - ax, py - ay] : [px - bx, py - by];
      const d = Math.hypot(rx, ry);
      const [nx, ny] = [rx / d, ry / d];
      this.value = d;
      g[0] = nx;
      g[1] = ny;
      g[end] = -nx;
      g[end + 1] = -ny;
      if (!withHessian) return;
      hessian.fill(0);
      const block = [ny * ny, -nx * ny, -nx * ny, nx * nx];
      for (const [first, second, sign] of [
        [0, 0, 1],
        [0, end, -1],
        [end, 0, -1],
        [end, end, 1],
      ])
        for (let k = 0; k < 4; k++)
          hessian[6 * (first + (k >> 1)) + second + (k & 1)] = (sign * block[k]) / d;
      return;
    }
    const length = Math.sqrt(squared);
    const [tx, ty] = [ex / length, ey / length];
    const signed = tx * (py - ay) - ty * (px - ax);
    const [nx, ny] = signed < 0 ? [ty, -tx] : [-ty, tx];
    const d = Math.abs(signed);
    this.value = d;
    const shares = [1, w - 1, -w];
    for (let k = 0; k < 3; k++) {
      g[2 * k] = shares[k] * nx;
      g[2 * k + 1] = shares[k] * ny;
    }
    if (!withHessian) return;
    // Second variation: -2 (turn of the segment) (shift along it) - d (turn)².
    const { along, turn } = this;
    for (let k = 0; k < 3; k++) {
      along[2 * k] = shares[k] * tx;
      along[2 * k + 1] = shares[k] * ty;
    }
    turn.set([0, 0, -nx / length, -ny / length, nx / length, ny / length]);
    for (let k = 0; k < 6; k++)
      for (let l = 0; l < 6; l++)
        hessian[6 * k + l] = -turn[k] * along[l] - along[k] * turn[l] - d * turn[k] * turn[l];
  }
}
