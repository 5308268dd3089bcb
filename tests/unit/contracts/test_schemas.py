"""Schemas: what is refused, and that they are applied rightly whoever asks first."""

import subprocess
import sys
from itertools import product
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from proctor.contracts.canonical import summarize
from proctor.contracts.schemas import schema_problem

FIRST_CALLED_BARE = """
from proctor.contracts.schemas import fits
names = {"__builtins__": {}, "test": fits({"properties": {"a": {"type": "number"}}}), "value": {"a": 40}}
exec("found = test(value)", names)
print(names["found"], names["test"]({"a": "40"}))
"""


def test_schemas_are_applied_rightly_when_code_without_builtins_is_the_first_to_ask() -> None:
    """A policy's generated code has no builtins, and is what asks first in a new process."""
    done = subprocess.run(
        [sys.executable, "-c", FIRST_CALLED_BARE],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "True False\n" == done.stdout


WRONG: tuple[Any, ...] = (-1, "a", True, [], ["string", "string"], {"a": 3}, {"(": {}}, "(")
"""Values that some keywords take and others do not."""
KEYWORDS = (
    *("type", "properties", "required", "items", "prefixItems", "enum", "const", "pattern", "patternProperties"),
    *("minLength", "multipleOf", "maximum", "uniqueItems", "additionalProperties", "propertyNames", "not", "allOf"),
    *("anyOf", "if", "$defs", "$ref", "$id", "$anchor", "$dynamicRef", "$comment", "$vocabulary", "format", "title"),
    *("default", "examples", "deprecated", "dependentRequired", "dependentSchemas", "contentSchema", "$schema"),
)


def places(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Put a schema where schemas stand; the last is no such place, so that anything may stand there."""
    return [
        schema,
        {"$defs": {"a": {"patternProperties": {"^a": {"anyOf": [schema]}}}}},
        {"properties": {"pattern": {"const": schema}}},
    ]


def test_whatever_breaks_the_meta_schema_is_refused_in_the_words_of_the_library_that_says_it_best() -> None:
    """The quick reading passes nothing that the slow one refuses, at any depth, and the slow one says why."""
    refused = 0
    for schema in (place for keyword, value in product(KEYWORDS, WRONG) for place in places({keyword: value})):
        slow = slowly(schema)
        assert slow is None or slow in (schema_problem(schema) or "nothing"), schema
        refused += slow is not None
    assert 250 < refused


def slowly(schema: dict[str, Any]) -> str | None:
    """Ask the library that says it best."""
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return summarize(error.message)
    return None
