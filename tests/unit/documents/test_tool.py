import json
from typing import Any

import pytest

from proctor.contracts.errors import InvalidInput
from proctor.contracts.tool import Effect, Idempotency, Risk
from proctor.documents.problems import Problem
from proctor.documents.source import parse_source
from proctor.documents.tool import assumptions, read_tools
from tests.unit.documents import forms

TOOL = """\
tool:
  name: Refund
  effect: write
  input:
    type: object
    properties:
      amount: {type: number}
  implementation: {kind: python, function: shop.tools:refund}
"""
DERIVED = ({"type": "object", "properties": {"a": {"type": "string"}}}, {"type": "object"})


def problems(text: str) -> list[Problem]:
    return read_tools(parse_source(text, "t.yaml"), None, None)[1]


def test_contract_loads_as_the_blueprint_writes_it() -> None:
    """A bare JSON Schema is a contract whose every undeclared part is the most dangerous."""
    documents, found = read_tools(parse_source(forms.TOOL, "t.json", is_json=True), None, None)
    assert found == []
    contract = documents[0].contract
    assert (contract.name, contract.input_schema) == ("FileCorrection", json.loads(forms.TOOL))
    dangerous = (Effect.IRREVERSIBLE, Risk.HIGH, Idempotency.NONE, None)
    assert (contract.effect, contract.risk, contract.idempotency, contract.compensation) == dangerous
    assert any("not called" in note for note in assumptions(contract))


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("effect: write", "effect: writes", 3, "'effect' is"),
        ("effect: write", "efect: write", 3, "unknown key 'efect'"),
        ("effect: write", "effect: write\n  retry: {max_attempts: 0}", 4, "greater than or equal to 1"),
        ("effect: write", "effect: write\n  retry: {attempts: 1}", 4, "unknown key 'attempts'"),
        ("effect: write", "effect: write\n  idempotency: read_back", 4, "names no probe"),
        ("effect: write", "effect: write\n  probe: Find", 4, "nothing would ask"),
        ("effect: write", "effect: read\n  compensation: {tool: X}", 4, "nothing can be taken back"),
        ("effect: write", "effect: write\n  argument_roles: {amuont: amount}", 4, "Refund has no argument 'amuont'"),
        ("effect: write", "effect: write\n  argument_roles: {amount: money}", 4, "'amount' is"),
        ("effect: write", "effect: write\n  egress_arguments: [url]", 4, "Refund has no argument 'url'"),
        ("effect: write", "effect: write\n  egress_arguments: [amount, amount]", 4, "names 'amount' twice"),
        ("effect: write", "effect: write\n  action: two words", 4, "'action' is"),
        ("type: object", "type: array", 5, "arguments are an object"),
        ("{type: number}", "{type: numbr}", 7, "not a usable JSON Schema"),
        ("{type: number}", '{type: string, pattern: "(?=a)b"}', 7, "linear time"),
        ("{type: number}", '{type: string, pattern: "(a)\\\\1"}', 7, "linear time"),
        ("{type: number}", '{$ref: "http://127.0.0.1/x.json"}', 7, "leaves the document"),
        ("{type: number}", '{$ref: "file:///etc/passwd"}', 7, "leaves the document"),
        (
            "    type: object",
            "    $schema: http://json-schema.org/draft-07/schema#\n    type: object",
            5,
            "another draft",
        ),
        ("shop.tools:refund", "shop.tools.refund", 8, "'function' is"),
        ("kind: python, function", "kind: python, fucntion", 8, "unknown key 'fucntion'"),
        ("kind: python", "kind: shell", 8, "'implementation' is"),
        ("name: Refund", "name: 1Refund", 2, "'name' is"),
        ("tool:", "tol:", 1, "not a tool contract"),
    ],
)
def test_mistake_in_a_contract_is_named_with_its_line(old: str, new: str, line: int, message: str) -> None:
    """Nothing that is misspelt falls back to a default."""
    assert old in TOOL
    found = problems(TOOL.replace(old, new, 1))
    assert (line, True) in [(problem.line, message in problem.message) for problem in found]


def test_what_an_argument_steers_is_part_of_the_contract() -> None:
    """Roles, action and what leaves are read as they are written; a tool without them is as before."""
    said = "effect: write\n  action: refund\n  argument_roles: {amount: amount}\n  egress_arguments: [amount]"
    contract = read_tools(parse_source(TOOL.replace("effect: write", said), "t.yaml"), None, None)[0][0].contract
    plain = read_tools(parse_source(TOOL, "t.yaml"), None, None)[0][0].contract
    assert ("refund", {"amount": "amount"}, ("amount",)) == (
        contract.action,
        contract.argument_roles,
        contract.egress_arguments,
    )
    assert ("", {}, ()) == (plain.action, plain.argument_roles, plain.egress_arguments)


def test_several_contracts_stand_in_one_file() -> None:
    """`tools:` holds a list."""
    text = "tools:\n  - name: A\n    input: {type: object}\n  - name: B\n    input: {type: object}\n"
    documents, found = read_tools(parse_source(text, "t.yaml"), None, None)
    assert ([document.contract.name for document in documents], found) == (["A", "B"], [])


def test_schema_of_a_python_tool_comes_from_its_signature() -> None:
    """What the document leaves out is derived; what it says stands."""
    asked = []

    def derive(function: str, *, is_read: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        asked.append((function, is_read))
        return DERIVED

    text = (
        "tool:\n  name: Find\n  effect: read\n  output: {}\n  implementation: {kind: python, function: 'shop:find'}\n"
    )
    documents, found = read_tools(parse_source(text, "t.yaml"), None, derive)
    assert (found, asked) == ([], [("shop:find", True)])
    assert (documents[0].contract.input_schema, documents[0].contract.output_schema) == (DERIVED[0], {})


def test_signature_that_cannot_be_read_is_a_problem_of_the_document() -> None:
    """The author sees the line that names the function."""

    def derive(function: str, *, is_read: bool) -> tuple[dict[str, Any], dict[str, Any]]:
        raise InvalidInput(f"cannot load {function}", hint="check it")

    text = "tool:\n  name: Find\n  implementation: {kind: python, function: 'shop:find'}\n"
    found = read_tools(parse_source(text, "t.yaml"), None, derive)[1]
    assert [(problem.line, problem.message) for problem in found] == [(3, "cannot load shop:find")]


def test_tool_that_does_not_say_what_it_takes_is_refused() -> None:
    """An absent schema is never an open one."""
    found = problems("tool:\n  name: Find\n")
    assert "does not say what it takes" in found[0].message


def test_schema_without_a_usable_title_is_refused() -> None:
    """A bare schema's title is the tool's name."""
    found = problems('{"title": "Create Ticket", "type": "object", "properties": {}}')
    assert "'title', the tool's name," in found[0].message
