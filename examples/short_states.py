#!/usr/bin/env python3
"""Measures what states kept in bf16, 8 or 4 bits change, for every element-wise method, and writes a table of it.

usage: short_states.py LIBGRADOPT.SO TRAIN_DIGITS DIGITS_PAGE PAGE

Two measurements: how far 300 steps on a noisy quadratic end from those with f32 states, relative to the way gone; and the test
accuracy on the digits, for every form the best over the learning rates that DIGITS_PAGE was made with.
"""
import concurrent.futures
import ctypes
import pathlib
import random
import re
import subprocess
import sys

N, STEPS, LR = 512, 300, "1e-2"
FORMS = ["full", "bf16", "int8", "int4"]
RATES = [None, "1e-4", "1e-3", "1e-2", "3e-2", "1e-1", "3e-1", "1", "10"]


class Library:
    def __init__(self, path):
        self.c = ctypes.CDLL(path)
        self.c.optim_set_loss.argtypes = [ctypes.c_void_p, ctypes.c_double]
        for name in ["optim_step", "optim_destroy"]:
            getattr(self.c, name).argtypes = [ctypes.c_void_p]

    def run(self, method, form, steps=STEPS):
        """The parameters after so many steps on 1/2 sum h (p - a)^2 with noise; None: not for element-wise methods only."""
        handle, noise = ctypes.c_void_p(), random.Random(1)
        options = f"lr={LR},state_dtype={form},state_min=0"
        if self.c.optim_create(ctypes.byref(handle), method.encode(), options.encode()) < 0:
            return None
        p, g, shape = (ctypes.c_float * N)(), (ctypes.c_float * N)(), (ctypes.c_int64 * 1)(N)
        self.c.optim_add_param(handle, 0, b"p", 0, 1, shape, p, g)
        status = 0
        for _ in range(steps):
            noises = [noise.gauss(0, 0.1) for _ in range(N)]
            while True:
                offsets = [p[i] - (i * 37 % 11) / 11 + 0.5 for i in range(N)]
                g[:] = [(1 + i % 7) * offsets[i] + noises[i] for i in range(N)]
                self.c.optim_set_loss(handle, sum((1 + i % 7) * offsets[i] ** 2 for i in range(N)) / 2)
                status = self.c.optim_step(handle)
                if status != 1:
                    break
            if status != 0:
                break
        self.c.optim_destroy(handle)
        return list(p) if status == 0 else None


def distance(a, b):
    return sum((x - y) ** 2 for x, y in zip(a, b)) ** 0.5


def accuracy(program, method, rate, form):
    options = f"state_dtype={form},state_min=0" + (f",lr={rate}" if rate else "")
    command = [program, "--grid", "--method", method, "--epochs", "20", "--threads", "1", "--options", options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return float(re.search(r"accuracy=(\S+)", done.stdout)[1]) if done.returncode == 0 else 0


def best_accuracy(program, method, form):
    return max(accuracy(program, method, rate, form) for rate in RATES)


def row(library, program, method):
    if library.run(method, FORMS[1], steps=1) is None:  # no method whose states can be short
        return None
    ends = [library.run(method, form) for form in FORMS]
    if any(end is None for end in ends):
        return None
    way = distance(ends[0], [0] * N)
    errors = [f"{distance(ends[0], end) / way:.1e}" for end in ends[1:]]
    if set(errors) == {"0.0e+00"}:  # nothing to shorten
        return None
    accuracies = [f"{100 * best_accuracy(program, method, form):.1f} %" for form in FORMS]
    return "| " + " | ".join([f"`{method}`", *errors, *accuracies]) + " |"


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    library, program, digits, page = Library(sys.argv[1]), sys.argv[2], *map(pathlib.Path, sys.argv[3:])
    methods = re.findall(r"^\| `(\w+)` \|", digits.read_text(), re.MULTILINE)
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        rows = list(pool.map(lambda method: row(library, program, method), methods))
    page.write_text("\n".join([
        "# What short states change", "",
        "`state_dtype=bf16`, `int8` and `int4` for every element-wise method that keeps states (starting points stay full). Written",
        "by", "",
        "    python3 examples/short_states.py build/dev-gcc/libgradopt.so build/dev-gcc/examples/train_digits \\",
        "        docs/digits.md docs/short_states.md", "",
        f"The error is the distance of the parameters after {STEPS} steps (lr {LR}) on a noisy quadratic of {N} dimensions from those",
        "with f32 states, over the way gone from the start. The accuracies are those of the perceptron of [digits.md](digits.md) after",
        "20 passes, for every form the best over the learning rates tried there, all tensors short (`state_min=0`).", "",
        "| method | error, bf16 | error, int8 | error, int4 | digits, f32 | digits, bf16 | digits, int8 | digits, int4 |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |", *filter(None, rows), ""]))


main()
