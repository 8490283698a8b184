"""Usage: check_symbols.py SRC NM OBJECTS

A call may only go downwards, whatever header it was declared in; and the files of a folder call each other in no
circle. OBJECTS names, a line each, the objects of the library, once each source.
"""
import pathlib
import re
import subprocess
import sys

from floors import BELOW, folder_of

# Declared on its own floor and defined above: what the registry tells those who look entries up.
DECLARED_BELOW = {("optimizer", "registry"): "optimizer/registry.h", ("federated", "registry"): "optimizer/registry.h"}
MAY_CIRCLE = {"engine"}  # sizes and storage ask each other, as do cohorts and plan


def symbols_of(objects, src, nm):
    """By source file: the symbols that it defines, and those that it uses."""
    defined, used = {}, {}
    listing = subprocess.run([nm, "-P", "-A", *objects], check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        path, symbol = line.split(": ", 1)
        name = re.search(r"/src/(.*)\.(o|obj)$", path)[1]
        symbol, kind = symbol.split()[:2]
        if kind in "UTDBRVWC":
            (used if kind == "U" else defined).setdefault(name, set()).add(symbol)
    for name in defined:
        if not (src / name).exists():
            sys.exit(f"an object is of no source under {src}: {name}")
    return defined, used


def is_declared(symbol, header, src):
    return re.search(rf"\b{symbol}\b", (src / header).read_text()) is not None


def allowed(user, definer, symbol, src):
    here, there = folder_of(user), folder_of(definer)
    headers = [name for name in BELOW[here] if name.endswith(".h")]
    if (here, there) in DECLARED_BELOW:
        headers.append(DECLARED_BELOW[here, there])
    return there in [here] + BELOW[here] or any(is_declared(symbol, header, src) for header in headers)


def find_circle(calls):
    """Some files that call each other in a circle, or none: what is left when files that call nothing are taken away."""
    left = {file: set(called) for file, called in calls.items()}
    while True:
        idle = [file for file, called in left.items() if not called & left.keys()]
        if not idle:
            break
        for file in idle:
            del left[file]
    path = sorted(left)[:1]
    while path:
        following = min(left[path[-1]] & left.keys())
        if following in path:
            return path[path.index(following):]
        path.append(following)
    return path


def main():
    src = pathlib.Path(sys.argv[1])
    objects = pathlib.Path(sys.argv[3]).read_text().split()
    defined, used = symbols_of(objects, src, sys.argv[2])
    home = {symbol: name for name, symbols in defined.items() for symbol in symbols}
    wrong, calls = [], {}
    for user in sorted(used):
        for symbol in sorted(used[user] & home.keys()):
            definer = home[symbol]
            if not allowed(user, definer, symbol, src):
                wrong.append(f"{user} must not use {symbol} of {definer}, which lies above it")
            if folder_of(user) == folder_of(definer) and user != definer:
                calls.setdefault(folder_of(user), {}).setdefault(user, set()).add(definer)
    for folder in sorted(calls.keys() - MAY_CIRCLE):
        circle = find_circle(calls[folder])
        if circle:
            wrong.append("a circle of calls: " + " -> ".join(circle + circle[:1]))
    sys.exit("\n".join(wrong) or (None if home else "no symbols"))


main()
