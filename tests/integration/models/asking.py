"""Situations that a model is asked about."""

from decimal import Decimal
from typing import Any

from proctor.contracts.manifest import ModelPlannerSpec
from proctor.contracts.planning import Situation
from proctor.contracts.tool import Effect
from tests.unit.models.worlds import contract, situation

READ = contract("ReadLog", service={"type": "string"}, lines={"type": "integer", "minimum": 1})
PAY = contract("Pay", amount={"type": "integer", "minimum": 1}).model_copy(update={"effect": Effect.WRITE})
GOOD = {"service": "checkout", "lines": 5}
MODELS = ["openai-chat:gpt-4o", "openai:gpt-4o", "anthropic:claude-sonnet-5", "local:gpt-4o"]


def ask(model: str = "openai-chat:gpt-4o", **fields: Any) -> Situation:
    """Make a situation; `spec` overrides the planner's settings."""
    free = {} if not model.startswith("local") else {"input": Decimal(1), "output": Decimal(2)}
    prices = {f"price_per_million_{way}_usd": price for way, price in free.items()}
    spec = ModelPlannerSpec.model_validate(
        {"model": model, "instructions": "Be careful.", "max_output_tokens": 200, **prices, **fields.pop("spec", {})}
    )
    return situation(spec, tools=fields.pop("tools", (READ,)), **fields)
