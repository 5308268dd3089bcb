"""Which places an argument of a playbook's call was rendered from."""

from typing import Any

from proctor.contracts.playbook_plan import has_literal
from proctor.contracts.templates import MISSING, references
from proctor.models.playbook_facts import Facts


def derive(arguments: dict[str, Any], facts: Facts) -> dict[str, tuple[str, ...]]:
    """Name the roots of each top-level argument, sorted, as `ProposedCall.derivation` has them.

    Exact for the values at hand: a default that stands in for a missing value is the document's own word.
    """
    return {name: tuple(sorted(_roots(value, facts))) for name, value in arguments.items()}


def _roots(value: Any, facts: Facts) -> set[str]:
    written = {"manifest"} if has_literal(value) else set()
    found = (reference.path for _, reference in references(value))
    return written | {"manifest" if facts.look_up(path) is MISSING else facts.root(path) for path in found}
