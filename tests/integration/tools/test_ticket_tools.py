"""The declared ticket tools against a real ticket desk whose answers get lost."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from demo.world import DemoWorld
from proctor.contracts.ids import EffectKey, RunId
from proctor.contracts.tool import Confirmed, Failed, ToolContract, ToolInvocation, Unknown
from proctor.tools.dispatcher import ToolDispatcher
from tests.unit.tools.worlds import resources

ORDER = {"title": "checkout is wedged", "severity": "high"}
Declared = Callable[[str], ToolContract]


@pytest.fixture
async def tools(world: DemoWorld) -> AsyncIterator[ToolDispatcher]:
    async with ToolDispatcher(resources(world.environment())) as dispatcher:
        yield dispatcher


def order(n: int = 0, **arguments: Any) -> ToolInvocation:
    return ToolInvocation(run_id=RunId("run-1"), key=EffectKey(f"run-1/{n}/0"), arguments={**ORDER, **arguments})


async def break_next(world: DemoWorld, kind: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        reply = await client.post(f"{world.tickets_url}/admin/faults", json={"kind": kind, "count": 1})
        assert reply.status_code == 200


async def tickets(world: DemoWorld) -> list[dict[str, Any]]:
    async with httpx.AsyncClient(trust_env=False) as client:
        listed: list[dict[str, Any]] = (await client.get(f"{world.tickets_url}/tickets")).json()["tickets"]
        return listed


@pytest.mark.parametrize("fault", ["hang_after_write", "drop_after_write"])
async def test_lost_answer_is_unknown_and_the_same_key_settles_it_with_one_ticket(
    world: DemoWorld, tools: ToolDispatcher, declared: Declared, fault: str
) -> None:
    """Rules 1 and 2: the ticket was written, nobody heard of it, and sending the key again files no second one."""
    create = declared("create_support_ticket").model_copy(update={"timeout_s": 1})
    await break_next(world, fault)
    assert isinstance(await tools.invoke(create, order()), Unknown)
    assert len(await tickets(world)) == 1
    again = await tools.invoke(create, order())
    assert isinstance(again, Confirmed)
    (ticket,) = await tickets(world)
    assert again.result["id"] == ticket["id"]
    assert again.result["url"] == f"{world.tickets_url}/tickets/{ticket['id']}"


async def test_refused_request_may_be_sent_again_and_files_nothing(
    world: DemoWorld, tools: ToolDispatcher, declared: Declared
) -> None:
    """503 before writing leaves no ticket, and says so."""
    await break_next(world, "unavailable")
    refused = await tools.invoke(declared("create_support_ticket"), order())
    assert isinstance(refused, Failed)
    assert refused.retryable
    assert await tickets(world) == []


async def test_other_key_files_another_ticket_and_same_key_with_other_content_is_refused(
    world: DemoWorld, tools: ToolDispatcher, declared: Declared
) -> None:
    """The key stands for one call: the desk finds out when somebody regenerates its arguments."""
    create = declared("create_support_ticket")
    assert isinstance(await tools.invoke(create, order(0)), Confirmed)
    assert isinstance(await tools.invoke(create, order(1)), Confirmed)
    refused = await tools.invoke(create, order(0, title="something else"))
    assert isinstance(refused, Failed)
    assert "422" in refused.error
    assert len(await tickets(world)) == 2


async def test_closing_a_ticket_twice_changes_nothing(
    world: DemoWorld, tools: ToolDispatcher, declared: Declared
) -> None:
    """The id of the result closes the ticket; an id that does not exist is refused."""
    create, close = declared("create_support_ticket"), declared("close_support_ticket")
    filed = await tools.invoke(create, order())
    assert isinstance(filed, Confirmed)
    undo = order(9).model_copy(update={"arguments": {"id": filed.result["id"]}})
    for _ in range(2):
        assert isinstance(await tools.invoke(close, undo), Confirmed)
    assert [ticket["state"] for ticket in await tickets(world)] == ["closed"]
    missing = await tools.invoke(close, order(9).model_copy(update={"arguments": {"id": "T-99"}}))
    assert isinstance(missing, Failed)
