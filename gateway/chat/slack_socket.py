"""The companion that keeps Slack reachable: checks who we are there, and holds the Socket Mode connection."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from gateway.chat.slack_api import SlackApi, quiet_logger, told
from proctor.contracts.errors import Unavailable

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_sdk.web.async_client import AsyncWebClient

PING_S = 5.0
LONGEST_SILENCE_S = 60.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class SlackSocket:
    """Implements `Companion`."""

    app: "AsyncApp"
    client: "AsyncWebClient"
    api: SlackApi
    app_token: str | None
    ping_s: float = PING_S

    @property
    def name(self) -> str:
        """What it is called in logs."""
        return "slack"

    async def run(self) -> None:
        """Check token, scopes and channel; then, in Socket Mode, hold the connection until cancelled.

        Raises:
            NotAuthorised: Slack refuses a token, or a scope is missing. `Unavailable`: Slack stays away.

        """
        team = await self.api.check()
        _log.info("slack_ready", workspace=team, channel=self.api.channel, mode="socket" if self.app_token else "http")
        if self.app_token is None:
            await asyncio.Event().wait()
            return
        # Asked for here first, so that a refused token is told and not retried in silence by the library.
        opened = await told(self.client.apps_connections_open, app_token=self.app_token)
        await self._hold(self.app_token, str(opened["url"]))

    async def _hold(self, app_token: str, url: str) -> None:
        from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler

        holder = AsyncSocketModeHandler(
            self.app, app_token, logger=quiet_logger(), web_client=self.client, ping_interval=self.ping_s
        )
        holder.client.wss_uri = url
        try:
            await holder.client.connect()  # type: ignore[no-untyped-call]
            away_s = 0.0
            while away_s < LONGEST_SILENCE_S:
                await asyncio.sleep(self.ping_s)
                away_s = 0.0 if await holder.client.is_connected() else away_s + self.ping_s
        finally:
            await holder.client.close()  # type: ignore[no-untyped-call]
        raise Unavailable(f"Slack's socket stayed away for {LONGEST_SILENCE_S:.0f} s", hint="it is opened again")
