"""A real Synapse for tests: one account for Proctor, one for each person, rooms as needed."""

import asyncio
import hashlib
import hmac
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

SECRET = "shared-by-tests"
DOMAIN = "chat.example"
START_S = 60.0
UNLIMITED = {"per_second": 10_000, "burst_count": 10_000}


@dataclass
class Homeserver:
    """The running server, and what people do there."""

    url: str
    tokens: dict[str, str] = field(default_factory=dict)
    sent: int = 0

    def mxid(self, name: str) -> str:
        """Give the id of a person."""
        return f"@{name}:{DOMAIN}"

    async def call(self, name: str, method: str, path: str, body: Any = None) -> Any:
        """Call the client API as somebody."""
        async with httpx.AsyncClient(timeout=20) as client:
            answer = await client.request(
                method,
                f"{self.url}/_matrix/client/v3{path}",
                json=body,
                headers={"Authorization": f"Bearer {self.tokens[name]}"},
            )
        answer.raise_for_status()
        return answer.json()

    async def room(self, *members: str, **more: Any) -> str:
        """Make a room of Proctor's that the members are in; gives its id."""
        room = str((await self.call("proctor", "POST", "/createRoom", {"preset": "public_chat", **more}))["room_id"])
        await asyncio.gather(*(self.join(one, room) for one in members))
        return room

    async def join(self, name: str, room: str) -> None:
        """Enter a room."""
        await self.call(name, "POST", f"/rooms/{quote(room)}/join", {})

    async def send(self, name: str, room: str, content: dict[str, Any], kind: str = "m.room.message") -> str:
        """Send an event as somebody; gives its id."""
        self.sent += 1
        path = f"/rooms/{quote(room)}/send/{kind}/t{self.sent}"
        return str((await self.call(name, "PUT", path, content))["event_id"])

    async def react(self, name: str, room: str, event_id: str, emoji: str) -> str:
        """React to an event."""
        about = {"rel_type": "m.annotation", "event_id": event_id, "key": emoji}
        return await self.send(name, room, {"m.relates_to": about}, "m.reaction")

    async def reply(self, name: str, room: str, event_id: str, text: str) -> str:
        """Reply to an event, quoting it as older clients do."""
        about = {"m.in_reply_to": {"event_id": event_id}}
        body = f"> <@proctor:{DOMAIN}> the card\n\n{text}"
        return await self.send(name, room, {"msgtype": "m.text", "body": body, "m.relates_to": about})

    async def messages(self, room: str) -> list[dict[str, Any]]:
        """Give everything that was said in a room, oldest first."""
        found = await self.call("proctor", "GET", f"/rooms/{quote(room)}/messages?dir=b&limit=100")
        return list(reversed(found["chunk"]))


@contextmanager
def homeserver(*people: str) -> Iterator[Homeserver]:
    """Run a Synapse on a free port, on its own folder; ends with it."""
    folder = Path(tempfile.mkdtemp(prefix="synapse-"))
    try:
        url = _configure(folder)
        command = [sys.executable, "-m", "synapse.app.homeserver", "-c", str(folder / "homeserver.yaml")]
        subprocess.run([*command, "--generate-keys"], check=True, capture_output=True, timeout=START_S)
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            server = Homeserver(url)
            _wait(url, process, folder / "log")
            for name in ("proctor", *people):
                server.tokens[name] = _register(url, name)
            yield server
        finally:
            process.terminate()
            process.wait(timeout=20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _configure(folder: Path) -> str:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    limits = ("rc_message", "rc_joins_per_room", "rc_registration", "rc_room_creation")
    config = {
        "server_name": DOMAIN,
        "report_stats": False,
        "pid_file": str(folder / "pid"),
        "listeners": [
            {"port": port, "type": "http", "bind_addresses": ["127.0.0.1"], "resources": [{"names": ["client"]}]}
        ],
        "database": {"name": "sqlite3", "args": {"database": str(folder / "synapse.db")}},
        "signing_key_path": str(folder / "signing.key"),
        "media_store_path": str(folder / "media"),
        "trusted_key_servers": [],
        "registration_shared_secret": SECRET,
        "macaroon_secret_key": "for-tests",
        "form_secret": "for-tests",
        "presence": {"enabled": False},
        "log_config": str(folder / "log.yaml"),
        **dict.fromkeys(limits, UNLIMITED),
        "rc_joins": {"local": UNLIMITED, "remote": UNLIMITED},
        "rc_invites": {"per_room": UNLIMITED, "per_user": UNLIMITED, "per_issuer": UNLIMITED},
    }
    handlers = {"file": {"class": "logging.FileHandler", "filename": str(folder / "log")}}
    log = {"version": 1, "handlers": handlers, "root": {"level": "WARNING", "handlers": ["file"]}}
    (folder / "homeserver.yaml").write_text(json.dumps(config))  # JSON is YAML
    (folder / "log.yaml").write_text(json.dumps(log))
    return f"http://127.0.0.1:{port}"


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + START_S
    while time.monotonic() < give_up:
        if process.poll() is not None:
            raise AssertionError(f"Synapse ended: {log.read_text()[-2000:] if log.exists() else 'it wrote no log'}")
        try:
            if httpx.get(f"{url}/_matrix/client/versions", timeout=2).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("Synapse did not answer in time")


def _register(url: str, name: str) -> str:
    path = f"{url}/_synapse/admin/v1/register"
    nonce = httpx.get(path, timeout=10).json()["nonce"]
    said = b"\0".join(part.encode() for part in (nonce, name, "password", "notadmin"))
    mac = hmac.new(SECRET.encode(), said, hashlib.sha1).hexdigest()
    body = {"nonce": nonce, "username": name, "password": "password", "admin": False, "mac": mac}
    return str(httpx.post(path, json=body, timeout=10).raise_for_status().json()["access_token"])


async def until(condition: Any, timeout_s: float = 60.0) -> Any:
    """Wait until an async condition gives something, and give it."""
    async with asyncio.timeout(timeout_s):
        while not (found := await condition()):  # noqa: ASYNC110 - the homeserver is asked
            await asyncio.sleep(0.03)
    return found
