"""Tools that have a credential, and say it where they should not."""

import logging
from typing import Any

from proctor.contracts.credentials import Secret
from proctor.tools.authoring import ToolFailed, ToolResources

_log = logging.getLogger(__name__)


async def by_parameter(note: str, token: Secret) -> dict[str, Any]:
    return {"note": note, "repr": repr(token), "length": len(token.reveal())}


async def by_name(name: str, resources: ToolResources) -> dict[str, Any]:
    secret = await resources.secret(name)
    return {"length": len(secret.reveal())}


async def echo(resources: ToolResources) -> dict[str, Any]:
    value = (await resources.secret("tickets")).reveal()
    return {"said": f"I used {value}!", value: 1, "deep": [{"url": f"https://x/?k={value}"}], "pin": int("4217004217")}


async def shout(resources: ToolResources) -> None:
    value = (await resources.secret("tickets")).reveal()
    _log.error("the token is %s", value)
    raise ValueError(f"no such token: {value}")


async def refuse(resources: ToolResources) -> None:
    raise ToolFailed(f"refused with {(await resources.secret('tickets')).reveal()}")
