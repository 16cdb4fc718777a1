// Manifest of the merge workflow: fine-tuned siblings of one model become one model, folder by folder, on this machine.
import { defineWorkflow } from "../define";
import { params } from "./protocol";

export default defineWorkflow({
  id: "branch-merge",
  title: "Branch and merge",
  summary:
    "Pick two or three model folders and a mergekit recipe: every method of mergekit, streamed tensor by tensor into a new folder. Nothing is uploaded, no model is held in memory.",
  paper: {
    title: "TinyR1-32B-Preview: Boosting Accuracy with Branch-Merge Distillation",
    authors: "Sun et al., 2025",
    link: "https://arxiv.org/abs/2503.04872",
    claim:
      "Experts trained apart on mathematics, code and science and merged into one model keep most of what each learned, at half a percent of the cost of training on the mixture.",
  },
  params,
  panel: () => import("./panel/Panel"),
  commands: () => import("./engine/commands"),
});
