"""The C library, by ctypes: prototypes and structs of optim.h, and a class of exception for every kind of error."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import re
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
EXCHANGE, EVAL_RESIDUALS, EVAL_JACOBIAN, EVAL_JVP, EVAL_VJP = 6, 7, 8, 9, 10
F32, F64, BF16, F16 = range(4)
ALGORITHM, WRAPPER, SCHEDULE, ENGINE, MAP, COMPRESSOR, RULE = range(7)
ANY_LAYOUT = 8
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
    "residuals": 512,
    "jacobian products": 1024,
}
# Reasons to stop at which a minimizer has found what it was asked for, or all that the precision allows.
SUCCESS = {4, 5, 6, 8, 10, 11, 12, 13, 14, 15, 20}
KINDS = ("", "number", "integer", "switch", "keyword", "list", "entries", "entry", "word")


# ---- Errors ----


class Error(Exception):
    """Whatever the library refuses. `status` is its number; the text is its own sentence; `offender` is the name in it
    that is wrong, or whose value is, and `suggestion` what may have been meant: None where the sentence has none."""

    status = 0

    @property
    def offender(self) -> str | None:
        """The last name in quotes of what the sentence complains about."""
        quoted = re.findall(r'"([^"]*)"', re.split(r"; | \(", str(self), maxsplit=1)[0])
        return quoted[-1] if quoted else None

    @property
    def suggestion(self) -> str | None:
        """The nearest name that there is."""
        found = re.search(r'did you mean "([^"]*)"', str(self))
        return found[1] if found else None


class ArgumentError(Error, ValueError):
    """An argument, name, option or value that does not exist or does not fit."""


class UnknownNameError(ArgumentError):
    """No method, wrapper, schedule, map, compressor or rule is called so."""


class UnknownOptionError(ArgumentError):
    """There is no such option here."""


class OptionValueError(ArgumentError):
    """The value of an option: malformed, out of range, or at odds with another option."""


class DuplicateError(ArgumentError):
    """The name, the wrapper or the memory is there already."""


class ShapeError(ArgumentError):
    """Dimensions that are wrong, or do not suit the method."""


class MismatchError(ArgumentError):
    """Methods, wrappers or options that cannot work together."""


class OrderError(Error, RuntimeError):
    """A call that is not possible now."""


class NumericError(Error, ArithmeticError):
    """Numbers that are not finite, outside the method's domain, or a search that found nothing; the step was undone."""


class NonfiniteError(NumericError):
    """NaN or infinity in a gradient or loss."""


class DomainError(NumericError):
    """Parameters outside the method's domain."""


class LineSearchError(NumericError):
    """No acceptable step along the direction."""


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


_ERRORS: dict[int, type[Error]] = {
    -12: UnknownNameError,
    -13: UnknownOptionError,
    -14: OptionValueError,
    -15: DuplicateError,
    -16: ShapeError,
    -17: MismatchError,
    -30: NonfiniteError,
    -31: DomainError,
    -32: LineSearchError,
}


