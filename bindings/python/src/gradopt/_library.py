"""The C library, by ctypes: prototypes and structs of optim.h, and a class of exception for every kind of error."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from ctypes import POINTER, c_char, c_char_p, c_double, c_int, c_int64, c_size_t, c_uint64, c_void_p
from pathlib import Path
from typing import Any


def _open() -> ctypes.CDLL:
    """GRADOPT_LIBRARY if it is set, else the library inside the package, else the system's."""
    here = Path(__file__).parent
    chosen = os.environ.get("GRADOPT_LIBRARY")
    candidates = [chosen] if chosen else [str(here / "lib" / "libgradopt.so.0"), ctypes.util.find_library("gradopt")]
    for candidate in candidates:
        if candidate and (chosen or not os.path.isabs(candidate) or os.path.exists(candidate)):
            return ctypes.CDLL(candidate)
    raise ImportError("libgradopt is not in this package nor on this system; set GRADOPT_LIBRARY to its path")


lib = _open()

OK, EVAL_GRAD, EVAL_LOSS, EVAL_HVP, EVAL_LOSSES, EVAL_CONSTRAINTS = range(6)
F32, F64, BF16, F16 = range(4)
ALGORITHM, WRAPPER, SCHEDULE, ENGINE, MAP, COMPRESSOR = range(6)
NEEDS = {
    "gradient": 1,
    "loss": 2,
    "more gradients": 4,
    "products": 8,
    "components": 16,
    "losses": 32,
    "constraints": 64,
    "inputs": 128,
    "particles": 256,
}
# Reasons to stop at which a minimizer has found what it was asked for, or all that the precision allows.
SUCCESS = {4, 5, 6, 8, 10, 11, 12, 13, 14, 15, 20}
KINDS = ("", "number", "integer", "switch", "keyword", "list", "entries", "entry", "word")


# ---- Errors ----


class Error(Exception):
    """Whatever the library refuses. `status` is its number; the text is its own sentence."""

    status = 0


class ArgumentError(Error, ValueError):
    """An argument, name, option or value that does not exist or does not fit."""


class OrderError(Error, RuntimeError):
    """A call that is not possible now."""


class NumericError(Error, ArithmeticError):
    """Numbers that are not finite, outside the method's domain, or a search that found nothing; the step was undone."""


class ResourceError(Error, MemoryError):
    """No memory, sizes that overflow, or a part that the library was built without."""


class CheckpointError(Error, OSError):
    """A file that cannot be read or written, or that does not fit."""


_KINDS_OF_ERRORS: dict[int, type[Error]] = {
    1: ArgumentError,
    2: OrderError,
    3: NumericError,
    4: ResourceError,
    5: CheckpointError,
}


