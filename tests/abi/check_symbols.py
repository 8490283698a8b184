"""Usage: check_symbols.py HEADERS LIBRARY NM

The functions that the headers in the folder HEADERS declare, each in one of them, the dynamic symbols that the library
exports, symbols.txt and since.txt must name the same things; symbols.txt is sorted. What the library takes from elsewhere
is the C library's, OpenMP's, BLAS's or LAPACK's.
"""
import pathlib
import re
import subprocess
import sys


def declared(header):
    code = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
    code = re.sub(r"^\s*#.*$", "", code, flags=re.M)
    return sorted(set(re.findall(r"\b(optim_\w+)\s*\((?!\s*\*)", code)))


def exported(library, nm):
    lines = subprocess.run([nm, "-D", "--defined-only", library], check=True, capture_output=True, text=True).stdout
    return {line.split()[-1] for line in lines.splitlines()}


def imported(library, nm):
    """Names of other libraries, as far as versions tell which are the C library's."""
    lines = subprocess.run([nm, "-D", "--undefined-only", library], check=True, capture_output=True, text=True).stdout
    names = {line.split()[-1] for line in lines.splitlines()}
    reserved = r"cblas_|omp_|GOMP_|_|d[a-z0-9]{4,5}_$"  # the last are Fortran's, in double: dsyevd_
    if "@GLIBC" not in lines:
        return set()
    return {name for name in names if "@GLIBC" not in name and not re.match(reserved, name)}


def private(library, nm):
    """What is called like a public function but is none, in a library that is not stripped."""
    lines = subprocess.run([nm, "--defined-only", library], capture_output=True, text=True).stdout
    names = {line.split()[-1] for line in lines.splitlines()}
    return {name for name in names if re.fullmatch(r"optim_\w+", name)} - exported(library, nm)


def main():
    headers, library, nm = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    folder = pathlib.Path(__file__).parent
    listed = (folder / "symbols.txt").read_text().split()
    since = [line.split() for line in (folder / "since.txt").read_text().splitlines()]

    # comm_mpi.h is libgradopt-mpi's
    found = [name for header in sorted(headers.glob("*.h")) if header.name != "comm_mpi.h" for name in declared(header)]
    wrong = [f"{name} is declared by two headers" for name in sorted(set(found)) if found.count(name) > 1]
    if listed != sorted(set(listed)):
        wrong.append("symbols.txt is not sorted, or names something twice")
    for entry in since:
        if len(entry) != 2 or not re.fullmatch(r"\d+\.\d+\.\d+", entry[1]):
            wrong.append(f"since.txt: {' '.join(entry)!r} is not a symbol and a version")
    for where, names in (
        ("declared in a header", set(found)),
        ("exported by the library", exported(library, nm)),
        ("in since.txt", {entry[0] for entry in since if entry}),
    ):
        wrong += [f"{name} is in symbols.txt but not {where}" for name in sorted(set(listed) - names)]
        wrong += [f"{name} is {where} but not in symbols.txt" for name in sorted(names - set(listed))]
    wrong += [f"{name} could be taken from a host that has one" for name in sorted(imported(library, nm))]
    wrong += [f"{name} is private: its name shall not begin with optim_" for name in sorted(private(library, nm))]
    sys.exit("\n".join(wrong) or None)


main()
