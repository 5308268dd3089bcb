"""Reading facts: each is looked up and held against its type before anything is judged on it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from policies.comparing import ABSENT, takes_absent
from policies.conditions import Compare, Fact, Kind
from policies.facts import ARGUMENTS, LARGEST_NUMBER
from policies.hosts import parse_host
from policies.rules import Facts
from policies.texts import flaw_of, is_unmistakable


@dataclass(frozen=True, slots=True)
class Reading:
    """One fact that rules read, with every type that they ask of it."""

    name: str
    path: tuple[str, ...] | None
    types: tuple[Fact, ...]
    is_required: bool

    @property
    def key(self) -> tuple[str, tuple[str, ...] | None]:
        """Tells readings apart."""
        return self.name, self.path


def readings_of(comparisons: Iterable[Compare]) -> tuple[Reading, ...]:
    """Collect what comparisons read, in order of first use; arguments last, since they cost most."""
    found: dict[tuple[str, tuple[str, ...] | None], Reading] = {}
    for comparison in comparisons:
        fact = comparison.fact
        new = Reading(fact.name, fact.path, (replace(fact, is_optional=False),), not takes_absent(comparison))
        old = found.get(new.key, new)
        types = tuple(dict.fromkeys((*old.types, *new.types)))
        found[new.key] = Reading(fact.name, fact.path, types, old.is_required or new.is_required)
    return tuple(sorted(found.values(), key=lambda reading: reading.path is not None))


def read(reading: Reading, facts: Facts) -> tuple[Any, str | None]:
    """Look a fact up. Gives its value, or `ABSENT` and why nothing may be judged on it."""
    if reading.path is None:
        value = facts.get(reading.name, ABSENT)
    else:
        value = _walk(facts.get(ARGUMENTS, ABSENT), reading.path)
        if value is None:
            return ABSENT, "is null, or not inside an object"
    if value is ABSENT:
        return ABSENT, "is missing" if reading.is_required else None
    flaw = next(filter(None, (flaw_in(fact, value) for fact in reading.types)), None)
    return (value, None) if flaw is None else (ABSENT, flaw)


def _walk(value: Any, path: tuple[str, ...]) -> Any:
    """Follow `path`; None when something on the way is not an object."""
    for key in path:
        if value is ABSENT:
            return ABSENT
        if type(value) is not dict:
            return None
        value = value.get(key, ABSENT)
    return value


def flaw_in(fact: Fact, value: Any) -> str | None:
    """Say why a value is not one of the fact's type; None when it is."""
    if value is None:
        return "is null"
    return _FLAWS[fact.kind](fact, value)


def _flaw_in_bool(_: Fact, value: Any) -> str | None:
    return None if type(value) is bool else "is not true or false"


def _flaw_in_number(fact: Fact, value: Any) -> str | None:
    if not is_number(value):
        return "is not a plain number"
    if fact.is_integer and not is_whole(value):
        return "is not a whole number"
    low, high = bounds_of(fact)
    return None if low <= value <= high else "is out of bounds"


def bounds_of(fact: Fact) -> tuple[float, float]:
    """Give the inclusive bounds that a number is held to."""
    low = 1 - LARGEST_NUMBER if fact.minimum is None else fact.minimum
    high = LARGEST_NUMBER - 1 if fact.maximum is None else fact.maximum
    return low, high


def is_number(value: Any) -> bool:
    """Whether a value is a number, and no boolean."""
    return type(value) is int or type(value) is float


def is_whole(value: Any) -> bool:
    """Whether a number has no fraction; NaN and the infinities are not whole."""
    return type(value) is int or value.is_integer()


def _flaw_in_text(_: Fact, value: Any) -> str | None:
    return flaw_of(value) if type(value) is str else "is not a text"


def _flaw_in_choice(fact: Fact, value: Any) -> str | None:
    return None if value in fact.choices else f"is none of {', '.join(fact.choices)}"


def _flaw_in_texts(fact: Fact, value: Any) -> str | None:
    if fact.choices:
        return None if are_chosen(value, frozenset(fact.choices)) else "has something else than its choices"
    if are_texts(value):
        return None
    if not _is_list(value) or not all(type(text) is str for text in value):
        return "is not a list of texts"
    return next(filter(None, map(flaw_of, value)), None)


def _flaw_in_hosts(_: Fact, value: Any) -> str | None:
    return None if are_hosts(value) else "has something that is not a host"


_FLAWS = {
    Kind.BOOL: _flaw_in_bool,
    Kind.NUMBER: _flaw_in_number,
    Kind.TEXT: _flaw_in_text,
    Kind.CHOICE: _flaw_in_choice,
    Kind.TEXTS: _flaw_in_texts,
    Kind.HOSTS: _flaw_in_hosts,
}


def are_texts(value: Any) -> bool:
    """Whether a value is a list of texts that read as what they are."""
    return _is_list(value) and all(type(text) is str and is_unmistakable(text) for text in value)


def are_chosen(value: Any, choices: frozenset[str]) -> bool:
    """Whether a value is a list of nothing but these texts."""
    return _is_list(value) and all(type(text) is str and text in choices for text in value)


def are_hosts(value: Any) -> bool:
    """Whether a value is a list of hosts, each written so that it reads as the host that it is."""
    return _is_list(value) and all(type(text) is str and is_unmistakable(text) and _is_host(text) for text in value)


def _is_list(value: Any) -> bool:
    return type(value) is list or type(value) is tuple


def _is_host(text: str) -> bool:
    try:
        parse_host(text)
    except ValueError:
        return False
    return True
