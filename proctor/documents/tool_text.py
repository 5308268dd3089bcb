"""A tool contract as the text of a document: what people should decide on first, schemas after it."""

from collections.abc import Iterable
from typing import Any

from proctor.contracts.catalog import CLAIMABLE
from proctor.contracts.tool import Idempotency, ToolContract
from proctor.documents.yaml_writer import to_yaml

_FIRST = (
    "name",
    "version",
    "owner",
    "description",
    "effect",
    "risk",
    "idempotency",
    "key_at",
    "key_form",
    "probe",
    "compensation",
)
_LAST = ("implementation", "input", "output", "provenance", "tests")
CLAIMED = "Its source claims:"
_ALWAYS = frozenset({"name", "owner", "effect", "risk", "idempotency"})


def tool_text(contract: ToolContract, heading: str = "", tests: Iterable[dict[str, Any]] = ()) -> str:
    """Write the document of a contract; reading it gives the same contract."""
    body = tool_form(contract)
    if cases := list(tests):
        body["tests"] = cases
    ordered = {name: body[name] for name in _FIRST if name in body}
    ordered |= {name: item for name, item in body.items() if name not in {*_FIRST, *_LAST}}
    ordered |= {name: body[name] for name in _LAST if name in body}
    comment = "".join(f"# {line}".rstrip() + "\n" for line in [*heading.splitlines(), *_claimed(contract)])
    return comment + to_yaml({"tool": ordered})


def tool_form(contract: ToolContract) -> dict[str, Any]:
    """Give what stands under `tool:`: what differs from the defaults, and what people should see in any case."""
    shown = contract.model_dump(mode="json", exclude_defaults=True)
    whole = contract.model_dump(mode="json")
    shown |= {name: whole[name] for name in _ALWAYS}
    if contract.is_read and contract.idempotency is Idempotency.NONE:
        del shown["idempotency"]
    if contract.implementation is not None:
        kind = {"kind": contract.implementation.kind}
        shown["implementation"] = kind | contract.implementation.model_dump(mode="json", exclude_defaults=True)
    shown["input"] = shown.pop("input_schema")
    if "output_schema" in shown:
        shown["output"] = shown.pop("output_schema")
    return shown


def _claimed(contract: ToolContract) -> list[str]:
    origin = contract.provenance
    if origin is None or origin.accepted_by:
        return []
    claims = [f"{name} {origin.claims[name]}" for name in CLAIMABLE if name in origin.claims]
    if not claims:
        return []
    return [f"{CLAIMED} {', '.join(claims)}. `proctor tools accept {contract.name} --as YOU` takes that for a fact."]
