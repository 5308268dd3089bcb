"""One stack for all tests of people in control: a real store, a real Temporal, and a worker in this process."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio

from gateway.approvals import decide
from gateway.explaining import Story, tell
from gateway.steering import steer
from gateway.undoing import UndoReport, undo
from proctor.contracts.control import ControlOrder, ControlReceipt, PersonsCall
from proctor.contracts.human import HumanDecision, HumanRequest, Principal, Role
from proctor.contracts.ids import PrincipalName, RequestId, RunId, ToolName
from proctor.contracts.planning import Observation
from proctor.contracts.run import RunRecord
from tests.acceptance.witness import recorded
from tests.replay.record import Studio, studio

OPERATOR = Principal(name=PrincipalName("opal"), roles=frozenset({Role.OPERATOR}))
SECOND_OPERATOR = Principal(name=PrincipalName("otto"), roles=frozenset({Role.OPERATOR}))
OWNER = Principal(name=PrincipalName("olga.owner"), roles=frozenset())
APPROVER = Principal(name=PrincipalName("demo.approver"), roles=frozenset({Role.APPROVER}))
DRIVING_APPROVER = Principal(name=OPERATOR.name, roles=frozenset({Role.OPERATOR, Role.APPROVER}))


@dataclass(frozen=True)
class Control:
    """The stack, as people meet it."""

    studio: Studio

    async def start(self, name: str, what: str, **more: Any) -> RunId:
        """Start a run of the prober."""
        return await self.studio.run(name, what, **more)

    async def order(
        self, run_id: RunId, word: str, by: Principal = OPERATOR, *, call: PersonsCall | None = None, **more: Any
    ) -> ControlReceipt:
        """Give an order to a run."""
        order = ControlOrder.model_validate({"run_id": run_id, "word": word, "call": call, **more})
        gateway = self.studio.gateway
        store = gateway.store
        return await steer(
            order, by=by, controls=store.controls, archive=store.archive, journal=store.journal, engine=gateway.engine
        )

    async def act(self, run_id: RunId, tool: str, by: Principal = OPERATOR, **arguments: Any) -> ControlReceipt:
        """Do something at the wheel."""
        return await self.order(run_id, "act", by, call=PersonsCall(tool=ToolName(tool), arguments=arguments))

    async def pending(self, run_id: RunId) -> HumanRequest:
        """Wait for what a run asks people."""
        store = self.studio.gateway.store
        return (await until(lambda: store.people.pending(run_id)))[0]  # type: ignore[no-any-return]

    async def decide(self, request_id: RequestId, word: str, by: Principal = APPROVER, **more: Any) -> Any:
        """Decide a request."""
        gateway = self.studio.gateway
        decision = HumanDecision.model_validate({"request_id": request_id, "word": word, **more})
        return await decide(decision, by=by, people=gateway.store.people, engine=gateway.engine)

    async def undo(self, run_id: RunId, by: Principal = OPERATOR) -> UndoReport:
        """Take an ended run back."""
        gateway = self.studio.gateway
        store = gateway.store
        return await undo(run_id, by=by, undoing=store.undoing, kills=store.kills, engine=gateway.engine)

    async def ended(self, run_id: RunId) -> RunRecord:
        """Wait for a run's end."""

        async def look() -> RunRecord | None:
            record = await self.studio.gateway.store.archive.run(run_id)
            return record if record.status.is_end else None

        return await until(look)  # type: ignore[no-any-return]

    async def shown(self, run_id: RunId, text: str, status: str) -> None:
        """Wait until the Temporal UI says `text` of the run, and lists it under `status`."""
        handle = self.studio.client.get_workflow_handle(run_id)

        async def look() -> bool:
            metadata = await handle.query("__temporal_workflow_metadata")
            described = await handle.describe()
            return text in str(metadata) and [status] == described.search_attributes.get("ProctorStatus")

        await until(look)

    def effects(self, run_id: RunId) -> list[tuple[str, str]]:
        """Give what really happened for a run, by the tools' own record, without its id."""
        found = recorded(self.studio.witness)
        return [(key.removeprefix(f"{run_id}/"), what) for key, what in found if key.startswith(f"{run_id}/")]

    async def story(self, run_id: RunId) -> Story:
        """Tell the run."""
        archive = self.studio.gateway.store.archive
        return tell(await archive.run(run_id), await archive.audit(run_id), await self.seen(run_id))

    async def kinds(self, run_id: RunId) -> list[str]:
        """List the kinds of a run's audit records."""
        return [record.kind for record in await self.studio.gateway.store.archive.audit(run_id)]

    async def seen(self, run_id: RunId) -> list[Observation]:
        """Give the run's transcript."""
        return await self.studio.gateway.store.archive.observations(run_id)


async def until(look: Callable[[], Awaitable[Any]], patience_s: float = 20.0) -> Any:
    """Look until there is something."""
    async with asyncio.timeout(patience_s):
        while not (found := await look()):  # noqa: ASYNC110 - rows
            await asyncio.sleep(0.03)
    return found


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def control() -> AsyncIterator[Control]:
    """Start it once."""
    with tempfile.TemporaryDirectory(prefix="ctl-") as folder:
        async with studio(Path(folder)) as opened:
            yield Control(opened)
