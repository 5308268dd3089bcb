"""Webhooks out: a signed CloudEvent to each subscription; the answer's status is all that is read of it."""

import asyncio
import hashlib
import time
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from gateway.events.channels import Undeliverable
from gateway.events.envelopes import CONTENT_TYPE, Links, envelope
from gateway.events.sealing import SecretBox
from gateway.events.signing import sign
from gateway.events.targets import Resolve, Target, TargetList
from proctor.contracts.errors import InvalidInput, Unavailable, UnknownName
from proctor.contracts.events import Event
from proctor.contracts.human import HumanRequest
from proctor.contracts.ids import RequestId
from proctor.contracts.outside import OpenedWebhook, Webhooks

CHANNEL_PREFIX = "webhook:"
TIMEOUT_S = 15.0
USER_AGENT = "proctor-webhooks/1"
_OK = range(200, 300)
_REDIRECT = range(300, 400)


class Requests(Protocol):
    """What webhooks need of requests to people."""

    async def request(self, request_id: RequestId) -> HumanRequest:
        """Find a request. Raises `UnknownName`."""


def purpose_of(webhook_id: str) -> str:
    """Say what a webhook's secret is sealed for."""
    return f"{CHANNEL_PREFIX}{webhook_id}"


def message_id_of(webhook_id: str, event: Event) -> str:
    """Give the id of an event's message to a subscription: the same at each attempt."""
    return "msg_" + hashlib.sha256(f"{webhook_id}\n{event.id}".encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Postman:
    """Posts to checked targets. Follows no redirect, uses no proxy, keeps no cookie, reads no body."""

    targets: TargetList
    timeout_s: float = TIMEOUT_S
    resolve: Resolve | None = None
    verify: Any = True
    """Trust anchors: an `ssl.SSLContext`, or True for the system's."""

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> int:
        """Give the status of the answer.

        Raises:
            Unavailable: nobody answers in time, or the name does not resolve; `Refused` for addresses not allowed.

        """
        try:
            async with asyncio.timeout(self.timeout_s):
                target = await self.targets.resolve(url, self.resolve)
                return await self._post(target, headers, body)
        except TimeoutError as error:
            raise Unavailable(f"no answer within {self.timeout_s:g} s") from error
        except (httpx.HTTPError, OSError) as error:
            raise Unavailable(f"no answer: {type(error).__name__}: {error}") from error

    async def _post(self, target: Target, headers: dict[str, str], body: bytes) -> int:
        async with (
            httpx.AsyncClient(verify=self.verify, trust_env=False, follow_redirects=False, timeout=None) as client,  # noqa: S113 - the whole call has one
            client.stream(
                "POST",
                target.url,
                content=body,
                headers={**headers, "Host": target.host_header, "User-Agent": USER_AGENT},
                extensions={"sni_hostname": target.server_name},
            ) as answer,
        ):
            return answer.status_code


@dataclass(frozen=True)
class WebhookChannel:
    """Implements `Channel` for one subscription."""

    webhook_id: str
    webhooks: Webhooks
    requests: Requests
    box: SecretBox
    links: Links
    postman: Postman

    @property
    def name(self) -> str:
        """`webhook:<id>`."""
        return CHANNEL_PREFIX + self.webhook_id

    def wants(self, _event: Event) -> bool:
        """Take all: what the subscription does not want was never written for it."""
        return True

    async def deliver(self, event: Event, _reference: str | None) -> str | None:
        """Post an event; only 2xx is delivered, and 410 ends the subscription."""
        try:
            opened = await self.webhooks.opened(self.webhook_id)
        except UnknownName as error:
            raise Undeliverable(error.message) from error
        if opened.webhook.disabled_at is not None:
            raise Undeliverable("the subscription is disabled")
        try:
            status = await self._post(opened, event)
        except InvalidInput as error:
            raise Undeliverable(error.message) from error
        if status == httpx.codes.GONE:
            await self.webhooks.disable(self.webhook_id, "the receiver answered 410 Gone", None)
            raise Undeliverable("the receiver answered 410 Gone: the subscription is disabled")
        if status not in _OK:
            redirects = " (redirects are not followed)" if status in _REDIRECT else ""
            raise Unavailable(f"the receiver answered {status}{redirects}")
        return None

    async def _post(self, opened: OpenedWebhook, event: Event) -> int:
        body = envelope(event, self.links, await self._arguments(opened, event))
        sealed = [opened.secret] + ([opened.former_secret] if opened.former_secret else [])
        secrets = [self.box.open(one, purpose_of(self.webhook_id)) for one in sealed]
        signed = sign(secrets, message_id_of(self.webhook_id, event), int(time.time()), body)
        return await self.postman.post(opened.webhook.url, {**signed, "Content-Type": CONTENT_TYPE}, body)

    async def _arguments(self, opened: OpenedWebhook, event: Event) -> dict[str, Any] | None:
        if not opened.may_see_arguments or event.request_id is None or event.kind != "approval_requested":
            return None
        request = await self.requests.request(event.request_id)
        arguments = request.details.get("arguments")
        return arguments if isinstance(arguments, dict) else None
