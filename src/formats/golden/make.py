# Writes the fixtures of formats.test.ts with NumPy and the reference safetensors library. Run: python make.py
# Needs: numpy, safetensors, ml_dtypes. Each fixture stays below 64 KiB; manifest.json records versions and hashes.
import hashlib, io, json, os, platform, zipfile
import ml_dtypes, numpy as np, safetensors
from safetensors.numpy import save_file

here = os.path.dirname(os.path.abspath(__file__))
path = lambda name: os.path.join(here, name)
rng = np.random.default_rng(20260101)
values = rng.standard_normal((3, 5, 4)).astype(np.float32)
specials = np.array([0.0, -0.0, 1e-8, -6e-8, 65504, -65504, 3.1415927, np.inf, -np.inf, 1.0009765625], np.float32)

save_file(
    {
        "f32": values,
        "f16": specials.astype(np.float16),
        "bf16": specials.astype(ml_dtypes.bfloat16),
        "i64": np.array([[1, -2], [3, 2**40]], np.int64),
        "u8": np.arange(7, dtype=np.uint8),
        "bool": np.array([True, False, True]),
        "empty": np.zeros((0, 3), np.float32),
        "scalar": np.array(2.5, np.float32),
    },
    path("mixed.safetensors"),
    metadata={"f": "2", "note": "gr\u00fc\u00df"},
)
arrays = {
    "c": values,
    "fortran": np.asfortranarray(values),
    "big": values.astype(">f4"),
    "half": specials.astype(np.float16),
    "i2": np.array([-300, 7], ">i2"),
    "scalar": np.float64(0.1),
}
np.savez(path("stored.npz"), **arrays)
np.savez_compressed(path("deflated.npz"), **arrays)
np.save(path("fortran.npy"), np.asfortranarray(values))
with open(path("version2.npy"), "wb") as f:
    np.lib.format.write_array(f, values, version=(2, 0))
np.save(path("object.npy"), np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
np.save(path("structured.npy"), np.zeros(2, dtype=[("x", "<f4"), ("y", "<i4")]))
with zipfile.ZipFile(path("zip64.npz"), "w") as z:
    for name in ("c", "half"):
        with z.open(name + ".npy", "w", force_zip64=True) as f:
            buffer = io.BytesIO()
            np.save(buffer, arrays[name])
            f.write(buffer.getvalue())

expected = {
    "values": values.ravel().tolist(),
    "f16": [repr(float(x)) for x in specials.astype(np.float16)],
    "bf16": [repr(float(x)) for x in specials.astype(ml_dtypes.bfloat16)],
}
with open(path("expected.json"), "w") as f:
    json.dump(expected, f)
files = sorted(n for n in os.listdir(here) if n.endswith((".npz", ".npy", ".safetensors", "expected.json")))
manifest = {
    "made_by": "make.py",
    "seed": 20260101,
    "versions": {"python": platform.python_version(), "numpy": np.__version__, "safetensors": safetensors.__version__, "ml_dtypes": ml_dtypes.__version__},
    "licence": "MIT, made for this project",
    "sha256": {n: hashlib.sha256(open(path(n), "rb").read()).hexdigest() for n in files},
}
with open(path("manifest.json"), "w") as f:
    json.dump(manifest, f, indent=2)
    f.write("\n")
