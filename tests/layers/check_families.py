"""Usage: check_families.py SRC

A method's family in registry.def is the folder its descriptor lies in, an alias and a preset have that of their method,
and a family's lines stand together; wrappers lie in wrappers/, schedules in schedules/. Every folder of methods/ is a
family. A preset stands behind what it is a preset of, which has a descriptor of its own. A method that may fail without
REQUESTS has the flag MAY_FAIL.
"""
import pathlib
import re
import sys

DESCRIPTOR = {"METHOD": r"\bmethod_t METHOD\((\w+)\) *=", "SCHEDULE": r"\bschedule_t schedule_(\w+) *="}


def described(src, folder, kind):
    """The folder of each descriptor's file."""
    return {name: file.parent.relative_to(src) for file in sorted((src / folder).rglob("*.c"))
            for name in re.findall(DESCRIPTOR[kind], file.read_text())}


def entries(registry):
    """(kind, name, more) of every line: more is a method's family, or what an alias or a preset is of, and the family."""
    line = r"^(METHOD|ALIAS|WRAPPER|SCHEDULE|METHOD_PRESET|WRAPPER_PRESET)\((\w+(?:, \w+)*)(?:, \"|\)$)"
    for kind, words in re.findall(line, registry.read_text(), re.MULTILINE):
        name, *more = words.split(", ")
        yield kind, name, more


def check(src):
    folders = {"METHOD": described(src, "methods", "METHOD"), "WRAPPER": described(src, "wrappers", "METHOD"),
               "SCHEDULE": described(src, "schedules", "SCHEDULE")}
    families, described_wrappers, sections = {}, set(), []
    for kind, name, more in entries(src / "registry.def"):
        if kind in ("METHOD", "ALIAS", "METHOD_PRESET"):
            families[name] = more[-1]
            sections += [more[-1]] if sections[-1:] != [more[-1]] else []
        if kind == "WRAPPER":
            described_wrappers.add(name)
        lies = folders.get(kind, {}).get(name)
        belongs = {"WRAPPER": "wrappers", "SCHEDULE": "schedules"}.get(kind, f"methods/{more[-1] if more else ''}")
        if kind in ("ALIAS", "METHOD_PRESET"):
            if families.get(more[0]) != more[1]:
                yield f"registry.def: {name} is said to be of {more[1]}, but {more[0]} is of {families.get(more[0])}"
        elif kind == "WRAPPER_PRESET":
            if more[0] not in described_wrappers:
                yield f"registry.def: {name} is a preset of {more[0]}, which is no wrapper in front of it"
        elif str(lies) != belongs:
            yield f"registry.def: {name} should lie in {belongs}, but its descriptor lies in {lies}"
    yield from (f"registry.def: the lines of {section} do not stand together"
                for section in sorted(set(sections)) if sections.count(section) > 1)
    yield from (f"methods/{folder.name} is no family of registry.def" for folder in sorted((src / "methods").iterdir())
                if folder.name not in sections)
    if not families:
        yield f"no methods in {src / 'registry.def'}"


def unmarked(src):
    """Method files that may fail without REQUESTS, which others that share the handle rely on, and do not say so."""
    fails = re.compile(r"\b(step_fail|step_reject)\(")
    blocks = {str(file.relative_to(src)) for file in sorted((src / "blocks").glob("*.h"))
              if fails.search(file.read_text())}
    for file in sorted((src / "methods").rglob("*.c")):
        text = file.read_text()
        if not fails.search(text) and not any(f'"{block}"' in text for block in blocks):
            continue
        for descriptor in re.findall(r"^const method_t METHOD\(.*?^};", text, re.MULTILINE | re.DOTALL):
            if not re.search(r"REQUESTS|MAY_FAIL", descriptor):
                yield f"{file.relative_to(src)}: it may fail; its flags must have MAY_FAIL"


def main():
    src = pathlib.Path(sys.argv[1])
    sys.exit("\n".join([*check(src), *unmarked(src)]) or None)


main()
