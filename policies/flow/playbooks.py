"""A playbook is a declared plan: its tools, its counts and the sources of its arguments stand in the document."""

from collections.abc import Iterator
from typing import Any, Final

from proctor.contracts.ids import ToolName
from proctor.contracts.planning import DeclaredArgument, DeclaredCall, DeclaredPlan
from proctor.contracts.playbook import AskNode, Call, CallNode, CallsNode, ChooseNode, Node, Playbook, RepeatNode
from proctor.contracts.playbook_check import parse_playbook
from proctor.contracts.templates import references

MAX_CALLS: Final = 64
MAX_COUNT: Final = 1000


def declared_from_playbook(document: dict[str, Any]) -> DeclaredPlan:
    """Read the plan off a playbook: a call's id is its node's; loops multiply its count.

    A playbook with more than 64 calls is declared tool by tool, with all sources of the tool's calls together.

    Raises:
        InvalidInput: the document is no sound playbook.

    """
    playbook = parse_playbook(document)
    answers = {node.id for node, _ in _walk_all(playbook) if isinstance(node, AskNode)}
    calls = [
        _declared(call, times, answers)
        for node, times in _walk_all(playbook)
        if isinstance(node, CallNode | CallsNode)
        for call in node.orders
    ]
    return DeclaredPlan(calls=tuple(calls if len(calls) <= MAX_CALLS else _by_tool(calls)))


def _walk_all(playbook: Playbook) -> Iterator[tuple[Node, int]]:
    for nodes in (playbook.steps, playbook.on_denied, playbook.on_failed):
        yield from _walk(nodes, 1)


def _walk(nodes: list[Node], times: int) -> Iterator[tuple[Node, int]]:
    for node in nodes:
        yield node, times
        for name in ("on_denied", "on_failed"):
            reaction = getattr(node, name, None)
            if isinstance(reaction, list):
                yield from _walk(reaction, times)
        if isinstance(node, RepeatNode):
            yield from _walk(node.repeat.steps, min(times * node.repeat.max, MAX_COUNT))
            yield from _walk(node.repeat.otherwise, times)
        if isinstance(node, ChooseNode):
            for nodes_of_way in (*(branch.steps for branch in node.choose), node.otherwise):
                yield from _walk(nodes_of_way, times)


def _declared(call: Call, times: int, answers: set[str]) -> DeclaredCall:
    arguments = {name: DeclaredArgument(sources=_sources(value, answers)) for name, value in call.arguments.items()}
    return DeclaredCall(id=call.id, tool=call.call, max_count=times, arguments=arguments)


def _sources(value: Any, answers: set[str]) -> tuple[str, ...]:
    found = {"manifest"}
    for _, reference in references(value):
        root, *rest = reference.path.parts
        if root in {"input", "goal"} or (root == "steps" and rest and rest[0] in answers):
            found.add("request")
        elif root == "steps" and rest:
            found.add(str(rest[0]))
        elif root != "run":
            found.add(str(root))
    return tuple(sorted(found))


def _by_tool(calls: list[DeclaredCall]) -> Iterator[DeclaredCall]:
    tools: dict[ToolName, list[DeclaredCall]] = {}
    for call in calls:
        tools.setdefault(call.tool, []).append(call)
    for tool, same in tools.items():
        names = dict.fromkeys(name for call in same for name in call.arguments)
        arguments = {
            name: DeclaredArgument(
                sources=tuple(
                    sorted(
                        {source for call in same if name in call.arguments for source in call.arguments[name].sources}
                    )
                )
            )
            for name in names
        }
        count = min(sum(call.max_count for call in same), MAX_COUNT)
        yield DeclaredCall(id=same[0].id, tool=tool, max_count=count, arguments=arguments)
