# Writes the PyTorch fixtures of torch.test.ts with torch.save. Run: python make_torch.py
# Needs: torch. torch-expected.json holds the values, versions and hashes; each fixture stays below 32 KiB.
import collections, hashlib, json, os, platform
import torch

here = os.path.dirname(os.path.abspath(__file__))
path = lambda name: os.path.join(here, name)
torch.manual_seed(20260101)
whole = torch.randn(6, 4)
specials = torch.tensor([0.0, -0.0, 65504.0, 3.1415927, float("inf"), 1.0009765625])

state = collections.OrderedDict(
    f32=whole.clone(),
    f16=specials.half(),
    bf16=specials.bfloat16(),
    f64=torch.tensor([0.1, -2.5], dtype=torch.float64),
    i64=torch.tensor([[1, -2], [3, 2**40]]),
    u8=torch.arange(7, dtype=torch.uint8),
    bool=torch.tensor([True, False, True]),
    scalar=torch.tensor(2.5),
    empty=torch.zeros(0, 3),
    transposed=whole.t(),
    cut=whole[1:5, 1:3],
    tied=whole,
)
state["parameter"] = torch.nn.Parameter(torch.ones(2, 2) * 0.5)
torch.save(state, path("state.pt"))

model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.LayerNorm(2))
optimiser = torch.optim.AdamW(model.parameters())
torch.save({"epoch": 3, "lr": 1e-3, "big": 2**70, "note": "gr\u00fc\u00df", "state_dict": model.state_dict(),
            "optimizer": optimiser.state_dict()}, path("training.pth"))
torch.save(model, path("model-object.pt"))

expected = {}
for file, tensors in (("state.pt", state), ("training.pth", model.state_dict())):
    expected[file] = {
        # JSON has no infinity; nothing here is NaN.
        name: {"shape": list(t.shape), "values": [{float("inf"): "Infinity", float("-inf"): "-Infinity"}.get(v, v)
                                                  for v in t.detach().double().flatten().tolist()]}
        for name, t in tensors.items()
    }
names = ["state.pt", "training.pth", "model-object.pt"]
with open(path("torch-expected.json"), "w") as f:
    json.dump({
        "made_by": "make_torch.py",
        "licence": "MIT, made for this project",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "sha256": {n: hashlib.sha256(open(path(n), "rb").read()).hexdigest() for n in names},
        "files": expected,
    }, f, indent=1)
