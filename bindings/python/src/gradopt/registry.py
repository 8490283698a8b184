"""What there is: every method, wrapper, schedule, map, compressor and rule of servers, as the library's registry describes them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from . import _library as c


@dataclass(frozen=True)
class Option:
    """An option of an entry: its default, its range and what it means."""

    name: str
    default: float | str
    range: str
    meaning: str
    kind: str  # number, integer, switch, keyword, list, entries, entry, word
    lowest: float
    highest: float


@dataclass(frozen=True)
class State:
    """Something that an entry keeps from step to step."""

    name: str
    meaning: str
    shape: str
    condition: str


@dataclass(frozen=True)
class Entry:
    """An entry of the registry."""

    name: str
    family: str
    purpose: str
    citation: str
    evaluations: str
    needs: frozenset[str]
    any_layout: bool  # of a method: looks at elements wherever in a tensor they lie
    roles: tuple[str, ...]
    options: tuple[Option, ...]
    states: tuple[State, ...]

    def setting(self, name: str) -> Option | None:
        """An option of the entry's own, or of the engine."""
        return self.option(name) or engine().option(name)

    def number(self, name: str, value: object) -> float:
        """The value of an option as optim_set takes it: a keyword by its position."""
        option = self.setting(name)
        if option is not None and option.kind == "keyword":
            return float(option.range.split("|").index(str(value)))
        return float(value)  # type: ignore[arg-type]

    def option(self, name: str) -> Option | None:
        """The option of this name, or None."""
        return next((option for option in self.options if option.name == name), None)


def _word(number: int, letters: str) -> str:
    """The word that the header writes as a number: digits 1 .. n in the base n + 1, one for a letter."""
    word = ""
    while number > 0:
        number, digit = divmod(number, len(letters) + 1)
        word = letters[digit - 1] + word
    return word


def _option(kind: int, name: bytes, i: int) -> Option:
    info = c.OptionInfo()
    c.check(c.lib.optim_describe_option(kind, name, i, ctypes.byref(info)))
    word, limits = c.KINDS[info.kind], info.range.decode()
    default: float | str = info.default_value
    if word == "keyword":
        default = limits.split("|")[int(info.default_value)]
    elif word == "entry":
        default = info.default_entry.decode()
    elif word == "word":
        default = _word(int(info.default_value), limits.rsplit(" ", 1)[-1])
    return Option(info.name.decode(), default, limits, info.meaning.decode(), word, info.lowest, info.highest)


def _state(kind: int, name: bytes, i: int) -> State:
    info = c.StateInfo()
    c.check(c.lib.optim_describe_state(kind, name, i, ctypes.byref(info)))
    return State(info.name.decode(), info.meaning.decode(), info.shape.decode(), info.condition.decode())


@cache
def _describe(kind: int, name: str) -> Entry:
    info, encoded = c.Description(), name.encode()
    c.check(c.lib.optim_describe(kind, encoded, ctypes.byref(info)))
    return Entry(
        info.name.decode(),
        info.family.decode(),
        info.purpose.decode(),
        info.citation.decode(),
        info.evaluations.decode(),
        frozenset(word for word, bit in c.NEEDS.items() if info.needs & bit),
        bool(info.can & c.ANY_LAYOUT),
        tuple(role for role in info.roles.decode().split("|") if role),
        tuple(_option(kind, encoded, i) for i in range(info.options)),
        tuple(_state(kind, encoded, i) for i in range(info.states)),
    )


def algorithms() -> list[str]:
    """The names of all methods."""
    return c.names("algorithm")


def wrappers() -> list[str]:
    """The names of all wrappers."""
    return c.names("wrapper")


def schedules() -> list[str]:
    """The names of all schedules."""
    return c.names("schedule")


def maps() -> list[str]:
    """The names of all maps."""
    return c.names("map")


def compressors() -> list[str]:
    """The names of all compressors."""
    return c.names("compressor")


def rules() -> list[str]:
    """The names of all rules of servers."""
    return c.names("rule")


def algorithm(name: str) -> Entry:
    """A method."""
    return _describe(c.ALGORITHM, name)


def wrapper(name: str) -> Entry:
    """A wrapper."""
    return _describe(c.WRAPPER, name)


def schedule(name: str) -> Entry:
    """A schedule."""
    return _describe(c.SCHEDULE, name)


def map_(name: str) -> Entry:
    """A map."""
    return _describe(c.MAP, name)


def compressor(name: str) -> Entry:
    """A compressor."""
    return _describe(c.COMPRESSOR, name)


def rule(name: str) -> Entry:
    """A rule of servers."""
    return _describe(c.RULE, name)


def engine() -> Entry:
    """The options that every method has."""
    return _describe(c.ENGINE, "engine")


_KINDS: dict[str, tuple[Callable[[], list[str]], Callable[[str], Entry]]] = {
    "methods": (algorithms, algorithm),
    "wrappers": (wrappers, wrapper),
    "schedules": (schedules, schedule),
    "rules": (rules, rule),
    "maps": (maps, map_),
    "compressors": (compressors, compressor),
}


def describe(name: str) -> str:
    """What an entry of this name is, with its options and states, as text; "engine": the options of every method."""
    if name == "engine":
        return f"engine: {docstring(engine())}"
    for kind, (names, entry) in _KINDS.items():
        if name in names():
            return f"{name} ({kind[:-1]}): {docstring(entry(name))}"
    algorithm(name)  # complains, and proposes the nearest
    raise AssertionError


def listing(kind: str = "", word: str = "") -> str:
    """The names of a kind ("methods", "wrappers", "schedules", "rules", "maps", "compressors"), or of all, a line each
    with what it is; with a `word` only those that have it in name or line."""
    if kind and kind not in _KINDS:
        raise ValueError(f'there is no kind "{kind}"; there are: {", ".join(_KINDS)}')
    lines = []
    for heading in [kind] if kind else _KINDS:
        names, entry = _KINDS[heading]
        rows = [f"  {name:<24} {entry(name).purpose}" for name in names()]
        rows = [row for row in rows if word.lower() in row.lower()]
        lines += [f"{heading}:", *rows] if rows else []
    return "\n".join(lines)


def docstring(entry: Entry) -> str:
    """What a class made from the entry says of itself."""
    lines = [f"{entry.purpose}."]
    if entry.citation:
        lines += ["", entry.citation]
    if entry.evaluations:
        lines += ["", f"Evaluations of a step: {entry.evaluations}."]
    if entry.options:
        lines += ["", "Options:"]
    for option in entry.options:
        default = f"{option.default:g}" if isinstance(option.default, float) else option.default
        lines.append(f"    {option.name} = {default}  ({option.range}) {option.meaning}")
    if entry.states:
        lines += ["", "States:"] + [f"    {state.name}  ({state.shape}) {state.meaning}" for state in entry.states]
    return "\n".join(lines)
