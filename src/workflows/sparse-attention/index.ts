// Manifest of the attention laboratory: which blocks of a real attention layer matter, and what skipping the rest costs.
import { defineWorkflow } from "../define";
import { pageParams } from "./protocol-video-page";

export default defineWorkflow({
  id: "sparse-attention",
  title: "Attention laboratory",
  summary:
    "Drop the q, k and v of an attention layer: see which blocks carry the mass, what skipping the others costs, and what it gains on your GPU. Or train a small video transformer here and sample it dense and sparse.",
  paper: {
    title: "Training-free and Adaptive Sparse Attention for Efficient Long Video Generation",
    authors: "Xia et al., 2025",
    link: "https://arxiv.org/abs/2502.21079",
    claim:
      "Block-sparse attention with masks searched online skips 80 % of the score blocks of video diffusion transformers at almost the same output.",
  },
  params: pageParams,
  panel: () => import("./panel/Panel"),
  commands: () => import("./engine/commands"),
});
