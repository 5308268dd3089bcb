"""What an operation answers: the output schema, the media types asked for, and the headers that are shown."""

import re
from dataclasses import dataclass
from typing import Any, Final

from proctor.contracts.http_call import is_token
from proctor.tools.openapi.bodies import kind_of
from proctor.tools.openapi.notes import Notes, OperationLeftOut
from proctor.tools.openapi.references import References
from proctor.tools.openapi.schemas import SchemaTranslator

MAX_OUTPUT_BYTES: Final = 64 * 1024
"""Largest output schema that a contract keeps."""
MAX_SHOWN: Final = 12
_SUCCESS = re.compile(r"2(\d\d|XX)", re.ASCII | re.IGNORECASE)
_WORTH_SHOWING = re.compile(
    r"^(link|location|content-location|content-range|etag|retry-after|operation-location)$"
    r"|next|cursor|page|total|count|continuation|location",
    re.IGNORECASE,
)
_EMPTY: Final = frozenset({"204", "205"})
_NEVER_SHOWN: Final = frozenset({"set-cookie", "content-type", "content-length", "authorization", "content-encoding"})
OTHER_BODY: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["content_type"],
    "properties": {"content_type": {"type": "string"}, "text": {"type": "string"}, "base64": {"type": "string"}},
}
"""What an answer becomes that is not JSON."""


@dataclass(frozen=True)
class Answers:
    """What is known of the answers of an operation."""

    schema: dict[str, Any]
    accepts: tuple[str, ...]
    shows: tuple[str, ...]


def take_answers(
    declared: Any, references: References, translator: SchemaTranslator, notes: Notes, *, has_body: bool
) -> Answers:
    """Take what the document says of answers that are a success; errors are judged by their status."""
    taking = _Taking(references, translator, notes)
    if not isinstance(declared, dict):
        notes.add("weakened", "responses", "it declares none: any answer is taken")
        declared = {}
    for status, raw in declared.items():
        if _SUCCESS.fullmatch(str(status)) and isinstance(raw, dict):
            taking.take(str(status), raw, has_body=has_body)
    if "default" in declared and not taking.bodies:
        taking.take("default", declared["default"], has_body=has_body)
    return Answers(taking.schema(), taking.accepts(), tuple(taking.shows))


class _Taking:
    def __init__(self, references: References, translator: SchemaTranslator, notes: Notes) -> None:
        self._references, self._translator, self._notes = references, translator, notes
        self.bodies: list[Any] = []
        self.shows: list[str] = []
        self._refers: dict[str, bool] = {}
        self._media_types: list[str] = []

    def take(self, status: str, raw: Any, *, has_body: bool) -> None:
        """Take one response."""
        try:
            said = self._references.resolve(raw, f"the response {status}")
        except OperationLeftOut as error:
            self._notes.add("weakened", f"response {status}", f"{error}: any answer is taken")
            self.bodies.append({})
            return
        self._take_headers(said.get("headers"))
        if said.get("links"):
            self._notes.add("left_out", f"response {status}", "links between operations are not followed")
        content = said.get("content")
        if not isinstance(content, dict) or not content or not has_body:
            # Many documents say nothing of a body that comes all the same.
            self.bodies.append({"type": "null"} if status in _EMPTY or not has_body else {})
            return
        for media_type, media in content.items():
            self._media_types.append(media_type)
            self.bodies.append(self._body(media_type, media, f"response {status}"))

    def _body(self, media_type: str, media: Any, what: str) -> Any:
        if kind_of(media_type) != "json" or "stream" in media_type:
            return OTHER_BODY
        schema = media.get("schema") if isinstance(media, dict) else None
        if schema is None:
            return {}
        made, refers = self._translator.translate(schema, "output", self._notes, what)
        for reference, same in refers.items():
            self._refers[reference] = self._refers.get(reference, False) or same
        return made

    def _take_headers(self, headers: Any) -> None:
        for name in headers if isinstance(headers, dict) else ():
            if not _WORTH_SHOWING.search(name) or name.lower() in _NEVER_SHOWN or not is_token(name):
                self._notes.add("left_out", f"response header {name}", "it does not reach the agent")
            elif name.lower() not in {one.lower() for one in self.shows}:
                self.shows.append(name)
        self.shows = self.shows[:MAX_SHOWN]

    def accepts(self) -> tuple[str, ...]:
        """Name the media types to ask for, JSON first; none where there is nothing but JSON."""
        names = list(dict.fromkeys(self._media_types))
        others = [name for name in names if kind_of(name) != "json" and "*" not in name]
        own = [name for name in names if kind_of(name) == "json" and name != "application/json" and "*" not in name]
        if not others and not own:
            return ()
        plain = [name for name in names if name == "application/json"]
        return (*plain, *own, *others)

    def schema(self) -> dict[str, Any]:
        """Give the output schema; empty where anything may come."""
        unique = list({repr(body): body for body in self.bodies}.values())
        body: Any = {"anyOf": unique} if len(unique) > 1 else (unique[0] if unique else {})
        if {} in unique or True in unique:
            body = {}
        if not body and not self.shows:
            return {}
        definitions = self._translator.definitions(self._refers, "output", self._notes) if body else {}
        made = self._enveloped(body) if self.shows else dict(body)
        made = {**made, "$defs": definitions} if definitions else made
        return self._bounded(made)

    def _enveloped(self, body: Any) -> dict[str, Any]:
        texts = {"type": "object", "additionalProperties": {"type": "string"}}
        properties = {"body": body, "headers": texts, "links": texts}
        return {"type": "object", "properties": properties, "required": ["body"]}

    def _bounded(self, schema: dict[str, Any]) -> dict[str, Any]:
        size = len(repr(schema))
        if size <= MAX_OUTPUT_BYTES:
            return schema
        reason = (
            f"the schema of its answers has more than {MAX_OUTPUT_BYTES // 1024} KiB: only its outermost type is kept"
        )
        self._notes.add("weakened", "responses", reason)
        return self._enveloped({}) if self.shows else {}
