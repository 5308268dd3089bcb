"""JSON Schema 2020-12: checked once with `jsonschema`, applied with `jsonschema-rs` (linear-time patterns)."""

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jsonschema_rs

from proctor.contracts.canonical import summarize

MAX_PROBLEMS = 5


def schema_problem(schema: dict[str, Any]) -> str | None:
    """Say why `schema` is not a usable JSON Schema 2020-12; None when it is."""
    # Imported here: it takes as long as all else that a short command needs of this module's callers.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        Draft202012Validator.check_schema(schema)
        _validator(json.dumps(schema, sort_keys=True))
    except SchemaError as error:
        where = "/".join(str(part) for part in error.absolute_path) or "(root)"
        return f"at {where}: {summarize(error.message)}"
    except ValueError as error:
        return summarize(str(error))
    return None


def problems(schema: dict[str, Any], value: object) -> list[str]:
    """List at most five ways in which `value` does not fit, each `at PATH: what`; empty means it fits."""
    return checker(schema)(value)


def checker(schema: dict[str, Any]) -> Callable[[object], list[str]]:
    """Compile `schema` for repeated use; the result gives what `problems` gives."""
    if not schema:
        return lambda _: []
    validator = _validator(json.dumps(schema, sort_keys=True))

    def check(value: object) -> list[str]:
        if validator.is_valid(value):
            return []
        return [_render(error) for _, error in zip(range(MAX_PROBLEMS), validator.iter_errors(value), strict=False)]

    return check


def fits(schema: dict[str, Any]) -> Callable[[object], bool]:
    """Compile `schema` to a bare yes or no, for the hot path; raises what the library raises for what is not JSON."""
    if not schema:
        return lambda _: True
    test: Callable[[object], bool] = _validator(json.dumps(schema, sort_keys=True)).is_valid
    return test


def _render(error: Any) -> str:
    where = "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
    return f"at {where}: {summarize(error.message, 160)}"


@lru_cache(maxsize=1024)
def _validator(schema_json: str) -> Any:
    validator = jsonschema_rs.Draft202012Validator(
        json.loads(schema_json),
        validate_formats=True,
        pattern_options=jsonschema_rs.RegexOptions(),
        retriever=_refuse_to_retrieve,
    )
    # On its first use in a process the library looks up Python's types through the builtins of whoever calls it. Called
    # first by generated code, which has none, it would take no value for what it is until the process ends.
    validator.is_valid(None)
    return validator


def _refuse_to_retrieve(uri: str) -> Any:
    """Left to itself the library fetches `http:` and `file:` references: a schema could reach the network and disk."""
    raise ValueError(f"{uri} is outside the schema: refer to #/$defs/… only")
