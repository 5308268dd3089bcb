"""Schemas are derived from typed signatures, and arguments become the types that they declare."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from proctor.contracts.errors import InvalidInput
from proctor.contracts.schemas import problems, schema_problem
from proctor.contracts.tool import Effect
from proctor.tools.signature import inspect_function, load_signature, python_contract
from tests.unit.tools import sample_tools


def test_input_schema_follows_types_defaults_and_leaves_out_what_is_injected() -> None:
    """A tool's author writes types once; nobody can pass an idempotency key as an argument."""
    schema = python_contract(sample_tools.pay, effect=Effect.WRITE).input_schema
    assert schema_problem(schema) is None
    assert {"price", "on", "note"} == set(schema["properties"])
    assert schema["required"] == ["price", "on"]
    assert schema["properties"]["note"]["default"] == "none"
    assert problems(schema, {"price": {"amount": 1}, "on": "2026-01-01"}) == []
    assert problems(schema, {"price": {"amount": -1}, "on": "2026-01-01"}) == ["at $.price.amount: must be at least 0"]
    assert problems(schema, {"price": {"amount": 1}, "on": "2026-01-01", "idempotency_key": "mine"})


def test_contract_takes_name_and_description_from_the_function() -> None:
    """The shortest way to a contract is a function with a docstring, and its effect is the most dangerous one."""
    contract = python_contract(sample_tools.give_much)
    assert (contract.name, contract.effect) == ("GiveMuch", Effect.IRREVERSIBLE)
    assert python_contract(sample_tools.pay).description == "Pay a price."


def test_arguments_become_the_declared_types() -> None:
    """The function sees models and dates, not JSON."""
    bound = inspect_function(sample_tools.pay, is_read=False).bind({"price": {"amount": 1}, "on": "2026-01-02"})
    assert {"price": sample_tools.Money(amount=1), "on": date(2026, 1, 2)} == bound


def test_read_takes_an_idempotency_key_as_an_ordinary_argument() -> None:
    """A read-back probe is asked for somebody else's key, which must not be replaced by its own."""
    assert python_contract(sample_tools.probe, effect=Effect.READ).input_schema["required"] == ["idempotency_key"]
    assert python_contract(sample_tools.probe, effect=Effect.WRITE).input_schema["properties"] == {}


@pytest.mark.parametrize("function", [sample_tools.untyped, sample_tools.spread])
def test_parameter_that_no_schema_can_describe_is_refused(function: Callable[..., Any]) -> None:
    """Fail closed: what cannot be checked is not called."""
    with pytest.raises(InvalidInput, match="parameter"):
        inspect_function(function, is_read=True)


@pytest.mark.parametrize("reference", ["no.such.module:f", "tests.unit.tools.sample_tools:nothing", "json:decoder"])
def test_function_that_cannot_be_loaded_is_named(reference: str) -> None:
    """The message names the reference, so that the contract can be mended."""
    with pytest.raises(InvalidInput, match=reference):
        load_signature(reference, is_read=True)
