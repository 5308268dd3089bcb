"""Seeded changes of one realistic policy, each with what it does by construction."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any

from proctor.contracts.governing import ChangeKind
from proctor.contracts.manifest import AgentBundle
from tests.unit.policies_reasoning import agents
from tests.unit.policies_reasoning.agents import fact

LOOSENS, TIGHTENS, NEUTRAL = ChangeKind.LOOSENS, ChangeKind.TIGHTENS, ChangeKind.NEUTRAL
Document = dict[str, Any]


@dataclass(frozen=True)
class Mutant:
    name: str
    kind: ChangeKind
    new: AgentBundle
    has_witness: bool = True
    """Whether a loosening shows in the verdict on a call."""


def document_mutants() -> Iterator[Mutant]:
    for part in (_rules, _bounds, _conditions, _obligations, _documents):
        yield from part()


def _written(name: str, kind: ChangeKind, change: Callable[[Document], Any], *, has_witness: bool = True) -> Mutant:
    document = deepcopy(agents.DOCUMENT)
    change(document)
    return Mutant(name, kind, agents.bundle(document), has_witness)


def _rule(document: Document, rule_id: str) -> dict[str, Any]:
    return next(rule for rule in document["rules"] if rule["id"] == rule_id)


def _drop(document: Document, rule_id: str) -> None:
    document["rules"].remove(_rule(document, rule_id))


def _find(when: Any, name: str) -> Iterator[dict[str, Any]]:
    """Find the comparisons of a fact."""
    if isinstance(when, list):
        for part in when:
            yield from _find(part, name)
    elif isinstance(when, dict):
        if when.get("fact") == name:
            yield when
        for key in ("all", "any", "not"):
            yield from _find(when.get(key), name)


def _set(rule_id: str, name: str, **fields: Any) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        found = next(_find(_rule(document, rule_id)["when"], name))
        found.update(fields)

    return change


def _without(rule_id: str, key: str, place: int) -> Callable[[Document], None]:
    return lambda document: _rule(document, rule_id)["when"][key].pop(place)


FORBIDS = ("refund-never", "refund-currency", "mail-boss", "mail-many", "deploy-friday", "deploy-payments")
FORBIDS = (*FORBIDS, "deploy-force", "restart-soon")
ASKS_BEFORE_A_PERMIT = ("refund-night", "mail-urgent", "restart-costly", "tainted", "high-risk")
ASKS_INSTEAD_OF_A_PERMIT = ("refund-large", "mail-outside", "deploy-production")
PERMITS = ("refund-small", "mail-inside", "deploy-staging", "restart-known")


def _rules() -> Iterator[Mutant]:
    for name in FORBIDS:
        yield _written(f"drop {name}", LOOSENS, partial(_drop, rule_id=name))
        yield _written(f"{name} only asks", LOOSENS, _changed(name, effect="require_approval"))
    for name in ASKS_BEFORE_A_PERMIT:
        yield _written(f"drop {name}", LOOSENS, partial(_drop, rule_id=name))
        yield _written(f"{name} permits", LOOSENS, _changed(name, effect="permit"))
        yield _written(f"{name} forbids", TIGHTENS, _changed(name, effect="forbid"))
    for name in ASKS_INSTEAD_OF_A_PERMIT:
        is_asked_anyway = name == "deploy-production"  # by high-risk
        yield _written(f"{name} permits", NEUTRAL if is_asked_anyway else LOOSENS, _changed(name, effect="permit"))
        yield _written(f"always {name}", TIGHTENS if is_asked_anyway else LOOSENS, _changed(name, when=None))
    for name in PERMITS:
        is_asked_anyway = name == "deploy-staging"
        yield _written(f"always {name}", TIGHTENS if is_asked_anyway else LOOSENS, _changed(name, when=None))
    yield _written("drop restart-known: the scope permits", LOOSENS, partial(_drop, rule_id="restart-known"))
    yield _written("drop fetch-outside: egress says so too", NEUTRAL, partial(_drop, rule_id="fetch-outside"))
    yield _written("forbid on Mondays", TIGHTENS, _adds("forbid", "Refund", fact("time.weekday", equals="mon")))
    yield _written("ask about lookups", TIGHTENS, _adds("require_approval", "FindOrder", fact("time.hour", at_most=3)))
    inside = fact("arguments.to", matches="*@example.com")
    yield _written("permit copies to all", LOOSENS, _adds("permit", "SendMail", inside))
    beyond = fact("arguments.amount", at_least=9000)
    yield _written("permit what is forbidden", NEUTRAL, _adds("permit", "Refund", beyond))


def _changed(rule_id: str, **fields: Any) -> Callable[[Document], None]:
    return lambda document: _rule(document, rule_id).update(fields)


def _adds(effect: str, tool: str, when: Any) -> Callable[[Document], None]:
    rule = {"id": "added", "effect": effect, "tool": tool, "when": when, "reason": "added"}
    return lambda document: document["rules"].append(rule)


def _bounds() -> Iterator[Mutant]:
    amount = "arguments.amount"
    for name, operator, value in (
        ("refund-never", "greater_than", 3999),
        ("restart-soon", "less_than", 301),
        ("deploy-friday", "at_least", 13),
        ("mail-many", "at_least", 19),
    ):
        facts = {"refund-never": amount, "restart-soon": "windows.last_restart", "deploy-friday": "time.hour"}
        asked = facts.get(name, "windows.mails")
        yield _written(f"{name} at {value}", TIGHTENS, _set(name, asked, **{operator: value}))
    for name, asked, fields in (
        ("refund-never", "windows.refunds_today", {"greater_than": 1000}),
        ("refund-small", amount, {"at_most": 51}),
        ("refund-night", "time.hour", {"less_than": 5}),
        ("mail-many", "arguments.attachments", {"greater_than": 6}),
        ("mail-many", "windows.mails", {"at_least": 21}),
        ("deploy-friday", "time.hour", {"at_least": 15}),
        ("restart-soon", "windows.last_restart", {"less_than": 299}),
        ("restart-known", "windows.restarts", {"at_most": 4}),
        ("restart-costly", "iteration", {"greater_than": 11}),
        ("restart-costly", "cost.spent_usd", {"greater_than": 0.51}),
    ):
        is_hidden = name == "refund-small"  # refund-large asks about 51 too
        yield _written(f"{name}: {asked} {fields}", TIGHTENS if is_hidden else LOOSENS, _set(name, asked, **fields))
    yield _written("refund-large from 51", LOOSENS, _both_amounts(51))
    yield _written("never from 6000", NEUTRAL, _set("refund-never", amount, greater_than=6000))


def _both_amounts(value: int) -> Callable[[Document], None]:
    def change(document: Document) -> None:
        _set("refund-large", "arguments.amount", greater_than=value)(document)
        _set("refund-small", "arguments.amount", at_most=value)(document)

    return change


def _conditions() -> Iterator[Mutant]:
    to, service = "arguments.to", "arguments.service"
    for name, asked, fields in (
        ("mail-inside", to, {"matches": "*e*.com"}),
        ("mail-outside", to, {"matches": "*example.com"}),
        ("mail-inside", "arguments.cc", {"only": ["*@example.com", "*@example.org", "*@example.net"]}),
        ("mail-inside", "arguments.cc", {"only": ["*"]}),
        ("mail-boss", to, {"in": ["ceo@example.com"]}),
        ("mail-urgent", "arguments.urgent", {"exists": False}),
        ("refund-currency", "arguments.currency", {"not_in": ["EUR", "USD", "GBP"]}),
        ("refund-night", "time.weekday", {"in": ["sat"]}),
        ("deploy-friday", "time.weekday", {"equals": "thu"}),
        ("deploy-friday", "arguments.target", {"equals": "canary"}),
        ("deploy-payments", service, {"matches": "pay-*"}),
        ("deploy-payments", "requester", {"not_in": ["pia", "paul", "per"]}),
        ("deploy-staging", "arguments.target", {"equals": "canary"}),
        ("restart-known", service, {"matches": "web*"}),
        ("restart-known", service, {"matches": "?eb-*"}),
        ("tainted", "run.plan", {"not_equals": "none"}),
        ("high-risk", "risk", {"equals": "low"}),
    ):
        is_asked_anyway = (name, asked) == ("mail-inside", to)  # by mail-outside
        is_narrower = name == "mail-outside"  # what it does not ask about, nothing permits
        kind = NEUTRAL if is_asked_anyway else TIGHTENS if is_narrower else LOOSENS
        yield _written(f"{name}: {asked} {fields}", kind, _set(name, asked, **fields))
    for name, key, place in (
        ("refund-small", "all", 1),
        ("mail-inside", "all", 1),
        ("deploy-staging", "all", 1),
        ("restart-known", "all", 1),
        ("refund-never", "any", 1),
        ("refund-night", "any", 0),
        ("mail-many", "any", 0),
        ("restart-costly", "any", 1),
    ):
        # a permit of staging asks anyway, for Deploy is of high risk and always compensable
        kind = NEUTRAL if name == "deploy-staging" else LOOSENS
        yield _written(f"{name} without {key} {place}", kind, _without(name, key, place))
    for name, key, place in (("deploy-friday", "all", 1), ("deploy-payments", "all", 2)):
        yield _written(f"{name} without {key} {place}", TIGHTENS, _without(name, key, place))
    yield _written("no copies count as one", TIGHTENS, _set("mail-inside", "arguments.cc", default=["a@x.com"]))
    yield _written("one attachment counts as more", TIGHTENS, _set("mail-many", "arguments.attachments", default=6))


def _owing(rule_id: str, place: int, **fields: Any) -> Callable[[Document], None]:
    return lambda document: _rule(document, rule_id)["obligations"][place].update(fields)


def _sparing(rule_id: str, place: int) -> Callable[[Document], None]:
    return lambda document: _rule(document, rule_id)["obligations"].pop(place)


def _obligations() -> Iterator[Mutant]:
    for name, count in {"refund-small": 2, "refund-large": 2, "deploy-staging": 2, "deploy-production": 1}.items():
        for place in range(count):
            yield _written(f"{name} owes less {place}", LOOSENS, _sparing(name, place))
    yield _written("redact one field less", LOOSENS, _owing("refund-small", 0, fields=["iban"]))
    yield _written("redact one field more", TIGHTENS, _owing("refund-large", 1, fields=["iban", "id"]))
    yield _written("notify another", LOOSENS, _owing("refund-small", 1, who=["bob"]))
    yield _written("notify one more", TIGHTENS, _owing("refund-small", 1, who=["ana", "bob"]))
    yield _written("a smaller quorum", LOOSENS, _owing("refund-large", 0, count=1))
    yield _written("a larger quorum", TIGHTENS, _owing("refund-large", 0, count=3))
    yield _written("another role", LOOSENS, _owing("deploy-production", 0, role="operator"))
    yield _written("a shorter cool-down", LOOSENS, _owing("deploy-staging", 0, seconds=599))
    yield _written("a longer cool-down", TIGHTENS, _owing("deploy-staging", 0, seconds=601))
    limit = {"kind": "max_amount", "argument": "amount", "max": 40}
    yield _written("a limit", TIGHTENS, lambda d: _rule(d, "refund-small")["obligations"].append(limit))


def _window(place: int, **fields: Any) -> Callable[[Document], None]:
    return lambda document: document["windows"][place].update(fields)


def _documents() -> Iterator[Mutant]:
    yield _written("refunds within an hour", LOOSENS, _window(0, within_s=3600))
    yield _written("refunds within two days", TIGHTENS, _window(0, within_s=172_800))
    yield _written("refunds per run", LOOSENS, _window(0, per="run"))
    yield _written("refunds per tenant", TIGHTENS, _window(0, per="tenant"))
    yield _written("refunds per agent", LOOSENS, _window(0, per="agent"))
    yield _written("mails within ten minutes", LOOSENS, _window(1, within_s=600))
    yield _written("mails to the same person", LOOSENS, _window(1, same=["to"]))
    yield _written("restarts within an hour", LOOSENS, _window(2, within_s=3600))
    yield _written("restarts of any service", TIGHTENS, _window(2, same=[]))
    yield _written("last restart within a minute", LOOSENS, _window(3, within_s=60))
    yield _written("last restart within a day", TIGHTENS, _window(3, within_s=86_400))
    yield _written("no raised risk", LOOSENS, lambda d: d["risk"].clear())
    yield _written("risk raised later", LOOSENS, lambda d: d["risk"][0]["when"].update(greater_than=2001))
    yield _written("risk raised earlier", TIGHTENS, lambda d: d["risk"][0]["when"].update(greater_than=1999))
    yield _written("data flow observed", LOOSENS, lambda d: d.update(data_flow="observed"))
    known = {"tool": "FindOrder", "path": "email", "schema": {"type": "string", "enum": ["a@example.com"]}}
    yield _written("validate more", LOOSENS, lambda d: d["validate"].append(known), has_witness=False)
    yield _written("validate less", TIGHTENS, lambda d: d["validate"].clear())
    yield _written("address book", LOOSENS, lambda d: d["address_book"].append("x@y.com"), has_witness=False)
    yield _written("smaller address book", TIGHTENS, lambda d: d["address_book"].clear())
    yield _written("other order", NEUTRAL, lambda d: d["rules"].reverse())
    yield _written("other reason", NEUTRAL, lambda d: d["rules"][0].update(reason="In other words"))
    yield _written("other description", NEUTRAL, lambda d: d.update(description="A policy"))
    soft = {"id": "soft", "tool": "Refund", "reason": "Less is better", "weight": 3}
    yield _written("a preference", NEUTRAL, lambda d: d.update(prefer=[soft]))
    more = {**agents.WINDOWS[1], "id": "more"}
    yield _written("a window that no rule asks", NEUTRAL, lambda d: d["windows"].append(more))
    yield _written("one rule said in two", NEUTRAL, _split)
    yield _written("renamed rule", NEUTRAL, lambda d: _rule(d, "mail-boss").update(id="mail-board"))
    yield _written("said by its opposite", NEUTRAL, _turned)
    yield _written("twice", NEUTRAL, lambda d: d["rules"].append({**_rule(d, "mail-boss"), "id": "mail-boss-again"}))


def _split(document: Document) -> None:
    rule = _rule(document, "refund-never")
    first, second = rule["when"]["any"]
    rule["when"] = first
    document["rules"].append({**rule, "id": "refund-never-today", "when": second})


def _turned(document: Document) -> None:
    rule = _rule(document, "refund-large")
    rule["when"] = {"not": fact("arguments.amount", at_most=50)}
