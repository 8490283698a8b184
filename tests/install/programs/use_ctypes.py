"""Usage: use_ctypes.py LIBRARY

Two methods through Python's ctypes on f(w) = (w - 1)^2 / 2: gradient descent, whose steps are exact here, and Adam, whose
first step has the length of its learning rate and which must converge.
"""
import ctypes
import sys

F64 = 1
library = ctypes.CDLL(sys.argv[1])
library.optim_error.restype = ctypes.c_char_p
library.optim_create.argtypes = [ctypes.POINTER(ctypes.c_void_p), ctypes.c_char_p, ctypes.c_char_p]
library.optim_add_param.argtypes = [
    ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_int,
    ctypes.POINTER(ctypes.c_int64), ctypes.c_void_p, ctypes.c_void_p,
]  # fmt: skip
library.optim_step.argtypes = [ctypes.c_void_p]
library.optim_destroy.argtypes = [ctypes.c_void_p]
library.optim_destroy.restype = None


def check(status):
    if status != 0:
        sys.exit(library.optim_error().decode())


def minimum_by(algorithm, options, steps):
    opt = ctypes.c_void_p()
    w, gradient = ctypes.c_double(0), ctypes.c_double(0)
    check(library.optim_create(ctypes.byref(opt), algorithm, options))
    check(library.optim_add_param(opt, 0, b"w", F64, 1, (ctypes.c_int64 * 1)(1), ctypes.byref(w), ctypes.byref(gradient)))
    for _ in range(steps):
        gradient.value = w.value - 1
        check(library.optim_step(opt))
    library.optim_destroy(opt)
    return w.value


exact = minimum_by(b"sgd", b"lr=0.5", 4)
first = minimum_by(b"adam", b"lr=0.01", 1)
near = minimum_by(b"adam", b"lr=0.01", 2000)
print(f"sgd {exact}, adam {first} and {near}")
sys.exit(not (exact == 0.9375 and abs(first - 0.01) < 1e-9 and abs(near - 1) < 1e-3))
