# Runs tiny language models with transformers in float32 and keeps what they say. Run: python make.py (in this folder).
# Needs: transformers, torch, safetensors (versions in manifest.json). The product needs none.
#
# Weights are a formula over the names of their tensors that any language can repeat (see golden-models.ts): no weight is
# stored. Stored are shapes, logits of a prompt, the greedy continuation, what the sampling filters keep, tokens (text.py),
# losses of a text.
import hashlib, json, os, platform
import numpy as np, torch
import text
from importlib.metadata import version
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, LogitsProcessorList, MinPLogitsWarper
from transformers import RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

here = os.path.dirname(os.path.abspath(__file__))
PROMPT, NEW = 12, 64

COMMON = dict(vocab_size=320, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
              num_key_value_heads=2, max_position_embeddings=256, hidden_act="silu", bos_token_id=None, eos_token_id=None)
CONFIGS = {
    "llama": dict(COMMON, model_type="llama", architectures=["LlamaForCausalLM"], rms_norm_eps=1e-5, rope_theta=10000.0,
                  rope_scaling=dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                                    original_max_position_embeddings=64)),
    "llama-bias": dict(COMMON, model_type="llama", architectures=["LlamaForCausalLM"], attention_bias=True, mlp_bias=True,
                       num_key_value_heads=4, rope_theta=500.0, rope_scaling=dict(type="linear", factor=2.0)),
    "mistral": dict(COMMON, model_type="mistral", architectures=["MistralForCausalLM"], head_dim=24, sliding_window=None,
                    rope_theta=1e6, num_key_value_heads=1),
    "qwen2": dict(COMMON, model_type="qwen2", architectures=["Qwen2ForCausalLM"], tie_word_embeddings=True,
                  use_sliding_window=False, sliding_window=32, rope_theta=1e6),
    "qwen3": dict(COMMON, model_type="qwen3", architectures=["Qwen3ForCausalLM"], tie_word_embeddings=True, head_dim=32,
                  rope_parameters=dict(rope_type="default", rope_theta=1e6)),
}


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


def weight(model, name, shape):
    values = bell(int(np.prod(shape)), salt(f"{model}/{name}"))
    if "norm" in name:
        values = 1 + 0.3 * values
    elif len(shape) == 1:
        values = 0.5 * values
    elif "embed" not in name:
        values = 2.5 * values / np.sqrt(shape[1])
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def load(name):
    config = dict(CONFIGS[name])
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config), dtype=torch.float32, attn_implementation="eager")
    shapes = {key: list(value.shape) for key, value in model.state_dict().items()}
    if config.get("tie_word_embeddings"):
        del shapes["lm_head.weight"]
    missing = model.load_state_dict({key: weight(name, key, shape) for key, shape in shapes.items()}, strict=False)
    assert not missing.unexpected_keys and set(missing.missing_keys) <= {"lm_head.weight"}, missing
    model.tie_weights()
    return model.eval(), shapes


def models():
    for name in CONFIGS:
        model, shapes = load(name)
        for start in range(100):  # the first prompt whose choices do not hang on rounding
            prompt = torch.tensor([[(start + 53 * i * i) % 320 for i in range(PROMPT)]])
            with torch.no_grad():
                everything = torch.ones_like(prompt)  # without it, words that equal the pad token are masked
                words = model.generate(prompt, attention_mask=everything, do_sample=False, max_new_tokens=NEW, pad_token_id=0)[0]
                logits = model(words[None]).logits[0]
            two = logits[PROMPT - 1 : -1].topk(2).values
            margin = float((two[:, 0] - two[:, 1]).min())
            assert torch.equal(logits[PROMPT - 1 : -1].argmax(-1), words[PROMPT:])
            if margin > 5e-3:
                break
        assert words.shape[0] == PROMPT + NEW and margin > 5e-3
        print(f"{name}: spread of logits {logits.std():.2f}, least margin of greedy choices {margin:.4f}, {len(set(words.tolist()))} words")
        metadata = dict(config=json.dumps(CONFIGS[name]), shapes=json.dumps(shapes))
        kept = dict(logits=logits[:PROMPT].contiguous(), words=words.to(torch.int32))
        save_file(kept, f"{here}/{name}.safetensors", metadata)
        os.chmod(f"{here}/{name}.safetensors", 0o644)


