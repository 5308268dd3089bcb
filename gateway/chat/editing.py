"""Arguments as a person writes them anew: read strictly, and checked before anything is decided."""

import json
from typing import Any

from proctor.contracts.edits import argument_problems
from proctor.contracts.errors import InvalidInput
from proctor.contracts.human import HumanRequest
from proctor.contracts.ids import ToolName
from proctor.contracts.ports import RunArchive, RunJournal
from proctor.contracts.tool import ToolContract

MOST_EDITED = 50_000


class ToolContracts:
    """Gives the contract of a requested call's tool, as it was pinned with the run."""

    def __init__(self, archive: RunArchive, journal: RunJournal) -> None:
        """Take where runs and their pinned agents are read."""
        self._archive, self._journal = archive, journal

    async def contract_of(self, request: HumanRequest) -> ToolContract:
        """Give the contract.

        Raises:
            InvalidInput: the request is for no call of a tool that the run's agent has.

        """
        record = await self._archive.run(request.run_id)
        bundle = None if record.bundle_digest is None else await self._journal.bundle(record.bundle_digest)
        contract = None if bundle is None else bundle.tool(ToolName(str(request.details.get("tool"))))
        if contract is None:
            raise InvalidInput("this request is for no call that could be edited")
        return contract


def write_arguments(arguments: dict[str, Any]) -> str:
    """Write arguments for a person to edit."""
    return json.dumps(arguments, indent=2, ensure_ascii=True)


def read_arguments(text: str, contract: ToolContract) -> dict[str, Any]:
    """Read what a person wrote.

    Raises:
        InvalidInput: it is not one JSON object, names a member twice, or does not fit what the tool takes; says where.

    """
    if len(text) > MOST_EDITED:
        raise InvalidInput(f"that is longer than {MOST_EDITED} characters")
    try:
        found = json.loads(text, object_pairs_hook=_without_doubles, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise InvalidInput(f"this is not JSON: line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise InvalidInput("this is nested too deeply") from error
    except ValueError as error:
        raise InvalidInput(f"this is not JSON: {error}") from error
    wrong = argument_problems(contract, found)
    if wrong:
        raise InvalidInput("; ".join(wrong))
    return dict(found)


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidInput("a member is named twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
