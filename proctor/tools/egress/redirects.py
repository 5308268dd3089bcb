"""Where a redirect leads, read as strictly as a URL."""

import re
from typing import Final

from proctor.contracts.errors import EgressDenied
from proctor.tools.egress.reading import Url, read_url, refuse_characters

MAX_REDIRECTS: Final = 5
_SAFE: Final = frozenset({"GET", "HEAD"})
_ANY_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:", re.ASCII)
_USE_PROXY = frozenset({305, 306})
_NOT_MODIFIED = 304


def is_redirect(status: int) -> bool:
    """Whether an answer with this status tells the client to go elsewhere."""
    return 300 <= status < 400 and status != _NOT_MODIFIED  # noqa: PLR2004 - RFC 9110, section 15.4


def next_hop(url: Url, method: str, status: int, location: object) -> Url:
    """Give where a redirect leads; its entry and its addresses are yet to be checked.

    Raises `EgressDenied` for a Location that can be read in two ways, a step from https to http, a redirect to the
    same place, a proxy, and every method but GET and HEAD, which another server must not be made to carry out.
    """
    if status in _USE_PROXY:
        raise EgressDenied(f"status {status} asks for a proxy")
    if method not in _SAFE:
        raise EgressDenied(f"a redirect of {method} is not followed: it could change the method or repeat the effect")
    if not isinstance(location, str) or not location:
        raise EgressDenied("the redirect has no Location")
    target = _resolve(url, location)
    if url.scheme == "https" and target.scheme != "https":
        raise EgressDenied("the redirect goes from https to http")
    if target == url:
        raise EgressDenied("the redirect leads to itself")
    return target


def _resolve(url: Url, location: str) -> Url:
    refuse_characters(location)
    if _ANY_SCHEME.match(location):
        return read_url(location)
    if location.startswith("//"):
        return read_url(f"{url.scheme}:{location}")
    base = url.text[: len(url.text) - len(url.path) - len(url.query)]
    if location.startswith("/"):
        return read_url(base + location)
    if location.startswith(("?", "#")):
        query = location if location.startswith("?") else url.query
        return read_url(base + url.path + query)
    return read_url(base + url.path.rpartition("/")[0] + "/" + location)
