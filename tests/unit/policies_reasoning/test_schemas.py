import re
from random import Random
from typing import Any

import pytest

from policies.change.schemas import is_narrower
from policies.reasoning.automata import matches, shortest
from policies.reasoning.expressions import read_expression
from policies.reasoning.instances import instance
from proctor.contracts.schemas import fits

TEXT = {"type": "string"}
NARROWER = [
    ({"type": "integer"}, {"type": "number"}),
    ({"enum": ["a"]}, {"enum": ["a", "b"]}),
    ({"const": "a"}, TEXT),
    ({"type": "string", "maxLength": 4}, {"type": "string", "maxLength": 5}),
    ({"type": "number", "minimum": 1}, {"type": "number", "minimum": 0}),
    ({"type": "object", "required": ["a", "b"]}, {"type": "object", "required": ["a"]}),
    ({"properties": {"a": {"maxLength": 3}}}, {"properties": {"a": {"maxLength": 4}}}),
    ({"additionalProperties": False, "properties": {}}, {"additionalProperties": False, "properties": {"a": TEXT}}),
    ({"type": "array", "items": {"enum": ["a"]}}, {"type": "array", "items": TEXT}),
    ({"type": "string", "title": "A"}, {"type": "string", "description": "a"}),
    ({"pattern": "^a$", "maxLength": 3}, {"pattern": "^a$"}),
]
NOT_PROVED = [
    ({"type": "number"}, {"type": "integer"}),
    ({"enum": ["a", "c"]}, {"enum": ["a", "b"]}),
    ({"const": 1}, {"const": True}),
    ({}, TEXT),
    ({"type": ["string", "null"]}, TEXT),
    ({"type": "string", "maxLength": 6}, {"type": "string", "maxLength": 5}),
    ({"type": "string"}, {"type": "string", "maxLength": 5}),
    ({"type": "object", "required": []}, {"type": "object", "required": ["a"]}),
    ({"properties": {}}, {"properties": {"a": TEXT}}),
    ({"properties": {"a": TEXT}, "additionalProperties": False}, {"additionalProperties": False}),
    ({"properties": {"a": TEXT}}, {"properties": {"a": TEXT}, "additionalProperties": False}),
    ({"$ref": "#/$defs/a", "$defs": {"a": {}}}, {"$ref": "#/$defs/a", "$defs": {"a": TEXT}}),
    ({"pattern": "^ab$"}, {"pattern": "^a$"}),
    ({"contains": TEXT, "minContains": 0}, {"contains": TEXT}),
    ({"unevaluatedProperties": False, "properties": {"a": TEXT}}, {"unevaluatedProperties": False}),
]
VALUES: list[Any] = [None, True, 0, 1, 1.5, "", "a", "ab", "abcdef", [], ["a"], ["b", 1], {}, {"a": "a"}]
VALUES += [{"a": "abcdef"}, {"a": 1}, {"b": 1}, {"a": "a", "b": "b"}]


@pytest.mark.parametrize(("new", "old"), NARROWER)
def test_a_schema_that_accepts_less_is_proved_narrower(new: Any, old: Any) -> None:
    """The proof holds on values too."""
    assert is_narrower(new, old)
    assert all(fits(old)(value) for value in VALUES if fits(new)(value))


@pytest.mark.parametrize(("new", "old"), NOT_PROVED)
def test_a_schema_that_may_accept_more_is_not_proved_narrower(new: Any, old: Any) -> None:
    """What cannot be proved counts as wider."""
    assert not is_narrower(new, old)


EXPRESSIONS = [
    "^[a-z][a-z0-9-]{0,62}$",
    "^T-[0-9]{1,9}$",
    "^(a|bc)+d?$",
    "ab",
    "^\\d{3}-\\w+$",
    "^[^a-c]*x$",
    "a|b",
    "^(?:ab){2,3}$",
    "^a{2,}$",
    "^a{0}b$",
    "^$",
    "^.*@acme\\.com$",
    "x+y*z?$",
    "^(a?b?){2}$",
    "^[\\d-]+$",
    "^a.c$",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression_is_read_as_python_reads_it(text: str) -> None:
    """The automaton accepts what the expression is found in, and gives a text of its own that fits."""
    random, automaton = Random(text), read_expression(text)
    assert automaton is not None
    for _ in range(400):
        tried = "".join(random.choice("abcdxyz1-T0@.m") for _ in range(random.randint(0, 7)))
        assert bool(re.search(text, tried)) is matches(automaton, tried), tried
    found = shortest([automaton])
    assert found is not None
    assert re.search(text, found)


@pytest.mark.parametrize("text", ["(?=a)b", "^a|b$", "a*?", "\\bword", "(a", "[a", "a{999999}", "\\1"])
def test_an_expression_that_is_not_plain_is_unknown(text: str) -> None:
    """Nothing is misread: it is left to the schema's validator."""
    assert read_expression(text) is None


def test_an_instance_has_the_given_parts_and_fits() -> None:
    """What is not given is made up, nested parts too."""
    inner = {"type": "object", "required": ["z"], "properties": {"z": {"type": "boolean"}, "y": TEXT}}
    schema = {
        "type": "object",
        "required": ["a", "b", "c", "d"],
        "properties": {
            "a": {"type": "string", "pattern": "^[a-z]{3}$"},
            "b": {"type": "integer", "minimum": 5},
            "c": {"enum": ["q"]},
            "d": inner,
        },
    }
    made = instance(schema, {("d", "y"): "hey", ("b",): 7})
    assert {"a": "aaa", "b": 7, "c": "q", "d": {"z": True, "y": "hey"}} == made


def test_there_is_no_instance_where_the_given_parts_do_not_fit() -> None:
    """It gives up rather than giving what does not fit."""
    assert instance({"type": "object", "properties": {"a": TEXT}}, {("a",): 5}) is None
    assert instance({"type": "object", "required": ["a"], "properties": {"a": {"not": {}}}}, {}) is None
