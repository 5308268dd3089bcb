"""A stack whose model is on the other side, and everybody who has to do with it."""

import asyncio
import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from llmock.pytest_plugin import LLMock
from llmock.scenarios import Reply, ToolCall
from llmock.testing import LLMockServer
from psycopg import sql

from gateway.admission import submit
from gateway.approvals import decide
from gateway.connections import Gateway, open_gateway
from gateway.identity import find_token
from gateway.signing import find_signer
from proctor.contracts.human import HumanDecision, Principal
from proctor.contracts.ids import DEFAULT_TENANT, AgentName, RunId
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.run import TaskRequest
from proctor.local import local_order, local_stack
from tests.acceptance.resolving import command
from tests.acceptance.witness import recorded
from workers.dev import DevStack

TURNCOAT = Path(__file__).parent / "agents" / "turncoat"
COPIES = ("spender", "waiter", "changer")
"""Agents of the same kind: windows and active policies of one are not those of another."""
Call = tuple[str, dict[str, Any]]
STOP: Call = ("finish", {"outcome": "completed", "report": {"summary": "the end"}})
BLOCKED: Call = ("finish", {"outcome": "blocked", "report": {"summary": "the end"}})


def pay(to: str, amount: float = 1, tool: str = "Pay", **more: Any) -> Call:
    """Write down a payment."""
    return tool, {"to": to, "amount": amount, **more}


def read(name: str) -> Call:
    """Write down the reading of a mail."""
    return "ReadMail", {"name": name}


@dataclass(frozen=True)
class Attack:
    """A running stack, the model that attacks it, and everybody else."""

    stack: DevStack
    gateway: Gateway
    model: LLMock
    home: Path

    def answer(self, *steps: Call | list[Call], times: int | None = 1) -> None:
        """Say what the model answers, step by step; a list is one answer with several calls."""
        for step in steps:
            calls = step if isinstance(step, list) else [step]
            self.model.add(Reply(text="next", tool_calls=tuple(ToolCall(*call) for call in calls), times=times))

    def mail(self, name: str, content: Any) -> None:
        """Write a mail as a stranger does."""
        (self.home / "mails" / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")

    async def call(self, *arguments: str, stdin: Any = None, **environ: str) -> Any:
        """Call the command and wait for its end."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        where = {"PROCTOR_HOME": str(self.stack.home), "PROCTOR_AGENTS": str(self.stack.settings.agents)}
        return await asyncio.to_thread(command, arguments, {**kept, **where, **environ}, stdin)

    async def start(self, key: str, task: str, agent: str = "turncoat") -> RunId:
        """Ask for a run."""
        by, store = await self.person("operator"), self.gateway.store
        request = TaskRequest(
            agent=AgentName(agent),
            input={"task": task},
            requester=by.name,
            tenant=DEFAULT_TENANT,
            idempotency_key=key,
        )
        found = await submit(
            request,
            self.load(agent),
            by=by,
            admissions=store.admissions,
            engine=self.gateway.engine,
            changes=self.gateway.changes,
        )
        return found.record.run_id

    async def decide(self, request_id: str, word: str, **said: str) -> bool:
        """Decide as a person does; gives whether it was applied."""
        order = HumanDecision.model_validate({"request_id": request_id, "word": word, **said})
        by, store = await self.person("demo.approver"), self.gateway.store
        signer = find_signer(self.gateway.settings.home, by.name)
        decided = await decide(order, by=by, people=store.people, engine=self.gateway.engine, signer=signer)
        return decided.receipt.applied

    async def end(self, run_id: RunId) -> str:
        """Wait for a run's end; gives its status."""
        async with asyncio.timeout(90):
            while not (run := await self.gateway.store.archive.run(run_id)).status.is_end:  # noqa: ASYNC110 - a row
                await asyncio.sleep(0.1)
        return str(run.status)

    async def asked(self, run_id: RunId) -> str:
        """Wait until a person is asked; gives the request's id."""
        async with asyncio.timeout(60):
            while not (pending := await self.gateway.store.people.pending(run_id)):
                await asyncio.sleep(0.1)
                run = await self.gateway.store.archive.run(run_id)
                assert not run.status.is_end, f"nobody was asked: {await self.judged(run_id)}"
        return str(pending[0].id)

    async def person(self, name: str) -> Principal:
        """Sign in."""
        return await self.gateway.store.people.authenticate(find_token({}, self.stack.home, name))

    async def judged(self, run_id: RunId) -> list[tuple[str, str, str]]:
        """Give tool, verdict and determining rule of each call that was judged with the plan."""
        records = await self.gateway.store.archive.audit(run_id)
        bodies = [record.body for record in records if record.kind == "call_judged"]
        return [(body["tool"], body["verdict"], body["rule"]) for body in bodies]

    async def kinds(self, run_id: RunId) -> list[str]:
        """Give the kinds of a run's audit records."""
        return [record.kind for record in await self.gateway.store.archive.audit(run_id)]

    def effects(self, *run_ids: RunId) -> list[str]:
        """Give what really happened, by the tools' own record."""
        return [what for key, what in recorded(self.home / "witness.db") if key.split("/")[0] in run_ids]

    def load(self, agent: str) -> AgentBundle:
        """Read an agent from its files, as they are now."""
        return self.gateway.catalog.load(AgentName(agent))

    def edit(self, agent: str, old: str, new: str, name: str = "policy.yaml") -> None:
        """Edit a file of an agent as somebody with access to its folder does."""
        path = self.stack.settings.agents / agent / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")


@contextlib.asynccontextmanager
async def attacking(**more: str) -> AsyncIterator[Attack]:
    """Start the stack with the agent and its copies, in a short temporary folder; `more` are settings of the worker."""
    home = Path(tempfile.mkdtemp(prefix="atk-"))
    (home / "mails").mkdir()
    for name in ("turncoat", *COPIES):
        shutil.copytree(TURNCOAT, home / "agents" / name)
        manifest = home / "agents" / name / "manifest.yaml"
        manifest.write_text(manifest.read_text(encoding="utf-8").replace("name: turncoat", f"name: {name}"))
    try:
        with LLMockServer() as server:
            model = LLMock(server)
            environ = {"OPENAI_BASE_URL": model.base_url("openai"), "OPENAI_API_KEY": "a-key"}
            environ |= {"WITNESS": str(home / "witness.db"), "MAILS": str(home / "mails")} | more
            order = local_order(environ=environ)
            async with (
                local_stack(home / "state", home / "agents", order=order) as stack,
                open_gateway(stack.settings) as gateway,
            ):
                yield Attack(stack, gateway, model, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def all_rows(database_url: str) -> list[str]:
    """Give every row of every table as text."""
    tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'proctor' AND table_type = %s"
    with psycopg.connect(database_url) as connection:
        names = [sql.Identifier("proctor", name) for (name,) in connection.execute(tables, ["BASE TABLE"]).fetchall()]
        found = [connection.execute(sql.SQL("SELECT t::text FROM {} t").format(name)).fetchall() for name in names]
    return [str(row) for rows in found for row in rows]
