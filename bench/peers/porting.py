#!/usr/bin/env python3
"""Every optimizer of torch.optim, of optax and of optax.contrib beside ours, by what `gradopt port` says: 100 steps in f64
on a stream of random gradients. Prints a table: the largest difference over the run in units of the largest distance
travelled, or why there is none.

usage: porting.py TOOL        TOOL: the program gradopt; needs torch, optax and the package gradopt where they are found
"""
import inspect
import subprocess
import sys

import gradopt
import numpy as np

STEPS, LR = 100, 0.01
SHAPES = {"matrix": (7, 5), "vector": (6,), "cube": (2, 3, 4)}
TOOL = sys.argv[1]


def starts():
    draw = np.random.default_rng(1)
    return {name: draw.normal(size=shape) for name, shape in SHAPES.items()}


def gradients():
    draw = np.random.default_rng(2)
    return [{name: draw.normal(size=shape) for name, shape in SHAPES.items()} for _ in range(STEPS)]


def ours(string):
    """Where each step leads, of a string METHOD OPTIONS; WRAPPER OPTIONS."""
    layers = [layer.partition(" ") for layer in string.split("; ")]
    options = [dict(pair.split("=", 1) for pair in text.split(",") if pair) for _, _, text in layers]
    params = starts()
    opt = gradopt.Optimizer(layers[0][0], params, wrappers=[(w[0], o) for w, o in zip(layers[1:], options[1:])], **options[0])
    for grads in gradients():
        opt.step(grads)
        yield {name: value.copy() for name, value in params.items()}


def torchs(cls):
    import torch

    params = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in starts().items()}
    opt = cls(params.values(), lr=LR)
    for grads in gradients():
        for name, param in params.items():
            param.grad = torch.tensor(grads[name])
        opt.step()
        yield {name: param.detach().numpy().copy() for name, param in params.items()}


def optaxs(make):
    import optax

    tx, params = make(LR), starts()
    state = tx.init(params)
    for grads in gradients():
        updates, state = tx.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        yield {name: np.array(value) for name, value in params.items()}


def deviation(a, b):
    begin, apart, way = starts(), 0.0, 0.0
    for x, y in zip(a, b, strict=True):
        for name, value in begin.items():
            apart = max(apart, float(np.abs(x[name] - y[name]).max()))
            way = max(way, float(np.abs(y[name] - value).max()))
    return apart / way


def peers():
    """(call, how it runs) of all that take a learning rate and gradients alone."""
    import jax
    import optax
    import torch

    torch.set_default_dtype(torch.float64)
    jax.config.update("jax_enable_x64", True)
    for name, cls in sorted(vars(torch.optim).items()):
        if inspect.isclass(cls) and issubclass(cls, torch.optim.Optimizer) and cls is not torch.optim.Optimizer:
            yield f"torch.optim.{name}(lr={LR})", lambda cls=cls: torchs(cls)
    for module, prefix in ((optax, "optax"), (optax.contrib, "optax.contrib")):
        for name, make in sorted(vars(module).items()):
            if inspect.isfunction(make) and next(iter(inspect.signature(make).parameters), "") == "learning_rate":
                yield f"{prefix}.{name}({LR})", lambda make=make: optaxs(make)


close = compared = 0
for call, run in peers():
    said = subprocess.run([TOOL, "port", call], capture_output=True, text=True, check=False)
    string = said.stdout.strip()
    try:
        result = f"{(apart := deviation(ours(string), run())):.1e}" if said.returncode == 0 else "no rule of gradopt port"
        if said.returncode == 0:
            compared += 1
            close += apart <= 1e-9
    except Exception as error:  # the peer's own complaint, or ours, is the result
        result = f"{type(error).__name__}: {error}".splitlines()[0][:80]
    print(f"{call:55} {string:60} {result}", flush=True)
print(f"{compared} compared, {close} to 1e-9")
