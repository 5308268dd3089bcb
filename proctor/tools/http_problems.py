"""What the body of an error says, in a line for whoever plans the next call."""

import json
import re
from typing import Any, Final

from proctor.contracts.canonical import CUT, summarize
from proctor.tools.http_received import Answer

MAX_CHARS: Final = 300
MAX_DETAILS: Final = 5
_READ_BYTES: Final = 20_000
_REDIRECT: Final = 3
_TAGS = re.compile(r"<(?:script|style)\b[^>]{0,200}>|<[^<>]{0,1000}>", re.IGNORECASE)
_TEXTS: Final = ("title", "detail", "message", "error_description", "description", "reason", "code")
_LISTS: Final = ("errors", "invalid-params", "invalid_params", "violations", "details", "detail")
_WHERE: Final = ("pointer", "name", "field", "param", "path", "loc", "source")
_MEANINGS: Final[dict[int, str]] = {
    400: "the service does not understand the arguments",
    401: "its credential is missing or not accepted",
    403: "its credential may not do this",
    404: "there is no such thing, or it may not be seen",
    405: "the service does not know this method here",
    409: "it conflicts with the state of the service: read that first",
    410: "it is gone",
    412: "it changed in the meantime: read it again",
    415: "the service does not take this kind of body",
    422: "the service refuses the arguments",
    423: "it is locked",
    428: "the service wants to know which version is meant: read it first",
    429: "too many calls",
}


def meaning_of(answer: Answer) -> str:
    """Say what the status means for the caller; empty where nothing is to be added to its number."""
    if answer.status // 100 == _REDIRECT:
        return "it is elsewhere, and redirects are not followed"
    return _MEANINGS.get(answer.status, "")


def problem_of(answer: Answer) -> str:
    """Sum up the body of an error: RFC 9457, the usual forms of JSON, a page, or its beginning."""
    text = answer.body[:_READ_BYTES].decode("utf-8-sig", "replace")
    text += CUT if len(answer.body) > _READ_BYTES else ""
    if answer.encoding != "identity":
        return ""
    if "html" in answer.media_type:
        return summarize(_TAGS.sub(" ", text), MAX_CHARS)
    try:
        told = _told(json.loads(text))
    except (ValueError, RecursionError):
        told = []
    return summarize("; ".join(dict.fromkeys(told)) or text, MAX_CHARS)


def _told(body: Any) -> list[str]:
    if not isinstance(body, dict):
        return []
    inner = body.get("error")
    if isinstance(inner, dict):
        return _told(inner)
    found = [inner] if isinstance(inner, str) and inner else []
    found += [str(body[name]) for name in _TEXTS if isinstance(body.get(name), str | int) and body[name]]
    for name in _LISTS:
        parts = body.get(name)
        found += [_detail(part) for part in parts[:MAX_DETAILS]] if isinstance(parts, list) else []
    return [one for one in found if one]


def _detail(part: Any) -> str:
    if not isinstance(part, dict):
        return str(part)
    where = next((part[name] for name in _WHERE if part.get(name)), "")
    place = ".".join(str(one) for one in where) if isinstance(where, list) else _place(where)
    what = next(
        (str(part[name]) for name in ("detail", "msg", "message", "reason", "title", "code") if part.get(name)), ""
    )
    return f"{place}: {what}" if place and what else place or what


def _place(where: Any) -> str:
    return str(where.get("pointer") or where.get("parameter") or "") if isinstance(where, dict) else str(where)
