"""Whether the tool of an edited call takes what a person wrote, by the contract that the run was opened with."""

from typing import Any

from proctor.contracts.arguments import argument_problems
from proctor.contracts.errors import InvalidInput
from proctor.store.bundles import BundleShelf
from proctor.store.database import Connection
from proctor.store.locked import LockedRun


async def check_fits(
    connection: Connection, locked: LockedRun, arguments: dict[str, Any], bundles: BundleShelf
) -> None:
    """Refuse arguments that the tool does not take, before anything is recorded. Raises `InvalidInput`."""
    bundle = await bundles.load(locked.run["bundle_digest"], connection)
    contract = bundle.tool(locked.tool)
    wrong = [] if contract is None else argument_problems(contract, arguments)
    if wrong:
        raise InvalidInput(f"{locked.tool} does not take these arguments: {'; '.join(wrong)}", hint="give all of them")
