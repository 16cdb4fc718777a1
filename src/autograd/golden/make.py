"""Golden values of one training step, computed by PyTorch in float64 and stored rounded to float32.

A table of token vectors is gathered (with repeats), goes through two products with bias and exact GELU, a residual, a
softmax, and the sum of squared differences to a target. Run: python make.py  (writes mlp.json and manifest.json).
"""
import hashlib
import json
import pathlib

import numpy
import torch

SEED = 20260101
torch.manual_seed(SEED)
torch.set_default_dtype(torch.float64)
folder = pathlib.Path(__file__).parent


def values(*shape, scale=1.0):
    return (torch.randn(*shape) * scale).float().double().requires_grad_()


index = torch.randint(0, 7, (9,))
table, w1, b1 = values(7, 5), values(5, 11, scale=0.5), values(11, scale=0.1)
w2, b2 = values(11, 5, scale=0.5), values(5, scale=0.1)
target = torch.rand(9, 5).float().double()
x = table[index]
hidden = torch.nn.functional.gelu(x @ w1 + b1)
out = torch.softmax(hidden @ w2 + b2 + x, dim=-1)
loss = ((out - target) ** 2).sum()
loss.backward()

inputs = {"table": table, "w1": w1, "b1": b1, "w2": w2, "b2": b2}
flat = lambda t: {"shape": list(t.shape), "data": [float(numpy.float32(v)) for v in t.detach().flatten()]}
golden = {
    "index": index.tolist(),
    "target": flat(target),
    "inputs": {k: flat(v) for k, v in inputs.items()},
    "loss": loss.item(),
    "gradients": {k: flat(v.grad) for k, v in inputs.items()},
}
text = json.dumps(golden)
(folder / "mlp.json").write_text(text)
manifest = {
    "made_by": "make.py",
    "torch": torch.__version__.split("+")[0],
    "numpy": numpy.__version__,
    "seed": SEED,
    "sha256": {"mlp.json": hashlib.sha256(text.encode()).hexdigest()},
}
(folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
