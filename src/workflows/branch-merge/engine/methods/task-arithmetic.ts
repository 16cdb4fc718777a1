// The records of task arithmetic and its kin: TIES, DARE, DELLA, Breadcrumbs. How they merge is in task-vectors.ts.
import type { MethodParameter } from "../recipe/settings";
import type { MergeMethod } from "./method";
import { atRandom, betweenMagnitudes, byMagnitude, byRowRank, density, type Sparsifier } from "./sparsify";
import { mergeDifferences, mergeTaskVectors } from "./task-vectors";

interface Kind {
  id: string;
  title: string;
  formula: string;
  source: string;
  /** None: every entry is kept. */
  sparsifier?: Sparsifier;
  /** Entries whose sign loses the vote are left out. */
  vote: boolean;
  normalize: boolean;
  rescale: boolean;
}

const TIES = "Yadav et al., TIES-Merging, arXiv:2306.01708";
const DARE = "Yu et al., Language models are super Mario, arXiv:2311.03099";
const CRUMBS = "Davari and Belilovsky, Model Breadcrumbs, arXiv:2312.06795";
const DELLA = "Deep et al., DELLA-Merging, arXiv:2406.11617";

const KINDS: readonly Kind[] = [
  {
    id: "task_arithmetic",
    title: "Task arithmetic",
    formula: "θ0 + λ Σ w δ",
    source: "Ilharco et al., Editing models with task arithmetic, arXiv:2212.04089",
    vote: false,
    normalize: false,
    rescale: false,
  },
  // deviates: trims each tensor by itself, as mergekit does; the paper trims the whole model at once.
  {
    id: "ties",
    title: "TIES",
    formula: "θ0 + λ Σ w δ / Σ w over the largest |δ| of each model whose sign is that of Σ w δ",
    source: TIES,
    sparsifier: byMagnitude,
    vote: true,
    normalize: true,
    rescale: false,
  },
  {
    id: "dare_linear",
    title: "DARE",
    formula: "θ0 + λ Σ w m δ / density with random masks m",
    source: DARE,
    sparsifier: atRandom,
    vote: false,
    normalize: false,
    rescale: true,
  },
  {
    id: "dare_ties",
    title: "DARE with TIES",
    formula: "DARE's masks, then the vote of TIES",
    source: DARE,
    sparsifier: atRandom,
    vote: true,
    normalize: false,
    rescale: true,
  },
  {
    id: "della_linear",
    title: "DELLA",
    formula: "θ0 + λ Σ w m δ / p with random masks m, p rising with the rank of |δ| in its row",
    source: DELLA,
    sparsifier: byRowRank,
    vote: false,
    normalize: false,
    rescale: true,
  },
  {
    id: "della",
    title: "DELLA with TIES",
    formula: "DELLA's masks, then the vote of TIES",
    source: DELLA,
    sparsifier: byRowRank,
    vote: true,
    normalize: true,
    rescale: true,
  },
  {
    id: "breadcrumbs",
    title: "Model Breadcrumbs",
    formula: "θ0 + λ Σ w δ over entries that are neither among the largest |δ| nor the smallest",
    source: CRUMBS,
    sparsifier: betweenMagnitudes,
    vote: false,
    normalize: false,
    rescale: false,
  },
  {
    id: "breadcrumbs_ties",
    title: "Model Breadcrumbs with TIES",
    formula: "the entries of Breadcrumbs, then the vote of TIES",
    source: CRUMBS,
    sparsifier: betweenMagnitudes,
    vote: true,
    normalize: false,
    rescale: false,
  },
];

export const taskArithmeticMethods: readonly MergeMethod[] = KINDS.map((kind) => ({
  id: kind.id,
  title: kind.title,
  formula: kind.formula,
  source: kind.source,
  parameters: parametersOf(kind),
  base: "required",
  models: [1, Number.POSITIVE_INFINITY],
  merge: (job) =>
    kind.sparsifier ? mergeTaskVectors(job, kind.sparsifier, kind.vote) : mergeDifferences(job),
}));

function parametersOf({ sparsifier, normalize, rescale }: Kind): Record<string, MethodParameter> {
  const shared = (value: boolean | number, help: string): MethodParameter => ({
    kind: typeof value === "number" ? "number" : "bool",
    default: value,
    scope: "shared",
    help,
  });
  return {
    weight: { kind: "number", scope: "task", help: "Factor of this model's difference" },
    // task_arithmetic takes a density too, for mergekit's sake, and does nothing with it.
    ...(sparsifier?.parameters ?? { density }),
    lambda: shared(1, "Factor of the summed differences"),
    normalize: shared(normalize, "Divide by the sum of the weights that take part"),
    rescale: shared(rescale, "Make up for what was dropped"),
    int8_mask: shared(false, "Accepted for mergekit's sake; it changes no result"),
  };
}
