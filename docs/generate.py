#!/usr/bin/env python3
"""Writes the generated part of every page under docs/, and of README.md beside it, from the registry of a built library, or
checks it.

usage: generate.py LIBRARY DOCS [--check]

A page is a generated part between two marks, in README.md somewhere and otherwise at the head, and a hand-written rest,
which stays as it is. With --check nothing is written
and the exit status is 1 if a page is missing, differs from the registry, or has no hand-written part.
"""
import ctypes
import pathlib
import sys
import textwrap

BEGIN = "<!-- generated from the registry by ./dev docs: change the tables in src/, not this part -->"
END = "<!-- end of the generated part -->"
KINDS = {"methods": (0, "algorithm"), "wrappers": (1, "wrapper"), "schedules": (2, "schedule"), "rules": (6, "rule")}
IN_FAMILIES = (0, 6)  # kinds whose lists have a heading for each family
BY_NAME_ALONE = (2, 6)  # whose lists say no bytes and evaluations
LISTS = {"maps": (4, "map"), "compressors": (5, "compressor")}  # one page for all
ENGINE = 3
FAMILIES = {  # what a family's methods have in common, for headings
    "gradient": "along the gradient, its sign, averages of it",
    "adaptive": "a step size for each coordinate or tensor, from the gradients seen",
    "recursive": "gradient estimates that correct their own past",
    "accelerated": "accelerated, and the heavy ball",
    "lr_free": "without a learning rate, or without a schedule",
    "step_size": "step sizes from the loss, a model, an energy, a hypergradient",
    "curvature": "from Hessian-vector products or pairs of gradients",
    "matrix": "updates of whole matrices",
    "compact": "small states",
    "proximal": "a smooth loss and the prox of a penalty",
    "constrained": "under constraints, or over a set",
    "compressed": "what workers send is compressed, and the error fed back",
    "private": "gradients of single samples, clipped, with noise: differentially private",
    "finite_sum": "variance reduction for finite sums",
    "bilevel": "two levels: the lower one's minimiser inside the upper one",
    "sampling": "samples of a density, by gradients and noise or by particles",
    "population": "populations, and function values alone",
    "games": "games and monotone operators",
    "servers": "a server's vector from what clients hand in, round by round",
    "asynchronous": "clients that finish when they finish: a server that does not wait",
    "replicas": "replicas of one model that train apart and exchange now and then",
    "recovery": "what is lost, from what others have",
    "coding": "gradients of late workers from those of others",
    "wrappers": "around any method",
    "schedules": "on any option of any group",
    "maps": "proximal maps, projections, linear minimisation: the values of options, or by themselves",
    "compressors": "what makes a vector short enough to send: the values of options",
}
NEEDS = {1: "the gradient", 2: "the loss", 4: "further evaluations in a step", 8: "Hessian-vector products",
         16: "the number of components", 32: "losses of components", 64: "constraints", 128: "inputs",
         256: "a row of every parameter for each particle", 512: "residuals and their Jacobian", 1024: "products with it in place of its rows"}
CAN = {1: "cutting a tensor changes no bit", 2: "may share a handle with other algorithms", 4: "has an output of its own"}


def struct(name, *fields):
    """A struct that begins with its size; fields are (name, ctype)."""
    made = type(name, (ctypes.Structure,), {"_fields_": [("size", ctypes.c_size_t), *fields]})
    return lambda: made(size=ctypes.sizeof(made))


TEXT, INT, SIZE, REAL = ctypes.c_char_p, ctypes.c_int, ctypes.c_size_t, ctypes.c_double
description = struct("Description", ("name", TEXT), ("purpose", TEXT), ("citation", TEXT), ("evaluations", TEXT),
                     ("needs", INT), ("can", INT), ("options", SIZE), ("states", SIZE), ("family", TEXT), ("roles", TEXT), ("inputs", SIZE))
option = struct("Option", ("name", TEXT), ("range", TEXT), ("meaning", TEXT), ("default", REAL), ("kind", INT), ("lowest", REAL),
                ("highest", REAL), ("lowest_open", INT), ("highest_open", INT), ("default_entry", TEXT))
state = struct("State", ("name", TEXT), ("meaning", TEXT), ("shape", TEXT), ("condition", TEXT), ("bytes", REAL))
input_info = struct("Input", ("name", TEXT), ("meaning", TEXT), ("of_parameter", INT), ("optional", INT))


