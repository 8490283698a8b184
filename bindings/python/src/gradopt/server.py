"""Servers, which many clients hand their work in to, over numpy arrays: the rules of optim/federated.h.

server = gradopt.Server("scaffold", {"w": w}, clients=4, lr=0.1, local_steps=10)
for _ in range(100):
    for client in server.select():
        y = server.begin(client)
        for _ in range(int(server.get("steps", client))):
            while True:
                grads = {"w": gradient(client, y["w"])}
                if server.local(client, y, grads):
                    break
            y["w"] -= server.get("rate", client) * grads["w"]
        server.end(client, y, steps=10)
    server.commit()
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _library as c
from . import registry
from ._handle import Values, numpy_dtype, option_string

Arrays = Mapping[str, Values]


class Server:
    """A server that goes by a rule (gradopt.rules()) and changes the arrays of `params` in place when it commits.

    `params` maps names to contiguous, writable arrays, `clients` says how many there are, numbered from 0; options are
    the rule's (gradopt.rule("fedavg").options). Clients may begin and hand in in any order: sums run over ascending
    client numbers.
    """

    def __init__(self, rule: str, params: Arrays, *, clients: int | None = None, **options: Any) -> None:
        self.rule = rule
        self.entry = registry.rule(rule)
        self.params: dict[str, Values] = {}
        self._as_parameter_ = ctypes.c_void_p()
        self._lent: dict[tuple[int, str], Values] = {}  # matrices that the library borrows
        c.check(c.lib.optim_server_create(ctypes.byref(self._as_parameter_), rule.encode(), option_string(options)))
        for name, array in params.items():
            if not isinstance(array, np.ndarray) or not array.flags.c_contiguous or not array.flags.writeable:
                raise TypeError(f'parameter "{name}" must be a contiguous, writable numpy array')
            c.check(
                c.lib.optim_server_add_param(
                    self,
                    name.encode(),
                    numpy_dtype(array.dtype),
                    array.ndim,
                    c.dims(array.shape),
                    array.ctypes.data or 1,
                )
            )
            self.params[name] = array
        if clients is not None:
            c.check(c.lib.optim_server_set_clients(self, clients))
        self.clients = clients

    def __del__(self) -> None:
        handle = getattr(self, "_as_parameter_", None)
        if handle:
            c.lib.optim_server_destroy(handle)

    # ---- What the caller knows of clients ----

    def set_numbers(self, name: str, values: npt.ArrayLike) -> None:
        """Numbers of all clients: "size", "probability", "time", "norm", "arrival", "loss"."""
        numbers = np.ascontiguousarray(values, np.float64)
        c.check(c.lib.optim_server_set_numbers(self, name.encode(), numbers.ctypes.data, numbers.size))

    def set_input(self, client: int, name: str, matrix: Values | None) -> None:
        """A matrix of a client's that the rule trains on itself; None takes it back."""
        rows, columns = (1, 1) if matrix is None else matrix.shape
        kept = None if matrix is None else np.ascontiguousarray(matrix)
        dtype = c.F64 if kept is None else numpy_dtype(kept.dtype)
        address = None if kept is None else kept.ctypes.data
        c.check(c.lib.optim_server_set_input(self, client, name.encode(), dtype, rows, columns, address))
        if kept is None:
            self._lent.pop((client, name), None)
        else:
            self._lent[client, name] = kept

    # ---- A round ----

    def select(self) -> list[int]:
        """Who takes part in this round, ascending."""
        count = ctypes.c_size_t()
        c.check(c.lib.optim_server_select(self, None, 0, ctypes.byref(count)))
        chosen = (ctypes.c_int64 * max(count.value, 1))()
        c.check(c.lib.optim_server_select(self, chosen, count.value, ctypes.byref(count)))
        return list(chosen[: count.value])

    def _buffers(self, arrays: Arrays, what: str) -> tuple[Any, list[Values]]:
        """Their addresses in the order of the parameters, and what keeps them alive; they are read."""
        if arrays.keys() != self.params.keys():
            raise KeyError(f"{what}: arrays for {', '.join(self.params)} are wanted, not for {', '.join(arrays)}")
        kept = []
        for name, param in self.params.items():
            array = np.ascontiguousarray(arrays[name], param.dtype)
            if array.shape != param.shape:
                raise ValueError(f'{what}: "{name}" has shape {array.shape}, the parameter {param.shape}')
            kept.append(array)
        return (ctypes.c_void_p * max(len(kept), 1))(*[array.ctypes.data or 1 for array in kept]), kept

    def _written(self, arrays: Arrays, what: str) -> Any:
        """The same where the library writes into them: they must be of the parameters' kind."""
        for name, array in arrays.items():
            param = self.params.get(name)
            fits = (
                param is not None and array.dtype == param.dtype and array.flags.c_contiguous and array.flags.writeable
            )
            if not fits:
                raise TypeError(f'{what}: "{name}" must be a contiguous, writable array like the parameter')
        return self._buffers(arrays, what)[0]

    def begin(self, client: int, into: Arrays | None = None) -> dict[str, Values]:
        """The client starts: arrays with where from, new ones unless `into` has them."""
        arrays = dict(into) if into is not None else {name: np.empty_like(param) for name, param in self.params.items()}
        c.check(c.lib.optim_server_begin(self, client, self._written(arrays, "begin")))
        return arrays

    def local(self, client: int, data: Arrays, grads: Arrays) -> bool:
        """What the rule changes about a local step, between the gradient and the client's own optimizer, in place.
        False: it has moved `data`, and wants the gradient there; call again with that."""
        status = c.lib.optim_server_local(self, client, self._written(data, "local"), self._written(grads, "local"))
        return c.check(status) == c.OK

    def end(self, client: int, data: Arrays, steps: int = 1) -> None:
        """The client hands in `data` after so many local steps."""
        buffers, kept = self._buffers(data, "end")
        c.check(c.lib.optim_server_end(self, client, buffers, steps))
        del kept

    def commit(self) -> None:
        """Ends the round: the parameters move by what was handed in."""
        c.check(c.lib.optim_server_commit(self))

    def uniform(self) -> float:
        """A number in [0, 1) of the server's stream."""
        value = ctypes.c_double()
        c.check(c.lib.optim_server_uniform(self, ctypes.byref(value)))
        return value.value

    # ---- Looking, changing ----

    def get(self, name: str, client: int = -1) -> float:
        """A number of the server (client -1), or of a client: options, "round", "version", "skipped", "met"; "rate",
        "steps", "begun", "handed_in"; and what the rule keeps."""
        value = ctypes.c_double()
        c.check(c.lib.optim_server_get(self, client, name.encode(), ctypes.byref(value)))
        return value.value

    def set(self, name: str, value: object) -> None:
        """An option's value from now on."""
        c.check(c.lib.optim_server_set(self, name.encode(), self.entry.number(name, value)))

    def __getitem__(self, name: str) -> float:
        return self.get(name)

    def __setitem__(self, name: str, value: object) -> None:
        self.set(name, value)

    def state(self, name: str, client: int = -1) -> dict[str, Values]:
        """A vector that the rule keeps of the server or of a client, or a client's "start" or "result"."""
        arrays = {}
        for i, (key, param) in enumerate(self.params.items()):
            arrays[key] = np.empty_like(param)
            c.check(c.lib.optim_server_state(self, client, name.encode(), i, arrays[key].ctypes.data or 1))
        return arrays

    def __repr__(self) -> str:
        return f"<gradopt.Server {self.rule}, {len(self.params)} parameters, {int(self['round'])} rounds>"

    # ---- Checkpoints: at any moment; parameters are yours to save ----

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes what the server keeps to a file."""
        c.check(c.lib.optim_server_save(self, os.fsencode(path)))

    def load(self, path: str | os.PathLike[str]) -> None:
        """Reads it back, all or nothing."""
        c.check(c.lib.optim_server_load(self, os.fsencode(path)))

    def serialize(self) -> bytes:
        """What the server keeps, as bytes."""
        size = ctypes.c_size_t()
        c.check(c.lib.optim_server_serialize(self, None, 0, ctypes.byref(size)))
        buffer = ctypes.create_string_buffer(size.value)
        c.check(c.lib.optim_server_serialize(self, buffer, size.value, ctypes.byref(size)))
        return buffer.raw[: size.value]

    def deserialize(self, state: bytes) -> None:
        """Back from bytes."""
        c.check(c.lib.optim_server_deserialize(self, state, len(state)))

    def __getstate__(self) -> bytes:
        raise TypeError("a Server is not pickled: pickle server.serialize() and your parameters")


class Coding:
    """Coded gradients: what each worker computes, and from whose results the gradient is put together.

    `rule` is "gradient_coding" or "sequential_gradient_coding".
    """

    def __init__(self, rule: str, **options: Any) -> None:
        self._as_parameter_ = ctypes.c_void_p()
        c.check(c.lib.optim_coding_create(ctypes.byref(self._as_parameter_), rule.encode(), option_string(options)))
        self.workers = int(self.get("n"))

    def __del__(self) -> None:
        handle = getattr(self, "_as_parameter_", None)
        if handle:
            c.lib.optim_coding_destroy(handle)

    def get(self, name: str) -> float:
        """An option, "load", "rounds", "round", "tolerated", "groups", "decoded", "wait" or "duration"."""
        value = ctypes.c_double()
        c.check(c.lib.optim_coding_get(self, name.encode(), ctypes.byref(value)))
        return value.value

    def weights(self, worker: int) -> Values:
        """The weights with which a worker sums the gradients of the parts."""
        weights = np.zeros(self.workers)
        c.check(c.lib.optim_coding_weights(self, worker, weights.ctypes.data))
        return weights

    def decode(self, workers: Sequence[int]) -> Values:
        """The weights with which the sums of these workers, ascending, give that of all parts."""
        weights = np.zeros(len(workers))
        chosen = (ctypes.c_int64 * max(len(workers), 1))(*workers)
        c.check(c.lib.optim_coding_decode(self, chosen, len(workers), weights.ctypes.data))
        return weights
