#!/usr/bin/env python3
"""Every optimizer of torch.optim, Keras (over torch), optax, optax.contrib and pytorch_optimizer beside ours, by what
`gradopt port` says: 100 steps in f64 on a stream of random gradients. Prints a table: the largest difference over the run
in units of the largest distance travelled, or why there is none; and fails if one above 1e-9 is not explained below.

usage: porting.py TOOL [PREFIX]        TOOL: the program gradopt; PREFIX: only names that begin so

Needs the package gradopt, and takes of the peers those that are installed.
"""
import importlib.util
import inspect
import os
import subprocess
import sys

import gradopt
import numpy as np

STEPS, LR = 100, 0.01
SHAPES = {"matrix": (7, 5), "vector": (6,), "cube": (2, 3, 4)}
TOOL, PREFIX = sys.argv[1], "".join(sys.argv[2:3])
os.environ["KERAS_BACKEND"] = "torch"
CLOSE = 1e-9
WHY = {  # what stands between a peer and ours, by the beginning of its call
    "torch.optim.Adafactor": "decays by lr, not by the step's length",
    "torch.optim.Muon": "iterates in bf16",
    "torch.optim.NAdam": "keeps the product of momenta in the default dtype",
    "keras.optimizers.Adafactor": "takes means in f32",
    "keras.optimizers.ScheduleFreeAdamW": "over torch it mixes the new z into the old average",
    "optax.contrib.madgrad": "takes the root of the step's number in f32",
    "pytorch_optimizer.DAdaptSGD": "the first gradient's norm is taken in f32",
    "pytorch_optimizer.FOCUS": "in the first step its average differs from p by rounding, whose sign counts",
    "pytorch_optimizer.FlashAdamW": "its states have 8 bits unless quantize=False",
    "pytorch_optimizer.SCION": "adds 1e-8 to norms",
    "pytorch_optimizer.SPlus": "the first statistics have a null space, of which any basis will do",
}


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


def torchs(cls, **more):
    import torch

    params = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in starts().items()}
    opt = cls(list(params.values()), lr=LR, **more)
    for grads in gradients():
        for name, param in params.items():
            param.grad = torch.tensor(grads[name])
        opt.step()
        yield {name: param.detach().numpy().copy() for name, param in params.items()}


def kerass(cls):
    import keras
    import torch

    params = {name: keras.Variable(value, dtype="float64", name=name) for name, value in starts().items()}
    opt = cls(LR)
    opt.build(list(params.values()))
    for grads in gradients():
        opt.apply([torch.tensor(grads[name]) for name in params])
        yield {name: param.value.detach().numpy().copy() for name, param in params.items()}


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
    return apart / way if way > 0 else apart


def classes_of_torch(module):
    import torch

    return [(name, cls) for name, cls in sorted(vars(module).items())
            if inspect.isclass(cls) and issubclass(cls, torch.optim.Optimizer) and cls is not torch.optim.Optimizer]


def torch_peers(module):
    module.set_default_dtype(module.float64)
    for name, cls in classes_of_torch(module.optim):
        yield f"torch.optim.{name}(lr={LR})", lambda cls=cls: torchs(cls)


def keras_peers(keras):
    keras.config.set_floatx("float64")
    for name, cls in sorted(vars(keras.optimizers).items()):
        if inspect.isclass(cls) and issubclass(cls, keras.optimizers.Optimizer) and cls != keras.optimizers.Optimizer:
            yield f"keras.optimizers.{name}({LR})", lambda cls=cls: kerass(cls)


def optax_peers(optax):
    import jax

    jax.config.update("jax_enable_x64", True)
    for module, prefix in ((optax, "optax"), (optax.contrib, "optax.contrib")):
        for name, make in sorted(vars(module).items()):
            if inspect.isfunction(make) and next(iter(inspect.signature(make).parameters), "") == "learning_rate":
                yield f"{prefix}.{name}({LR})", lambda make=make: optaxs(make)


def pytorch_optimizer_peers(package):
    """Without the 1e-15 that it adds to some second moments inside the root; iterations and decompositions in f64."""
    import torch

    torch.set_default_dtype(torch.float64)
    package.base.optimizer.BaseOptimizer.apply_ams_bound.__defaults__ = (0.0,)
    iterate = package.optimizer.utils.matrix.zero_power_via_newton_schulz_5
    iterate.__defaults__ = (*iterate.__defaults__[:-1], torch.float64)
    torch.Tensor.float = lambda x: x
    for name, cls in classes_of_torch(package):
        if not cls.__module__.startswith("torch."):
            takes = inspect.signature(cls.__init__).parameters
            more = {"foreach": False} if "foreach" in takes else {}
            more |= {key: torch.float64 for key in ("momentum_dtype", "fim_dtype") if key in takes}
            yield f"pytorch_optimizer.{name}(lr={LR})", lambda cls=cls, more=more: torchs(cls, **more)


def peers():
    """(call, how it runs) of all that take a learning rate and gradients alone."""
    for package, of in (("torch", torch_peers), ("keras", keras_peers), ("optax", optax_peers),
                        ("pytorch_optimizer", pytorch_optimizer_peers)):
        if importlib.util.find_spec(package) is not None:
            yield from of(importlib.import_module(package))
        else:
            print(f"{package} is not installed")


def compared(call, run):
    """(string, deviation or None, what the table says)"""
    said = subprocess.run([TOOL, "port", call], capture_output=True, text=True, check=False)
    string = said.stdout.strip()
    if said.returncode != 0:
        return string, None, "no rule of gradopt port"
    try:
        apart = deviation(ours(string), run())
    except Exception as error:  # the peer's own complaint, or ours, is the result
        return string, None, f"{type(error).__name__}: {error}".splitlines()[0][:80]
    return string, apart, f"{apart:.1e}"


runs = near = unexplained = 0
for call, run in peers():
    if not call.startswith(PREFIX):
        continue
    string, apart, result = compared(call, run)
    runs += apart is not None
    near += apart is not None and apart <= CLOSE
    if apart is not None and not apart <= CLOSE:
        why = next((text for start, text in WHY.items() if call.startswith(start)), None)
        unexplained += why is None
        result += f" {why or 'NOT EXPLAINED'}"
    print(f"{call:55} {string:60} {result}", flush=True)
print(f"{runs} compared, {near} to {CLOSE:g}, {unexplained} of the others not explained")
sys.exit(unexplained > 0)
