"""Usage: read_safetensors.py WRITER

Reads what libgradopt saved with the safetensors package, whose code is not ours, and compares every tensor with AdamW and
its averages recomputed here in double precision from the formulas.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
import safetensors

BETA1, BETA2, EPS, DECAY, LR, AVERAGE, STEPS = 0.9, 0.999, 1e-8, 0.01, 0.25, 0.999, 3
NAMES = [
    "a", "a/adamw.m", "a/adamw.m/adamw.v", "layers.0/weight", '"quoted" \\ and {braces}', "two\nlines\tand a bell \a",
    "\u00fc\u2192\U0001f600", "\u009b[31m", "__metadata__", '"libgradopt.checksum":"', " ", "x" * 5000,
]


def read(folder, which):
    """Names to (dtype, shape, bytes), the record, and the parameters that the writer printed."""
    path = pathlib.Path(folder) / "state.safetensors"
    printed = subprocess.run([sys.argv[1], path, *which], check=True, capture_output=True).stdout.decode()
    with safetensors.safe_open(path, framework="numpy") as file:
        keys, metadata = set(file.keys()), file.metadata()
    tensors = {name: (t["dtype"], t["shape"], bytes(t["data"])) for name, t in safetensors.deserialize(path.read_bytes())}
    assert keys == set(tensors), (keys, set(tensors))
    assert metadata["format"] == "libgradopt", metadata
    return tensors, json.loads(metadata["libgradopt"]), printed


def values(tensor):
    """In double precision; BF16, which numpy does not have, is the upper half of F32."""
    dtype, shape, data = tensor
    if dtype == "BF16":
        wide = numpy.frombuffer(data, "<u2").astype("<u4") << 16
        return wide.view("<f4").astype(float).reshape(shape)
    return numpy.frombuffer(data, {"F64": "<f8", "F32": "<f4", "F16": "<f2", "U8": "u1"}[dtype]).astype(float).reshape(shape)


def gradient(shape, step):
    i = numpy.arange(int(numpy.prod(shape)))
    return (((7 * i + 3 * step) % 11 - 5) / 8).reshape(shape)


def adamw(shape):
    """m, v, the parameters and their average after the steps."""
    m, v = numpy.zeros(shape), numpy.zeros(shape)
    p = 1 + numpy.arange(int(numpy.prod(shape))).reshape(shape) / 8
    average = p.copy()
    for t in range(1, STEPS + 1):
        g = gradient(shape, t)
        m = BETA1 * m + (1 - BETA1) * g
        v = BETA2 * v + (1 - BETA2) * g * g
        step = m / (1 - BETA1**t) / (numpy.sqrt(v / (1 - BETA2**t)) + EPS)
        p = p * (1 - LR * DECAY) - LR * step
        average = average + (1 - AVERAGE) * (p - average)
    return {"adamw.m": m, "adamw.v": v, "p": p, "ema.avg": average}


def codebook(signed):
    """The 256 values that 8-bit codes stand for, as docs/checkpoints.md has them."""
    book = [0.0, 1.0]
    for decade in range(7):
        n = 2**decade if signed else 2 ** (decade + 1)
        for j in range(n):
            x = 10.0 ** (decade - 6) * (0.1 + 0.9 * (2 * j + 1) / (2 * n))
            book += [x, -x] if signed else [x]
    return numpy.array(sorted(book))


def check(name, tensor, dtype, want, tolerance):
    assert (tensor[0], list(tensor[1])) == (dtype, list(want.shape)), (name, tensor[:2], dtype, want.shape)
    error = numpy.abs(values(tensor) - want).max(initial=0)
    assert error <= tolerance * numpy.abs(want).max(initial=0), (name, values(tensor), want)


def check_codes(name, codes, scales, real, want):
    """Blocks of 8 codes, each with the largest magnitude in it as scale: an error of a share of that in each step."""
    flat, signed = want.reshape(-1), name.endswith(".m")
    blocks = [flat[i : i + 8] for i in range(0, len(flat), 8)]
    assert (codes[0], list(codes[1])) == ("U8", list(want.shape)), (name, codes[:2])
    assert (scales[0], list(scales[1])) == (real, [len(blocks)]), (name, scales[:2])
    decoded = codebook(signed)[values(codes).astype(int).reshape(-1)] * numpy.repeat(values(scales), 8)[: len(flat)]
    for i, block in enumerate(blocks):
        error = numpy.abs(decoded[8 * i : 8 * i + 8] - block).max()
        assert error <= 0.02 * numpy.abs(block).max(), (name, i, decoded, flat)


def check_forms(tensors, printed):
    """dtype of the states, tolerance of it and of the parameters' average (in the parameter's precision), by parameter."""
    parameters = {line.split()[0]: numpy.array(line.split()[1:], float) for line in printed.splitlines()}
    unread = set(tensors)
    for name, shape, dtype, real in [
        ("f32", (3, 4), "F32", "F32"), ("f64", (5,), "F64", "F64"), ("bf16", (2, 3), "F32", "F32"),
        ("master", (7,), "F32", "F32"), ("kahan", (4,), "F32", "F32"), ("short", (10,), "BF16", "F32"),
        ("int8", (3, 7), "U8", "F32"), ("int8_f64", (9,), "U8", "F64"), ("scalar", (), "F32", "F32"),
        ("empty", (0, 3), "F32", "F32"),
    ]:  # fmt: skip
        want = adamw(shape)
        exact = 1e-14 if real == "F64" else 1e-6
        rounded = {"bf16": 2**-7, "kahan": 2**-10, "short": 2**-7, "int8": 0.05, "int8_f64": 0.05}.get(name, exact)
        for state in ["adamw.m", "adamw.v"]:
            key = f"{name}/{state}"
            if dtype == "U8":
                check_codes(key, tensors[key], tensors[key + ".scales"], real, want[state])
                unread.remove(key + ".scales")
            else:
                check(key, tensors[key], dtype, want[state], 2**-8 if dtype == "BF16" else exact)
            unread.remove(key)
        check(f"{name}/ema.avg", tensors[f"{name}/ema.avg"], real, want["ema.avg"], rounded)
        check(f"{name}/engine.sum", tensors[f"{name}/engine.sum"], real, gradient(shape, STEPS + 1), 0)
        unread -= {f"{name}/ema.avg", f"{name}/engine.sum"}
    check("master", tensors["master/engine.master"], "F32", adamw((7,))["p"], 1e-6)
    carry, want = tensors["kahan/engine.carry"], adamw((4,))["p"]
    assert (carry[0], carry[1]) == ("F16", [4]), carry
    assert numpy.abs(parameters["kahan"] - want).max() > 1e-5, "rounding lost nothing: the carry shows nothing"
    assert numpy.allclose(parameters["kahan"] + values(carry), want, rtol=1e-6, atol=0), (parameters["kahan"], want)
    assert unread == {"master/engine.master", "kahan/engine.carry"}, unread


def check_record(record):
    layers = {layer["name"]: layer for layer in record["layers"] if layer["name"] != "engine"}
    accumulated = [layer["numbers"] for layer in record["layers"] if "accumulated" in layer["numbers"]]
    assert record["format"] == 1 and record["steps"] == STEPS, record
    assert record["parameters"]["int8"] == {"group": 4, "dtype": "F32", "shape": [3, 7]}, record["parameters"]
    assert record["parameters"]["kahan"]["dtype"] == "F16", record["parameters"]
    assert record["groups"] == ["adamw"] * 5 and record["wrappers"] == ["ema"], record
    assert float(layers["adamw"]["groups"]["0"]["options"]["lr"]) == LR, layers
    assert layers["ema"]["numbers"]["n"] == [str(STEPS)], layers
    assert accumulated == [{"accumulated": ["1"], "accumulated_loss": ["0"]}], accumulated
    assert record["schedules"][0]["name"] == "wsd" and record["schedules"][0]["option"] == "lr", record["schedules"]


with tempfile.TemporaryDirectory() as temporary:
    read_tensors, read_record, read_printed = read(temporary, ["forms"])
    check_forms(read_tensors, read_printed)
    check_record(read_record)
    read_names, names_record, _ = read(temporary, ["names"])
assert set(names_record["parameters"]) == set(NAMES), names_record["parameters"].keys()
assert set(read_names) == {f"{n}/{s}" for n in NAMES for s in ["adamw.m", "adamw.v", "ema.avg"]}, read_names.keys()
print(f"{len(read_tensors) + len(read_names)} tensors read by safetensors {safetensors.__version__}")
