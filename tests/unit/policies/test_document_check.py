# ruff: noqa: E501 - a problem is told in one line, and stands here as it is told
from typing import Any

import pytest

from policies.document_check import policy_problems
from policies.manifest_policy import compile_policy
from proctor.contracts.decision import Verdict
from proctor.contracts.tool import ToolContract
from tests.unit.policies.builders import TRANSFER, transfer, written

BUNDLE = written()
LIMIT = {"kind": "max_amount", "argument": "amount", "max": 100}


def told(**document: Any) -> list[str]:
    return [str(problem) for problem in policy_problems(document, BUNDLE)]


def ruled(when: dict[str, Any] | None = None, **fields: Any) -> list[str]:
    rule = {"id": "r", "effect": "forbid", "tool": "Transfer", "reason": "x", **fields}
    return told(rules=[rule | ({} if when is None else {"when": when})])


def test_sound_document_has_no_problems() -> None:
    """Every kind of fact can be asked for with every operator that fits it."""
    conditions: list[dict[str, Any]] = [
        {"fact": "arguments.to", "matches": "*@example.com"},
        {"fact": "arguments.to", "not_in": ["bob", "eve"]},
        {"fact": "arguments.amount", "greater_than": 50},
        {"fact": "arguments.currency", "in": ["EUR", "USD"]},
        {"fact": "arguments.copies", "only": ["*@example.com"], "default": []},
        {"fact": "arguments.copies", "contains": "eve", "default": []},
        {"fact": "arguments.urgent", "equals": True, "default": False},
        {"fact": "arguments.note.text", "exists": True},
        {"fact": "arguments.note.pages", "at_most": 3, "default": 1},
        {"fact": "egress.hosts", "only": ["*.example.com", "api.example.org:443"]},
        {"fact": "labels.to.integrity", "equals": "untrusted"},
        {"fact": "labels.origins", "contains": "tool"},
        {"fact": "windows.paid", "greater_than": 1000},
        {"fact": "compensable", "not_equals": True},
        {"fact": "time.weekday", "in": ["sat", "sun"]},
    ]
    rule = {
        "id": "all-of-it",
        "effect": "permit",
        "tool": "Transfer",
        "when": {"all": [*conditions, {"not": {"any": conditions}}]},
        "reason": "x",
        "obligations": [LIMIT, {"kind": "cool_down", "seconds": 60}, {"kind": "notify", "who": ["ana"]}],
    }
    paid = {"id": "paid", "measure": "sum", "tool": "Transfer", "argument": "amount", "within_s": 60, "same": ["to"]}
    risk = {"id": "large", "tool": "Transfer", "when": conditions[2], "risk": "high"}
    prefer = {"id": "small", "tool": "Transfer", "when": conditions[2], "reason": "x"}
    assert [] == told(rules=[rule], windows=[paid], risk=[risk], prefer=[prefer], address_book=["bob"])


