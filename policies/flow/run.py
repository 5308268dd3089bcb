"""The flows of one run: everything that its planner was given, and every call that was made, taken in order."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from policies.flow.declared import MADE_OF_WORDS, CallFlow, PlanLedger, Standing
from policies.flow.goals import denied, goal_of
from policies.flow.provenance import NOTHING, Provenance, joined
from policies.flow.validation import validated
from policies.flow.values import keys
from policies.flow.words import REQUESTER, own_words
from proctor.contracts.edits import EditedCall
from proctor.contracts.governing import DeniedGoal
from proctor.contracts.labels import Flow, Integrity, Labels, Origin
from proctor.contracts.manifest import AgentBundle, ModelPlannerSpec, PlaybookPlannerSpec
from proctor.contracts.planning import DeclaredPlan, Observation, ProposedCall
from proctor.contracts.tool import ArgumentRole, ToolContract

_TRUSTED_ROOTS: Final = {
    "input": Origin.REQUEST,
    "goal": Origin.REQUEST,
    "manifest": Origin.MANIFEST,
    "run": Origin.MANIFEST,
    "person": Origin.PERSON,
}


class RunFlows:
    """Where the parts of a run's calls come from.

    Give it the request, then every observation in the order of the transcript; then ask about calls. To judge a call
    of step N, observe only what came before step N was planned: the planner had read no more than that.
    """

    def __init__(
        self, bundle: AgentBundle, goal: str, given: Any, declared: DeclaredPlan | None = None, *, source: str = ""
    ) -> None:
        """Take what the run began with. `source` says whose words the input is, where it is not the requester's."""
        is_late = bool(source) and isinstance(bundle.manifest.planner, ModelPlannerSpec)
        self.provenance = Provenance()
        self.ledger = PlanLedger(None if is_late else declared)  # a model had read the input before it declared
        self._source = source
        self._bundle = bundle
        self._contracts: dict[str, ToolContract] = {tool.name: tool for tool in bundle.tools}
        self._proposed: dict[tuple[int, int], ProposedCall] = {}
        self._by_node: dict[str, list[Flow]] = {}
        self.provenance.add_trusted(goal, Origin.REQUEST)
        if source:
            self.provenance.add_result(given, Labels(sources=(source,)))
        else:
            self.provenance.add_trusted(given, Origin.REQUEST)
        self.provenance.add_trusted(_written_by_owner(bundle), Origin.MANIFEST)
        if bundle.policy is not None:
            self.provenance.add_trusted(list(bundle.policy.address_book), Origin.ADDRESS_BOOK)

    def observe(self, entries: Iterable[Observation]) -> None:
        """Take in entries of the transcript, each once and in order."""
        for entry in entries:
            if entry.kind == "proposal":
                self._note_proposal(entry)
            elif entry.kind in {"result", "failure"}:
                self._note_result(entry)
            elif entry.kind == "message":
                self.provenance.add_trusted(entry.content.get("text"), _spoken(entry))
            elif entry.kind == "denial" and isinstance(entry.content, dict) and "edited" in entry.content:
                self._note_edit(entry)
            elif entry.kind == "human" and isinstance(entry.content, dict):
                self.provenance.add_trusted(entry.content.get("answer"), Origin.PERSON)
                self._by_node.setdefault(entry.node, []).append(_trusted(Origin.PERSON))

    def _note_proposal(self, entry: Observation) -> None:
        content = entry.content if isinstance(entry.content, dict) else {}
        proposed = content.get("proposed") if isinstance(content.get("proposed"), dict) else content
        for index, call in enumerate(proposed.get("calls") or () if isinstance(proposed, dict) else ()):
            self._proposed[entry.step, index] = ProposedCall.model_validate(call)
            if content.get("author"):
                self.provenance.add_trusted(self._proposed[entry.step, index].arguments, _spoken(entry))

    def proposed(self, step: int, call: int) -> ProposedCall | None:
        """Give a call as it was proposed, by the planner or by a person."""
        return self._proposed.get((step, call))

    def _note_edit(self, entry: Observation) -> None:
        edited = EditedCall.model_validate(entry.content["edited"])
        self.provenance.add_trusted(own_words(edited.before, edited.arguments), Origin.PERSON)
        old = self._proposed.get((entry.step, entry.call))
        derivation = None if old is None else kept_derivation(old, edited.arguments)
        call = ProposedCall(tool=edited.tool, arguments=edited.arguments, node=edited.node, derivation=derivation)
        self._proposed[entry.step, edited.call] = call

    def _note_result(self, entry: Observation) -> None:
        name = f"tool:{entry.tool or 'unknown'}#{entry.step}"
        labels = entry.labels if entry.labels.sources else entry.labels.model_copy(update={"sources": (name,)})
        labels = self._restricted(labels, entry.tool or "")
        rules = self._bundle.policy.validate_results if self._bundle.policy else ()
        accepted = validated(entry.content, [rule for rule in rules if rule.tool == entry.tool], labels)
        contract, call = self._contracts.get(entry.tool or ""), self._proposed.get((entry.step, entry.call))
        flow = self.of_call(contract, call.arguments, call.derivation) if contract and call else None
        tainted = self.provenance.has_read_untrusted
        self.provenance.add_result(entry.content, labels, accepted)
        self._by_node.setdefault(entry.node, []).append(Flow(labels=labels, origins=(Origin.TOOL,)))
        if flow is not None and entry.kind == "result":
            was_asked_for = not tainted or not flow.contract.is_read or bool(flow.leaves_by)
            self.ledger.record(flow, entry.content, was_asked_for=was_asked_for)

    def _restricted(self, labels: Labels, tool: str) -> Labels:
        """Restrict what a tool said as its contract does: an error, or what its probe read, may quote its results."""
        contract = self._contracts.get(tool)
        if contract is None:
            return labels
        return labels.join(Labels(integrity=labels.integrity, confidentiality=contract.confidentiality))

    def of_call(
        self,
        contract: ToolContract,
        arguments: Mapping[str, Any],
        derivation: Mapping[str, tuple[str, ...]] | None = None,
    ) -> CallFlow:
        """Trace a call's arguments."""
        known = _schema_keys(contract.input_schema)
        roles = {name: contract.argument_roles.get(name, ArgumentRole.TARGET) for name in arguments}
        flows = {
            name: self._of_argument(value, roles[name], known, (derivation or {}).get(name))
            for name, value in arguments.items()
        }
        words = [name for name, role in roles.items() if role in MADE_OF_WORDS]
        links = {name: self._of_links(arguments[name], (derivation or {}).get(name)) for name in words}
        return CallFlow(contract, arguments, flows, links, derivation)

    def _of_argument(
        self, value: Any, role: ArgumentRole, known: frozenset[str], roots: tuple[str, ...] | None
    ) -> Flow:
        as_name = role is ArgumentRole.TARGET
        if roots is None:
            return self.provenance.trace(value, as_name=as_name, known=known)
        found = self.provenance.trace_trusted(value, as_name=as_name, known=known)
        return found if _is_found_trusted(found) else self._of_roots(roots)

    def _of_links(self, value: Any, roots: tuple[str, ...] | None) -> Flow:
        if roots is None:
            return self.provenance.trace_links(value)
        found = self.provenance.trace_trusted_links(value)
        return found if not found.origins or _is_found_trusted(found) else self._of_roots(roots)

    def _of_roots(self, roots: tuple[str, ...]) -> Flow:
        """Give the exact flow of what was rendered from these roots."""
        return joined(flow for root in roots for flow in self._of_root(root))

    def _of_root(self, root: str) -> list[Flow]:
        if root == "input" and self._source:
            return [Flow(labels=Labels(sources=(self._source,)), origins=(Origin.TOOL,))]
        if root in _TRUSTED_ROOTS:
            return [_trusted(_TRUSTED_ROOTS[root])]
        read = self._by_node.get(root.removeprefix("steps.")) if root.startswith("steps.") else None
        return read or [Flow(labels=Labels(sources=(root,)), origins=(Origin.TOOL,))]

    def facts(
        self,
        contract: ToolContract,
        arguments: Mapping[str, Any],
        derivation: Mapping[str, tuple[str, ...]] | None = None,
        denied_goals: Iterable[DeniedGoal] = (),
    ) -> dict[str, Any]:
        """Give all facts about a call's flows that rules may ask for, by name."""
        goal = goal_of(contract, arguments)
        found = self.facts_of(self.of_call(contract, arguments, derivation))
        return found | {"goal.denied": denied(goal, contract.name, denied_goals)}

    def facts_of(self, call: CallFlow) -> dict[str, Any]:
        """Give the facts `labels.*` and `run.*` of a traced call."""
        return flow_facts(call, self.ledger.standing(call), tainted=self.provenance.has_read_untrusted)


