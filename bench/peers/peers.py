#!/usr/bin/env python3
"""Steps the same tensors with libgradopt and with other optimizers, in turns, in one process; see README.md."""

import argparse
import csv
import ctypes
import math
import os
import pathlib
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
METHODS = {
    # name: (options of libgradopt, class and arguments of torch)
    "adamw": ("lr=1e-3,weight_decay=0.01", "AdamW", {"lr": 1e-3, "weight_decay": 0.01}),
    "sgd": ("lr=1e-3,momentum=0.9", "SGD", {"lr": 1e-3, "momentum": 0.9}),
    "adagrad": ("lr=1e-3", "Adagrad", {"lr": 1e-3}),
}
KINDS = {"fused": {"fused": True}, "foreach": {"foreach": True}, "for-loop": {"foreach": False}}
CASES = ("huge", "ten", "small", "tiny")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library", type=pathlib.Path, help="libgradopt.so")
    parser.add_argument("out", type=pathlib.Path, help="folder for peers.csv and peers.png")
    parser.add_argument("--cases", default=",".join(CASES), help="of %(default)s, or a tensor's elements")
    parser.add_argument("--methods", default=",".join(METHODS), help="of %(default)s")
    parser.add_argument("--threads", default=f"1,{os.cpu_count()}" if os.cpu_count() > 1 else "1", help="%(default)s")
    parser.add_argument("--runs", type=int, default=11, help="turns for everyone (%(default)s)")
    parser.add_argument("--seconds", type=float, default=30, help="then there are fewer turns (%(default)s)")
    parser.add_argument("--huge-pages", action="store_true", help="torch too takes pages of 2 MiB where it can")
    parser.add_argument("--ensmallen", default="", help="more compiler flags to find ensmallen's and Armadillo's headers")
    return parser.parse_args()


# ---- libgradopt ----


class Gradopt:
    """A handle on tensors of torch, whose memory it borrows."""

    def __init__(self, library, method, options, params, threads):
        self.shared = library
        self.handle = ctypes.c_void_p()
        self.check(library.optim_create(ctypes.byref(self.handle), method.encode(), options.encode()))
        self.check(library.optim_set_threads(self.handle, threads))
        for p in params:
            dims = (ctypes.c_int64 * p.dim())(*p.shape)
            self.check(library.optim_add_param(self.handle, 0, None, 0, p.dim(), dims, ctypes.c_void_p(p.data_ptr()),
                                               ctypes.c_void_p(p.grad.data_ptr())))

    def check(self, status):
        if status != 0:
            raise RuntimeError(self.shared.optim_error().decode())

    def step(self):
        if self.shared.optim_step(self.handle) != 0:
            raise RuntimeError(self.shared.optim_error().decode())

    def close(self):
        self.shared.optim_destroy(self.handle)


def load_gradopt(path):
    library = ctypes.CDLL(str(path.resolve()))
    library.optim_error.restype = library.optim_version.restype = ctypes.c_char_p
    library.optim_step.argtypes = [ctypes.c_void_p]
    library.optim_destroy.argtypes = [ctypes.c_void_p]
    library.optim_destroy.restype = None
    return library


# ---- Peers. Each has step() and may have close() ----


class TorchPeer:
    def __init__(self, torch, method, kind, params):
        _, name, arguments = METHODS[method]
        self.optimizer = getattr(torch.optim, name)(params, **arguments, **KINDS[kind])
        self.step = self.optimizer.step


class EnsmallenPeer:
    def __init__(self, library, param):
        self.shared = library
        self.handle = library.ensmallen_create(ctypes.c_void_p(param.data_ptr()), ctypes.c_void_p(param.grad.data_ptr()),
                                               ctypes.c_size_t(param.numel()))

    def step(self):
        self.shared.ensmallen_step(self.handle, 1e-3)

    def close(self):
        self.shared.ensmallen_destroy(self.handle)


class DeepSpeedPeer:
    def __init__(self, optimizer, params):
        options = METHODS["adamw"][2]
        self.step = optimizer(params, **options, adamw_mode=True).step


