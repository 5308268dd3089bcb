"""What the tests of the tools share: contracts, invocations, and an empty corpus."""

from collections.abc import Mapping, Sequence
from typing import Any

from proctor.contracts.ids import EffectKey, RunId, ToolName
from proctor.contracts.tool import Effect, ToolContract, ToolInvocation
from proctor.tools.authoring import ToolResources

KEY = EffectKey("run-1/0/0")


class FakeKnowledge:
    """Answers every search with the documents it was made with, and remembers what was asked."""

    def __init__(self, documents: Sequence[dict[str, Any]] = ()) -> None:
        self.documents = list(documents)
        self.asked: list[tuple[str, int]] = []

    async def search(self, query: str, limit: int) -> list[dict[str, Any]]:
        self.asked.append((query, limit))
        return self.documents[:limit]

    async def load(self, documents: Sequence[dict[str, str]]) -> int:
        self.documents = [dict(document) for document in documents]
        return len(documents)


def resources(environment: Mapping[str, str] | None = None) -> ToolResources:
    return ToolResources(FakeKnowledge(), environment or {})


def call(**arguments: Any) -> ToolInvocation:
    return ToolInvocation(run_id=RunId("run-1"), key=KEY, arguments=arguments)


def contract(effect: Effect = Effect.READ, **fields: Any) -> ToolContract:
    return ToolContract.model_validate({"name": ToolName("Probe"), "input_schema": {}, "effect": effect, **fields})


def python_tool(function: str, effect: Effect = Effect.READ, **fields: Any) -> ToolContract:
    return contract(effect, implementation={"kind": "python", "function": f"{sample_module()}:{function}"}, **fields)


def sample_module() -> str:
    return "tests.unit.tools.sample_tools"
