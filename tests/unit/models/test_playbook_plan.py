"""The plan that a playbook declares: every call it can make, how often, and where arguments come from."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from proctor.contracts.planning import DeclaredPlan
from proctor.contracts.playbook_check import parse_playbook
from proctor.contracts.playbook_plan import declared_plan
from proctor.models.playbook import PlaybookPlanner
from tests.unit.models.worlds import FakeTranscript, Play, confirmed, denied, failed, situation

END = {"finish": {"outcome": "completed"}}
UNTIL = {"path": "steps.a.result", "equals": "up"}
RESOLVER = Path(__file__).parents[3] / "agents" / "incident-resolver" / "playbook.yaml"


def call(name: str, tool: str = "Read", /, **fields: Any) -> dict[str, Any]:
    return {"id": name, "call": tool, **fields}


def using(name: str, text: Any, /, **fields: Any) -> dict[str, Any]:
    return call(name, "Tell", **{"with": {"x": text}}, **fields)


def plan(*steps: dict[str, Any], **rest: Any) -> DeclaredPlan:
    found = declared_plan(parse_playbook({"steps": [*steps, END], **rest}))
    assert found is not None
    return found


def counts(declared: DeclaredPlan) -> dict[str, tuple[str, int]]:
    return {one.id: (one.tool, one.max_count) for one in declared.calls}


def sources(declared: DeclaredPlan, name: str) -> tuple[str, ...]:
    return next(one.arguments["x"].sources for one in declared.calls if one.id == name)


def test_every_call_is_declared_wherever_it_stands() -> None:
    """Steps, branches, loops, groups, handlers of nodes and of the document."""
    group = {"id": "g", "calls": [call("g1"), call("g2", "Tell")]}
    branch = {"choose": [{"when": UNTIL, "steps": [call("c1")]}], "otherwise": [call("c2")]}
    loop = {"id": "l", "repeat": {"until": UNTIL, "max": 3, "steps": [call("l1")], "otherwise": [call("l2")]}}
    node = call("a", on_denied=[call("h1")], on_failed=[call("h2")])
    common = {"on_denied": [call("d")], "on_failed": [call("f")]}
    declared = counts(plan(node, group, branch, loop, **common))
    assert {*declared} == {"a", "h1", "h2", "g1", "g2", "c1", "c2", "l1", "l2", "d", "f"}
    assert ("Tell", 1) == declared["g2"]


def test_count_is_every_pass_of_every_loop_around_it() -> None:
    """Two times three passes are six; what stands in a loop's `otherwise` is taken once per loop."""
    inner = {
        "id": "i",
        "repeat": {"until": UNTIL, "max": 3, "steps": [call("a", on_failed=[call("h")])], "otherwise": [call("o")]},
    }
    declared = counts(plan({"id": "l", "repeat": {"until": UNTIL, "max": 2, "steps": [inner]}}))
    assert [6, 6, 2] == [declared[name][1] for name in ("a", "h", "o")]


def test_count_beyond_what_a_plan_can_say_is_cut() -> None:
    """The thousand-and-first call is off the plan; nobody gets an endless permit."""
    loop = {"until": UNTIL, "max": 10_000, "steps": [call("a")]}
    assert 1000 == counts(plan({"id": "l", "repeat": loop}))["a"][1]


def test_other_calls_of_a_node_are_declared_under_ids_that_no_node_can_have() -> None:
    """Whoever refers to the node means whichever was taken."""
    declared = plan(call("a", **{"or": [{"call": "Mend"}, {"call": "Tell"}]}), using("b", "${steps.a.result}"))
    assert [("a", "Read"), ("a~1", "Mend"), ("a~2", "Tell"), ("b", "Tell")] == [
        (one.id, one.tool) for one in declared.calls
    ]
    assert ("a", "a~1", "a~2") == sources(declared, "b")


SOURCES = {
    "literal": ("x", ("manifest",)),
    "number": (7, ("manifest",)),
    "input": ("${input.x}", ("request",)),
    "goal in text": ("do ${goal}", ("manifest", "request")),
    "run": ("${run.id}", ("manifest",)),
    "call": ("${steps.a.result.x}", ("a",)),
    "call with a default": ("${steps.a.result.x|default: 1}", ("manifest", "a")),
    "nested": ([{"k": "${steps.a.result}"}, "${input.x}"], ("a", "request")),
    "answer": ("${steps.q.answer}", ("person",)),
    "loop": ("${steps.l.passes}", ("manifest",)),
    "trouble, from any call before": ("${trouble.reason|default: 1}", ("manifest", "a", "person")),
}


