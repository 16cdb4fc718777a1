# Merges tiny models with mergekit and keeps a sample of every output. Run: python make.py (in this folder).
# Needs: mergekit, torch, transformers, tokenizers, safetensors (versions in manifest.json). The product needs none.
#
# The models are a formula over the names of their tensors that any language can repeat: no input is stored. Of an
# output, every 7th element of each tensor is. Recipes are files in recipes/: both sides read the same text.
import hashlib, json, os, platform, shutil, sys, tempfile
import numpy as np, torch, yaml
from importlib.metadata import version
from safetensors.torch import load_file, save_file
from mergekit.config import MergeConfiguration
from mergekit.merge import run_merge
from mergekit.options import MergeOptions
from mergekit.scripts.multimerge import load_config, make_tasks
from mergekit.graph import Executor

here = os.path.dirname(os.path.abspath(__file__))
STRIDE = 7


def salt(text):
    h = 0x811C9DC5
    for byte in text.encode():
        h = ((h ^ byte) * 0x01000193) & 0xFFFFFFFF
    return h


def bell(count, seed):
    """Sums of four uniform numbers less their mean: bell-shaped, exact in float64, the same in every language."""
    total = np.zeros(count)
    with np.errstate(over="ignore"):
        for k in range(4):
            x = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32((seed + k * 0x3C6EF372) & 0xFFFFFFFF)
            x ^= x >> np.uint32(15)
            x *= np.uint32(0x85EBCA6B)
            x ^= x >> np.uint32(13)
            x *= np.uint32(0xC2B2AE35)
            x ^= x >> np.uint32(16)
            total += x / 2.0**32
    return total - 2


def weights(shapes, family, model, spread):
    out = {}
    for name, shape in shapes.items():
        n = int(np.prod(shape))
        norm = "norm" in name
        base = ((1 if norm else 0) + bell(n, salt(f"{family}/{name}")) * 0.05).astype(np.float32)
        if model != "base":
            step = bell(n, salt(f"{family}/{model}/{name}")) * spread
            step[np.abs(step) < spread * 0.2] = 0  # some entries do not move, as in a real fine-tune
            base = (base.astype(np.float64) + step).astype(np.float32)
        out[name] = base.reshape(shape)
    return {name: torch.from_numpy(x) for name, x in out.items()}


def shapes_of(config, bias, head):
    d, m, v = config["hidden_size"], config["intermediate_size"], config["vocab_size"]
    kv = d // config["num_attention_heads"] * config["num_key_value_heads"]
    shapes = {"model.embed_tokens.weight": (v, d)}
    for i in range(config["num_hidden_layers"]):
        p = f"model.layers.{i}."
        for part, rows in (("q", d), ("k", kv), ("v", kv)):
            shapes[p + f"self_attn.{part}_proj.weight"] = (rows, d)
            if bias:
                shapes[p + f"self_attn.{part}_proj.bias"] = (rows,)
        shapes[p + "self_attn.o_proj.weight"] = (d, d)
        shapes[p + "mlp.gate_proj.weight"] = (m, d)
        shapes[p + "mlp.up_proj.weight"] = (m, d)
        shapes[p + "mlp.down_proj.weight"] = (d, m)
        shapes[p + "input_layernorm.weight"] = (d,)
        shapes[p + "post_attention_layernorm.weight"] = (d,)
    shapes["model.norm.weight"] = (d,)
    if head:
        shapes["lm_head.weight"] = (v, d)
    return shapes


LLAMA = dict(architectures=["LlamaForCausalLM"], model_type="llama", vocab_size=64, hidden_size=32,
             intermediate_size=48, num_attention_heads=16, num_key_value_heads=16, num_hidden_layers=2,
             tie_word_embeddings=False, torch_dtype="float32")
QWEN = dict(architectures=["Qwen2ForCausalLM"], model_type="qwen2", vocab_size=40, hidden_size=32,
            intermediate_size=40, num_attention_heads=4, num_key_value_heads=2, num_hidden_layers=3,
            tie_word_embeddings=True, torch_dtype="float32")
