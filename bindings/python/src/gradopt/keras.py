"""Keras' door: an optimizer of Keras 3 for every method that a gradient suffices for, on its backends torch and jax.

    import gradopt.keras

    model.compile(optimizer=gradopt.keras.Optimizer("adamw", learning_rate=1e-3, weight_decay=0.01), loss="mse")

The step runs in the library on the host, within compiled training steps of jax by jax.pure_callback. Whatever is kept
lies in the optimizer's variables: models are saved and loaded with it, and go on with the same bits. Learning-rate
schedules, clipping, gradient accumulation and averages of Keras are Keras' own; everything else is the library's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from . import registry
from ._handle import Handle, Values
from ._stateless import Model

_CANNOT = {"components", "losses", "constraints", "inputs", "particles", "products", "more gradients", "loss"}
_OF_KERAS = (
    "clipnorm",
    "clipvalue",
    "global_clipnorm",
    "use_ema",
    "ema_momentum",
    "ema_overwrite_frequency",
    "loss_scale_factor",
    "gradient_accumulation_steps",
)


def _packed(values: Values) -> Values:
    """As every backend can hold it: float32 as it is, other kinds as bytes."""
    return values if values.dtype == np.float32 else np.frombuffer(values.tobytes(), np.uint8)


def _unpacked(values: Any, like: Values) -> Values:
    array = np.asarray(values)
    return array if like.dtype == np.float32 else np.frombuffer(array.tobytes(), like.dtype).reshape(like.shape)


@keras.saving.register_keras_serializable(package="gradopt")
class Optimizer(keras.optimizers.Optimizer):
    """The method of this name. `learning_rate` is its option lr, a number or one of Keras' schedules; other options are
    keyword arguments, those of the method and of the engine. `wrappers` is a list of names or (name, options)."""

    def __init__(
        self,
        algorithm: str,
        learning_rate: Any = None,
        *,
        wrappers: Sequence[Any] = (),
        name: str | None = None,
        **options: Any,
    ) -> None:
        entry = registry.algorithm(algorithm)
        if entry.needs & _CANNOT:
            raise TypeError(f'"{algorithm}" wants more than gradients: use gradopt.Optimizer')
        of_keras = {key: options.pop(key) for key in _OF_KERAS if key in options}
        lr = entry.option("lr")
        if learning_rate is None:
            learning_rate = lr.default if lr is not None else 1.0
        super().__init__(learning_rate=learning_rate, name=name or algorithm, **of_keras)
        Handle(algorithm, options)  # refuses bad values now
        self.algorithm, self.wrappers, self.method_options = algorithm, list(wrappers), options
        self._reads_rate, self._of_keras = lr is not None, of_keras
        self._model: Model | None = None

    # ---- State: a flat list of variables ----

    def build(self, variables: Sequence[Any]) -> None:
        """Takes the memory of all states."""
        if self.built:
            return
        super().build(variables)
        values = [keras.ops.convert_to_numpy(variable) for variable in variables]
        self._model = Model(self.algorithm, self.wrappers, self.method_options, values)
        self._layout = self._model.start(values)
        self._kept = []
        for number, array in enumerate(self._flat(self._layout)):
            variable = self.add_variable(array.shape, dtype=str(array.dtype), name=f"state_{number}")
            variable.assign(array)
            self._kept.append(variable)

    @staticmethod
    def _flat(state: Any) -> list[Values]:
        arrays = [_packed(array) for of_param in state["arrays"] for array in of_param.values()]
        return [*arrays, state["numbers"], np.asarray(state["length"], np.int32).reshape(1)]

    def _whole(self, flat: Sequence[Any]) -> Any:
        rest = iter(flat)
        arrays = [{k: _unpacked(next(rest), like) for k, like in kept.items()} for kept in self._layout["arrays"]]
        return {"arrays": arrays, "numbers": np.asarray(next(rest)), "length": int(np.asarray(next(rest))[0])}

    # ---- A step ----

    def _step(self, grads: Sequence[Any], params: Sequence[Any], kept: Sequence[Any], rate: Any) -> Any:
        assert self._model is not None
        lr = float(np.asarray(rate)) if self._reads_rate else None
        after, state = self._model.advance(grads, self._whole(kept), params, lr)
        return after, self._flat(state)

    def _backend_update_step(
        self, grads: Sequence[Any], trainable_variables: Sequence[Any], learning_rate: Any
    ) -> None:
        given = {id(variable): grad for variable, grad in zip(trainable_variables, grads, strict=True)}
        every = self._trainable_variables
        has = [id(variable) in given for variable in every]

        def run(some: Sequence[Any], params: Sequence[Any], kept: Sequence[Any], rate: Any) -> Any:
            rest = iter(some)
            return self._step([next(rest) if there else None for there in has], params, kept, rate)

        arguments = ([given[id(v)] for v in every if id(v) in given], [v.value for v in every],
                     [v.value for v in self._kept], keras.ops.convert_to_tensor(learning_rate))  # fmt: skip
        if keras.backend.backend() == "jax":
            after, kept = self._call_back(run, arguments)
        elif keras.backend.backend() == "torch":
            after, kept = run(*keras.tree.map_structure(keras.ops.convert_to_numpy, arguments))
        else:
            raise NotImplementedError(
                f"gradopt.keras runs on the backends torch and jax, not {keras.backend.backend()}"
            )
        for variable, value in zip([*every, *self._kept], [*after, *kept], strict=True):
            variable.assign(value)

    def _call_back(self, run: Any, arguments: Any) -> Any:
        import jax

        def shapes(arrays: Sequence[Any]) -> list[Any]:
            return [jax.ShapeDtypeStruct(array.shape, array.dtype) for array in arrays]

        return jax.pure_callback(run, (shapes(arguments[1]), shapes(arguments[2])), *arguments)

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        raise RuntimeError("all variables are stepped at once")

    # ---- Saving ----

    def get_config(self) -> dict[str, Any]:
        """What makes this optimizer again; its variables are saved beside."""
        config = super().get_config()
        kept = {key: config[key] for key in ("name", "learning_rate", *_OF_KERAS) if key in config}
        return kept | {"algorithm": self.algorithm, "wrappers": self.wrappers} | self.method_options
