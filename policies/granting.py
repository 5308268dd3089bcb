"""Whether a standing grant answers for a person: one set of conditions, for planning and for dispatch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from proctor.contracts.approving import ApprovalProcess, Grant
from proctor.contracts.canonical import canonical_json
from proctor.contracts.decision import Decision, Verdict
from proctor.contracts.granting import HeldGrant
from proctor.contracts.human import Role
from proctor.contracts.ids import AgentName, Digest, PrincipalName, RunId, TenantId, ToolName
from proctor.contracts.labels import Flow, Integrity
from proctor.contracts.obligations import Stage
from proctor.contracts.stages import can_fill


@dataclass(frozen=True)
class AskedCall:
    """A call that takes an approval, as far as a grant looks at it."""

    tenant: TenantId
    agent: AgentName
    run_id: RunId
    own_to: frozenset[PrincipalName]
    """Whose call it is: who asked for the run, and who wrote the arguments. Nobody approves what is their own."""
    owner: PrincipalName
    tool: ToolName
    tool_version: str
    policy_digest: Digest
    """Of the policy that is in force."""
    arguments: Mapping[str, Any]
    flows: Mapping[str, Flow]
    """Where each argument comes from; one that is not listed may come from anywhere."""
    rules: frozenset[str]
    """The rules that ask for the approval."""
    process: ApprovalProcess
    is_denied: bool
    """Whether the same goal was denied in the run."""
    at: datetime


def asking_rules(*decisions: Decision) -> frozenset[str]:
    """Name the rules because of which a person is asked."""
    fired = {rule.id for decision in decisions for rule in decision.fired if rule.effect == "require_approval"}
    named = {one.determining for one in decisions if one.verdict is Verdict.REQUIRE_APPROVAL}
    return frozenset(fired | named)


def fills(stage: Stage, roles: Iterable[Role], *, is_owner: bool) -> bool:
    """Say whether a person's own roles let them give the approval; who answers for the agent may approve, too."""
    return can_fill(stage, {*roles, Role.OWNER, Role.APPROVER} if is_owner else set(roles))


def covering(held: Iterable[HeldGrant], call: AskedCall) -> list[Grant]:
    """List the grants that answer for the call, in order."""
    return [one.grant for one in held if not mismatch(one, call)]


def mismatch(held: HeldGrant, call: AskedCall) -> str:
    """Say why a grant does not answer for the call; empty when it does. Whatever differs, it does not."""
    grant = held.grant
    stage, *more = call.process.stages
    checks = (
        (grant.tenant != call.tenant, "it is for another tenant"),
        (grant.agent != call.agent, "it is for another agent"),
        (grant.run_id not in {None, call.run_id}, "it is for another run"),
        (grant.tool != call.tool, "it is for another tool"),
        (grant.tool_version != call.tool_version, "it is for another version of the tool"),
        (grant.policy_digest != call.policy_digest, "another policy is in force"),
        (not call.rules <= set(grant.rules), "another rule asks"),
        (not call.process.may_grant or bool(more) or stage.count > 1, "one unsigned approval is not enough"),
        (call.is_denied, "the same was denied in this run"),
        (grant.by in call.own_to, "the call is its author's own"),
        (not fills(stage, held.roles, is_owner=grant.by == call.owner), f"its author is no {stage.role}"),
        (grant.revoked_at is not None, "it was revoked"),
        (grant.expires_at <= call.at, "it has expired"),
        (grant.max_uses is not None and grant.uses >= grant.max_uses, "it is used up"),
    )
    return next((why for is_so, why in checks if is_so), "") or _other_arguments(grant, call)


def _other_arguments(grant: Grant, call: AskedCall) -> str:
    for name, value in grant.match.items():
        if name not in call.arguments or canonical_json(call.arguments[name]) != canonical_json(value):
            return f"{name} differs"
    free = [name for name in call.arguments if name not in grant.match]
    if free and grant.is_exact:
        return f"{free[0]} was not given then"
    # What the person did not see must not come from where anybody may write.
    flows = ((name, call.flows.get(name)) for name in free)
    strange = (name for name, flow in flows if flow is None or flow.labels.integrity is not Integrity.TRUSTED)
    return next((f"{name} may come from anywhere" for name in strange), "")
