from collections import Counter
from random import Random

import pytest

from policies.change import Change, classify, diff
from policies.change.outcomes import is_looser
from policies.document_check import policy_problems
from policies.manifest_policy import compile_policy
from proctor.contracts.governing import ChangeKind
from tests.unit.policies_reasoning import agents
from tests.unit.policies_reasoning.calls import Sampler
from tests.unit.policies_reasoning.mutants import Mutant
from tests.unit.policies_reasoning.other_mutants import mutants

OLD = agents.bundle()
MUTANTS = mutants()
SAMPLES = 120


def _witnesses_hold(mutant: Mutant, changes: tuple[Change, ...]) -> bool:
    """Execute every witness anew, on policies compiled anew."""
    old, new = compile_policy(OLD), compile_policy(mutant.new)
    shown = [change.witness for change in changes if change.witness]
    return all(is_looser(old.judge(one.facts_before), new.judge(one.facts)) for one in shown)


def test_the_policy_under_change_has_no_mistakes() -> None:
    """The mutants are changes of a policy that would be accepted."""
    assert OLD.policy is not None
    assert [] == policy_problems(OLD.policy, OLD)


def test_there_are_a_hundred_mutants_and_many_of_each_kind() -> None:
    """The seeded changes are as many as the claim says."""
    counts = Counter(mutant.kind for mutant in MUTANTS)
    assert counts[ChangeKind.LOOSENS] >= 100
    assert counts[ChangeKind.TIGHTENS] >= 25
    assert counts[ChangeKind.NEUTRAL] >= 10


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_seeded_change_is_told_for_what_it_is(mutant: Mutant) -> None:
    """A loosening is found, with a call that both policies really decided; nothing else is called one."""
    changes = diff(OLD, mutant.new)
    assert mutant.kind is classify(changes), [str(change) for change in changes]
    assert _witnesses_hold(mutant, changes)
    if mutant.kind is ChangeKind.LOOSENS and mutant.has_witness:
        assert any(change.witness for change in changes)
    for change in changes:
        is_told = change.kind is not ChangeKind.LOOSENS or change.witness or "no witness found: " in str(change)
        assert is_told, str(change)


@pytest.mark.slow
def test_no_random_call_is_decided_looser_where_no_loosening_was_told() -> None:
    """Trial finds no loosening that proof did not: calls near the constants, on every mutant that is not one."""
    random, old = Random(11), compile_policy(OLD)
    judged = 0
    for mutant in MUTANTS:
        if mutant.kind is ChangeKind.LOOSENS:
            continue
        new = compile_policy(mutant.new)
        for tool in mutant.new.manifest.allowed_tools:
            sampler = Sampler(mutant.new, tool, (old, new), random)
            for facts in filter(None, (sampler.draw() for _ in range(SAMPLES))):
                assert not is_looser(old.judge(facts), new.judge(facts)), (mutant.name, facts)
                judged += 1
    assert judged >= 10_000
