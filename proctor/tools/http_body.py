"""Writes arguments as the body of a request: JSON, forms, multipart, text, bytes."""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any

from proctor.contracts.errors import InvalidInput
from proctor.contracts.http_call import HttpBody, HttpMember
from proctor.tools.http_styles import json_text, query_pairs
from proctor.tools.templates import as_text

_ESCAPES = {'"': "%22", "\r": "%0D", "\n": "%0A", "\\": "%5C"}


@dataclass(frozen=True)
class Body:
    """A body as it is sent."""

    content: bytes
    media_type: str


@dataclass(frozen=True)
class _Part:
    name: str
    content: bytes
    media_type: str
    filename: str | None = None

    def head(self) -> bytes:
        disposition = f'form-data; name="{_escaped(self.name)}"'
        if self.filename is not None:
            disposition += f'; filename="{_escaped(self.filename)}"'
        return f"Content-Disposition: {disposition}\r\nContent-Type: {self.media_type}\r\n\r\n".encode()


def write_body(body: HttpBody, arguments: dict[str, Any]) -> Body | None:
    """Write the body; None where none is to be sent. Raises `InvalidInput` before anything leaves."""
    try:
        return _write(body, arguments)
    except UnicodeEncodeError as error:
        raise InvalidInput("the body cannot be encoded: an argument holds half a surrogate pair") from error


def _write(body: HttpBody, arguments: dict[str, Any]) -> Body | None:
    if body.argument and body.argument not in arguments:
        if body.is_required:
            raise InvalidInput(f"{body.argument} is missing")
        return None
    given = [(member, arguments[member.argument]) for member in body.members if member.argument in arguments]
    if not (body.argument or given or body.is_required):
        return None
    whole = arguments[body.argument] if body.argument else None
    match body.kind:
        case "json":
            value = whole if body.argument else {member.wire_name: part for member, part in given}
            return Body(json_text(value).encode(), body.media_type)
        case "text":
            return Body(as_text(body.argument, whole).encode(), body.media_type)
        case "bytes":
            return Body(_decoded(body.argument, whole), body.media_type)
    members = _members(body.argument, whole) if body.argument else given
    return _form(body, members) if body.kind == "form" else _multipart(body, members)


def _members(argument: str, value: Any) -> list[tuple[HttpMember, Any]]:
    if not isinstance(value, dict):
        raise InvalidInput(f"{argument} must be an object")
    return [(HttpMember(argument=argument, name=name), part) for name, part in value.items() if name]


def _form(body: HttpBody, members: list[tuple[HttpMember, Any]]) -> Body:
    pairs = [pair for member, value in members for pair in query_pairs(member, value)]
    return Body("&".join(f"{name}={text}" for name, text in pairs).encode("ascii"), body.media_type)


def _multipart(body: HttpBody, members: list[tuple[HttpMember, Any]]) -> Body:
    parts = [part for member, value in members if value is not None for part in _parts(member, value)]
    # Taken from the parts, so that a repeated request is the same, byte for byte, and no part can hold it.
    seed = b"".join(part.head() + len(part.content).to_bytes(8, "big") + part.content for part in parts)
    boundary = hashlib.sha256(seed).hexdigest()[:40]
    lines = [b"--%s\r\n%s%s\r\n" % (boundary.encode(), part.head(), part.content) for part in parts]
    end = b"--%s--\r\n" % boundary.encode()
    return Body(b"".join([*lines, end]), f"{body.media_type}; boundary={boundary}")


def _parts(member: HttpMember, value: Any) -> list[_Part]:
    values = value if isinstance(value, list) and _is_repeated(member) else [value]
    return [_file(member, one) if member.is_file else _field(member, one) for one in values]


def _is_repeated(member: HttpMember) -> bool:
    return "json" not in member.media_type


def _field(member: HttpMember, value: Any) -> _Part:
    if isinstance(value, dict | list) or "json" in member.media_type:
        return _Part(member.wire_name, json_text(value).encode(), member.media_type or "application/json")
    text = as_text(member.argument, value).encode()
    return _Part(member.wire_name, text, member.media_type or "text/plain; charset=utf-8")


def _file(member: HttpMember, value: Any) -> _Part:
    given = value if isinstance(value, dict) else {"base64": value}
    content = _decoded(member.argument, given.get("base64"))
    filename = as_text(member.argument, given.get("filename", member.wire_name))
    return _Part(member.wire_name, content, member.media_type or "application/octet-stream", filename)


def _decoded(argument: str, value: Any) -> bytes:
    try:
        return base64.b64decode(as_text(argument, value), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidInput(f"{argument} is not base64: {error}") from error


def _escaped(text: str) -> str:
    """Escape as browsers do (HTML, multipart/form-data): a name never ends its header or its quotes."""
    return "".join(_ESCAPES.get(char) or (char if char.isprintable() else "_") for char in text)
