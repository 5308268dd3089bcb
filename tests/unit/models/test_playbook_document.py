"""Mistakes in a playbook are found before anything runs, each with its place in the document."""

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proctor.contracts.errors import InvalidInput
from proctor.contracts.playbook_check import parse_playbook, playbook_problems
from proctor.contracts.templates import parse_template
from proctor.models.playbook_program import program_of

END = {"finish": {"outcome": "completed"}}


def problems(*steps: Any, **rest: Any) -> list[str]:
    return [str(problem) for problem in playbook_problems({"steps": [*steps, END], **rest})]


def call(**fields: Any) -> dict[str, Any]:
    return {"id": "a", "call": "Read", **fields}


def test_correct_playbook_has_no_problems() -> None:
    """The checks let a correct document pass."""
    assert problems(call()) == []


@pytest.mark.parametrize(
    ("step", "where", "what"),
    [
        (call(**{"with": 3}), "steps[0].with", "dictionary"),
        (call(wiht={}), "steps[0].wiht", "not permitted"),
        ({"id": "a"}, "steps[0]", "exactly one of call"),
        ({**call(), "ask": "?"}, "steps[0]", "exactly one of call"),
        ({"call": "Read"}, "steps[0].id", "required"),
        (call(id="a.b"), "steps[0].id", "pattern"),
        (call(when={"all": [{"path": "input.x"}]}), "steps[0].when.all[0]", "exactly one operator, not 0"),
        (call(when={"any": [{"path": "input.x", "equals": 1, "exists": True}]}), "steps[0].when.any[0]", "not 2"),
        (call(when={"not": {"path": "in put", "equals": 1}}), "steps[0].when.not.path", "is not a path"),
        (call(when={"path": "input.x", "in": 3}), "steps[0].when.in", "list"),
        (call(when={"path": "input.x", "matches": 3}), "steps[0].when.matches", "string"),
        (call(when={"path": "x", "or": []}), "steps[0].when.or", "not permitted"),
        (call(when={}), "steps[0].when", "exactly one of path, all, any, not"),
        (call(when={"all": []}), "steps[0].when.all", "at least 1"),
        (call(**{"with": {"k": ["${nope.x}"]}}), "steps[0].with.k[0]", "begin with one of input"),
        (call(**{"with": {"k": "${steps.b.result}"}}), "steps[0].with.k", "no node with the id 'b'"),
        (call(**{"with": {"k": "${steps.a.reslt}"}}), "steps[0].with.k", "a has advice, error, reason, result"),
        (call(**{"with": {"k": "${input.x"}}), "steps[0].with.k", "not closed"),
        (call(**{"with": {"k": "${input.x|default: oops}"}}), "steps[0].with.k", "double quotes"),
        (call(**{"or": [{"call": "Other", "with": {"k": "${steps.b.result}"}}]}), "steps[0].or[0].with.k", "no node"),
        (call(**{"or": [{"call": "Other", "id": "b"}]}), "steps[0].or[0].id", "not permitted"),
        (call(**{"or": [{"call": "Other"}] * 5}), "steps[0].or", "at most 4"),
        (call(on_denied="ignore"), "steps[0].on_denied", "continue"),
        (call(on_failed=[{"id": "b"}]), "steps[0].on_failed[0]", "exactly one of call"),
        ({"id": "r", "repeat": {"max": 2, "steps": [call()]}}, "steps[0].repeat.until", "required"),
        (
            {"id": "r", "repeat": {"until": {"path": "input.x", "equals": 1}, "steps": [call()]}},
            "steps[0].repeat.max",
            "required",
        ),
        (
            {"id": "r", "repeat": {"until": {"path": "input.x", "equals": 1}, "max": 10_001, "steps": [call()]}},
            "steps[0].repeat.max",
            "10000",
        ),
        ({"choose": [{"when": {"path": "goal", "equals": 1}}]}, "steps[0].choose[0].steps", "required"),
        (
            {"finish": {"outcome": "done"}},
            "steps[0].finish.outcome",
            "'completed', 'failed' or 'blocked'",
        ),
        ({"finish": {"outcome": "failed", "cite": ["zz"]}}, "steps[0].finish.cite[0]", "no call or ask"),
    ],
)
def test_mistake_is_named_with_its_place(step: dict[str, Any], where: str, what: str) -> None:
    """The loader can point at the line, and the message says what to write."""
    found = problems(step)
    assert [where] == [text.split(": ")[0] for text in found]
    assert what in found[0]


