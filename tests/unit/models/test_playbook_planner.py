"""How a playbook is walked: loops, choices, trouble, templates, and what a step costs."""

import json
import time
from typing import Any

import pytest

from proctor.contracts.errors import PlannerFailed
from proctor.contracts.planning import FinalProposal, Proposal
from proctor.models.playbook import PlaybookPlanner
from tests.unit.models.worlds import (
    FakeTranscript,
    Play,
    Tool,
    confirmed,
    contract,
    denied,
    failed,
    one_after_the_other,
    situation,
)

END = {"finish": {"outcome": "completed"}}


def call(name: str, tool: str = "Read", /, **fields: Any) -> dict[str, Any]:
    return {"id": name, "call": tool, **fields}


def finish(outcome: str = "completed", /, **report: Any) -> dict[str, Any]:
    return {"finish": {"outcome": outcome, "report": report}}


async def play(
    *steps: dict[str, Any], tools: dict[str, Tool] | None = None, **fields: Any
) -> tuple[Play, FinalProposal]:
    extra: dict[str, Any] = {name: fields.pop(name) for name in ("on_denied", "on_failed") if name in fields}
    playing = Play(PlaybookPlanner(), tools or {})
    last = await playing.run(situation({"steps": list(steps), **extra}, **fields))
    assert isinstance(last.proposed, FinalProposal)
    return playing, last.proposed


def outcomes(*values: Any) -> dict[str, Tool]:
    return {"Read": one_after_the_other(*(confirmed(value) for value in values))}


async def test_template_keeps_the_type_alone_and_becomes_text_among_text() -> None:
    """A lone template gives the value itself; inside text it is rendered."""
    given = {"n": 3, "l": ["a", "b"], "o": {"k": None}, "s": "x"}
    report = {
        "n": "${input.n}",
        "o": ["${input.o}"],
        "text": "${input.s}: ${input.n}, ${input.l}, ${input.o}",
        "default": "${input.gone|default: 7}",
        "each": "${input.rows[*].id|default: []}",
        "literal": "$${input.n}",
    }
    _, final = await play(finish(**report), input=given)
    expected = {
        "n": 3,
        "o": [{"k": None}],
        "text": 'x: 3, a, b, {"k":null}',
        "default": 7,
        "each": [],
        "literal": "${input.n}",
    }
    assert expected == final.report


async def test_text_that_a_tool_returned_is_never_read_as_a_template() -> None:
    """Data stays data: an output that looks like a template is passed on as it is."""
    _, final = await play(call("a"), finish(got="${steps.a.result}"), tools=outcomes("${input.secret}"), input={})
    assert final.report["got"] == "${input.secret}"


async def test_missing_value_fails_the_plan_with_node_and_path() -> None:
    """Nothing is sent to a tool with a hole in it."""
    with pytest.raises(PlannerFailed, match=r"node a: input\.gone is missing"):
        await play(call("a", **{"with": {"x": "${input.gone}"}}), END)


async def test_arguments_that_the_contract_refuses_fail_the_plan() -> None:
    """The planner proposes nothing that the tool's input schema does not take."""
    tool = contract("Read", lines={"type": "integer"})
    now = situation({"steps": [call("a", **{"with": {"lines": "many"}}), END]}, tools=(tool,))
    with pytest.raises(PlannerFailed, match=r"node a: Read does not take these arguments: at \$\.lines"):
        await PlaybookPlanner().propose(now, FakeTranscript())


async def test_report_that_the_output_schema_refuses_fails_the_plan() -> None:
    """A run does not complete with a report of the wrong form."""
    schema = {"type": "object", "required": ["summary"]}
    with pytest.raises(PlannerFailed, match=r"the report does not fit the output schema: .*summary"):
        await play(END, output_schema=schema)


async def test_tool_outside_the_bundle_is_proposed_for_policy_to_deny() -> None:
    """The planner does not judge; it leaves the attempt to be denied and recorded."""
    playing, final = await play(
        call("a", "Forbidden", on_denied=[finish("blocked", why="${steps.a.reason}")]),
        END,
        tools={"Forbidden": denied("no such tool")},
    )
    assert playing.calls == [("Forbidden", {})]
    assert final == FinalProposal(outcome="blocked", report={"why": "no such tool"})


async def test_denial_that_nobody_handles_ends_the_run_as_blocked() -> None:
    """The default is to stop: a step that policy forbids is not skipped in silence."""
    playing, final = await play(call("a"), call("b"), END, tools={"Read": denied("not today")})
    assert (final.outcome, final.report) == ("blocked", {"summary": "a denied: not today"})
    assert len(playing.calls) == 1


@pytest.mark.parametrize("outcome", [failed("boom"), lambda _: ("", None)], ids=["failed", "unknown"])
async def test_failure_that_nobody_handles_ends_the_run_as_failed(outcome: Tool) -> None:
    """A call whose outcome is not known counts as failed, never as done."""
    playing, final = await play(call("a"), call("b"), END, tools={"Read": outcome})
    assert final.outcome == "failed"
    assert len(playing.calls) == 1