def failure(status: int) -> Error:
    """The exception for this thread's last error."""
    error = _KINDS_OF_ERRORS.get(-status // 10, Error)(lib.optim_error().decode())
    error.status = status
    return error


def check(status: int) -> int:
    """The status if it is no error."""
    if status < 0:
        raise failure(status)
    return status


# ---- Structs ----


class Sized(ctypes.Structure):
    """A struct whose first member says its size."""

    def __init__(self, **members: Any) -> None:
        super().__init__(size=ctypes.sizeof(type(self)), **members)


class Request(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("kind", c_int),
        ("sample", c_int),
        ("objective", c_int),
        ("needs_loss", c_int),
        ("component", c_int64),
        ("evaluation", c_int64),
        ("count", c_int64),
        ("roles", c_uint64),
    ]


class ParamInfo(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("name", c_char_p),
        ("algorithm", c_char_p),
        ("group", c_int),
        ("dtype", c_int),
        ("ndim", c_int),
        ("frozen", c_int),
        ("dims", POINTER(c_int64)),
        ("steps", c_int64),
    ]


class Array(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("name", c_char * 96),
        ("dtype", c_char * 8),
        ("dims", c_int64 * 65),
        ("ndim", c_size_t),
        ("copies", c_size_t),
        ("bytes", c_size_t),
        ("stride", c_size_t),
        ("data", c_void_p),
    ]


class LoadRules(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("missing", c_int),
        ("unknown", c_int),
        ("reshaped", c_int),
        ("wrappers", c_int),
        ("fresh", c_size_t),
        ("left_out", c_size_t),
    ]


class Description(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("name", c_char_p),
        ("purpose", c_char_p),
        ("citation", c_char_p),
        ("evaluations", c_char_p),
        ("needs", c_int),
        ("can", c_int),
        ("options", c_size_t),
        ("states", c_size_t),
        ("family", c_char_p),
        ("roles", c_char_p),
        ("inputs", c_size_t),
    ]


class OptionInfo(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("name", c_char_p),
        ("range", c_char_p),
        ("meaning", c_char_p),
        ("default_value", c_double),
        ("kind", c_int),
        ("lowest", c_double),
        ("highest", c_double),
        ("lowest_open", c_int),
        ("highest_open", c_int),
        ("default_entry", c_char_p),
    ]


class StateInfo(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("name", c_char_p),
        ("meaning", c_char_p),
        ("shape", c_char_p),
        ("condition", c_char_p),
        ("bytes_per_parameter", c_double),
    ]


class Progress(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("step", c_int64),
        ("evaluations", c_int64),
        ("loss", c_double),
        ("gradient_norm", c_double),
        ("seconds", c_double),
    ]


EVALUATE = ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(Request), POINTER(c_double))
PRODUCT = ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(Request), c_void_p)
PROGRESS = ctypes.CFUNCTYPE(c_int, c_void_p, POINTER(Progress))


class Problem(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("user", c_void_p),
        ("gradient", EVALUATE),
        ("loss", EVALUATE),
        ("product", PRODUCT),
        ("component", EVALUATE),
        ("losses", EVALUATE),
        ("constraints", EVALUATE),
    ]


class Stop(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("steps", c_int64),
        ("evaluations", c_int64),
        ("seconds", c_double),
        ("gradient_norm", c_double),
        ("loss_change", c_double),
        ("loss_change_steps", c_int64),
        ("loss_target", c_double),
        ("has_loss_target", c_int),
        ("keep_best", c_int),
        ("user", c_void_p),
        ("progress", PROGRESS),
    ]


class Result(Sized):
    _fields_ = [
        ("size", c_size_t),
        ("reason", c_int),
        ("callback", c_int),
        ("steps", c_int64),
        ("evaluations", c_int64),
        ("loss", c_double),
        ("best_loss", c_double),
        ("gradient_norm", c_double),
        ("seconds", c_double),
    ]


# ---- Prototypes ----

