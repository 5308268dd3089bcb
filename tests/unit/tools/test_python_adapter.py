"""Python tools: what each ending of a function means for the outcome."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from proctor.contracts.labels import Integrity
from proctor.contracts.tool import Confirmed, Effect, Failed, ToolContract, ToolInvocation, ToolOutcome, Unknown
from proctor.tools.dispatcher import ToolDispatcher
from proctor.tools.results import confirm
from tests.unit.tools import sample_tools
from tests.unit.tools.worlds import KEY, call, contract, python_tool, resources

OBJECT = {"type": "object", "required": ["id"]}


async def invoke(tool: ToolContract, invocation: ToolInvocation) -> ToolOutcome:
    async with ToolDispatcher(resources({"TOKEN": "t-1"})) as tools:
        return await tools.invoke(tool, invocation)


async def cancel_in_flight(tool: ToolContract, **arguments: Any) -> tuple[ToolOutcome, float]:
    """Cancel a call shortly after it began; gives its outcome and how long it took after that."""
    async with ToolDispatcher(resources()) as tools:
        running = asyncio.create_task(tools.invoke(tool, call(**arguments)))
        await asyncio.sleep(0.05)
        started = time.monotonic()
        running.cancel()
        return await running, time.monotonic() - started


async def test_plain_function_gets_typed_arguments_and_the_effects_key() -> None:
    """The key of the recorded plan reaches the function; the model cannot choose it."""
    outcome = await invoke(python_tool("pay", Effect.WRITE), call(price={"amount": 1}, on="2026-01-02"))
    assert isinstance(outcome, Confirmed)
    assert outcome.result == {"type": "Money", "year": 2026, "key": KEY, "note": "none"}


async def test_result_is_labelled_untrusted_with_its_source() -> None:
    """Nothing that a tool says may steer an effect unchecked."""
    outcome = await invoke(python_tool("give"), call(value=1))
    assert isinstance(outcome, Confirmed)
    assert (outcome.labels.integrity, outcome.labels.sources) == (Integrity.UNTRUSTED, ("tool:Probe",))


async def test_resources_are_injected() -> None:
    """A tool reads settings from what it is given."""
    outcome = await invoke(python_tool("setting"), call(name="TOKEN"))
    assert isinstance(outcome, Confirmed)
    assert outcome.result == "t-1"


@pytest.mark.parametrize("effect", list(Effect))
async def test_tool_failed_is_a_failure_of_any_effect(effect: Effect) -> None:
    """`ToolFailed` is the author's word that nothing happened."""
    assert Failed(error="the door is shut", retryable=True) == await invoke(
        python_tool("fail", effect), call(retryable=True)
    )


@pytest.mark.parametrize("function", ["break_down", "doubt", "leave", "disconnect"])
async def test_any_other_exception_leaves_an_effect_unknown(function: str) -> None:
    """An exception does not say when it came: the effect may have happened."""
    assert isinstance(await invoke(python_tool(function, Effect.WRITE), call()), Unknown)


@pytest.mark.parametrize(
    ("function", "retryable"), [("break_down", False), ("doubt", True), ("leave", False), ("disconnect", True)]
)
async def test_any_other_exception_fails_a_read(function: str, retryable: bool) -> None:
    """A defect is not tried again; a broken connection is."""
    outcome = await invoke(python_tool(function), call())
    assert isinstance(outcome, Failed)
    assert retryable == outcome.retryable


@pytest.mark.parametrize("function", ["sleep", "block"])
async def test_time_out_leaves_an_effect_unknown_and_fails_a_read(function: str) -> None:
    """The time-out of the contract holds for coroutines and for threads, which cannot be stopped."""
    arguments = call(seconds=0.6, mark="late")
    assert isinstance(await invoke(python_tool(function, Effect.WRITE, timeout_s=0.1), arguments), Unknown)
    outcome = await invoke(python_tool(function, timeout_s=0.1), arguments)
    assert isinstance(outcome, Failed)
    assert outcome.retryable


async def test_cancelled_coroutine_stops_at_once_and_is_unknown() -> None:
    """A kill does not wait for a coroutine."""
    outcome, took = await cancel_in_flight(python_tool("sleep", Effect.WRITE), seconds=5, mark="never")
    assert isinstance(outcome, Unknown)
    assert took < 2
    assert "never" not in sample_tools.done


async def test_coroutine_that_ignores_cancellation_is_left_behind() -> None:
    """A tool that shrugs off cancellation holds nobody up."""
    outcome, took = await cancel_in_flight(python_tool("shrug_off_cancellation", Effect.WRITE), seconds=5)
    assert isinstance(outcome, Unknown)
    assert took < 3


async def test_cancelled_thread_is_followed_to_its_end_and_says_what_it_did() -> None:
    """What cannot be stopped is reported as it ended, not as unknown."""
    outcome, _ = await cancel_in_flight(python_tool("block", Effect.WRITE), seconds=0.3, mark="finished anyway")
    assert isinstance(outcome, Confirmed)
    assert outcome.result == "finished anyway"
    assert "finished anyway" in sample_tools.done


async def test_call_that_is_cancelled_before_it_begins_raises() -> None:
    """Nothing left the process: the caller may say so."""
    async with ToolDispatcher(resources()) as tools:
        running = asyncio.create_task(tools.invoke(python_tool("sleep", Effect.WRITE), call(seconds=0, mark="early")))
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert "early" not in sample_tools.done


