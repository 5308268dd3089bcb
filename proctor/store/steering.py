"""One order of one person to one run: whether it holds, and what it changes. The run is locked."""

from dataclasses import dataclass
from typing import Any

from proctor.contracts.arguments import argument_problems
from proctor.contracts.canonical import canonical_json, digest_json, summarize
from proctor.contracts.control import ControlOrder, ControlWord
from proctor.contracts.errors import (
    IdempotencyConflict,
    InvalidInput,
    NotAuthorised,
    OversizeInput,
    ProctorError,
    Refused,
)
from proctor.contracts.human import Principal, Role
from proctor.contracts.labels import Integrity, Labels
from proctor.contracts.run import RunStatus
from proctor.store.bundles import BundleShelf
from proctor.store.changes import Changes
from proctor.store.database import Connection
from proctor.store.locked import LockedRun
from proctor.store.queries import query
from proctor.store.rows import Row
from proctor.store.storable import clean

MAX_CALL_BYTES = 65_536
MAX_WAITING_ACTS = 16
MOST_BYTES_READ = 12
"""Of one character, as it stands in a prompt: escaped in data, and again in the request to the provider."""
OVERHEAD_READ = 1024
MOST_READ_OF_CALL = 40_000
"""Bound on what a model reads of one call that a person wrote: arguments and outcome, each cut at 8,000 bytes."""
EVENTS: dict[ControlWord, str] = {
    "pause": "run_paused",
    "resume": "run_resumed",
    "say": "message_sent",
    "take_over": "run_taken_over",
    "act": "person_acted",
    "hand_back": "run_handed_back",
}
"""Audit kind of each order."""


def checked(order: ControlOrder) -> ControlOrder:
    """Make sure that an order says something. Raises `InvalidInput` or `OversizeInput`."""
    if order.word == "say" and not order.text.strip():
        raise InvalidInput("the message is empty", hint="say something")
    if (order.call is None) == (order.word == "act"):
        raise InvalidInput("exactly an order to act names a call", hint="give the tool and all of its arguments")
    if order.call is not None and len(canonical_json(order.call.model_dump())) > MAX_CALL_BYTES:
        raise OversizeInput(f"the call is larger than {MAX_CALL_BYTES} bytes", hint="refer to the data instead")
    return order.model_copy(update={"text": clean(order.text), "key": clean(order.key)})


def words_of(by: Principal, run: Row) -> Labels:
    """Label what a person says or asks for: the requester's words stay the request's, whatever roles they have."""
    kind = "requester" if by.name == run["requester"] else "person"
    return Labels(integrity=Integrity.TRUSTED, sources=(f"{kind}:{by.name}",))


