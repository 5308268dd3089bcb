"""Where an operation is called: servers with their variables, of the document, a path or an operation."""

import re
from typing import Any
from urllib.parse import urljoin, urlsplit

from proctor.contracts.errors import EgressDenied
from proctor.tools.egress.reading import read_url, refuse_characters
from proctor.tools.openapi.notes import Notes, OperationLeftOut

_VARIABLE = re.compile(r"\{([^{}]*)\}")


def base_url(levels: list[Any], document_url: str, override: str, notes: Notes) -> str:
    """Give the base URL: the override, else the first server of the narrowest level that has any.

    Raises `OperationLeftOut` where nothing says where the service is.
    """
    servers = next((one for one in reversed(levels) if isinstance(one, list) and one), [])
    if override:
        own = next((one for one in reversed(levels[1:]) if isinstance(one, list) and one), None)
        if own:
            notes.add(
                "left_out", "servers", f"it has a server of its own, {_shown(own[0])}: the given base URL is used"
            )
        return override
    if not servers:
        servers = [{"url": "/"}]
    for other in servers[1:]:
        notes.add("left_out", f"server {_shown(other)}", f"one server is called: {_shown(servers[0])}")
    url = _filled(servers[0], notes)
    full = _read(document_url, url)
    parts = urlsplit(full)
    if parts.query or parts.fragment:
        notes.add("left_out", f"server {full}", "query and fragment of a server are not sent")
    return f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")


def _read(document_url: str, url: str) -> str:
    try:
        # Before they are joined: the library leaves out line ends, and so names another host than the document shows.
        refuse_characters(url)
        full = urljoin(document_url, url) if document_url else url
        read_url(full)
    except (ValueError, EgressDenied) as error:
        raise OperationLeftOut(
            f"its server {url!r} is not a usable http(s) address: {error}; give --base-url"
        ) from None
    return full


def _filled(server: Any, notes: Notes) -> str:
    said: dict[str, Any] = server if isinstance(server, dict) else {}
    declared = said.get("variables")
    variables: dict[str, Any] = declared if isinstance(declared, dict) else {}

    def value_of(found: re.Match[str]) -> str:
        one = variables.get(found[1])
        value = one.get("default") if isinstance(one, dict) else None
        if value is None:
            raise OperationLeftOut(f"its server variable {found[1]} has no default; give --base-url")
        notes.add("assumed", f"server variable {found[1]}", f"its default is used: {value}")
        return str(value)

    return _VARIABLE.sub(value_of, str(said.get("url", "/")))


def _shown(server: Any) -> str:
    return str(server.get("url", "")) if isinstance(server, dict) else str(server)