def kept_derivation(old: ProposedCall, arguments: Mapping[str, Any]) -> dict[str, tuple[str, ...]] | None:
    """Give what is known of where arguments come from that a person left as they were."""
    if old.derivation is None:
        return None
    same = {name for name, value in old.arguments.items() if name in arguments and arguments[name] == value}
    return {name: roots for name, roots in old.derivation.items() if name in same}


def flow_facts(call: CallFlow, plan: Standing, *, tainted: bool) -> dict[str, Any]:
    """Give the facts `labels.*` and `run.*` of a call, also for arguments that it leaves out."""
    known = (*_properties(call.contract), *call.contract.argument_roles, *call.contract.egress_arguments)
    facts: dict[str, Any] = {}
    for name in dict.fromkeys((*known, *call.flows)):
        facts |= _labels_of(f"labels.{name}", call.flows.get(name, NOTHING))
    targets = joined(flow for name, flow in call.flows.items() if call.role_of(name) is ArgumentRole.TARGET)
    if not targets.origins and tainted:
        targets = Flow(labels=Labels(), origins=(Origin.PLANNER,))
    facts |= _labels_of("labels", joined(call.flows.values()))
    facts["labels.targets.integrity"] = str(targets.labels.integrity)
    facts["labels.targets.origins"] = [str(origin) for origin in targets.origins]
    facts["labels.links.integrity"] = str(joined(call.links.values()).labels.integrity)
    return facts | {"run.has_read_untrusted": tainted, "run.plan": plan}