def load_deepspeed(out):
    """(its CPU Adam, its version), or None. It compiles itself into `out` the first time, which takes a minute or two."""
    os.environ.setdefault("DS_ACCELERATOR", "cpu")
    os.environ.setdefault("TORCH_EXTENSIONS_DIR", str((out / "torch_extensions").resolve()))
    os.environ["PATH"] = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"  # ninja, where pip puts it
    try:
        import deepspeed  # pylint: disable=import-outside-toplevel
        from deepspeed.ops.adam import DeepSpeedCPUAdam  # pylint: disable=import-outside-toplevel
        from deepspeed.ops.op_builder import CPUAdamBuilder  # pylint: disable=import-outside-toplevel

        said = CPUAdamBuilder().load(verbose=False)
    except Exception as error:  # pylint: disable=broad-exception-caught # a build may fail in any way
        print("DeepSpeed: left out:", (str(error).splitlines() or [type(error).__name__])[0])
        return None
    return (DeepSpeedCPUAdam, deepspeed.__version__) if said else None


def set_openmp_threads(threads):
    """Of the system's OpenMP, which DeepSpeed's code uses; torch brings its own, libgradopt is told by its handle."""
    try:
        ctypes.CDLL("libgomp.so.1").omp_set_num_threads(threads)
    except OSError:
        pass


def build_ensmallen(out, flags):
    """Its Adam as a shared library, or None where the headers are not there."""
    target = out / "ensmallen.so"
    command = ["c++", "-std=c++17", "-O3", "-march=native", "-DNDEBUG", "-DARMA_DONT_USE_WRAPPER", "-shared", "-fPIC",
               *flags.split(), f"-I{sys.prefix}/include", str(HERE / "ensmallen.cpp"), "-o", str(target)]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode != 0:
        errors = [line for line in built.stderr.splitlines() if "error" in line]
        print("ensmallen: left out:", errors[0] if errors else f"{command[0]} ended with {built.returncode}")
        return None
    library = ctypes.CDLL(str(target))
    library.ensmallen_create.restype = ctypes.c_void_p
    library.ensmallen_step.argtypes = [ctypes.c_void_p, ctypes.c_double]
    library.ensmallen_destroy.argtypes = [ctypes.c_void_p]
    library.ensmallen_version.restype = ctypes.c_char_p
    return library


# ---- Tensors ----


def small_lengths():
    """1 to 4096 elements, log-uniform: those of bench_step's case `small`."""
    random, lengths = 1, []
    for _ in range(10000):
        random = (random * 1664525 + 1013904223) % 2**32
        lengths.append(int(2 ** (12 * (random / 2**32) + 0.5 / 4096)))
    return lengths


def available_gib():
    with open("/proc/meminfo", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) / 2**20


def case_lengths(case):
    if case.isdigit():
        return [int(case)]
    return {
        "huge": [50_000_000 if available_gib() > 8 else 20_000_000],
        "ten": [1_000_000] * 10,
        "small": small_lengths(),
        "tiny": [16],
    }[case]


def make_params(torch, lengths):
    torch.manual_seed(1)
    params = []
    for length in lengths:
        param = torch.nn.Parameter(torch.rand(length) - 0.5)
        param.grad = torch.rand(length) - 0.5
        params.append(param)
    return params


# ---- Turns ----


def clock(threads):
    """One thread: its processor time, so that it does not matter who else runs; else wall time."""
    return time.thread_time_ns() if threads == 1 else time.perf_counter_ns()


def take_turn(step, calls, threads):
    """Time of a call in ns. A turn in which another program took the processor is repeated a few times."""
    for _ in range(4):
        time.sleep(0 if threads == 1 else 0.02)  # the threads of the last one wait by spinning
        before = resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
        start = clock(threads)
        for _ in range(calls):
            step()
        ns = (clock(threads) - start) / calls
        if threads == 1 or resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw == before:
            break
    return ns


def take_turns(contenders, runs, seconds, threads):
    """{name: [ns a step]}, everyone in turn."""
    calls, end = {}, time.monotonic() + seconds
    for name, contender in contenders.items():
        contender.step()
        calls[name] = max(1, math.ceil(1e6 / take_turn(contender.step, 1, threads)))
    samples = {name: [] for name in contenders}
    names = list(contenders)
    for run in range(runs):
        if run >= 3 and time.monotonic() > end:
            break
        for name in names[run % len(names):] + names[:run % len(names)]:
            samples[name].append(take_turn(contenders[name].step, calls[name], threads))
    return samples


