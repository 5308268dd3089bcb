"""Request bodies: the media type that is sent, and the arguments that it is made of."""

from typing import Any, Final, Literal

from proctor.contracts.http_call import HttpBody, HttpMember
from proctor.tools.openapi.arguments import Arguments
from proctor.tools.openapi.notes import OperationLeftOut
from proctor.tools.openapi.references import References

Kind = Literal["json", "form", "multipart", "text", "bytes"]
_BASE64: Final = {"type": "string", "contentEncoding": "base64", "description": "The bytes, as base64."}
_FILE: Final = {
    "type": "object",
    "properties": {"base64": {"type": "string", "contentEncoding": "base64"}, "filename": {"type": "string"}},
    "required": ["base64"],
    "additionalProperties": False,
    "description": "A file: its bytes as base64, and its name.",
}
_COMPOSED: Final = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "patternProperties", "dependentSchemas"})
_ORDER: Final[tuple[Kind, ...]] = ("json", "form", "multipart", "text", "bytes")


def take_body(declared: Any, references: References, arguments: Arguments) -> HttpBody | None:
    """Take the body of an operation. Raises `OperationLeftOut` where it must be sent and cannot."""
    if declared is None:
        return None
    said = references.resolve(declared, "the request body")
    content = said.get("content")
    required = said.get("required") is True
    if not isinstance(content, dict) or not content:
        arguments.notes.add("left_out", "request body", "it declares no media type")
        return None
    chosen = min(content, key=lambda one: _ORDER.index(kind_of(one)))
    for other in content:
        if other != chosen:
            arguments.notes.add("left_out", f"request body as {other}", f"one media type is sent: {chosen}")
    media = content[chosen] if isinstance(content[chosen], dict) else {}
    if set(media) == {"$ref"}:
        media = references.resolve(media, "the request body")
    return _Taking(references, arguments, chosen, required, media).body()


def kind_of(media_type: str) -> Kind:
    """Say how a media type is written."""
    name = media_type.partition(";")[0].strip().lower()
    if name == "application/json" or name.endswith("+json") or name in {"*/*", "application/*", "text/json"}:
        return "json"
    if name == "application/x-www-form-urlencoded":
        return "form"
    if name.startswith("multipart/"):
        return "multipart"
    return "text" if name.startswith("text/") or "xml" in name or "yaml" in name or "graphql" in name else "bytes"


class _Taking:
    def __init__(
        self, references: References, arguments: Arguments, media_type: str, required: bool, media: dict[str, Any]
    ) -> None:
        self._references, self._arguments, self._required = references, arguments, required
        self._media_type, self._kind = media_type, kind_of(media_type)
        self._schema: Any = media.get("schema", {})
        self._encoding = _map(media.get("encoding"))

    def body(self) -> HttpBody:
        """Take members as arguments of their own where nothing is lost by it, else the body as one argument."""
        sent = self._sent_type()
        if self._kind in {"text", "bytes"}:
            return HttpBody(kind=self._kind, media_type=sent, argument=self._raw(), is_required=self._required)
        root = self._root()
        if root is not None:
            members = tuple(self._member(name, schema, root) for name, schema in root["properties"].items())
            sent_members = tuple(member for member in members if member is not None)
            return HttpBody(kind=self._kind, media_type=sent, members=sent_members, is_required=self._required)
        made = self._arguments.translated(self._schema, "request body")
        if self._kind != "json":
            self._arguments.notes.add(
                "assumed", "request body", "its members are not declared one by one: each is text or JSON"
            )
        argument = self._arguments.add("body", "body", made, required=self._required)
        return HttpBody(kind=self._kind, media_type=sent, argument=argument, is_required=self._required)

    def _sent_type(self) -> str:
        if "*" not in self._media_type:
            return self._media_type
        self._arguments.notes.add("assumed", "request body", f"{self._media_type} is sent as application/json")
        return "application/json"

    def _raw(self) -> str:
        schema = {"type": "string"} if self._kind == "text" else dict(_BASE64)
        resolved = self._references.schema(self._schema)
        if resolved.get("type") not in {None, "string"}:
            reason = f"a body of {self._media_type} is written by the caller: its schema is not checked"
            self._arguments.notes.add("weakened", "request body", reason)
        return self._arguments.add("body", "body", schema, required=self._required)

    def _root(self) -> dict[str, Any] | None:
        """Give the schema of the body where it is a plain object whose members can be arguments."""
        try:
            root = self._references.resolve(self._schema, "the schema of the body")
        except OperationLeftOut:
            return None
        properties = root.get("properties")
        is_open = root.get("additionalProperties", False) is not False or "unevaluatedProperties" in root
        if _COMPOSED & root.keys() or is_open or not isinstance(properties, dict) or not properties:
            return None
        if root.get("nullable") is True or root.get("type", "object") not in ("object", ["object"]):
            return None
        limits = {"minProperties", "maxProperties", "dependentRequired"} & root.keys()
        return None if limits or (root.get("required") and not self._required) else root

    def _member(self, name: str, schema: Any, root: dict[str, Any]) -> HttpMember | None:
        what = f"body member {name}"
        resolved = self._references.schema(schema)
        if resolved.get("readOnly") is True or (isinstance(schema, dict) and schema.get("readOnly") is True):
            self._arguments.notes.add("left_out", what, "readOnly: it is not part of this direction")
            return None
        encoding = _map(self._encoding.get(name))
        is_file = self._kind == "multipart" and _is_file(self._items(resolved), encoding)
        made = self._file_schema(resolved) if is_file else self._arguments.translated(schema, what)
        required = name in root.get("required", ()) if isinstance(root.get("required"), list) else False
        argument = self._arguments.add(name, "body", made, required=required)
        member = {"argument": argument, "name": "" if argument == name else name}
        return HttpMember.model_validate({**member, **self._written(encoding, what, is_file=is_file, schema=resolved)})

    def _written(self, encoding: dict[str, Any], what: str, *, is_file: bool, schema: dict[str, Any]) -> dict[str, Any]:
        notes = self._arguments.notes
        if self._kind == "json":
            return {}
        if encoding.get("headers"):
            notes.add("left_out", what, "headers of its own part are not sent")
        if self._kind == "form":
            style = {"style": encoding.get("style"), "explode": encoding.get("explode")}
            if schema.get("type") == "object" and encoding.get("style") is None:
                notes.add("assumed", what, "OpenAPI does not say how a form writes an object: it is sent as JSON text")
            return {**style, "allow_reserved": encoding.get("allowReserved") is True}
        declared = str(encoding.get("contentType") or "").partition(",")[0].strip()
        return {"media_type": "" if "*" in declared else declared, "is_file": is_file}

    def _file_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {"type": "array", "items": dict(_FILE)} if schema.get("type") == "array" else dict(_FILE)

    def _items(self, schema: dict[str, Any]) -> dict[str, Any]:
        return self._references.schema(schema.get("items", {})) if schema.get("type") == "array" else schema


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _is_file(schema: dict[str, Any], encoding: dict[str, Any]) -> bool:
    """Whether a part is bytes: `format: binary` in 3.0; a media type that is not text, and no encoding, in 3.1."""
    declared = str(encoding.get("contentType") or schema.get("contentMediaType") or "")
    is_bytes = bool(declared) and kind_of(declared) == "bytes"
    return schema.get("format") == "binary" or (is_bytes and schema.get("type") in {None, "string"})
