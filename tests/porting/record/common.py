"""The problem that every peer is recorded on, and the files that hold the answers.

Three tensors, twenty gradients that do not depend on the parameters, all given here with a few digits, so that no
framework's random numbers come in. A recording is the peer's own code run on them; it is written as a file of the format
"gradopt-golden 1", which tests/golden reads.
"""
import pathlib
import random
import sys

PROGRAM = "record/" + pathlib.Path(sys.argv[0]).name
FOLDER = pathlib.Path(__file__).resolve().parent.parent
TENSORS = {"w": (4, 3), "b": (3,), "s": ()}
STEPS = 20
SHOWN = (1, 2, 3, 5, 10, 20)
ELEMENTS = {name: max(1, shape[0] * shape[1] if len(shape) == 2 else sum(shape)) for name, shape in TENSORS.items()}

_random = random.Random(7)
START = {name: [round(_random.uniform(-1, 1), 3) for _ in range(n)] for name, n in ELEMENTS.items()}
GRADIENTS = [{name: [round(_random.gauss(0, 1), 3) for _ in range(n)] for name, n in ELEMENTS.items()}
             for _ in range(STEPS)]
LOSSES = [round(2 * 0.9 ** step + 0.05 * _random.random(), 3) for step in range(STEPS)]


def write(case, source, call, ours, parameters, tolerance=1e-12):
    """parameters: a dict of flat lists for every step. ours: "method options; wrapper options; ..."."""
    tensors = {name: shape for name, shape in TENSORS.items() if name in parameters[0]}
    layers = [layer.split(" ", 1) for layer in ours.split("; ")]
    method, *wrappers = [(layer[0], layer[1] if len(layer) > 1 else "") for layer in layers]
    lines = ["format gradopt-golden 1", f"case {case}", f"source {source}, by {PROGRAM}: {call}", f"algorithm {method[0]}"]
    lines += [f"options {method[1]}"] * (method[1] != "")
    lines += [f"wrap {name} {options}".rstrip() for name, options in wrappers]
    lines += ["oracle fixed", f"rtol {tolerance:g}", f"steps {STEPS}"]
    lines += [" ".join(map(str, ["param", name, len(shape), *shape])) for name, shape in tensors.items()]
    lines += [row("init", name, START[name]) for name in tensors]
    for step in range(STEPS):
        lines += [f"eval {step + 1} loss {LOSSES[step]!r}"]
        lines += [row("grad", name, GRADIENTS[step][name]) for name in tensors]
    for step in SHOWN:
        lines += [f"step {step}"] + [row("want", name, parameters[step - 1][name]) for name in tensors]
    path = FOLDER / f"{case}.golden"
    path.write_text("\n".join(lines + ["end", ""]))
    print(path.name)


def row(word, name, values):
    return " ".join([word, name, *(repr(float(value)) for value in values)])
