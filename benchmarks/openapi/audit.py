"""Looks for what an import dropped silently, from the document's own text and by other means than the importer's."""

import json
from collections.abc import Iterator
from typing import Any

from proctor.contracts.tool import HttpImplementation, ToolContract
from proctor.tools.openapi.document import Document
from proctor.tools.openapi.importing import OpenApiImport

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def unaccounted(document: Document, made: OpenApiImport) -> Iterator[str]:
    """Name each operation, parameter, media type, member of a body, security scheme and server that is nowhere."""
    tools = {one.provenance.operation: one for one in made.contracts if one.provenance is not None}
    notes: dict[str, list[str]] = {}
    for note in made.notes:
        notes.setdefault(note.operation or note.what, []).append(note.what)
    for path, item in document.data.get("paths", {}).items():
        for method, said in item.items() if isinstance(item, dict) else ():
            if method not in METHODS:
                continue
            label = f"{method.upper()} {path}"
            tool, told = tools.get(label), notes.get(label, [])
            if tool is None:
                if not ({"the whole operation", label} & set(told)):
                    yield f"{label}: the operation"
                continue
            yield from (f"{label}: {what}" for what in _Audit(document.data, tool, told).missing(item, said))


class _Audit:
    def __init__(self, root: dict[str, Any], tool: ToolContract, told: list[str]) -> None:
        assert isinstance(tool.implementation, HttpImplementation)
        self.root, self.tool, self.http, self.told = root, tool, tool.implementation, "\n".join(told)

    def missing(self, item: dict[str, Any], said: dict[str, Any]) -> Iterator[str]:
        """Name what is neither in the contract nor in a note."""
        declared = [self.resolved(one) for one in [*item.get("parameters", []), *said.get("parameters", [])]]
        sent = {(one.place, one.wire_name) for one in self.http.parameters}
        for one in declared:
            name, place = str(one.get("name")), str(one.get("in"))
            is_key = place == "header" and name.lower() in {"idempotency-key", "x-idempotency-key"}
            if (place, name) not in sent and f"{place} parameter {name}" not in self.told and not is_key:
                yield f"{place} parameter {name}"
        yield from self._body(self.resolved(said.get("requestBody") or {}))
        if said.get("callbacks") and "callbacks" not in self.told:
            yield "callbacks"
        for status, answer in said.get("responses", {}).items():
            if str(status).startswith("2"):
                yield from self._answer(str(status), self.resolved(answer))
        yield from self._security(said.get("security", self.root.get("security")) or [])

    def _body(self, body: dict[str, Any]) -> Iterator[str]:
        payload = self.http.payload
        for media_type, media in body.get("content", {}).items():
            if payload is None or (media_type != payload.media_type and "*" not in media_type):
                if f"request body as {media_type}" not in self.told and "request body" not in self.told.split("\n"):
                    yield f"request body as {media_type}"
            elif payload.members:
                sent = {member.wire_name for member in payload.members}
                properties = self.resolved(media.get("schema") or {}).get("properties", {})
                yield from (
                    f"body member {n}" for n in properties if n not in sent and f"body member {n}" not in self.told
                )
            elif not payload.argument and media.get("schema"):
                yield "the whole request body"

    def _answer(self, status: str, answer: dict[str, Any]) -> Iterator[str]:
        shown = {name.lower() for name in self.http.shows}
        for name in answer.get("headers", {}):
            if name.lower() not in shown and f"response header {name}" not in self.told:
                yield f"response header {name}"
        for media_type in answer.get("content", {}):
            is_plain = "json" in media_type or "*" in media_type
            if not is_plain and media_type not in self.http.accepts and self.http.method != "HEAD":
                yield f"response {status} as {media_type}"

    def _security(self, alternatives: list[dict[str, Any]]) -> Iterator[str]:
        used = json.dumps([use.model_dump() for use in self.tool.credentials])
        if any(alternatives) and used == "[]" and "security" not in self.told:
            yield "security"

    def resolved(self, value: Any) -> dict[str, Any]:
        """Follow a reference, in the plainest way there is."""
        for _ in range(20):
            if not isinstance(value, dict) or "$ref" not in value:
                break
            target: Any = self.root
            for part in value["$ref"].removeprefix("#/").split("/"):
                target = target.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(target, dict) else {}
            value = target
        return value if isinstance(value, dict) else {}
