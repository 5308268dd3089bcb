"""The greeter's one tool: the smallest effect that can be seen, a line in a file."""

import fcntl
import json
import tempfile
from pathlib import Path
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from proctor.tools.authoring import ToolResources


class Greeting(TypedDict):
    """A greeting that was sent."""

    text: str
    outbox: str


def send_greeting(
    name: Annotated[str, Field(min_length=1, max_length=80)], idempotency_key: str, resources: ToolResources
) -> Greeting:
    """Write a greeting into the outbox; the same key writes it once."""
    default = Path(tempfile.gettempdir()) / "proctor-greetings.jsonl"
    outbox = Path(resources.environment.get("GREETINGS", str(default)))
    text = f"Hello, {name}!"
    with outbox.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if all(json.loads(line)["key"] != idempotency_key for line in file):
            file.write(json.dumps({"key": idempotency_key, "text": text}) + "\n")
    return Greeting(text=text, outbox=str(outbox))
