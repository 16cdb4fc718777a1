// Manifest of the graph U-net workflow. So far it has the truth only: the finite-element solver and its data sets.
import { defineWorkflow } from "../define";
import { params } from "./protocol";

export default defineWorkflow({
  id: "graph-unet",
  title: "Mesh simulator",
  summary:
    "A finite-element solver of our own presses discs into soft plates and makes seeded data sets for networks that learn on meshes, every frame checked.",
  paper: {
    title: "Scalable Graph Neural Network Simulator by DFS Pooling and Transfer (SGUNET)",
    authors: "Shen et al., 2025",
    link: "https://arxiv.org/abs/2502.06848",
    claim:
      "A graph U-net pre-trained on many small contact simulations and fine-tuned on a sixteenth of the target data predicts positions better than one trained from scratch.",
  },
  params,
  commands: () => import("./engine/commands"),
});
