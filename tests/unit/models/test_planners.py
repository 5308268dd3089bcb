"""Which planner a run gets, and what the parts around a model insist on."""

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from genai_prices import Usage

from proctor.contracts.errors import PlannerFailed
from proctor.contracts.manifest import ModelPlannerSpec
from proctor.contracts.planning import FinalProposal
from proctor.models.access import ModelAccess
from proctor.models.model import ModelPlanner
from proctor.models.planners import PlannerRouter
from proctor.models.price import price_usd
from tests.unit.models.worlds import FakeTranscript, contract, situation

PLAYBOOK = {"steps": [{"finish": {"outcome": "completed"}}]}


def spec(model: str = "openai:gpt-4o", **fields: Any) -> ModelPlannerSpec:
    return ModelPlannerSpec(model=model, instructions="x", **fields)


async def test_playbook_agent_gets_the_playbook_planner_for_free() -> None:
    """A playbook costs nothing, so nothing is reserved for it."""
    router, now = PlannerRouter(), situation(PLAYBOOK)
    assert router.estimate_cost_usd(now) == 0
    assert (await router.propose(now, FakeTranscript())).proposed == FinalProposal(outcome="completed", report={})
    await router.aclose()


def test_playbook_worker_never_loads_the_model_libraries() -> None:
    """They take about a second and 60 MB, which a worker without models must not pay."""
    heavy = ["anthropic", "genai_prices", "httpx2", "openai", "pydantic_ai"]
    code = (
        f"import sys, proctor.models.planners as p; p.PlannerRouter(); print([m for m in {heavy} if m in sys.modules])"
    )
    root = Path(__file__).parents[3]
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert ran.stdout.strip() == "[]"


async def test_model_agent_without_a_key_fails_with_the_variable_to_set() -> None:
    """The operator reads what to do, and nothing was sent."""
    router = PlannerRouter()
    with pytest.raises(PlannerFailed) as caught:
        await router.propose(situation(spec()), FakeTranscript())
    assert "OPENAI_API_KEY" in caught.value.hint
    await router.aclose()


async def test_agent_without_a_planner_fails() -> None:
    """A manifest may validate without a planner; a run cannot go on without one."""
    now = situation(PLAYBOOK)
    manifest = now.bundle.manifest.model_copy(update={"planner": None})
    now = now.model_copy(update={"bundle": now.bundle.model_copy(update={"manifest": manifest})})
    with pytest.raises(PlannerFailed, match="no planner"):
        await PlannerRouter().propose(now, FakeTranscript())


def test_key_is_sent_only_where_its_owner_said() -> None:
    """A manifest cannot send the operator's key to an address of its own."""
    access = ModelAccess.from_environment({"OPENAI_API_KEY": "k", "OPENAI_BASE_URL": "https://proxy.example/v1"})
    with pytest.raises(PlannerFailed, match="would send the openai key"):
        access.endpoint(spec(base_url="https://evil.example/v1"))
    for allowed in (spec(), spec("openai-chat:gpt-4o", base_url="https://proxy.example/v1")):
        assert access.endpoint(allowed).base_url == "https://proxy.example/v1"


def test_compatible_endpoint_has_a_key_of_its_own() -> None:
    """A provider name of one's own takes `NAME_API_KEY`, never another's."""
    access = ModelAccess.from_environment({"OPENAI_API_KEY": "k", "MY_GPU_API_KEY": "mine"})
    found = access.endpoint(spec("my-gpu:qwen3", base_url="http://10.0.0.5/v1"))
    assert found.api_key is not None
    assert found.api_key.get_secret_value() == "mine"
    with pytest.raises(PlannerFailed, match="no address"):
        access.endpoint(spec("my-gpu:qwen3"))


def test_keys_do_not_show_in_representations() -> None:
    """A key in a log line or a traceback is a leak."""
    access = ModelAccess.from_environment({"OPENAI_API_KEY": "sk-very-secret"})
    assert "very-secret" not in repr(access) + repr(access.endpoint(spec()))


def test_known_price_is_taken_from_the_table_and_the_manifest_beats_it() -> None:
    """A million tokens each way of a model with a listed price, and of the same with its own."""
    million = Usage(input_tokens=1_000_000, output_tokens=1_000_000)
    assert Decimal("12.5") == price_usd(spec(), million)
    own = spec(price_per_million_input_usd=Decimal(1), price_per_million_output_usd=Decimal(2))
    assert Decimal(3) == price_usd(own, million)


@pytest.mark.parametrize("model", ["local:qwen3", "openai:not-a-model"])
async def test_model_without_a_price_is_refused_before_it_is_called(model: str) -> None:
    """Unknown cost is not zero cost: it would pass every budget."""
    planner = ModelPlanner(ModelAccess(base_urls={"local": "http://127.0.0.1:9/v1"}))
    now = situation(spec(model))
    with pytest.raises(PlannerFailed, match="price"):
        planner.estimate_cost_usd(now)
    with pytest.raises(PlannerFailed, match="price"):
        await planner.propose(now, FakeTranscript())


def test_estimate_grows_with_what_the_next_prompt_holds_and_with_repairs() -> None:
    """History, results to come, output limit and repairs all count."""
    planner = ModelPlanner(ModelAccess())

    def estimate(cursor: dict[str, int], **fields: Any) -> Decimal:
        return planner.estimate_cost_usd(situation(spec(**fields), cursor=cursor))

    base = estimate({})
    assert base > 0
    assert estimate({"history_bytes": 10_000}) > base
    assert estimate({"open_results": 3}) > base
    assert estimate({}, max_output_tokens=9000) > base
    assert estimate({}, max_repairs=5) > base


def test_estimate_holds_every_answer_of_every_repair_at_its_longest() -> None:
    """With free input and 1 USD per million output, three answers of 5,000 tokens are bounded by 0.015 USD."""
    paid = spec(
        max_repairs=2,
        max_output_tokens=5000,
        price_per_million_input_usd=Decimal(0),
        price_per_million_output_usd=Decimal(1),
    )
    assert Decimal("0.015") == ModelPlanner(ModelAccess()).estimate_cost_usd(situation(paid))


async def test_tool_with_the_name_of_an_answer_is_refused() -> None:
    """`finish` ends the run; a tool of that name would be called by it."""
    with pytest.raises(PlannerFailed, match="may not be called finish"):
        ModelPlanner(ModelAccess()).estimate_cost_usd(situation(spec(), tools=(contract("finish"),)))
