"""Runs inside a sandbox: one call of a Python function that nobody trusts, JSON in and JSON out."""

import asyncio
import json
import os
import sys
from typing import Any

from pydantic_core import PydanticSerializationError, to_jsonable_python

from proctor.contracts.errors import InvalidInput
from proctor.tools.authoring import ToolFailed
from proctor.tools.signature import IDEMPOTENCY_KEY, RESOURCES, load_signature


def main() -> None:
    """Read the call from standard input, make it, and write its answer; what the function prints goes elsewhere."""
    answers = os.dup(1)
    os.dup2(2, 1)
    answer = _answer(json.load(sys.stdin))
    sys.stdout.flush()
    with os.fdopen(answers, "w", encoding="utf-8") as out:
        json.dump(answer, out)
    # Threads that the function left behind do not keep the call from ending.
    os._exit(0)


def _answer(call: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"value": to_jsonable_python(_called(call))}
    except ToolFailed as error:
        return {"error": str(error), "retryable": error.retryable}
    except InvalidInput as error:
        return {"error": error.diagnostics()}
    except (PydanticSerializationError, ValueError) as error:
        return {"error": f"the result is not JSON: {error}"}


def _called(call: dict[str, Any]) -> Any:
    signature = load_signature(call["function"], is_read=call["is_read"])
    if RESOURCES in signature.injected:
        raise InvalidInput("it asks for resources, of which a sandbox has none")
    arguments = signature.bind(call["arguments"])
    if IDEMPOTENCY_KEY in signature.injected:
        arguments[IDEMPOTENCY_KEY] = call["key"]
    try:
        given = signature.function(**arguments)
        return asyncio.run(given) if signature.is_async else given
    except ToolFailed:
        raise
    except BaseException as error:
        # A function that calls sys.exit(), too, has an error to tell.
        raise ToolFailed(f"{type(error).__name__}: {error}") from error
