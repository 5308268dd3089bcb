"""What a playbook will do, read off the document: every call it can make, how often, and where arguments come from."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from proctor.contracts.planning import DeclaredArgument, DeclaredCall, DeclaredPlan
from proctor.contracts.playbook import AskNode, Call, CallNode, CallsNode, ChooseNode, Node, Playbook, RepeatNode
from proctor.contracts.templates import MISSING, Path, Reference, parse_template

MAX_DECLARED = 64
MAX_COUNT = 1000


@dataclass(frozen=True)
class _Placed:
    """A call as it stands in the document."""

    id: str
    order: Call
    times: int
    troubles: frozenset[str] | None
    """Nodes that `trouble` may speak of here; None: any."""


def declared_plan(playbook: Playbook) -> DeclaredPlan | None:
    """Declare all that a playbook can do; None when it calls nothing, or more tools than a plan can name.

    A call is declared under its node's id, the other calls of a node under ids that no node can have. Counts are upper
    limits: every pass of every loop. Sources are what templates can name, whatever way the playbook takes. More than
    64 calls are declared tool by tool, with the sources of all the tool's calls, which are named by their nodes still.
    """
    placed = [*_numbered(_placed(playbook))]
    sources = _Sources(playbook, placed)
    calls = [_declared(call, sources) for call in placed]
    if len(calls) > MAX_DECLARED:
        calls = _by_tool(calls)
    return DeclaredPlan(calls=tuple(calls)) if 0 < len(calls) <= MAX_DECLARED else None


def has_literal(value: Any) -> bool:
    """Tell whether a part of a JSON value is written in the document itself: anything but references."""
    if isinstance(value, str):
        return not value or any(isinstance(piece, str) for piece in parse_template(value))
    if isinstance(value, dict | list | tuple):
        items = list(value.values()) if isinstance(value, dict) else list(value)
        return not items or any(map(has_literal, items))
    return True


def _declared(placed: _Placed, sources: "_Sources") -> DeclaredCall:
    arguments = {
        name: DeclaredArgument(sources=sources.of(value, placed)) for name, value in placed.order.arguments.items()
    }
    return DeclaredCall(
        id=placed.id, tool=placed.order.call, max_count=min(placed.times, MAX_COUNT), arguments=arguments
    )


def _by_tool(calls: Iterable[DeclaredCall]) -> list[DeclaredCall]:
    tools: dict[str, DeclaredCall] = {}
    for call in calls:
        tools[call.tool] = _both(tools[call.tool], call) if call.tool in tools else call
    return [*tools.values()]


def _both(one: DeclaredCall, other: DeclaredCall) -> DeclaredCall:
    arguments = dict(one.arguments)
    for name, given in other.arguments.items():
        known = arguments[name].sources if name in arguments else ()
        arguments[name] = DeclaredArgument(sources=tuple(dict.fromkeys([*known, *given.sources])))
    count = min(one.max_count + other.max_count, MAX_COUNT)
    return one.model_copy(update={"max_count": count, "arguments": arguments})


class _Sources:
    """Turns the paths of templates into the words of a declared plan."""

    def __init__(self, playbook: Playbook, placed: list[_Placed]) -> None:
        self._calls: dict[str, list[str]] = {}
        self._order = {call.id: n for n, call in enumerate(placed)}
        for call in placed:
            self._calls.setdefault(call.order.id, []).append(call.id)
        self._asks = {node.id for node in _nodes(playbook) if isinstance(node, AskNode)}

    def of(self, value: Any, placed: _Placed) -> tuple[str, ...]:
        found = ["manifest"] if has_literal(value) else []
        for reference in _references(value):
            found += [] if reference.default is MISSING else ["manifest"]
            found += self._named(reference.path, placed)
        return tuple(dict.fromkeys(found))

    def _named(self, path: Path, placed: _Placed) -> list[str]:
        root = path.parts[0]
        if root in {"input", "goal"}:
            return ["request"]
        if root == "steps":
            return self._node(str(path.parts[1]))
        if root == "trouble":
            return self._trouble(placed)
        return ["manifest"]

    def _trouble(self, placed: _Placed) -> list[str]:
        """Trouble comes before what deals with it, in the document as in the run."""
        nodes = self._calls.keys() | self._asks if placed.troubles is None else placed.troubles
        named = [source for node in sorted(nodes) for source in self._node(node)]
        return [source for source in named if self._order.get(source, -1) < self._order[placed.id]]

    def _node(self, node: str) -> list[str]:
        if node in self._asks:
            return ["person"]
        # What is not a call or a question is a loop, and all that it tells is a count that the document bounds.
        return self._calls.get(node, ["manifest"])


def _references(value: Any) -> Iterator[Reference]:
    if isinstance(value, str):
        yield from (piece for piece in parse_template(value) if isinstance(piece, Reference))
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _references(item)


def _numbered(placed: Iterable[_Placed]) -> Iterator[_Placed]:
    """Give ids to the other calls of a node; `~` stands in no node's id."""
    seen: set[str] = set()
    for n, call in enumerate(placed):
        own = call.id if call.id not in seen else f"{call.id[:56]}~{n}"
        seen.add(own)
        yield _Placed(own, call.order, call.times, call.troubles)


def _placed(playbook: Playbook) -> Iterator[_Placed]:
    for steps in (playbook.steps, playbook.on_denied, playbook.on_failed):
        yield from _walk(steps, 1, None)


def _walk(nodes: Iterable[Node], times: int, troubles: frozenset[str] | None) -> Iterator[_Placed]:
    for node in nodes:
        if isinstance(node, CallNode | CallsNode):
            alternatives = node.alternatives if isinstance(node, CallNode) else ()
            for order in (*node.orders, *alternatives):
                yield _Placed(order.id, order, times, troubles)
        inside = times * node.repeat.max if isinstance(node, RepeatNode) else times
        for steps, is_handler, is_repeated in _parts(node):
            # A handler may hold nodes with handlers of their own, whose trouble is then the newest.
            own = frozenset({*_ids([node]), *_ids(_below(steps))}) if is_handler else troubles
            yield from _walk(steps, inside if is_repeated else times, own)


def _parts(node: Node) -> Iterator[tuple[list[Node], bool, bool]]:
    """Give the steps inside a node; whether they deal with its trouble, and whether they are repeated."""
    for name in ("on_denied", "on_failed"):
        reaction = getattr(node, name, None)
        if isinstance(reaction, list):
            yield reaction, True, False
    if isinstance(node, RepeatNode):
        yield node.repeat.steps, False, True
        yield node.repeat.otherwise, False, False
    if isinstance(node, ChooseNode):
        for branch in node.choose:
            yield branch.steps, False, False
        yield node.otherwise, False, False


def _nodes(playbook: Playbook) -> Iterator[Node]:
    yield from _below([*playbook.steps, *playbook.on_denied, *playbook.on_failed])


def _below(nodes: Iterable[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        for steps, _, _ in _parts(node):
            yield from _below(steps)


def _ids(nodes: Iterable[Node]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, CallNode | CallsNode):
            yield from (order.id for order in node.orders)
        elif isinstance(node, AskNode):
            yield node.id
