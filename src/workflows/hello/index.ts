// Manifest of the tutorial workflow: the only file that the app and the command line import.
import { defineWorkflow } from "../define";
import { params } from "./protocol";

export default defineWorkflow({
  id: "hello",
  title: "Hello, tensor",
  summary:
    "A file becomes a tensor, a kernel counts its values on your GPU, and the counts become a picture.",
  paper: {
    title: "No paper: the tutorial and the template of every other workflow",
    authors: "",
    link: "",
    claim: "The GPU counts what the CPU counts.",
  },
  params,
  panel: () => import("./panel/Panel"),
  commands: () => import("./engine/commands"),
});
