"""Golden PSNR and SSIM by scikit-image of two small clips that the test makes again from a formula.

Clip a has values sin(0.37 i + 0.11 i²/n) and clip b adds 0.2 cos(1.7 i), both rounded to float32, with i the flat index
in [frames, height, width, channel] and n the number of values. Run: python make.py  (writes quality.json).
"""
import json
import pathlib

import numpy
import skimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

cases = []
for frames, height, width in ((3, 12, 15), (1, 7, 7), (2, 32, 9)):
    n = frames * height * width * 3
    i = numpy.arange(n, dtype=numpy.float64)
    shape = (frames, height, width, 3)
    a = numpy.sin(0.37 * i + 0.11 * i * i / n).astype(numpy.float32).astype(numpy.float64).reshape(shape)
    b = (a.ravel() + 0.2 * numpy.cos(1.7 * i)).astype(numpy.float32).astype(numpy.float64).reshape(shape)
    cases.append(
        {
            "size": {"frames": frames, "height": height, "width": width},
            "psnr": [float(peak_signal_noise_ratio(x, y, data_range=2)) for x, y in zip(a, b)],
            "ssim": [float(structural_similarity(x, y, data_range=2, channel_axis=-1)) for x, y in zip(a, b)],
        }
    )
golden = {"made_by": "make.py", "scikit-image": skimage.__version__, "numpy": numpy.__version__, "cases": cases}
(pathlib.Path(__file__).parent / "quality.json").write_text(json.dumps(golden, indent=1) + "\n")