@pytest.mark.parametrize(("value", "expected"), SOURCES.values(), ids=SOURCES.keys())
def test_sources_are_all_that_a_template_can_name(value: Any, expected: tuple[str, ...]) -> None:
    """Read off the document, whatever way a run takes."""
    loop = {"id": "l", "repeat": {"until": UNTIL, "max": 2, "steps": [{"id": "q", "ask": "?"}]}}
    assert expected == sources(plan(call("a"), loop, using("b", value)), "b")


def test_trouble_is_that_of_the_node_that_is_handled() -> None:
    """In a node's handler only that node's text is in `trouble`; in the document's, that of any call before."""
    declared = plan(
        call("a"),
        call("b", on_denied=[using("h", "${trouble.reason}")]),
        call("c"),
        on_failed=[using("f", "${trouble.reason}"), call("later")],
    )
    assert ("b",) == sources(declared, "h")
    assert ("a", "b", "c", "h") == sources(declared, "f")


def test_sources_are_declared_before_what_uses_them() -> None:
    """As a plan demands, for the playbook of the demo."""
    declared = declared_plan(parse_playbook(yaml.safe_load(RESOLVER.read_text())))
    assert declared is not None
    known = {"request", "manifest", "person"}
    for one in declared.calls:
        assert {source for given in one.arguments.values() for source in given.sources} <= known
        assert one.id not in known
        known.add(one.id)


def test_playbook_beyond_a_plan_is_declared_tool_by_tool() -> None:
    """64 calls are declared one by one; of more, each tool has all counts and all sources of its calls."""
    assert 64 == len(plan(*(call(f"n{n}") for n in range(64))).calls)
    many = plan(*(call(f"n{n}") for n in range(63)), using("t", "${input.x}"), using("u", "${steps.n1.result}"))
    assert counts(many) == {"n0": ("Read", 63), "t": ("Tell", 2)}
    assert ("request", "n1") == sources(many, "t")


def test_playbook_without_calls_or_with_more_tools_than_a_plan_names_declares_none() -> None:
    """Nothing is declared in part."""
    assert declared_plan(parse_playbook({"steps": [END]})) is None
    assert declared_plan(parse_playbook({"steps": [*(call(f"n{n}", f"T{n}") for n in range(65)), END]})) is None


async def test_playbook_declares_at_its_first_step_only() -> None:
    """Before anything was read; the plan does not change afterwards."""
    playing = Play(PlaybookPlanner(), {"Read": confirmed(1)})
    await playing.run(situation({"steps": [call("a"), call("b"), END]}))
    assert [("a", "b"), None, None] == [
        made.declares and tuple(one.id for one in made.declares.calls) for made in playing.proposals
    ]


async def test_run_without_a_call_declares_nothing() -> None:
    """An ending needs no plan."""
    steps = [{"when": {"path": "goal", "exists": True}, **END}, call("a"), END]
    ended = await PlaybookPlanner().propose(situation({"steps": steps}), FakeTranscript())
    assert ("final", None) == (ended.proposed.kind, ended.declares)


async def test_whatever_a_playbook_does_is_on_its_plan() -> None:
    """Calls, counts and roots of real walks stay within what was declared, denials and failures included."""
    loop = {"until": UNTIL, "max": 2, "steps": [call("a", on_failed="continue"), using("t", "${steps.a.status}")]}
    steps = [
        {"id": "l", "repeat": loop},
        using("b", ["${steps.a.result|default: 0}", "${input.x}"], on_denied=[using("h", "${trouble.reason} ${goal}")]),
        END,
    ]
    for read, tell in ((confirmed(1), confirmed(2)), (failed("x"), confirmed(2)), (confirmed(1), denied("no"))):
        playing = Play(PlaybookPlanner(), {"Read": read, "Tell": tell})
        await playing.run(situation({"steps": steps}, input={"x": 1}))
        _check_on_plan(playing)


def _check_on_plan(playing: Play) -> None:
    declared = playing.proposals[0].declares
    assert declared is not None
    plans = {one.id: one for one in declared.calls}
    words = {"input": "request", "goal": "request", "run": "manifest"}
    made = [one for proposal in playing.proposals for one in getattr(proposal.proposed, "calls", ())]
    for one in made:
        assert plans[one.node].tool == one.tool
        assert sum(other.node == one.node for other in made) <= plans[one.node].max_count
        for name, roots in one.derivation.items():
            named = {words.get(root, root.removeprefix("steps.")) for root in roots}
            assert named <= set(plans[one.node].arguments[name].sources)
