"""Usage: static_names.py LIBDIR SOURCE COMPILER NM SYMBOLS

The installed archive defines the public functions and nothing else for its users. SOURCE is linked with it beside functions
that have the names of all that is in the archive besides, and none of these is called.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HEAD = """#include <stdio.h>
#include <stdlib.h>
static void called_by_mistake(const char *name) { fprintf(stderr, "%s was called\\n", name); exit(1); }
"""


def run(*command, **options):
    return subprocess.run(command, check=True, text=True, **options)


def defined(nm, archive):
    """Names of the archive: those that others see, and those that they do not."""
    lines = run(nm, "--defined-only", archive, stdout=subprocess.PIPE).stdout.splitlines()
    symbols = [words for words in (line.split() for line in lines) if len(words) == 3]
    seen = {name for _, kind, name in symbols if kind.isupper() or kind in "uvw"}
    return seen, {name for _, _, name in symbols} - seen


def flags(libdir, *wanted):
    environment = {**os.environ, "PKG_CONFIG_PATH": str(libdir / "pkgconfig")}
    return run("pkg-config", *wanted, "libgradopt", stdout=subprocess.PIPE, env=environment).stdout.split()


def main():
    libdir, source, compiler, nm, symbols = sys.argv[1:]
    libdir = pathlib.Path(libdir)
    seen, unseen = defined(nm, libdir / "libgradopt.a")
    public = set(pathlib.Path(symbols).read_text().split())
    if seen != public:
        sys.exit(f"the archive defines, or does not: {', '.join(sorted(seen ^ public))}")
    if hidden := sorted(name for name in unseen if re.fullmatch(r"optim_\w+", name)):
        sys.exit(f"private, but called like the public functions: {', '.join(hidden)}")
    names = sorted(name for name in unseen if re.fullmatch(r"[A-Za-z]\w*", name))
    if "step_make" not in names or "error_text" not in names:
        sys.exit("the names of the archive were not found")
    with tempfile.TemporaryDirectory() as work:
        decoys, program = pathlib.Path(work, "decoys.c"), pathlib.Path(work, "program")
        lines = [f'void {name}(void); void {name}(void) {{ called_by_mistake("{name}"); }}' for name in names]
        decoys.write_text(HEAD + "\n".join(lines) + "\n")
        libraries = [flag.replace("-lgradopt", "-l:libgradopt.a") for flag in flags(libdir, "--static", "--libs")]
        run(*compiler.split(), "-w", "-fno-builtin", *flags(libdir, "--cflags"), source, decoys, "-o", program, *libraries)
        run(program)
    print(f"{len(names)} names of the library's own are free")


main()
