"""Golden velocity, loss and gradients of a small video transformer, written out in PyTorch in float64.

2 clips of 2 frames of 8 x 8 pixels (8 video tokens), width 16, 2 heads, 2 blocks. Weights and inputs come from formulas that
the test repeats (wave below), rounded to float32. The gradients are kept as their norm and their product with cos(i).
Run: python make.py  (writes video.json).
"""
import json
import pathlib

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
FRAMES, ROWS, COLUMNS, PATCH, DIM, HEADS, LAYERS, TEXT, WORDS, BATCH = 2, 2, 2, 48, 16, 2, 2, 64, 34, 2
HEAD = DIM // HEADS
VIDEO = FRAMES * ROWS * COLUMNS
SPLIT = (2, 1, 1)
BASE = 256.0


def wave(count, phase, scale, shift=0.0):
    i = torch.arange(count)
    return (shift + scale * torch.sin(0.7 * i + phase)).float().double()


weights = {}


def add(name, *shape, scale=0.3, shift=0.0):
    count = 1
    for n in shape:
        count *= n
    weights[name] = wave(count, len(weights), scale, shift).reshape(shape).requires_grad_()


def add_linear(name, inner, outer):
    add(f"{name}.weight", outer, inner)
    add(f"{name}.bias", outer)


add_linear("patch", PATCH, DIM)
add("caption.word.weight", WORDS, DIM)
add("caption.place.weight", TEXT, DIM)
add_linear("time.in", 256, DIM)
add_linear("time.out", DIM, DIM)
for layer in range(LAYERS):
    name = f"blocks.{layer}"
    add_linear(f"{name}.modulation", DIM, 6 * DIM)
    add_linear(f"{name}.attn.qkv", DIM, 3 * DIM)
    add(f"{name}.attn.q_norm.weight", HEAD, scale=0.2, shift=1.0)
    add(f"{name}.attn.k_norm.weight", HEAD, scale=0.2, shift=1.0)
    add_linear(f"{name}.attn.proj", DIM, DIM)
    add_linear(f"{name}.mlp.in", DIM, 4 * DIM)
    add_linear(f"{name}.mlp.out", 4 * DIM, DIM)
add_linear("final.modulation", DIM, 2 * DIM)
add_linear("final", DIM, PATCH)

clips = wave(BATCH * VIDEO * PATCH, 0.5, 0.9).reshape(BATCH, VIDEO, PATCH)
noise = wave(BATCH * VIDEO * PATCH, 2.5, 1.3).reshape(BATCH, VIDEO, PATCH)
t = torch.tensor([0.25, 0.8125])
captions = (torch.arange(BATCH * TEXT) * 7 % WORDS).reshape(BATCH, TEXT)
captions[:, 10:] = 0

places = [(f, y, x) for f in range(FRAMES) for y in range(ROWS) for x in range(COLUMNS)]
positions = torch.tensor(places + [(0, 0, 0)] * TEXT, dtype=torch.float64)


def linear(name, x):
    return F.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


def rotate(x):
    angles = []
    for axis, pairs in enumerate(SPLIT):
        for i in range(pairs):
            angles.append(positions[:, axis] * BASE ** (-i / pairs))
    angle = torch.stack(angles, -1)
    u, v = x[..., 0::2], x[..., 1::2]
    turned = torch.stack((u * angle.cos() - v * angle.sin(), u * angle.sin() + v * angle.cos()), -1)
    return turned.flatten(-2)


def rms(x, gain):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-6) * gain


def modulate(x, shift, scale):
    return F.layer_norm(x, (DIM,), eps=1e-5) * (1 + scale) + shift


def heads(x):
    return x.reshape(BATCH, -1, HEADS, HEAD).transpose(1, 2)


def velocity(tokens):
    frequencies = 1000.0 * 10000.0 ** (-2 * torch.arange(128) / 256)
    angles = t[:, None] * frequencies.float().double()
    features = torch.cat((angles.cos(), angles.sin()), -1)
    c = F.silu(linear("time.out", F.silu(linear("time.in", features))))
    text = weights["caption.word.weight"][captions] + weights["caption.place.weight"]
    x = torch.cat((linear("patch", tokens), text), 1)
    for layer in range(LAYERS):
        name = f"blocks.{layer}"
        m = linear(f"{name}.modulation", c)[:, None].chunk(6, -1)
        q, k, v = linear(f"{name}.attn.qkv", modulate(x, m[0], m[1])).chunk(3, -1)
        q = rotate(rms(heads(q), weights[f"{name}.attn.q_norm.weight"]))
        k = rotate(rms(heads(k), weights[f"{name}.attn.k_norm.weight"]))
        o = F.scaled_dot_product_attention(q, k, heads(v)).transpose(1, 2).flatten(-2)
        x = x + m[2] * linear(f"{name}.attn.proj", o)
        hidden = F.gelu(linear(f"{name}.mlp.in", modulate(x, m[3], m[4])), approximate="tanh")
        x = x + m[5] * linear(f"{name}.mlp.out", hidden)
    m = linear("final.modulation", c)[:, None].chunk(2, -1)
    return linear("final", modulate(x[:, :VIDEO], m[0], m[1]))


noisy = noise + t[:, None, None] * (clips - noise)
v = velocity(noisy)
loss = ((v - (clips - noise)) ** 2).mean()
loss.backward()

number = lambda x: float(f"{x:.9g}")
golden = {
    "made_by": "make.py",
    "torch": torch.__version__.split("+")[0],
    "loss": loss.item(),
    "velocity": [number(x) for x in v.detach().flatten().tolist()],
    "gradients": {
        name: {
            "norm": number(w.grad.norm().item()),
            "probe": number((w.grad.flatten() * torch.cos(torch.arange(w.numel()).double())).sum().item()),
        }
        for name, w in weights.items()
    },
}
(pathlib.Path(__file__).parent / "video.json").write_text(json.dumps(golden) + "\n")
print(golden["loss"], v.abs().max().item())