async def test_hanging_thread_does_not_hold_up_other_tools() -> None:
    """Each plain function has a thread of its own, so a full pool cannot exist."""
    async with ToolDispatcher(resources()) as tools:
        hanging = python_tool("block", timeout_s=0.2)
        stuck = [asyncio.create_task(tools.invoke(hanging, call(seconds=3, mark="stuck"))) for _ in range(40)]
        started = time.monotonic()
        await tools.invoke(python_tool("block"), call(seconds=0, mark="quick"))
        assert time.monotonic() - started < 2
        await asyncio.gather(*stuck)


async def test_mismatch_with_the_output_schema_fails_a_read_and_is_named_in_an_effects_result() -> None:
    """An effect with an odd result happened all the same, and must be compensable."""
    outcome = await invoke(python_tool("give", output_schema=OBJECT), call(value={"no": 1}))
    assert isinstance(outcome, Failed)
    outcome = await invoke(python_tool("give", Effect.WRITE, output_schema=OBJECT), call(value={"no": 1}))
    assert isinstance(outcome, Confirmed)
    assert outcome.result["no"] == 1
    assert "id" in outcome.result["_schema_error"]


async def test_oversize_result_fails_a_read_and_truncates_an_effects() -> None:
    """The store takes 256 KiB; the id that a compensation needs is kept."""
    outcome = await invoke(python_tool("give_much"), call(size=300_000))
    assert isinstance(outcome, Failed)
    assert "262144" in outcome.error
    outcome = await invoke(python_tool("give_much", Effect.WRITE), call(size=300_000))
    assert isinstance(outcome, Confirmed)
    assert (outcome.result["id"], outcome.result["_truncated"]) == ("R-7", True)
    assert "text" not in outcome.result


@pytest.mark.parametrize("value", [2**60, float("nan"), "half \ud800 pair"], ids=["big", "nan", "surrogate"])
async def test_value_that_cannot_be_stored_is_no_result(value: Any) -> None:
    """What has no canonical form has no digest, so it can be neither stored nor bound to an approval."""
    assert isinstance(await invoke(python_tool("give"), call(value=value)), Failed)
    outcome = await invoke(python_tool("give", Effect.WRITE), call(value=value))
    assert isinstance(outcome, Confirmed)
    assert "_schema_error" in outcome.result


@pytest.mark.parametrize("value", [10**5000, "deep"], ids=["long", "deep"])
def test_value_that_cannot_even_be_written_is_the_result_of_an_effect_that_happened(value: Any) -> None:
    """It came back, so nobody has to find out what became of the call."""
    if value == "deep":
        for _ in range(3000):
            value = [value]
    assert isinstance(confirm(python_tool("give", Effect.WRITE), value), Confirmed)
    assert isinstance(confirm(python_tool("give"), value), Failed)


async def test_object_that_is_not_json_is_no_result() -> None:
    """A function that returns anything but JSON types has a defect; its effect happened."""
    assert isinstance(await invoke(python_tool("give_object"), call()), Failed)
    assert isinstance(await invoke(python_tool("give_object", Effect.WRITE), call()), Confirmed)


async def test_arguments_that_do_not_fit_the_types_never_reach_the_function() -> None:
    """The contract's schema may be laxer than the function's types."""
    outcome = await invoke(python_tool("pay", Effect.WRITE), call(price={"amount": -1}, on="2026-01-02"))
    assert isinstance(outcome, Failed)
    assert "price.amount" in outcome.error
    assert isinstance(await invoke(python_tool("give"), call(value=1, extra=2)), Failed)


async def test_contract_without_implementation_cannot_be_called() -> None:
    """A contract for validation only is not an error of the adapter."""
    assert isinstance(await invoke(contract(), call()), Failed)


def test_contract_that_does_not_fit_its_function_is_found_before_a_call() -> None:
    """`problems` is what a check of the catalog asks."""
    tools = ToolDispatcher(resources())
    wrong = python_tool("probe", input_schema={"properties": {"key": {"type": "string"}}})
    assert tools.problems(wrong) == [
        "the function needs idempotency_key, which the input schema does not have",
        "the input schema has key, which the function does not take",
    ]
    assert tools.problems(python_tool("probe", input_schema={"properties": {"idempotency_key": {}}})) == []


class FakeBrokenAdapter:
    """An adapter with a defect."""

    kind = "python"

    async def invoke(self, contract: ToolContract, invocation: ToolInvocation) -> ToolOutcome:
        raise KeyError("defect")

    def egress_hosts(self, contract: ToolContract, arguments: dict[str, Any]) -> tuple[str, ...]:
        return ("host.example",)

    def problems(self, contract: ToolContract) -> list[str]:
        return []

    async def aclose(self) -> None:
        """Hold nothing."""


async def test_defect_of_an_adapter_is_an_outcome_and_not_an_exception() -> None:
    """The port never raises: an effect whose adapter broke may have happened."""
    async with ToolDispatcher(resources(), [FakeBrokenAdapter()]) as tools:
        assert isinstance(await tools.invoke(python_tool("give", Effect.WRITE), call()), Unknown)
        assert isinstance(await tools.invoke(python_tool("give"), call()), Failed)
        assert tools.egress_hosts(python_tool("give"), {}) == ("host.example",)


def test_hanging_thread_does_not_hold_up_the_end_of_the_process() -> None:
    """A worker that drains must not wait for a tool that will never end."""
    script = (
        "import asyncio\n"
        "from tests.unit.tools.worlds import call, python_tool, resources\n"
        "from proctor.tools.dispatcher import ToolDispatcher\n"
        "tool = python_tool('block', timeout_s=0.1)\n"
        "asyncio.run(ToolDispatcher(resources()).invoke(tool, call(seconds=20, mark='x')))\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[3], timeout=10, check=True)
