"""Usage: run.py BUILD JOBS [PART OF A NAME...]

Runs the programs of the tests that are short even under memcheck; ends with 1 if one of them fails, reads or jumps on
what is not set, touches memory that is not its own, or loses memory. Logs are in BUILD/valgrind.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import time

FOLDERS = ("abi", "checkpoint", "golden", "property", "unit")
LEFT_OUT = {
    "checkpoint/test_background": "forks: in the child nobody holds what the parent's other threads did",
    "unit/test_threads": "forks, likewise",
    "property/test_figures": "takes as long as all others together, in the same code",
    "unit/test_levels": "looks for levels above the one that memcheck allows",
}
SUPPRESSIONS = pathlib.Path(__file__).with_name("libraries.supp")
# The highest instruction-set level that valgrind 3.19 knows. Threads: two of OpenMP, so that both sides of every
# parallel region are seen; OpenBLAS's own would only be slow.
ENVIRONMENT = dict(os.environ, GRADOPT_LEVEL="x86-64-v3", OMP_NUM_THREADS="2", OMP_WAIT_POLICY="passive",
                   OPENBLAS_NUM_THREADS="1")
# Blocks that a thread's stack holds are "possibly lost" to memcheck; they are the OpenMP run time's.
OPTIONS = ("--quiet", "--error-exitcode=99", "--leak-check=full", "--show-leak-kinds=definite,indirect",
           "--errors-for-leak-kinds=definite,indirect", f"--suppressions={SUPPRESSIONS}", "-s")


def check(program, folder, logs):
    name = f"{folder}/{program.name}"
    log = logs / f"{folder}_{program.name}.log"
    begun = time.monotonic()
    done = subprocess.run(["valgrind", *OPTIONS, f"--log-file={log}", program], cwd=program.parent, env=ENVIRONMENT,
                          capture_output=True, text=True)
    said = log.read_text()
    totals = re.findall(r"ERROR SUMMARY: (\d+) errors", said)
    return name, done, said, sum(map(int, totals)), time.monotonic() - begun


def main():
    build, jobs, chosen = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2]), sys.argv[3:]
    logs = build / "valgrind"
    logs.mkdir(exist_ok=True)
    programs = [(program, folder) for folder in FOLDERS for program in sorted((build / "tests" / folder).glob("test_*"))
                if os.access(program, os.X_OK) and program.is_file() and not program.name.startswith("test_long_")
                and f"{folder}/{program.name}" not in LEFT_OUT
                and (not chosen or any(part in f"{folder}/{program.name}" for part in chosen))]
    if not programs:
        sys.exit("valgrind: no such test")
    failed = cases = 0
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for name, done, said, errors, seconds in pool.map(lambda pair: check(*pair, logs), programs):
            passed = done.returncode == 0
            failed += not passed
            cases += sum(map(int, re.findall(r"\[  PASSED  \] (\d+) test", done.stdout + done.stderr)))
            print(f"{name:36} {'clean' if passed else 'FAILED':8} {errors:3} errors {seconds:6.0f} s", flush=True)
            if not passed:
                print(said[-6000:], (done.stdout + done.stderr)[-2000:], f"exit status {done.returncode}", sep="\n")
    print(f"{len(programs) - failed} of {len(programs)} programs clean ({cases} tests passed)")
    sys.exit(1 if failed else 0)


main()
