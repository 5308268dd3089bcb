"""Changes of what an approval takes, each told for what it is."""

from copy import deepcopy
from typing import Any

import pytest

from policies.change import classify, diff
from policies.change.outcomes import is_looser
from policies.document_check import policy_problems
from policies.manifest_policy import compile_policy
from proctor.contracts.governing import ChangeKind
from proctor.contracts.manifest import AgentBundle
from tests.unit.policies_reasoning import agents

LOOSENS, TIGHTENS, NEUTRAL = ChangeKind.LOOSENS, ChangeKind.TIGHTENS, ChangeKind.NEUTRAL
EACH, SIGNED = {"kind": "ask_each_time"}, {"kind": "signed"}


def quorum(count: int = 1, role: str = "approver") -> dict[str, Any]:
    return {"kind": "quorum", "count": count, "role": role}


def stages(*found: tuple[str, int, str]) -> dict[str, Any]:
    return {"kind": "stages", "stages": [{"role": role, "count": count, "name": name} for role, count, name in found]}


def escalate(after_s: int, *to: str) -> dict[str, Any]:
    return {"kind": "escalate", "after_s": after_s, "to": list(to)}


FIRST, SECOND = ("approver", 1, "first"), ("owner", 1, "second")
TWO_STAGES = stages(FIRST, SECOND)

CHANGES = [
    ("a stage less", [TWO_STAGES], [stages(FIRST)], LOOSENS),
    ("a stage more", [stages(FIRST)], [TWO_STAGES], TIGHTENS),
    ("no stages", [TWO_STAGES], [], LOOSENS),
    ("fewer people in a stage", [stages(("approver", 2, "first"))], [stages(FIRST)], LOOSENS),
    ("more people in a stage", [stages(FIRST)], [stages(("approver", 2, "first"))], TIGHTENS),
    ("another role in a stage", [TWO_STAGES], [stages(FIRST, ("operator", 1, "second"))], LOOSENS),
    ("operators instead of anybody", [], [stages(("operator", 1, ""))], LOOSENS),
    ("operators beside approvers", [], [stages(("approver", 1, ""), ("operator", 1, ""))], TIGHTENS),
    ("owners instead of anybody", [], [stages(("owner", 1, ""))], TIGHTENS),
    ("one approver, as ever", [], [quorum()], NEUTRAL),
    ("a quorum said as a stage", [quorum(2)], [stages(("approver", 2, ""))], NEUTRAL),
    ("no signature", [SIGNED], [], LOOSENS),
    ("a signature", [], [SIGNED], TIGHTENS),
    ("not asked each time", [EACH], [], LOOSENS),
    ("asked each time", [], [EACH], TIGHTENS),
    ("signed instead of each time", [EACH], [SIGNED], TIGHTENS),
    ("two people instead of each time", [EACH], [quorum(2)], TIGHTENS),
    ("each time instead of signed", [SIGNED], [EACH], LOOSENS),
    ("escalated", [], [escalate(600, "ana")], LOOSENS),
    ("no longer escalated", [escalate(600, "ana")], [], TIGHTENS),
    ("escalated sooner", [escalate(600, "ana")], [escalate(599, "ana")], LOOSENS),
    ("escalated later", [escalate(600, "ana")], [escalate(601, "ana")], TIGHTENS),
    ("escalated to one more", [escalate(600, "ana")], [escalate(600, "ana", "bob")], LOOSENS),
    ("escalated to another", [escalate(600, "ana")], [escalate(600, "bob")], LOOSENS),
    ("escalated in two", [escalate(600, "ana", "bob")], [escalate(600, "ana"), escalate(600, "bob")], NEUTRAL),
]


def _bundle(*obligations: dict[str, Any], rule_id: str = "refund-large") -> AgentBundle:
    document = deepcopy(agents.DOCUMENT)
    next(rule for rule in document["rules"] if rule["id"] == rule_id)["obligations"] = list(obligations)
    return agents.bundle(document)


@pytest.mark.parametrize(("before", "after", "kind"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES])
def test_a_change_of_what_an_approval_takes_is_told(
    before: list[dict[str, Any]], after: list[dict[str, Any]], kind: ChangeKind
) -> None:
    """Fewer people, other people, sooner others, no signature, or grants where there were none: each loosens."""
    old, new = _bundle(*before), _bundle(*after)
    for bundle in (old, new):
        assert bundle.policy is not None
        assert [] == policy_problems(bundle.policy, bundle)
    changes = diff(old, new)
    assert kind is classify(changes), [str(change) for change in changes]
    witnesses = [change.witness for change in changes if change.witness]
    assert bool(witnesses) == (kind is LOOSENS)
    compiled_old, compiled_new = compile_policy(old), compile_policy(new)
    assert all(
        is_looser(compiled_old.judge(one.facts_before), compiled_new.judge(one.facts)) for one in witnesses if one
    )


def test_a_signature_that_the_high_tier_takes_anyway_is_not_lost() -> None:
    """Deploy is of high risk: saying `signed` there adds nothing, and leaving it out takes nothing."""
    tier = [quorum(2, "owner")]
    changes = diff(_bundle(*tier, SIGNED, rule_id="deploy-production"), _bundle(*tier, rule_id="deploy-production"))
    assert NEUTRAL is classify(changes), [str(change) for change in changes]


def test_a_lower_tier_loses_the_signature() -> None:
    """A risk rule that raises a call no longer to high takes its signature away, and that loosens."""
    document = deepcopy(agents.DOCUMENT)
    document["risk"][0]["risk"] = "medium"
    changes = diff(agents.bundle(), agents.bundle(document))
    assert (LOOSENS, True) == (classify(changes), "rule high-risk-signed" in {one.where for one in changes})
