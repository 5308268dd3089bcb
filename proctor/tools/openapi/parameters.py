"""Parameters of an operation: what becomes an argument, how it is written, and what cannot be sent."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import ValidationError

from proctor.contracts.http_call import HttpParameter, Place, styles_of
from proctor.contracts.key_forms import KeyForm
from proctor.tools.openapi.arguments import Arguments
from proctor.tools.openapi.keywords import bounded_text
from proctor.tools.openapi.notes import Notes, OperationLeftOut
from proctor.tools.openapi.references import References

IDEMPOTENCY_HEADERS = frozenset({"idempotency-key", "x-idempotency-key"})
LONGEST_KEY, UUID_LENGTH = 200, 36
_BY_OPENAPI = frozenset({"accept", "content-type", "authorization"})
_PLACES = get_args(Place)


@dataclass
class Taken:
    """What the parameters of an operation came to."""

    parameters: list[HttpParameter] = field(default_factory=list)
    key_at: str = ""
    """The header that takes the idempotency key, where the document has one."""
    key_form: KeyForm = "plain"
    path_names: dict[str, str] = field(default_factory=dict)
    """Arguments by the names in the path's template."""


def take_parameters(
    declared: Iterable[Any], references: References, arguments: Arguments, credential_places: frozenset[str]
) -> Taken:
    """Take the parameters of an operation, those of its path first; what the operation repeats takes their place.

    Raises `OperationLeftOut` where a required parameter cannot be sent.
    """
    merged: dict[tuple[str, str], dict[str, Any]] = {}
    for raw in declared:
        one = references.resolve(raw, "a parameter")
        merged[str(one.get("in")), str(one.get("name"))] = one
    taken = Taken()
    for (place, name), one in merged.items():
        if place == "header" and name.lower() in IDEMPOTENCY_HEADERS:
            schema = references.resolve(one.get("schema") or {}, "the schema of a parameter")
            taken.key_at = f"header:{name}"
            taken.key_form = _key_form(name, _parts(schema, references), arguments.notes)
        else:
            _take(place, name, one, arguments, taken, credential_places=credential_places)
    return taken


def _take(
    place: str, name: str, one: dict[str, Any], arguments: Arguments, taken: Taken, *, credential_places: frozenset[str]
) -> None:
    what = f"{place} parameter {name}"
    reason = _refusal(place, name, credential_places)
    required = one.get("required") is True or place == "path"
    if reason is None:
        try:
            _add(place, name, one, arguments, taken)
        except (ValidationError, ValueError) as error:
            reason = f"it cannot be sent: {_first_line(error)}"
        else:
            return
    is_needed = required and not (place == "header" and name.lower() in _BY_OPENAPI)
    if is_needed and f"{place}:{name.lower()}" not in credential_places:
        raise OperationLeftOut(f"it needs the {what}, and {reason}")
    arguments.notes.add("left_out", what, reason)


def _key_form(name: str, schemas: list[dict[str, Any]], notes: Notes) -> KeyForm:
    """Choose the form that the header's schemas take: keys hold the name of a run, and may be long."""
    bounds = [one["maxLength"] for one in schemas if isinstance(one.get("maxLength"), int)]
    longest = min([LONGEST_KEY, *bounds])
    if longest < UUID_LENGTH:
        notes.add("assumed", f"header {name}", f"it takes {longest} characters, and gets a UUID of {UUID_LENGTH}")
    is_uuid = any(one.get("format") == "uuid" for one in schemas)
    return "uuid" if is_uuid or longest < LONGEST_KEY else "plain"


def _parts(schema: dict[str, Any], references: References) -> list[dict[str, Any]]:
    """Give a schema with those that it is put together of: many write `anyOf` with null for what may be left out."""
    inner = (schema.get(word) for word in ("allOf", "anyOf", "oneOf"))
    return [schema, *(references.schema(one) for many in inner if isinstance(many, list) for one in many)]


def _refusal(place: str, name: str, credential_places: frozenset[str]) -> str | None:
    if place not in _PLACES:
        return f"parameters in {place} are not of OpenAPI 3.0 or 3.1"
    if place == "header" and name.lower() in _BY_OPENAPI:
        return "OpenAPI ignores parameters of this name: media types and security say it"
    if f"{place}:{name.lower()}" in credential_places:
        return "the credential of the operation stands there"
    return None


def _add(place: str, name: str, one: dict[str, Any], arguments: Arguments, taken: Taken) -> None:
    what = f"{place} parameter {name}"
    schema, is_json = _schema_of(one, what, arguments)
    parameter = HttpParameter.model_validate(
        {
            "argument": "x",
            "name": name,
            "place": place,
            "style": None if is_json else one.get("style"),
            "explode": None if is_json else one.get("explode"),
            "allow_reserved": one.get("allowReserved") is True and place == "query",
            "is_json": is_json,
        }
    )
    required = one.get("required") is True or place == "path"
    made = arguments.translated(schema, what)
    if "example" in one and isinstance(made, dict):
        made = {**arguments.translated({"example": one["example"]}, what), **made}
    prefix = "Deprecated. " if one.get("deprecated") is True else ""
    description = bounded_text(prefix + str(one.get("description") or "")) if prefix or one.get("description") else ""
    argument = arguments.add(name, place, made, required=required, description=description)
    taken.parameters.append(_written(parameter, argument, name))
    if place == "path":
        taken.path_names[name] = argument
    if parameter.style == "deepObject":
        _note_depth(schema, what, arguments)


def _written(parameter: HttpParameter, argument: str, name: str) -> HttpParameter:
    """Leave out what is the usual, so that people read only what differs."""
    usual = parameter.style is None or parameter.style == styles_of(parameter.place)[0]
    same = parameter.explode is None or parameter.explode == (parameter.written_style in {"form", "deepObject"})
    changed = {"argument": argument, "name": "" if name == argument else name}
    return parameter.model_copy(
        update={**changed, **({"style": None} if usual else {}), **({"explode": None} if same else {})}
    )


def _schema_of(one: dict[str, Any], what: str, arguments: Arguments) -> tuple[Any, bool]:
    content = one.get("content")
    if isinstance(content, dict) and content:
        media_type, said = next(iter(content.items()))
        if len(content) > 1:
            arguments.notes.add("weakened", what, f"of several media types only {media_type} is sent")
        if "json" not in media_type:
            raise ValueError(f"its content is {media_type}, and only JSON is written into parameters")
        return said.get("schema", {}) if isinstance(said, dict) else {}, True
    if "schema" not in one:
        arguments.notes.add("assumed", what, "it declares no schema: text is taken")
        return {"type": "string"}, False
    return one["schema"], False


def _note_depth(schema: Any, what: str, arguments: Arguments) -> None:
    properties = schema.get("properties") if isinstance(schema, dict) else None
    parts = properties.values() if isinstance(properties, dict) else ()
    if any(isinstance(part, dict) and part.get("type") in {"object", "array"} for part in parts):
        reason = (
            "OpenAPI does not say how deepObject writes nested values: they are written as name[a][b] and name[a][0]"
        )
        arguments.notes.add("assumed", what, reason)


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return str(error.errors(include_url=False, include_input=False)[0]["msg"]).removeprefix("Value error, ")
    return str(error)
