#!/usr/bin/env python3
"""Runs the commands of a page again and replaces what they printed: in every indented block that begins with `$ COMMAND`,
the rest is its output. Run it from the top of the repository, on an idle machine:

    python3 bench/refresh.py docs/performance.md [--build FOLDER] [--only WORD]
"""

import argparse
import pathlib
import re
import subprocess
import sys

INDENT = "    "
BLOCK = re.compile(r"^    \$ (?P<command>.*)\n(?P<output>(?:    (?!\$ ).*\n|\n(?=    (?!\$ )))*)", re.MULTILINE)


def run(command, build):
    print(f"$ {command}", file=sys.stderr, flush=True)
    shell = command.replace("build/dev-gcc", build)
    done = subprocess.run(shell, shell=True, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"ended with {done.returncode}: {done.stderr}")
    lines = (line.rstrip() for line in done.stdout.strip("\n").split("\n"))
    return "".join(f"{INDENT}{line}\n" if line else "\n" for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("--build", default="build/dev-gcc", help="where the programs were built (%(default)s)")
    parser.add_argument("--only", default="", help="only commands that contain this word")
    arguments = parser.parse_args()

    def replace(block):
        command = block["command"]
        if arguments.only not in command:
            return block[0]
        return f"{INDENT}$ {command}\n{run(command, arguments.build)}"

    arguments.page.write_text(BLOCK.sub(replace, arguments.page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
