"""What is wrong with a policy document, given the agent that it governs: every mistake with its place."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from policies.approval_check import approval_problems
from policies.document_rules import governed, rule_problems, tools_of, windows_of
from policies.engine import BUILT_IN
from policies.facts import ARGUMENTS
from policies.flow.validation import room_for_text
from policies.manifest_policy import compile_policy
from policies.problems import Place, Problem, near
from policies.scopes import Scope, argument_problem
from policies.texts import flaw_of
from proctor.contracts.ids import ToolName
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.obligations import Redact
from proctor.contracts.policy import PolicyDocument, PreferenceForm, RiskForm, RuleForm, WindowForm

_MAX_DEPTH: Final = 32
"""How deep a condition may be nested."""


def policy_problems(document: Any, bundle: AgentBundle) -> list[Problem]:
    """List the mistakes in a policy document, as parsed or as read; empty means that each rule can be judged.

    Whether rules can ever apply, or hide each other, is another question: see `policies/reasoning`.
    """
    if isinstance(document, PolicyDocument):
        return _mistakes(document, bundle)
    if _is_deeper_than(document, _MAX_DEPTH):
        return [Problem((), f"nested deeper than {_MAX_DEPTH} levels")]
    try:
        read = PolicyDocument.model_validate(document)
    except ValidationError as error:
        return [_of_form(item["loc"], item["msg"]) for item in error.errors(include_url=False)]
    return _mistakes(read, bundle)


def _mistakes(document: PolicyDocument, bundle: AgentBundle) -> list[Problem]:
    check = _Check(document, governed(bundle, document))
    return [problem for part in check.parts for problem in part()]


def _of_form(loc: Place, message: str) -> Problem:
    where = tuple(part for part in loc if not (isinstance(part, str) and part.startswith("<")))
    return Problem(where, message[:1].lower() + message[1:])


def _is_deeper_than(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [child for item in level for child in _children(item)]
        if not level:
            return False
    return True


def _children(item: Any) -> Iterable[Any]:
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list) else ()


class _Named(NamedTuple):
    """A part of the document that names tools."""

    where: Place
    form: RuleForm | RiskForm | PreferenceForm | WindowForm


class _Check:
    """Holds one document against one bundle."""

    def __init__(self, document: PolicyDocument, bundle: AgentBundle) -> None:
        self._document, self._bundle = document, bundle
        self._allowed = frozenset(bundle.manifest.allowed_tools)

    @property
    def parts(self) -> tuple[Callable[[], Iterator[Problem]], ...]:
        """The checks, in the order in which their findings are told."""
        return (
            self._ids,
            self._tools,
            self._windows,
            self._conditions,
            self._obligations,
            self._validations,
            self._book,
        )

    def _ids(self) -> Iterator[Problem]:
        built_in = BUILT_IN | {rule.id for rule in compile_policy(self._without()).rules}
        taken: set[str] = set()
        for where, form in self._ruled():
            if form.id in built_in:
                yield Problem((*where, "id"), f"{form.id} is the name of a built-in rule: take another")
            if form.id in taken:
                yield Problem((*where, "id"), f"the id {form.id} is taken: give every rule its own")
            taken.add(form.id)

    def _without(self) -> AgentBundle:
        return self._bundle.model_copy(update={"policy": None})

    def _ruled(self) -> Iterator[_Named]:
        document = self._document
        forms: dict[str, Iterable[Any]] = {"rules": document.rules, "risk": document.risk, "prefer": document.prefer}
        return (_Named((section, n), form) for section, found in forms.items() for n, form in enumerate(found))

    def _tools(self) -> Iterator[Problem]:
        windows = (_Named(("windows", n), window) for n, window in enumerate(self._document.windows))
        for where, form in (*self._ruled(), *windows):
            names = tools_of(form)
            if names == ():
                yield Problem((*where, "tool"), "name a tool, or leave `tool` out for all")
            for n, name in enumerate(names or ()):
                place = (*where, "tool") if isinstance(form.tool, str) else (*where, "tool", n)
                yield from self._tool_problems(name, place)

    def _tool_problems(self, name: ToolName, place: Place) -> Iterator[Problem]:
        if name not in self._allowed:
            message = f"{name} is not among the agent's allowed_tools{near(name, sorted(self._allowed))}"
            yield Problem(place, message)
        elif self._bundle.tool(name) is None:
            yield Problem(place, f"{name} has no contract")

    def _windows(self) -> Iterator[Problem]:
        taken: set[str] = set()
        made = windows_of(self._document)[len(self._document.windows) :]
        for n, window in enumerate(self._document.windows):
            where: Place = ("windows", n)
            if window.id in taken or any(window.id == other.id for other in made):
                yield Problem((*where, "id"), f"the id {window.id} is taken: give every window its own")
            taken.add(window.id)
            yield from self._window_problems(window, where)

    def _window_problems(self, window: WindowForm, where: Place) -> Iterator[Problem]:
        if window.measure == "sum" and window.argument is None:
            yield Problem(where, "a sum adds up an argument: add `argument:`")
        if window.measure != "sum" and window.argument is not None:
            yield Problem((*where, "argument"), f"{window.measure} takes no argument")
        if window.measure == "sum" and window.argument is not None:
            yield from self._summed(window, window.argument, (*where, "argument"))
        for n, path in enumerate(window.same):
            problem = self._argument_problem(window.tools, path)
            if problem:
                yield Problem((*where, "same", n), problem)

    def _summed(self, window: WindowForm, path: str, place: Place) -> Iterator[Problem]:
        problem = self._argument_problem(window.tools, path)
        if problem:
            yield Problem(place, problem)
            return
        for name in window.tools:
            fact = Scope(self._bundle, (name,)).find(f"{ARGUMENTS}.{path}")
            if self._bundle.tool(name) and (isinstance(fact, str) or fact.kind != "number"):
                yield Problem(place, f"the argument {path!r} of {name} is not a number, and cannot be added up")
            elif not isinstance(fact, str) and (fact.minimum is None or fact.minimum < 0):
                message = (
                    f"the argument {path!r} of {name} may be negative and would lower the sum: give it `minimum: 0`"
                )
                yield Problem(place, message)

    def _argument_problem(self, tools: Iterable[ToolName], path: str) -> str | None:
        contracts = (contract for name in tools if (contract := self._bundle.tool(name)))
        return next(filter(None, (argument_problem(contract, path) for contract in contracts)), None)

    def _conditions(self) -> Iterator[Problem]:
        return rule_problems(self._document, self._bundle)

    def _obligations(self) -> Iterator[Problem]:
        for n, rule in enumerate(self._document.rules):
            if rule.effect == "forbid" and rule.obligations:
                yield Problem(("rules", n, "obligations"), "what is forbidden is not done, and owes nothing")
            for found in approval_problems(rule, self._bundle.manifest.approval_timeout_s):
                yield Problem(("rules", n, "obligations", *found.where), found.message)
            for m, obligation in enumerate(rule.obligations):
                if isinstance(obligation, Redact):
                    yield from self._redactions(rule, obligation, ("rules", n, "obligations", m))

    def _redactions(self, rule: RuleForm, redact: Redact, where: Place) -> Iterator[Problem]:
        for name in rule.tools or self._bundle.manifest.allowed_tools:
            contract = self._bundle.tool(name)
            for n, path in enumerate(redact.fields):
                if contract is not None and not _has_path(contract.output_schema, path.split(".")):
                    known = [] if "." in path else sorted(contract.output_schema.get("properties", {}))
                    message = f"the result of {name} has no {path!r}{near(path, known)}"
                    yield Problem((*where, "fields", n), message)

    def _validations(self) -> Iterator[Problem]:
        for n, form in enumerate(self._document.validate_results):
            where: Place = ("validate", n)
            yield from self._tool_problems(form.tool, (*where, "tool"))
            room, contract = room_for_text(form.fits), self._bundle.tool(form.tool)
            if room:
                yield Problem((*where, "schema"), f"leaves room for text of an attacker's choice: it {room}")
            path = form.path.split(".") if form.path else []
            if contract is not None and not _has_path(contract.output_schema, path):
                yield Problem((*where, "path"), f"the result of {form.tool} has no {form.path!r}")

    def _book(self) -> Iterator[Problem]:
        for n, entry in enumerate(self._document.address_book):
            flaw = flaw_of(entry)
            if flaw or not entry.strip():
                yield Problem(("address_book", n), f"{entry!r} {flaw or 'is empty'}: it would match what nobody meant")


def _has_path(schema: dict[str, Any], path: list[str]) -> bool:
    """Whether a result can have this part, as far as its schema tells; lists are gone through."""
    at: Any = schema
    for key in (part for part in path if part != "*"):
        while isinstance(at, dict) and "properties" not in at and isinstance(at.get("items"), dict):
            at = at["items"]
        properties = at.get("properties") if isinstance(at, dict) else None
        if not isinstance(properties, dict):
            return True
        if key not in properties:
            return at.get("additionalProperties", True) is not False and not properties
        at = properties[key]
    return True
