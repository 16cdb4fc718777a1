// The stiffness matrix of a mesh: pattern from its edges, entries by node and coordinate, solved by sparse Cholesky.
// Coordinates that are held have a row and column of the identity.
import { Cholesky, type SymmetricPattern } from "./cholesky";
import { minimumDegree } from "./order";

export class Stiffness {
  readonly values: Float64Array;
  private readonly pattern: SymmetricPattern;
  private readonly cholesky: Cholesky;
  /** Row of the matrix for each coordinate. */
  private readonly place: Int32Array;
  private readonly right: Float64Array;

  /** @param edges pairs of nodes that share an element, [edges, 2]. */
  constructor(nodes: number, edges: Int32Array) {
    const size = 2 * nodes;
    this.place = new Int32Array(size);
    for (const [at, node] of minimumDegree(nodes, edges).entries()) {
      this.place[2 * node] = 2 * at;
      this.place[2 * node + 1] = 2 * at + 1;
    }
    const columns: number[][] = Array.from({ length: nodes }, (_, at) => [at]);
    for (let e = 0; e < edges.length; e += 2) {
      const [a, b] = [this.place[2 * edges[e]] / 2, this.place[2 * edges[e + 1]] / 2];
      columns[Math.max(a, b)].push(Math.min(a, b));
    }
    const starts = new Int32Array(size + 1);
    const rows: number[] = [];
    for (const [at, column] of columns.entries()) {
      column.sort((a, b) => a - b);
      const above = column.slice(0, -1).flatMap((block) => [2 * block, 2 * block + 1]);
      rows.push(...above, 2 * at);
      starts[2 * at + 1] = rows.length;
      rows.push(...above, 2 * at, 2 * at + 1);
      starts[2 * at + 2] = rows.length;
    }
    this.pattern = { size, starts, rows: Int32Array.from(rows) };
    this.values = new Float64Array(rows.length);
    this.cholesky = new Cholesky(this.pattern);
    this.right = new Float64Array(size);
  }

  /** Entries of the factor below its diagonal. */
  get fill(): number {
    return this.cholesky.fill;
  }

  /** Where the entry of two coordinates (2 * node + axis) stands in `values`; the same for both orders. */
  slot(first: number, second: number): number {
    const [a, b] = [this.place[first], this.place[second]];
    const [row, column] = a < b ? [a, b] : [b, a];
    let low = this.pattern.starts[column];
    let high = this.pattern.starts[column + 1] - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.pattern.rows[middle] < row) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Makes rows and columns of held coordinates those of the identity, and factors. @returns false: not positive. */
  factor(isHeld: Uint8Array): boolean {
    const { starts, rows, size } = this.pattern;
    const held = new Uint8Array(size);
    for (let i = 0; i < size; i++) held[this.place[i]] = isHeld[i];
    for (let column = 0; column < size; column++)
      for (let p = starts[column]; p < starts[column + 1]; p++)
        if (held[column] || held[rows[p]]) this.values[p] = rows[p] === column ? 1 : 0;
    return this.cholesky.factor(this.values);
  }

  /** The matrix, as long as it was not factored, times a vector. */
  multiply(x: Float64Array): Float64Array {
    const { starts, rows, size } = this.pattern;
    const sums = new Float64Array(size);
    const placed = new Float64Array(size);
    for (let i = 0; i < size; i++) placed[this.place[i]] = x[i];
    for (let column = 0; column < size; column++) {
      for (let p = starts[column]; p < starts[column + 1]; p++) {
        sums[rows[p]] += this.values[p] * placed[column];
        if (rows[p] !== column) sums[column] += this.values[p] * placed[rows[p]];
      }
    }
    return Float64Array.from(this.place, (at) => sums[at]);
  }

  /** Solves with the last factor; `out` may be `right`. */
  solve(right: Float64Array, out: Float64Array): void {
    for (let i = 0; i < right.length; i++) this.right[this.place[i]] = right[i];
    this.cholesky.solve(this.right);
    for (let i = 0; i < right.length; i++) out[i] = this.right[this.place[i]];
  }
}