@dataclass
class Steering:
    """An order under way, in its transaction."""

    connection: Connection
    locked: LockedRun
    order: ControlOrder
    by: Principal
    why_moot: str = ""

    @property
    def _run(self) -> Row:
        return self.locked.run

    @property
    def _is_owner(self) -> bool:
        return self.by.answers_for(self._run["owner"])

    async def known(self) -> Row | None:
        """Find the order by its key. Raises `IdempotencyConflict` when the key was used for another one."""
        if not self.order.key:
            return None
        row = await self.connection.fetchrow(query("control_by_key"), self._run["run_id"], self.order.key)
        if row is None:
            return None
        call = None if self.order.call is None else self.order.call.model_dump(mode="json")
        same = digest_json([self.order.word, self.by.name, self.order.text, call])
        if digest_json([row["word"], row["by"], row["text"], row["call"]]) != same:
            raise IdempotencyConflict(f"the key {self.order.key} names another order of this run", hint="take another")
        return row

    def objection(self) -> ProctorError | None:
        """Say why this person may not order this of anybody's run."""
        if Role.OPERATOR in self.by.roles or self._is_owner:
            return None
        if self.order.word == "say" and self.by.name == self._run["requester"]:
            return None
        what = f"{self.by.name} is neither an operator nor the agent's owner"
        return NotAuthorised(what, hint=f"{self._run['owner']} owns the agent")

    async def obstacle(self, bundles: BundleShelf) -> ProctorError | None:
        """Say why the run, as it stands, takes no such order."""
        status = RunStatus(self._run["status"])
        if status.is_end:
            return Refused(f"run {self.locked.run_id} has ended: {status}", hint="`proctor undo` takes ended runs back")
        if status is RunStatus.STOPPING:
            return Refused(f"run {self.locked.run_id} is being stopped", hint="wait for its receipt")
        driver = self._run["driver"]
        if self.order.word == "take_over" and driver not in {None, self.by.name} and not self._is_owner:
            hint = f"{driver} hands back first, or the agent's owner takes the wheel"
            return Refused(f"{driver} drives run {self.locked.run_id}", hint=hint)
        if self.order.word in {"act", "hand_back"} and driver not in {None, self.by.name} and not self._is_owner:
            return Refused(f"{driver} drives run {self.locked.run_id}", hint="only who drives, or the owner, may")
        return await self._wrong_call(bundles) if self.order.word == "act" else None

    async def _wrong_call(self, bundles: BundleShelf) -> ProctorError | None:
        run, call = self._run, self.order.call
        assert call is not None
        if run["driver"] is None:
            return Refused(f"nobody has taken over run {run['run_id']}", hint="take over first")
        if run["acts"] - run["acts_taken"] >= MAX_WAITING_ACTS:
            return Refused(f"{MAX_WAITING_ACTS} calls wait to be carried out", hint="wait for them")
        bundle = await bundles.load(run["bundle_digest"], self.connection)
        contract = bundle.tool(call.tool)
        if contract is None:
            return InvalidInput(f"{run['agent']} has no tool {call.tool}", hint="`proctor agents` lists its tools")
        wrong = argument_problems(contract, call.arguments)
        if wrong:
            return InvalidInput(f"{call.tool} does not take these arguments: {'; '.join(wrong)}", hint="give them all")
        return None

    async def moot(self) -> Row | None:
        """Find the order that brought about already what this one wants; None when there is something to do.

        Raises `Refused` when there never was one: nothing is paused, nobody drives.
        """
        paused_by, driver = self._run["paused_by"], self._run["driver"]
        match self.order.word:
            case "pause" if paused_by is not None:
                self.why_moot, words = f"paused by {paused_by} already", ["pause"]
            case "resume" if paused_by is None:
                self.why_moot, words = "it is not paused", ["resume"]
            case "take_over" if driver == self.by.name:
                self.why_moot, words = f"{driver} drives already", ["take_over"]
            case "hand_back" if driver is None:
                self.why_moot, words = "nobody has taken over", ["hand_back"]
            case _:
                return None
        row = await self.connection.fetchrow(query("newest_control"), self._run["run_id"], words)
        if row is None:
            raise Refused(f"run {self._run['run_id']}: {self.why_moot}", hint="there is nothing to do")
        return row

    async def note_refusal(self, refusal: ProctorError) -> None:
        """Write down that somebody tried."""
        changes = Changes.to(self.locked)
        changes.audit("control_refused", word=self.order.word, by=self.by.name, reason=summarize(refusal.message))
        await changes.write(self.connection)

    async def apply(self) -> Row:
        """Write the order, who drives after it, and all that follows; gives the order's row."""
        order, run, changes = self.order, self._run, Changes.to(self.locked)
        said: dict[str, Any] = {"by": self.by.name}
        step = run["steps"] if order.word == "say" else None
        if order.word == "say":
            said["message"] = self._tell(changes)
        elif order.text:
            said["reason"] = summarize(order.text)
        if order.call is not None:
            arguments = changes.content(order.call.arguments)
            said |= {"tool": order.call.tool, "arguments": arguments}
        if order.word == "take_over":
            rows = await self.connection.fetch(query("withdraw_for_driver"), run["run_id"])
            said |= {"before": run["driver"], "withdrawn": [row["id"] for row in rows]}
        call = None if order.call is None else order.call.model_dump(mode="json")
        row = await self.connection.fetchrow(
            query("insert_control"),
            *(run["run_id"], order.word, self.by.name, order.text, call, order.key, step, self.locked.at),
        )
        assert row is not None
        await self._turn()
        changes.audit(EVENTS[order.word], order=row["n"], **said)
        await changes.write(self.connection)
        return row

    def _tell(self, changes: Changes) -> str:
        """Put a message into the transcript; the planner reads it before its next plan."""
        content = {"by": self.by.name, "text": self.order.text}
        labels = words_of(self.by, self._run)
        digest, _ = changes.observe(
            "message", content, step=self._run["steps"], labels=labels, summary=summarize(self.order.text)
        )
        return digest

    async def _turn(self) -> None:
        run, word = self._run, self.order.word
        paused_by = {"pause": self.by.name, "resume": None}.get(word, run["paused_by"])
        driver = {"take_over": self.by.name, "hand_back": None}.get(word, run["driver"])
        acts = run["acts"] + (word == "act")
        said = {"say": len(self.order.text) * MOST_BYTES_READ + OVERHEAD_READ, "act": MOST_READ_OF_CALL}.get(word, 0)
        await self.connection.execute(query("set_wheel"), run["run_id"], paused_by, driver, acts, said)
