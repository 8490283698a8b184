#!/usr/bin/env python3
"""Records DeepSpeed's optimizers for the processor: pip install torch==2.13.0 ninja; deepspeed_cpu.py CHECKOUT

CHECKOUT is a copy of DeepSpeed's repository, whose csrc/ is compiled here, without vector instructions of its own. Parameters
are f32: that is all it has.
"""
import pathlib
import sys

import torch
from torch.utils import cpp_extension

from common import GRADIENTS, START, STEPS, TENSORS, write

ROOT = pathlib.Path(sys.argv[1]).resolve()
VERSION = (ROOT / "version.txt").read_text().strip()

CASES = {
    "DeepSpeedCPUAdam(lr=0.01, weight_decay=0.1)": "adamw lr=0.01,weight_decay=0.1",
    "DeepSpeedCPUAdam(lr=0.01, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1, adamw_mode=False)":
        "adam lr=0.01,beta1=0.8,beta2=0.95,eps=1e-6,weight_decay=0.1",
    "DeepSpeedCPUAdam(lr=0.01, bias_correction=False)": "adamw lr=0.01,weight_decay=0,bias_correction=0",
    "DeepSpeedCPULion(lr=0.01, weight_decay=0.1)": "lion lr=0.01,weight_decay=0.1",
    "DeepSpeedCPUAdagrad(lr=0.1)": "adagrad lr=0.1,eps=1e-10",
}


def extension(name, *sources):
    return cpp_extension.load(f"deepspeed_{name}", [str(ROOT / "csrc" / source) for source in sources],
                              extra_include_paths=[str(ROOT / "csrc/includes")], extra_cflags=["-O2", "-fopenmp"],
                              extra_ldflags=["-lrt"])


def adam(p, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, adamw_mode=True, bias_correction=True):
    op = extension("cpu_adam", "adam/cpu_adam.cpp", "adam/cpu_adam_impl.cpp")
    op.create_adam(0, lr, *betas, eps, weight_decay, adamw_mode, False)
    states = {name: (torch.zeros_like(x), torch.zeros_like(x)) for name, x in p.items()}
    return lambda step, name, g: op.adam_update(0, step, lr, *betas, eps, weight_decay, bias_correction, p[name], g,
                                                *states[name])


def lion(p, lr, betas=(0.9, 0.99), weight_decay=0.0):
    op = extension("cpu_lion", "lion/cpu_lion.cpp", "lion/cpu_lion_impl.cpp")
    op.create_lion(0, lr, *betas, weight_decay, False)
    states = {name: torch.zeros_like(x) for name, x in p.items()}
    return lambda step, name, g: op.lion_update(0, step, lr, *betas, weight_decay, p[name], g, states[name])


def adagrad(p, lr, eps=1e-10, weight_decay=0.0):
    op = extension("cpu_adagrad", "adagrad/cpu_adagrad.cpp")
    op.create_adagrad(0, lr, eps, weight_decay, False)
    states = {name: torch.zeros_like(x) for name, x in p.items()}
    return lambda step, name, g: op.adagrad_update(0, step, lr, eps, weight_decay, p[name], g, states[name])


MAKERS = {"DeepSpeedCPUAdam": adam, "DeepSpeedCPULion": lion, "DeepSpeedCPUAdagrad": adagrad}


def run(call):
    p = {name: torch.tensor(START[name], dtype=torch.float32) for name in TENSORS}
    name, options = call[:-1].split("(", 1)
    update = eval(f"make(p, {options})", {"make": MAKERS[name], "p": p})
    for step in range(STEPS):
        for key in TENSORS:
            update(step + 1, key, torch.tensor(GRADIENTS[step][key], dtype=torch.float32))
        yield {key: x.tolist() for key, x in p.items()}


for number, (call, ours) in enumerate(CASES.items(), 1):
    write(f"deepspeed_{number:02}_{ours.split()[0]}", f"DeepSpeed {VERSION}", call, ours, list(run(call)), 5e-6)