SAMPLING = [
    dict(temperature=1.0, topK=0, topP=1.0, minP=0.0, repetition=1.0),
    dict(temperature=0.7, topK=40, topP=1.0, minP=0.0, repetition=1.0),
    dict(temperature=1.3, topK=0, topP=0.9, minP=0.0, repetition=1.0),
    dict(temperature=1.0, topK=0, topP=1.0, minP=0.08, repetition=1.0),
    dict(temperature=0.9, topK=50, topP=0.8, minP=0.02, repetition=1.2),
    dict(temperature=1.0, topK=5, topP=1.0, minP=0.0, repetition=1.0),
    dict(temperature=0.5, topK=0, topP=0.01, minP=0.0, repetition=1.5),
]


def sampling():
    """What transformers' processors leave of one row of logits, in the order in which generate applies them."""
    logits = torch.from_numpy((4 * bell(320, salt("logits"))).astype(np.float32))
    logits[[3, 77, 200]] = logits.topk(5).values[-1]  # words that are exactly as likely as the fifth
    text = [int(i) for i in logits.topk(9).indices[::2]] + [5, 5, 6]
    cases = []
    for s in SAMPLING:
        chain = LogitsProcessorList()
        if s["repetition"] != 1:
            chain.append(RepetitionPenaltyLogitsProcessor(s["repetition"]))
        chain.append(TemperatureLogitsWarper(s["temperature"]))
        if s["topK"]:
            chain.append(TopKLogitsWarper(s["topK"]))
        if s["topP"] < 1:
            chain.append(TopPLogitsWarper(s["topP"]))
        if s["minP"]:
            chain.append(MinPLogitsWarper(s["minP"]))
        scores = chain(torch.tensor([text]), logits[None].clone())[0]
        kept = torch.nonzero(torch.isfinite(scores))[:, 0]
        shares = torch.softmax(scores.double(), -1)[kept]
        print(f"sampling {s}: {len(kept)} words")
        cases.append(dict(settings=s, words=kept.tolist(), shares=[round(v, 9) for v in shares.tolist()] if len(kept) < 100 else None))
    with open(f"{here}/sampling.json", "w") as out:
        out.write(json.dumps(dict(logits=[float(v) for v in logits], text=text, cases=cases)) + "\n")


def perplexities():
    """Windows that overlap by half, as transformers' guide does it: each word is judged once, with half a window before it."""
    said = {}
    whole = "\n".join(line for line in text.TEXT if line.strip())
    for name in ["qwen2", "llama", "mistral"]:
        model, _ = load(name)
        words = torch.tensor([text.words_of(here, name, whole)])
        total, count, seen = 0.0, 0, 0
        for begin in range(0, words.shape[1], 32):
            end = min(begin + 64, words.shape[1])
            with torch.no_grad():
                logits = model(words[:, begin:end]).logits[0]
            new = min(end - seen, end - begin - 1)  # the first word of the text has nothing before it
            losses = torch.nn.functional.cross_entropy(logits[:-1].double(), words[0, begin + 1 : end], reduction="none")
            total, count, seen = total + float(losses[-new:].sum()), count + new, end
            if end == words.shape[1]:
                break
        said[name] = dict(words=words.shape[1], judged=count, loss=total / count)
        print(f"{name}: {said[name]}")
    with open(f"{here}/perplexity.json", "w") as out:
        out.write(json.dumps(dict(text=whole, window=64, stride=32, models=said), ensure_ascii=False) + "\n")


def manifest():
    packages = ["torch", "transformers", "tokenizers", "safetensors", "numpy"]
    files = sorted(os.path.relpath(f"{at}/{f}", here) for at, _, names in os.walk(here) for f in names)
    files = [f for f in files if f != "manifest.json" and not f.endswith(".py")]
    body = dict(
        made_by="make.py",
        licence="MIT, made for this project: weights are a formula, no model or text of others is in it",
        versions=dict(python=platform.python_version(), **{p: version(p) for p in packages}),
        sha256={f: hashlib.sha256(open(f"{here}/{f}", "rb").read()).hexdigest() for f in files},
    )
    with open(f"{here}/manifest.json", "w") as out:
        out.write(json.dumps(body, indent=2) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    models()
    sampling()
    text.goldens(here)
    perplexities()
    manifest()
