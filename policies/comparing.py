"""What one comparison means: the reference that generated code is held against."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from policies.conditions import Compare, Kind
from policies.hosts import HostPattern, parse_host, parse_pattern
from proctor.contracts.globs import glob_matches


class _Absent:
    """Value of an optional argument that is not given."""

    def __repr__(self) -> str:
        return "(absent)"


ABSENT: Final = _Absent()


def compare(comparison: Compare, value: Any) -> bool:
    """Whether the comparison holds of a value whose type was checked; `ABSENT` takes the default.

    Raises:
        ValueError: the value is absent, and the comparison says nothing of that.

    """
    if comparison.operator == "exists":
        return value is not ABSENT
    if value is ABSENT:
        if not takes_absent(comparison):
            raise ValueError(f"{comparison.fact.name} is not there")
        value = comparison.default
    return _HOLDS[comparison.operator](comparison, value)


def takes_absent(comparison: Compare) -> bool:
    """Whether the fact may be absent, as far as this comparison goes."""
    return comparison.fact.is_optional and (comparison.operator == "exists" or comparison.default is not None)


def _contains(comparison: Compare, value: Any) -> bool:
    if comparison.fact.kind is Kind.HOSTS:
        return any_host_test(comparison.operands)(value)
    return comparison.operands[0] in value


def _only(comparison: Compare, value: Any) -> bool:
    if comparison.fact.kind is Kind.HOSTS:
        return only_hosts_test(comparison.operands)(value)
    return only_globs_test(comparison.operands)(value)


_HOLDS: Final[dict[str, Callable[[Compare, Any], bool]]] = {
    "equals": lambda c, value: value == c.operands[0],
    "in": lambda c, value: value in c.operands,
    "less_than": lambda c, value: value < c.operands[0],
    "at_most": lambda c, value: value <= c.operands[0],
    "greater_than": lambda c, value: value > c.operands[0],
    "at_least": lambda c, value: value >= c.operands[0],
    "matches": lambda c, value: glob_matches(str(c.operands[0]), value),
    "contains": _contains,
    "only": _only,
}


def only_globs_test(operands: Iterable[Any]) -> Callable[[Sequence[str]], bool]:
    """Test whether every text matches one of the globs."""
    globs = tuple(map(str, operands))
    return lambda value: all(any(glob_matches(glob, text) for glob in globs) for text in value)


def only_hosts_test(operands: Iterable[Any]) -> Callable[[Sequence[str]], bool]:
    """Test whether every host is covered by one of the patterns; loopback must be listed by name (see egress)."""
    patterns = _readable(operands)

    def test(value: Sequence[str]) -> bool:
        return all(_is_listed(patterns, text) for text in value)

    return test


def any_host_test(operands: Iterable[Any]) -> Callable[[Sequence[str]], bool]:
    """Test whether a host is covered by the pattern; loopback is no exception. An unreadable pattern covers all."""
    patterns = _readable(operands)

    def test(value: Sequence[str]) -> bool:
        return not patterns or any(pattern.covers(parse_host(text)) for text in value for pattern in patterns)

    return test


def _is_listed(patterns: Sequence[HostPattern], text: str) -> bool:
    host = parse_host(text)
    return any(pattern.covers(host) and (pattern.is_exact or not host.is_loopback) for pattern in patterns)


def _readable(operands: Iterable[Any]) -> tuple[HostPattern, ...]:
    """Read the patterns; one that cannot be read closes the whole list."""
    try:
        return tuple(parse_pattern(str(text)) for text in operands)
    except ValueError:
        return ()
