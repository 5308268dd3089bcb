from policies.redaction import REDACTED, redacted
from proctor.contracts.obligations import Redact, ReviewAfter


def test_named_parts_are_taken_out_wherever_they_are() -> None:
    """Objects by key, lists element by element, and nothing else is touched."""
    result = {"customer": {"name": "Ana", "card": "4111"}, "orders": [{"id": 1, "iban": "DE1"}, {"id": 2}], "n": 3}
    seen = redacted(result, [Redact(fields=("customer.card", "orders.iban")), ReviewAfter()])
    expected = {
        "customer": {"name": "Ana", "card": REDACTED},
        "orders": [{"id": 1, "iban": REDACTED}, {"id": 2}],
        "n": 3,
    }
    assert expected == seen
    assert "4111" == result["customer"]["card"]  # type: ignore[index]


def test_whole_branches_go_whatever_they_hold() -> None:
    """A path that ends at an object or a list takes all of it."""
    assert {"a": REDACTED} == redacted({"a": {"b": [1, 2]}}, [Redact(fields=("a",))])
    assert [{"a": REDACTED}, 7] == redacted([{"a": 1}, 7], [Redact(fields=("a",))])


def test_path_that_is_not_there_changes_nothing() -> None:
    """Nothing to find is nothing to leak; texts are never cut into."""
    for value in ({"b": 1}, "text", None, {"a": "text"}):
        assert value == redacted(value, [Redact(fields=("a.x",))])
