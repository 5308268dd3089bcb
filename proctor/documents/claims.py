"""What a source claims of a tool becomes a fact when a person says so, and not before."""

from pydantic import ValidationError

from proctor.contracts.catalog import CLAIMABLE
from proctor.contracts.errors import InvalidInput
from proctor.contracts.tool import Effect, ToolContract


def claims_of(contract: ToolContract) -> dict[str, str]:
    """Give what the claims of the source come to in our words; empty when it claims nothing of use."""
    claims = contract.provenance.claims if contract.provenance is not None else {}
    return {name: str(claims[name]) for name in CLAIMABLE if name in claims}


def claims_read(contract: ToolContract) -> bool:
    """Whether the source claims that the tool only reads."""
    return claims_of(contract).get("effect") == Effect.READ


def accepted(contract: ToolContract, by: str) -> ToolContract:
    """Take the claims for facts, in the name of `by`.

    Raises:
        InvalidInput: nobody is named, the contract has no source, or the claims make no contract.

    """
    if not by:
        raise InvalidInput("nobody is named who takes the claims for facts", hint="add `--as NAME`")
    if contract.provenance is None:
        raise InvalidInput(f"{contract.name} comes from no source that claims anything", hint="edit its file")
    body = contract.model_dump(mode="json") | claims_of(contract)
    if body["effect"] == Effect.READ:
        body["compensation"] = None  # A read takes nothing back.
    body["provenance"]["accepted_by"] = by
    try:
        return ToolContract.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InvalidInput(f"what the source claims of {contract.name} is unusable: {first['msg']}") from error
