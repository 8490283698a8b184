#!/usr/bin/env python3
"""Trains the digits with every algorithm of the registry and writes a table of what came out.

usage: digits_table.py TRAIN_DIGITS PAGE

Each algorithm runs with its defaults and with learning rates over six orders of magnitude; the best test accuracy counts.
Algorithms for games, for operators and for searches run as they are: the table says what they do on this task, no more.
What takes more than LIMIT seconds of processor time for its first run is left out.
"""
import concurrent.futures
import pathlib
import re
import subprocess
import sys

RATES = [None, "1e-4", "1e-3", "1e-2", "3e-2", "1e-1", "3e-1", "1", "10"]
EPOCHS = "20"
LIMIT = 20


def names(program):
    listing = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout
    section = listing.split("wrappers:")[0]
    return re.findall(r"^  (\w+)  ", section, re.MULTILINE)


def train(program, name, rate, batch):
    command = [program, "--grid", "--method", name, "--epochs", EPOCHS, "--threads", "1", "--batch", batch]
    command += ["--options", f"lr={rate}"] if rate else []
    limited = ["sh", "-c", f'ulimit -t {LIMIT}; exec "$@"', "sh", *command]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    if done.returncode < 0:
        raise TimeoutError
    if done.returncode != 0:
        return None
    summary = dict(re.findall(r"(\w+)=(\S+)", done.stdout.strip().split("\n")[-1]))
    return summary | {"lr": rate or "default"}


def best(program, name):
    try:
        runs = [train(program, name, rate, "64") for rate in RATES]
        if not any(runs):  # a method that wants the whole data set
            runs = [train(program, name, None, "0")]
    except TimeoutError:
        return name, None
    runs = [run for run in runs if run and run["accuracy"] != "nan"]
    return name, max(runs, key=lambda run: float(run["accuracy"]), default=None)


def row(name, run):
    if run is None:
        return f"| `{name}` | - | - | - | - | - |"
    steps = "-" if run["steps95"] == "none" else run["steps95"]
    per_parameter = float(run["ns_per_step"]) / 4810
    return (f"| `{name}` | {run['lr']} | {100 * float(run['accuracy']):.1f} % | {steps} | {per_parameter:.2f} "
            f"| {float(run['bytes_per_parameter']):.1f} |")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    program, page = sys.argv[1], pathlib.Path(sys.argv[2])
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        rows = [row(*found) for found in pool.map(lambda name: best(program, name), names(program))]
    page.write_text("\n".join([
        "# Every algorithm on the digits", "",
        "A perceptron of 64 inputs, 64 hidden units, 10 classes on handwritten digits, 20 passes in mini-batches of 64 (methods",
        "that need the whole data set: 20 full steps); the best of eight learning rates and the default, by test accuracy.",
        "Written by", "",
        "    python3 examples/digits_table.py build/dev-gcc/examples/train_digits docs/digits.md", "",
        "One seed, one network: a check that every method trains, not a ranking. Methods for games and monotone operators are not",
        "made for this task. ns is the median time of a step in the library by parameter (4810 of them, in cache, one thread).",
        "Other programs on the machine make it longer: [performance.md](performance.md) has times that are compared.",
        f"A line without numbers is a method that wants inputs of its own, or more than {LIMIT} s of processor time a run.", "",
        "| algorithm | lr | test accuracy | steps to 95 % | ns per parameter | state bytes per parameter |",
        "| --- | --- | --- | --- | --- | --- |", *rows, ""]))


main()
