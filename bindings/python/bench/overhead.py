"""What a step costs through each door: one small tensor, and ten thousand.

    python bindings/python/bench/overhead.py

Medians of several runs, in microseconds; `c` is optim_step alone, called as often by ctypes.
"""

import statistics
import time

import numpy as np

import gradopt
from gradopt import _library as c


def median(call, repeat, runs=7):
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        for _ in range(repeat):
            call()
        times.append((time.perf_counter() - begin) / repeat * 1e6)
    return statistics.median(times)


def over_numpy(tensors, elements, repeat):
    params = {str(i): np.zeros(elements, np.float32) for i in range(tensors)}
    grads = {name: np.ones(elements, np.float32) for name in params}
    opt = gradopt.Optimizer("adamw", params, threads=1)
    opt.step(grads)
    return median(lambda: opt.step(grads), repeat), median(lambda: c.lib.optim_step(opt.handle), repeat)


def over_torch(tensors, elements, repeat):
    try:
        import torch

        import gradopt.torch
    except ImportError:
        return None
    torch.set_num_threads(1)
    params = [torch.nn.Parameter(torch.zeros(elements)) for _ in range(tensors)]
    for param in params:
        param.grad = torch.ones(elements)
    ours = gradopt.torch.AdamW(params)
    rows = [("gradopt.torch", median(ours.step, repeat))]
    for kind in ({"fused": True}, {"foreach": True}, {}):
        rows.append((f"torch {kind or 'plain'}", median(torch.optim.AdamW(params, **kind).step, repeat)))
    return rows


for tensors, elements, repeat in ((1, 16, 2000), (10000, 100, 3)):
    step, alone = over_numpy(tensors, elements, repeat)
    print(f"{tensors} tensors of {elements}: c {alone:.1f} us, numpy {step:.1f} us")
    for name, time_of in over_torch(tensors, elements, repeat) or []:
        print(f"    {name}: {time_of:.1f} us")
