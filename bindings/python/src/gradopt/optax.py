"""optax's door: every method that a gradient suffices for, as a GradientTransformation.

    import gradopt.optax

    tx = gradopt.optax.adamw(lr=3e-4)
    state = tx.init(params)
    updates, state = tx.update(grads, state, params)

The step runs in the library on the host, by jax.pure_callback: under jit, scan and within optax.chain. The state is a
pytree of arrays: what is kept of every parameter by name, and the rest (counts, estimates, the random stream) as bytes.
Updates are the library's own (optim_update): float32 for parameters of 16 bits, before anything is rounded to those.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from . import registry
from ._handle import Handle
from ._stateless import Model, update_dtype


def _shapes(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(np.shape(leaf), np.asarray(leaf).dtype), tree)


def transformation(algorithm: str, *, wrappers: Sequence[Any] = (), **options: Any) -> optax.GradientTransformation:
    """The method of this name, with its options and the engine's."""
    if registry.algorithm(algorithm).needs & {
        "components",
        "losses",
        "constraints",
        "inputs",
        "particles",
        "residuals",
        "products",
    }:
        raise TypeError(f'"{algorithm}" wants more than gradients: use gradopt.Optimizer')
    Handle(algorithm, options)  # refuses bad values now
    models: dict[Any, Model] = {}

    def model(leaves: Sequence[Any]) -> Model:
        key = tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves)
        if key not in models:
            models[key] = Model(algorithm, wrappers, options, leaves)
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
        shapes = [jax.ShapeDtypeStruct(leaf.shape, update_dtype(leaf.dtype)) for leaf in leaves]
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
    & {"components", "losses", "constraints", "inputs", "particles", "residuals", "products", "more gradients"}
}
globals().update(METHODS)


def __getattr__(name: str) -> Any:
    raise AttributeError(f'gradopt.optax has no "{name}"; it has: {", ".join(METHODS)}')