class Bench:
    def __init__(self, arguments):
        if arguments.huge_pages:
            os.environ["THP_MEM_ALLOC_ENABLE"] = "1"
        import torch  # pylint: disable=import-outside-toplevel

        arguments.out.mkdir(parents=True, exist_ok=True)
        self.arguments = arguments
        self.torch = torch
        self.gradopt = load_gradopt(arguments.library)
        self.ensmallen = build_ensmallen(arguments.out, arguments.ensmallen)
        self.deepspeed = load_deepspeed(arguments.out)
        self.rows = []

    def versions(self):
        words = [f"libgradopt {self.gradopt.optim_version().decode()}", f"PyTorch {self.torch.__version__}",
                 f"{self.torch.backends.cpu.get_cpu_capability()} in PyTorch", f"Python {platform.python_version()}"]
        if self.ensmallen:
            words.append(f"ensmallen {self.ensmallen.ensmallen_version().decode()}")
        if self.deepspeed:
            words.append(f"DeepSpeed {self.deepspeed[1]}")
        return ", ".join(words)

    def contenders(self, method, params, threads):
        made = {"libgradopt": Gradopt(self.gradopt, method, METHODS[method][0], params, threads)}
        for kind in KINDS:
            made[f"torch {kind}"] = TorchPeer(self.torch, method, kind, params)
        if method == "adamw" and self.ensmallen and len(params) == 1 and threads == 1:
            made["ensmallen (Adam)"] = EnsmallenPeer(self.ensmallen, params[0])
        if method == "adamw" and self.deepspeed:
            made["DeepSpeed CPUAdam"] = DeepSpeedPeer(self.deepspeed[0], params)
        return made

    def compare(self):
        """Steps of each from the same point must lead to the same place."""
        for method in METHODS:
            self.compare_with("torch", method, lambda params, method=method: TorchPeer(self.torch, method, "fused", params))
        if self.deepspeed:
            self.compare_with("DeepSpeed", "adamw", lambda params: DeepSpeedPeer(self.deepspeed[0], params))

    def compare_with(self, name, method, make):
        ours, theirs = make_params(self.torch, [1000]), make_params(self.torch, [1000])
        handle, peer = Gradopt(self.gradopt, method, METHODS[method][0], ours, 1), make(theirs)
        for _ in range(3):
            handle.step()
            peer.step()
        handle.close()
        difference = (ours[0] - theirs[0]).abs().max().item()
        print(f"{method}: three steps of libgradopt and of {name} end {difference:.1e} apart")
        if difference > 1e-6:
            sys.exit("these are not the same method")

    def run_line(self, case, method, params, threads):
        contenders = self.contenders(method, params, threads)
        samples = take_turns(contenders, self.arguments.runs, self.arguments.seconds, threads)
        for contender in contenders.values():
            if hasattr(contender, "close"):
                contender.close()
        elements = sum(p.numel() for p in params)
        ours = samples["libgradopt"]
        for name, times in samples.items():
            ratio = statistics.median(t / o for t, o in zip(times, ours))
            median = statistics.median(times)
            self.rows.append([case, method, name, len(params), elements, threads, f"{median:.0f}",
                              f"{median / elements:.4f}", f"{ratio:.3f}"])
            print(f"{case:6} {method:8} {name:17} {threads:7} {median / 1e3:14.1f} us {median / elements:9.3f} {ratio:8.2f}",
                  flush=True)

    def run(self):
        print(self.versions())
        self.compare()
        print(f"\n{'case':6} {'method':8} {'implementation':17} {'threads':>7} {'step':>14}    {'ns/elem':>9} {'ratio':>8}")
        for case in self.arguments.cases.split(","):
            params = make_params(self.torch, case_lengths(case))
            for threads in map(int, self.arguments.threads.split(",")):
                if case == "tiny" and threads > 1:
                    continue
                self.torch.set_num_threads(threads)
                set_openmp_threads(threads)
                for method in self.arguments.methods.split(","):
                    self.run_line(case, method, params, threads)
            print()

    def write(self):
        path = self.arguments.out / "peers.csv"
        with open(path, "w", encoding="ascii", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["case", "method", "implementation", "tensors", "elements", "threads", "ns_per_step",
                             "ns_per_element", "ratio"])
            writer.writerows(self.rows)
        print(f"wrote {path}")
        if shutil.which("gnuplot") is None:
            print("no picture: gnuplot is not there")
            return
        picture = self.arguments.out / "peers.png"
        subprocess.run(["gnuplot", "-e", f"peers='{path}'; picture='{picture}'", str(HERE / "peers.gp")], check=True)
        print(f"wrote {picture}")


def main():
    bench = Bench(parse_arguments())
    bench.run()
    bench.write()


if __name__ == "__main__":
    main()
