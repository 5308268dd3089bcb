import time
from typing import Any

import pytest

from proctor.contracts.schemas import checker, problems, schema_problem
from proctor.documents.schema import is_number, property_at

ROOT: dict[str, Any] = {
    "$defs": {
        "Money": {"type": "object", "properties": {"amount": {"type": "number"}}},
        "N": {"type": ["integer", "null"]},
    },
    "properties": {
        "total": {"$ref": "#/$defs/Money"},
        "either": {"anyOf": [{"$ref": "#/$defs/Money"}, {"type": "null"}]},
        "maybe": {"anyOf": [{"$ref": "#/$defs/N"}, {"type": "null"}]},
        "text": {"anyOf": [{"type": "number"}, {"type": "string"}]},
        "loop": {"$ref": "#/properties/loop"},
    },
}


@pytest.mark.parametrize("uri", ["http://127.0.0.1:9/x.json", "https://example.org/x", "file:///etc/passwd", "x.json"])
def test_schema_never_fetches_what_it_refers_to(uri: str) -> None:
    """A schema from a third party reaches neither the network nor the disk."""
    assert schema_problem({"$ref": uri}) is not None
    with pytest.raises(ValueError, match=r"outside the schema|No base URI"):
        problems({"$ref": uri}, {})


def test_pattern_made_to_backtrack_takes_linear_time() -> None:
    """Nested repeats cost nothing extra."""
    started = time.process_time()
    assert checker({"pattern": "^(a+)+$"})("a" * 50_000 + "!") != []
    assert time.process_time() - started < 1


def test_arguments_are_found_through_references_and_choices() -> None:
    """Schemas that are derived from types refer to their parts."""
    assert property_at(ROOT, ["total", "amount"]) == {"type": "number"}
    assert property_at(ROOT, ["either", "amount"]) == {"type": "number"}
    assert property_at(ROOT, ["total", "other"]) is None
    kinds = {name: is_number(ROOT, ROOT["properties"][name]) for name in ROOT["properties"]}
    assert kinds == {"total": False, "either": False, "maybe": True, "text": False, "loop": False}