class Registry:
    def __init__(self, path):
        self.shared = ctypes.CDLL(str(path))

    def names(self, noun):
        count = getattr(self.shared, f"optim_{noun}_count")
        name = getattr(self.shared, f"optim_{noun}_name")
        count.restype, name.restype, name.argtypes = SIZE, TEXT, [SIZE]
        return [name(i).decode() for i in range(count())]

    def describe(self, kind, name):
        return self._ask("optim_describe", description(), kind, name.encode())

    def rows(self, call, make, kind, name, count):
        return [self._ask(call, make(), kind, name.encode(), SIZE(i)) for i in range(count)]

    def _ask(self, call, answer, *arguments):
        if getattr(self.shared, call)(*arguments, ctypes.byref(answer)) != 0:
            self.shared.optim_error.restype = TEXT
            sys.exit(self.shared.optim_error().decode())
        return answer


def number(value):
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def word(letters, value):
    text, base = "", len(letters) + 1
    while value >= 1:
        value, digit = divmod(int(value), base)
        text = letters[digit - 1] + text
    return text


def default(row):
    if row.range.startswith(b"word of "):
        return word(row.range.decode()[len("word of "):], row.default)
    words = row.range.decode().split("|")
    if row.range in (b"list", b"schedules"):
        return ""
    if row.default_entry:
        return f"`{row.default_entry.decode()}`"
    return words[int(row.default)] if len(words) > 1 else number(row.default)


def prose(text):
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def options_table(registry, kind, name, count):
    rows = registry.rows("optim_describe_option", option, kind, name, count)
    return table(["option", "default", "range", "meaning"],
                 [[f"`{r.name.decode()}`", default(r), r.range.decode(), r.meaning.decode()] for r in rows])


def states_table(registry, kind, name, count):
    rows = registry.rows("optim_describe_state", state, kind, name, count)
    return table(["state", "one for every", "only with", "bytes per parameter", "meaning"],
                 [[f"`{r.name.decode()}`", r.shape.decode(), r.condition.decode(), number(r.bytes) if r.bytes else "",
                   r.meaning.decode()] for r in rows])


def inputs_table(registry, kind, name, count):
    rows = registry.rows("optim_describe_input", input_info, kind, name, count)
    return table(["input", "of", "needed", "meaning"],
                 [[f"`{r.name.decode()}`", "every parameter" if r.of_parameter else "the method",
                   "no" if r.optional else "yes", r.meaning.decode()] for r in rows])


def words(bits, meanings):
    return ", ".join(text for bit, text in meanings.items() if bits & bit)


def head(registry, kind, name):
    about = registry.describe(kind, name)
    purpose = about.purpose.decode()
    lines = [f"# {name}", "", BEGIN, "", prose(purpose[0].upper() + purpose[1:] + "."), ""]
    if about.citation:
        lines += [prose(about.citation.decode() + "."), ""]
    if about.options:
        lines += [*options_table(registry, kind, name, about.options), ""]
    if about.states:
        lines += [*states_table(registry, kind, name, about.states), ""]
    if about.inputs:
        lines += [*inputs_table(registry, kind, name, about.inputs), ""]
    if about.roles:
        roles = ", ".join(f"`role={role}`" for role in about.roles.decode().split("|"))
        lines += [prose(f"Roles of groups, the first unless said otherwise: {roles}."), ""]
    if kind in (0, 1):
        lines += [prose("Bytes are those of f32 parameters with default options. "
                        f"Evaluations in a step: {about.evaluations.decode()}."), ""]
    if kind == 0:
        lines += [prose(f"Needs {words(about.needs, NEEDS)}" + ("; " if about.can else "") + words(about.can, CAN) + "."), ""]
        rows = registry.rows("optim_describe_state", state, kind, name, about.states)
        shared = [f"`{r.name.decode()}`" for r in rows if r.shape in (b"method", b"group")]
        if shared:
            lines += [prose(f"Shared by all tensors, or by all of a group: {', '.join(shared)}. A parameter that was frozen "
                            "takes them as they are when it thaws."), ""]
    return "\n".join([*lines, END, ""])


def by_family(registry, noun, kind):
    """The descriptions of all entries, in lists by family, in the order of the registry."""
    families = {}
    for name in registry.names(noun):
        about = registry.describe(kind, name)
        families.setdefault(about.family.decode(), []).append(about)
    if unknown := families.keys() - FAMILIES.keys():
        sys.exit(f"docs/generate.py has no words for the families {', '.join(sorted(unknown))}")
    return families


