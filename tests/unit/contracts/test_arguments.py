import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from proctor.contracts.arguments import MAX_DEPTH, argument_misfits, arguments_fit, json_flaw, read_arguments
from proctor.contracts.closing import closed
from proctor.contracts.errors import InvalidInput
from proctor.contracts.misfits import MAX_PROBLEMS_BYTES
from proctor.contracts.schemas import fits, problems, schema_problem

ADDRESS = {"type": "object", "required": ["street"], "properties": {"street": {"type": "string"}, "zip": {}}}
TICKET: dict[str, Any] = {
    "$defs": {"Address": ADDRESS},
    "type": "object",
    "required": ["severity", "due"],
    "properties": {
        "severity": {"enum": ["low", "medium", "high"]},
        "due": {"type": "string", "format": "date"},
        "copies": {"type": "integer", "minimum": 1},
        "home": {"$ref": "#/$defs/Address"},
        "other": {"anyOf": [{"$ref": "#/$defs/Address"}, {"type": "null"}]},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"type": "string"}}}},
        "extras": {"type": "object"},
        "id": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    },
}
GOOD = {"severity": "low", "due": "2026-01-31"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"due": "2026-01-31"}, 'at $: "severity" is missing: one of "low", "medium", "high"'),
        (
            GOOD | {"severity": "hihg"},
            'at $.severity: must be one of "low", "medium", "high"; did you mean "high"?',
        ),
        (GOOD | {"due": "31.1."}, 'at $.due: must be of the format "date"'),
        (GOOD | {"copies": "2"}, "at $.copies: must be integer, not string"),
        (GOOD | {"copies": 0}, "at $.copies: must be at least 1"),
        (GOOD | {"home": {"zip": 1}}, 'at $.home: "street" is missing (string)'),
        (
            GOOD | {"home": {"street": "x", "zipp": 1}},
            'at $.home: unknown: "zipp" (did you mean "zip"?); known: "street", "zip"',
        ),
        (
            GOOD | {"other": {"zip": 1}},
            'at $.other: fits none of its 2 forms; of the nearest: "street" is missing (string)',
        ),
        (GOOD | {"lines": [{"sku": "a"}, {"x": 1}]}, 'at $.lines[1]: unknown: "x"; known: "sku"'),
        (GOOD | {"id": []}, "at $.id: must be integer or string, not array"),
    ],
)  # fmt: skip
def test_misfit_says_where_what_and_what_would_fit(arguments: dict[str, Any], said: str) -> None:
    """A planner can mend its call from the message alone."""
    assert [said] == argument_misfits(TICKET, arguments)


def test_misfits_hold_no_value_and_are_bounded() -> None:
    """A value may be a secret or a megabyte; the words about it go to a model and into the record."""
    schema = {"type": "object", "properties": {f"p{n}": {"enum": [n]} for n in range(50)} | {"a": {"pattern": "^a$"}}}
    secret = "sk-very-secret" * 10_000
    arguments = {f"p{n}": secret for n in range(50)} | {"a": secret, "x" * 100_000: 1}
    for value in (arguments, {"a": secret}, {"é" * 9_999: 1}):
        told = argument_misfits(schema, value)
        assert 1 <= len(told) <= 5
        assert len("; ".join(told).encode()) <= MAX_PROBLEMS_BYTES
        assert "sk-very" not in "".join(told)


def test_misfits_are_bounded_in_bytes_and_not_in_characters_alone() -> None:
    """A schema in another script than ours says less of each value, and not four times as much."""
    options = [f"{'☕' * 38}{n}" for n in range(12)]
    told = argument_misfits(
        {"properties": {f"p{n}": {"enum": options} for n in range(5)}}, {f"p{n}": 1 for n in range(5)}
    )
    assert 1 <= len(told) < 5
    assert len("; ".join(told).encode()) <= MAX_PROBLEMS_BYTES


@pytest.mark.parametrize(
    ("schema", "taken", "refused"),
    [
        ({"type": "object"}, {}, {"a": 1}),
        ({"properties": {"a": {}}}, {"a": 1}, {"a": 1, "b": 2}),
        ({"properties": {"a": {"properties": {"b": {}}}}}, {"a": {"b": 1}}, {"a": {"c": 1}}),
        ({"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}]}, {"a": 1, "b": 2}, {"c": 1}),
        ({"properties": {"a": {"anyOf": [ADDRESS, {"type": "object"}]}}}, {"a": {"any": 1}}, {"b": 1}),
        ({"$defs": {"A": ADDRESS}, "$ref": "#/$defs/A"}, {"street": "x"}, {"street": "x", "b": 1}),
        ({"properties": {"a": {"prefixItems": [ADDRESS]}}}, {"a": [{"street": "x"}]}, {"a": [{"street": "x", "b": 1}]}),
        ({"properties": {"a": {"type": "object"}}}, {"a": {"b": 1}}, {"b": 1}),
        ({"properties": {"n": {"$ref": "#"}}}, {"n": {"n": {}}}, {"n": {"n": {"x": 1}}}),
        ({"patternProperties": {"^x-": {}}}, {"x-a": 1}, {"y": 1}),
    ],
)  # fmt: skip
def test_arguments_that_no_schema_declares_are_refused(
    schema: dict[str, Any], taken: dict[str, Any], refused: dict[str, Any]
) -> None:
    """What a schema leaves unsaid is not taken, at any depth and through every way of putting schemas together."""
    assert (True, False) == (arguments_fit(schema)(taken), arguments_fit(schema)(refused))
    assert Draft202012Validator(closed(schema)).is_valid(taken)
    assert not Draft202012Validator(closed(schema)).is_valid(refused)


def test_schema_that_says_it_is_open_is_taken_at_its_word() -> None:
    """Its owner has said so; the arguments are judged as targets like any that has no role."""
    assert arguments_fit({"properties": {"a": {}}, "additionalProperties": {"type": "integer"}})({"a": 1, "b": 2})
    assert arguments_fit({"additionalProperties": True})({"b": 2})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "a": 2}', '"a" stands in it twice'),
        ('{"b": {"a": 1, "a": 2}}', "twice"),
        ('{"a": NaN}', "NaN"),
        ('{"a": 1e999}', "infinite"),
        ('{"a": 9007199254740993}', "beyond"),
        ('{"a": "\\ud800"}', "JSON does not carry"),
        ("[1]", "not a JSON object"),
        ('{"a": sk-secret}', "not JSON"),
        ('{"a":' * 100_000, "characters"),
        ('{"a":' * 5_000, "deep"),
        ('{"a":' + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1) + "}", f"more than {MAX_DEPTH} deep"),
        (json.dumps({"a": "é" * 131_072}, ensure_ascii=False), "bytes: at most"),
    ],
)
def test_arguments_that_two_readers_may_read_differently_are_refused(text: str, said: str) -> None:
    """What policy judged is what the tool gets; and nothing of the text comes back in the words about it."""
    with pytest.raises(InvalidInput, match=said) as found:
        read_arguments(text)
    assert "sk-secret" not in found.value.message
    assert len(found.value.message) < 300