def _labels_of(name: str, flow: Flow) -> dict[str, Any]:
    return {
        f"{name}.integrity": str(flow.labels.integrity),
        f"{name}.confidentiality": str(flow.labels.confidentiality),
        f"{name}.origins": [str(origin) for origin in flow.origins],
        f"{name}.sources": list(flow.labels.sources),
    }


def _trusted(origin: Origin) -> Flow:
    return Flow(labels=Labels(integrity=Integrity.TRUSTED, sources=(str(origin),)), origins=(origin,))


def _spoken(entry: Observation) -> Origin:
    """Tell whose word it is: what the requester says while the run goes on is the request's."""
    sources = entry.labels.sources
    return Origin.REQUEST if not sources or sources[0].startswith(REQUESTER) else Origin.PERSON


def _is_found_trusted(flow: Flow) -> bool:
    return flow.labels.integrity is Integrity.TRUSTED and Origin.PLANNER not in flow.origins


def _written_by_owner(bundle: AgentBundle) -> Any:
    planner = bundle.manifest.planner
    if isinstance(planner, ModelPlannerSpec):
        return planner.instructions
    return planner.playbook if isinstance(planner, PlaybookPlannerSpec) else None


def _properties(contract: ToolContract) -> list[str]:
    properties = contract.input_schema.get("properties")
    return list(properties) if isinstance(properties, dict) else []


def _schema_keys(schema: dict[str, Any]) -> frozenset[str]:
    return frozenset(keys(schema))
