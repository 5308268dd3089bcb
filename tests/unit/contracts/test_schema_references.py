"""References of schemas: what the validator follows, the closing and the counting of work follow too."""

from typing import Any

import pytest

from proctor.contracts.arguments import argument_misfits
from proctor.contracts.schemas import schema_problem

AMOUNT = {"type": "object", "properties": {"a": {"type": "integer"}}}
DOUBLINGS = 20


def at(reference: dict[str, str], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"o": reference}, **more}


@pytest.mark.parametrize(
    "schema",
    [
        at({"$ref": "#/$defs/p%20q"}, **{"$defs": {"p q": AMOUNT}}),
        at({"$ref": "#/$defs/z/allOf/0"}, **{"$defs": {"z": {"allOf": [AMOUNT]}}}),
        at({"$dynamicRef": "#/$defs/p"}, **{"$defs": {"p": AMOUNT}}),
        at({"dependentSchemas": {"a": AMOUNT}}),
        {"anyOf": [{"properties": {"o": AMOUNT}}, {"type": "object"}]},
    ],
)
def test_undeclared_argument_is_refused_however_the_schema_is_put_together(schema: dict[str, Any]) -> None:
    """Nobody gave it a role; the tool would get it all the same."""
    assert schema_problem(schema) is None
    assert [] != argument_misfits(schema, {"o": {"a": 1, "is_admin": True}, "is_admin": True})
    assert [] != argument_misfits(schema, {"o": {"a": 1, "is_admin": True}})


@pytest.mark.parametrize(
    "schema",
    [
        at({"$ref": "p.json"}, **{"$defs": {"p": {"$id": "p.json", **AMOUNT}}}),
        at({"$ref": "#p"}, **{"$defs": {"p": {"$anchor": "p", **AMOUNT}}}),
        at({"$dynamicRef": "#p"}, **{"$defs": {"p": {"$dynamicAnchor": "p", **AMOUNT}}}),
        at({"$ref": "#/x-defs/p"}, **{"x-defs": {"p": {"properties": {"n": AMOUNT}}}}),
        at({"$ref": "#/not/properties/p"}, **{"not": {"required": ["z"], "properties": {"p": AMOUNT}}}),
        at({"$ref": "#/$defs/a%2Fb"}, **{"$defs": {"a/b": AMOUNT, "a": AMOUNT}}),
        at({"$ref": "#/$defs/p"}, **{"$defs": {"p": {"$id": "x", "$ref": "#/$defs/q", "$defs": {"q": AMOUNT}}}}),
        at({"$ref": "#/$defs/nobody"}),
    ],
)
def test_reference_that_only_the_validator_understands_is_refused(schema: dict[str, Any]) -> None:
    """What it leads to would be neither closed nor counted."""
    assert schema_problem(schema) is not None


@pytest.mark.parametrize("how", ["#/$defs/{}", "#/%24defs/{}", "#{}", "http://x.test/{}"])
def test_doubling_references_are_refused_however_they_are_written(how: str) -> None:
    """A schema of a third party must not hold up whoever checks arguments by it."""
    definitions: dict[str, Any] = {f"d{DOUBLINGS}": {"type": "integer"}}
    for n in range(DOUBLINGS):
        twice = [{"$ref": how.format(f"d{n + 1}")}] * 2
        definitions[f"d{n}"] = {
            "allOf": twice,
            "$anchor": f"d{n}",
            **({"$id": how.format(f"d{n}")} if ":" in how else {}),
        }
    assert schema_problem({"$defs": definitions, "$ref": how.format("d0")}) is not None


def test_usual_references_are_usable() -> None:
    """To definitions, to properties, to the whole, and into lists of schemas."""
    schema = at({"$ref": "#/$defs/p"}, **{"$id": "http://x.test/y", "$defs": {"p": AMOUNT}})
    schema["properties"] |= {"again": {"$ref": "#"}, "same": {"$ref": "#/properties/o"}, "$ref": {"type": "string"}}
    schema["default"] = {"$ref": "p.json"}
    assert schema_problem(schema) is None
    assert [] == argument_misfits(schema, {"again": {"o": {"a": 1}}, "same": {"a": 2}, "$ref": "x"})
