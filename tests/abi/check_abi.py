"""Usage: check_abi.py LIBRARY HEADERS [--update]

Compares the binary interface of LIBRARY with that of the last tag, or, before the first tag, with the dump that is
committed beside this file. What was added is fine, a struct that grew at its end too; what went away or moved is not,
unless an experimental header, advice.h, comm.h or federated.h, declares it.
--update writes the dump anew instead. Ends with 77 (skipped) where abigail is not installed or LIBRARY has no debug
information.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

FOLDER = pathlib.Path(__file__).resolve().parent
ROOT = FOLDER.parent.parent
SKIPPED = 77
EXPERIMENTAL = ["advice.h", "comm.h", "federated.h"]


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def output(*command):
    """What the command prints; None if it fails or is not installed."""
    if not shutil.which(command[0]):
        return None
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    return run.stdout if run.returncode == 0 else None


def dump(library, headers):
    """The ABI as XML, free of everything that depends on the machine: paths, places in files, libraries needed."""
    text = output("abidw", "--headers-dir", headers, "--drop-private-types", "--exported-interfaces-only",
                  "--drop-undefined-syms", "--no-comp-dir-path", "--no-corpus-path", "--no-architecture",
                  "--no-show-locs", "--no-elf-needed", "--no-parameter-names", "--type-id-style", "hash", library)
    if text is None:
        sys.exit(f"abidw cannot read {library}")
    if "<function-decl" not in text:
        skip(f"{library} has no debug information (build it with -g)")
    return text.replace(f"{ROOT}/", "")


def without_growth(now, before):
    """`now` without the members that structs have behind those that they had in `before`. (abidiff has a suppression
    for this, has_data_member_inserted_at = end, but in its version 2.2 that hides members which change places as well.)"""
    def structs(tree):
        return {struct.get("name"): struct for struct in tree.iter("class-decl") if len(struct)}

    def members(struct):
        return [(member.get("layout-offset-in-bits"), member.find("var-decl").get("name")) for member in struct]

    tree = xml.etree.ElementTree.fromstring(now)
    known = structs(xml.etree.ElementTree.fromstring(before))
    for name, struct in structs(tree).items():
        if name not in known:
            continue
        had = members(known[name])
        if len(struct) > len(had) and members(struct)[:len(had)] == had:
            for member in list(struct)[len(had):]:
                struct.remove(member)
            struct.set("size-in-bits", known[name].get("size-in-bits"))
    return xml.etree.ElementTree.tostring(tree, encoding="unicode")


def experimental(headers, before):
    """Suppressions, as abidiff reads them, of what experimental headers declare or did so at the tag `before`."""
    then = [output("git", "show", f"{before}:include/optim/{name}") or "" for name in EXPERIMENTAL]
    here = [pathlib.Path(headers, name).read_text() for name in EXPERIMENTAL]
    code = re.sub(r"/\*.*?\*/", "", "".join(here + then), flags=re.S)
    functions, types = re.findall(r"\b(optim_\w+)\(", code), re.findall(r"\btypedef struct (optim_\w+)", code)
    return "".join(f"[suppress_{kind}]\nname_regexp = ^({'|'.join(names)})$\n"
                   for kind, names in (("function", functions), ("type", types)))


def dump_of_last_tag(name):
    """The dump at the last tag, and what to call it. None if there is no tag, or if it had another SOVERSION."""
    tag = (output("git", "describe", "--tags", "--abbrev=0") or "").strip()
    text = output("git", "show", f"{tag}:tests/abi/{name}") if tag else None
    return text and (text, tag)


def main():
    library, headers = (str(pathlib.Path(path).resolve()) for path in sys.argv[1:3])
    if not (shutil.which("abidw") and shutil.which("abidiff")):
        skip("abidw and abidiff are not installed (Debian: abigail-tools)")
    now = dump(library, headers)
    soversion = re.search(r"soname='libgradopt\.so\.(\d+)'", now).group(1)
    committed = FOLDER / f"libgradopt-{soversion}.abi"
    if "--update" in sys.argv[3:]:
        committed.write_text(now)
        return
    if not committed.exists():
        sys.exit(f"{committed.name} is missing: SOVERSION {soversion} is new? then write it with ./dev abi --update")
    before, name = dump_of_last_tag(committed.name) or (committed.read_text(), committed.name)

    with tempfile.TemporaryDirectory() as scratch:
        old, new, free = (os.path.join(scratch, which) for which in ("old.abi", "new.abi", "free.suppr"))
        pathlib.Path(old).write_text(before)
        pathlib.Path(new).write_text(without_growth(now, before))
        pathlib.Path(free).write_text(experimental(headers, name))
        run = subprocess.run(["abidiff", "--no-added-syms", "--harmless", "--suppressions", free, old, new],
                             capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"{run.stdout}{run.stderr}The binary interface is not what it was in {name}.")
    functions = len(set(re.findall(r"<function-decl name='(\w+)'", now)))
    print(f"{functions} functions and their types are as in {name}, or additions to it")


main()
