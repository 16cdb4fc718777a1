"""Golden values of training runs and of a transformer block with every option, computed by PyTorch.

Weights and data come from the counter-based generator of src/base/random.ts, written out here in NumPy, so that the files
hold results only: losses, and of each tensor its norm and a few values. Everything runs in float32 on the CPU; the largest
relative distance of a loss from the same run in float64 is noted, to show what float32 itself costs.

Muon is torch.optim.Muon with one change: its Newton-Schulz rounds run in the gradient's own precision, not in bfloat16.
Run: python make.py  (writes transformer.json, graph.json, block.json, convolution.json and manifest.json beside it).
"""
import hashlib
import json
import math
import pathlib

import numpy
import torch
import torch.nn.functional as F
import torch.optim._muon as torch_muon

folder = pathlib.Path(__file__).parent
torch.set_num_threads(1)
SEED = 20260401


def philox(counters, key):
    """Words of Philox 4x32-10 for counters [n, 4] (uint64 holding 32 bits) and a key of two words: [n, 4]."""
    c = [counters[:, i].copy() for i in range(4)]
    k0, k1 = key
    low = numpy.uint64(0xFFFFFFFF)
    shift = numpy.uint64(32)
    for _ in range(10):
        a = numpy.uint64(0xD2511F53) * c[0]
        b = numpy.uint64(0xCD9E8D57) * c[2]
        c = [(b >> shift) ^ c[1] ^ numpy.uint64(k0), b & low, (a >> shift) ^ c[3] ^ numpy.uint64(k1), a & low]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return numpy.stack(c, axis=1)


class Random:
    """The sequence of base/random.ts: uniform, normal and whole numbers, in the order they are asked for."""

    def __init__(self, seed, stream=0):
        self.key, self.place = (seed, stream), 0

    def uniform(self, count):
        first, last = self.place // 4, (self.place + count + 3) // 4
        blocks = numpy.arange(first, last, dtype=numpy.uint64)
        zero = numpy.zeros_like(blocks)
        words = philox(numpy.stack([blocks, zero, zero, zero], axis=1), self.key).reshape(-1)
        start = self.place - 4 * first
        self.place += count
        return (words[start : start + count] >> numpy.uint64(8)).astype(numpy.float64) * 2.0**-24

    def below(self, n):
        return int(self.uniform(1)[0] * n)

    def normal(self, count):
        u = self.uniform(2 * count).reshape(count, 2)
        return numpy.sqrt(-2 * numpy.log(1 - u[:, 0])) * numpy.cos(2 * numpy.pi * u[:, 1])


def linear(name, i, o, bias=True):
    bound = 1 / math.sqrt(i)
    specs = {f"{name}.weight": ([o, i], ("uniform", bound))}
    return {**specs, **({f"{name}.bias": ([o], ("uniform", bound))} if bias else {})}


def conv(name, first, last, side, out):
    """A layer as the models here hold it: [first, height, width, last], where PyTorch has the last axis second."""
    bound = 1 / math.sqrt(side * side * last)
    return {
        f"{name}.weight": ([first, side, side, last], ("uniform", bound)),
        f"{name}.bias": ([out], ("uniform", bound)),
    }


def norm(name, width):
    return {f"{name}.weight": ([width], ("constant", 1)), f"{name}.bias": ([width], ("constant", 0))}


def initial(specs, seed, dtype):
    """Values as createParameters draws them: stream n is that of the n-th name, counted from 1."""
    values = {}
    for stream, (name, (shape, (kind, number))) in enumerate(specs.items(), 1):
        random, size = Random(seed, stream), math.prod(shape)
        if kind == "uniform":
            data = (2 * random.uniform(size) - 1) * number
        elif kind == "normal":
            data = random.normal(size) * number
        else:
            data = numpy.full(size, float(number))
        data = data.astype(numpy.float32).reshape(shape)
        values[name] = torch.tensor(data, dtype=dtype).requires_grad_()
    return values


