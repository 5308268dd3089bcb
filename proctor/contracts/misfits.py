"""How a value does not fit its schema, in words: where, what, and what would fit; never the value itself.

A value may be a secret, or a megabyte, and the words go to a model, into the decision log and into error messages.
"""

import difflib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

import jsonschema_rs

from proctor.contracts.canonical import summarize
from proctor.contracts.closing import declared

MAX_PROBLEMS: Final = 5
MAX_PROBLEM_CHARS: Final = 400
MAX_PROBLEMS_BYTES: Final = 2048
"""Bytes of all that is said of one value."""
_NAMES_SHOWN: Final = 12
_NAME_CHARS: Final = 40
_PLACE_CHARS: Final = 120
_GUESSED_CHARS: Final = 64
"""A longer value is no slip of the pen."""
_DEPTH: Final = 2
"""So deep are the forms of a value told that may have several."""
_FORMS: Final = {"anyOf", "oneOf"}
_LIMITS: Final = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be greater than {}",
    "exclusiveMaximum": "must be less than {}",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
    "minItems": "must have at least {} items",
    "maxItems": "must have at most {} items",
    "minProperties": "must have at least {} properties",
    "maxProperties": "must have at most {} properties",
}


def described(errors: Iterable[Any], schema: Any) -> list[str]:
    """List at most five problems, each `at PATH: what`, of at most `MAX_PROBLEMS_BYTES` bytes together."""
    told: list[str] = []
    left = MAX_PROBLEMS_BYTES
    for error in _telling(errors):
        problem = summarize(f"at {_place(error.instance_path)}: {_what(error, schema)}", MAX_PROBLEM_CHARS)
        left -= len(problem.encode()) + len("; ")
        if left < 0 and told:
            break
        told.append(problem)
    return told


def _telling(errors: Iterable[Any]) -> list[Any]:
    """Pick the first problems, without those that are only there because of another one.

    A form that does not fit accounts for no property, so that all of them count as unknown.
    """
    found = list(islice(errors, 2 * MAX_PROBLEMS))
    formless = [error.instance_path for error in found if error.kind.name in _FORMS]
    telling = [e for e in found if e.kind.name != "unevaluatedProperties" or e.instance_path not in formless]
    return telling[:MAX_PROBLEMS]


def _what(error: Any, schema: Any, depth: int = 0) -> str:
    kind = error.kind
    name, given = kind.name, kind.as_dict()
    if name in _LIMITS:
        return _LIMITS[name].format(_as_json(given["limit"]))
    if name in _FORMS:
        return _no_form(error, given.get("context") or [], schema, depth)
    say = _WORDS.get(name)
    return f"does not fit {name}" if say is None else say(error, given, schema)


def _type(error: Any, given: Mapping[str, Any], schema: Any) -> str:
    del schema
    return f"must be {' or '.join(sorted(given['types']))}, not {_type_of(error.instance)}"


def _required(error: Any, given: Mapping[str, Any], schema: Any) -> str:
    expected = _expectation(declared(schema, _beside(schema, error.schema_path)).get(given["property"]))
    return f"{_name(given['property'])} is missing{expected}"


def _unknown(error: Any, given: Mapping[str, Any], schema: Any) -> str:
    known = list(declared(schema, _beside(schema, error.schema_path)))
    unexpected = [str(name) for name in given["unexpected"]]
    told = []
    for name in unexpected[:3]:
        near = _nearest(name, known)
        told.append(_name(name) + (f" (did you mean {_name(near)}?)" if near else ""))
    more = f" and {len(unexpected) - 3} more" if len(unexpected) > 3 else ""  # noqa: PLR2004 - as many as are told
    return f"unknown: {', '.join(told)}{more}; known: {_names(known)}"


def _enum(error: Any, given: Mapping[str, Any], schema: Any) -> str:
    del schema
    options = [_as_json(option) for option in given["options"]]
    shown = ", ".join(options[:_NAMES_SHOWN]) + (
        f" and {len(options) - _NAMES_SHOWN} more" if len(options) > _NAMES_SHOWN else ""
    )
    near = _nearest(error.instance, [option for option in given["options"] if isinstance(option, str)])
    return f"must be one of {shown}" + (f"; did you mean {_as_json(near)}?" if near else "")


