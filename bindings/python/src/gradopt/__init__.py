"""Every gradient-based optimizer of the literature, from one C library.

    import numpy as np, gradopt

    w = np.zeros(10)
    opt = gradopt.Optimizer("adamw", {"w": w}, lr=0.1)
    for _ in range(100):
        opt.step({"w": 2 * (w - 1)})

`gradopt.torch`, `gradopt.scipy` and `gradopt.optax` are the doors to other libraries.
"""

from ._library import ArgumentError, CheckpointError, Error, NumericError, OrderError, ResourceError, lib
from .optimizer import Optimizer, Request
from .registry import algorithm, algorithms, compressors, engine, maps, schedule, schedules, wrapper, wrappers

__version__ = lib.optim_version().decode()
__all__ = [
    "ArgumentError",
    "CheckpointError",
    "Error",
    "NumericError",
    "Optimizer",
    "OrderError",
    "Request",
    "ResourceError",
    "algorithm",
    "algorithms",
    "compressors",
    "engine",
    "maps",
    "schedule",
    "schedules",
    "wrapper",
    "wrappers",
]
