"""Contracts of the odd MCP server's tools, as a person reviewed them, and calls to them."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from proctor.contracts.ids import EffectKey, RunId, ToolName
from proctor.contracts.tool import Effect, McpImplementation, McpServer, ToolContract, ToolInvocation
from proctor.tools.mcp.said import digest_of
from tests.integration.tools.odd_mcp import said

KEY = EffectKey("run-1/2/0")
SCRIPT = str(Path(__file__).with_name("odd_mcp.py"))


def odd_server(environment: Mapping[str, str] | None = None) -> McpServer:
    """Give the server as a process."""
    return McpServer(name="odd", command=(sys.executable, "-I", SCRIPT), environment=dict(environment or {}))


def reviewed(server: McpServer, tool: str, **more: Any) -> ToolContract:
    """Give the contract of a tool, an effect unless told otherwise."""
    implementation = McpImplementation(
        server=server,
        tool=tool,
        reviewed=digest_of(said.get(tool, {})),
        errors=more.pop("errors", "unknown"),
    )
    fields = {"input_schema": {"type": "object"}, "output_schema": said.get(tool, {}).get("outputSchema", {})}
    return ToolContract(name=ToolName(f"odd_{tool}"), implementation=implementation, **{**fields, **more})


def reads(contract: ToolContract) -> ToolContract:
    """Give the same tool as one that only reads."""
    return contract.model_copy(update={"effect": Effect.READ})


def call(**arguments: Any) -> ToolInvocation:
    """Call with these arguments."""
    return ToolInvocation(run_id=RunId("run-1"), key=KEY, arguments=arguments)