_handle, _out, _dims = c_void_p, POINTER(c_void_p), POINTER(c_int64)
_PROTOTYPES: dict[str, tuple[Any, list[Any]]] = {
    "optim_create": (c_int, [_out, c_char_p, c_char_p]),
    "optim_destroy": (None, [_handle]),
    "optim_add_group": (c_int, [_handle, c_char_p, POINTER(c_int)]),
    "optim_add_param": (c_int, [_handle, c_int, c_char_p, c_int, c_int, _dims, c_void_p, c_void_p]),
    "optim_freeze": (c_int, [_handle, c_int, c_int]),
    "optim_bind": (c_int, [_handle, c_int, c_void_p, c_void_p]),
    "optim_bind_all": (c_int, [_handle, c_void_p, c_void_p, c_size_t]),
    "optim_set_grad_dtype": (c_int, [_handle, c_int, c_int]),
    "optim_set_bounds": (c_int, [_handle, c_int, c_void_p, c_void_p]),
    "optim_set_threads": (c_int, [_handle, c_int]),
    "optim_set_components": (c_int, [_handle, c_int64]),
    "optim_set_constraints": (c_int, [_handle, c_int64, c_int64]),
    "optim_set_input": (c_int, [_handle, c_int, c_char_p, c_int, c_int, _dims, c_void_p]),
    "optim_step": (c_int, [_handle]),
    "optim_set_loss": (c_int, [_handle, c_double]),
    "optim_set_losses": (c_int, [_handle, c_void_p, c_size_t]),
    "optim_constraint_values": (c_int, [_handle, POINTER(POINTER(c_double))]),
    "optim_constraint_weights": (c_int, [_handle, POINTER(POINTER(c_double))]),
    "optim_accumulate": (c_int, [_handle]),
    "optim_cancel": (c_int, [_handle]),
    "optim_reset": (c_int, [_handle]),
    "optim_request_info": (c_int, [_handle, POINTER(Request)]),
    "optim_hvp_vector": (c_int, [_handle, c_int, _out]),
    "optim_hvp_result": (c_int, [_handle, c_int, _out]),
    "optim_wants_gradient": (c_int, [_handle]),
    "optim_steps": (c_int64, [_handle]),
    "optim_skipped": (c_int64, [_handle]),
    "optim_set": (c_int, [_handle, c_int, c_char_p, c_double]),
    "optim_get": (c_int, [_handle, c_int, c_char_p, POINTER(c_double)]),
    "optim_wrap": (c_int, [_handle, c_char_p, c_char_p]),
    "optim_set_schedule": (c_int, [_handle, c_int, c_char_p, c_char_p, c_char_p]),
    "optim_report": (c_int, [_handle, c_double]),
    "optim_schedule_values": (c_int, [_handle, c_int, c_char_p, c_int64, c_size_t, c_void_p]),
    "optim_output": (c_int, [_handle, c_int, c_void_p]),
    "optim_swap_output": (c_int, [_handle]),
    "optim_memory": (c_int, [_handle, POINTER(c_size_t), POINTER(c_size_t)]),
    "optim_group_count": (c_size_t, [_handle]),
    "optim_param_count": (c_size_t, [_handle]),
    "optim_describe_param": (c_int, [_handle, c_int, POINTER(ParamInfo)]),
    "optim_param_array": (c_int, [_handle, c_int, c_size_t, POINTER(Array)]),
    "optim_prepare": (c_int, [_handle]),
    "optim_minimize": (c_int, [_handle, POINTER(Problem), POINTER(Stop), POINTER(Result)]),
    "optim_map_apply": (c_int, [c_char_p, c_double, c_int, c_int, _dims, c_void_p]),
    "optim_save": (c_int, [_handle, c_char_p]),
    "optim_load": (c_int, [_handle, c_char_p]),
    "optim_load_matching": (c_int, [_handle, c_char_p, POINTER(LoadRules)]),
    "optim_serialize": (c_int, [_handle, c_void_p, c_size_t, POINTER(c_size_t)]),
    "optim_serialize_numbers": (c_int, [_handle, c_void_p, c_size_t, POINTER(c_size_t)]),
    "optim_deserialize": (c_int, [_handle, c_char_p, c_size_t]),
    "optim_deserialize_matching": (c_int, [_handle, c_char_p, c_size_t, POINTER(LoadRules)]),
    "optim_describe": (c_int, [c_int, c_char_p, POINTER(Description)]),
    "optim_describe_option": (c_int, [c_int, c_char_p, c_size_t, POINTER(OptionInfo)]),
    "optim_describe_state": (c_int, [c_int, c_char_p, c_size_t, POINTER(StateInfo)]),
    "optim_stop_reason": (c_char_p, [c_int]),
    "optim_error": (c_char_p, []),
    "optim_version": (c_char_p, []),
}
for _kind in ("algorithm", "wrapper", "schedule", "map", "compressor"):
    _PROTOTYPES[f"optim_{_kind}_count"] = (c_size_t, [])
    _PROTOTYPES[f"optim_{_kind}_name"] = (c_char_p, [c_size_t])
for _name, (_result, _arguments) in _PROTOTYPES.items():
    _function = getattr(lib, _name)
    _function.restype, _function.argtypes = _result, _arguments


def names(kind: str) -> list[str]:
    """The registry's names of a kind: algorithm, wrapper, schedule, map, compressor."""
    name = getattr(lib, f"optim_{kind}_name")
    return [name(i).decode() for i in range(getattr(lib, f"optim_{kind}_count")())]


def dims(shape: tuple[int, ...]) -> Any:
    """The dimensions as the library takes them."""
    return (c_int64 * max(len(shape), 1))(*shape)
