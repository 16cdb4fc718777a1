# Checks the exported FlexAttention masks with PyTorch on the CPU: the same token mask, and the same output as masked
# scaled_dot_product_attention. Run: python check_flex.py  (needs numpy and torch). It writes flex.json beside itself.
import hashlib, json, pathlib, struct
import numpy as np, torch
from torch.nn.attention.flex_attention import BlockMask, flex_attention
from torch.nn.functional import scaled_dot_product_attention

HERE = pathlib.Path(__file__).parent
manifest = json.loads((HERE / "manifest.json").read_text())
report = {"torch": torch.__version__, "seed": 0, "files": {}}
for name, case in manifest["cases"].items():
    raw = (HERE / case["file"]).read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    entry = json.loads(raw[8:8 + size])["kept_tiers"]
    kept = np.frombuffer(raw[8 + size:][slice(*entry["data_offsets"])], np.uint8).reshape(entry["shape"])
    H, L, side = case["heads"], case["length"], case["block"]
    tokens = np.repeat(np.repeat(kept, side, 1), side, 2)[:, :L, :L].astype(bool).reshape(2, H // 2, L, L)

    path = HERE / f"{name}.flex.npz"
    a = {k: torch.from_numpy(x) for k, x in np.load(path).items()}
    length = int(a["length"])
    mask = BlockMask.from_kv_blocks(
        a["kv_num_blocks"], a["kv_indices"], a["full_kv_num_blocks"], a["full_kv_indices"], BLOCK_SIZE=int(a["block_size"]),
        mask_mod=lambda b, h, q, k: (q < length) & (k < length), seq_lengths=(length, length))
    dense = mask.to_dense().numpy().astype(bool).reshape(H, *kept.shape[1:])
    assert (dense == kept.astype(bool)).all(), name
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, H // 2, L, 32).unbind(0)
    # The kernel itself, compiled for the CPU: it walks the lists, so a wrong list gives a wrong output.
    got = torch.compile(flex_attention)(q, k, v, block_mask=mask)
    want = scaled_dot_product_attention(q, k, v, attn_mask=torch.from_numpy(tokens))
    error = (got - want).abs().max().item()
    assert error < 2e-6, (name, error)
    report["files"][path.name] = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "bytes": path.stat().st_size,
                                  "kept": int(kept.sum()), "max_output_difference": error}
    print(name, "block mask equal,", "largest output difference", error)
(HERE / "flex.json").write_text(json.dumps(report, indent=2) + "\n")