def test_integer_may_be_written_with_a_point_and_nan_fits_nothing() -> None:
    """2020-12 takes 1.0 for an integer and true for none; canonical JSON writes 1.0 and 1 alike."""
    test = arguments_fit({"properties": {"n": {"type": "integer"}}})
    assert [True, False, False] == [test({"n": 1.0}), test({"n": 1.5}), test({"n": True})]
    assert json_flaw({"n": math.nan}) is not None


def test_schema_whose_references_multiply_is_refused() -> None:
    """Twenty definitions can make a million checks of one value: such a schema is not usable."""
    bomb = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(40)} | {"d40": {"type": "string"}}
    assert "multiply" in str(schema_problem({"$defs": bomb, "properties": {"a": {"$ref": "#/$defs/d0"}}}))
    assert schema_problem(TICKET) is None


EVIL = [
    "^(a+)+$", "(a|a)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*)*x", "(?=(a+))a*b", r"(a+)\1+b", "(a{1000}){1000}",
    "(?:x?){500}x{500}", r"(\w+\s?)*$", "^(a|b|ab)*c$", "(x+x+)+y", "a{0,60000}",
]  # fmt: skip


@pytest.mark.parametrize("pattern", EVIL)
def test_no_pattern_can_hold_up_validation(pattern: str) -> None:
    """Patterns of third parties are matched in linear time, or are not taken at all.

    A backtracking engine needs longer than the universe is old for most of these; 200,000 characters take a fraction
    of a second here, and the limit is generous.
    """
    schema = {"properties": {"a": {"type": "string", "pattern": pattern}}}
    if schema_problem(schema) is not None:
        assert set(pattern) & set("=\\{")
        return
    assert isinstance(fits(schema)({"a": "a" * 200_000 + "!"}), bool)


_leaf = st.sampled_from(
    [
        {"type": "string", "maxLength": 3}, {"type": "integer", "minimum": 0}, {"type": "number"}, {"type": "boolean"},
        {"enum": ["a", 1, None, 1.0, True]}, {"const": 0}, {"type": ["null", "string"]}, {"pattern": "^a"}, {}, False,
    ]
)  # fmt: skip
_names = st.sampled_from(["a", "b", "c"])


def _grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    parts = st.lists(inner, min_size=1, max_size=2)
    fields = st.fixed_dictionaries(
        {"type": st.just("object"), "properties": st.dictionaries(_names, inner, max_size=3)},
        optional={"required": st.lists(_names, unique=True, max_size=2), "additionalProperties": inner},
    )
    lists = st.fixed_dictionaries({"type": st.just("array"), "items": inner}, optional={"uniqueItems": st.booleans()})
    mixed = [st.fixed_dictionaries({word: parts}) for word in ("anyOf", "oneOf", "allOf")]
    return st.one_of(fields, lists, *mixed, st.fixed_dictionaries({"not": inner}))


_values = st.recursive(
    st.sampled_from([None, True, False, 0, 1, -1, 1.0, 0.5, "", "a", "abcd", 2**53 - 1]),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(_names, inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=80, deadline=None)
@given(schema=st.recursive(_leaf, _grown, max_leaves=6), value=_values)
def test_hot_path_agrees_with_the_other_library(schema: Any, value: Any) -> None:
    """Two independent validators give the same answer, for schemas as written and as closed."""
    outer = {"type": "object", "properties": {"a": schema}, "additionalProperties": False}
    means = closed(outer)
    is_valid = arguments_fit(outer)({"a": value})
    assert Draft202012Validator(means).is_valid({"a": value}) is is_valid
    assert Draft202012Validator(outer).is_valid({"a": value}) is fits(outer)({"a": value})
    assert is_valid <= fits(outer)({"a": value})
    assert is_valid is (not argument_misfits(outer, {"a": value}))
    assert fits(outer)({"a": value}) is (not problems(outer, {"a": value}))
