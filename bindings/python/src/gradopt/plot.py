"""Pictures: schedules, races, and paths over functions of two variables. The numbers need numpy alone, the pictures
matplotlib.

    import gradopt.plot

    gradopt.plot.paths(["sgd", ("adam", {"lr": 0.1})], "rosenbrock")
    gradopt.plot.race(["sgd", "adam"], "ravine")
    gradopt.plot.schedules([("warmup_cosine", {"warmup": 10, "steps": 100})])

Each draws into `ax`, or into a new figure, and returns the axes. `python -m gradopt.plot FOLDER` draws the gallery.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import _library as c
from ._handle import Values
from .optimizer import Optimizer, Request

Method = str | tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Function:
    """A function of two variables with its gradient and Hessian; where it begins, its box, and where its minima are."""

    name: str
    value: Callable[[Values], Any]  # of an array (2, ...)
    gradient: Callable[[Values], Values]
    hessian: Callable[[Values], Values]
    start: tuple[float, float]
    box: tuple[float, float, float, float]  # left, right, bottom, top
    minima: tuple[tuple[float, float], ...]


def _himmelblau_hessian(x: Values) -> Values:
    cross = 4 * (x[0] + x[1])
    return np.array([[12 * x[0] ** 2 + 4 * x[1] - 42, cross], [cross, 12 * x[1] ** 2 + 4 * x[0] - 26]])


_FUNCTIONS = (
    Function(
        "rosenbrock",
        lambda x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2,
        lambda x: np.array([-2 * (1 - x[0]) - 400 * x[0] * (x[1] - x[0] ** 2), 200 * (x[1] - x[0] ** 2)]),
        lambda x: np.array([[2 - 400 * x[1] + 1200 * x[0] ** 2, -400 * x[0]], [-400 * x[0], 200.0]]),
        (-1.2, 1.0),
        (-1.8, 1.8, -0.7, 2.0),
        ((1.0, 1.0),),
    ),
    Function(
        "ravine",
        lambda x: (x[0] ** 2 + 30 * x[1] ** 2) / 2,
        lambda x: np.array([x[0], 30 * x[1]]),
        lambda x: np.array([[1.0, 0.0], [0.0, 30.0]]),
        (-4.0, 1.0),
        (-5.0, 2.0, -1.5, 1.5),
        ((0.0, 0.0),),
    ),
    Function(
        "himmelblau",
        lambda x: (x[0] ** 2 + x[1] - 11) ** 2 + (x[0] + x[1] ** 2 - 7) ** 2,
        lambda x: np.array(
            [
                4 * x[0] * (x[0] ** 2 + x[1] - 11) + 2 * (x[0] + x[1] ** 2 - 7),
                2 * (x[0] ** 2 + x[1] - 11) + 4 * x[1] * (x[0] + x[1] ** 2 - 7),
            ]
        ),
        _himmelblau_hessian,
        (-0.5, -1.0),
        (-5.0, 5.0, -5.0, 5.0),
        ((3.0, 2.0), (-2.805118, 3.131312), (-3.779310, -3.283186), (3.584428, -1.848126)),
    ),
    Function(
        "saddle",
        lambda x: x[0] ** 4 / 4 - x[0] ** 2 / 2 + x[1] ** 2 / 2,
        lambda x: np.array([x[0] ** 3 - x[0], x[1]]),
        lambda x: np.array([[3 * x[0] ** 2 - 1, 0.0], [0.0, 1.0]]),
        (0.01, 1.5),
        (-2.0, 2.0, -1.0, 2.0),
        ((-1.0, 0.0), (1.0, 0.0)),
    ),
)
FUNCTIONS: dict[str, Function] = {function.name: function for function in _FUNCTIONS}


def _find(function: str | Function) -> Function:
    if isinstance(function, Function):
        return function
    if function not in FUNCTIONS:
        raise ValueError(f'there is no function "{function}"; there are: {", ".join(FUNCTIONS)}')
    return FUNCTIONS[function]


def _split(method: Method) -> tuple[str, dict[str, Any]]:
    return (method, {}) if isinstance(method, str) else (method[0], dict(method[1]))


def _label(method: Method) -> str:
    name, options = _split(method)
    return " ".join([name, *(f"{key}={value}" for key, value in options.items())])


# ---- Numbers ----


def run(method: Method, function: str | Function, steps: int = 100) -> Values:
    """The points of a run, (steps + 1, 2): where the method's output is, step by step."""
    f = _find(function)
    name, options = _split(method)
    x = np.array(f.start)
    opt = Optimizer(name, {"x": x}, **options)

    def answer(request: Request) -> Any:
        if request.kind == "gradient":
            return float(f.value(x)), {"x": f.gradient(x)}
        if request.kind == "loss":
            return float(f.value(x))
        if request.kind == "product":
            return {"x": f.hessian(x) @ request.direction["x"]}
        raise TypeError(f'"{name}" asks for {request.kind}, which a function of two variables does not have')

    points = np.full((steps + 1, 2), np.nan)
    points[0] = x
    for k in range(1, steps + 1):
        try:
            opt.step(evaluate=answer)
        except c.NumericError:  # as far as it goes
            points[k:] = points[k - 1]
            break
        points[k] = opt.output()["x"]
    return points


