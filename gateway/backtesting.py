"""Decides recorded calls again, by another policy. Nothing is carried out and nothing is written."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from gateway.assumed_facts import amount_at, of_contract
from policies.engine import CompiledPolicy
from policies.facts import WEEKDAYS
from policies.manifest_policy import compile_policy
from proctor.contracts.base import Contract
from proctor.contracts.canonical import canonical_json
from proctor.contracts.decision import Verdict
from proctor.contracts.ids import Digest, RunId, ToolName
from proctor.contracts.manifest import AgentBundle, AgentManifest, Autonomy
from proctor.contracts.policy import LONG_AGO, WindowForm
from proctor.contracts.steps import PastCall
from proctor.contracts.tool import Risk

_STRICTNESS: Final = list(Verdict)
_GUESSED: Final[dict[str, Any]] = {"environment": "production", "cost.spent_usd": 0, "cost.reserved_usd": 0}
_COUNTED: Final = frozenset({"intent", "confirmed", "unknown"})
"""Where an effect stands that is not known to have failed."""


class Redecided(Contract):
    """One recorded call, and how it would be decided."""

    run_id: RunId
    step: int
    call: int
    at: datetime
    tool: ToolName
    arguments: dict[str, Any]
    before: Verdict
    before_rule: str
    after: Verdict
    after_rule: str
    reason: str
    """Why, by the policy that is tried."""

    @property
    def change(self) -> int:
        """How much stricter it would be; below 0: looser."""
        return _STRICTNESS.index(self.after) - _STRICTNESS.index(self.before)


class Backtest(Contract):
    """What a policy would have decided."""

    agent: str
    policy_digest: Digest
    calls: int
    same: int
    looser: int
    stricter: int
    undecided: int
    """Calls that were recorded without the facts that they were judged on."""
    changed: tuple[Redecided, ...]
    """Looser ones first, then by time."""
    rules: dict[str, int]
    """How many calls each rule of the policy would determine."""
    notes: tuple[str, ...]


async def backtest(
    bundle: AgentBundle,
    past: AsyncIterator[PastCall],
    bundle_of: Callable[[Digest], Awaitable[AgentBundle]],
) -> Backtest:
    """Decide an agent's past calls by the policy of `bundle`; oldest first, so that windows fill as they did.

    What the agent's files say (its levels, its tools' contracts) is taken from `bundle`, everything else as it was
    recorded. A window that was not recorded is counted from the calls seen so far.
    """
    policy, replay = compile_policy(bundle), _Replay(bundle)
    redecided: list[Redecided] = []
    undecided = 0
    async for call in past:
        if call.recorded.facts:
            facts = replay.facts(call, await bundle_of(call.bundle_digest), policy)
            redecided.append(_redecide(call, facts, policy))
        else:
            undecided += 1
        replay.take(call)
    return _counted(bundle, policy, redecided, undecided, replay.notes())


def _redecide(call: PastCall, facts: Mapping[str, Any], policy: CompiledPolicy) -> Redecided:
    before, after = call.recorded.decision, policy.judge(facts)
    return Redecided(
        **{name: getattr(call, name) for name in ("run_id", "step", "call", "at", "tool", "arguments")},
        before=before.verdict,
        before_rule=before.determining,
        after=after.verdict,
        after_rule=after.determining,
        reason=after.reason,
    )


def _counted(
    bundle: AgentBundle, policy: CompiledPolicy, calls: Sequence[Redecided], undecided: int, notes: Iterable[str]
) -> Backtest:
    changed = [call for call in calls if call.change]
    return Backtest(
        agent=bundle.manifest.name,
        policy_digest=policy.digest,
        calls=len(calls) + undecided,
        same=len(calls) - len(changed),
        looser=sum(call.change < 0 for call in changed),
        stricter=sum(call.change > 0 for call in changed),
        undecided=undecided,
        changed=tuple(sorted(changed, key=lambda call: (call.change > 0, call.at))),
        rules=dict(Counter(call.after_rule for call in calls).most_common()),
        notes=tuple(notes),
    )


class _Replay:
    """Makes facts of past calls as they would be under another bundle."""

    def __init__(self, bundle: AgentBundle) -> None:
        self._bundle = bundle
        self._seen: list[PastCall] = []
        self._counted_anew: set[str] = set()
        self._guessed: set[str] = set()

    def take(self, call: PastCall) -> None:
        """Remember a call that took effect, for the windows of later ones."""
        if call.effect in _COUNTED:
            self._seen.append(call)

    def notes(self) -> list[str]:
        """Say what was not as it would have been."""
        notes = ["labels and hosts are those that were recorded: changes of validate and address_book are not replayed"]
        if self._guessed:
            names = ", ".join(f"{name} as {_GUESSED[name]}" for name in sorted(self._guessed))
            notes.append(f"taken where it was not recorded: {names}")
        if self._counted_anew:
            names = ", ".join(sorted(self._counted_anew))
            notes.append(f"{names}: not recorded as asked, so counted from the calls of this look back alone")
        return notes

    def facts(self, call: PastCall, before: AgentBundle, policy: CompiledPolicy) -> dict[str, Any]:
        """Give the facts of a call, oldest first."""
        manifest, contract = self._bundle.manifest, self._bundle.tool(call.tool)
        facts = {
            **self._unrecorded(call, policy),
            **call.recorded.facts,
            "tool": call.tool,
            "arguments": call.arguments,
        }
        facts |= {"agent_version": manifest.version, "owner": manifest.owner}
        facts |= _levels(facts, before.manifest, manifest, call.tool)
        facts |= of_contract(contract) if contract else {"tool_version": ""}
        known = {window.id: window for window in before.policy.windows} if before.policy else {}
        for window in policy.windows_for(call.tool):
            name = f"windows.{window.id}"
            if name not in facts or (window.id in known and known[window.id] != window):
                facts[name] = self._window(window, call)
                self._counted_anew.add(window.id)
        return facts

    def _unrecorded(self, call: PastCall, policy: CompiledPolicy) -> dict[str, Any]:
        """Give facts that nobody read then, so that they were not recorded, and a rule may read now."""
        self._guessed |= (policy.reads(call.tool) & _GUESSED.keys()) - call.recorded.facts.keys()
        at = call.at.astimezone(UTC)
        return {
            **_GUESSED,
            "agent": call.agent,
            "requester": call.requester,
            "tenant": call.tenant,
            "iteration": call.step,
            "time.hour": at.hour,
            "time.weekday": WEEKDAYS[at.weekday()],
            "time.date": at.date().isoformat(),
        }

    def _window(self, window: WindowForm, call: PastCall) -> Any:
        alike = [seen for seen in self._seen if _is_counted(window, seen, call)]
        if window.measure == "last":
            newest = max((seen.at for seen in alike), default=None)
            return LONG_AGO if newest is None else int((call.at - newest).total_seconds())
        counts_itself = [call] if call.tool in window.tools else []
        if window.measure == "count":
            return len(alike) + len(counts_itself)
        return sum(amount_at(one.arguments, window.argument or "") for one in [*alike, *counts_itself])


def _is_counted(window: WindowForm, seen: PastCall, call: PastCall) -> bool:
    if seen.tool not in window.tools or (call.at - seen.at).total_seconds() > window.within_s:
        return False
    if seen.tenant != call.tenant or (window.per == "requester" and seen.requester != call.requester):
        return False
    if window.per == "run" and seen.run_id != call.run_id:
        return False
    return all(_at(seen.arguments, path) == _at(call.arguments, path) for path in window.same)


def _at(arguments: Any, path: str) -> bytes:
    for key in path.split("."):
        arguments = arguments.get(key) if isinstance(arguments, dict) else None
    return canonical_json(arguments)


def _levels(facts: Mapping[str, Any], before: AgentManifest, after: AgentManifest, tool: ToolName) -> dict[str, Any]:
    """Give the levels under the new manifest: its own, unless the recorded one had been moved from the old one's."""
    levels = {}
    for risk in Risk:
        declared, name = after.autonomy_for(tool, risk), f"autonomy.{risk}"
        recorded = facts.get(name)
        is_moved = recorded in set(Autonomy) and recorded != before.autonomy_for(tool, risk)
        levels[name] = str(declared.lower_of(Autonomy(str(recorded))) if is_moved else declared)
    return levels
