"""Slack with the installed product: a card in the workspace, a press, and what the tool itself recorded."""

import asyncio
import contextlib
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import PROCTOR, ROOT, Product
from tests.acceptance.witness import recorded
from tests.integration.chat.slack_workspace import (
    APP_TOKEN,
    BOT_TOKEN,
    CHANNEL,
    TEAM,
    SlackWorkspace,
    slack_workspace,
)
from workers.embedded.tether import tethered

pytestmark = pytest.mark.slow


@contextlib.asynccontextmanager
async def gateway_with_slack(product: Product, slack: SlackWorkspace, log: Path) -> AsyncIterator[None]:
    """Run a gateway process of the stack that is set up for Slack, and end it as an operator does."""
    environ = {
        **product.environ,
        "PROCTOR_GATEWAY_PORT": "0",
        "PROCTOR_PUBLIC_URL": "https://proctor.example.org",
        "PROCTOR_SLACK_BOT_TOKEN": BOT_TOKEN,
        "PROCTOR_SLACK_APP_TOKEN": APP_TOKEN,
        "PROCTOR_SLACK_CHANNEL": CHANNEL,
        "PROCTOR_SLACK_API_URL": slack.api_url,
    }
    process = _started(environ, log)
    try:
        await slack.until(lambda: slack.sockets or process.poll() is not None, 60)
        assert process.poll() is None, _read(log)
        yield
        process.send_signal(signal.SIGTERM)
        assert 0 == await asyncio.to_thread(process.wait, 30), _read(log)
    finally:
        process.kill()
        process.wait()
    assert BOT_TOKEN not in _read(log)


def _started(environ: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("ab") as output:
        return subprocess.Popen(tethered([PROCTOR, "gateway"]), env=environ, cwd=ROOT, stdout=output, stderr=output)


def _read(log: Path) -> str:
    return log.read_text()


async def test_press_in_slack_lets_the_approved_effect_happen_once(product: Product, tmp_path: Path) -> None:
    """The card outlives a restart of the gateway; the effect is counted in the tool's own record."""
    async with slack_workspace() as slack:
        linked = product.call("principals", "link", "demo.approver", "slack", f"{TEAM}/U0DEMO", "--as", "maria.ops")
        assert 0 == linked.returncode, linked.stderr
        async with gateway_with_slack(product, slack, tmp_path / "first.log"):
            run_id = await asyncio.to_thread(product.detach, "approved")
            card = await slack.card()
            assert '"needs a person"' in card.said
            assert run_id in card.said
        async with gateway_with_slack(product, slack, tmp_path / "second.log"):
            assert [] == _effects(product, run_id)
            for _ in range(2):
                await slack.press(card, "Approve", "U0DEMO")
            assert 0 == await asyncio.to_thread(product.wait_for_end, run_id)
            await slack.until(lambda: any("The run has ended: \ncompleted" in one for one in slack.thread_of(card)))
            await slack.until(lambda: "Approved and used" in card.said)
        assert ["needs a person"] == _effects(product, run_id)
        decisions = [kind for kind in product.kinds(run_id) if kind.startswith("approval_")]
        assert ["approval_requested", "approval_granted", "approval_consumed"] == decisions


def _effects(product: Product, run_id: str) -> list[str]:
    return [what for key, what in recorded(product.witness) if key.startswith(f"{run_id}/")]