def values(schedule: Method, steps: int = 100, start: float = 1.0) -> Values:
    """The values that a schedule gives an option which is `start`, for each of `steps` steps."""
    name, options = _split(schedule)
    opt = Optimizer("sgd", {"x": np.zeros(1)}, lr=start, schedules={"lr": (name, options)})
    result = np.zeros(steps)
    c.check(c.lib.optim_schedule_values(opt.handle, 0, b"lr", 0, steps, result.ctypes.data))
    return result


# ---- Pictures ----


def _axes(ax: Any) -> Any:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(6, 4))[1]


def schedules(which: Sequence[Method], steps: int = 100, start: float = 1.0, ax: Any = None) -> Any:
    """The values of schedules, step by step."""
    ax = _axes(ax)
    for schedule in which:
        ax.plot(values(schedule, steps, start), label=_label(schedule))
    ax.set_xlabel("step")
    ax.set_ylabel("value")
    ax.legend(fontsize="small")
    return ax


def race(methods: Sequence[Method], function: str | Function, steps: int = 100, ax: Any = None) -> Any:
    """What is left of the function's value above its minimum, step by step, on a logarithmic axis."""
    ax, f = _axes(ax), _find(function)
    lowest = min(float(f.value(np.array(point))) for point in f.minima)
    for method in methods:
        left = f.value(run(method, f, steps).T) - lowest
        ax.plot(np.maximum(left, 1e-16), label=_label(method))
    ax.set_yscale("log")
    ax.set_xlabel("step")
    ax.set_ylabel(f"{f.name}, above its minimum")
    ax.legend(fontsize="small")
    return ax


def paths(methods: Sequence[Method], function: str | Function, steps: int = 100, ax: Any = None) -> Any:
    """The paths of methods over the levels of the function."""
    ax, f = _axes(ax), _find(function)
    left, right, bottom, top = f.box
    x, y = np.meshgrid(np.linspace(left, right, 200), np.linspace(bottom, top, 200))
    height = np.log1p(f.value(np.stack([x, y])) - np.min(f.value(np.array(f.minima).T)))
    ax.contour(x, y, height, 15, colors="#bbbbbb", linewidths=0.6)
    for method in methods:
        points = run(method, f, steps)
        ax.plot(points[:, 0], points[:, 1], ".-", markersize=2.5, linewidth=1, label=_label(method))
    ax.plot(*np.array(f.minima).T, "k*", markersize=8)
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    ax.set_title(f.name, fontsize="medium")
    ax.legend(fontsize="x-small")
    return ax


# ---- The gallery ----

_PATHS: dict[str, list[Method]] = {
    "rosenbrock": [
        ("sgd", {"lr": 0.001}),
        ("sgd", {"lr": 0.0005, "momentum": 0.9}),
        ("adam", {"lr": 0.1}),
        ("lbfgs", {}),
        ("trust_ncg", {}),
    ],
    "ravine": [
        ("sgd", {"lr": 0.06}),
        ("sgd", {"lr": 0.02, "momentum": 0.9, "nesterov": 1}),
        ("adam", {"lr": 0.3}),
        ("prodigy", {}),
    ],
    "himmelblau": [("sgd", {"lr": 0.01}), ("adam", {"lr": 0.3}), ("lion", {"lr": 0.1}), ("nelder_mead", {})],
    "saddle": [
        ("sgd", {"lr": 0.1}),
        ("adam", {"lr": 0.1}),
        ("cubic_newton", {}),
        ("sgd", {"lr": 0.05, "momentum": 0.9}),
    ],
}
_SCHEDULES: list[Method] = [
    ("linear", {"steps": 80, "start_factor": 1, "end_factor": 0.1}),
    ("warmup_cosine", {"warmup": 10, "steps": 100}),
    ("onecycle", {"steps": 100}),
    ("wsd", {"warmup": 10, "steps": 100}),
    ("cosine_restarts", {"period": 25}),
    ("inverse_sqrt", {"warmup": 10}),
]


def gallery(folder: str | Path) -> None:
    """Draws the pictures of docs/gallery."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from PIL import Image  # matplotlib's own requirement

    where = Path(folder)
    where.mkdir(parents=True, exist_ok=True)

    def save(figure: Any, name: str) -> None:
        drawn = io.BytesIO()
        figure.tight_layout()
        figure.savefig(drawn, dpi=85)
        plt.close(figure)
        Image.open(drawn).convert("RGB").quantize(48).save(where / name, optimize=True)

    for name, methods in _PATHS.items():
        figure, axes = plt.subplots(1, 2, figsize=(10, 4))
        paths(methods, name, 60, axes[0])
        race(methods, name, 60, axes[1])
        save(figure, f"{name}.png")
    figure, one = plt.subplots(figsize=(7, 4))
    schedules(_SCHEDULES, 100, 1.0, one)
    save(figure, "schedules.png")


if __name__ == "__main__":
    gallery(sys.argv[1] if len(sys.argv) > 1 else "gallery")