def overview_row(registry, kind, about):
    name = about.name.decode()
    row = [f"[{name}]({name}.md)", about.purpose.decode()]
    if kind in BY_NAME_ALONE:
        return row
    size = sum(r.bytes for r in registry.rows("optim_describe_state", state, kind, name, about.states))
    return [*row, number(round(size, 3)), about.evaluations.decode()]


def overview(registry, noun, kind):
    families = by_family(registry, noun, kind)
    titles = [noun, "what it is", "bytes per parameter", "evaluations in a step"][:2 if kind in BY_NAME_ALONE else 4]
    lines = [f"# {noun.capitalize()}s", "", BEGIN, "", f"{sum(map(len, families.values()))} entries.", ""]
    for family, entries in families.items():
        if kind in IN_FAMILIES:
            lines += [f"## {family}", "", f"{FAMILIES[family][0].upper() + FAMILIES[family][1:]}.", ""]
        lines += [*table(titles, [overview_row(registry, kind, about) for about in entries]), ""]
    return "\n".join([*lines, END, ""])


def listing(registry, folder, noun, kind):
    """One page for all entries of a kind: what each is and takes."""
    lines = [f"# {folder.capitalize()}", "", BEGIN, ""]
    rows = []
    for name in registry.names(noun):
        about = registry.describe(kind, name)
        taken = registry.rows("optim_describe_option", option, kind, name, about.options)
        rows.append([f"`{name}`", about.purpose.decode(),
                     ", ".join(f"`{r.name.decode()}` = {default(r)}, {r.range.decode()}: {r.meaning.decode()}" for r in taken),
                     about.citation.decode()])
    return "\n".join([*lines, f"{len(rows)} entries.", "", *table([noun, "what it is", "options", "source"], rows), "", END, ""])


def summary(registry):
    """The table of README.md: every name by family."""
    rows = []
    for folder, (kind, noun) in KINDS.items():
        for family, entries in by_family(registry, noun, kind).items():
            names = " ".join(f"`{about.name.decode()}`" for about in entries)
            section = f"#{family}" if kind in IN_FAMILIES else ""
            rows.append([f"[{family}](docs/{folder}/README.md{section}): {FAMILIES[family]}", names])
    for folder, (kind, noun) in LISTS.items():
        names = " ".join(f"`{name}`" for name in registry.names(noun))
        rows.append([f"[{folder}](docs/{folder}.md): {FAMILIES[folder]}", names])
    return "\n".join([BEGIN, "", *table(["family", "entries"], rows), "", END])


def hand_written(path):
    text = path.read_text() if path.exists() else ""
    return text.split(END, 1)[1].lstrip("\n") if END in text else text


def around(path, generated):
    """The page with its generated part anew, wherever in it that is."""
    text = path.read_text()
    if BEGIN not in text or END not in text:
        sys.exit(f"{path}: the marks of the generated part are missing")
    return text.split(BEGIN, 1)[0] + generated + text.split(END, 1)[1]


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    registry, docs, check = Registry(sys.argv[1]), pathlib.Path(sys.argv[2]), "--check" in sys.argv
    pages, wrong = {}, []
    for folder, (kind, noun) in KINDS.items():
        for name in registry.names(noun):
            pages[docs / folder / f"{name}.md"] = head(registry, kind, name)
        pages[docs / folder / "README.md"] = overview(registry, noun, kind)
    for folder, (kind, noun) in LISTS.items():
        pages[docs / f"{folder}.md"] = listing(registry, folder, noun, kind)
    pages[docs / "engine.md"] = head(registry, ENGINE, "engine")
    readme = docs.parent / "README.md"
    pages[readme] = summary(registry)
    for path, generated in pages.items():
        rest = hand_written(path)
        whole = around(path, generated) if path == readme else generated + ("\n" + rest if rest else "")
        if not rest and path.name != "README.md":
            wrong.append(f"{path}: the hand-written part is missing")
        if check and (not path.exists() or path.read_text() != whole):
            wrong.append(f"{path}: differs from the registry; run ./dev docs")
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(whole)
    print("\n".join(wrong) or f"{len(pages)} pages agree with the registry")
    sys.exit(1 if wrong and check else 0)


main()
