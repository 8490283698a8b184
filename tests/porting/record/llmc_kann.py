#!/usr/bin/env python3
"""Records two programs in C: llmc_kann.py LLM.C KANN, which are clones of the repositories llm.c and kann.

Their source is compiled here with cc and called as it is: gpt2_update of train_gpt2.c, kann_RMSprop of kann.c. Both are f32.
"""
import ctypes
import pathlib
import subprocess
import sys
import tempfile

from common import ELEMENTS, GRADIENTS, START, STEPS, TENSORS, write

GPT2_UPDATE = """
#define TESTING
#include "train_gpt2.c"
static GPT2 model;
void update(size_t n, float *p, float *g, float lr, float beta1, float beta2, float eps, float weight_decay, int t) {
    model.num_parameters = n;
    model.params_memory = p;
    model.grads_memory = g;
    gpt2_update(&model, lr, beta1, beta2, eps, weight_decay, t);
}
"""
LLMC, KANN = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
CALLS = {
    "gpt2_update(model, 0.01, 0.9, 0.999, 1e-8, 0.1, t)": "adamw lr=0.01,weight_decay=0.1",
    "gpt2_update(model, 0.01, 0.8, 0.95, 1e-6, 0.0, t)": "adamw lr=0.01,beta1=0.8,beta2=0.95,eps=1e-6,weight_decay=0",
    "kann_RMSprop(n, 0.01, 0, 0.9, g, t, r)": "rmsprop lr=0.01,alpha=0.9,eps=1e-6,eps_in_root=1",
}


def commit(clone):
    return subprocess.run(["git", "-C", clone, "rev-parse", "--short=12", "HEAD"], check=True, capture_output=True,
                          text=True).stdout.strip()


def library(folder, name, sources, *flags):
    path = pathlib.Path(folder) / f"{name}.so"
    subprocess.run(["cc", "-O2", "-fPIC", "-shared", *flags, "-o", path, *sources, "-lm"], check=True)
    return ctypes.CDLL(str(path))


def floats(values):
    return (ctypes.c_float * len(values))(*values)


def numbers(call):
    return [float(word) for word in call[:-1].split(", ") if word.replace(".", "").replace("e-", "").isdigit()]


def run(call, update):
    start = [x for name in TENSORS for x in START[name]]
    p, r = floats(start), floats([0] * len(start))
    for step in range(STEPS):
        g = floats([x for name in TENSORS for x in GRADIENTS[step][name]])
        update(p, g, r, step + 1, numbers(call))
        rest = iter(p)
        yield {name: [next(rest) for _ in range(ELEMENTS[name])] for name in TENSORS}


def llmc(folder):
    """A fresh library for every run: the moments live in it."""
    source = pathlib.Path(folder) / "update.c"
    source.write_text(GPT2_UPDATE)
    update = library(folder, "llmc", [source], f"-I{LLMC}", "-w").update
    return lambda p, g, r, t, numbers: update(ctypes.c_size_t(len(p)), p, g, *map(ctypes.c_float, numbers), t)


def kann(folder):
    update = library(folder, "kann", [KANN / "kann.c", KANN / "kautodiff.c"], "-w").kann_RMSprop
    return lambda p, g, r, t, numbers: update(len(p), ctypes.c_float(numbers[0]), None, ctypes.c_float(numbers[2]), g, p, r)


for number, (call, ours) in enumerate(CALLS.items(), 1):
    with tempfile.TemporaryDirectory() as folder:
        peer, name = (kann, "kann") if call.startswith("kann") else (llmc, "llmc")
        tolerance = 1e-4 if peer is kann else 1e-6  # kann divides by the approximate rsqrtps
        head = commit(LLMC if peer is llmc else KANN)
        write(f"{name}_{number:02}_{ours.split()[0]}", f"{'llm.c' if peer is llmc else 'kann'} at {head}", call, ours,
              list(run(call, peer(folder))), tolerance)
