"""From what an MCP server answered to an outcome.

A tool's own error (`isError`) is an answer of a tool that ran, and it may have done a part before it failed: for an
effect it is unknown, unless a person who knows the server wrote `errors: failed` into the contract. An answer that the
tool was never run (no such method, no such tool, arguments that do not fit) is a failure. Whatever else came back, or
nothing at all, is a lost call.
"""

import base64
import binascii
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    InputRequiredResult,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from proctor.contracts.canonical import digest_bytes, summarize
from proctor.contracts.tool import Failed, McpImplementation, ToolContract, ToolOutcome, Unknown
from proctor.tools.mcp.flight import Flight
from proctor.tools.mcp.session import Answer
from proctor.tools.results import confirm, lost

NOT_RUN = (METHOD_NOT_FOUND, INVALID_PARAMS)
NOT_PROCESSED = (307, 308, 400, 401, 403, 404, 405, 406, 411, 413, 414, 415, 421, 422, 425, 426, 428, 429, 431)
"""Statuses by which an HTTP server says that it did not process a request."""
MAX_DEPTH = 64
MAY_PASS = (404, 425, 429)
"""404 is also how a server says that it no longer knows the session: the next attempt opens another."""


def judge(contract: ToolContract, answer: Answer) -> ToolOutcome:
    """Judge an answer of the tool."""
    if isinstance(answer, InputRequiredResult):
        return _stopped(contract, f"{contract.name} asks its caller for input, which no tool gets here")
    if answer.is_error:
        words = "\n".join(block.text for block in answer.content if isinstance(block, TextContent))
        return _stopped(contract, f"{contract.name}: {summarize(words, 400) or 'an error without words'}")
    return confirm(contract, result_of(contract, answer))


def judge_error(contract: ToolContract, error: MCPError, flight: Flight, why_ended: str) -> ToolOutcome:
    """Judge an error in place of an answer: the server's, or the connection's."""
    why = summarize(f"{contract.name}: {flight.refused or why_ended or error.message}", 400)
    if flight.refused:
        return Failed(error=why)
    if not flight.dispatched:
        return Failed(error=f"{why}; the call was not sent", retryable=True)
    if why_ended:
        return lost(contract, why)
    if flight.status in NOT_PROCESSED:
        return Failed(error=f"{why} (HTTP {flight.status})", retryable=flight.status in MAY_PASS)
    if error.code in NOT_RUN:
        return Failed(error=why)
    return lost(contract, why)


def result_of(contract: ToolContract, answer: CallToolResult) -> Any:
    """Give the result as JSON: the structured content, or else the texts joined and the other blocks described."""
    structured = _without_bytes(answer.structured_content, 0)
    if structured is not None and (contract.output_schema or not _others(answer)):
        return structured
    texts = [block.text for block in answer.content if isinstance(block, TextContent)]
    found: dict[str, Any] = {"text": "\n".join(texts)}
    if structured is not None:
        found["structured"] = structured
    if others := _others(answer):
        found["content"] = others
    return found


def _stopped(contract: ToolContract, why: str) -> ToolOutcome:
    assert isinstance(contract.implementation, McpImplementation)
    if contract.is_read or contract.implementation.errors == "failed":
        return Failed(error=why)
    return Unknown(error=summarize(f"{why}; a part of it may have happened", 500))


def _others(answer: CallToolResult) -> list[dict[str, Any]]:
    return [_described(block) for block in answer.content if not isinstance(block, TextContent)]


def _described(block: Any) -> dict[str, Any]:
    match block:
        case ImageContent() | AudioContent():
            return {"type": block.type, "mime_type": block.mime_type, **_measured(block.data)}
        case EmbeddedResource(resource=BlobResourceContents() as resource):
            about = {"type": "resource", "uri": str(resource.uri), "mime_type": resource.mime_type}
            return {**about, **_measured(resource.blob)}
        case EmbeddedResource(resource=TextResourceContents() as resource):
            about = {"type": "resource", "uri": str(resource.uri), "mime_type": resource.mime_type}
            return {**about, "text": resource.text}
        case ResourceLink():
            return {"type": "resource_link", "uri": str(block.uri), "name": block.name, "mime_type": block.mime_type}
    return {"type": str(getattr(block, "type", "unknown"))}


def _without_bytes(value: Any, depth: int) -> Any:
    """Replace encoded bytes by a text that tells them: servers repeat whole images in their structured content."""
    if depth > MAX_DEPTH:
        return value
    if isinstance(value, list):
        return [_without_bytes(part, depth + 1) for part in value]
    if not isinstance(value, dict):
        return value
    found = {name: _without_bytes(part, depth + 1) for name, part in value.items()}
    name = "data" if value.get("type") in {"image", "audio"} else "blob" if "uri" in value else ""
    if name and isinstance(value.get(name), str):
        told = _measured(value[name])
        found[name] = f"{told['bytes']} bytes, sha256 {told['sha256']}"
    return found


def _measured(encoded: str) -> dict[str, Any]:
    """Describe bytes by size and digest: they go neither into the store nor into a prompt."""
    try:
        body = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        body = encoded.encode()
    return {"bytes": len(body), "sha256": digest_bytes(body)}
