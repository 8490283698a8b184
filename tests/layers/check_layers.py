"""Usage: check_layers.py SRC

An include may only go downwards. Quoted includes are names from src/ or include/.
"""
import pathlib
import re
import sys

from floors import BELOW, folder_of


def allowed(folder, included):
    return folder_of(included) in ["optim", folder] + BELOW[folder] or included in BELOW[folder]


def check(file, src):
    folder = folder_of(str(file.relative_to(src)))
    if folder not in BELOW:
        yield f"{file}: {folder} is on no floor; src/ has {', '.join(BELOW)}"
        return
    for number, line in enumerate(file.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
        if match and not allowed(folder, match[1]):
            below = ", ".join(["optim", folder] + BELOW[folder])
            yield f"{file}:{number}: {folder} must not include {match[1]}, only: {below}"


def main():
    src = pathlib.Path(sys.argv[1])
    files = sorted(file for file in src.rglob("*") if file.suffix in (".c", ".h", ".def"))
    wrong = [complaint for file in files for complaint in check(file, src)]
    sys.exit("\n".join(wrong) or (None if files else f"no sources under {src}"))


main()
