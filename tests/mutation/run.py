"""Usage: run.py SCRATCH [PART OF A FILE'S NAME...]

Applies the faults of faults.py, one after the other, to a copy of the tree in SCRATCH, builds what changed and expects
a test to fail: tests that no fault makes fail prove nothing. Ends with 1 if a fault survives, 2 if a line is no longer
where the table says, does not compile, or the tests fail without a fault.
"""
import pathlib
import shutil
import subprocess
import sys
import time

from faults import FAULTS

ROOT = pathlib.Path(__file__).resolve().parents[2]
SECONDS = 600  # of a test; a fault may make a loop endless


def stop(why):
    print(f"mutation: {why}")
    sys.exit(2)


def run(*command, folder):
    return subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True)


def copy_tree(tree):
    """What git knows or would take. Files that are as they were keep their times, so that little is built again."""
    names = run("git", "ls-files", "--cached", "--others", "--exclude-standard", folder=ROOT).stdout.splitlines()
    wanted = {name for name in names if (ROOT / name).is_file()}
    for name in wanted:
        source, target = ROOT / name, tree / name
        if not target.exists() or target.read_bytes() != source.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    for folder in ("src", "tests", "include"):
        for path in (tree / folder).rglob("*"):
            if path.is_file() and str(path.relative_to(tree)) not in wanted:
                path.unlink()


def tests_of(patterns):
    """[(name in ctest, target)]"""
    found = []
    for pattern in patterns.split():
        folder, name = pattern.split("/")
        for path in sorted((ROOT / "tests" / folder).glob(f"test_{name}.c")):
            if not path.stem.startswith("test_long_"):
                found.append((f"{folder}/{path.stem[len('test_'):]}", f"{folder}_{path.stem}"))
    return found


def with_fault(text, before, after):
    lines = text.split("\n")
    at = [i for i, line in enumerate(lines) if line.strip() == before]
    if len(at) != 1:
        return None
    indentation = lines[at[0]][:-len(lines[at[0]].lstrip())]
    lines[at[0]] = indentation + after
    return "\n".join(lines)


class Tree:
    def __init__(self, scratch):
        self.source, self.build = scratch / "tree", scratch / "build"
        copy_tree(self.source)
        made = run("cmake", "--preset", "dev-gcc", "-B", self.build, "-DCMAKE_BUILD_TYPE=Debug",
                   "-DCMAKE_C_FLAGS_DEBUG=-O1", "-DGRADOPT_ISA_LEVELS=OFF", "-DGRADOPT_EXAMPLES=OFF",
                   "-DGRADOPT_BENCH=OFF", "-DGRADOPT_WERROR=OFF", folder=self.source)
        if made.returncode:
            stop(made.stdout + made.stderr)

    def compile(self, tests):
        made = run("cmake", "--build", self.build, "--target", *(target for _, target in tests), folder=self.source)
        return None if made.returncode == 0 else made.stdout[-3000:] + made.stderr

    def failing(self, tests):
        """The first of the tests that fails, with the first case of it that does, or None."""
        for name, _ in tests:
            done = run("ctest", "--test-dir", self.build, "-R", f"^{name}$", "--timeout", SECONDS, "--no-tests=error",
                       "--output-on-failure", folder=self.source)
            if done.returncode:
                cases = [line.split("]", 1)[1].strip() for line in done.stdout.splitlines() if "[  FAILED  ]" in line]
                return f"{name}: {cases[0].split(':')[0] if cases else 'ended early'}"
        return None


def main():
    scratch, chosen = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    faults = [fault for fault in FAULTS if not chosen or any(part in fault[0] for part in chosen)]
    for file, before, after, patterns in faults:
        if with_fault((ROOT / file).read_text(), before, after) is None:
            stop(f"{file} does not have this line exactly once: {before}")
        if not tests_of(patterns):
            stop(f"{file}: none of these tests exists: {patterns}")
    tree = Tree(scratch)
    everything = sorted({test for fault in faults for test in tests_of(fault[3])})
    print(f"{len(faults)} faults, {len(everything)} tests", flush=True)
    wrong = tree.compile(everything) or tree.failing(everything)
    if wrong:
        stop(f"without a fault: {wrong}")

    survivors = 0
    for number, (file, before, after, patterns) in enumerate(faults, 1):
        path, tests, begun = tree.source / file, tests_of(patterns), time.monotonic()
        whole = path.read_text()
        path.write_text(with_fault(whole, before, after))
        try:
            wrong = tree.compile(tests)
            if wrong:
                stop(f"{file} does not compile with: {after}\n{wrong}")
            caught = tree.failing(tests)
        finally:
            path.write_text(whole)
        survivors += caught is None
        print(f"{number}/{len(faults)} {file}: {'SURVIVES' if caught is None else 'caught by ' + caught} "
              f"({time.monotonic() - begun:.0f} s)\n    - {before}\n    + {after}", flush=True)
    print(f"{len(faults) - survivors} of {len(faults)} faults caught")
    sys.exit(1 if survivors else 0)


main()
