"""optax's door: every method that a gradient suffices for, as a GradientTransformation.

    import gradopt.optax

    tx = gradopt.optax.adamw(lr=3e-4)
    state = tx.init(params)
    updates, state = tx.update(grads, state, params)

The step runs in the library on the host, by jax.pure_callback: under jit, scan and within optax.chain. The state is a
pytree of arrays: what is kept of every parameter by name, and the rest (counts, estimates, the random stream) as bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from . import _library as c
from . import registry
from ._handle import Handle, Values, numpy_dtype

_ROOM = 4096  # bytes by which the text of numbers may grow


class _Model:
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

    def step(self, grads: Sequence[Any], state: Any, params: Sequence[Any]) -> Any:
        self.handle.deserialize(np.asarray(state["numbers"])[: int(state["length"])].tobytes())
        for views, kept in zip(self._views(), state["arrays"], strict=True):
            for name, view in views.items():
                view[...] = np.asarray(kept[name])
        before = [np.array(given) for given in params]
        for i, given in enumerate(before):
            self.params[i][...] = given
            self.grads[i][...] = np.asarray(grads[i])
        if c.check(c.lib.optim_step(self.handle)) > 0:
            c.lib.optim_cancel(self.handle)
            raise TypeError("this method evaluates the loss within a step, which a GradientTransformation cannot")
        return [mine - given for mine, given in zip(self.params, before, strict=True)], self.state()


def _portable(values: Values, param: Values) -> Values:
    """Doubles as pairs of words where jax may not have doubles: beside parameters that are none."""
    if values.dtype == np.float64 and param.dtype != np.float64:
        return values.view(np.uint32)
    return values


def _shapes(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(np.shape(leaf), np.asarray(leaf).dtype), tree)


def transformation(algorithm: str, *, wrappers: Sequence[Any] = (), **options: Any) -> optax.GradientTransformation:
    """The method of this name, with its options and the engine's."""
    if registry.algorithm(algorithm).needs & {"components", "losses", "constraints", "inputs", "particles", "products"}:
        raise TypeError(f'"{algorithm}" wants more than gradients: use gradopt.Optimizer')
    Handle(algorithm, options)  # refuses bad values now
    models: dict[Any, _Model] = {}

    def model(leaves: Sequence[Any]) -> _Model:
        key = tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves)
        if key not in models:
            models[key] = _Model(algorithm, wrappers, options, leaves)
        return models[key]

    def init(params: Any) -> Any:
        leaves = [jnp.asarray(leaf) for leaf in jax.tree.leaves(params)]
        made = model(leaves)
        return jax.pure_callback(made.start, _shapes(made.state()), leaves)

    def update(updates: Any, state: Any, params: Any = None) -> Any:
        if params is None:
            raise ValueError("the update needs the parameters: tx.update(grads, state, params)")
        leaves, tree = jax.tree.flatten(params)
        grads = [jnp.asarray(g, p.dtype) for g, p in zip(jax.tree.leaves(updates), leaves, strict=True)]
        made = model(leaves)
        shapes = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in leaves]
        moved, state = jax.pure_callback(made.step, (shapes, _shapes(made.state())), grads, state, leaves)
        return jax.tree.unflatten(tree, moved), state

    return optax.GradientTransformation(init, update)


def _factory(algorithm: str) -> Callable[..., optax.GradientTransformation]:
    made = partial(transformation, algorithm)
    made.__doc__ = registry.docstring(registry.algorithm(algorithm))
    return made


METHODS = {
    name: _factory(name)
    for name in registry.algorithms()
    if not registry.algorithm(name).needs
    & {"components", "losses", "constraints", "inputs", "particles", "products", "more gradients"}
}
globals().update(METHODS)


def __getattr__(name: str) -> Any:
    raise AttributeError(f'gradopt.optax has no "{name}"; it has: {", ".join(METHODS)}')
