// Records copies between tensors that lie in memory of their own. No kernel runs, and no tape sees it.
import { assert } from "../base/errors";
import { BYTES_PER_ELEMENT, type Tensor } from "./tensor";

/**
 * All elements of `source` into `target` from element `at` on, bit for bit; both have one element type. A copy moves whole
 * words, so an odd number of 16-bit elements, or an odd `at` of them, is an error.
 */
export function copyInto(source: Tensor, target: Tensor, { at = 0 }: { at?: number } = {}): void {
  const width = BYTES_PER_ELEMENT[source.dtype];
  const [bytes, offset] = [source.bytes, at * width];
  assert(source.dtype === target.dtype, `copy of ${source.dtype} into ${target.dtype}`);
  assert(bytes % 4 === 0 && offset % 4 === 0, `copy of ${bytes} bytes to byte ${offset}`);
  assert(offset + bytes <= target.bytes, `copy past the end: ${offset} + ${bytes} of ${target.bytes} bytes`);
  source.gpu.queue.record({
    kind: "copy",
    source: source.allocation,
    sourceOffset: 0,
    target: target.allocation,
    targetOffset: offset,
    bytes,
  });
}
