"""A playbook as a flat list of moves, so that a position in it is one number and finding it again costs nothing."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from proctor.contracts.planning import DeclaredPlan
from proctor.contracts.playbook import (
    AllOf,
    AnyOf,
    AskNode,
    CallNode,
    CallsNode,
    ChooseNode,
    Condition,
    FinishNode,
    Node,
    Not,
    Playbook,
    Reaction,
    RepeatNode,
)
from proctor.contracts.playbook_check import parse_playbook
from proctor.contracts.playbook_plan import declared_plan
from proctor.contracts.templates import Path, parse_path, references


@dataclass
class Mark:
    """A place to jump to; set when the program reaches it."""

    at: int = -1


@dataclass(frozen=True)
class Propose:
    """Propose the node's calls or question; the next move looks at how they ended."""

    node: CallNode | CallsNode | AskNode
    reads: frozenset[str]


@dataclass(frozen=True)
class Settle:
    """Go on to `denied` or `failed` if a call of the node ended so."""

    node: CallNode | CallsNode | AskNode
    denied: Mark | None
    failed: Mark | None


@dataclass(frozen=True)
class Unless:
    """Jump when the condition does not hold."""

    condition: Condition
    target: Mark
    reads: frozenset[str]


@dataclass(frozen=True)
class Jump:
    """Jump."""

    target: Mark


@dataclass(frozen=True)
class Enter:
    """Begin to count the passes of a loop."""

    loop: str


@dataclass(frozen=True)
class Again:
    """End a pass: leave when `until` holds, go to `exhausted` when the passes are used up, or start over."""

    loop: str
    until: Condition
    passes: int
    body: Mark
    met: Mark
    exhausted: Mark
    reads: frozenset[str]


@dataclass(frozen=True)
class Finish:
    """End the run as the node says."""

    node: FinishNode
    reads: frozenset[str]


@dataclass(frozen=True)
class GiveUp:
    """End the run over the trouble at hand."""

    outcome: str


Move = Propose | Settle | Unless | Jump | Enter | Again | Finish | GiveUp


@dataclass(frozen=True)
class Program:
    """The moves, and the tool that each call id uses; `A or B` where policy has a choice."""

    moves: tuple[Move, ...]
    tools: dict[str, str]
    declares: DeclaredPlan | None
    """What the playbook can do at all; None when that is nothing, or more than a plan can name."""


def program_of(document: dict[str, Any]) -> Program:
    """Compile a playbook document, once per content. Raises `InvalidInput` as `parse_playbook` does."""
    return _compiled(json.dumps(document))


@lru_cache(maxsize=128)
def _compiled(text: str) -> Program:
    return _Assembly(parse_playbook(json.loads(text))).program()


class _Assembly:
    """Writes the moves; a handler's steps stand right behind the node that they belong to."""

    def __init__(self, playbook: Playbook) -> None:
        self._moves: list[Move] = []
        self._declares = declared_plan(playbook)
        self._tools: dict[str, str] = {}
        self._denied: Mark | None = Mark()
        self._failed: Mark | None = Mark()
        denied, failed = self._denied, self._failed
        self._steps(playbook.steps)
        # Trouble inside the common handlers must not start them again, so their own nodes go on by default.
        self._denied = self._failed = None
        self._common(denied, playbook.on_denied, "blocked")
        self._common(failed, playbook.on_failed, "failed")

    def program(self) -> Program:
        return Program(tuple(self._moves), self._tools, self._declares)

    def _common(self, mark: Mark, steps: list[Node], outcome: str) -> None:
        self._place(mark)
        self._steps(steps)
        self._moves.append(GiveUp(outcome))

    def _place(self, mark: Mark) -> None:
        mark.at = len(self._moves)

    def _steps(self, nodes: Iterable[Node]) -> None:
        for node in nodes:
            end = Mark()
            self._guard(node.when, end)
            self._node(node)
            self._place(end)

    def _guard(self, condition: Condition | None, otherwise: Mark) -> None:
        if condition is not None:
            self._moves.append(Unless(condition, otherwise, frozenset(_read_by(condition))))

    def _node(self, node: Node) -> None:
        if isinstance(node, RepeatNode):
            self._repeat(node)
        elif isinstance(node, ChooseNode):
            self._choose(node)
        elif isinstance(node, FinishNode):
            reads = frozenset({*_read_in([node.finish.report, node.why]), *node.finish.cite})
            self._moves.append(Finish(node, reads))
        else:
            self._act(node)

    def _act(self, node: CallNode | CallsNode | AskNode) -> None:
        orders = () if isinstance(node, AskNode) else node.orders
        others = node.alternatives if isinstance(node, CallNode) else ()
        values = [node.ask] if isinstance(node, AskNode) else [order.arguments for order in (*orders, *others)]
        self._moves.append(Propose(node, frozenset(_read_in([values, node.why]))))
        for order in orders:
            self._tools[order.id] = " or ".join(dict.fromkeys([order.call, *(other.call for other in others)]))
        on_failed = None if isinstance(node, AskNode) else node.on_failed
        denied, failed = _target(node.on_denied, self._denied), _target(on_failed, self._failed)
        self._moves.append(Settle(node, denied, failed))
        end = Mark()
        for reaction, mark in ((node.on_denied, denied), (on_failed, failed)):
            if isinstance(reaction, list) and mark is not None:
                self._moves.append(Jump(end))
                self._place(mark)
                self._steps(reaction)
        self._place(end)

    def _repeat(self, node: RepeatNode) -> None:
        loop, body, met, exhausted = node.repeat, Mark(), Mark(), Mark()
        self._moves.append(Enter(node.id))
        self._place(body)
        self._steps(loop.steps)
        reads = frozenset(_read_by(loop.until))
        self._moves.append(Again(node.id, loop.until, loop.max, body, met, exhausted, reads))
        self._place(exhausted)
        self._steps(loop.otherwise)
        self._place(met)

    def _choose(self, node: ChooseNode) -> None:
        end = Mark()
        for branch in node.choose:
            following = Mark()
            self._guard(branch.when, following)
            self._steps(branch.steps)
            self._moves.append(Jump(end))
            self._place(following)
        self._steps(node.otherwise)
        self._place(end)


def _target(reaction: Reaction | None, default: Mark | None) -> Mark | None:
    if reaction is None:
        return default
    return None if reaction == "continue" else Mark()


def _read_by(condition: Condition) -> Iterator[str]:
    if isinstance(condition, Not):
        yield from _read_by(condition.negated)
    elif isinstance(condition, AllOf | AnyOf):
        for inner in condition.all if isinstance(condition, AllOf) else condition.any:
            yield from _read_by(inner)
    else:
        yield from _node_of(parse_path(condition.path))
        yield from _read_in(condition.operand)


def _read_in(value: Any) -> Iterator[str]:
    for _, reference in references(value):
        yield from _node_of(reference.path)


def _node_of(path: Path) -> Iterator[str]:
    if path.parts[0] == "steps":
        yield str(path.parts[1])
