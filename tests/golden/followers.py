#!/usr/bin/env python3
"""Trajectories of ftml and smorms3 and values of the schedule demon, written from their papers' equations in plain Python.
Run it from the top of the repository; it writes tests/golden/data.

    python3 tests/golden/followers.py
"""

import math
import pathlib

FOLDER = pathlib.Path(__file__).parent / "data"
D, STEPS, SHOWN = 9, 60, (1, 2, 3, 10, 30, 60)


def gradient(x):
    """Of the oracle quadratic: tests/golden/README.md."""
    return [(1 + i % 7) * (xi - ((37 * i) % 11 / 11 - 0.5)) for i, xi in enumerate(x)]


def ftml(x, lr=2.5e-3, beta1=0.6, beta2=0.999, eps=1e-8):
    """Zheng, Kwok 2017, algorithm 1."""
    v, d, z = [0.0] * D, [0.0] * D, [0.0] * D
    for t in range(1, STEPS + 1):
        for i, g in enumerate(gradient(x)):
            v[i] = beta2 * v[i] + (1 - beta2) * g * g
            new = (1 - beta1**t) / lr * (math.sqrt(v[i] / (1 - beta2**t)) + eps)
            z[i] = beta1 * z[i] + (1 - beta1) * g - (new - beta1 * d[i]) * x[i]
            d[i] = new
            x[i] = -z[i] / d[i]
        yield list(x)


def smorms3(x, lr=1e-3, eps=1e-16):
    """Funk 2015."""
    m, v, mem = [0.0] * D, [0.0] * D, [1.0] * D
    for _ in range(STEPS):
        for i, g in enumerate(gradient(x)):
            r = 1 / (mem[i] + 1)
            m[i] = (1 - r) * m[i] + r * g
            v[i] = (1 - r) * v[i] + r * g * g
            share = m[i] * m[i] / (v[i] + eps)
            x[i] -= min(lr, share) * g / (math.sqrt(v[i]) + eps)
            mem[i] = 1 + mem[i] * (1 - share)
        yield list(x)


def write(name, method, source, **options):
    start = [math.cos(1.3 * i) for i in range(D)]
    points = list(method(list(start), **options))
    lines = ["format gradopt-golden 1", f"case {name}", f"source {source}, by tests/golden/followers.py",
             f"algorithm {method.__name__}"]
    lines += ["options " + ",".join(f"{key}={value!r}" for key, value in options.items())] * bool(options)
    lines += ["oracle quadratic", "rtol 1e-10", f"steps {STEPS}", f"param x 1 {D}",
              "init x " + " ".join(map(repr, start))]
    for step in SHOWN:
        lines += [f"step {step}", "want x " + " ".join(map(repr, points[step - 1]))]
    (FOLDER / f"{name}.golden").write_text("\n".join(lines + ["end", ""]))


def demon(base, steps):
    """Chen et al. 2019, algorithm 1: the sum b / (1 - b) falls in a line."""
    lines = ["format gradopt-schedule 1", "case schedule_demon", "source Chen et al. 2019, by tests/golden/followers.py",
             f"schedule demon steps={steps}", f"base_lr {base!r}", "rtol 1e-12"]
    for t in range(steps + 3):
        total = base / (1 - base) * max(0, 1 - t / steps)
        lines.append(f"lr {t} {total / (1 + total)!r}")
    (FOLDER / "schedule_demon.golden").write_text("\n".join(lines + ["end", ""]))


demon(0.9, 12)
write("ftml_defaults", ftml, "Zheng, Kwok 2017, algorithm 1")
write("ftml_options", ftml, "Zheng, Kwok 2017, algorithm 1", lr=0.1, beta1=0.8, beta2=0.9, eps=0.01)
write("smorms3_defaults", smorms3, "Funk 2015")
write("smorms3_options", smorms3, "Funk 2015", lr=0.1, eps=1e-3)
