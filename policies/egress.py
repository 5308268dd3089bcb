"""Which hosts a call may reach: nothing but what is listed."""

from collections.abc import Iterable

from policies.hosts import ANY_HOST, HostPattern, parse_host, parse_pattern


class EgressList:
    """Allow-list with default deny; an explicit block beats an allow, and loopback must be listed by name.

    `*` among the blocked says the default aloud and changes nothing. A pattern that cannot be read closes the list.
    """

    def __init__(self, allow: Iterable[str], block: Iterable[str]) -> None:
        """Take the patterns of a manifest."""
        self._allow: tuple[HostPattern, ...] = ()
        self._block: tuple[HostPattern, ...] = ()
        try:
            self._block = tuple(parse_pattern(text) for text in block if text != ANY_HOST)
            self._allow = tuple(parse_pattern(text) for text in allow)
        except ValueError:
            self._allow = ()
        self._listed = ", ".join(allow) or "none"

    def first_refused(self, hosts: Iterable[str]) -> str | None:
        """Give the first host that may not be reached; None when all may be."""
        return next((text for text in hosts if not self._is_allowed(text)), None)

    def explain(self, hosts: Iterable[str]) -> str:
        """Say which host is refused, and which are listed."""
        return f"{self.first_refused(hosts)} is not among the allowed domains, which are: {self._listed}"

    def _is_allowed(self, text: str) -> bool:
        try:
            host = parse_host(text)
        except (ValueError, TypeError):
            return False
        if any(pattern.covers(host) for pattern in self._block):
            return False
        return any(pattern.covers(host) and (pattern.is_exact or not host.is_loopback) for pattern in self._allow)
