"""Audit heads in workflow history: witnesses of the chain that whoever can write to the database cannot change."""

import json
import re
from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import HistoryEvent

from proctor.contracts.ids import Digest
from proctor.contracts.run import AuditHead

RESULT_ATTRIBUTES = (
    "activity_task_completed_event_attributes",
    "marker_recorded_event_attributes",
    "workflow_execution_completed_event_attributes",
    "workflow_execution_continued_as_new_event_attributes",
    "workflow_execution_terminated_event_attributes",
)
"""Where our own code writes results, a kill among it. Signals and inputs come from outside and witness nothing."""

_DIGEST = re.compile(r"[0-9a-f]{64}")


def heads_of_event(event: HistoryEvent) -> list[AuditHead]:
    """Give every `"head": {"n", "hash"}` in the results that an event carries."""
    kind = event.WhichOneof("attributes")
    if kind not in RESULT_ATTRIBUTES:
        return []
    return [head for payload in _payloads(getattr(event, kind)) for head in _heads(_json(payload))]


def _payloads(message: Message) -> Iterator[Payload]:
    for field, value in message.ListFields():
        if field.type != field.TYPE_MESSAGE:
            continue
        for member in _members(value):
            if isinstance(member, Payload):
                yield member
            else:
                yield from _payloads(member)


def _members(value: Any) -> list[Message]:
    """Give the messages in a field: one, a list of them, or the values of a map."""
    if isinstance(value, Message):
        return [value]
    members = value.values() if hasattr(value, "values") else value
    return [member for member in members if isinstance(member, Message)]


def _json(payload: Payload) -> Any:
    try:
        return json.loads(payload.data)
    except ValueError:
        return None


def _heads(value: Any) -> Iterator[AuditHead]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        head = _head(member) if name == "head" else None
        if head is not None:
            yield head
        else:
            yield from _heads(member)


def _head(value: Any) -> AuditHead | None:
    if not isinstance(value, dict) or not isinstance(value.get("n"), int):
        return None
    digest = value.get("hash")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        return None
    return AuditHead(n=value["n"], hash=Digest(digest))
