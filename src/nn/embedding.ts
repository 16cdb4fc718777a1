// Learned vectors by number: words, positions, classes. Named and stored as PyTorch's nn.Embedding.
import { gather } from "../ops/gather";
import type { Tensor } from "../tensor/tensor";
import type { Init } from "./init";
import type { ParameterSpecs, Parameters } from "./parameters";

/** PyTorch draws embeddings from a standard normal; transformers start at 0.02, which is the default here. */
export const embeddingSpecs = (
  name: string,
  count: number,
  width: number,
  init: Init = { kind: "normal", std: 0.02 },
): ParameterSpecs => ({ [`${name}.weight`]: { shape: [count, width], init, decay: false } });

/** Vectors of `index` u32[...] → f[..., width]; an index past the table gives zeros. */
export const embedding = (p: Parameters, name: string, index: Tensor): Tensor =>
  gather(p.at(`${name}.weight`), index);
