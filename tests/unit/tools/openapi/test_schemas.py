"""Schemas of OpenAPI 3.0 and 3.1 as JSON Schema 2020-12: the same values fit, and whatever is weaker is noted."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proctor.contracts.errors import InvalidInput
from proctor.contracts.schemas import problems, schema_problem
from tests.unit.tools.openapi.documents import imported, with_answer, with_body


def takes(schema: Any, value: Any, version: str = "3.0.3", **components: Any) -> bool:
    """Whether a value fits the argument `body` that a schema becomes."""
    made = imported(with_body({"allOf": [schema]}, version, **components)).contracts[0].input_schema
    assert schema_problem(made) is None
    return problems(made, {"body": value}) == []


@pytest.mark.parametrize(
    ("schema", "fitting", "others"),
    [
        ({"type": "string", "nullable": True}, ["a", None], [1]),
        ({"type": "string", "nullable": True, "enum": ["a"]}, ["a", None], ["b"]),
        ({"allOf": [{"type": "string"}], "nullable": True}, ["a", None], [1]),
        ({"type": "number", "minimum": 1, "exclusiveMinimum": True}, [1.5], [1]),
        ({"type": "number", "maximum": 1, "exclusiveMaximum": True}, [0.5], [1]),
        ({"type": "number", "minimum": 1, "exclusiveMinimum": False}, [1], [0]),
        ({"type": "array", "items": [{"type": "string"}]}, [["a", 1]], [[1]]),
        ({"type": "string", "enum": [1, True]}, ["1", "true"], [1]),
        ({"type": "integer", "maximum": 2**63 - 1}, [2**53], ["a"]),
        ({"type": "object", "properties": {"a": {"type": "string", "readOnly": True}}, "required": ["a"]}, [{}], []),
        ({"$ref": "#/components/schemas/Text", "minLength": 9}, ["a"], [1]),
        ({"$ref": "#/components/schemas/Text", "nullable": True}, ["a", None], [1]),
        ({"$ref": "#/components/schemas/Tree"}, [{"below": [{"below": []}]}], [{"below": [{"below": 1}]}]),
        ({"$ref": "#/components/schemas/A~1b%20c"}, [True], ["a"]),
        ({"$ref": "#/components/schemas/Tree/properties/below"}, [[{}]], [1]),
        ({"type": "string", "pattern": "^(?=a)b"}, ["anything"], [1]),
        ({"type": "object", "patternProperties": {"^(?=a)": {}}, "additionalProperties": False}, [{"x": 1}], [1]),
        ({"$ref": "#/components/schemas/Nowhere"}, [1, "a", None], []),
        ({"$ref": "other.yaml#/Pet"}, [1, "a", None], []),
        ({"type": "any", "required": True, "minLength": "2"}, [1, "a", None], []),
        ("no schema", [1, "a", None], []),
    ],
)
def test_schema_takes_the_same_values(schema: Any, fitting: list[Any], others: list[Any]) -> None:
    """The dialect of 3.0, references of every kind, and what cannot be expressed: that admits more."""
    components: dict[str, Any] = {
        "Text": {"type": "string"},
        "A/b c": {"type": "boolean"},
        "Tree": {
            "type": "object",
            "properties": {"below": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}},
        },
    }
    for value in fitting:
        assert takes(schema, value, **components), value
    for value in others:
        assert not takes(schema, value, **components), value


def test_schema_of_3_1_is_taken_as_it_is() -> None:
    """Lists of types, `const`, `prefixItems`, what stands beside a reference."""
    schema = {"$ref": "#/components/schemas/Text", "minLength": 3, "type": ["string", "null"], "not": {"const": "abcd"}}
    text = {"type": ["string", "null"]}
    assert [True, True, False, False] == [takes(schema, one, "3.1.0", Text=text) for one in ("abc", None, "a", "abcd")]


@pytest.mark.parametrize(
    "components",
    [
        {"A": {"$ref": "#/components/schemas/A"}},
        {"A": {"allOf": [{"$ref": "#/components/schemas/B"}]}, "B": {"anyOf": [{"$ref": "#/components/schemas/A"}]}},
        {"A": {"not": {"$ref": "#/components/schemas/A"}}},
    ],
)
def test_schema_that_refers_to_itself_without_a_step_admits_anything(components: dict[str, Any]) -> None:
    """Applying it would never end."""
    made = imported(with_body({"$ref": "#/components/schemas/A"}, **components))
    assert [] == problems(made.contracts[0].input_schema, {"body": 1})
    assert any("without a step" in note.reason for note in made.notes)


def test_discriminator_decides_between_branches_that_look_alike() -> None:
    """`oneOf` asks for exactly one: without it a cat would be a dog too, and fit neither."""
    kind = {"type": "object", "properties": {"kind": {"type": "string"}}, "required": ["kind"]}
    reference = "#/components/schemas/"
    pet = {
        "oneOf": [{"$ref": f"{reference}Cat"}, {"$ref": f"{reference}Dog"}],
        "discriminator": {"propertyName": "kind", "mapping": {"cat": f"{reference}Cat", "dog": f"{reference}Dog"}},
    }
    values = [{"kind": "cat"}, {"kind": "dog"}, {"kind": "cow"}]
    assert [True, True, False] == [takes(pet, one, Cat=kind, Dog=kind) for one in values]


def test_answers_are_held_to_types_and_not_to_promises_that_services_break() -> None:
    """Formats, exactly one of several, what is only written: a read must not fail over them. Each is noted."""
    item = {
        "type": "object",
        "required": ["url", "pin"],
        "properties": {"url": {"type": "string", "format": "uri"}, "pin": {"type": "string", "writeOnly": True}},
    }
    made = imported(with_answer({"oneOf": [item, {"type": "object"}]}, "3.0.3"))
    assert [] == problems(made.contracts[0].output_schema, {"url": "{not a uri}"})
    assert problems(made.contracts[0].output_schema, "text")
    assert 3 == len(made.notes)


def test_long_descriptions_and_examples_are_shortened_and_counted() -> None:
    """A planner reads every word of them at every step."""
    schema = {"type": "object", "properties": {"a": {"type": "string", "description": "x" * 999, "example": "y" * 999}}}
    made = imported(with_body(schema))
    assert 300 == len(made.contracts[0].input_schema["properties"]["a"]["description"])
    assert {"descriptions shortened", "examples too long to keep"} <= {note.reason for note in made.notes}


KEYWORDS = [
    "type",
    "nullable",
    "enum",
    "const",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "pattern",
    "required",
    "properties",
    "items",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "additionalProperties",
    "patternProperties",
    "prefixItems",
    "format",
    "readOnly",
    "writeOnly",
    "discriminator",
    "example",
    "examples",
    "default",
    "$ref",
    "description",
    "minLength",
    "uniqueItems",
    "if",
    "then",
    "dependentSchemas",
    "multipleOf",
    "x-a",
    "unknown",
    "title",
    "deprecated",
]
REFERENCES = ["#/components/schemas/A", "#/components/schemas/B", "#/nowhere", "#anchor", "x.yaml"]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)
VALUES = SCALARS | st.sampled_from(["string", "object", "array", "(?=a)", "[", *REFERENCES])
ANYTHING = st.recursive(
    VALUES,
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.sampled_from([*KEYWORDS, "a", "b"]), below, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=25, deadline=None)
@given(a=ANYTHING, b=ANYTHING, version=st.sampled_from(["3.0.3", "3.1.0"]))
def test_whatever_stands_in_a_document_makes_a_usable_contract_or_a_note(a: Any, b: Any, version: str) -> None:
    """No value makes the import fail otherwise than in one line, and every schema that it makes can be applied."""
    try:
        made = imported(with_body(a, version, A=a, B=b))
    except InvalidInput:
        return
    for contract in made.contracts:
        assert schema_problem(contract.input_schema) is None
    assert 1 == len(made.contracts) + sum(note.what == "the whole operation" for note in made.notes)
