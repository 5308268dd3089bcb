"""A run of a clerk with a few tools, for tests of what is judged."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from activities.bench import Bench, PolicyShelf
from activities.facts import Moment
from activities.judging import Window
from proctor.contracts.errors import Unavailable
from proctor.contracts.governing import WindowAnswer, WindowQuery
from proctor.contracts.ids import Digest, EffectKey, RunId
from proctor.contracts.manifest import AgentBundle, AgentManifest, Autonomy, ModelPlannerSpec
from proctor.contracts.planning import Observation, ProposedCall
from proctor.contracts.policy import PolicyDocument
from proctor.contracts.run import RunRecord, RunStatus
from proctor.contracts.steps import PlanFacts
from proctor.contracts.tool import ArgumentRole, Effect, Risk, ToolContract
from proctor.contracts.traffic import Breaker, BreakerState, CallEnd, Lane, Passage

REFUND = ToolContract(
    name="Refund",
    input_schema={
        "type": "object",
        "required": ["order", "amount"],
        "additionalProperties": False,
        "properties": {
            "order": {"type": "string"},
            "amount": {"type": "number", "minimum": 0},
            "note": {"type": "string"},
        },
    },
    effect=Effect.WRITE,
    risk=Risk.MEDIUM,
    action="refund",
    argument_roles={
        "order": ArgumentRole.TARGET,
        "amount": ArgumentRole.AMOUNT,
        "note": ArgumentRole.CONTENT,
    },
)
LOOK_UP = ToolContract(
    name="LookUp",
    input_schema={"type": "object", "properties": {"order": {"type": "string"}}},
    effect=Effect.READ,
    risk=Risk.LOW,
)
PINNED = Digest("a" * 64)


def bundle(policy: dict[str, Any] | None = None, **manifest: Any) -> AgentBundle:
    """Give the clerk's bundle."""
    planner = ModelPlannerSpec(model="openai:x", instructions="Refund what the customer asks for.")
    known = {"name": "clerk", "owner": "ana", "autonomy": Autonomy.AUTONOMOUS, "planner": planner} | manifest
    return AgentBundle(
        manifest=AgentManifest(**{"allowed_tools": ("Refund", "LookUp")} | known),
        policy=None if policy is None else PolicyDocument.model_validate(policy),
        tools=(REFUND, LOOK_UP),
    )


def run(**fields: Any) -> RunRecord:
    """Give the record of a run of the clerk."""
    known = {
        "run_id": RunId("r-1"),
        "tenant": "t",
        "agent": "clerk",
        "agent_version": "1",
        "owner": "ana",
        "autonomy": Autonomy.AUTONOMOUS,
        "requester": "rita",
        "goal": "refund order o-1, 40 euros",
        "input_digest": "0" * 64,
        "bundle_digest": PINNED,
        "status": RunStatus.RUNNING,
        "created_at": datetime(2026, 5, 4, 13, 0, tzinfo=UTC),
    }
    return RunRecord(**{**known, **fields})


def plan_facts(**fields: Any) -> PlanFacts:
    """Give what the store says before a plan."""
    known = {"run": run(), "goal": run().goal, "input": {"order": "o-1", "amount": 40}, "at": run().created_at}
    return PlanFacts(**{**known, **fields})


class FakeTranscript:
    """Entries in memory; counts how many were read."""

    def __init__(self, entries: Sequence[Observation] = ()) -> None:
        self.entries, self.read = list(entries), 0

    async def since(self, n: int) -> list[Observation]:
        found = [entry for entry in self.entries if entry.n >= n]
        self.read += len(found)
        return found


class FakeJournal:
    """Answers windows and gives the transcript."""

    def __init__(self, entries: Sequence[Observation] = (), past: Decimal | None = None) -> None:
        self.told = FakeTranscript(entries)
        self.past = past
        self.asked: list[WindowQuery] = []

    def transcript(self, run_id: RunId) -> FakeTranscript:
        assert run_id == run().run_id
        return self.told

    async def windows(self, record: RunRecord, queries: Sequence[WindowQuery]) -> tuple[WindowAnswer, ...]:
        assert record.run_id == run().run_id
        self.asked.extend(queries)
        return tuple(WindowAnswer(name=query.name, value=self.past) for query in queries)


class FakeTraffic:
    """Lets everything pass, and keeps what it is told of how calls ended."""

    def __init__(self, *, is_away: bool = False) -> None:
        self.is_away = is_away
        self.told: list[tuple[EffectKey, int, CallEnd, str]] = []

    async def enter(self, lane: Lane, key: EffectKey) -> Passage:
        return Passage(admitted=True)

    async def leave(self, lane: Lane, key: EffectKey, turn: int, end: CallEnd, error: str = "") -> None:
        if self.is_away:
            raise Unavailable
        self.told.append((key, turn, end, error))

    async def breakers(self, names: Sequence[str] = ()) -> list[Breaker]:
        return []

    async def set_breaker(self, name: str, state: BreakerState, by: str, reason: str) -> Breaker:
        return Breaker(name=name, state=state, failures=0)


class FakeTools:
    """Reaches nothing."""

    def egress_hosts(self, contract: ToolContract, arguments: dict[str, Any]) -> tuple[str, ...]:
        return ()


SMALL = ProposedCall(tool="Refund", arguments={"order": "o-1", "amount": 40})
NOW = datetime(2026, 5, 4, 13, 30, tzinfo=UTC)
OPEN = Window(NOW, NOW)


TRUSTED = {
    "labels.targets.integrity": "trusted",
    "labels.targets.origins": ["request"],
    "labels.links.integrity": "trusted",
    "labels.integrity": "trusted",
    "labels.confidentiality": "internal",
    "labels.amount.integrity": "trusted",
    "run.has_read_untrusted": False,
    "run.plan": "none",
}


def bench(of: AgentBundle, active: tuple[Digest, AgentBundle] | None = None) -> Bench:
    return Bench(run(), PolicyShelf().rulings((PINNED, of), active), FakeTools())  # type: ignore[arg-type]


def moment(**fields: Any) -> Moment:
    return Moment(**{"step": 0, "cost_usd": Decimal(0), "at": NOW, **fields})
