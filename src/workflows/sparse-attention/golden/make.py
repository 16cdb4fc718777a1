# Makes the golden files of this folder: attention, LSE, block masses, top-k, tiers and sparse outputs in float64 NumPy.
# Independent of the TypeScript reference: whole-matrix formulas, no shared code. Run: python make.py  (needs numpy)
import hashlib, json, pathlib, platform, struct
import numpy as np

HERE = pathlib.Path(__file__).parent
CASES = [  # name, heads, tokens, width, block, sparsity, (f, h, w, t), stride of stored output rows
    ("even", 4, 256, 32, 32, 0.5, (3, 8, 8, 64), 5),
    ("tail", 4, 200, 32, 64, 0.4, (2, 9, 10, 20), 4),
]


def hashed(seed, n):
    """Values in [-1, 1) that are exact in f32, by integer arithmetic any language can repeat."""
    m = np.uint64(0xFFFFFFFF)
    x = (np.arange(n, dtype=np.uint64) * np.uint64(0x9E3779B1) + np.uint64(seed * 0x85EBCA77 & 0xFFFFFFFF)) & m
    for shift, factor in ((15, 0x2C1B3C6D), (12, 0x297A2D39)):
        x = ((x ^ (x >> np.uint64(shift))) * np.uint64(factor)) & m
    x ^= x >> np.uint64(15)
    return (x >> np.uint64(8)).astype(np.float64) * 2.0**-23 - 1.0


def safetensors(path, tensors):
    header, at, body = {}, 0, b""
    for name, a in tensors.items():
        kind = {"float32": "F32", "int32": "I32", "uint8": "U8"}[a.dtype.name]
        raw = np.ascontiguousarray(a).tobytes()
        header[name] = {"dtype": kind, "shape": list(a.shape), "data_offsets": [at, at + len(raw)]}
        at += len(raw)
        body += raw
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    path.write_bytes(struct.pack("<Q", len(head)) + head + body)


def softmax_parts(q, k, scale):
    s = np.einsum("hid,hjd->hij", q, k) * scale
    top = s.max(-1, keepdims=True)
    return s, (top + np.log(np.exp(s - top).sum(-1, keepdims=True)))[..., 0]


def blocks(p, side):
    h, m, n = p.shape
    nq, nk = -(-m // side), -(-n // side)
    full = np.zeros((h, nq * side, nk * side))
    full[:, :m, :n] = p
    return full.reshape(h, nq, side, nk, side).sum((2, 4))


def select(mass, keep, first_text):
    nq, nk = mass.shape
    kept = np.zeros((nq, nk), np.uint8)
    kept[:, first_text:] = 1
    for i in range(nq):
        if i >= first_text:
            kept[i] = 1
        else:  # stable sort: ties go to the lower index
            kept[i, np.argsort(-mass[i, :first_text], kind="stable")[:keep]] = 1
    return kept


def count(s, n):
    return min(n, max(1, int(np.floor((1 - s) * n + 0.5))))


manifest = {"made_by": "make.py", "numpy": np.__version__, "python": platform.python_version(), "cases": {}}
for name, H, L, D, side, s, (f, h, w, t), stride in CASES:
    q, k, v = (hashed(seed, H * L * D).reshape(H, L, D) for seed in (1, 2, 3))
    q, k = 2 * q, 2 * k
    q *= np.array([2.0, 1.0, 1.5, 0.5])[:, None, None]  # heads from sharp to diffuse
    q = q.astype(np.float32).astype(np.float64)  # what the kernels can be given
    inputs = hashlib.sha256(b"".join(a.astype("<f4").tobytes() for a in (q, k, v))).hexdigest()
    scale = 1 / np.sqrt(D)
    scores, lse = softmax_parts(q, k, scale)
    p = np.exp(scores - lse[..., None])
    mass = blocks(p, side)
    first_text = (f * h * w) // side
    keep = count(s, first_text)
    uniform = np.stack([select(m, keep, first_text) for m in mass])
    recall = (mass * uniform).sum((1, 2)) / L
    # Tiers, paper 4.4, with n clamped to floor(H/2); the threshold is a parameter here so that n > 0.
    threshold = float(np.median(recall))
    n = min(int((recall > threshold).sum()), H // 2)
    order = np.argsort(-recall, kind="stable")
    per_head = np.full(H, s)
    per_head[order[:n]], per_head[order[H - n:]] = (1 + s) / 2, (3 * s - 1) / 2
    tiered = np.stack([select(m, count(x, first_text), first_text) for m, x in zip(mass, per_head)])
    dense = p @ v
    wide = np.repeat(np.repeat(uniform, side, 1), side, 2)[:, :L, :L].astype(bool)
    masked = np.where(wide, scores, -np.inf)
    top = masked.max(-1, keepdims=True)
    lse_sparse = (top + np.log(np.exp(masked - top).sum(-1, keepdims=True)))[..., 0]
    sparse = np.exp(masked - lse_sparse[..., None]) @ v
    rows = np.arange(0, L, stride)
    path = HERE / f"{name}.safetensors"
    safetensors(path, {
        "dense_out": dense[:, rows].astype(np.float32), "sparse_out": sparse[:, rows].astype(np.float32),
        "lse": lse.astype(np.float32), "sparse_lse": lse_sparse.astype(np.float32), "block_mass": mass.astype(np.float32),
        "kept": uniform, "kept_tiers": tiered, "rows": rows.astype(np.int32),
    })
    manifest["cases"][name] = {
        "heads": H, "length": L, "dim": D, "block": side, "sparsity": s, "grid": [f, h, w, t], "keep": keep,
        "firstText": first_text, "recall": recall.tolist(), "tierThreshold": threshold, "tierSparsity": per_head.tolist(),
        "inputSeeds": [1, 2, 3], "inputs_sha256": inputs,
        "file": path.name, "bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
(HERE / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
for name, c in manifest["cases"].items():
    print(name, c["bytes"], "bytes", [round(r, 4) for r in c["recall"]], c["tierSparsity"])
