"""Reading a playbook: every mistake with its place in the document, before anything runs."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import ValidationError

from proctor.contracts.errors import InvalidInput
from proctor.contracts.places import Place, render_place
from proctor.contracts.playbook import (
    AllOf,
    AnyOf,
    AskNode,
    CallNode,
    CallsNode,
    ChooseNode,
    Comparison,
    Condition,
    FinishNode,
    Node,
    Not,
    Playbook,
    Reaction,
    RepeatNode,
)
from proctor.contracts.templates import Path, parse_path, references, strings

MAX_DEPTH = 64
"""How deep a playbook document may be nested."""

ROOTS = {
    "input": None,
    "goal": frozenset[str](),
    "run": frozenset({"id", "step", "remaining_iterations"}),
    "trouble": frozenset({"node", "tool", "status", "reason", "advice"}),
    "steps": None,
}
_ATTRIBUTES = {
    "call": frozenset({"status", "result", "error", "reason", "advice", "step", "tool"}),
    "ask": frozenset({"status", "answer", "step"}),
    "repeat": frozenset({"status", "passes"}),
}


class Problem(NamedTuple):
    """A mistake: its place, what is wrong, and so what to write instead."""

    where: Place
    message: str

    def __str__(self) -> str:
        return f"{render_place(self.where) or 'playbook'}: {self.message}"


class _Located(NamedTuple):
    node: Node
    where: Place


def parse_playbook(document: dict[str, Any]) -> Playbook:
    """Read a playbook.

    Raises:
        InvalidInput: the first mistake, with its place such as `steps[2].when.all[0].equals`.

    """
    playbook, problems = _read(document)
    if playbook is None or problems:
        raise InvalidInput(str(problems[0]), hint="docs/reference/playbook.md describes the form")
    return playbook


def playbook_problems(document: Any) -> list[Problem]:
    """List the mistakes in a playbook document; empty means that it can run."""
    return _read(document)[1]


def _read(document: Any) -> tuple[Playbook | None, list[Problem]]:
    if _is_deeper_than(document, MAX_DEPTH):
        return None, [Problem((), f"nested deeper than {MAX_DEPTH} levels")]
    try:
        playbook = Playbook.model_validate(document)
    except ValidationError as error:
        return None, [_problem(item["loc"], item["msg"]) for item in error.errors(include_url=False)]
    nodes = list(_walk_all(playbook))
    known, problems = _declare(nodes)
    problems.extend(_ending_problems(playbook))
    for located in nodes:
        problems.extend(_node_problems(located, known))
    return playbook, problems


def _problem(loc: Place, message: str) -> Problem:
    where = tuple(part for part in loc if not (isinstance(part, str) and part.startswith("<")))
    return Problem(where, message[:1].lower() + message[1:])


def _is_deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return False
    return True


def _walk_all(playbook: Playbook) -> Iterator[_Located]:
    for name in ("steps", "on_denied", "on_failed"):
        yield from _walk(getattr(playbook, name), (name,))


def _walk(nodes: list[Node], where: Place) -> Iterator[_Located]:
    for index, node in enumerate(nodes):
        yield _Located(node, (*where, index))
        for inner, place in _inner(node):
            yield from _walk(inner, (*where, index, *place))


def _inner(node: Node) -> Iterator[tuple[list[Node], Place]]:
    for name in ("on_denied", "on_failed"):
        reaction: Reaction | None = getattr(node, name, None)
        if isinstance(reaction, list):
            yield reaction, (name,)
    if isinstance(node, RepeatNode):
        yield node.repeat.steps, ("repeat", "steps")
        yield node.repeat.otherwise, ("repeat", "otherwise")
    if isinstance(node, ChooseNode):
        for index, branch in enumerate(node.choose):
            yield branch.steps, ("choose", index, "steps")
        yield node.otherwise, ("otherwise",)


def _declare(nodes: list[_Located]) -> tuple[dict[str, str], list[Problem]]:
    known: dict[str, str] = {}
    problems = []
    for node, where in nodes:
        for name, kind, place in _names(node):
            if name in known:
                problems.append(Problem((*where, *place), f"the id {name!r} is taken: give every node its own"))
            known.setdefault(name, kind)
    return known, problems


def _names(node: Node) -> Iterator[tuple[str, str, Place]]:
    if isinstance(node, CallsNode):
        yield node.id, "calls", ("id",)
        for index, call in enumerate(node.calls):
            yield call.id, "call", ("calls", index, "id")
    elif isinstance(node, CallNode | AskNode | RepeatNode):
        kind = {CallNode: "call", AskNode: "ask", RepeatNode: "repeat"}[type(node)]
        yield node.id, kind, ("id",)
    elif node.id is not None:
        yield node.id, "other", ("id",)


def _ending_problems(playbook: Playbook) -> list[Problem]:
    if _always_ends(playbook.steps):
        return []
    last = len(playbook.steps) - 1
    message = "the last step must end the run: write finish, or choose with otherwise where every way ends in finish"
    return [Problem(("steps", last), message)]


def _always_ends(nodes: list[Node]) -> bool:
    if not nodes or nodes[-1].when is not None:
        return False
    last = nodes[-1]
    if isinstance(last, ChooseNode):
        return all(_always_ends(branch.steps) for branch in last.choose) and _always_ends(last.otherwise)
    return isinstance(last, FinishNode)


def _node_problems(located: _Located, known: dict[str, str]) -> Iterator[Problem]:
    node, where = located
    for condition, place in _conditions(node):
        yield from _condition_problems(condition, (*where, *place), known)
    for value, place in _templates(node):
        yield from _template_problems(value, (*where, *place), known)
    if isinstance(node, FinishNode):
        for index, name in enumerate(node.finish.cite):
            if known.get(name) not in {"call", "ask"}:
                yield Problem((*where, "finish", "cite", index), f"there is no call or ask with the id {name!r}")


def _conditions(node: Node) -> Iterator[tuple[Condition, Place]]:
    if node.when is not None:
        yield node.when, ("when",)
    if isinstance(node, RepeatNode):
        yield node.repeat.until, ("repeat", "until")
    if isinstance(node, ChooseNode):
        for index, branch in enumerate(node.choose):
            yield branch.when, ("choose", index, "when")


def _templates(node: Node) -> Iterator[tuple[Any, Place]]:
    yield node.why, ("why",)
    if isinstance(node, CallNode):
        yield node.arguments, ("with",)
        for index, other in enumerate(node.others):
            yield other.arguments, ("or", index, "with")
    if isinstance(node, CallsNode):
        for index, call in enumerate(node.calls):
            yield call.arguments, ("calls", index, "with")
    if isinstance(node, AskNode):
        yield node.ask, ("ask",)
    if isinstance(node, FinishNode):
        yield node.finish.report, ("finish", "report")


def _condition_problems(condition: Condition, where: Place, known: dict[str, str]) -> Iterator[Problem]:
    if isinstance(condition, Not):
        yield from _condition_problems(condition.negated, (*where, "not"), known)
    elif isinstance(condition, AllOf | AnyOf):
        name = "all" if isinstance(condition, AllOf) else "any"
        for index, inner in enumerate(getattr(condition, name)):
            yield from _condition_problems(inner, (*where, name, index), known)
    else:
        yield from _comparison_problems(condition, where, known)


def _comparison_problems(comparison: Comparison, where: Place, known: dict[str, str]) -> Iterator[Problem]:
    try:
        problem = _reference_problem(parse_path(comparison.path), known)
    except ValueError as error:
        problem = str(error)
    if problem:
        yield Problem((*where, "path"), problem)
    given = comparison.operators()
    if len(given) != 1:
        yield Problem(where, f"a comparison has exactly one operator, not {len(given)}")
        return
    yield from _template_problems(comparison.operand, (*where, given[0]), known)
    if given[0] == "in" and not isinstance(comparison.operand, list | str):
        yield Problem((*where, "in"), "write a list of values, or a template that gives one")


def _template_problems(value: Any, where: Place, known: dict[str, str]) -> Iterator[Problem]:
    for place, text in strings(value):
        try:
            found = [_reference_problem(reference.path, known) for _, reference in references(text)]
        except ValueError as error:
            found = [str(error)]
        for problem in filter(None, found):
            yield Problem((*where, *place), problem)


def _reference_problem(path: Path, known: dict[str, str]) -> str | None:
    root, *rest = path.parts
    if root not in ROOTS:
        return f"{path} begins with {root!r}: begin with one of {', '.join(ROOTS)}"
    allowed = ROOTS[str(root)]
    if allowed and (not rest or rest[0] not in allowed):
        return f"{root} has {', '.join(sorted(allowed))}"
    if root != "steps":
        return None
    return _step_problem(path, rest, known)


def _step_problem(path: Path, rest: list[Any], known: dict[str, str]) -> str | None:
    if not rest or rest[0] not in known:
        return f"{path}: there is no node with the id {rest[0] if rest else ''!r}"
    attributes = _ATTRIBUTES.get(known[rest[0]])
    if attributes is None:
        return f"{path}: {rest[0]} is not a call, ask or repeat, and has no outcome to look at"
    if len(rest) == 1 or rest[1] not in attributes:
        return f"{path}: {rest[0]} has {', '.join(sorted(attributes))}"
    return None
