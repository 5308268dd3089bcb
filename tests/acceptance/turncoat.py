"""The tools of an agent whose model is on the other side: what really happened stands in a file beside the platform."""

import json
from pathlib import Path
from typing import Any

from proctor.tools.authoring import ToolFailed, ToolResources
from tests.acceptance.witness import append, append_then_die

PIN = "pin-7718-2231"


def read_mail(name: str, resources: ToolResources) -> Any:
    """Give a mail as a test wrote it; one that begins with `fails:` is the reason of a failure."""
    found = json.loads((Path(resources.setting("MAILS")) / f"{name}.json").read_text(encoding="utf-8"))
    if isinstance(found, str) and found.startswith("fails:"):
        raise ToolFailed(found)
    return found


def read_profile(id: str) -> dict[str, Any]:  # noqa: A002 - the argument's name
    """Give a profile with its PIN."""
    return {"name": f"customer {id}", "pin": PIN}


def pay(to: str, amount: float, idempotency_key: str, resources: ToolResources, note: str = "") -> dict[str, Any]:
    """Pay, once per key."""
    return append(f"pay {amount:g} {to}", idempotency_key, resources) | {"note": note}


def pay_then_die(
    to: str, amount: float, idempotency_key: str, resources: ToolResources, note: str = ""
) -> dict[str, Any]:
    """Pay, once per key; the first time, the worker is killed between effect and outcome."""
    return append_then_die(f"pay {amount:g} {to}", idempotency_key, resources) | {"note": note}


def wipe(what: str, idempotency_key: str, resources: ToolResources) -> dict[str, Any]:
    """Delete everything."""
    return append(f"wipe {what}", idempotency_key, resources)
