"""What policy leaves behind in the record of a run: denied goals, reviews to make, notices, and lowered levels."""

from collections.abc import Iterable
from typing import Any, TypeVar

from policies.autonomy.levels import LADDER, effective_level
from proctor.contracts.canonical import digest_json, summarize
from proctor.contracts.decision import RAISED_RISK, Decision, RecordedDecision
from proctor.contracts.governing import ReviewKind
from proctor.contracts.human import Role
from proctor.contracts.ids import PrincipalName, ToolName
from proctor.contracts.manifest import AgentBundle, Autonomy
from proctor.contracts.obligations import Notify, Obligation, ReviewAfter
from proctor.contracts.steps import CallRef
from proctor.contracts.tool import Risk
from proctor.store.bundles import BundleShelf
from proctor.store.chains import lock_agent
from proctor.store.changes import Changes
from proctor.store.database import Connection
from proctor.store.locked import LockedRun
from proctor.store.queries import query
from proctor.store.rows import Row, to_levels
from proctor.store.storable import clean

SUGGEST = "autonomy-suggest"
"""Beginning of the rules that leave a call to a person to carry out."""
NOT_OF_SUBSTANCE = frozenset(
    {
        "arguments-schema",
        "denied-before",
        "engine-error",
        "fact",
        "no-permit",
        "no-rules",
        "no-tool",
        "scope",
        "tool-contract",
    }
)
"""Rules that deny the form of a call and not what it is for: put well, the same goal may be allowed."""
_Kind = TypeVar("_Kind", Notify, ReviewAfter)
PROCTOR = PrincipalName("proctor")
AFTER_A_DENIAL = "a person decided: asking again, in other words or by another tool, is denied without asking"
"""For the planner, with the denial of a person."""


def remember_denial(
    changes: Changes, recorded: RecordedDecision, tool: str, *, step: int, by: str, rule: str, reason: str
) -> None:
    """Remember the goal of a denied effect, so that it is denied again without asking (H6)."""
    if recorded.goal and (by == "person" or rule.partition(":")[0] not in NOT_OF_SUBSTANCE):
        said = clean(summarize(reason))
        changes.deny_goal(goal=clean(recorded.goal), tool=tool, by=by, reason=said, step=step, call=recorded.call)


def ask_review(
    changes: Changes,
    kind: ReviewKind,
    recorded: RecordedDecision,
    bundle: AgentBundle,
    *,
    step: int,
    tool: str,
    title: str,
    occasion: str = "",
) -> str:
    """Add the review of one call; gives its id, which is the same whenever the same review is asked for."""
    place = [changes.run_id, step, recorded.call, kind, occasion]
    review_id = f"rev-{digest_json(place)[:16]}"
    changes.review(
        id=review_id,
        kind=kind,
        step=step,
        call=recorded.call,
        tool=tool,
        risk=risk_of(recorded, bundle, tool),
        arguments_digest=recorded.arguments_digest,
        title=clean(title or tool),
    )
    return review_id


def review_effect(changes: Changes, locked: LockedRun, ref: CallRef, bundle: AgentBundle) -> None:
    """Add the review of an effect that was carried out on the condition that a person looks at it."""
    assert locked.planned is not None
    recorded, title = recorded_decision(locked.planned), title_of(locked, ref.call)
    ask_review(changes, ReviewKind.AFTERWARDS, recorded, bundle, step=ref.step, tool=locked.tool, title=title)


def risk_of(recorded: RecordedDecision, bundle: AgentBundle, tool: str) -> Risk:
    """Give the tier that a call was judged at; where the record does not say, the tool's own."""
    judged = recorded.facts.get(RAISED_RISK)
    if judged in set(Risk):
        return Risk(judged)
    contract = bundle.tool(ToolName(tool))
    return Risk.HIGH if contract is None else contract.risk


def title_of(locked: LockedRun, call: int) -> str:
    """Give the one line that the recorded plan has for a call."""
    calls: list[dict[str, Any]] = (locked.step_plan or {}).get("calls", [])
    return next((str(planned.get("summary", "")) for planned in calls if planned["call"] == call), "")


def recorded_decision(planned: Row | None) -> RecordedDecision:
    """Read what was decided with the plan."""
    assert planned is not None
    return RecordedDecision.model_validate(planned["decision"])


def wants_review(obligations: Iterable[Obligation]) -> bool:
    """Whether a person is to look at the effect afterwards."""
    return bool(_of_kind(obligations, ReviewAfter))


def is_told(obligations: Iterable[Obligation]) -> bool:
    """Whether somebody is to be told of the dispatch."""
    return bool(_of_kind(obligations, Notify))


def notify(changes: Changes, locked: LockedRun, decision: Decision, obligations: Iterable[Obligation]) -> None:
    """Add a notice to everybody who is to be told of a dispatch."""
    planned = locked.planned
    assert planned is not None
    who = sorted({name for one in _of_kind(obligations, Notify) for name in one.who})
    place = {"step": planned["step"], "call": planned["call"]}
    said = title_of(locked, planned["call"]) or planned["tool"]
    text = clean(summarize(f"{locked.run['agent']} does {said} in run {locked.run_id}: {decision.reason}", 500))
    for name in who:
        changes.notice(who=name, text=text, **place)
    if who:
        changes.audit("notice_recorded", who=who, tool=planned["tool"], **place)


async def lower_level(
    connection: Connection,
    bundles: BundleShelf,
    changes: Changes,
    locked: LockedRun,
    risk: Risk,
    *,
    by: PrincipalName,
    reason: str,
) -> Autonomy:
    """Lower the cell of the locked call one level, never below `suggest`; gives the level. The agent is locked here."""
    await lock_agent(connection, locked.run["agent"])
    # Levels are read after that lock: a demotion that was just written is not skipped.
    live = await connection.fetch(query("live_cells"), locked.run["agent"])
    bundle = await bundles.load(locked.active_bundle or locked.run["bundle_digest"], connection)
    cells = to_levels(live)
    level = effective_level(bundle.manifest, locked.tool, risk, cells)
    lowered = LADDER[max(LADDER.index(level) - 1, 0)]
    declared = bundle.manifest.autonomy_for(locked.tool, risk)
    row = {"tool": locked.tool, "risk": risk, "level": lowered, "declared": declared, "by": by}
    changes.level(kind="demotion", reason=clean(reason), **row)
    changes.audit("autonomy_demoted", agent=locked.run["agent"], reason=summarize(reason), **row)
    return lowered


def roles_of(roles: Iterable[Role], *, is_owner: bool) -> list[str]:
    """Name the roles in which a person decides about an agent; who answers for it is an owner and may approve, too."""
    return sorted({*roles, Role.OWNER, Role.APPROVER} if is_owner else set(roles))


def _of_kind(obligations: Iterable[Obligation], kind: type[_Kind]) -> list[_Kind]:
    return [one for one in obligations if isinstance(one, kind)]
