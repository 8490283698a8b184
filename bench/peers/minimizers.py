#!/usr/bin/env python3
"""Minimizes the 35 problems of More, Garbow and Hillstrom with libgradopt and with other libraries; see README.md."""

import argparse
import ctypes
import math
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
PROBLEMS, MOST, MOST_EVALUATIONS = 35, 12, 5000
TIGHT, USUAL = 1e-13, 1e-6
LOSS_SCALES = (-150, -100, -50, -20, -10, 10, 20, 50, 100, 150)  # powers of ten
GRADIENT_LENGTHS = (-200, -150, -100, -50, -20, -10, -5, 5, 10, 20, 50, 100, 150, 200)


class Tracker(ctypes.Structure):
    _fields_ = [("problem", ctypes.c_void_p), ("factor", ctypes.c_double), ("evaluations", ctypes.c_int),
                ("hit", ctypes.c_int), ("seconds", ctypes.c_double), ("total", ctypes.c_double),
                ("reason", ctypes.c_int), ("f", ctypes.c_double), ("gradient", ctypes.c_double)]


class Limit(Exception):
    """A solver goes on beyond the number of evaluations."""


def compiles(folder, what, program, *flags):
    source = folder / f"has_{what}.c"
    source.write_text(program)
    command = ["cc", str(source), "-o", str(folder / f"has_{what}"), *flags]
    return shutil.which("cc") and subprocess.run(command, capture_output=True).returncode == 0


def build(library, folder, flags):
    """The tracker, with whichever of the C libraries are there."""
    made, found = folder / "libminimizers.so", []
    root = HERE.parent.parent
    command = ["cc", "-std=gnu11", "-O2", "-fPIC", "-shared", str(HERE / "minimizers.c"),
               str(root / "tests/common/mgh.c"), f"-I{root}/include", "-o", str(made),
               *flags, str(library.resolve()), f"-Wl,-rpath,{library.resolve().parent}", "-lm"]
    if compiles(folder, "nlopt", "#include <nlopt.h>\nint main(void) { return nlopt_create(NLOPT_LD_LBFGS, 1) == 0; }\n",
                *flags, "-lnlopt", "-lm"):
        command += ["-DHAVE_NLOPT", "-lnlopt"]
        found.append("nlopt")
    if compiles(folder, "lbfgs", "#include <lbfgs.h>\nint main(void) { return lbfgs_malloc(4) == 0; }\n",
                *flags, "-llbfgs", "-lm"):
        command += ["-DHAVE_LBFGS", "-llbfgs"]
        found.append("lbfgs")
    subprocess.run(command, check=True)
    shared = ctypes.CDLL(str(made))
    shared.tracker_evaluate.restype = ctypes.c_double
    shared.tracker_name.restype = ctypes.c_char_p
    shared.solve_gradopt.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_double]
    shared.tracker_begin.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_double, ctypes.c_double, ctypes.c_void_p]
    for name, types in (("solve_nlopt", [ctypes.c_int, ctypes.c_double]), ("solve_lbfgs", [ctypes.c_double, ctypes.c_int])):
        if hasattr(shared, name):
            getattr(shared, name).argtypes = [ctypes.c_void_p, ctypes.c_void_p, *types]
    return shared, found


def by_scipy(shared, method, tracker, x, n, tight):
    import numpy
    import scipy.optimize

    def value(point):
        if tracker.evaluations >= MOST_EVALUATIONS:
            raise Limit
        g = (ctypes.c_double * MOST)()
        point = (ctypes.c_double * MOST)(*point)
        f = shared.tracker_evaluate(ctypes.byref(tracker), point, g)
        return f, numpy.array(g[:n])

    options = {"L-BFGS-B": {"maxcor": 10, "maxiter": 10**6, "maxfun": 10**6}, "BFGS": {"maxiter": 10**6}}[method]
    if tight:
        smallest = TIGHT * tracker.factor
        options |= {"L-BFGS-B": {"ftol": 0, "gtol": smallest}, "BFGS": {"gtol": smallest}}[method]
    begun = time.perf_counter()
    try:
        scipy.optimize.minimize(value, x[:n], jac=True, method=method, options=options)
    except Limit:
        pass
    tracker.total = time.perf_counter() - begun


