"""Usage: check_lines.py FOLDER...

A line of source has 120 columns at most; clang-format leaves comments as they are.
"""
import pathlib
import sys

COLUMNS = 120


def main():
    files = [file for folder in sys.argv[1:] for file in sorted(pathlib.Path(folder).rglob("*"))
             if file.suffix in (".c", ".h", ".def")]
    wrong = [f"{file}:{number}: {len(line)} columns, not {COLUMNS} at most" for file in files
             for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1) if len(line) > COLUMNS]
    sys.exit("\n".join(wrong) or (None if files else f"no sources under {sys.argv[1:]}"))


main()
