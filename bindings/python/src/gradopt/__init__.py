"""Every gradient-based optimizer of the literature, from one C library.

    import numpy as np, gradopt

    w = np.zeros(10)
    opt = gradopt.Optimizer("adamw", {"w": w}, lr=0.1)
    for _ in range(100):
        opt.step({"w": 2 * (w - 1)})

`gradopt.torch`, `gradopt.keras`, `gradopt.scipy`, `gradopt.optax` and `gradopt.flower` are the doors to other libraries;
`gradopt.plot` draws.
"""

from ._library import (
    ArgumentError,
    CheckpointError,
    DomainError,
    DuplicateError,
    Error,
    LineSearchError,
    MismatchError,
    NonfiniteError,
    NumericError,
    OptionValueError,
    OrderError,
    ResourceError,
    ShapeError,
    UnknownNameError,
    UnknownOptionError,
    lib,
)
from .optimizer import Optimizer, Request, Rows
from .registry import (
    algorithm,
    algorithms,
    compressors,
    describe,
    engine,
    listing,
    maps,
    rule,
    rules,
    schedule,
    schedules,
    wrapper,
    wrappers,
)
from .server import Coding, Server

__version__ = lib.optim_version().decode()
__all__ = [
    "ArgumentError",
    "CheckpointError",
    "Coding",
    "DomainError",
    "DuplicateError",
    "Error",
    "LineSearchError",
    "MismatchError",
    "NonfiniteError",
    "NumericError",
    "Optimizer",
    "OptionValueError",
    "OrderError",
    "Request",
    "ResourceError",
    "Rows",
    "Server",
    "ShapeError",
    "UnknownNameError",
    "UnknownOptionError",
    "algorithm",
    "algorithms",
    "compressors",
    "describe",
    "engine",
    "listing",
    "maps",
    "rule",
    "rules",
    "schedule",
    "schedules",
    "wrapper",
    "wrappers",
]
