// The vote of TIES: for each entry of a part the sign of a sum wins, 0 counting as positive, and values of that sign are
// added up. Signs are random to a processor, so that branches on them would cost more than all else: they are compared as
// the upper halves of the numbers. `~(x ^ y)` has its sign bit set where those agree, `−(x without sign)` where x is not 0.

export class SignVote {
  readonly total: Float64Array;
  readonly divisor: Float64Array;
  private readonly votes: Float64Array;
  private readonly voteWords: Int32Array;

  /** @param size the largest part. */
  constructor(size: number) {
    this.total = new Float64Array(size);
    this.divisor = new Float64Array(size);
    this.votes = new Float64Array(size);
    this.voteWords = new Int32Array(this.votes.buffer);
  }

  start(length: number): void {
    for (const values of [this.votes, this.total, this.divisor]) values.fill(0, 0, length);
  }

  /** All vote before any is counted. */
  vote(values: Float64Array, length: number): void {
    const { votes } = this;
    for (let i = 0; i < length; i++) votes[i] += values[i];
  }

  /** Adds factor · value to the total and `share` to the divisor where the value has the sign that won. */
  count(values: Float64Array, words: Int32Array, factor: number, share: number, length: number): void {
    const { total, divisor, voteWords } = this;
    for (let i = 0; i < length; i++) {
      const word = words[2 * i + 1];
      const agrees = (~(word ^ voteWords[2 * i + 1]) & -(word & 0x7fffffff)) >>> 31;
      total[i] += agrees * factor * values[i];
      divisor[i] += agrees * share;
    }
  }
}
