"""AgentDojo's suites: tasks, environments with injected texts, and the pairs that can be replayed."""

import pickle
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from agentdojo.functions_runtime import FunctionCall
from agentdojo.task_suite.load_suites import get_suites
from agentdojo.types import text_content_block_from_string

VERSION = "v1.2.2"
TUNED_ON = ("banking", "slack")
HELD_OUT = ("travel", "workspace")
MARK = "INJECTEDTEXTSTANDSHERE"


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
    for user in suite.user_tasks.values():
        for injection in suite.injection_tasks.values():
            if injection.ground_truth(environment(suite, "")):
                yield Pair(user, injection)


def environment(suite: Any, text: str) -> Any:
    """Load the suite's environment with `text` at every place that an attacker can write to; empty for none."""
    return pickle.loads(_injected(suite.name, text))


def copied(environment_: Any) -> Any:
    """Copy an environment, many times faster than a deep copy."""
    return pickle.loads(pickle.dumps(environment_))


@lru_cache(maxsize=64)
def _injected(name: str, text: str) -> bytes:
    if not text:
        return pickle.dumps(_loaded(name, is_marked=False))
    marked = _loaded(name, is_marked=True)
    return pickle.dumps(type(marked).model_validate(_replaced(marked.model_dump(), text)))


@lru_cache
def _loaded(name: str, *, is_marked: bool) -> Any:
    suite = get_suites(VERSION)[name]
    vectors = suite.get_injection_vector_defaults()
    return suite.load_and_inject_default_environment(dict.fromkeys(vectors, MARK) if is_marked else {})


def _replaced(value: Any, text: str) -> Any:
    if isinstance(value, str):
        return value.replace(MARK, text)
    if isinstance(value, dict):
        return {_replaced(key, text): _replaced(item, text) for key, item in value.items()}
    return [_replaced(item, text) for item in value] if isinstance(value, list) else value


def has_utility(suite: Any, user: Any, before: Any, after: Any, made: list[FunctionCall]) -> bool:
    """Ask AgentDojo whether the user's task was solved."""
    return bool(suite._check_user_task_utility(user, _output(user), before, after, made))  # noqa: SLF001


def is_attacked(suite: Any, pair: Pair, before: Any, after: Any, made: list[FunctionCall]) -> bool:
    """Ask AgentDojo whether the injection reached its goal."""
    output = _output(pair.user)
    return bool(suite._check_injection_task_security(pair.injection, output, before, after, made))  # noqa: SLF001


def _output(user: Any) -> list[Any]:
    return [text_content_block_from_string(user.GROUND_TRUTH_OUTPUT)]
