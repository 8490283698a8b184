"""A step as a function of gradients, state and parameters: for libraries whose optimizers keep nothing of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _library as c
from ._handle import Handle, Values, numpy_dtype

_ROOM = 4096  # bytes by which the text of numbers may grow


class Model:
    """A handle over arrays of these shapes, whose state is written before and read after every step."""

    def __init__(self, algorithm: str, wrappers: Sequence[Any], options: dict[str, Any], like: Sequence[Any]) -> None:
        self.handle = Handle(algorithm, options)
        self.params = [np.zeros(leaf.shape, leaf.dtype) for leaf in like]
        self.grads = [np.zeros(leaf.shape, leaf.dtype) for leaf in like]
        for i, param in enumerate(self.params):
            grad = self.grads[i]
            self.handle.add_param(
                0, str(i), numpy_dtype(param.dtype), param.shape, param.ctypes.data, grad.ctypes.data or 1
            )
        for wrapper in wrappers:
            name, with_options = (wrapper, {}) if isinstance(wrapper, str) else wrapper
            self.handle.wrap(name, with_options)
        c.check(c.lib.optim_prepare(self.handle))
        self.room = len(self.handle.serialize_numbers()) + _ROOM

    def _views(self) -> list[dict[str, Values]]:
        return [
            {a.name: _portable(a.values, param) for a in self.handle.arrays(i)} for i, param in enumerate(self.params)
        ]

    def state(self) -> Any:
        numbers = np.frombuffer(self.handle.serialize_numbers(), np.uint8)
        if numbers.size > self.room:
            raise RuntimeError("the state's text has outgrown its room")
        padded = np.zeros(self.room, np.uint8)
        padded[: numbers.size] = numbers
        return {"arrays": [{k: v.copy() for k, v in views.items()} for views in self._views()],
                "length": np.int32(numbers.size), "numbers": padded}  # fmt: skip

    def start(self, params: Sequence[Any]) -> Any:
        """The state that a step from these parameters would find."""
        for mine, given in zip(self.params, params, strict=True):
            mine[...] = given
        c.check(c.lib.optim_reset(self.handle))
        return self.state()

    def _bind(self, grads: Sequence[Any]) -> None:
        """Takes gradients over; a parameter without one stands still."""
        lent = np.zeros(len(self.grads), np.uintp)
        for i, (mine, given) in enumerate(zip(self.grads, grads, strict=True)):
            if given is not None:
                mine[...] = np.asarray(given)
                lent[i] = mine.ctypes.data or 1
        c.check(c.lib.optim_bind_all(self.handle, None, lent.ctypes.data, lent.size))

    def _ready(self, grads: Sequence[Any], state: Any, params: Sequence[Any], lr: float | None = None) -> None:
        """Takes all over that a step reads."""
        self.handle.deserialize(np.asarray(state["numbers"])[: int(state["length"])].tobytes())
        for views, kept in zip(self._views(), state["arrays"], strict=True):
            for name, view in views.items():
                view[...] = np.asarray(kept[name])
        for mine, given in zip(self.params, params, strict=True):
            mine[...] = np.asarray(given)
        self._bind(grads)
        if lr is not None:
            self.handle.set(-1, "lr", lr)

    def _complete(self, status: int) -> None:
        if c.check(status) > 0:
            c.lib.optim_cancel(self.handle)
            c.refuse_exchange(status)
            raise TypeError("this method evaluates the loss within a step, which cannot be done here")

    def advance(self, grads: Sequence[Any], state: Any, params: Sequence[Any], lr: float | None = None) -> Any:
        """The new parameters and the new state; `lr` in place of the one that the state was made with."""
        self._ready(grads, state, params, lr)
        self._complete(c.lib.optim_step(self.handle))
        return [mine.copy() for mine in self.params], self.state()

    def step(self, grads: Sequence[Any], state: Any, params: Sequence[Any]) -> Any:
        """What the step adds to the parameters, of float32 where those are of 16 bits, and the new state."""
        self._ready(grads, state, params)
        updates = [np.empty(mine.shape, update_dtype(mine.dtype)) for mine in self.params]
        lent = np.array([update.ctypes.data for update in updates], np.uintp)
        self._complete(c.lib.optim_update(self.handle, lent.ctypes.data, lent.size))
        return updates, self.state()


def update_dtype(dtype: Any) -> np.dtype[Any]:
    """Of the update of a parameter."""
    return np.dtype(np.float64 if np.dtype(dtype) == np.float64 else np.float32)


def _portable(values: Values, param: Values) -> Values:
    """Doubles as pairs of words where jax may not have doubles: beside parameters that are none."""
    if values.dtype == np.float64 and param.dtype != np.float64:
        return values.view(np.uint32)
    return values
