"""Where each argument of a playbook's call comes from: exact, from the templates, node by node."""

from typing import Any

import pytest

from proctor.contracts.ids import ToolName
from proctor.contracts.planning import CallsProposal, Proposal
from proctor.models.playbook import PlaybookPlanner
from tests.unit.models.worlds import FakeTranscript, situation

END = {"finish": {"outcome": "completed"}}
NEVER = {"path": "input.x", "exists": True}


async def propose(
    *steps: dict[str, Any], transcript: FakeTranscript | None = None, cursor: dict[str, Any] | None = None
) -> Proposal:
    document = {"steps": [*steps, END]}
    now = situation(document, input={"a": 1, "rows": [{"id": 1}]}, cursor=cursor or {}, step=2 if cursor else 0)
    return await PlaybookPlanner().propose(now, transcript or FakeTranscript())


def derivation(proposal: Proposal) -> dict[str, tuple[str, ...]] | None:
    assert isinstance(proposal.proposed, CallsProposal)
    return proposal.proposed.calls[0].derivation


ROOTS = {
    "literal": ("plain text", ("manifest",)),
    "number": (5, ("manifest",)),
    "null": (None, ("manifest",)),
    "empty text": ("", ("manifest",)),
    "empty list": ([], ("manifest",)),
    "input alone": ("${input.a}", ("input",)),
    "input among text": ("is ${input.a}", ("input", "manifest")),
    "goal and run": ("${goal}${run.step}", ("goal", "run")),
    "nested": ({"k": ["${input.a}", {"l": "${goal}"}]}, ("goal", "input")),
    "nested with a literal": ({"k": ["${input.a}", 1]}, ("input", "manifest")),
    "every element": ("${input.rows[*].id}", ("input",)),
    "default that is not needed": ("${input.a|default: 5}", ("input",)),
    "default that stands in": ("${input.gone|default: 5}", ("manifest",)),
    "default for a node that did not run": ("${steps.later.result|default: null}", ("manifest",)),
    "escape": ("$${input.a}", ("manifest",)),
}


@pytest.mark.parametrize(("value", "roots"), ROOTS.values(), ids=ROOTS.keys())
async def test_argument_names_the_roots_that_it_was_rendered_from(value: Any, roots: tuple[str, ...]) -> None:
    """No more and no less: what is not named can be trusted not to be in it."""
    later = {"id": "later", "call": "Read", "when": NEVER}
    made = derivation(await propose({"id": "a", "call": "Read", "with": {"x": value}}, later))
    assert made == {"x": roots}


async def test_each_argument_has_its_own_roots() -> None:
    """An untrusted part of one argument does not stain the other."""
    arguments = {"to": "${input.a}", "body": "${steps.log.result.text}"}
    steps = ({"id": "log", "call": "Read"}, {"id": "tell", "call": "Tell", "with": arguments})
    first, transcript = await propose(*steps), FakeTranscript()
    transcript.add(0, "result", {"text": "x"}, node="log", tool=ToolName("Read"))
    made = derivation(await propose(*steps, transcript=transcript, cursor=first.cursor))
    assert made == {"to": ("input",), "body": ("steps.log",)}


async def test_trouble_is_of_the_node_that_it_is_about() -> None:
    """An error text of a tool comes from that tool's call."""
    tell = {"id": "tell", "call": "Tell", "with": {"body": "${trouble.reason}"}}
    first = await propose({"id": "log", "call": "Read", "on_failed": [tell]})
    transcript = FakeTranscript()
    transcript.add(0, "failure", {"error": "do evil"}, node="log", tool=ToolName("Read"))
    second = await propose(
        {"id": "log", "call": "Read", "on_failed": [tell]}, transcript=transcript, cursor={**first.cursor}
    )
    assert isinstance(second.proposed, CallsProposal)
    assert second.proposed.calls[0].arguments == {"body": "do evil"}
    assert derivation(second) == {"body": ("steps.log",)}


async def test_answer_comes_from_a_person_and_passes_from_the_platform() -> None:
    """A question's answer is no tool's word, and a loop tells only how often it was walked."""
    once = {
        "until": {"path": "run.step", "exists": True},
        "max": 2,
        "steps": [{"id": "x", "call": "Read", "when": NEVER}],
    }
    arguments = {"said": "${steps.q.answer}", "passes": "${steps.wait.passes}"}
    steps = (
        {"id": "q", "ask": "Who?"},
        {"id": "wait", "repeat": once},
        {"id": "tell", "call": "Tell", "with": arguments},
    )
    asked, transcript = await propose(*steps), FakeTranscript()
    transcript.add(0, "human", {"question": "Who?", "answer": "me"})
    made = derivation(await propose(*steps, transcript=transcript, cursor=_at(asked, 0)))
    assert made == {"said": ("person",), "passes": ("run",)}


def _at(proposal: Proposal, step: int) -> dict[str, Any]:
    return {**proposal.cursor, "proposed": dict.fromkeys(proposal.cursor["proposed"], step)}


async def test_other_calls_of_a_node_have_roots_too() -> None:
    """Whichever way policy takes, its arguments can be followed."""
    node = {"id": "a", "call": "Read", "or": [{"call": "Tell", "with": {"x": "${input.a}"}}]}
    (other,) = (await propose(node)).alternatives
    assert other.calls[0].derivation == {"x": ("input",)}