def test_ids_are_unique_wherever_they_stand() -> None:
    """An outcome belongs to one node: handlers, loops and branches share one name space."""
    found = problems(call(on_failed=[call()]), {"choose": [{"when": {"path": "goal", "equals": 1}, "steps": [call()]}]})
    assert [text.split(": ")[0] for text in found] == ["steps[0].on_failed[0].id", "steps[1].choose[0].steps[0].id"]


@pytest.mark.parametrize(
    "last",
    [
        call(),
        {**END, "when": {"path": "goal", "exists": True}},
        {"choose": [{"when": {"path": "goal", "exists": True}, "steps": [END]}]},
        {"choose": [{"when": {"path": "goal", "exists": True}, "steps": [call()]}], "otherwise": [END]},
    ],
)
def test_playbook_that_could_run_off_its_end_is_refused(last: dict[str, Any]) -> None:
    """Every way through a playbook ends the run on purpose."""
    found = [str(problem) for problem in playbook_problems({"steps": [last]})]
    assert len(found) == 1
    assert found[0].startswith("steps[0]: the last step must end the run")


def test_every_mistake_is_listed_and_the_first_is_raised() -> None:
    """One reading of the list mends the document; whoever cannot list gets the first."""
    document = {"steps": [call(**{"with": {"a": "${x}", "b": "${y}"}}), END]}
    assert len(playbook_problems(document)) == 2
    with pytest.raises(InvalidInput, match=r"steps\[0\]\.with\.a"):
        parse_playbook(document)


@pytest.mark.parametrize("document", [None, [], "text", {}, {"steps": []}, {"steps": {}}, {"steps": [None]}])
def test_anything_that_is_no_playbook_is_a_problem_and_no_crash(document: Any) -> None:
    """The check takes whatever a YAML reader gives."""
    assert playbook_problems(document)


def test_deeply_nested_document_is_refused_quickly() -> None:
    """A document cannot exhaust the stack of its reader."""
    condition: dict[str, Any] = {"path": "goal", "exists": True}
    for _ in range(5000):
        condition = {"not": condition}
    assert "nested deeper" in problems(call(when=condition))[0]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.sampled_from(["${input.x}", "${", "$${", "a"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "call", "with", "when", "path", "all", "not", "steps", "repeat", "finish", "ask"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=3))
@settings(max_examples=150, deadline=None)
def test_no_document_makes_the_check_crash(steps: list[Any]) -> None:
    """Whatever stands in the file, the answer is a list of problems; an empty one means that it compiles."""
    document = {"steps": [*steps, END]}
    if not playbook_problems(document):
        assert program_of(document).moves


@given(st.text(alphabet='${}|:default input.[0]*"', max_size=40))
@settings(max_examples=300, deadline=None)
def test_text_is_a_template_or_is_refused_and_never_anything_else(text: str) -> None:
    """A template either gives text and references, or a `ValueError`."""
    try:
        pieces = parse_template(text)
    except ValueError:
        return
    assert ("${" in text) or "".join(str(piece) for piece in pieces) == text


@pytest.mark.parametrize("text", ["${" * 20_000, "$" * 40_000, "${a" + ".b" * 20_000, "${input" + "[0]" * 20_000 + "}"])
def test_reading_a_template_takes_linear_time(text: str) -> None:
    """A long text cannot hold up the planner."""
    began = time.perf_counter()
    with contextlib.suppress(ValueError):
        parse_template(text)
    assert time.perf_counter() - began < 1
