"""The optimizer over numpy arrays."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import _library as c
from . import registry
from ._handle import Handle, Values, memory, numpy_dtype


@dataclass(frozen=True)
class Rows:
    """A gradient of some rows, such as an embedding's: row `index[k]` has `values[k]`. A step leaves the others alone."""

    index: Values
    values: Values


Arrays = Mapping[str, Values]
Gradients = Mapping[str, Values | Rows]
Answer = Any  # what an evaluation returns: see Optimizer.step
Evaluate = Callable[["Request"], Answer]

_WORDS = {
    c.EVAL_GRAD: "gradient",
    c.EVAL_LOSS: "loss",
    c.EVAL_HVP: "product",
    c.EVAL_LOSSES: "losses",
    c.EVAL_CONSTRAINTS: "constraints",
    c.EVAL_RESIDUALS: "residuals",
    c.EVAL_JACOBIAN: "jacobian",
    c.EVAL_JVP: "jvp",
    c.EVAL_VJP: "vjp",
}
_COPIED = np.zeros(0)  # stands for a gradient that was not lent itself
_SAMPLES = ("same", "fresh", "full", "model", "index")


@dataclass
class Request:
    """What the step wants evaluated at the parameters as they stand.

    `kind` is "gradient", "loss", "product" (Hessian times `direction`), "losses", "constraints", "residuals",
    "jacobian", "jvp" (Jacobian times `direction`) or "vjp" (`weights` times Jacobian); `sample` is "same", "fresh", "full", "model" or "index" (number `index`), as in the header. Where `count`
    is not 0, components `component` to `component + count - 1` are meant. `weights`, where there are constraints: the
    gradient of the loss plus the weighted sum of them is wanted.
    """

    kind: str
    sample: str
    component: int
    count: int
    objective: int
    evaluation: int
    needs_loss: bool
    index: int = 0
    direction: dict[str, Values] = field(default_factory=dict)
    weights: Values | None = None
    answered: bool = False
    reply: Answer = None

    def answer(self, reply: Answer) -> None:
        """Hands over the answer, where requests are iterated over."""
        self.reply, self.answered = reply, True


def _split(params: Arrays | Sequence[Mapping[str, Any]]) -> list[tuple[Arrays, dict[str, Any]]]:
    """Groups of parameters, each with its options."""
    if isinstance(params, Mapping):
        return [(params, {})]
    return [(group["params"], {k: v for k, v in group.items() if k != "params"}) for group in params]


