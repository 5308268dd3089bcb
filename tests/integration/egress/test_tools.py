"""Tools reach what their contract names: an HTTP tool its base URL, a Python tool its entries, and nothing else."""

from typing import Any

from proctor.contracts.tool import Confirmed, Effect, Failed, ToolContract, ToolOutcome, Unknown
from proctor.tools.authoring import ToolResources
from proctor.tools.dispatcher import ToolDispatcher
from proctor.tools.egress.clients import EgressClients
from tests.integration.egress.test_client import FakeResolver, port_of
from tests.integration.tools.servers import answering, serving
from tests.unit.tools.worlds import FakeKnowledge, call, contract


def tools(base: str, *answers: list[str]) -> ToolDispatcher:
    clients = EgressClients(resolver=FakeResolver(*answers))
    return ToolDispatcher(ToolResources(FakeKnowledge(), {"BASE": base}, clients=clients))


def http_tool(effect: Effect = Effect.WRITE, **more: Any) -> ToolContract:
    how = {"kind": "http", "method": "POST", "base_url": "env:BASE", "path": "/things"}
    return contract(effect, implementation=how, **more)


def python_tool(effect: Effect = Effect.READ, *egress: dict[str, Any]) -> ToolContract:
    function = "tests.integration.egress.fetching:fetch"
    return contract(effect, implementation={"kind": "python", "function": function}, egress=egress)


async def named(tool: ToolContract, address: str) -> tuple[ToolOutcome, int]:
    """Call an HTTP tool whose base URL is a name with this address; gives the outcome and what was sent."""
    async with (
        serving(answering(200, {"ok": True})) as server,
        tools(f"http://kb.test:{port_of(server.url)}", [address]) as dispatcher,
    ):
        return await dispatcher.invoke(tool, call()), len(server.heads)


async def test_base_url_of_a_name_that_is_not_public_needs_an_entry() -> None:
    """Otherwise whoever answers for the name chooses what inside of our network is called."""
    outcome, sent = await named(http_tool(), "127.0.0.1")
    assert isinstance(outcome, Failed)
    assert ("127.0.0.1 is not a public address" in outcome.error, outcome.retryable, sent) == (True, False, 0)


async def test_entry_for_the_base_url_speaks_for_it() -> None:
    """Its networks are meant, in place of public addresses and not besides them."""
    async with serving(answering(200, {"ok": True})) as server:
        port = port_of(server.url)
        entry = {"scheme": "http", "host": "kb.test", "port": port, "cidrs": ["127.0.0.0/8"]}
        for address, kind in (("127.0.0.1", Confirmed), ("93.184.216.34", Failed)):
            async with tools(f"http://kb.test:{port}", [address]) as dispatcher:
                assert isinstance(await dispatcher.invoke(http_tool(egress=[entry]), call()), kind)
        narrow = {**entry, "path_prefix": "/other"}
        async with tools(f"http://kb.test:{port}", ["127.0.0.1"]) as dispatcher:
            outcome = await dispatcher.invoke(http_tool(egress=[narrow]), call())
        assert isinstance(outcome, Failed)
        assert "no prefix" in outcome.error
    assert 1 == len(server.heads)


async def test_python_tool_reaches_its_entries_alone() -> None:
    """Each call sees the client of its own contract."""
    async with serving(answering(200, {})) as server, tools(server.url) as dispatcher:
        listed = python_tool(Effect.READ, {"host": "env:BASE"})
        assert isinstance(await dispatcher.invoke(listed, call(url=f"{server.url}/x")), Confirmed)
        for tool, url in ((python_tool(), server.url), (listed, "http://127.0.0.1:9/"), (listed, "http://evil.test/")):
            outcome = await dispatcher.invoke(tool, call(url=url))
            assert isinstance(outcome, Failed)
            assert "no entry names" in outcome.error
            assert outcome.error.endswith("name the place in the tool's egress entries")
            assert not outcome.retryable
        effect = await dispatcher.invoke(python_tool(Effect.WRITE), call(url=server.url))
        assert isinstance(effect, Unknown), "what else the function did is not known"
    assert 1 == len(server.heads)


async def test_policy_is_told_the_hosts_that_the_client_would_reach() -> None:
    """And one that no list can mean where that is not known."""
    dispatcher = tools("http://kb.test:81/api")
    entries = ({"host": "env:BASE"}, {"host": "wiki.test"}, {"host": "*.cdn.test"})
    assert ("kb.test:81", "wiki.test", "_anyone.cdn.test") == dispatcher.egress_hosts(
        python_tool(Effect.READ, *entries), {}
    )
    assert () == dispatcher.egress_hosts(python_tool(), {})
    assert ("unusable.invalid",) == dispatcher.egress_hosts(python_tool(Effect.READ, {"host": "env:NOT_SET"}), {})
    assert ("kb.test:81",) == dispatcher.egress_hosts(http_tool(), {})
    for odd in (
        "http://kb.test./",
        "http://127.1/",
        "http://u@kb.test/",
        "http://kb.test\\x/",
        "http://kb.test/?q",
        "ftp://kb.test/",
    ):
        assert ("BASE.invalid",) == tools(odd).egress_hosts(http_tool(), {})
        assert tools(odd).problems(http_tool())
    assert "NOT_SET is not set" in dispatcher.problems(python_tool(Effect.READ, {"host": "env:NOT_SET"}))[0]
