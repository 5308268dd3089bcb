"""Subscriptions of webhooks, as services: the secret is shown once, when it is made."""

import secrets
from dataclasses import dataclass

from gateway.events.sealing import SecretBox
from gateway.events.signing import new_secret
from gateway.events.targets import TargetList
from gateway.events.webhook_channel import purpose_of
from proctor.contracts.base import Contract
from proctor.contracts.human import Principal
from proctor.contracts.outside import Webhook, WebhookOrder, Webhooks

KEEP_FORMER_S = 86_400.0
"""How long the former secret signs too after a rotation."""


class SubscribedWebhook(Contract):
    """A subscription with its secret, which is shown this once."""

    webhook: Webhook
    secret: str
    sealed: bool
    """Whether the store keeps the secret encrypted (PROCTOR_SECRETS_KEY is set)."""


@dataclass(frozen=True)
class Subscriptions:
    """What people do with subscriptions. Raises `NotAuthorised`, `InvalidInput`, `Refused`, `UnknownName`."""

    webhooks: Webhooks
    box: SecretBox
    targets: TargetList

    async def subscribe(self, order: WebhookOrder, by: Principal) -> SubscribedWebhook:
        """Subscribe. Whether its name leads to a private address is checked at each delivery."""
        self.targets.check_url(order.url)
        webhook_id, secret = secrets.token_hex(8), new_secret()
        webhook = await self.webhooks.create(webhook_id, order, self.box.seal(secret, purpose_of(webhook_id)), by)
        return SubscribedWebhook(webhook=webhook, secret=secret, sealed=self.box.seals)

    async def rotate(self, webhook_id: str, by: Principal) -> SubscribedWebhook:
        """Make a new secret; for a day both sign."""
        secret = new_secret()
        sealed = self.box.seal(secret, purpose_of(webhook_id))
        webhook = await self.webhooks.rotate(webhook_id, sealed, KEEP_FORMER_S, by)
        return SubscribedWebhook(webhook=webhook, secret=secret, sealed=self.box.seals)
