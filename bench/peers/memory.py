#!/usr/bin/env python3
"""Bytes of optimizer state per parameter: libgradopt's (optim_memory) beside those that torch, torchao and bitsandbytes
take for the same tensors, counted in their state after a step. See README.md."""

import argparse
import ctypes
import importlib
import os
import pathlib

os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")  # torchao would compile its steps; what it keeps is the same
SHAPES = [(1024, 1024), (4096, 1024), (1024,)]
COUNT = sum(rows[0] * (rows[1] if len(rows) > 1 else 1) for rows in SHAPES)
# what it is; libgradopt's method and options; (module, class, arguments) of others
ROWS = [
    ("SGD with momentum", "sgd:momentum=0.9", [("torch.optim", "SGD", {"momentum": 0.9})]),
    ("Adagrad", "adagrad:", [("torch.optim", "Adagrad", {})]),
    ("AdamW", "adamw:", [("torch.optim", "AdamW", {}), ("bitsandbytes.optim", "AdamW", {})]),
    ("AdamW with AMSGrad", "adam:amsgrad=1", [("torch.optim", "AdamW", {"amsgrad": True})]),
    ("AdamW, bf16 states", "adamw:state_dtype=bf16", []),
    ("AdamW, 8-bit states", "adamw:state_dtype=int8", [("torchao.optim", "AdamW8bit", {}),
                                                       ("bitsandbytes.optim", "AdamW8bit", {})]),
    ("AdamW, 8-bit codes of Dettmers et al.", "adam8bit:", [("bitsandbytes.optim", "Adam8bit", {})]),
    ("AdamW, 4-bit states", "adamw:state_dtype=int4", [("torchao.optim", "AdamW4bit", {})]),
    ("AdamW, f8 states", None, [("torchao.optim", "AdamWFp8", {})]),
    ("Lion", "lion:", [("bitsandbytes.optim", "Lion", {})]),
    ("Lion, 8-bit states", "lion:state_dtype=int8", [("bitsandbytes.optim", "Lion8bit", {})]),
    ("AdEMAMix", "ademamix:", [("bitsandbytes.optim", "AdEMAMix", {})]),
    ("AdEMAMix, 8-bit states", "ademamix:state_dtype=int8", [("bitsandbytes.optim", "AdEMAMix8bit", {})]),
    ("Adafactor", "adafactor:", [("torch.optim", "Adafactor", {})]),
    ("Muon", "muon:", []),
    ("NorMuon", "normuon:", []),
    ("Dion, rank 128", "dion:", []),
    ("CAME", "came:", []),
    ("Adam-mini", "adam_mini:", []),
    ("SM3", "sm3:", []),
    ("MicroAdam", "microadam:", []),
    ("GaLore, rank 128", "galore:", []),
    ("FRUGAL, a quarter of the columns", "frugal:proj=columns", []),
    ("Shampoo", "shampoo:", []),
    ("SOAP", "soap:", []),
]
LIBRARIES = ("torch", "torchao", "bitsandbytes")


def load(path):
    library = ctypes.CDLL(str(path.resolve()))
    library.optim_error.restype = ctypes.c_char_p
    library.optim_destroy.argtypes = [ctypes.c_void_p]
    return library


def of_gradopt(library, spec):
    """Bytes of kept state, by optim_memory; no memory is taken for it."""
    method, options = spec.split(":")
    handle, state = ctypes.c_void_p(), ctypes.c_size_t()
    buffers = [(ctypes.c_float * (rows[0] * (rows[1] if len(rows) > 1 else 1)))() for rows in SHAPES]
    status = library.optim_create(ctypes.byref(handle), method.encode(), options.encode())
    for shape, data in zip(SHAPES, buffers):
        dims = (ctypes.c_int64 * len(shape))(*shape)
        status = status or library.optim_add_param(handle, 0, None, 0, len(shape), dims, data, data)
    status = status or library.optim_memory(handle, ctypes.byref(state), None)
    if status != 0:
        raise RuntimeError(library.optim_error().decode())
    library.optim_destroy(handle)
    return state.value


def tensor_bytes(torch, value):
    """Of a tensor, or of those that a subclass of it is made of, or of a container of them."""
    if isinstance(value, torch.Tensor):
        if hasattr(value, "__tensor_flatten__"):
            return sum(tensor_bytes(torch, getattr(value, name)) for name in value.__tensor_flatten__()[0])
        return value.numel() * value.element_size()
    if isinstance(value, dict):
        return sum(tensor_bytes(torch, entry) for entry in value.values())
    return sum(tensor_bytes(torch, entry) for entry in value) if isinstance(value, (list, tuple)) else 0


def of_peer(torch, module, name, arguments):
    """Bytes of state after a step; of bitsandbytes, as it sets its state up. None: there is none here."""
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        return None
    params = [torch.nn.Parameter(torch.randn(shape)) for shape in SHAPES]
    for p in params:
        p.grad = torch.randn_like(p)
    optimizer = kind(params, lr=1e-3, **arguments)
    if module.startswith("bitsandbytes"):
        optimizer.check_overrides()
        for index, p in enumerate(params):
            optimizer.init_state(optimizer.param_groups[0], p, 0, index)
    else:
        optimizer.step()
    return tensor_bytes(torch, dict(optimizer.state))


def cell(count):
    return "" if count is None else f"{count / COUNT:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", type=pathlib.Path, help="libgradopt.so")
    library = load(parser.parse_args().library)
    import torch  # pylint: disable=import-outside-toplevel

    versions = []
    for name in LIBRARIES:
        try:
            versions.append(f"{name} {importlib.import_module(name).__version__}")
        except ImportError:
            versions.append(f"{name}: none")
    print(", ".join(versions))
    print("| bytes per parameter of f32 | `libgradopt` | | " + " | ".join(LIBRARIES) + " |")
    print("| --- | --- " + "| --- " * (len(LIBRARIES) + 1) + "|")
    for what, spec, peers in ROWS:
        cells = {module.split(".")[0]: of_peer(torch, module, name, arguments) for module, name, arguments in peers}
        ours = "" if spec is None else f"`{spec.rstrip(':').replace(':', ' ')}`"
        own = None if spec is None else of_gradopt(library, spec)
        print(f"| {what} | {ours} | {cell(own)} | " + " | ".join(cell(cells.get(name)) for name in LIBRARIES) + " |")


main()