# family, model, config, spread of the differences, tokens (None: no tokenizer)
MODELS = {
    "base": ("llama", "base", LLAMA, 0.02), "math": ("llama", "math", LLAMA, 0.02),
    "code": ("llama", "code", LLAMA, 0.02), "science": ("llama", "science", LLAMA, 0.02),
    "near": ("llama", "near", LLAMA, 0.0002),
    "qbase": ("qwen", "base", QWEN, 0.02), "qmath": ("qwen", "math", QWEN, 0.02),
    "qcode": ("qwen", "code", QWEN, 0.02),
    "tbase": ("tok", "base", LLAMA | {"vocab_size": 64}, 0.02), "tmath": ("tok", "math", LLAMA | {"vocab_size": 72}, 0.02),
    "tcode": ("tok", "code", LLAMA | {"vocab_size": 61}, 0.02),
}
# Token lists by id. tmath has tokens of its own and 8 rows of padding, tcode lacks some of the base's.
WORDS = [chr(97 + i) for i in range(26)] + [chr(65 + i) for i in range(26)]
TOKENS = {
    "tbase": WORDS + ["<s>", "</s>"] + [str(i) for i in range(10)],
    "tmath": WORDS[:20] + ["<s>", "</s>"] + WORDS[20:] + [str(i) for i in range(10)],
    "tcode": WORDS[:40] + ["<s>", "</s>", "<fim>"] + [f"w{i}" for i in range(18)],
}


def write_tokenizer(folder, tokens):
    vocab = {t: i for i, t in enumerate(tokens)}
    added = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
              "special": True} for i, t in enumerate(tokens) if t.startswith("<")]
    record = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
              "pre_tokenizer": None, "post_processor": None, "decoder": None,
              "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                        "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                        "vocab": vocab, "merges": []}}
    json.dump(record, open(os.path.join(folder, "tokenizer.json"), "w"))
    json.dump({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>",
               "model_max_length": 128}, open(os.path.join(folder, "tokenizer_config.json"), "w"))


def write_models(root):
    for name, (family, model, config, spread) in MODELS.items():
        folder = os.path.join(root, name)
        os.makedirs(folder)
        bias = family == "qwen"
        save_file(weights(shapes_of(config, bias, not bias), family, model, spread),
                  os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
        json.dump(config, open(os.path.join(folder, "config.json"), "w"))
        if name in TOKENS:
            write_tokenizer(folder, TOKENS[name])


def read_output(folder):
    out = {}
    for file in sorted(os.listdir(folder)):
        if file.endswith(".safetensors"):
            out.update(load_file(os.path.join(folder, file)))
    return out


root = tempfile.mkdtemp()
write_models(root)
os.chdir(root)
options = MergeOptions(quiet=True, write_model_card=False, copy_tokenizer=False, random_seed=1)
outputs = os.path.join(here, "outputs")
shutil.rmtree(outputs, ignore_errors=True)
os.makedirs(outputs)
only = sys.argv[1:]
for file in sorted(os.listdir(os.path.join(here, "recipes"))):
    case = file.removesuffix(".yaml")
    if only and case not in only:
        continue
    text = open(os.path.join(here, "recipes", file)).read()
    target = os.path.join(root, "out-" + case)
    if len(list(yaml.safe_load_all(text))) > 1:
        configs, needs = load_config(text, os.path.join(root, "mid"))
        Executor(make_tasks(configs, needs, options, os.path.join(root, "mid"), target, False), "cpu", "cpu").execute()
    else:
        run_merge(MergeConfiguration.model_validate(yaml.safe_load(text)), target, options)
    merged = read_output(target)
    extra = {}
    tokens = None
    if os.path.exists(os.path.join(target, "tokenizer.json")) and "tokenizer" in text:
        # mergekit numbers new tokens in the order of a hash map: rows are kept in the order of their tokens.
        import transformers
        tokens = transformers.AutoTokenizer.from_pretrained(target).get_vocab()
        order = sorted(tokens)
        for name in ("model.embed_tokens.weight", "lm_head.weight"):
            merged[name] = torch.cat([merged[name][[tokens[t] for t in order]], merged[name][len(order):]])
        extra["tokens"] = json.dumps(order)
    shapes = {name: list(x.shape) for name, x in merged.items()}
    config = json.load(open(os.path.join(target, "config.json")))
    extra |= {"shapes": json.dumps(shapes), "layers": str(config["num_hidden_layers"]), "vocabulary": str(config["vocab_size"])}
    first = next(iter(merged.values()))
    view = lambda x: x.reshape(-1)[::STRIDE].clone()
    save_file({name: view(x) for name, x in merged.items()}, os.path.join(outputs, case + ".safetensors"), metadata=extra)
    print(case, len(merged), first.dtype)
manifest = {
    "made_by": "make.py", "licence": "MIT, made for this project; mergekit (LGPL-3.0) was run, none of it is here",
    "stride": STRIDE,
    "versions": {"python": platform.python_version()} | {p: version(p) for p in ("mergekit", "torch", "transformers", "tokenizers", "safetensors", "numpy")},
    "sha256": {f: hashlib.sha256(open(os.path.join(outputs, f), "rb").read()).hexdigest() for f in sorted(os.listdir(outputs))},
}
if not only:
    json.dump(manifest, open(os.path.join(here, "manifest.json"), "w"), indent=2)