def failure(status: int) -> Error:
    """The exception for this thread's last error."""
    kind = _ERRORS.get(status) or _KINDS_OF_ERRORS.get(-status // 10, Error)
    error = kind(lib.optim_error().decode())
    error.status = status
    return error


def check(status: int) -> int:
    """The status if it is no error."""
    if status < 0:
        raise failure(status)
    return status


def refuse_exchange(status: int) -> None:
    """Ranks meet in C alone."""
    if status == EXCHANGE:
        raise OrderError("a wrapper asks for an exchange with other ranks, which this package has no communicator for")


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
        ("index", c_int64),
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
        ("residuals", EVALUATE),
        ("jacobian", PRODUCT),
        ("jvp", PRODUCT),
        ("vjp", PRODUCT),
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
    "optim_resize": (c_int, [_handle, c_int, c_void_p, c_size_t, c_int64, c_void_p, c_void_p]),
    "optim_set_sparse_grad": (c_int, [_handle, c_int, c_int64, c_void_p, c_void_p]),
    "optim_bind_all": (c_int, [_handle, c_void_p, c_void_p, c_size_t]),
    "optim_set_grad_dtype": (c_int, [_handle, c_int, c_int]),
    "optim_set_bounds": (c_int, [_handle, c_int, c_void_p, c_void_p]),
    "optim_set_threads": (c_int, [_handle, c_int]),
    "optim_set_components": (c_int, [_handle, c_int64]),
    "optim_set_constraints": (c_int, [_handle, c_int64, c_int64]),
    "optim_set_residuals": (c_int, [_handle, c_int64]),
    "optim_set_input": (c_int, [_handle, c_int, c_char_p, c_int, c_int, _dims, c_void_p]),
    "optim_step": (c_int, [_handle]),
    "optim_update": (c_int, [_handle, c_void_p, c_size_t]),
    "optim_set_loss": (c_int, [_handle, c_double]),
    "optim_set_losses": (c_int, [_handle, c_void_p, c_size_t]),
    "optim_constraint_values": (c_int, [_handle, POINTER(POINTER(c_double))]),
    "optim_constraint_weights": (c_int, [_handle, POINTER(POINTER(c_double))]),
    "optim_residual_values": (c_int, [_handle, POINTER(POINTER(c_double))]),
    "optim_jacobian_rows": (c_int, [_handle, c_int, POINTER(c_void_p)]),
    "optim_jvp_vector": (c_int, [_handle, c_int, POINTER(c_void_p)]),
    "optim_jvp_result": (c_int, [_handle, POINTER(POINTER(c_double))]),
    "optim_vjp_vector": (c_int, [_handle, POINTER(POINTER(c_double))]),
    "optim_vjp_result": (c_int, [_handle, c_int, POINTER(c_void_p)]),
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
    "optim_snapshot_begin": (c_int, [_handle, c_char_p]),
    "optim_snapshot_wait": (c_int, [_handle]),
    "optim_load": (c_int, [_handle, c_char_p]),
    "optim_load_matching": (c_int, [_handle, c_char_p, POINTER(LoadRules)]),
    "optim_serialize": (c_int, [_handle, c_void_p, c_size_t, POINTER(c_size_t)]),
    "optim_serialize_numbers": (c_int, [_handle, c_void_p, c_size_t, POINTER(c_size_t)]),
    "optim_deserialize": (c_int, [_handle, c_char_p, c_size_t]),
    "optim_deserialize_matching": (c_int, [_handle, c_char_p, c_size_t, POINTER(LoadRules)]),
    "optim_describe": (c_int, [c_int, c_char_p, POINTER(Description)]),
    "optim_describe_option": (c_int, [c_int, c_char_p, c_size_t, POINTER(OptionInfo)]),
    "optim_describe_state": (c_int, [c_int, c_char_p, c_size_t, POINTER(StateInfo)]),
    "optim_server_create": (c_int, [_out, c_char_p, c_char_p]),
    "optim_server_destroy": (None, [_handle]),
    "optim_server_add_param": (c_int, [_handle, c_char_p, c_int, c_int, _dims, c_void_p]),
    "optim_server_set_clients": (c_int, [_handle, c_int64]),
    "optim_server_set_numbers": (c_int, [_handle, c_char_p, c_void_p, c_int64]),
    "optim_server_set_input": (c_int, [_handle, c_int64, c_char_p, c_int, c_int64, c_int64, c_void_p]),
    "optim_server_set": (c_int, [_handle, c_char_p, c_double]),
    "optim_server_select": (c_int, [_handle, _dims, c_size_t, POINTER(c_size_t)]),
    "optim_server_begin": (c_int, [_handle, c_int64, _out]),
    "optim_server_local": (c_int, [_handle, c_int64, _out, _out]),
    "optim_server_end": (c_int, [_handle, c_int64, _out, c_int64]),
    "optim_server_commit": (c_int, [_handle]),
    "optim_server_uniform": (c_int, [_handle, POINTER(c_double)]),
    "optim_server_get": (c_int, [_handle, c_int64, c_char_p, POINTER(c_double)]),
    "optim_server_state": (c_int, [_handle, c_int64, c_char_p, c_int, c_void_p]),
    "optim_server_save": (c_int, [_handle, c_char_p]),
    "optim_server_load": (c_int, [_handle, c_char_p]),
    "optim_server_serialize": (c_int, [_handle, c_void_p, c_size_t, POINTER(c_size_t)]),
    "optim_server_deserialize": (c_int, [_handle, c_char_p, c_size_t]),
    "optim_coding_create": (c_int, [_out, c_char_p, c_char_p]),
    "optim_coding_destroy": (None, [_handle]),
    "optim_coding_weights": (c_int, [_handle, c_int64, c_void_p]),
    "optim_coding_decode": (c_int, [_handle, _dims, c_size_t, c_void_p]),
    "optim_coding_get": (c_int, [_handle, c_char_p, POINTER(c_double)]),
    "optim_stop_reason": (c_char_p, [c_int]),
    "optim_error": (c_char_p, []),
    "optim_version": (c_char_p, []),
}
for _kind in ("algorithm", "wrapper", "schedule", "map", "compressor", "rule"):
    _PROTOTYPES[f"optim_{_kind}_count"] = (c_size_t, [])
    _PROTOTYPES[f"optim_{_kind}_name"] = (c_char_p, [c_size_t])
for _name, (_result, _arguments) in _PROTOTYPES.items():
    _function = getattr(lib, _name)
    _function.restype, _function.argtypes = _result, _arguments


def names(kind: str) -> list[str]:
    """The registry's names of a kind: algorithm, wrapper, schedule, map, compressor, rule."""
    name = getattr(lib, f"optim_{kind}_name")
    return [name(i).decode() for i in range(getattr(lib, f"optim_{kind}_count")())]


def dims(shape: tuple[int, ...]) -> Any:
    """The dimensions as the library takes them."""
    return (c_int64 * max(len(shape), 1))(*shape)
