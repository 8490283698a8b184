"""What there is: every method, wrapper, schedule, map and compressor, as the library's registry describes them."""

from __future__ import annotations

import ctypes
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


def algorithm(name: str) -> Entry:
    """A method."""
    return _describe(c.ALGORITHM, name)


def wrapper(name: str) -> Entry:
    """A wrapper."""
    return _describe(c.WRAPPER, name)


def schedule(name: str) -> Entry:
    """A schedule."""
    return _describe(c.SCHEDULE, name)


def engine() -> Entry:
    """The options that every method has."""
    return _describe(c.ENGINE, "engine")


def docstring(entry: Entry) -> str:
    """What a class made from the entry says of itself."""
    lines = [
        f"{entry.purpose}.",
        "",
        entry.citation,
        "",
        f"Evaluations of a step: {entry.evaluations}.",
        "",
        "Options:",
    ]
    lines += [
        f"    {o.name} = {o.default:g}" if isinstance(o.default, float) else f"    {o.name} = {o.default}"
        for o in entry.options
    ]
    lines = [
        f"{line}  ({option.range}) {option.meaning}" if option else line
        for line, option in zip(lines, [None] * 7 + list(entry.options), strict=True)
    ]
    if entry.states:
        lines += ["", "States:"] + [f"    {state.name}  ({state.shape}) {state.meaning}" for state in entry.states]
    return "\n".join(lines)
