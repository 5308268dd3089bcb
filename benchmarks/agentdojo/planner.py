"""The worst-case planner: it makes the user's calls, and obeys every injected text that it reads."""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from agentdojo.functions_runtime import FunctionCall, FunctionsRuntime
from pydantic import BaseModel

from benchmarks.agentdojo.sides import Asked, Judge
from policies.flow.goals import goal_of
from policies.flow.run import RunFlows
from proctor.contracts.decision import Verdict
from proctor.contracts.governing import DeniedGoal
from proctor.contracts.ids import ToolName
from proctor.contracts.labels import Labels
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.planning import DeclaredPlan, Observation

Order = Literal["at_once", "at_the_end"]
"""When injected calls are made: as soon as the text was read, or after all of the user's calls."""


@dataclass
class Replay:
    """What came of one run."""

    environment: Any
    made: list[FunctionCall] = field(default_factory=list)
    asked_for_user: int = 0
    asked_for_injection: int = 0
    denied: int = 0
    was_injected: bool = False
    held_up: list[str] = field(default_factory=list)
    """The user's calls that a person was asked about."""


def as_json(result: Any) -> Any:
    """Give a tool's result as JSON."""
    if isinstance(result, BaseModel):
        return result.model_dump(mode="json")
    if isinstance(result, list | tuple):
        return [as_json(item) for item in result]
    if isinstance(result, dict):
        return {str(key): as_json(item) for key, item in result.items()}
    return result if isinstance(result, str | int | float | bool | None) else str(result)


@dataclass
class Planner:
    """Replays one task of a suite under a policy."""

    suite: Any
    bundle: AgentBundle
    judge: Judge
    goal: str
    declared: DeclaredPlan | None = None

    def __post_init__(self) -> None:
        self.runtime = FunctionsRuntime(self.suite.tools)

    def replay(
        self,
        environment: Any,
        user_calls: list[FunctionCall],
        injected_calls: list[FunctionCall],
        text: str,
        order: Order,
    ) -> Replay:
        """Make the calls one by one, each judged on all that was read before it."""
        flows = RunFlows(self.bundle, self.goal, None, self.declared)
        replay, denied = Replay(environment), list[DeniedGoal]()
        pending = deque((call, True) for call in user_calls)
        step = 0
        while pending:
            call, is_users = pending.popleft()
            result = self._take(flows, replay, denied, (step, call, is_users))
            step += 1
            if text and not replay.was_injected and text in _as_read(result):
                replay.was_injected = True
                injected = [(one, False) for one in injected_calls]
                (pending.extendleft(reversed(injected)) if order == "at_once" else pending.extend(injected))
        return replay

    def _take(
        self, flows: RunFlows, replay: Replay, denied: list[DeniedGoal], order: tuple[int, FunctionCall, bool]
    ) -> Any:
        step, call, is_users = order
        arguments = dict(as_json(dict(call.args)))
        asked = Asked(self.bundle, flows, call.function, arguments, denied)
        verdict = self.judge(asked)
        if not _passes(verdict, replay, call, is_users=is_users):
            goal = goal_of(asked.contract, arguments)
            by: Literal["person", "policy"] = "person" if verdict is Verdict.REQUIRE_APPROVAL else "policy"
            denied.append(
                DeniedGoal(goal=goal, tool=ToolName(call.function), by=by, reason="injected", step=step, call=0)
            )
            return None
        result, error = self.runtime.run_function(replay.environment, call.function, call.args)
        replay.made.append(call)
        content = {"error": error} if error else as_json(result)
        flows.observe(_entries(step, call.function, arguments, content, is_failure=bool(error)))
        return content


def _passes(verdict: Verdict, replay: Replay, call: FunctionCall, *, is_users: bool) -> bool:
    """Play the person: grant what the user's task needs, deny what a text asked for."""
    if verdict is Verdict.ALLOW:
        return True
    if verdict is Verdict.DENY:
        replay.denied += 1
        return False
    if is_users:
        replay.asked_for_user += 1
        replay.held_up.append(f"{call.function} {dict(call.args)}"[:160])
        return True
    replay.asked_for_injection += 1
    return False


def _as_read(result: Any) -> str:
    return json.dumps(result, ensure_ascii=False).replace("\\n", "\n").replace('\\"', '"')


def _entries(
    step: int, tool: str, arguments: dict[str, Any], content: Any, *, is_failure: bool
) -> Iterator[Observation]:
    proposed = {"kind": "calls", "calls": [{"tool": tool, "arguments": arguments}]}
    yield Observation(n=2 * step, step=step, kind="proposal", content={"proposed": proposed})
    yield Observation(
        n=2 * step + 1,
        step=step,
        kind="failure" if is_failure else "result",
        tool=ToolName(tool),
        content=content,
        labels=Labels(sources=(f"tool:{tool}#{step}",)),
    )
