"""What a person who edits a call in a chat must keep to: the tool's contract, as the run pinned it."""

from proctor.contracts.archive_ports import RunArchive
from proctor.contracts.errors import InvalidInput
from proctor.contracts.human import HumanRequest
from proctor.contracts.ids import ToolName
from proctor.contracts.ports import RunJournal
from proctor.contracts.tool import ToolContract


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
