"""Every way of a fixed set in which a right call goes wrong: policy refuses each (`python -m benchmarks.bfcl`)."""

from typing import Any

import pytest

from benchmarks.bfcl.corpus import Tool, schema_of, tool_name
from benchmarks.bfcl.judging import is_refused, policy_of
from benchmarks.bfcl.mutations import mutations
from proctor.contracts.misfits import MAX_PROBLEMS_BYTES
from proctor.contracts.schemas import schema_problem

BOOK = {
    "type": "dict",
    "required": ["flights", "contact", "cabin"],
    "properties": {
        "flights": {
            "type": "array",
            "items": {
                "type": "dict",
                "required": ["number", "date"],
                "properties": {"number": {"type": "string"}, "date": {"type": "string", "format": "date"}},
            },
        },
        "contact": {
            "type": "dict",
            "required": ["name"],
            "properties": {"name": {"type": "string"}, "vip": {"type": "boolean"}, "points": {"type": "integer"}},
        },
        "cabin": {"type": "string", "enum": ["economy", "business"]},
        "budget": {"type": "float", "default": 100.5},
        "seats": {"type": "tuple", "items": {"type": "integer"}},
        "notes": {"type": "any"},
        "meal": {"type": "string", "default": None},
    },
}
AREA = {"type": "dict", "required": ["base"], "properties": {"base": {"type": "integer"}, "unit": {"type": "String"}}}
TOOLS = [Tool(tool_name("travel.book-flight"), schema_of(BOOK)), Tool("area", schema_of(AREA))]
RIGHT: list[tuple[int, dict[str, Any]]] = [
    (
        0,
        {
            "flights": [{"number": "LX 1", "date": "2026-03-01"}],
            "contact": {"name": "Ana", "vip": True, "points": 3},
            "cabin": "economy",
            "budget": 250,
            "seats": [1, 2],
            "notes": [1, "x"],
            "meal": None,
        },
    ),
    (1, {"base": 3, "unit": "cm"}),
    (1, {"base": 3}),
]
NUMBER = [59, 12, 9]
"""How many wrong calls each right one gives: fewer would mean that a way to go wrong is no longer tried."""


@pytest.mark.parametrize(("case", "number"), list(zip(RIGHT, NUMBER, strict=True)))
def test_right_call_is_taken_and_every_wrong_one_refused(case: tuple[int, dict[str, Any]], number: int) -> None:
    """No argument is dropped, misspelt, made up or of another type without the call being denied, and briefly."""
    tool, policy = TOOLS[case[0]], policy_of(TOOLS)
    assert schema_problem(tool.schema) is None
    assert (False, True) == (is_refused(policy, tool.name, case[1])[0], is_refused(policy, "other", case[1])[0])
    wrong = list(mutations(tool.schema, case[1]))
    found = [is_refused(policy, tool.name, one.arguments) for one in wrong]
    assert [] == [one for one, (refused, _) in zip(wrong, found, strict=True) if not refused]
    assert max(len(why.encode()) for _, why in found) < MAX_PROBLEMS_BYTES
    assert number == len(wrong)
