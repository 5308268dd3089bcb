"""Where calls of a run are judged: the policies that apply, each on the facts that it reads."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from activities.facts import PRODUCTION, FactSheet, Moment, window_queries
from policies.degrading import degraded
from policies.document_rules import Tiers, risk_tiers
from policies.engine import CompiledPolicy
from policies.manifest_policy import compile_policy, tightened
from policies.offering import judged_risk
from policies.rules import Facts
from proctor.contracts.decision import Decision, Verdict
from proctor.contracts.governing import WindowQuery
from proctor.contracts.ids import Digest, ToolName
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.obligations import Signed
from proctor.contracts.planning import ProposedCall
from proctor.contracts.policy import PolicyDocument
from proctor.contracts.ports import ToolPort
from proctor.contracts.run import RunRecord
from proctor.contracts.tool import Risk
from proctor.contracts.traffic import Breaker, breaker_names

Kept = TypeVar("Kept")
POLICIES_KEPT = 64
FLOW_FACTS = ("labels.", "run.")
"""How the names of the facts begin that tracing a call gives."""


@dataclass(frozen=True)
class Ruling:
    """A policy, with the bundle that its facts are made from."""

    bundle: AgentBundle
    policy: CompiledPolicy
    asks_for_flows: bool
    """Whether the document looks at where the parts of a call come from."""
    tiers: Tiers
    """When a call is of a risk tier."""


class PolicyShelf:
    """Compiled policies by the digest of the bundle they come from; compiling twice gives the same policy."""

    def __init__(self) -> None:
        """Begin with none."""
        self._compiled: dict[tuple[Digest, Digest], Ruling] = {}
        self._digests: dict[int, tuple[AgentBundle, Digest]] = {}

    def rulings(
        self, pinned: tuple[Digest, AgentBundle], active: tuple[Digest, AgentBundle] | None
    ) -> tuple[Ruling, ...]:
        """Give the policies that a run's calls are judged by: the pinned one, and the active one where it differs.

        The active policy judges the run's own tools: their contracts stay pinned.
        """
        digest, bundle = pinned
        own = self._ruling((digest, digest), bundle)
        if active is None or active[0] == digest:
            return (own,)
        other = self._ruling((active[0], digest), active[1].model_copy(update={"tools": bundle.tools}))
        is_same = other.policy.digest == own.policy.digest and other.bundle.policy == bundle.policy
        return (own,) if is_same else (own, other)

    def digest_of(self, bundle: AgentBundle) -> Digest:
        """Give the digest of the policy that a bundle compiles to."""
        kept = self._digests.get(id(bundle))
        if kept is None or kept[0] is not bundle:
            _make_room(self._digests)
            kept = self._digests[id(bundle)] = (bundle, compile_policy(bundle).digest)
        return kept[1]

    def _ruling(self, key: tuple[Digest, Digest], bundle: AgentBundle) -> Ruling:
        if key not in self._compiled:
            _make_room(self._compiled)
            written = "" if bundle.policy is None else bundle.policy.model_dump_json()
            asks = any(f'"{name}' in written for name in FLOW_FACTS)
            self._compiled[key] = Ruling(bundle, compile_policy(bundle), asks, risk_tiers(bundle.policy, bundle))
        return self._compiled[key]


def _make_room(kept: dict[Any, Any]) -> None:
    if len(kept) >= POLICIES_KEPT:
        kept.pop(next(iter(kept)))


@dataclass(frozen=True)
class Bench:
    """Where calls of one run are judged: by the policy that it was opened with, and by the one that is active now."""

    run: RunRecord
    rulings: tuple[Ruling, ...]
    tools: ToolPort
    environment: str = PRODUCTION

    @property
    def bundle(self) -> AgentBundle:
        """The run's pinned bundle."""
        return self.rulings[0].bundle

    @property
    def trusting(self) -> AgentBundle:
        """The pinned bundle, trusting no value that either policy does not trust: what flows are traced by."""
        documents = [ruling.bundle.policy for ruling in self.rulings]
        first = documents[0]
        if first is None or len(documents) == 1:
            return self.bundle
        others = [document or PolicyDocument() for document in documents[1:]]
        narrowed = first.model_copy(
            update={
                "address_book": _in_all(first.address_book, [one.address_book for one in others]),
                "validate_results": _in_all(first.validate_results, [one.validate_results for one in others]),
            }
        )
        return self.bundle.model_copy(update={"policy": narrowed})

    def breakers_of(self, tool: ToolName) -> tuple[str, ...]:
        """Name the breakers of a tool, of the hosts too that it reaches whatever its arguments are."""
        contract = self.bundle.tool(tool)
        return breaker_names(tool, () if contract is None else self.tools.egress_hosts(contract, {}))

    def degraded(self, decision: Decision, tool: ToolName, breakers: Sequence[Breaker]) -> Decision:
        """Tighten a decision on a call of a tool by the breakers that are shut now, as the run's manifest says."""
        contract = self.bundle.tool(tool)
        if not breakers or contract is None:
            return decision
        return degraded(decision, self.bundle.manifest, contract, breakers, self.breakers_of)

    def queries(self, call: ProposedCall) -> tuple[WindowQuery, ...]:
        """Ask for the windows of a call; a window belongs to the policy that names it."""
        return tuple(
            query.model_copy(update={"name": f"{n}:{query.name}"})
            for n, ruling in enumerate(self.rulings)
            for query in window_queries(call, ruling.policy.windows_for(call.tool))
        )

    def judge(self, call: ProposedCall, moment: Moment) -> tuple[Decision, Facts]:
        """Judge one call on the facts as they are known now; the stricter policy counts. Gives the facts too.

        An approval of what is judged to be of high risk takes a signature, whatever the policies say.
        """
        judged = [self._judge_by(n, ruling, call, moment) for n, ruling in enumerate(self.rulings)]
        decision, facts = judged[0]
        for other, seen in judged[1:]:
            decision, facts = tightened(decision, other), {**seen, **facts}
        is_asked = decision.verdict is Verdict.REQUIRE_APPROVAL
        if is_asked and self.risk(facts) is Risk.HIGH and Signed() not in decision.obligations:
            decision = decision.model_copy(update={"obligations": (*decision.obligations, Signed())})
        return decision, facts

    def risk(self, facts: Facts) -> Risk | None:
        """Give the tier that a call with these facts is judged at by the sternest policy; None: its tool is unknown."""
        if "risk" not in facts:
            return None
        return max((judged_risk(ruling.tiers, facts) for ruling in self.rulings), key=list(Risk).index)

    def _judge_by(self, n: int, ruling: Ruling, call: ProposedCall, moment: Moment) -> tuple[Decision, Facts]:
        answers = tuple(
            answer.model_copy(update={"name": answer.name.removeprefix(f"{n}:")})
            for answer in moment.windows
            if answer.name.startswith(f"{n}:")
        )
        sheet = FactSheet(self.run, ruling.bundle, self.tools, self.environment)
        wanted, windows = ruling.policy.reads(call.tool), ruling.policy.windows_for(call.tool)
        facts = sheet.of(call, replace(moment, windows=answers), wanted, windows)
        return ruling.policy.judge(facts), facts


def _in_all(first: tuple[Kept, ...], others: Sequence[tuple[Kept, ...]]) -> tuple[Kept, ...]:
    return tuple(one for one in first if all(one in other for other in others))
