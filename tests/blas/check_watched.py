"""Fails if the library calls a function of BLAS that blas_watch.c does not stand in for.

usage: check_watched.py NM LIBRARY BLAS_WATCH_C"""
import re
import subprocess
import sys


def main():
    tool, library, source = sys.argv[1:]
    listing = subprocess.run([tool, library], capture_output=True, text=True, check=True).stdout
    called = set(re.findall(r" U (cblas_\w+)", listing))
    with open(source, encoding="utf-8") as file:
        watched = set(re.findall(r"^void (cblas_\w+)\(", file.read(), re.MULTILINE))
    if called != watched or not called:
        sys.exit(f"not watched: {sorted(called - watched)}; watched and not called: {sorted(watched - called)}")
    print(f"{len(called)} functions of BLAS are called")


main()
