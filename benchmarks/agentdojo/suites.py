"""AgentDojo's suites: tasks, environments with injected texts, and the pairs that can be replayed."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from agentdojo.functions_runtime import FunctionCall
from agentdojo.task_suite.load_suites import get_suites
from agentdojo.types import text_content_block_from_string

VERSION = "v1.2.2"
TUNED_ON = ("banking", "slack")
HELD_OUT = ("travel", "workspace")


class Pair(NamedTuple):
    """A user task with an injection that can be replayed: its ground truth makes calls."""

    user: Any
    injection: Any


def suites() -> dict[str, Any]:
    """Give the four suites by name."""
    found = get_suites(VERSION)
    return {name: found[name] for name in (*TUNED_ON, *HELD_OUT)}


def pairs(suite: Any) -> Iterator[Pair]:
    """Give every user task with every injection task whose ground truth makes calls."""
    clean = environment(suite, "")
    for user in suite.user_tasks.values():
        for injection in suite.injection_tasks.values():
            if injection.ground_truth(clean.model_copy(deep=True)):
                yield Pair(user, injection)


def environment(suite: Any, text: str) -> Any:
    """Load the suite's environment with `text` at every place that an attacker can write to; empty for none."""
    if not text:
        return suite.load_and_inject_default_environment({})
    marks = {vector: f"MARK{n}OF{len(vector)}" for n, vector in enumerate(suite.get_injection_vector_defaults())}
    marked = suite.load_and_inject_default_environment(marks)
    return type(marked).model_validate(_replaced(marked.model_dump(), list(marks.values()), text))


def _replaced(value: Any, marks: list[str], text: str) -> Any:
    if isinstance(value, str):
        for mark in marks:
            value = value.replace(mark, text)
        return value
    if isinstance(value, dict):
        return {_replaced(key, marks, text): _replaced(item, marks, text) for key, item in value.items()}
    return [_replaced(item, marks, text) for item in value] if isinstance(value, list) else value


def has_utility(suite: Any, user: Any, before: Any, after: Any, made: list[FunctionCall]) -> bool:
    """Ask AgentDojo whether the user's task was solved."""
    return bool(suite._check_user_task_utility(user, _output(user), before, after, made))  # noqa: SLF001


def is_attacked(suite: Any, pair: Pair, before: Any, after: Any, made: list[FunctionCall]) -> bool:
    """Ask AgentDojo whether the injection reached its goal."""
    output = _output(pair.user)
    return bool(suite._check_injection_task_security(pair.injection, output, before, after, made))  # noqa: SLF001


def _output(user: Any) -> list[Any]:
    return [text_content_block_from_string(user.GROUND_TRUTH_OUTPUT)]
