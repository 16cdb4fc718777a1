// Which tensors of a model folder the forward pass reads and under which matrices it keeps them. Reads no tensor.
import type { Model } from "../model/open";
import type { LanguageConfig } from "./config";
import { fault } from "./faults";

/** A matrix [rows, columns] of the forward pass: tensors of the file one below the other, and their biases. */
export interface MatrixPlan {
  name: string;
  columns: number;
  rows: number;
  parts: readonly { tensor: string; rows: number }[];
  /** One bias for each part; empty where the layer has none. */
  biases: readonly string[];
}

export interface LayerPlan {
  /** Queries, keys and values of all heads: one product gives packed rows. */
  qkv: MatrixPlan;
  out: MatrixPlan;
  /** Gate and what it is multiplied with. */
  gateUp: MatrixPlan;
  down: MatrixPlan;
  norms: { attention: string; mlp: string; q?: string; k?: string };
}

export interface ModelPlan {
  embedding: MatrixPlan;
  layers: readonly LayerPlan[];
  norm: string;
  /** Undefined where it is the embedding. */
  head?: MatrixPlan;
}

/** @throws TesseraError `model` for a tensor that is missing or has another shape than config.json says. */
export function planModel(model: Model, config: LanguageConfig): ModelPlan {
  const { width, hidden, heads, kvHeads, headWidth, vocabulary, bias } = config;
  const planned = new Set<string>();
  const expect = (tensor: string, shape: readonly number[]): string => {
    const found = model.tensors.get(tensor);
    const wanted = `[${shape.join(", ")}]`;
    if (!found) throw fault("model", `The tensor ${tensor} ${wanted} is missing`, model.name);
    if (`[${found.shape.join(", ")}]` !== wanted)
      throw fault(
        "model",
        `${tensor} is [${found.shape.join(", ")}], by config.json it should be ${wanted}`,
        model.name,
      );
    if (!["F32", "F16", "BF16"].includes(found.dtype))
      throw fault("model-unsupported", `${tensor} is ${found.dtype}; f32, f16 and bf16 are read`, model.name);
    planned.add(tensor);
    return tensor;
  };
  const matrix = (
    name: string,
    columns: number,
    parts: readonly (readonly [string, number])[],
    biased = false,
  ): MatrixPlan => ({
    name,
    columns,
    rows: parts.reduce((sum, [, rows]) => sum + rows, 0),
    parts: parts.map(([part, rows]) => ({ tensor: expect(`${part}.weight`, [rows, columns]), rows })),
    biases: biased ? parts.map(([part, rows]) => expect(`${part}.bias`, [rows])) : [],
  });
  const layers = Array.from({ length: config.layers }, (_, i): LayerPlan => {
    const at = `model.layers.${i}`;
    const [q, kv] = [heads * headWidth, kvHeads * headWidth];
    const gain = (name: string, size: number): string => expect(`${at}.${name}.weight`, [size]);
    return {
      qkv: matrix(
        `${at}.qkv`,
        width,
        [
          [`${at}.self_attn.q_proj`, q],
          [`${at}.self_attn.k_proj`, kv],
          [`${at}.self_attn.v_proj`, kv],
        ],
        bias.qkv,
      ),
      out: matrix(`${at}.out`, q, [[`${at}.self_attn.o_proj`, width]], bias.out),
      gateUp: matrix(
        `${at}.gate_up`,
        width,
        [
          [`${at}.mlp.gate_proj`, hidden],
          [`${at}.mlp.up_proj`, hidden],
        ],
        bias.mlp,
      ),
      down: matrix(`${at}.down`, hidden, [[`${at}.mlp.down_proj`, width]], bias.mlp),
      norms: {
        attention: gain("input_layernorm", width),
        mlp: gain("post_attention_layernorm", width),
        ...(config.qkNorm && {
          q: gain("self_attn.q_norm", headWidth),
          k: gain("self_attn.k_norm", headWidth),
        }),
      },
    };
  });
  const plan: ModelPlan = {
    embedding: matrix("embedding", width, [["model.embed_tokens", vocabulary]]),
    layers,
    norm: expect("model.norm.weight", [width]),
    head: config.isTied ? undefined : matrix("head", width, [["lm_head", vocabulary]]),
  };
  refuseOthers(model, planned, config);
  return plan;
}

/** Tensors that the forward pass would leave out change what the model says; these few do not. */
function refuseOthers(model: Model, planned: ReadonlySet<string>, { isTied }: LanguageConfig): void {
  const isHarmless = (name: string): boolean =>
    name.endsWith(".rotary_emb.inv_freq") || (isTied && name === "lm_head.weight");
  const others = [...model.tensors.keys()].filter((name) => !planned.has(name) && !isHarmless(name));
  if (others.length)
    throw fault(
      "model-unsupported",
      `${others[0]} has no place in this architecture (${others.length} such tensors)`,
      model.name,
    );
}
