"""What the client would do with a URL, told without connecting: for `proctor egress check` and for tests."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from math import isfinite
from typing import Any, Final

from proctor.contracts.egress import EgressEntry
from proctor.contracts.errors import EgressDenied, InvalidInput
from proctor.tools.egress.networks import Network
from proctor.tools.egress.reading import Url, read_url
from proctor.tools.egress.redirects import is_redirect, next_hop
from proctor.tools.egress.rules import EgressRules, admit_addresses

_METHOD: Final = "GET"
_PARTS_OF_A_REDIRECT: Final = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one line."""

    id: Any
    url: Any
    is_allowed: bool
    reason: str
    is_usable: bool = True
    """Whether the line itself could be read; one that could not is denied."""

    def told(self) -> dict[str, Any]:
        """Give what is printed of it."""
        verdict = "allow" if self.is_allowed else "deny"
        return {"id": self.id, "url": self.url, "verdict": verdict, "reason": self.reason}

    def line(self) -> str:
        """Write it as one line of JSON, in ASCII: a URL may hold anything."""
        return json.dumps(self.told(), ensure_ascii=True)


class EgressJudge:
    """Judges lines `{id, url}`, with `dns_answers` and `allowed_cidrs` or `redirect` where behaviour is asked for."""

    def __init__(self, entries: Iterable[EgressEntry]) -> None:
        """Read the entries. Raises `InvalidInput` naming one that cannot be meant as written."""
        self._rules = EgressRules(entries)

    def verdicts(self, lines: Iterable[str]) -> Iterator[Verdict]:
        """Give a verdict for each line that is not blank, in order, one at a time."""
        for number, text in enumerate(lines, 1):
            if text.strip():
                yield self._verdict(number, text)

    def _verdict(self, number: int, text: str) -> Verdict:
        try:
            line = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse, parse_float=_finite)
        except (ValueError, RecursionError) as error:
            return Verdict(None, None, is_allowed=False, reason=f"line {number} is not JSON: {error}", is_usable=False)
        if not isinstance(line, dict):
            return Verdict(None, None, is_allowed=False, reason=f"line {number} is not a JSON object", is_usable=False)
        identity, url = line.get("id"), line.get("url")
        try:
            return Verdict(identity, url, is_allowed=True, reason=self._allow(line))
        except EgressDenied as error:
            return Verdict(identity, url, is_allowed=False, reason=error.message)
        except InvalidInput as error:
            reason = f"line {number} cannot be judged: {error.message}"
            return Verdict(identity, url, is_allowed=False, reason=reason, is_usable=False)

    def _allow(self, line: dict[str, Any]) -> str:
        asked = _Asked(line)
        url, method = read_url(line.get("url")), asked.method
        self._admit(url, method, asked, 0)
        if asked.redirect is None or not is_redirect(asked.redirect[0]):
            return f"an entry names {url.scheme}://{url.host}:{url.port}"
        status, location = asked.redirect
        try:
            there = next_hop(url, method, status, location)
            self._admit(there, method, asked, 1)
        except EgressDenied as error:
            raise EgressDenied(f"redirect: {error.message}") from None
        return f"an entry names {there.scheme}://{there.host}:{there.port}, where the redirect leads"

    def _admit(self, url: Url, method: str, asked: "_Asked", hop: int) -> None:
        places = self._rules.admit(url, method)
        if asked.answers is not None:
            networks = [place.networks if asked.networks is None else asked.networks for place in places]
            admit_addresses(networks, asked.answers[min(hop, len(asked.answers) - 1)] if asked.answers else ())


class _Asked:
    """What a line says beside its URL. Raises `InvalidInput` for what it cannot mean."""

    def __init__(self, line: dict[str, Any]) -> None:
        self.method: str = _method(line.get("method"))
        self.answers: Sequence[Sequence[str]] | None = _answers(line.get("dns_answers"))
        self.networks: tuple[Network, ...] | None = _networks(line.get("allowed_cidrs"))
        self.redirect: tuple[int, Any] | None = _redirect(line.get("redirect"))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that stands twice, of which readers of JSON take the first or the last."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    """Refuse a number that could not be written again: the answer repeats the id."""
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"the number {text[:20]} is too large")
    return value


def _method(value: Any) -> str:
    if value is None:
        return _METHOD
    if not isinstance(value, str) or not value.isalpha():
        raise InvalidInput("method is not a word such as GET")
    return value.upper()


def _answers(value: Any) -> list[list[str]] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(one, list) for one in value):
        raise InvalidInput("dns_answers is not a list of lists of addresses")
    if not all(isinstance(address, str) for one in value for address in one):
        raise InvalidInput("dns_answers holds something that is not a text")
    return value


def _networks(value: Any) -> tuple[Network, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list):
        raise InvalidInput("allowed_cidrs is not a list of networks")
    try:
        return tuple(ip_network(text) for text in value)
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"allowed_cidrs: {error}") from None


def _redirect(value: Any) -> tuple[int, Any] | None:
    if value is None:
        return None
    is_pair = isinstance(value, list) and len(value) == _PARTS_OF_A_REDIRECT
    if not is_pair or isinstance(value[0], bool) or not isinstance(value[0], int):
        raise InvalidInput("redirect is not [status, location]")
    return value[0], value[1]
