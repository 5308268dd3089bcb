"""What a playbook can look at: its input, its own position, and the newest outcome of each node."""

from typing import Any

from pydantic import Field

from proctor.contracts.base import Contract
from proctor.contracts.planning import Observation, Situation
from proctor.contracts.ports import Transcript
from proctor.contracts.templates import MISSING, Path, descend

MAX_ANSWER = 2000
"""Characters of a person's answer that are kept."""

_STATUS = {"result": "confirmed", "failure": "failed", "denial": "denied"}


class Trouble(Contract):
    """The denial or failure that is being dealt with."""

    node: str
    tool: str
    status: str
    reason: str
    advice: str = ""


class Cursor(Contract):
    """Where a run stands in its playbook. Its size depends on the playbook, never on the steps that were made."""

    at: int = Field(default=0, ge=0)
    proposed: dict[str, int] = Field(default_factory=dict)
    """Step in which each call or question was last proposed."""
    passes: dict[str, int] = Field(default_factory=dict)
    loops: dict[str, str] = Field(default_factory=dict)
    """How each loop ended last: `met` or `exhausted`."""
    answers: dict[str, str | None] = Field(default_factory=dict)
    trouble: Trouble | None = None


class Facts:
    """Looks values up; what the transcript holds is fetched once per plan, and only for the nodes that are named."""

    def __init__(self, situation: Situation, transcript: Transcript, tools: dict[str, str]) -> None:
        self.cursor = Cursor()
        self._situation = situation
        self._transcript = transcript
        self._tools = tools
        self._entries: dict[str, Observation | None] = {}

    async def fetch(self, nodes: frozenset[str]) -> None:
        """Read the newest entries of the named nodes, as far as they ran and are not yet known."""
        wanted = sorted(node for node in nodes - self._entries.keys() if node in self.cursor.proposed)
        if wanted:
            found = await self._transcript.latest(wanted)
            self._entries.update({node: found.get(node) for node in wanted})

    async def answer(self, node: str) -> str | None:
        """Read the answer to the question that `node` asked; None when nobody answered."""
        newest = await self._transcript.newest()
        if newest is None or newest.kind != "human" or newest.step != self.cursor.proposed[node]:
            return None
        answer = newest.content.get("answer")
        return None if answer is None else str(answer)[:MAX_ANSWER]

    def look_up(self, path: Path) -> Any:
        """Give the value at a path, or `MISSING`."""
        root, *rest = path.parts
        if root == "steps":
            return descend(self._standing(str(rest[0])), tuple(rest[1:]))
        return descend(self._roots()[str(root)], tuple(rest))

    def root(self, path: Path) -> str:
        """Name where the value at a path comes from, as `ProposedCall.derivation` does."""
        root, *rest = map(str, path.parts)
        if root == "trouble":
            return "run" if self.cursor.trouble is None else self._origin(self.cursor.trouble.node)
        return self._origin(rest[0]) if root == "steps" else root

    def _origin(self, node: str) -> str:
        if node in self._tools:
            return f"steps.{node}"
        # What a loop tells is the platform's own count of its passes.
        return "run" if node in self.cursor.passes else "person"

    def trouble(self, node: str) -> Trouble | None:
        """Tell how the newest call of `node` went wrong; None when it did not."""
        standing = self._standing(node)
        if standing["status"] == "confirmed":
            return None
        reason = str(standing.get("reason", "its outcome is not known"))[:200]
        advice = str(standing.get("advice", ""))[:300]
        tool = standing.get("tool", self._tools[node])
        return Trouble(node=node, tool=tool, status=standing["status"], reason=reason, advice=advice)

    def citation(self, node: str) -> dict[str, Any] | None:
        """Name the newest entry of a node for a report; None when the node did not run."""
        if node not in self.cursor.proposed:
            return None
        standing = self._standing(node)
        tool = {"tool": standing.get("tool", self._tools[node])} if node in self._tools else {}
        return {"node": node, **tool, "step": standing["step"], "status": standing["status"]}

    def _roots(self) -> dict[str, Any]:
        situation, trouble = self._situation, self.cursor.trouble
        run = {"id": situation.run_id, "step": situation.step, "remaining_iterations": situation.remaining_iterations}
        return {
            "input": situation.input,
            "goal": situation.goal,
            "run": run,
            "trouble": MISSING if trouble is None else trouble.model_dump(),
        }

    def _standing(self, node: str) -> dict[str, Any]:
        cursor = self.cursor
        if node in cursor.passes:
            ended = {"status": cursor.loops[node]} if node in cursor.loops else {}
            return {"passes": cursor.passes[node], **ended}
        if node not in cursor.proposed:
            return {}
        if node not in self._tools:
            return _answered(cursor.answers.get(node), cursor.proposed[node])
        return self._outcome(node)

    def _outcome(self, node: str) -> dict[str, Any]:
        step, entry = self.cursor.proposed[node], self._entries.get(node)
        # An entry of an earlier pass says nothing of this one: without its own, a call's outcome is unknown.
        if entry is None or entry.step != step or entry.kind not in _STATUS:
            return {"status": "unknown", "step": step}
        # Of a node with other calls, the entry alone tells which of them was taken.
        known = {"status": _STATUS[entry.kind], "step": step, **({"tool": entry.tool} if entry.tool else {})}
        if entry.kind == "result":
            return {**known, "result": entry.content}
        content = entry.content if isinstance(entry.content, dict) else {}
        if entry.kind == "denial":
            return {**known, "reason": content.get("reason", ""), "advice": content.get("advice", "")}
        return {**known, "error": content.get("error", ""), "reason": content.get("error", "")}


def _answered(answer: str | None, step: int) -> dict[str, Any]:
    return (
        {"status": "unanswered", "step": step}
        if answer is None
        else {
            "status": "answered",
            "step": step,
            "answer": answer,
        }
    )
