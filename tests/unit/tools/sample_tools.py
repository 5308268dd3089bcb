"""Functions that behave as tools do, well and badly."""

import asyncio
import threading
import time
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, Field

from proctor.tools.authoring import OutcomeUnknown, ToolFailed, ToolResources

done: list[str] = []
"""What really happened, for the tests to look at."""
began = threading.Event()


class Money(BaseModel):
    amount: Annotated[int, Field(ge=0)]
    currency: str = "EUR"


def pay(price: Money, on: date, idempotency_key: str, note: str = "none") -> dict[str, Any]:
    """Pay a price."""
    return {"type": type(price).__name__, "year": on.year, "key": idempotency_key, "note": note}


def probe(idempotency_key: str) -> dict[str, Any]:
    return {"happened": True, "key": idempotency_key}


async def setting(name: str, resources: ToolResources) -> str:
    return resources.setting(name)


async def give(value: Any) -> Any:
    return value


def give_much(size: int) -> dict[str, Any]:
    return {"id": "R-7", "text": "x" * size}


def give_object() -> object:
    return object()


async def fail(retryable: bool) -> None:
    raise ToolFailed("the door is shut", retryable=retryable)


async def doubt() -> None:
    raise OutcomeUnknown("no idea")


async def break_down() -> None:
    raise ZeroDivisionError("division by zero")


def leave() -> None:
    raise SystemExit(3)


def disconnect() -> None:
    raise ConnectionError("gone")


async def sleep(seconds: float, mark: str) -> str:
    await asyncio.sleep(seconds)
    done.append(mark)
    return mark


async def shrug_off_cancellation(seconds: float) -> str:
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        await asyncio.sleep(seconds)
    return "late"


def block(seconds: float, mark: str) -> str:
    began.set()
    time.sleep(seconds)
    done.append(mark)
    return mark


def untyped(value) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    del value


def spread(*values: int) -> None:
    del values
