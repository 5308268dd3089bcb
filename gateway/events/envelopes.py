"""What goes out: an event as a CloudEvent 1.0 in structured JSON, with references and no content unless asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from pydantic_core import to_json

from proctor.contracts.events import Event

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
TYPE_PREFIX = "proctor."
REFERENCES = frozenset(
    {
        *("request", "kind", "step", "call", "owner", "expires_at", "next_at", "binding", "decision", "word", "by"),
        *("status", "steps", "cost_usd", "report", "receipt", "epoch", "scope", "mode", "withdrawn", "open_items"),
        *("bundle", "policy", "quorum", "process", "stage", "to", "who", "tool", "grant", "order", "because", "done"),
        *("failed", "not_possible", "before", "on_behalf_of", "escalated", "replaces"),
    }
)
"""What of an audit record's body goes to everybody. Titles and reasons may quote people, agents and arguments."""

_WORDS: Mapping[str, str] = {
    "approval_requested": "asks for an approval",
    "question_asked": "asks a question",
    "budget_requested": "asks for a larger budget",
    "unknown_outcome_opened": "does not know whether an effect happened",
    "failed_compensation_opened": "could not take an effect back",
    "fence_raised": "is stopped by a kill",
    "fence_released": "is released",
    "notice_recorded": "did something that people are told of",
}


@dataclass(frozen=True)
class Links:
    """Addresses of this installation, for people and programs."""

    public_url: str = ""
    """Where the gateway is reached from outside, without a slash at the end; empty: no links."""

    @property
    def source(self) -> str:
        """What events call their source."""
        return self.public_url or "urn:proctor"

    def of(self, event: Event) -> dict[str, str]:
        """Give the addresses of what an event is about."""
        if not self.public_url:
            return {}
        links = {}
        if event.run_id is not None:
            links["run"] = f"{self.public_url}/v1/runs/{quote(event.run_id, safe='')}"
        if event.request_id is not None:
            links["approval"] = self.approval(event.request_id)
        return links

    def approval(self, request_id: str) -> str:
        """Give the address of the page that shows a request, behind login."""
        return f"{self.public_url}/approvals/{quote(request_id, safe='')}"


def summary_of(event: Event) -> str:
    """Say in one line what happened, from references alone."""
    if event.kind.startswith("fence_"):
        what = f"{event.body.get('scope')} {event.body.get('value')}".strip()
    else:
        what = f"{event.agent} in run {event.run_id}"
    return f"{what}: {_WORDS.get(event.kind, event.kind.replace('_', ' '))}"


def envelope(event: Event, links: Links, arguments: dict[str, Any] | None = None) -> bytes:
    """Write an event as CloudEvents JSON. `arguments` is what an approval asks for, where the receiver may see it."""
    data: dict[str, Any] = {
        "kind": event.kind,
        "summary": summary_of(event),
        "tenant": event.tenant,
        "agent": event.agent,
        "run_id": event.run_id,
        "request_id": event.request_id,
        "links": links.of(event),
        "references": {name: value for name, value in event.body.items() if name in REFERENCES},
    }
    if event.kind.startswith("fence_"):
        data["references"]["value"] = event.body.get("value")
    if arguments is not None:
        data["arguments"] = arguments
    return to_json(
        {
            "specversion": "1.0",
            "id": event.id,
            "source": links.source,
            "type": TYPE_PREFIX + event.kind,
            "subject": event.subject,
            "time": event.at.isoformat(),
            "datacontenttype": "application/json",
            "data": data,
        }
    )
