"""What is wrong with a document: one line each, with file, line and fix."""

import json
import re
import types
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from proctor.contracts.base import Contract
from proctor.contracts.canonical import summarize
from proctor.contracts.errors import InvalidDocument
from proctor.contracts.places import Place
from proctor.documents.source import Source

Form = TypeVar("Form", bound=BaseModel)

_EXPECTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "decimal_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a mapping (key: value lines)",
    "model_type": "a mapping (key: value lines)",
    "tuple_type": "a list",
    "list_type": "a list",
}


class Problem(Contract):
    """One mistake, where it is, and how to mend it."""

    file: str
    line: int | None = None
    message: str
    hint: str = ""

    def as_error(self, others: int = 0) -> InvalidDocument:
        """Make the error that is raised for it, saying how many more there are."""
        more = f" (and {others} more: see `proctor validate`)" if others else ""
        return InvalidDocument(self.message + more, path=self.file, line=self.line, hint=self.hint)


class Problems:
    """The mistakes found so far in one source."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.found: list[Problem] = []

    def add(self, place: Place, message: str, hint: str = "") -> None:
        """Note a mistake at a place of the document."""
        line = self.source.lines.of(place)
        self.found.append(Problem(file=self.source.path, line=line, message=message, hint=hint))


def from_error(error: InvalidDocument) -> Problem:
    """Turn an error into a problem."""
    return Problem(file=error.path, line=error.line, message=error.detail, hint=error.hint)


def raise_first(problems: Sequence[Problem]) -> None:
    """Raise the first problem, if there is one."""
    if problems:
        raise problems[0].as_error(len(problems) - 1)


def read_form(form: type[Form], data: Any, problems: Problems, at: Place = ()) -> Form | None:
    """Read `data`, which stands at the place `at`, into a form; None when it has mistakes, which are noted.

    Strict: `"8"` is not a number and `true` is not 1.
    """
    try:
        return form.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            _note(detail, form, data, problems, at)
        return None


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Suggest what was meant, or list what there is."""
    folded = {name.casefold(): name for name in known}
    close = get_close_matches(word.casefold(), folded, n=1)
    if close:
        return f"did you mean `{folded[close[0]]}`?"
    return f"known: {', '.join(sorted(known))}" if known else ""


def _note(detail: ErrorDetails, form: type[BaseModel], data: Any, problems: Problems, at: Place) -> None:
    place, value = _place(detail["loc"], data)
    name = _name(place)
    message, hint = _explain(detail, name, value)
    if detail["type"] == "extra_forbidden":
        known = {spelled for model in _models_at(form, place[:-1]) for spelled in _keys(model)} - {name}
        hint = did_you_mean(name, sorted(known))
    problems.add((*at, *place), message, hint)


def _name(place: Place) -> str:
    """Name a place by its key; an element of a list by the list's, counted from 1."""
    if not place:
        return "the document"
    return str(place[-1]) if isinstance(place[-1], str) else f"{_name(place[:-1])} {place[-1] + 1}"


def _keys(model: type[BaseModel]) -> Iterator[str]:
    return (field.alias or name for name, field in model.model_fields.items())


def _explain(detail: ErrorDetails, name: str, value: Any) -> tuple[str, str]:
    kind, context = detail["type"], detail.get("ctx", {})
    fixed = {
        "extra_forbidden": (f"unknown key {name!r}", ""),
        "missing": (f"{name!r} is missing", f"add `{name}:`"),
        "union_tag_not_found": (f"{name!r} does not say its kind", "add `kind:`"),
        "string_pattern_mismatch": (f"{name!r} is {_shown(value)}", f"it must match {context.get('pattern')}"),
    }
    if kind in fixed:
        return fixed[kind]
    if kind in {"enum", "literal_error", "union_tag_invalid"}:
        allowed = words_of(str(context.get("expected") or context.get("expected_tags")))
        return f"{name!r} is {_shown(value)}", f"write one of {', '.join(allowed)}"
    if kind in _EXPECTED:
        return f"{name!r} must be {_EXPECTED[kind]}, and is {_shown(value)}", ""
    text = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{name!r} is {_shown(value)}: {text}", ""


def words_of(expected: str) -> list[str]:
    """List the values that Pydantic names; it shows those of an enumeration as `<Risk.LOW: 'low'>`."""
    plain = re.sub(r"<[\w.]+: ('[^']*')>", r"\1", expected)
    return [word.strip(" '") for word in plain.replace(" or ", ", ").split(",")]


def _shown(value: Any) -> str:
    return summarize(json.dumps(value, ensure_ascii=False), 60)


def _place(loc: Sequence[str | int], data: Any) -> tuple[Place, Any]:
    """Follow an error's location into the data, passing over the names that Pydantic gives to union members."""
    place: list[str | int] = []
    for position, part in enumerate(loc):
        if (isinstance(data, dict) and part in data) or (isinstance(data, list) and part in range(len(data))):
            data = data[part]  # type: ignore[index]
            place.append(part)
        elif position == len(loc) - 1 and isinstance(data, dict):
            return (*place, part), None
    return tuple(place), data


def _models_at(form: type[BaseModel], place: Place) -> Iterator[type[BaseModel]]:
    """Find the models that may stand at a place of a form."""
    kinds: list[Any] = [form]
    for part in place:
        models = [model for kind in kinds for model in _members(kind)]
        fields = [(field.alias or name, field) for model in models for name, field in model.model_fields.items()]
        kinds = [field.annotation for name, field in fields if name == part]
        if not kinds and (isinstance(part, int) or not models):
            kinds = list(models)
    yield from (model for kind in kinds for model in _members(kind))


def _members(kind: Any) -> Iterator[type[BaseModel]]:
    """Find the models inside an annotation: optional, in a list or mapping, one of several."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    elif get_origin(kind) in {Union, types.UnionType, Annotated, list, tuple, dict}:
        for inner in get_args(kind):
            yield from _members(inner)