async def test_continue_goes_on_and_the_outcome_can_be_tested() -> None:
    """`continue` is said at the node, and what happened stays visible."""
    _, final = await play(
        call("a", on_failed="continue"),
        finish(status="${steps.a.status}", error="${steps.a.error}", result="${steps.a.result|default: null}"),
        tools={"Read": failed("boom")},
    )
    assert final.report == {"status": "failed", "error": "boom", "result": None}


async def test_common_handlers_see_the_trouble_and_do_not_start_themselves_again() -> None:
    """Trouble inside a common handler is passed over, so the run always ends."""
    playing, final = await play(
        call("a"),
        END,
        on_failed=[call("tell", "Tell"), finish("failed", node="${trouble.node}", why="${trouble.reason}")],
        tools={"Read": failed("boom"), "Tell": failed("also down")},
    )
    assert [tool for tool, _ in playing.calls] == ["Read", "Tell"]
    assert final.report == {"node": "a", "why": "boom"}


async def test_steps_after_trouble_lead_back_to_the_next_node() -> None:
    """A handler that does not finish mends, and the playbook goes on behind the node."""
    playing, _ = await play(
        call("a", on_failed=[call("mend", "Mend")], on_denied=[call("never", "Never")]),
        call("b", "Other"),
        END,
        tools={"Read": failed("x"), "Mend": confirmed(1), "Other": confirmed(1)},
    )
    assert [tool for tool, _ in playing.calls] == ["Read", "Mend", "Other"]


async def test_loop_ends_when_its_condition_holds() -> None:
    """`until` is asked after each pass, about that pass."""
    loop = {"until": {"path": "steps.a.result", "equals": "up"}, "max": 9, "steps": [call("a")]}
    playing, final = await play(
        {"id": "wait", "repeat": loop},
        finish(passes="${steps.wait.passes}", how="${steps.wait.status}"),
        tools=outcomes("down", "down", "up"),
    )
    assert len(playing.calls) == 3
    assert final.report == {"passes": 3, "how": "met"}


async def test_loop_is_bounded_and_its_exhaustion_is_a_fact() -> None:
    """After `max` passes the loop takes `otherwise` and goes on; the condition can no longer hold it."""
    loop = {
        "until": {"path": "steps.a.result", "equals": "up"},
        "max": 2,
        "steps": [call("a")],
        "otherwise": [call("tell", "Tell")],
    }
    playing, final = await play(
        {"id": "wait", "repeat": loop},
        finish(how="${steps.wait.status}"),
        tools={**outcomes("down"), "Tell": confirmed(1)},
    )
    assert [tool for tool, _ in playing.calls] == ["Read", "Read", "Tell"]
    assert final.report == {"how": "exhausted"}


async def test_stale_result_of_an_earlier_pass_does_not_end_a_loop() -> None:
    """A pass whose call left no entry is unknown; the pass before it does not speak for it."""
    never = {"path": "input.x", "equals": 1}
    ways = [confirmed("up"), lambda _: ("", None)]
    steps = [call("a", on_failed=[finish("failed", seen="${steps.a.status}")])]
    playing, final = await play(
        {"id": "wait", "repeat": {"until": never, "max": 5, "steps": steps}},
        END,
        tools={"Read": one_after_the_other(*ways)},
    )
    assert len(playing.calls) == 2
    assert final.report == {"seen": "unknown"}


async def test_inner_loop_counts_anew_in_each_pass_of_the_outer() -> None:
    """Two times three passes are six calls."""
    never = {"path": "input.x", "equals": 1}
    inner = {"id": "inner", "repeat": {"until": never, "max": 3, "steps": [call("a")]}}
    playing, _ = await play(
        {"id": "outer", "repeat": {"until": never, "max": 2, "steps": [inner]}}, END, tools=outcomes(1)
    )
    assert len(playing.calls) == 6


async def test_loop_without_a_call_cannot_hang_the_planner() -> None:
    """Moves within one plan are bounded, so nested loops that propose nothing fail instead of turning for ever."""
    never = {"path": "input.x", "equals": 1}
    idle = {"id": "i", "repeat": {"until": never, "max": 10_000, "steps": [call("a", when=never)]}}
    with pytest.raises(PlannerFailed, match="without proposing"):
        await play({"id": "o", "repeat": {"until": never, "max": 10_000, "steps": [idle]}}, END)


async def test_first_branch_that_holds_is_taken_and_otherwise_without_one() -> None:
    """Branches are tried in order, and exactly one is taken."""
    branches = [
        {"when": {"path": "input.n", "at_least": 10}, "steps": [finish(size="big")]},
        {"when": {"path": "input.n", "at_least": 5}, "steps": [finish(size="middle")]},
    ]
    sizes = []
    for n in (20, 7, 1):
        _, final = await play({"choose": branches, "otherwise": [finish(size="small")]}, input={"n": n})
        sizes.append(final.report["size"])
    assert sizes == ["big", "middle", "small"]


