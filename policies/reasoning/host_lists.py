"""Lists of hosts that egress patterns agree on.

A host counts by three things only: which constant it is, the longest suffix among the patterns that covers it, and its
port. So a finite list of candidates stands for all hosts; the real comparison of `policies.egress` is asked on each.
"""

from collections.abc import Iterator, Sequence

from policies.hosts import HostPattern, parse_host, parse_pattern
from policies.reasoning.literals import Literal, fit_all

_FREE_PORTS = (443, 8443, 9443)


def find_hosts(literals: Sequence[Literal]) -> tuple[str, ...] | None:
    """Find a list of hosts that fits; None when there is none."""
    candidates = list(dict.fromkeys(_candidates(literals)))
    every = [one for one in literals if one.compare.operator == "only" and one.is_wanted]
    spared = [one for one in literals if one.compare.operator == "contains" and not one.is_wanted]
    usable = [host for host in candidates if fit_all([*every, *spared], (host,))]
    found = []
    for demand in (one for one in literals if one not in every and one not in spared):
        host = next((host for host in usable if fit_all([demand], (host,))), None)
        if host is None:
            return None
        found.append(host)
    hosts = tuple(dict.fromkeys(found))
    return hosts if fit_all(literals, hosts) else None


def _candidates(literals: Sequence[Literal]) -> Iterator[str]:
    constants = [str(operand) for literal in literals for operand in literal.compare.operands]
    patterns = [pattern for pattern in map(_read, constants) if pattern is not None]
    yield from (constant for constant in constants if _is_host(constant))
    names = {pattern.name for pattern in patterns}
    free = _free_label(names)
    ports = {pattern.port for pattern in patterns if pattern.port}
    endings = [None, *sorted(ports), next(port for port in _FREE_PORTS if port not in ports or port == _FREE_PORTS[-1])]
    for name in [*sorted(names), *(f"{free}.{name}" for name in sorted(names)), f"{free}.example", *_loopback(free)]:
        for port in endings:
            host = f"[{name}]" if ":" in name else name
            text = host if port is None else f"{host}:{port}"
            if _is_host(text):
                yield text


def _read(text: str) -> HostPattern | None:
    try:
        return parse_pattern(text)
    except ValueError:
        return None


def _is_host(text: str) -> bool:
    try:
        parse_host(text)
    except ValueError:
        return False
    return True


def _free_label(names: set[str]) -> str:
    """Give a label that begins none of the names."""
    taken = {name.partition(".")[0] for name in names}
    return next(label for label in (f"x{n}" if n else "x" for n in range(len(taken) + 1)) if label not in taken)


def _loopback(free: str) -> tuple[str, ...]:
    return (f"{free}.localhost",)
