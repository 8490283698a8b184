#!/usr/bin/env python3
"""Every pair "peer's call, string here" of the tables is one that was recorded, and every recording stands in a table.

usage: check_pages.py ROOT        ROOT: of the repository
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1])
ROW = re.compile(r"^\| `([^`]+)` \| `([^`]+)` \|", re.MULTILINE)
TABLES = {"gradopt-golden": "docs/porting.md", "gradopt-schedule": "docs/schedules/README.md"}


def recording(path):
    """(format, (call, string)) of a file."""
    parts, layers = {}, []
    for line in path.read_text().splitlines():
        word, _, rest = line.partition(" ")
        if word in ("algorithm", "wrap", "schedule"):
            layers.append(rest)
        elif word == "options":
            layers[-1] += " " + rest
        elif word in ("format", "source"):
            parts[word] = rest
        elif word in ("param", "lr"):
            break
    return parts["format"].split()[0], (parts["source"].split(": ", 1)[1], "; ".join(layers))


def faults():
    recorded = {form: set() for form in TABLES}
    for path in sorted((ROOT / "tests/porting").glob("*.golden")):
        form, pair = recording(path)
        recorded[form].add(pair)
    for form, page in TABLES.items():
        listed = set(ROW.findall((ROOT / page).read_text()))
        yield from (f"{page}: no recording of {pair}" for pair in sorted(listed - recorded[form]))
        yield from (f"{page}: no row for the recording {pair}" for pair in sorted(recorded[form] - listed))
    known = set(re.findall(r"^\s*(?:METHOD|ALIAS|METHOD_PRESET)\((\w+)", (ROOT / "src/registry.def").read_text(), re.MULTILINE))
    for line in (ROOT / "docs/porting.md").read_text().splitlines():
        if line.startswith("Not there yet:"):
            yield from (f"docs/porting.md: {name} is there" for name in re.findall(r"`(\w+)`", line)
                        if name.lower() in known)


found = list(faults())
print("\n".join(found) or "the tables agree with the recordings")
sys.exit(bool(found))