def newton_schulz(grad, coefficients, steps, eps):
    """torch.optim._muon._zeropower_via_newtonschulz in the precision of the gradient."""
    a, b, c = coefficients
    x = grad.clone()
    if grad.size(0) > grad.size(1):
        x = x.T
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if grad.size(0) > grad.size(1) else x


torch_muon._zeropower_via_newtonschulz = newton_schulz


def describe(tensors):
    """Of each tensor its norm, and six values at even distances."""
    found = {}
    for name, tensor in tensors.items():
        flat = tensor.detach().double().flatten()
        places = [int(k * (flat.numel() - 1) / 5) for k in range(6)]
        found[name] = {"norm": float(flat.norm()), "values": [float(numpy.float32(flat[i])) for i in places]}
    return found


def run(specs, seed, loss_of, steps, optimisers, dtype):
    p = initial(specs, seed, dtype)
    made = optimisers(p)
    losses = []
    for step in range(steps):
        loss = loss_of(p, step, dtype)
        for o in made:
            o.zero_grad()
        loss.backward()
        for o in made:
            o.step()
        losses.append(loss.item())
    return losses, p


def golden(specs, seed, loss_of, steps, optimisers):
    losses, p = run(specs, seed, loss_of, steps, optimisers, torch.float32)
    exact, _ = run(specs, seed, loss_of, steps, optimisers, torch.float64)
    distance = max(abs(a / b - 1) for a, b in zip(losses, exact))
    return {"losses": losses, "float64_distance": distance, "weights": describe(p)}


# The transformer: four pre-norm layers, learned positions, causal, next token.
VOCABULARY, TOKENS, BATCH, WIDTH, HEADS, LAYERS = 64, 256, 4, 128, 4, 4
TRANSFORMER = {
    "tok.weight": ([VOCABULARY, WIDTH], ("normal", 0.02)),
    "pos.weight": ([TOKENS, WIDTH], ("normal", 0.02)),
}
for layer in range(LAYERS):
    n = f"blocks.{layer}"
    TRANSFORMER |= {
        **norm(f"{n}.norm1", WIDTH),
        **linear(f"{n}.attn.qkv", WIDTH, 3 * WIDTH),
        **linear(f"{n}.attn.proj", WIDTH, WIDTH),
        **norm(f"{n}.norm2", WIDTH),
        **linear(f"{n}.mlp.in", WIDTH, 4 * WIDTH),
        **linear(f"{n}.mlp.out", 4 * WIDTH, WIDTH),
    }
TRANSFORMER |= {**norm("norm", WIDTH), **linear("head", WIDTH, VOCABULARY, bias=False)}


def sequences(step):
    """Rows that count up by a stride from a start, both drawn: [BATCH, TOKENS + 1]."""
    random, rows = Random(SEED + 1, step), []
    for _ in range(BATCH):
        start, stride = random.below(VOCABULARY), 1 + random.below(7)
        rows.append([(start + stride * i) % VOCABULARY for i in range(TOKENS + 1)])
    return torch.tensor(rows)


