"""What a person is asked about, and what their word is bound to."""

from datetime import timedelta

from activities.judging import TracedCall, judge_step
from proctor.contracts.decision import Verdict
from proctor.contracts.ids import Digest
from proctor.contracts.obligations import Signed
from proctor.contracts.planning import ProposedCall
from proctor.contracts.tool import Risk
from tests.unit.activities.scene import NOW, OPEN, SMALL, TRUSTED, bench, bundle, moment


def test_person_is_asked_about_one_call_of_each_goal() -> None:
    """What asks for one thing many times at once is asked about once; another target is another question."""
    other = ProposedCall(tool="Refund", arguments={"order": "o-2", "amount": 2})
    traced = [TracedCall(call, moment(), {}) for call in (SMALL, SMALL, other)]
    step = judge_step(bench(bundle()), traced, step=0, window=OPEN)
    assert [Verdict.REQUIRE_APPROVAL] * 3 == [call.verdict for call in step.calls]
    assert [0, 2] == [request.call for request in step.requests]
    assert [True, False, True] == [call.request_id is not None for call in step.calls]


RAISED = {
    "risk": [{"id": "large", "tool": "Refund", "when": {"fact": "arguments.amount", "at_least": 100}, "risk": "high"}],
    "rules": [
        {
            "id": "very-large",
            "effect": "require_approval",
            "tool": "Refund",
            "when": {"fact": "arguments.amount", "at_least": 50},
            "reason": "Somebody must look.",
        }
    ],
}
LARGE = ProposedCall(tool="Refund", arguments={"order": "o-1", "amount": 100})


def test_approval_of_high_risk_takes_a_signature() -> None:
    """With the plan and at dispatch, by whichever policy the risk is high; what is allowed or less risky takes none."""
    medium = ProposedCall(tool="Refund", arguments={"order": "o-2", "amount": 60})
    place = bench(bundle(RAISED))
    calls = (SMALL, medium, LARGE)
    records = judge_step(place, [TracedCall(one, moment(flows=TRUSTED), {}) for one in calls], step=0, window=OPEN)
    signed = [Signed() in record.decision.obligations for record in records.decisions]
    assert [False, False, True] == signed
    assert ["allow", "require_approval", "require_approval"] == [one.decision.verdict for one in records.decisions]
    assert [False, True] == [request.process is not None and request.process.is_signed for request in records.requests]
    plain = bundle({"rules": RAISED["rules"]})
    decision, facts = bench(plain, (Digest("b" * 64), bundle(RAISED))).judge(LARGE, moment(flows=TRUSTED))
    assert Signed() in decision.obligations
    assert Risk.HIGH is bench(bundle(RAISED)).risk(facts)
    assert Signed() not in bench(plain).judge(LARGE, moment(flows=TRUSTED))[0].obligations


def test_request_says_what_it_takes_and_is_bound_to_it() -> None:
    """Stages and escalations of the rules that asked; the plan in history tells when to look, if ever."""
    stages = {"kind": "stages", "stages": [{"name": "desk"}, {"role": "owner"}]}
    later = {"kind": "escalate", "after_s": 600, "to": ["olga"]}
    plans = []
    for owed in ([stages, later], [stages], []):
        (rule,) = RAISED["rules"]
        document = bundle({"rules": [{**rule, "obligations": owed}]})
        plans.append(judge_step(bench(document), [TracedCall(LARGE, moment(flows=TRUSTED), {})], step=0, window=OPEN))
    (escalated,), (staged,), (one,) = (plan.requests for plan in plans)
    assert escalated.process is not None
    assert escalated.binding is not None
    assert ["desk", ""] == [stage.name for stage in escalated.process.stages]
    assert (escalated.process.digest(), plans[0].decisions[0].goal) == (
        escalated.binding.process_sha256,
        escalated.binding.target,
    )
    assert NOW + timedelta(seconds=600) == escalated.next_at == plans[0].calls[0].look_at
    demanded = [request.binding.process_sha256 for request in (escalated, staged, one) if request.binding is not None]
    assert demanded[0] == demanded[1] != demanded[2]
    assert [None, None] == [plan.calls[0].look_at for plan in plans[1:]]
    assert "look_at" not in plans[1].calls[0].model_fields_set
