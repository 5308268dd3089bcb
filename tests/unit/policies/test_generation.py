from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from policies.conditions import Compare, Fact, Kind
from policies.engine import CompiledPolicy
from policies.generation import UNSOUND, generate
from policies.programs import evaluate, make_program
from policies.rules import Facts, Rule
from tests.unit.policies.builders import TRANSFER, transfer
from tests.unit.policies.random_policies import any_facts, rules, sound_facts


def mask_of(judge: Callable[[Facts], int], facts: Facts) -> int:
    """Give the mask; raising means that the call cannot be judged, as `generate` says."""
    try:
        return judge(facts)
    except Exception:  # noqa: BLE001
        return UNSOUND


@settings(max_examples=300, deadline=None)
@given(policy=rules(), calls=st.lists(st.one_of(sound_facts(), any_facts()), min_size=1, max_size=8))
def test_generated_code_agrees_with_the_tree(policy: tuple[Rule, ...], calls: list[dict[str, Any]]) -> None:
    """The same rules fire on the same facts, and the same facts cannot be judged."""
    for tool, contract in (("Transfer", TRANSFER), ("Transfer", None), (None, None)):
        program = make_program(policy, tool, contract)  # type: ignore[arg-type]
        judge = generate(program)
        for facts in calls:
            found = evaluate(program, facts)
            assert (found.mask if found.is_sound else UNSOUND) == mask_of(judge, facts)


@settings(max_examples=200, deadline=None)
@given(policy=rules(), calls=st.lists(any_facts(), min_size=1, max_size=6))
def test_decision_does_not_depend_on_what_was_judged_before(
    policy: tuple[Rule, ...], calls: list[dict[str, Any]]
) -> None:
    """Decisions that are kept are the decisions that would be made again."""
    used = CompiledPolicy(policy, [TRANSFER])
    for facts in (*calls, *reversed(calls)):
        assert used.judge(facts) == CompiledPolicy(policy, [TRANSFER]).judge(facts)


def test_no_text_of_a_rule_is_read_as_source() -> None:
    """Names and constants that look like Python are names and constants."""
    evil = '"); __import__("os").abort(); ("'
    fact = Fact(f"x{evil}", Kind.TEXT)
    argument = Fact(f"arguments.{evil}", Kind.TEXT, path=(evil,))
    both = (Compare(fact, "equals", (evil,)), Compare(argument, "matches", (f"{evil}*",)))
    policy = CompiledPolicy([Rule(evil, "permit", both[0], evil)])
    assert "allow" == policy.judge({**transfer(), fact.name: evil}).verdict
    policy = CompiledPolicy([Rule(evil, "permit", both[1], evil)])
    assert "allow" == policy.judge(transfer(**{evil: f"{evil}!"})).verdict