def solvers(shared, found):
    def gradopt(method, options):
        return lambda t, x, n, tight: shared.solve_gradopt(ctypes.byref(t), x, method, options,
                                                           TIGHT * t.factor if tight else USUAL)

    all_of_them = {"libgradopt lbfgs": gradopt(b"lbfgs", b""), "libgradopt ncg": gradopt(b"ncg", b"")}
    try:
        import scipy.optimize  # noqa: F401
        for method in ("L-BFGS-B", "BFGS"):
            all_of_them[f"SciPy {method}"] = lambda t, x, n, tight, m=method: by_scipy(shared, m, t, x, n, tight)
    except ImportError:
        print("SciPy is not there", file=sys.stderr)
    if "nlopt" in found:
        for slsqp, name in ((0, "NLopt LD_LBFGS"), (1, "NLopt LD_SLSQP")):
            all_of_them[name] = lambda t, x, n, tight, s=slsqp: shared.solve_nlopt(ctypes.byref(t), x, s, 0 if tight else 1e-4)
    if "lbfgs" in found:
        all_of_them["liblbfgs"] = lambda t, x, n, tight: shared.solve_lbfgs(ctypes.byref(t), x, TIGHT * t.factor if tight else 1e-5, 10)
    return all_of_them


def run(shared, solve, problem, start, factor, tight):
    tracker, x = Tracker(), (ctypes.c_double * MOST)()
    shared.tracker_begin(ctypes.byref(tracker), problem, start, factor, x)
    solve(tracker, x, shared.tracker_size(problem), tight)
    return tracker


def table(shared, everyone, starts, factor, tight):
    """Solved, evaluations relative to the fewest of all, and microseconds outside the problem for an evaluation."""
    runs = {name: [run(shared, solve, p, s, factor, tight) for s in starts for p in range(PROBLEMS)]
            for name, solve in everyone.items()}
    fewest = [min((t.hit for t in of if t.hit), default=math.inf) for of in zip(*runs.values())]
    print("| solver | solved | within 2 times the fewest | median ratio to the fewest | microseconds an evaluation |")
    print("| --- | --- | --- | --- | --- |")
    for name, of in runs.items():
        ratios = [t.hit / best for t, best in zip(of, fewest) if t.hit]
        outside = [1e6 * max(t.total - t.seconds, 0) / t.evaluations for t in of if t.evaluations]
        ratios = ratios or [math.nan]
        print(f"| {name} | {sum(t.hit > 0 for t in of)} | {sum(r <= 2 for r in ratios)} | {statistics.median(ratios):.2f} | "
              f"{statistics.median(outside):.1f} |")
    print()


def print_table(columns, rows):
    print("| " + " | ".join(["solver", *columns]) + " |")
    print("|" + " --- |" * (1 + len(columns)))
    for name, cells in rows:
        print("| " + " | ".join([name, *map(str, cells)]) + " |")
    print()


def scale_tables(shared, everyone):
    """Tolerances have the unit of the loss, and follow it: nothing but the solver's own constants makes a difference."""
    print(f"Solved of the {PROBLEMS}, with the loss times\n")
    print_table([f"1e{k}" for k in LOSS_SCALES],
                [(name, [sum(run(shared, solve, p, 1, float(f"1e{k}"), True).hit > 0 for p in range(PROBLEMS))
                         for k in LOSS_SCALES]) for name, solve in everyone.items()])
    first = run(shared, lambda t, x, n, tight: shared.tracker_evaluate(ctypes.byref(t), x, None), 0, 1, 1, True).gradient
    print("Evaluations until Rosenbrock's function is solved (-: it is not), where the first gradient has the length\n")
    print_table([f"1e{k}" for k in GRADIENT_LENGTHS],
                [(name, [run(shared, solve, 0, 1, float(f"1e{k}") / first, True).hit or "-" for k in GRADIENT_LENGTHS])
                 for name, solve in everyone.items()])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", type=pathlib.Path, help="libgradopt.so")
    parser.add_argument("out", type=pathlib.Path, help="folder for what is compiled")
    parser.add_argument("--flags", default="", help="more compiler flags to find NLopt and liblbfgs")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    shared, found = build(arguments.library, arguments.out, arguments.flags.split())
    everyone = solvers(shared, found)
    print(f"The {PROBLEMS} standard problems, tolerances as small as they go\n")
    table(shared, everyone, (1,), 1, True)
    print("As installed (libgradopt: gradient_norm = 1e-6)\n")
    table(shared, everyone, (1,), 1, False)
    print("From 10 and from 100 times the start\n")
    table(shared, everyone, (10, 100), 1, True)
    scale_tables(shared, everyone)


main()
