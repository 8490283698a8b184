"""Usage: report.py BUILD REPORT

What the tests that ran in BUILD reached of src/: prints lines and branches by folder and file, and writes into REPORT
that table, uncovered.txt (every line and branch that was not reached, with its source) and index.html. A file that is
compiled several times (f32, f64) counts once: a line is reached if one of its copies was.
"""
import collections
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def measure(build, report):
    data = report / "coverage.json"
    subprocess.run(["gcovr", "--root", ROOT, "--object-directory", build, "--filter", f"{ROOT}/src/",
                    "--json", data, "--html-details",
                    report / "index.html", build / "CMakeFiles"], check=True)
    return json.loads(data.read_text())["files"]


class Sum:
    def __init__(self):
        self.lines = self.lines_hit = self.branches = self.branches_hit = 0

    def add(self, line):
        self.lines += 1
        self.lines_hit += line["count"] > 0
        self.branches += len(line["branches"])
        self.branches_hit += sum(branch["count"] > 0 for branch in line["branches"])

    def row(self, name):
        def share(hit, all_of):
            return f"{hit:6}/{all_of:<6} {100 * hit / all_of if all_of else 100:6.1f} %"
        return f"{name:44} {share(self.lines_hit, self.lines)} {share(self.branches_hit, self.branches)}"


def uncovered(file, lines):
    """Lines that did not run, and outcomes of conditions that never came about."""
    source = (ROOT / file).read_text().split("\n")
    for line in lines:
        number = line["line_number"]
        missed = sum(branch["count"] == 0 for branch in line["branches"])
        if line["count"] == 0:
            yield f"{file}:{number}: line         {source[number - 1].strip()}"
        elif missed:
            yield f"{file}:{number}: branch {missed:2}/{len(line['branches']):<2} {source[number - 1].strip()}"


def main():
    build, report = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
    report.mkdir(parents=True, exist_ok=True)
    folders, files, missing = collections.defaultdict(Sum), {}, []
    for entry in sorted(measure(build, report), key=lambda entry: entry["file"]):
        file, lines = entry["file"], [line for line in entry["lines"] if not line.get("gcovr/noncode")]
        files[file] = Sum()
        for line in lines:
            for total in (files[file], folders[str(pathlib.PurePath(file).parent)], folders["all of src"]):
                total.add(line)
        missing += uncovered(file, lines)
    table = [f"{'':44} {'lines':>22} {'branches':>22}"]
    table += [total.row(name) for name, total in files.items()] + [""]
    total = folders.pop("all of src")
    table += [folders[name].row(name) for name in sorted(folders)] + [total.row("all of src")]
    (report / "table.txt").write_text("\n".join(table) + "\n")
    (report / "uncovered.txt").write_text("\n".join(missing) + "\n")
    print("\n".join(table))


main()