def transformer_loss(p, step, dtype):
    tokens = sequences(step)
    dense = lambda name, x: F.linear(x, p[f"{name}.weight"], p.get(f"{name}.bias"))
    layer_norm = lambda name, x: F.layer_norm(x, x.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"])
    x = p["tok.weight"][tokens[:, :-1]] + p["pos.weight"]
    hidden_from_future = torch.triu(torch.ones(TOKENS, TOKENS, dtype=torch.bool), 1)
    for layer in range(LAYERS):
        n = f"blocks.{layer}"
        qkv = dense(f"{n}.attn.qkv", layer_norm(f"{n}.norm1", x))
        q, k, v = qkv.reshape(BATCH, TOKENS, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        scores = (q @ k.transpose(-1, -2)) / math.sqrt(WIDTH // HEADS)
        o = torch.softmax(scores.masked_fill(hidden_from_future, -math.inf), -1) @ v
        x = x + dense(f"{n}.attn.proj", o.transpose(1, 2).reshape(BATCH, TOKENS, WIDTH))
        x = x + dense(f"{n}.mlp.out", F.gelu(dense(f"{n}.mlp.in", layer_norm(f"{n}.norm2", x))))
    logits = dense("head", layer_norm("norm", x))
    return F.cross_entropy(logits.reshape(-1, VOCABULARY), tokens[:, 1:].reshape(-1))


# An epsilon of 1e-6: the gradient of a key's bias is zero but for rounding, which 1e-8 would turn into steps.
ADAMW = dict(betas=(0.9, 0.999), eps=1e-6)


def decayed(p, names):
    plain = [n for n in names if n.endswith(".bias") or "norm" in n or n in ("tok.weight", "pos.weight")]
    rest = [n for n in names if n not in plain]
    return [{"params": [p[n] for n in rest], "weight_decay": 0.1}, {"params": [p[n] for n in plain], "weight_decay": 0}]


def adamw(rate):
    return lambda p: [torch.optim.AdamW(decayed(p, list(p)), lr=rate, **ADAMW)]


def muon(p):
    matrices = [n for n in p if n.startswith("blocks.") and p[n].ndim == 2]
    rest = [n for n in p if n not in matrices]
    return [
        torch.optim.Muon([p[n] for n in matrices], lr=0.02, weight_decay=0.1, momentum=0.95),
        torch.optim.AdamW(decayed(p, rest), lr=0.001, **ADAMW),
    ]


# The graph network: two rounds of message passing on a random graph.
NODES, EDGES, FEATURES, EDGE_FEATURES, HIDDEN, OUTPUTS = 40, 170, 6, 3, 16, 2
ROUND = 12
GRAPH = {**linear("encode", FEATURES, ROUND)}
for layer in range(2):
    n = f"rounds.{layer}"
    GRAPH |= {
        **linear(f"{n}.edge.nodes", ROUND, 2 * HIDDEN, bias=False),
        **linear(f"{n}.edge.features", EDGE_FEATURES, HIDDEN, bias=False),
        f"{n}.edge.bias": ([HIDDEN], ("constant", 0)),
        **linear(f"{n}.edge.out", HIDDEN, HIDDEN),
        **linear(f"{n}.node.in", ROUND + HIDDEN, HIDDEN),
        **linear(f"{n}.node.out", HIDDEN, ROUND),
    }
GRAPH |= linear("decode", ROUND, OUTPUTS)


def graph_data(step):
    ends = Random(SEED + 2)
    senders, receivers = zip(*[(ends.below(NODES), ends.below(NODES)) for _ in range(EDGES)])
    edge = Random(SEED + 2, 1).normal(EDGES * EDGE_FEATURES).reshape(EDGES, EDGE_FEATURES)
    random = Random(SEED + 3, step)
    x = random.normal(NODES * FEATURES).reshape(NODES, FEATURES)
    y = random.normal(NODES * OUTPUTS).reshape(NODES, OUTPUTS)
    return senders, receivers, *[torch.tensor(v.astype(numpy.float32)) for v in (edge, x, y)]


def graph_loss(p, step, dtype):
    senders, receivers, edge, x, y = graph_data(step)
    senders, receivers = torch.tensor(senders), torch.tensor(receivers)
    edge, x, y = edge.to(dtype), x.to(dtype), y.to(dtype)
    dense = lambda name, v: F.linear(v, p[f"{name}.weight"], p.get(f"{name}.bias"))
    h = dense("encode", x)
    for layer in range(2):
        n = f"rounds.{layer}"
        # The first edge layer as it is usually written: one product with concatenated features for every edge.
        send, receive = p[f"{n}.edge.nodes.weight"].chunk(2)
        weight = torch.cat([send, receive, p[f"{n}.edge.features.weight"]], 1)
        joined = torch.cat([h[senders], h[receivers], edge], 1)
        messages = dense(f"{n}.edge.out", F.silu(F.linear(joined, weight, p[f"{n}.edge.bias"])))
        total = torch.zeros(NODES, HIDDEN, dtype=dtype).index_add(0, receivers, messages)
        h = h + dense(f"{n}.node.out", F.silu(dense(f"{n}.node.in", torch.cat([h, total], 1))))
    return ((dense("decode", h) - y) ** 2).mean()


# A convolutional network: two scales, up again both ways (transposed, and resized first), mean over the picture, classes.
PICTURES, SIDE, CLASSES = 4, 12, 5
CONVOLUTION = {
    **conv("first", 8, 3, 3, 8),
    **conv("down", 10, 8, 3, 10),
    **norm("norm", 10),
    **conv("up", 10, 8, 4, 8),
    **conv("resized", 8, 10, 3, 8),
    **linear("head", 8, CLASSES),
}


def convolution_data(step):
    """A pattern for each class and noise: pictures [PICTURES, 3, SIDE, SIDE] and classes."""
    patterns = Random(SEED + 6).normal(CLASSES * SIDE * SIDE * 3).reshape(CLASSES, SIDE, SIDE, 3)
    random = Random(SEED + 7, step)
    classes = [random.below(CLASSES) for _ in range(PICTURES)]
    noise = random.normal(PICTURES * SIDE * SIDE * 3).reshape(PICTURES, SIDE, SIDE, 3)
    x = (patterns[classes] + noise).astype(numpy.float32)
    return torch.tensor(x).permute(0, 3, 1, 2), torch.tensor(classes)


def convolution_loss(p, step, dtype):
    x, classes = convolution_data(step)
    weight = lambda name: p[f"{name}.weight"].permute(0, 3, 1, 2)
    layer = lambda name, v, **how: F.conv2d(v, weight(name), p[f"{name}.bias"], **how)
    over_channels = lambda v: F.layer_norm(v.permute(0, 2, 3, 1), v.shape[1:2], p["norm.weight"], p["norm.bias"])
    fine = F.silu(layer("first", x.to(dtype), padding=1))
    coarse = F.silu(over_channels(layer("down", fine, stride=2, padding=1)).permute(0, 3, 1, 2))
    up = F.conv_transpose2d(coarse, weight("up"), p["up.bias"], stride=2, padding=1)
    resized = layer("resized", F.interpolate(coarse, scale_factor=2, mode="nearest"), padding=1)
    features = F.silu(up + resized + fine).mean((2, 3))
    return F.cross_entropy(F.linear(features, p["head.weight"], p["head.bias"]), classes)


# A block with every option: patches of a clip, adaLN, grouped heads, QK-norm, 3-D rotary positions, SwiGLU.
CLIP, PATCH, CHANNELS, BLOCK_WIDTH, BLOCK_HEADS, KV_HEADS = (2, 4, 6), (1, 2, 2), 3, 32, 4, 2
SPLIT, THETA = (2, 1, 1), 100
HEAD = BLOCK_WIDTH // BLOCK_HEADS
BLOCK = {
    "patch.weight": ([BLOCK_WIDTH, CHANNELS, *PATCH], ("normal", 0.3)),
    "patch.bias": ([BLOCK_WIDTH], ("normal", 0.3)),
    "modulation.weight": ([6 * BLOCK_WIDTH, BLOCK_WIDTH], ("normal", 0.1)),
    "modulation.bias": ([6 * BLOCK_WIDTH], ("normal", 0.1)),
    "norm.weight": ([BLOCK_WIDTH], ("normal", 1)),
    "attn.qkv.weight": ([(BLOCK_HEADS + 2 * KV_HEADS) * HEAD, BLOCK_WIDTH], ("normal", 0.2)),
    "attn.qkv.bias": ([(BLOCK_HEADS + 2 * KV_HEADS) * HEAD], ("normal", 0.1)),
    "attn.q_norm.weight": ([HEAD], ("normal", 1)),
    "attn.k_norm.weight": ([HEAD], ("normal", 1)),
    "attn.proj.weight": ([BLOCK_WIDTH, BLOCK_WIDTH], ("normal", 0.2)),
    "attn.proj.bias": ([BLOCK_WIDTH], ("normal", 0.1)),
    "mlp.in.weight": ([2 * 20, BLOCK_WIDTH], ("normal", 0.2)),
    "mlp.in.bias": ([2 * 20], ("normal", 0.1)),
    "mlp.out.weight": ([BLOCK_WIDTH, 20], ("normal", 0.2)),
    "mlp.out.bias": ([BLOCK_WIDTH], ("normal", 0.1)),
}


def block_loss(p, dtype):
    random = Random(SEED + 4)
    draw = lambda *shape: torch.tensor(random.normal(math.prod(shape)).astype(numpy.float32).reshape(shape), dtype=dtype)
    clip, condition = draw(2, CHANNELS, *CLIP), draw(2, BLOCK_WIDTH)
    dense = lambda name, v: F.linear(v, p[f"{name}.weight"], p[f"{name}.bias"])
    rms = lambda v, gain: v * torch.rsqrt((v * v).mean(-1, keepdim=True) + 1e-6) * gain
    x = F.conv3d(clip, p["patch.weight"], p["patch.bias"], stride=PATCH).flatten(2).transpose(1, 2)
    m = dense("modulation", condition).reshape(2, 6, 1, BLOCK_WIDTH)
    tokens = x.shape[1]
    places = torch.cartesian_prod(*[torch.arange(n // s) for n, s in zip(CLIP, PATCH)])
    angles = [places[:, a : a + 1] * THETA ** (-torch.arange(n, dtype=torch.float64) / n) for a, n in enumerate(SPLIT)]
    angles = torch.cat(angles, 1)
    cos, sin = torch.cos(angles).to(dtype), torch.sin(angles).to(dtype)

    def turn(v):
        u, w = v[..., 0::2], v[..., 1::2]
        return torch.stack([u * cos - w * sin, u * sin + w * cos], -1).flatten(-2)

    h = rms(x, p["norm.weight"]) * (1 + m[:, 1]) + m[:, 0]
    qkv = dense("attn.qkv", h).reshape(2, tokens, BLOCK_HEADS + 2 * KV_HEADS, HEAD).transpose(1, 2)
    q, k, v = qkv.split([BLOCK_HEADS, KV_HEADS, KV_HEADS], 1)
    q, k = turn(rms(q, p["attn.q_norm.weight"])), turn(rms(k, p["attn.k_norm.weight"]))
    repeat = lambda t: t.repeat_interleave(BLOCK_HEADS // KV_HEADS, 1)
    weights = torch.softmax(q @ repeat(k).transpose(-1, -2) / math.sqrt(HEAD), -1)
    o = (weights @ repeat(v)).transpose(1, 2).reshape(2, tokens, BLOCK_WIDTH)
    x = x + m[:, 2] * dense("attn.proj", o)
    h = rms(x, p["norm.weight"]) * (1 + m[:, 4]) + m[:, 3]
    a, b = dense("mlp.in", h).chunk(2, -1)
    x = x + m[:, 5] * dense("mlp.out", F.silu(a) * b)
    return (x * x).mean()


def block_golden():
    p = initial(BLOCK, SEED + 5, torch.float64)
    loss = block_loss(p, torch.float64)
    loss.backward()
    return {"loss": loss.item(), "gradients": describe({n: t.grad for n, t in p.items()})}


files = {
    "transformer.json": {
        "adamw": golden(TRANSFORMER, SEED, transformer_loss, 20, adamw(0.001)),
        "muon": golden(TRANSFORMER, SEED, transformer_loss, 20, muon),
    },
    "graph.json": golden(GRAPH, SEED, graph_loss, 20, adamw(0.003)),
    "block.json": block_golden(),
    "convolution.json": golden(CONVOLUTION, SEED, convolution_loss, 20, adamw(0.003)),
}
hashes = {}
for name, content in files.items():
    text = json.dumps(content)
    (folder / name).write_text(text)
    hashes[name] = hashlib.sha256(text.encode()).hexdigest()
manifest = {
    "made_by": "make.py",
    "torch": torch.__version__.split("+")[0],
    "numpy": numpy.__version__,
    "seed": SEED,
    "sha256": hashes,
}
(folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
