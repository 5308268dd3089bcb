"""JSON Schema 2020-12: checked once with `jsonschema`, applied with `jsonschema-rs` (linear-time patterns)."""

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final

import jsonschema_rs

from proctor.contracts.canonical import summarize
from proctor.contracts.closing import closed
from proctor.contracts.misfits import described, schema_error
from proctor.contracts.schema_cost import MAX_PLACES, cost_of
from proctor.contracts.schema_references import reference_problem

_TOO_DEEP: Final = "it is nested too deeply, or its references are"


def schema_problem(schema: dict[str, Any]) -> str | None:
    """Say why `schema` is not a usable JSON Schema 2020-12; None when it is."""
    try:
        if (problem := _meta_problem(schema)) is not None:
            return problem
        # Not by `_compiled`, whose store is for what is applied: a catalog of a thousand tools would empty it.
        _compile(json.dumps(schema, sort_keys=True), False)
    except jsonschema_rs.ValidationError as error:
        return schema_error(error)
    except ValueError as error:
        return summarize(str(error))
    except RecursionError:
        return _TOO_DEEP
    return None


def _meta_problem(schema: dict[str, Any]) -> str | None:
    """Say how `schema` breaks the meta-schema. `jsonschema` says it well, and takes 40 ms for what keeps to it."""
    if _keeps_to_meta(schema):
        return None
    # Imported here: it takes as long as all else that a short command needs of this module's callers.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = "/".join(str(part) for part in error.absolute_path) or "(root)"
        return f"at {where}: {summarize(error.message)}"
    return None


def _keeps_to_meta(schema: dict[str, Any]) -> bool:
    """Whether `schema` surely keeps to the meta-schema; False is for the slow library to judge."""
    try:
        return bool(_meta().is_valid(schema)) and all(_is_pattern(text) for text in _patterns(schema))
    except ValueError:
        return False


@lru_cache(maxsize=1)
def _meta() -> Any:
    return jsonschema_rs.Draft202012Validator({"$ref": "https://json-schema.org/draft/2020-12/schema"})


def _patterns(value: Any) -> Iterator[str]:
    """Find all that may stand for a pattern, as if every key were a keyword."""
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            yield value["pattern"]
        if isinstance(value.get("patternProperties"), dict):
            yield from value["patternProperties"]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in items:
        yield from _patterns(item)


def _is_pattern(text: str) -> bool:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError):
        return False
    return True


def problems(schema: dict[str, Any], value: object) -> list[str]:
    """List at most five ways in which `value` does not fit, each `at PATH: what`; empty means it fits.

    The words say what would fit, hold no value, and are of at most `misfits.MAX_PROBLEMS_BYTES` bytes.
    """
    return checker(schema)(value)


def checker(schema: dict[str, Any], *, is_closed: bool = False) -> Callable[[object], list[str]]:
    """Compile `schema` for repeated use; the result gives what `problems` gives.

    `is_closed`: read it as the schema of arguments, which takes nothing that it does not declare (`closing`).
    """
    if not schema and not is_closed:
        return lambda _: []
    validator, applied = _compiled(json.dumps(schema, sort_keys=True), is_closed)

    def check(value: object) -> list[str]:
        return [] if validator.is_valid(value) else described(validator.iter_errors(value), applied)

    return check


def fits(schema: dict[str, Any], *, is_closed: bool = False) -> Callable[[object], bool]:
    """Compile `schema` to a bare yes or no, for the hot path; raises what the library raises for what is not JSON."""
    if not schema and not is_closed:
        return lambda _: True
    test: Callable[[object], bool] = _compiled(json.dumps(schema, sort_keys=True), is_closed)[0].is_valid
    return test


@lru_cache(maxsize=2048)
def _compiled(schema_json: str, is_closed: bool) -> tuple[Any, Any]:
    return _compile(schema_json, is_closed)


def _compile(schema_json: str, is_closed: bool) -> tuple[Any, Any]:
    """Give the validator and the schema that it applies, whose keywords its problems name by their path."""
    try:
        applied = _applied(json.loads(schema_json), is_closed)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    validator = jsonschema_rs.Draft202012Validator(
        applied,
        validate_formats=True,
        pattern_options=jsonschema_rs.RegexOptions(),
        retriever=_refuse_to_retrieve,
    )
    # On its first use in a process the library looks up Python's types through the builtins of whoever calls it. Called
    # first by generated code, which has none, it would take no value for what it is until the process ends.
    validator.is_valid(None)
    return validator, applied


def _applied(schema: dict[str, Any], is_closed: bool) -> dict[str, Any]:
    if elsewhere := reference_problem(schema):
        raise ValueError(elsewhere)
    if cost_of(schema) > MAX_PLACES:
        raise ValueError(f"one value would be held against more than {MAX_PLACES} schemas: its references multiply")
    return closed(schema) if is_closed else schema


def _refuse_to_retrieve(uri: str) -> Any:
    """Left to itself the library fetches `http:` and `file:` references: a schema could reach the network and disk."""
    raise ValueError(f"{uri} is outside the schema: refer to #/$defs/… only")