@pytest.mark.parametrize(
    ("when", "problem"),
    [
        ({"fact": "arguments.amonut", "equals": 1}, "when.fact: there is no fact 'arguments.amonut': did you mean arguments.amount?"),
        ({"fact": "xyz", "equals": 1}, "when.fact: there is no fact 'xyz'"),
        ({"fact": "arguments.amount", "matches": "5*"}, "when.matches: arguments.amount is a number, which 'matches' does not fit: use one of equals, not_equals, in, not_in, less_than, at_most, greater_than, at_least, exists"),
        ({"fact": "arguments.amount", "less_than": "5"}, "when.less_than: '5' is not a plain number, as arguments.amount is"),
        ({"fact": "arguments.amount", "less_than": True}, "when.less_than: True is not a plain number, as arguments.amount is"),
        ({"fact": "arguments.amount", "at_most": 1_000_000}, "when.at_most: 1000000 is more than arguments.amount can be, which is 100000 or less"),
        ({"fact": "arguments.amount", "at_most": -1}, "when.at_most: -1 is less than arguments.amount can be, which is 0 or more"),
        ({"fact": "arguments.amount", "at_most": 5, "default": 1}, "when.default: arguments.amount is always there: leave out `default`"),
        ({"fact": "arguments.currency", "equals": "EURO"}, "when.equals: arguments.currency is never 'EURO': it is one of EUR, USD, GBP: did you mean EUR?"),
        ({"fact": "arguments.currency", "in": []}, "when.in: write a list of values"),
        ({"fact": "arguments.currency", "in": "EUR"}, "when.in: write a list of values"),
        ({"fact": "arguments.to", "exists": True}, "when: arguments.to is always there: `exists` says nothing"),
        ({"fact": "arguments.to", "equals": 5}, "when.equals: 5 is not a text, as arguments.to is"),
        ({"fact": "arguments.to", "equals": "b\u043eb"}, "when.equals: 'b\u043eb' mixes alphabets within a word, as arguments.to is"),
        ({"fact": "arguments.urgent", "equals": True}, "when: arguments.urgent may be left out of the call: add `default:`, or ask with `exists`"),
        ({"fact": "arguments.urgent", "equals": "yes", "default": False}, "when.equals: 'yes' is not true or false, as arguments.urgent is"),
        ({"fact": "arguments.urgent", "equals": True, "default": None}, "when.default: the default of arguments.urgent is null"),
        ({"fact": "arguments.urgent", "exists": True, "default": False}, "when.default: `exists` takes no `default`"),
        ({"fact": "arguments.note.text", "equals": "x"}, "when: arguments.note.text may be left out of the call: add `default:`, or ask with `exists`"),
        ({"fact": "arguments.note", "exists": True}, "when.fact: there is no fact 'arguments.note': did you mean arguments.note.text?"),
        ({"fact": "arguments.copies", "only": [5], "default": []}, "when.only: 5 is not a text"),
        ({"fact": "egress.hosts", "only": ["*.10.0.0.1"]}, "when.only: '*.10.0.0.1': an address has no subdomains"),
        ({"fact": "labels.origins", "contains": "toolbox"}, "when.contains: labels.origins is never 'toolbox': it is one of request, manifest, address_book, person, validated, tool, planner: did you mean tool?"),
        ({"fact": "effect", "equals": "erase"}, "when.equals: effect is never 'erase': it is one of read, write, irreversible"),
        ({"fact": "arguments.to"}, "when: a comparison has exactly one operator, not 0"),
        ({"fact": "arguments.amount", "less_than": 5, "at_least": 1}, "when: a comparison has exactly one operator, not 2"),
        ({"all": [{"not": {"fact": "nothing", "equals": 1}}]}, "when.all[0].not.fact: there is no fact 'nothing'"),
        ({"any": []}, "when.any: tuple should have at least 1 item after validation, not 0"),
    ],
)  # fmt: skip
def test_mistake_in_a_condition_is_told_with_its_place(when: dict[str, Any], problem: str) -> None:
    """Whoever writes a rule learns where it is wrong and what to write instead."""
    assert [f"rules[0].{problem}"] == ruled(when)


def test_rule_about_arguments_names_its_tools() -> None:
    """Without a tool there is no type to hold an argument against."""
    message = "rules[0].when.fact: arguments.to: a rule about arguments names its tools: add `tool:`"
    assert [message] == ruled({"fact": "arguments.to", "equals": "bob"}, tool=None)


def test_tools_whose_arguments_differ_need_a_rule_each() -> None:
    """One comparison never means two things."""
    schema = {"type": "object", "required": ["to"], "properties": {"to": {"type": "number"}}}
    other = ToolContract(name="Move", input_schema=schema, effect="write")
    rule = {"id": "r", "effect": "forbid", "tool": ["Transfer", "Move"], "reason": "x"}
    of, when = written(other), {"fact": "arguments.to", "equals": "bob"}
    found = policy_problems({"rules": [rule | {"when": when}]}, of)
    assert ["arguments.to is not of the same type in Transfer and Move: write a rule for each tool"] == [
        problem.message for problem in found
    ]
    missing = {"fact": "arguments.amount", "equals": 1}
    found = policy_problems({"rules": [rule | {"when": missing}]}, of)
    assert ["Move has no arguments.amount: write a rule for each tool"] == [problem.message for problem in found]


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ([{"id": "scope"}], "rules[0].id: scope is the name of a built-in rule: take another"),
        ([{"id": "no-permit"}], "rules[0].id: no-permit is the name of a built-in rule: take another"),
        ([{"id": "a"}, {"id": "a"}], "rules[1].id: the id a is taken: give every rule its own"),
        ([{"id": "a", "tool": "Transfr"}], "rules[0].tool: Transfr is not among the agent's allowed_tools: did you mean Transfer?"),
        ([{"id": "a", "tool": ["Pay", "Pya"]}], "rules[0].tool[1]: Pya is not among the agent's allowed_tools: did you mean Pay?"),
        ([{"id": "a", "tool": []}], "rules[0].tool: name a tool, or leave `tool` out for all"),
        ([{"id": "a", "obligations": [{"kind": "review_after"}]}], "rules[0].obligations: what is forbidden is not done, and owes nothing"),
        ([{"id": "A rule"}], "rules[0].id: string should match pattern '^[a-z][a-z0-9-]{0,63}$'"),
        ([{"id": "a", "whne": {}}], "rules[0].whne: extra inputs are not permitted"),
    ],
)  # fmt: skip
def test_mistake_in_a_rule_is_told_with_its_place(rules: list[dict[str, Any]], problem: str) -> None:
    """Ids are unique, tools are the agent's, and nothing unknown is passed over."""
    assert [problem] == told(rules=[{"effect": "forbid", "reason": "x", **rule} for rule in rules])


