"""What tests of dispatch share: tools and a ledger that follow a script, and one call through them."""

import asyncio
from functools import partial
from typing import Any

from temporalio.testing import ActivityEnvironment

from activities.dispatch import Dispatcher, Effect
from activities.stopping import heeding
from proctor.contracts.dispatching import Admitted, EffectStanding, Prior, Refusal
from proctor.contracts.errors import Unavailable
from proctor.contracts.ids import EffectKey, RunId, ToolName
from proctor.contracts.steps import CallReport
from proctor.contracts.tool import (
    ToolContract,
    ToolInvocation,
    ToolOutcome,
    Unknown,
)
from proctor.contracts.traffic import Lane
from tests.unit.activities.scene import FakeTraffic

KEY = EffectKey("run/0/0")
LANE = Lane(tool=ToolName("Act"), tenant="t")
FENCED = Refusal(report=CallReport(status="fenced"))


class FakeTools:
    """Answers from a script, and counts what was sent."""

    def __init__(self, *script: ToolOutcome, hang: bool = False) -> None:
        self.script, self.hang = list(script), hang
        self.sent: list[tuple[str, str]] = []
        self.arguments: list[dict[str, Any]] = []
        self.cut_off = False

    async def invoke(self, contract: ToolContract, invocation: ToolInvocation) -> ToolOutcome:
        self.sent.append((contract.name, invocation.key))
        self.arguments.append(invocation.arguments)
        if self.hang:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.cut_off = True
                return Unknown(error="cut off")
        return self.script.pop(0)

    def egress_hosts(self, contract: ToolContract, arguments: dict[str, Any]) -> tuple[str, ...]:
        return ()


class FakeLedger:
    """Keeps what was settled."""

    def __init__(self, again: Admitted | Refusal | None = None, absences: int = 0) -> None:
        self.again, self.absences = again or Admitted(attempt=2), absences
        self.settled: list[tuple[ToolOutcome, bool]] = []
        self.retries = 0

    async def retry(self) -> Admitted | Refusal:
        self.retries += 1
        return self.again

    async def settle(self, outcome: ToolOutcome, final: bool) -> CallReport:
        if self.absences:
            self.absences -= 1
            raise Unavailable
        self.settled.append((outcome, final))
        return CallReport(status=outcome.status)


class FakeSlowLedger(FakeLedger):
    """Takes its time over each outcome."""

    def __init__(self) -> None:
        super().__init__()
        self.writing, self.may_write = asyncio.Event(), asyncio.Event()

    async def settle(self, outcome: ToolOutcome, final: bool) -> CallReport:
        self.writing.set()
        await self.may_write.wait()
        return await super().settle(outcome, final)


def effect(ledger: FakeLedger, **contract: Any) -> Effect:
    probe = ToolContract(name="Probe", input_schema={}, effect="read") if "probe" in contract else None
    made = ToolContract(name="Act", input_schema={}, effect="write", timeout_s=0.01, **contract)
    invocation = ToolInvocation(run_id=RunId("run"), key=KEY, arguments={})
    return Effect(made, probe, invocation, LANE, ledger.retry, ledger.settle)


async def carry_out(
    tools: FakeTools, ledger: FakeLedger, begun: Admitted | Prior | Refusal, **contract: Any
) -> CallReport:
    work = partial(Dispatcher(tools, FakeTraffic()).carry_out, effect(ledger, **contract), begun)
    return await ActivityEnvironment().run(heeding, work)


def lost(state: str = "intent") -> Prior:
    return Prior(standing=EffectStanding(state=state, attempt=1, age_s=60))
