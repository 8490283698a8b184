"""A handle of the library: what the doors (numpy, torch, scipy, optax) are made of."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _library as c

Values = npt.NDArray[Any]

_DTYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "U8": np.uint8, "U16": np.uint16, "U32": np.uint32}


def option_text(value: object) -> str:
    """A value as the library reads it."""
    if isinstance(value, bool | np.bool_):
        return "1" if value else "0"
    if isinstance(value, float | np.floating):
        return repr(float(value))
    if isinstance(value, list | tuple):
        return ";".join(option_text(v) for v in value)
    return str(value)


def option_string(options: Mapping[str, object]) -> bytes:
    """key=value,... of what is not None."""
    return ",".join(f"{key}={option_text(value)}" for key, value in options.items() if value is not None).encode()


def numpy_dtype(dtype: np.dtype[Any]) -> int:
    """The library's number for a dtype."""
    numbers = {"float32": c.F32, "float64": c.F64, "bfloat16": c.BF16, "float16": c.F16}
    if dtype.name not in numbers:
        raise TypeError(f"parameters must be float32, float64, float16 or bfloat16, not {dtype.name}")
    return numbers[dtype.name]


@dataclass(frozen=True)
class StateArray:
    """An array that is kept of a parameter, as it lies in the library's memory: valid until the next step."""

    name: str
    dtype: str
    values: Values  # uint16 for BF16; with several copies they are the first axis


def memory(address: int, count: int) -> Any:
    """Bytes that belong to the library, as a buffer."""
    return (ctypes.c_char * count).from_address(address)


def _view(array: c.Array) -> Values:
    dtype = np.dtype(_DTYPES.get(array.dtype.decode(), np.uint16))
    shape = tuple(array.dims[: array.ndim])
    if not array.data:
        return np.zeros(((array.copies, *shape) if array.copies != 1 else shape), dtype)
    span = (array.copies - 1) * array.stride + array.bytes
    lent = memory(array.data, span)
    inner = np.ndarray(shape, dtype).strides
    if array.copies == 1:
        return np.ndarray(shape, dtype, lent, 0, inner)
    return np.ndarray((array.copies, *shape), dtype, lent, 0, (array.stride, *inner))


class Handle:
    """One optimizer of the library; what its methods are is said in optim.h."""

    def __init__(self, algorithm: str, options: Mapping[str, object]) -> None:
        self._as_parameter_ = ctypes.c_void_p()
        c.check(c.lib.optim_create(ctypes.byref(self._as_parameter_), algorithm.encode(), option_string(options)))

    def __del__(self) -> None:
        handle = getattr(self, "_as_parameter_", None)
        if handle:
            c.lib.optim_destroy(handle)

    def add_group(self, options: Mapping[str, object]) -> int:
        group = ctypes.c_int()
        c.check(c.lib.optim_add_group(self, option_string(options), ctypes.byref(group)))
        return group.value

    def add_param(self, group: int, name: str, dtype: int, shape: tuple[int, ...], data: int, grad: int | None) -> None:
        c.check(c.lib.optim_add_param(self, group, name.encode(), dtype, len(shape), c.dims(shape), data or 1, grad))

    def set_grad_dtype(self, param: int, dtype: int) -> None:
        c.check(c.lib.optim_set_grad_dtype(self, param, dtype))

    def wrap(self, wrapper: str, options: Mapping[str, object]) -> None:
        c.check(c.lib.optim_wrap(self, wrapper.encode(), option_string(options)))

    def schedule(self, group: int, key: str, schedule: str | None, options: Mapping[str, object]) -> None:
        name = None if schedule is None else schedule.encode()
        c.check(c.lib.optim_set_schedule(self, group, key.encode(), name, option_string(options)))

    def set(self, group: int, key: str, value: float) -> None:
        c.check(c.lib.optim_set(self, group, key.encode(), value))

    def get(self, group: int, key: str) -> float:
        value = ctypes.c_double()
        c.check(c.lib.optim_get(self, group, key.encode(), ctypes.byref(value)))
        return value.value

    def request(self) -> c.Request:
        request = c.Request()
        c.check(c.lib.optim_request_info(self, ctypes.byref(request)))
        return request

    def describe(self, param: int) -> c.ParamInfo:
        info = c.ParamInfo()
        c.check(c.lib.optim_describe_param(self, param, ctypes.byref(info)))
        return info

    def arrays(self, param: int) -> Iterator[StateArray]:
        """What is kept of one parameter."""
        array, i = c.Array(), 0
        while True:
            c.check(c.lib.optim_param_array(self, param, i, ctypes.byref(array)))
            if not array.name:
                return
            yield StateArray(array.name.decode(), array.dtype.decode(), _view(array))
            i += 1

    def _serialize(self, call: Any) -> bytes:
        size = ctypes.c_size_t()
        c.check(call(self, None, 0, ctypes.byref(size)))
        buffer = ctypes.create_string_buffer(size.value)
        c.check(call(self, buffer, size.value, ctypes.byref(size)))
        return buffer.raw[: size.value]

    def serialize(self) -> bytes:
        return self._serialize(c.lib.optim_serialize)

    def serialize_numbers(self) -> bytes:
        return self._serialize(c.lib.optim_serialize_numbers)

    def deserialize(self, state: bytes) -> None:
        c.check(c.lib.optim_deserialize(self, state, len(state)))

    def deserialize_matching(self, state: bytes, **rules: int) -> tuple[int, int]:
        """How many parameters begin fresh, and how many of the state's are left out."""
        wanted = c.LoadRules(**rules)
        c.check(c.lib.optim_deserialize_matching(self, state, len(state), ctypes.byref(wanted)))
        return wanted.fresh, wanted.left_out

    def lent(self, call: Any, param: int) -> int | None:
        """An address that optim_hvp_vector or optim_hvp_result tells."""
        address = ctypes.c_void_p()
        c.check(call(self, param, ctypes.byref(address)))
        return address.value

    def numbers(self, call: Any, count: int) -> Values:
        """The doubles that optim_constraint_values or _weights tells, as they lie in the library's memory."""
        address = ctypes.POINTER(ctypes.c_double)()
        c.check(call(self, ctypes.byref(address)))
        return np.ctypeslib.as_array(address, (count,)) if count else np.zeros(0)