@pytest.mark.parametrize(
    ("obligation", "problem"),
    [
        ({**LIMIT, "argument": "to"}, "obligations[0]: arguments.to is not a number, and has no largest amount"),
        ({**LIMIT, "argument": "amonut"}, "obligations[0]: there is no fact 'arguments.amonut': did you mean arguments.amount?"),
        ({**LIMIT, "argument": "note.pages"}, "obligations[0]: arguments.note.pages may be left out of the call: a limited amount must be required by the tool's schema"),
        ({**LIMIT, "max": float("inf")}, "obligations[0]: inf is no plain number"),
        ({"kind": "redact", "fields": ["receipt.ibna"]}, "obligations[0].fields[0]: the result of Receipt has no 'receipt.ibna'"),
    ],
)  # fmt: skip
def test_mistake_in_an_obligation_is_told_with_its_place(obligation: dict[str, Any], problem: str) -> None:
    """An obligation that cannot be met is found at load."""
    result = {"type": "object", "properties": {"receipt": {"type": "object", "properties": {"iban": {}}}}}
    receipt = TRANSFER.model_copy(update={"name": "Receipt", "output_schema": result})
    rule = {"id": "r", "effect": "permit", "tool": "Receipt", "reason": "x", "obligations": [obligation]}
    found = policy_problems({"rules": [rule]}, written(receipt))
    assert [f"rules[0].{problem}"] == [str(each) for each in found]


@pytest.mark.parametrize(
    ("window", "problem"),
    [
        ({"measure": "sum"}, "windows[0]: a sum adds up an argument: add `argument:`"),
        ({"measure": "sum", "argument": "to"}, "windows[0].argument: the argument 'to' of Transfer is not a number, and cannot be added up"),
        ({"measure": "sum", "argument": "amuont"}, "windows[0].argument: Transfer has no argument 'amuont': did you mean amount?"),
        ({"measure": "sum", "argument": "note.pages"}, "windows[0].argument: the argument 'note.pages' of Transfer may be left out: its schema must require it"),
        ({"argument": "amount"}, "windows[0].argument: count takes no argument"),
        ({"same": ["from"]}, "windows[0].same[0]: Transfer has no argument 'from'"),
        ({"same": ["urgent"]}, "windows[0].same[0]: the argument 'urgent' of Transfer may be left out: its schema must require it"),
        ({"tool": "Transfr"}, "windows[0].tool: Transfr is not among the agent's allowed_tools: did you mean Transfer?"),
        ({"within_s": 0}, "windows[0].within_s: input should be greater than 0"),
    ],
)  # fmt: skip
def test_mistake_in_a_window_is_told_with_its_place(window: dict[str, Any], problem: str) -> None:
    """A window that cannot be counted is found at load."""
    base = {"id": "w", "measure": "count", "tool": "Transfer", "within_s": 60}
    assert [problem] == told(windows=[base | window])


def test_windows_are_told_apart() -> None:
    """A window's name stands for one number, those of cool-downs included."""
    window = {"id": "w", "measure": "count", "tool": "Transfer", "within_s": 60}
    assert ["windows[1].id: the id w is taken: give every window its own"] == told(windows=[window, window])
    slow = {"id": "slow", "effect": "permit", "tool": "Transfer", "reason": "x"}
    slow["obligations"] = [{"kind": "cool_down", "seconds": 60}]
    found = told(rules=[slow], windows=[window | {"id": "cool_down_slow_0"}])
    assert ["windows[0].id: the id cool_down_slow_0 is taken: give every window its own"] == found


def test_validating_rule_leaves_no_room_for_text() -> None:
    """A schema that any text fits validates nothing."""
    found = told(validate=[{"tool": "Transfer", "path": "", "schema": {"type": "string"}}])
    assert found[0].startswith("validate[0].schema: leaves room for text of an attacker's choice")


def test_document_that_is_none_is_told() -> None:
    """Whatever was read instead of a document is a problem, not an error."""
    deep: Any = {"fact": "tool", "equals": "x"}
    for _ in range(100):
        deep = {"not": deep}
    for odd in (None, 7, [], {"rules": 5}, {"rules": [{"when": deep}]}):
        assert policy_problems(odd, BUNDLE), odd


def test_whatever_has_a_problem_denies() -> None:
    """A document that was never checked still opens nothing that its broken rule looks at."""
    odd = {"id": "odd", "effect": "permit", "tool": "Transfer", "reason": "x", "when": {"fact": "x", "equals": 1}}
    decision = compile_policy(written(rules=[odd])).judge(transfer())
    assert (decision.verdict, decision.determining) == (Verdict.DENY, "odd")
