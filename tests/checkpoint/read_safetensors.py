"""Usage: read_safetensors.py WRITER

Reads what libgradopt saved with the safetensors package, whose code is not ours, and compares it with AdamW by hand.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
import safetensors

BETA1, BETA2, GRADIENT, STEPS = 0.9, 0.999, 0.5, 3

with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder) / "state.safetensors"
    subprocess.run([sys.argv[1], path], check=True)
    with safetensors.safe_open(path, framework="numpy") as file:
        names, metadata = sorted(file.keys()), file.metadata()
        tensors = {name: file.get_tensor(name) for name in names}

assert names == ["b/adamw.m", "b/adamw.v", "b/ema.avg", "w/adamw.m", "w/adamw.v", "w/ema.avg"], names
m, v = (1 - BETA1**STEPS) * GRADIENT, (1 - BETA2**STEPS) * GRADIENT**2
for name, want, shape, dtype, tolerance in [
    ("w/adamw.m", m, (3, 4), numpy.float32, 1e-6),
    ("w/adamw.v", v, (3, 4), numpy.float32, 1e-6),
    ("b/adamw.m", m, (5,), numpy.float64, 1e-14),
    ("b/adamw.v", v, (5,), numpy.float64, 1e-14),
]:
    assert tensors[name].shape == shape and tensors[name].dtype == dtype, name
    assert numpy.allclose(tensors[name], want, rtol=tolerance, atol=0), (name, tensors[name], want)
record = json.loads(metadata["libgradopt"])
assert record["steps"] == STEPS and record["parameters"]["w"] == {"group": 0, "shape": [3, 4]}, record
assert metadata["format"] == "libgradopt", metadata
print(f"{len(names)} tensors read by safetensors {safetensors.__version__}")