def _no_form(error: Any, forms: Sequence[Sequence[Any]], schema: Any, depth: int) -> str:
    fitting = sum(not form for form in forms)
    if fitting > 1:
        return f"fits {fitting} of the forms that it may have one of"
    by_type = [form[0] for form in forms if len(form) == 1 and _is_of_type(form[0], error)]
    if len(by_type) == len(forms):
        types = sorted({one for problem in by_type for one in problem.kind.as_dict()["types"]})
        return f"must be {' or '.join(types)}, not {_type_of(error.instance)}"
    # The form that was meant is the one whose type is right and that least is wrong with.
    meant = min((form for form in forms if not (form and _is_of_type(form[0], error))), key=len, default=())
    if not meant or depth >= _DEPTH:
        return f"fits none of its {len(forms)} forms"
    inner = meant[0]
    where = _place(inner.instance_path[len(error.instance_path) :], "")
    told = _what(inner, schema, depth + 1)
    return f"fits none of its {len(forms)} forms; of the nearest: {f'{where} ' if where else ''}{told}"


def _is_of_type(problem: Any, error: Any) -> bool:
    return problem.kind.name == "type" and len(problem.instance_path) == len(error.instance_path)


_WORDS: Final[dict[str, Callable[[Any, Mapping[str, Any], Any], str]]] = {
    "type": _type,
    "required": _required,
    "additionalProperties": _unknown,
    "unevaluatedProperties": _unknown,
    "enum": _enum,
    "const": lambda _, given, __: f"must be {_as_json(given['expected_value'])}",
    "format": lambda _, given, __: f"must be of the format {_name(given['format'])}",
    "pattern": lambda _, given, __: f"must match the pattern {summarize(given['pattern'], 160)}",
    "multipleOf": lambda _, given, __: f"must be a multiple of {_as_json(given['multiple_of'])}",
    "uniqueItems": lambda _, __, ___: "must not have an item twice",
    "falseSchema": lambda _, __, ___: "is not taken",
    "not": lambda _, __, ___: "is of a form that is not taken",
    "contains": lambda _, __, ___: "has no item of the kind that it must contain",
}


def _beside(schema: Any, path: Sequence[Any]) -> Mapping[str, Any]:
    """Find the schema that holds the keyword that a problem is about."""
    found = schema
    for part in path[:-1]:
        if isinstance(found, Mapping):
            found = found.get(part)
        else:
            found = found[part] if isinstance(found, list) and isinstance(part, int) and part < len(found) else None
    return found if isinstance(found, Mapping) else {}


def _expectation(schema: Any) -> str:
    """Say what would fit in a place, as far as one word says it."""
    if not isinstance(schema, Mapping):
        return ""
    if isinstance(schema.get("enum"), list):
        return f": one of {', '.join(_as_json(option) for option in schema['enum'][:_NAMES_SHOWN])}"
    kind = schema.get("type")
    return f" ({' or '.join([kind] if isinstance(kind, str) else kind)})" if kind else ""


def _nearest(wrong: Any, right: Sequence[str]) -> str | None:
    if not isinstance(wrong, str) or len(wrong) > _GUESSED_CHARS:
        return None
    by_shape = {option.casefold().replace("-", "_"): option for option in reversed(right[:256])}
    found = difflib.get_close_matches(wrong.casefold().replace("-", "_"), list(by_shape), n=1, cutoff=0.6)
    return by_shape[found[0]] if found else None


def _place(path: Sequence[str | int], root: str = "$") -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{_cut(part)}" for part in path)
    return summarize(root + "".join(parts), _PLACE_CHARS)


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return (", ".join(map(_name, names[:_NAMES_SHOWN])) or "none") + more


def _name(name: str) -> str:
    return json.dumps(_cut(name), ensure_ascii=False)


def _cut(name: str) -> str:
    return summarize(name, _NAME_CHARS)


def _as_json(value: Any) -> str:
    return summarize(json.dumps(value, ensure_ascii=False), _NAME_CHARS)


def _type_of(value: Any) -> str:
    names = {bool: "boolean", str: "string", dict: "object", list: "array", type(None): "null", int: "integer"}
    return names.get(type(value), "number")


def schema_error(error: jsonschema_rs.ValidationError) -> str:
    """Say why the library takes a schema for none; its own words may hold the whole of it."""
    where = "/".join(str(part) for part in error.instance_path) or "(root)"
    return f"at {where}: {summarize(error.message, 160)}"
