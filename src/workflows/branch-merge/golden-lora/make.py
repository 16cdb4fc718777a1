# Merges a LoRA adapter into a tiny model with PEFT. Run: python make.py (in this folder). Needs: torch, transformers, peft,
# safetensors (versions in manifest.json). The product needs none of them.
import hashlib, json, os, platform, shutil
from importlib.metadata import version
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

here = os.path.dirname(os.path.abspath(__file__))
torch.manual_seed(20261125)
config = LlamaConfig(vocab_size=24, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
                     num_key_value_heads=1, tie_word_embeddings=False)
files = []
for dtype in ("float32", "bfloat16"):
    for stabilised in (False, True):
        name = f"{dtype}{'-rslora' if stabilised else ''}"
        folder = os.path.join(here, name)
        shutil.rmtree(folder, ignore_errors=True)
        model = LlamaForCausalLM(config)
        with torch.no_grad():
            for p in model.parameters():
                p.copy_(torch.randn_like(p) * 0.1)
        model = model.to(getattr(torch, dtype))
        targets = ["q_proj", "v_proj", "down_proj"] + (["embed_tokens"] if not stabilised else [])
        base = {k: v.clone() for k, v in model.state_dict().items()}
        peft = get_peft_model(model, LoraConfig(r=3, lora_alpha=6, target_modules=targets, use_rslora=stabilised))
        with torch.no_grad():
            for key, p in peft.named_parameters():
                if "lora_" in key:
                    p.copy_(torch.randn_like(p) * 0.2)
        peft.save_pretrained(os.path.join(folder, "adapter"))
        for extra in ("README.md",):
            os.remove(os.path.join(folder, "adapter", extra))
        keep = [k for k in base if any(t in k for t in targets)] + ["model.norm.weight"]
        os.makedirs(os.path.join(folder, "base"))
        save_file({k: base[k] for k in keep}, os.path.join(folder, "base", "model.safetensors"))
        merged = peft.merge_and_unload().state_dict()
        save_file({k: merged[k].contiguous() for k in keep}, os.path.join(folder, "merged.safetensors"))
for folder, _, names in os.walk(here):
    for n in names:
        if n.endswith((".safetensors", ".json")) and n != "manifest.json":
            files.append(os.path.relpath(os.path.join(folder, n), here))
with open(os.path.join(here, "manifest.json"), "w") as f:
    json.dump({
        "made_by": "make.py",
        "licence": "MIT, made for this project; PEFT (Apache-2.0) was run, none of it is here",
        "versions": {"python": platform.python_version(), **{p: version(p) for p in ("torch", "transformers", "peft", "safetensors")}},
        "sha256": {n: hashlib.sha256(open(os.path.join(here, n), "rb").read()).hexdigest() for n in sorted(files)},
    }, f, indent=1)
