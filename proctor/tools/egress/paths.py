"""Path prefixes by whole segments, for paths that every server reads alike."""

import re
from urllib.parse import unquote

_FOLDED = re.compile(r"(?:^|[/\\])\.{1,2}(?:[/\\;]|$)|\\|[\x00-\x1f\x7f]")


def is_under(prefix: str, path: str) -> bool:
    """Whether `path` lies under `prefix` however often a server decodes it.

    Below `/` everything does. Elsewhere no segment may turn into `.` or `..`, or into two, once it is decoded.
    """
    if prefix == "/":
        return True
    wanted, given = prefix.rstrip("/").split("/"), path.split("/")
    return given[: len(wanted)] == wanted and not _moves(path)


def _moves(path: str) -> bool:
    decoded, slashes = path, path.count("/")
    while True:
        if _FOLDED.search(decoded) or decoded.count("/") != slashes:
            return True
        decoded, before = unquote(decoded, "latin-1"), decoded
        if decoded == before:
            return False
