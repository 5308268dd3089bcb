"""Contract tests of every tool of the demo agents, against the demo world and the store of the installed product."""

import json
from dataclasses import replace
from pathlib import Path

from demo.world import DemoWorld
from tests.acceptance.conftest import ROOT, Product

OF_THE_DEMO = {
    "CloseSupportTicket",
    "CreateSupportTicket",
    "GetRestart",
    "GetServiceHealth",
    "ReadServiceLogs",
    "RestartService",
    "RestoreService",
    "SearchKB",
    "SendGreeting",
}


async def test_every_tool_of_the_demo_agents_keeps_its_contract(product: Product, short_folder: Path) -> None:
    """Reads and effects are really called; each call fits what the contract says of it, and none is left out."""
    async with DemoWorld(short_folder) as world:
        greetings = short_folder / "greetings.jsonl"
        environ = {**product.environ, **world.environment(), "GREETINGS": str(greetings)}
        installed = replace(product, environ={**environ, "PROCTOR_AGENTS": str(ROOT / "agents")})
        done = installed.call("tools", "test", "--live", "--output", "json")
        checks = json.loads(done.stdout)
        assert [] == [check for check in checks if check["level"] != "ok"], done.stderr
        assert 0 == done.returncode
        assert OF_THE_DEMO == {check["tool"] for check in checks if check["check"] == "live"}
        assert "Hello, Ada!" in greetings.read_text(encoding="utf-8")
