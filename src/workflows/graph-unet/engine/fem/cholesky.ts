// Sparse LDLᵀ of a symmetric matrix whose pattern stays: analysed once, factored and solved many times.
// Source: Davis, "Algorithm 849: A Concise Sparse Cholesky Factorization Package", TOMS 31(4), 2005 (up-looking).

/** Upper triangle by columns, rows ascending, the diagonal last in each column. */
export interface SymmetricPattern {
  size: number;
  starts: Int32Array;
  rows: Int32Array;
}

export class Cholesky {
  private readonly parent: Int32Array;
  private readonly starts: Int32Array;
  private readonly rows: Int32Array;
  private readonly lower: Float64Array;
  private readonly diagonal: Float64Array;
  private readonly work: Float64Array;
  private readonly stack: Int32Array;
  private readonly path: Int32Array;
  private readonly flag: Int32Array;
  private readonly counts: Int32Array;

  constructor(private readonly pattern: SymmetricPattern) {
    const { size } = pattern;
    this.parent = new Int32Array(size).fill(-1);
    this.flag = new Int32Array(size).fill(-1);
    this.counts = new Int32Array(size);
    this.starts = new Int32Array(size + 1);
    for (let k = 0; k < size; k++) {
      this.flag[k] = k;
      for (let p = pattern.starts[k]; p < pattern.starts[k + 1]; p++) {
        for (let i = pattern.rows[p]; this.flag[i] !== k; i = this.parent[i]) {
          if (this.parent[i] < 0) this.parent[i] = k;
          this.counts[i]++;
          this.flag[i] = k;
        }
      }
    }
    for (let k = 0; k < size; k++) this.starts[k + 1] = this.starts[k] + this.counts[k];
    this.rows = new Int32Array(this.starts[size]);
    this.lower = new Float64Array(this.starts[size]);
    this.diagonal = new Float64Array(size);
    this.work = new Float64Array(size);
    this.stack = new Int32Array(size);
    this.path = new Int32Array(size);
  }

  /** Entries of the factor below the diagonal. */
  get fill(): number {
    return this.rows.length;
  }

  /** @param values of the pattern's entries. @returns false when a pivot is not positive: no minimum there. */
  factor(values: Float64Array): boolean {
    const { pattern, parent, starts, rows, lower, diagonal, work, stack, path, flag, counts } = this;
    const { size } = pattern;
    flag.fill(-1);
    counts.fill(0);
    work.fill(0);
    for (let k = 0; k < size; k++) {
      let top = size;
      flag[k] = k;
      for (let p = pattern.starts[k]; p < pattern.starts[k + 1]; p++) {
        let i = pattern.rows[p];
        work[i] += values[p];
        let length = 0;
        for (; flag[i] !== k; i = parent[i]) {
          path[length++] = i;
          flag[i] = k;
        }
        while (length > 0) stack[--top] = path[--length];
      }
      let pivot = work[k];
      work[k] = 0;
      for (; top < size; top++) {
        const i = stack[top];
        const x = work[i];
        work[i] = 0;
        const end = starts[i] + counts[i];
        for (let p = starts[i]; p < end; p++) work[rows[p]] -= lower[p] * x;
        const entry = x / diagonal[i];
        pivot -= entry * x;
        rows[end] = k;
        lower[end] = entry;
        counts[i]++;
      }
      if (!(pivot > 0)) return false;
      diagonal[k] = pivot;
    }
    return true;
  }

  /** Overwrites the right side with the solution; after a `factor` that held. */
  solve(x: Float64Array): void {
    const { starts, rows, lower, diagonal } = this;
    const size = diagonal.length;
    for (let j = 0; j < size; j++)
      for (let p = starts[j]; p < starts[j + 1]; p++) x[rows[p]] -= lower[p] * x[j];
    for (let j = 0; j < size; j++) x[j] /= diagonal[j];
    for (let j = size - 1; j >= 0; j--)
      for (let p = starts[j]; p < starts[j + 1]; p++) x[j] -= lower[p] * x[rows[p]];
  }
}
