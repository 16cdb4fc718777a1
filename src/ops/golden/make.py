"""Golden values of layer norm, RMS norm and cross-entropy with their gradients, computed by PyTorch in float64.

Inputs are rounded to float32 first, results are stored rounded to float32. The loss of a norm is the sum of its result
times fixed weights; that of cross-entropy is the mean over all rows, one of which is ignored and counts as 0.
Run: python make.py  (writes norms.json and manifest.json).
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
functional = torch.nn.functional


def values(*shape, scale=1.0, shift=0.0):
    return (torch.randn(*shape) * scale + shift).float().double().requires_grad_()


def flat(tensor):
    data = [float(numpy.float32(v)) for v in tensor.detach().flatten()]
    return {"shape": list(tensor.shape), "data": data}


def case(terms, out, inputs, **more):
    loss = terms.sum()
    loss.backward()
    gradients = {name: flat(tensor.grad) for name, tensor in inputs.items()}
    given = {name: flat(tensor) for name, tensor in inputs.items()}
    return {"inputs": given, "out": flat(out), "gradients": gradients} | {
        "loss": loss.item(),
        "loss_scale": terms.abs().sum().item(),  # what the rounding of a sum that cancels is relative to
        **more,
    }


golden = {}

x, gamma, beta = values(3, 5, 7, shift=3.0), values(7), values(7)
weights, eps = values(3, 5, 7), 1e-3
y = functional.layer_norm(x, (7,), gamma, beta, eps)
golden["layerNorm"] = case(
    y * weights, y, {"x": x, "gamma": gamma, "beta": beta}, weights=flat(weights), eps=eps
)

x, gamma = values(4, 9, shift=0.5), values(9)
weights, eps = values(4, 9), 1e-2
y = functional.rms_norm(x, (9,), gamma, eps)
golden["rmsNorm"] = case(y * weights, y, {"x": x, "gamma": gamma}, weights=flat(weights), eps=eps)

logits = values(6, 11, scale=3.0)
targets = torch.tensor([3, 0, -100, 10, 7, 7])
rows = functional.cross_entropy(logits, targets, reduction="none", ignore_index=-100)
golden["crossEntropy"] = case(
    rows / len(rows), rows, {"logits": logits}, targets=[2**32 - 1 if t < 0 else t for t in targets.tolist()]
)

text = json.dumps(golden)
(folder / "norms.json").write_text(text)
manifest = {
    "made_by": "make.py",
    "torch": torch.__version__.split("+")[0],
    "numpy": numpy.__version__,
    "seed": SEED,
    "sha256": {"norms.json": hashlib.sha256(text.encode()).hexdigest()},
}
(folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
