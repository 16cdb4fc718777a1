// The methods by their names in a recipe.
import { TesseraError } from "../../../../base/errors";
import { arceeFusion } from "./arcee-fusion";
import { linear, passthrough } from "./linear";
import type { MergeMethod } from "./method";
import { modelStock } from "./model-stock";
import { nearswap } from "./nearswap";
import { ram, ramPlus } from "./ram";
import { sce } from "./sce";
import { nuslerp, slerp } from "./slerp";
import { karcher, multislerp } from "./sphere-means";
import { taskArithmeticMethods } from "./task-arithmetic";

export const METHODS: readonly MergeMethod[] = [
  linear,
  passthrough,
  slerp,
  nuslerp,
  multislerp,
  karcher,
  ...taskArithmeticMethods,
  modelStock,
  nearswap,
  sce,
  ram,
  ramPlus,
  arceeFusion,
];

/** @throws TesseraError `recipe` naming what there is. */
export function findMethod(id: string): MergeMethod {
  const method = METHODS.find((one) => one.id === id);
  if (method) return method;
  const known = METHODS.map((one) => one.id).join(", ");
  throw new TesseraError("recipe", `There is no merge method “${id}”; known are ${known}`);
}
