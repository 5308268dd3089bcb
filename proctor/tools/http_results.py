"""From a successful HTTP answer to the result of a call: JSON, other types, no body, and the headers that are shown."""

import base64
import json
import re
from typing import Any, Final

from proctor.contracts.canonical import CUT
from proctor.contracts.tool import HttpImplementation
from proctor.tools.http_received import Answer

MAX_HEADER_CHARS: Final = 500
MAX_LINKS: Final = 10
_LINK = re.compile(r"<([^<>]{0,2000})>([^<]{0,500})")
_REL = re.compile(r"""\brel\s*=\s*"?([^";,]{1,100})""", re.IGNORECASE)


def result_of(implementation: HttpImplementation, answer: Answer) -> Any:
    """Give the result.

    Where the tool says which media types it accepts, another type than JSON becomes `{"content_type", "text"}`, or
    `base64` where it is no text; where the tool shows headers, the result is `{"body", "headers", "links"}`.

    Raises:
        ValueError: it is not what it says it is, or not JSON where nothing else is accepted.

    """
    body = _body(implementation, answer)
    if not implementation.shows:
        return body
    found = ((name, answer.headers.get(name)) for name in implementation.shows)
    headers = {name: _shortened(str(value)) for name, value in found if value is not None}
    return {"body": body, "headers": headers, "links": links_of(answer.headers.get("Link", ""))}


def links_of(header: str) -> dict[str, str]:
    """Read a Link header (RFC 8288): addresses by their relation, such as `next`."""
    found: dict[str, str] = {}
    for address, parameters in _LINK.findall(header)[:MAX_LINKS]:
        relation = _REL.search(parameters)
        for name in relation[1].lower().split() if relation else ():
            found.setdefault(name, address)
    return found


def _shortened(value: str) -> str:
    return value if len(value) <= MAX_HEADER_CHARS else value[: MAX_HEADER_CHARS - 1] + CUT


def _body(implementation: HttpImplementation, answer: Answer) -> Any:
    if not answer.body:
        return None
    if answer.encoding != "identity":
        raise ValueError(f"it is compressed as {answer.encoding}")
    if implementation.accepts and answer.media_type and not answer.is_json:
        return _other(answer)
    return json.loads(answer.body.decode("utf-8-sig"))


def _other(answer: Answer) -> dict[str, str]:
    said = {"content_type": answer.media_type}
    try:
        text = answer.body.decode("utf-8")
    except UnicodeDecodeError:
        return {**said, "base64": base64.b64encode(answer.body).decode()}
    is_text = all(char.isprintable() or char.isspace() for char in text)
    return {**said, "text": text} if is_text else {**said, "base64": base64.b64encode(answer.body).decode()}
