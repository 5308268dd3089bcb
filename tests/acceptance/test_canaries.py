"""Secrets planted in a running platform are found nowhere but where they were meant to go."""

import json
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
import yaml

from proctor.connection import connect_temporal
from proctor.contracts.ids import RunId
from proctor.credentials.hiding import SecretForms
from tests.acceptance.attacking import STOP, Attack, all_rows, attacking
from tests.acceptance.keeper import Echo, echoing
from tests.integration.credentials.vaults import ROLE_ID, SECRET_ID, SmallVault, small_vault

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
AGENT = Path(__file__).parent / "agents" / "keeper"
CANARIES: Final = {
    "from-environment": "somebody:canary-7f3a+9c/21",
    "from-file": "canary-file-51e0-b7d4-6a2f",
    "from-vault": "canary-vault-c3d9-11f8-40ab",
}
TOOLS: Final = ("LookupSlow", "Lookup", "LookupBroken", "LookupMoved", "LookupVault", "Shout")


def plant(folder: Path, vault: SmallVault) -> dict[str, str]:
    """Write the worker's credentials file outside the state folder; gives the environment of the worker."""
    secret = folder / "secret"
    secret.touch(mode=0o600)
    secret.write_text(CANARIES["from-file"])
    own = {"role_id": {"kind": "environment", "name": "ROLE"}, "secret_id": {"kind": "environment", "name": "SID"}}
    sources = {
        "from-environment": {"kind": "environment", "name": "CANARY"},
        "from-file": {"kind": "file", "path": str(secret)},
        "from-vault": {"kind": "vault", "path": "tickets", "value": "{token}"},
    }
    document = {
        "credentials": {name: {"source": source, "tools": ["*"]} for name, source in sources.items()},
        "vault": {"address": vault.address, "approle": own},
    }
    (folder / "credentials.yaml").write_text(yaml.safe_dump(document))
    return {
        "PROCTOR_CREDENTIALS": str(folder / "credentials.yaml"),
        "CANARY": CANARIES["from-environment"],
        "ROLE": ROLE_ID,
        "SID": SECRET_ID,
    }


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[tuple[Attack, Echo, SmallVault]]:
    with small_vault(tickets={"token": CANARIES["from-vault"]}) as vault, echoing() as echo:
        environ = plant(tmp_path, vault) | {"ECHO_URL": echo.url, "OTEL_EXPORTER_OTLP_ENDPOINT": echo.url}
        async with attacking(**environ) as live:
            shutil.copytree(AGENT, live.stack.settings.agents / "keeper")
            yield live, echo, vault


async def test_planted_secrets_are_found_nowhere(kept: tuple[Attack, Echo, SmallVault]) -> None:
    """Success, failure, time-out, redirect, an echoing server, an exception, log lines, a worker killed with -9."""
    live, echo, vault = kept
    live.answer(("SendThenDie", {"note": "hello"}), *((tool, {}) for tool in TOOLS), STOP)
    run_id = await live.start("canaries", "tell me", "keeper")
    assert "completed" == await live.end(run_id)
    assert ["sent hello"] == live.effects(run_id), "the effect happened once, over the kill"

    forms = SecretForms()
    for secret in (*CANARIES.values(), *vault.tokens, ROLE_ID, SECRET_ID):
        forms.add(secret)
    sent = "\n".join(echo.heads)
    assert all(secret in sent for name, secret in CANARIES.items() if name != "from-environment")
    assert forms.known(sent), "the tools did have them"
    found = {place for place, text in [item async for item in told(live, run_id, echo)] if forms.known(text)}
    assert set() == found
    assert set() == set(files_with(live.stack.home, [secret.encode() for secret in CANARIES.values()]))


async def told(live: Attack, run_id: RunId, echo: Echo) -> AsyncIterator[tuple[str, str]]:
    """Give everything that the platform says and keeps, with the name of the place."""
    rows = all_rows(live.stack.endpoints.database_url)
    assert any("SendThenDie" in row for row in rows)
    yield "store", "\n".join(rows)
    yield "store, bytes", "\n".join(map(readable, rows))
    client = await connect_temporal(live.stack.endpoints.temporal)
    history = await client.get_workflow_handle(run_id).fetch_history()
    for event in history.events:
        yield "history", event.SerializeToString().decode("latin-1")
    assert len(live.model.requests) > len(TOOLS)
    for request in live.model.requests:
        yield "prompt", json.dumps(request.body)
    for path in sorted((live.stack.home / "logs").iterdir()):
        yield f"log {path.name}", path.read_bytes().decode("latin-1")
    async with httpx.AsyncClient(trust_env=False) as http:
        for worker in live.stack.workers:
            metrics = (await http.get(f"{worker.health_url}/metrics")).text
            assert "proctor_" in metrics
            yield "metrics", metrics
    assert echo.spans
    for body in echo.spans:
        yield "spans", body.decode("latin-1")
    for words in (["show"], ["explain"], ["audit", "export"]):
        done = await live.call(*words, run_id)
        yield f"command {' '.join(words)}", done.stdout + done.stderr


def readable(row: str) -> str:
    """Turn the bytes of a row, which Postgres writes in hexadecimal, into text."""
    parts = row.split("\\x")[1:]
    hexes = ["".join(char for char in part if char in "0123456789abcdef") for part in parts]
    return "\n".join(bytes.fromhex(part[: len(part) // 2 * 2]).decode("latin-1") for part in hexes)


def files_with(folder: Path, needles: list[bytes]) -> Iterator[str]:
    """Name the files below a folder that hold one of the texts: databases, write-ahead logs and logs as they lie."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            body = path.read_bytes()
            if any(needle in body for needle in needles):
                yield str(path.relative_to(folder))
