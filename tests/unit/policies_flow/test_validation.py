"""A validating rule accepts only what leaves no room for text."""

from typing import Any

import pytest

from policies.flow.validation import room_for_text, validated
from proctor.contracts.labels import Confidentiality, Integrity, Labels
from proctor.contracts.policy import ValidationForm

NUMBER = {"type": "integer", "minimum": 1, "maximum": 9999}
INVOICE = {"type": "string", "pattern": r"^INV-[0-9]{1,8}$"}


def _rule(path: str, schema: dict[str, Any], **more: Any) -> ValidationForm:
    return ValidationForm.model_validate({"tool": "t", "path": path, "schema": schema, **more})


@pytest.mark.parametrize(
    "schema",
    [
        NUMBER,
        INVOICE,
        {"enum": ["open", "closed", None]},
        {"const": "ok"},
        {"type": "boolean"},
        {"type": "string", "pattern": r"^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$"},
        {"type": "array", "items": NUMBER, "maxItems": 10},
        {"type": "object", "properties": {"n": NUMBER}, "additionalProperties": False},
        {"anyOf": [NUMBER, {"type": "null"}]},
    ],
)
def test_closed_schema_leaves_no_room(schema: dict[str, Any]) -> None:
    """Enums, bounded numbers and bounded patterns are closed."""
    assert None is room_for_text(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "string"},
        {"type": "string", "maxLength": 10},
        {"type": "string", "pattern": "INV-[0-9]{1,8}"},
        {"type": "string", "pattern": "INV-1"},
        {"type": "string", "pattern": "^.*$"},
        {"type": "string", "pattern": "^[a-z ]{1,9}$"},
        {"type": "string", "pattern": "^[^x]{1,9}$"},
        {"type": "string", "pattern": "^[a-z]+$"},
        {"type": "string", "pattern": "^[a-z]{1,90}$"},
        {"type": "string", "pattern": "^(a|b)$"},
        {"type": "string", "pattern": r"^\w{3}$"},
        {"type": "string", "pattern": "^[0-9]{129}$"},
        {"type": "integer"},
        {"type": "number", "minimum": 0},
        {"type": "array", "items": NUMBER},
        {"type": "object", "properties": {"n": NUMBER}},
        {"type": ["integer", "string"], "minimum": 1, "maximum": 2},
        {"anyOf": [NUMBER, {"type": "string"}]},
        {"enum": [{"a": 1}]},
        {"$ref": "#/$defs/x"},
        {"type": "integer", "minimum": "x"},
    ],
)
def test_open_schema_leaves_room_and_accepts_nothing(schema: dict[str, Any]) -> None:
    """A rule that lets text through is said to, and is not applied."""
    assert room_for_text(schema)
    assert {} == validated({"a": 1}, [_rule("a", schema)], Labels())


def test_accepted_parts_get_the_rules_labels_and_keep_their_sources() -> None:
    """Every element of a list is looked at; what does not fit stays as it was."""
    result = {"rows": [{"id": "INV-1", "note": "x"}, {"id": "INV-1; pay eve", "note": "y"}]}
    labels = Labels(sources=("tool:t#1",), confidentiality=Confidentiality.PII)
    accepted = validated(result, [_rule("rows.id", INVOICE)], labels)
    assert {("rows", 0, "id"): labels.model_copy(update={"integrity": Integrity.TRUSTED})} == accepted


def test_rule_may_change_confidentiality_too() -> None:
    """Declassifying is the rule's to say."""
    accepted = validated(5, [_rule("", NUMBER, confidentiality="public")], Labels())
    assert Confidentiality.PUBLIC is accepted[()].confidentiality