async def test_calls_of_one_step_are_addressed_one_by_one() -> None:
    """Each call of a group has its own id and outcome; the first one in trouble decides."""
    group = {"id": "both", "calls": [call("a"), call("b", "Other")], "on_failed": "continue"}
    playing, final = await play(
        group,
        finish(a="${steps.a.result}", b="${steps.b.status}"),
        tools={"Read": confirmed(1), "Other": failed("x")},
    )
    assert len(playing.proposals) == 2
    assert final.report == {"a": 1, "b": "failed"}


async def test_answer_of_a_person_is_kept() -> None:
    """The answer is a value like any other, and stays available after later steps."""
    document = {"steps": [{"id": "q", "ask": "Which of ${input.l}?"}, call("a"), finish(it="${steps.q.answer}")]}
    transcript, start = FakeTranscript(), situation(document, input={"l": ["x", "y"]})
    asked = await PlaybookPlanner().propose(start, transcript)
    assert asked.proposed.model_dump()["question"] == "Which of x, y?"
    transcript.add(0, "human", {"question": "Which of x, y?", "answer": "x"})
    called = await PlaybookPlanner().propose(_next(start, asked), transcript)
    transcript.add(1, "result", 1, node="a")
    final = await PlaybookPlanner().propose(_next(start, called, 2), transcript)
    assert final.proposed.model_dump()["report"] == {"it": "x"}


async def test_unanswered_question_ends_the_run_as_blocked() -> None:
    """Silence is not consent."""
    start = situation({"steps": [{"id": "q", "ask": "Sure?"}, END]})
    asked, transcript = await PlaybookPlanner().propose(start, FakeTranscript()), FakeTranscript()
    transcript.add(0, "human", {"question": "Sure?", "answer": None})
    final = await PlaybookPlanner().propose(_next(start, asked), transcript)
    assert (
        final.proposed.model_dump()["outcome"],
        final.proposed.model_dump()["report"],
    ) == ("blocked", {"summary": "q unanswered: nobody answered"})


def _next(start: Any, proposal: Proposal, step: int = 1) -> Any:
    return start.model_copy(update={"step": step, "cursor": proposal.cursor})


async def test_citations_name_what_ran_and_nothing_else() -> None:
    """A report can be followed to the transcript; a node that did not run is not cited."""
    ending = {"finish": {"outcome": "completed", "cite": ["a", "b"]}}
    never = {"path": "input.x", "exists": True}
    _, final = await play(call("a"), call("b", when=never), ending, tools=outcomes(1))
    assert final.report == {"cites": [{"node": "a", "tool": "Read", "step": 0, "status": "confirmed"}]}


async def test_same_position_gives_the_same_proposal() -> None:
    """A retried plan is the plan: nothing depends on clock, chance or the number of attempts."""
    start = situation({"steps": [call("a", **{"with": {"x": "${run.step}"}}), END]}, step=4)
    first = await PlaybookPlanner().propose(start, FakeTranscript())
    assert first == await PlaybookPlanner().propose(start, FakeTranscript())


async def test_step_999_costs_what_step_1_costs() -> None:
    """Neither the cursor nor what is read of the transcript grows with the run."""
    loop = {"until": {"path": "steps.a.result", "equals": "up"}, "max": 1000, "steps": [call("a")]}
    playing = Play(PlaybookPlanner(), {"Read": confirmed("down")})
    await playing.run(situation({"steps": [{"id": "wait", "repeat": loop}, END]}), max_steps=1001)
    assert len(playing.calls) == 1000
    assert {1} == {len(nodes) for nodes in playing.transcript.asked}
    assert len(playing.transcript.asked) <= len(playing.proposals)
    assert len(json.dumps(playing.proposals[-2].cursor)) <= len(json.dumps(playing.proposals[1].cursor)) + 10


async def test_plan_takes_well_under_ten_milliseconds() -> None:
    """Playbooks are planned in a local activity; the document is checked once, not per step."""
    start = situation({"steps": [*(call(f"n{i}") for i in range(200)), END]})
    first = await PlaybookPlanner().propose(start, FakeTranscript())
    began = time.perf_counter()
    for _ in range(20):
        assert first == await PlaybookPlanner().propose(start, FakeTranscript())
    assert (time.perf_counter() - began) / 20 < 0.01


@pytest.mark.parametrize("cursor", [{"at": 99}, {"at": -1}, {"nonsense": 1}], ids=["behind", "before", "foreign"])
async def test_cursor_of_another_document_is_refused(cursor: dict[str, Any]) -> None:
    """A run never continues at a place that its playbook does not have."""
    with pytest.raises(PlannerFailed, match="cursor"):
        await PlaybookPlanner().propose(situation({"steps": [END]}, cursor=cursor), FakeTranscript())


async def test_invalid_playbook_is_the_planners_failure() -> None:
    """A document that was never checked fails the plan with its place, not the worker."""
    with pytest.raises(PlannerFailed, match=r"steps\[0\]"):
        await PlaybookPlanner().propose(situation({"steps": [{"id": "x"}]}), FakeTranscript())