class Optimizer:
    """Any method of the library over numpy arrays, which it changes in place.

    `params` maps names to arrays (contiguous, writable; float32, float64, float16 or ml_dtypes' bfloat16), or is a list
    of groups, {"params": {...}, "lr": ..., "algorithm": ...}. Options are keyword arguments: those of the method, and
    the engine's (clip_norm, accumulate, state_dtype, ...). `wrappers` is a list of names or (name, options);
    `schedules` maps an option to a schedule's (name, options).

        opt = gradopt.Optimizer("adamw", {"w": w}, lr=3e-4)
        opt.step({"w": gradient})
    """

    def __init__(
        self,
        algorithm: str,
        params: Arrays | Sequence[Mapping[str, Any]],
        *,
        wrappers: Sequence[str | tuple[str, Mapping[str, Any]]] = (),
        schedules: Mapping[str, tuple[str, Mapping[str, Any]]] | None = None,
        threads: int | None = None,
        components: int | None = None,
        constraints: tuple[int, int] = (0, 0),
        residuals: int = 0,
        **options: Any,
    ) -> None:
        self.algorithm = algorithm
        self.entry = registry.algorithm(algorithm)
        self._constraints = sum(constraints)
        self._residuals = residuals
        groups = _split(params)
        self.handle = Handle(algorithm, {**options, **({} if len(groups) > 1 else groups[0][1])})
        self.params: dict[str, Values] = {}
        if components is not None:
            c.check(c.lib.optim_set_components(self.handle, components))
        if self._constraints:
            c.check(c.lib.optim_set_constraints(self.handle, *constraints))
        if residuals:
            c.check(c.lib.optim_set_residuals(self.handle, residuals))
        for number, (arrays, of_group) in enumerate(groups):
            group = number
            if number > 0:
                group = self.handle.add_group(of_group)
            elif len(groups) > 1:
                for key, value in of_group.items():
                    self.handle.set(0, key, self.entry.number(key, value))
            for name, array in arrays.items():
                self._add(group, name, array)
        self._wrappers: list[str] = []
        for wrapper in wrappers:
            name, with_options = (wrapper, {}) if isinstance(wrapper, str) else wrapper
            self.handle.wrap(name, with_options)
            self._wrappers.append(name)
        self._schedules = dict(schedules or {})
        for key, (schedule, with_options) in (schedules or {}).items():
            self.handle.schedule(-1, key, schedule, with_options)
        if threads is not None:
            c.check(c.lib.optim_set_threads(self.handle, threads))
        self._boxes: dict[str, list[Values | None]] = {}  # the library borrows them
        self._begin_lending()

    @staticmethod
    def _check(name: str, array: Values) -> None:
        if not isinstance(array, np.ndarray) or not array.flags.c_contiguous or not array.flags.writeable:
            raise TypeError(f'parameter "{name}" must be a contiguous, writable numpy array')

    def _add(self, group: int, name: str, array: Values) -> None:
        self._check(name, array)
        self.handle.add_param(group, name, numpy_dtype(array.dtype), array.shape, array.ctypes.data, None)
        self.params[name] = array

    def _begin_lending(self) -> None:
        """No gradient has been lent to the parameters as they are now."""
        self._names = list(self.params)
        self._index = {name: i for i, name in enumerate(self._names)}
        self._given: list[Values | None] = [None] * len(self._names)
        self._lent: list[Values | None] = [None] * len(self._names)
        self._bound: Values = np.zeros(len(self._names), np.uintp)

    def add(self, params: Arrays, **options: Any) -> None:
        """More parameters, in a group of their own if there are options (`algorithm` among them), after steps too: they
        begin with their own first step, and the others go on with the same bits."""
        group = self.handle.add_group(options) if options else 0
        for name, array in params.items():
            self._add(group, name, array)
        self._begin_lending()

    def resize(self, name: str, array: Values, keep: Any) -> None:
        """`array` takes the place of a parameter. Its first rows are the old ones `keep[0]`, `keep[1]`, ... (numbers, in
        any order, as often as wanted) with what is remembered of them; the rows behind those are new."""
        param, old = self._index[name], self.params[name]
        kept = np.ascontiguousarray(keep, np.int64)
        if array.dtype != old.dtype or array.shape[1:] != old.shape[1:] or array.ndim != old.ndim:
            raise ValueError(f'parameter "{name}" has rows of shape {old.shape[1:]} and {old.dtype}, the new array not')
        self._check(name, array)
        data = array.ctypes.data or 1
        c.check(c.lib.optim_resize(self.handle, param, kept.ctypes.data, kept.size, len(array), data, None))
        self.params[name] = array
        self._given[param], self._lent[param], self._bound[param] = None, None, 0

    # ---- Steps ----

    def _lend(self, grads: Gradients) -> None:
        """Binds the gradients; a parameter without one stands still. Arrays that were lent before need no look."""
        moved = False
        rows: dict[int, Rows] = {}
        for i, name in enumerate(self._names):
            grad = grads.get(name)
            if isinstance(grad, Rows):
                rows[i], grad = grad, None
            if grad is not self._given[i]:
                self._take(i, name, grad)
                moved = True
        if len(grads) > len(self._names) or not self._index.keys() >= grads.keys():
            wrong = next(name for name in grads if name not in self._index)
            raise KeyError(f'there is no parameter "{wrong}"; there are: {", ".join(self._names)}')
        if moved:
            c.check(c.lib.optim_bind_all(self.handle, None, self._bound.ctypes.data, len(self._names)))
        for i, some in rows.items():
            self._hand_over(i, some)
            self._given[i] = _COPIED

    def _hand_over(self, i: int, rows: Rows) -> None:
        """The library copies rows."""
        name, param = self._names[i], self.params[self._names[i]]
        index, values = np.ascontiguousarray(rows.index, np.int64), np.ascontiguousarray(rows.values, param.dtype)
        if values.shape != index.shape + param.shape[1:]:
            raise ValueError(
                f'{index.size} rows of "{name}" have shape {index.shape + param.shape[1:]}, the values {values.shape}'
            )
        c.check(c.lib.optim_set_sparse_grad(self.handle, i, index.size, index.ctypes.data, values.ctypes.data))

    def _take(self, i: int, name: str, grad: Values | None) -> None:
        """The gradient of one parameter, as the library wants it: a copy if it is of another kind."""
        param = self.params[name]
        lent = None if grad is None else np.ascontiguousarray(grad, param.dtype)
        if lent is not None and lent.shape != param.shape:
            raise ValueError(f'the gradient of "{name}" has shape {lent.shape}, the parameter {param.shape}')
        self._given[i] = grad if lent is grad else _COPIED  # a copy does not follow what it was made of
        self._lent[i] = lent
        self._bound[i] = 0 if lent is None else lent.ctypes.data or 1

    def _request(self) -> Request:
        info = self.handle.request()
        request = Request(
            _WORDS.get(info.kind, "gradient"),
            _SAMPLES[info.sample],
            max(info.component, 0),
            info.count,
            info.objective,
            info.evaluation,
            bool(info.needs_loss),
            info.index,
        )
        if info.kind == c.EVAL_HVP:
            for i, name in enumerate(self._names):
                lent = self._product(c.lib.optim_hvp_vector, i)
                if lent is not None:
                    request.direction[name] = lent
        if info.kind == c.EVAL_JVP:
            for i, name in enumerate(self._names):
                lent = self._product(c.lib.optim_jvp_vector, i)
                if lent is not None:
                    request.direction[name] = lent
        if info.kind == c.EVAL_VJP:
            request.weights = self.handle.numbers(c.lib.optim_vjp_vector, self._residuals).copy()
        if info.kind == c.EVAL_GRAD and self._constraints:
            weights = self.handle.numbers(c.lib.optim_constraint_weights, self._constraints)
            request.weights = weights.copy()
        return request

    def _product(self, call: Any, param: int) -> Values | None:
        address = self.handle.lent(call, param)
        if address is None:
            return None
        array = self.params[self._names[param]]
        dtype = np.dtype(np.float64 if array.dtype == np.float64 else np.float32)
        return np.ndarray(array.shape, dtype, memory(address, array.size * dtype.itemsize))

    def _give_gradient(self, reply: Answer) -> None:
        loss, grads = reply if isinstance(reply, tuple) else (None, reply)
        if loss is not None:
            c.check(c.lib.optim_set_loss(self.handle, float(loss)))
        self._lend(grads)

    def _give(self, kind: int, reply: Answer) -> None:
        """Answers the open request."""
        if kind == c.EVAL_GRAD:
            self._give_gradient(reply)
        elif kind == c.EVAL_LOSS:
            c.check(c.lib.optim_set_loss(self.handle, float(reply)))
        elif kind == c.EVAL_HVP:
            for i, name in enumerate(self._names):
                product = self._product(c.lib.optim_hvp_result, i)
                if product is not None:
                    product[...] = reply[name]
        elif kind == c.EVAL_LOSSES:
            losses = np.ascontiguousarray(reply, np.float64)
            c.check(c.lib.optim_set_losses(self.handle, losses.ctypes.data, losses.size))
        elif kind == c.EVAL_CONSTRAINTS:
            self.handle.numbers(c.lib.optim_constraint_values, self._constraints)[...] = reply
        elif kind == c.EVAL_RESIDUALS:
            self.handle.numbers(c.lib.optim_residual_values, self._residuals)[...] = reply
        elif kind == c.EVAL_JVP:
            self.handle.numbers(c.lib.optim_jvp_result, self._residuals)[...] = reply
        elif kind == c.EVAL_VJP:
            for i, name in enumerate(self._names):
                product = self._product(c.lib.optim_vjp_result, i)
                if product is not None:
                    product[...] = reply[name]
        elif kind == c.EVAL_JACOBIAN:
            for i, name in enumerate(self._names):
                rows = self.handle.lent(c.lib.optim_jacobian_rows, i)
                if rows is not None:
                    shape = (self._residuals, *self.params[name].shape)
                    room = memory(rows, self._residuals * self.params[name].size * 8)
                    np.ndarray(shape, np.float64, room)[...] = reply[name]

    def step(self, grads: Arrays | None = None, *, loss: float | None = None, evaluate: Evaluate | None = None) -> None:
        """One step with these gradients.

        A method that wants more within a step (its `needs` say so) calls `evaluate(request)`, which answers a
        "gradient" with (loss, {name: gradient}), a "loss" with the loss, a "product" with {name: Hessian times
        request.direction[name]}, "losses" with as many losses, "constraints" with their values, "residuals" with as many, "jacobian" with
        {name: derivatives by that parameter, of the shape (residuals, *its own)}, "jvp" with as many numbers as there
        are residuals, "vjp" with {name: derivative of request.weights times the residuals}. Without `grads` the
        gradient that the step begins with is asked for in the same way. After an error nothing has happened.
        """
        if grads is None and loss is not None:
            c.check(c.lib.optim_set_loss(self.handle, float(loss)))
        elif grads is not None:
            self._give_gradient((loss, grads))
        with closing(self._conversation(grads is None and evaluate is not None)) as requests:
            for request in requests:
                if evaluate is None:
                    raise TypeError(f'"{self.algorithm}" asks for a {request.kind}: give step() an evaluate function')
                request.answer(evaluate(request))

    def requests(self) -> Iterator[Request]:
        """One step as an iteration: each request is to be answered by its `answer` before the next is taken."""
        return self._conversation(True)

    def _conversation(self, asks_first: bool) -> Generator[Request, None, None]:
        """A step's requests, with `asks_first` that for the gradient which it begins with. Closed before its end, it has
        taken the step back."""

        def reply_to(request: Request) -> Answer:
            if not request.answered:
                raise RuntimeError(f"the request for a {request.kind} was not answered: call its answer(...)")
            return request.reply

        done = False
        try:
            if asks_first and c.lib.optim_wants_gradient(self.handle):
                request = self._request()
                yield request
                self._give_gradient(reply_to(request))
            while (status := c.check(c.lib.optim_step(self.handle))) > 0:
                c.refuse_exchange(status)
                request = self._request()
                yield request
                self._give(status, reply_to(request))
            done = True
        finally:
            if not done:
                c.lib.optim_cancel(self.handle)

    def update(self, grads: Arrays, *, loss: float | None = None) -> dict[str, Values]:
        """A step that leaves the parameters and returns what it would add to them: float64 for float64 parameters,
        float32 otherwise. Methods that move the parameters within a step refuse; those that ask for more than a gradient
        need `step`."""
        self._give_gradient((loss, grads))
        updates = {
            name: np.zeros(param.shape, np.float64 if param.dtype == np.float64 else np.float32)
            for name, param in self.params.items()
        }
        lent = np.array([updates[name].ctypes.data for name in self._names], np.uintp)
        if c.check(c.lib.optim_update(self.handle, lent.ctypes.data, lent.size)) > 0:
            c.lib.optim_cancel(self.handle)
            raise TypeError(f'"{self.algorithm}" asks for more than a gradient within a step: use step')
        return updates

    def accumulate(self, grads: Arrays, *, loss: float | None = None) -> None:
        """Adds a micro-batch's gradients; step() without any then takes their mean (option accumulate=1)."""
        self._give_gradient((loss, grads))
        c.check(c.lib.optim_accumulate(self.handle))

    def bounds(self, name: str, lower: Values | None = None, upper: Values | None = None) -> None:
        """Keeps a parameter in a box, element by element; None: no bound on that side."""
        index, param = self._index[name], self.params[name]
        kept = [
            None if side is None else np.ascontiguousarray(np.broadcast_to(side, param.shape), param.dtype)
            for side in (lower, upper)
        ]
        ends = [None if side is None else side.ctypes.data for side in kept]
        c.check(c.lib.optim_set_bounds(self.handle, index, *ends))
        self._boxes[name] = kept

    # ---- Looking, changing ----

    @property
    def steps(self) -> int:
        """Completed steps."""
        return int(c.lib.optim_steps(self.handle))

    def __getitem__(self, key: str) -> float:
        """The value of an option, or of a number that the method keeps."""
        return self.handle.get(0, key)

    def __setitem__(self, key: str, value: float) -> None:
        self.handle.set(-1, key, float(value))

    def get(self, key: str, group: int = 0) -> float:
        """The value that the next step of the group uses."""
        return self.handle.get(group, key)

    def set(self, key: str, value: float, group: int = -1) -> None:
        """Sets a numeric option of a group, or of all."""
        self.handle.set(group, key, float(value))

    def state(self) -> dict[str, dict[str, Values]]:
        """A copy of what is kept of every parameter: {parameter: {"adamw.m": array, ...}}."""
        return {name: {a.name: a.values.copy() for a in self.handle.arrays(i)} for i, name in enumerate(self._names)}

    def output(self) -> dict[str, Values]:
        """The point that the optimizer stands for: an average where there is one, else the parameters."""
        result = {}
        for i, (name, param) in enumerate(self.params.items()):
            result[name] = np.empty_like(param)
            c.check(c.lib.optim_output(self.handle, i, result[name].ctypes.data))
        return result

    def _values(self, entry: registry.Entry, prefix: str = "") -> list[str]:
        """A line for each option that is a number or a keyword, as it stands."""
        lines = []
        for option in entry.options:
            if option.kind not in ("number", "integer", "switch", "keyword"):
                continue
            value = self.get(prefix + option.name)
            text = option.range.split("|")[int(value)] if option.kind == "keyword" else f"{value:g}"
            lines.append(f"{option.name} = {text}  {option.meaning}")
        return lines

    def describe(self) -> str:
        """The method, its options, wrappers and schedules as they stand, and the parameters with what is kept of
        them."""
        lines = [f"{self.entry.name}: {self.entry.purpose}", f"  {self.entry.citation}", f"  {self.steps} steps"]
        lines += [f"  {line}" for line in self._values(self.entry)]
        for name in self._wrappers:
            wrapper = registry.wrapper(name)
            lines.append(f"  wrapper {name}: {wrapper.purpose}")
            lines += [f"    {line}" for line in self._values(wrapper, f"{name}.")]
        for key, (name, with_options) in self._schedules.items():
            given = ", ".join(f"{k}={v}" for k, v in with_options.items())
            lines.append(f"  schedule of {key}: {name}({given})  {registry.schedule(name).purpose}")
        for i, (name, param) in enumerate(self.params.items()):
            kept = ", ".join(f"{a.name} {a.dtype}{list(a.values.shape)}" for a in self.handle.arrays(i))
            lines.append(f'  "{name}" {param.dtype}{list(param.shape)}: {kept or "nothing kept yet"}')
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<gradopt.Optimizer {self.algorithm}, {len(self._names)} parameters, {self.steps} steps>"

    # ---- Checkpoints ----

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the state to a file (safetensors); parameters are yours to save."""
        c.check(c.lib.optim_save(self.handle, os.fsencode(path)))

    def snapshot(self, path: str | os.PathLike[str]) -> None:
        """Begins to save the state as it is now and returns at once; it is copied while you evaluate the next gradient,
        and written while you go on. `wait`, or the next save, tells what became of it."""
        c.check(c.lib.optim_snapshot_begin(self.handle, os.fsencode(path)))

    def wait(self) -> None:
        """Until the snapshot is on the disk."""
        c.check(c.lib.optim_snapshot_wait(self.handle))

    def load(self, path: str | os.PathLike[str], *, matching: bool = False) -> None:
        """Reads it back, all or nothing; `matching`: what the file lacks begins fresh, what only it has is left out."""
        if matching:
            rules = c.LoadRules(missing=1, unknown=1, reshaped=1, wrappers=1)
            c.check(c.lib.optim_load_matching(self.handle, os.fsencode(path), ctypes.byref(rules)))
        else:
            c.check(c.lib.optim_load(self.handle, os.fsencode(path)))

    def __getstate__(self) -> bytes:
        raise TypeError("an Optimizer is not pickled: pickle opt.serialize() and your parameters")

    def serialize(self) -> bytes:
        """The state as bytes."""
        return self.handle.serialize()

    def deserialize(self, state: bytes) -> None:
        """Back from bytes."""
        self.handle.deserialize(state)
