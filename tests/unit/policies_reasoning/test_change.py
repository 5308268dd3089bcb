from collections import Counter
from copy import deepcopy
from random import Random
from time import process_time
from typing import Any

import pytest

from policies.change import Change, classify, diff
from policies.change.outcomes import is_looser
from policies.document_check import policy_problems
from policies.manifest_policy import compile_policy
from proctor.contracts.governing import ChangeKind
from tests.unit.policies_reasoning import agents
from tests.unit.policies_reasoning.agents import fact
from tests.unit.policies_reasoning.calls import Sampler
from tests.unit.policies_reasoning.mutants import Mutant
from tests.unit.policies_reasoning.other_mutants import mutants

OLD = agents.bundle()
MUTANTS = mutants()
SAMPLES = 40


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


def test_a_policy_of_thirty_one_rules_is_compared_well_under_a_second() -> None:
    """Comparing costs processor time that admission can spend."""
    started = process_time()
    changes = diff(agents.bundle(_of_31_rules(50)), agents.bundle(_of_31_rules(51)))
    assert ChangeKind.TIGHTENS is classify(changes)
    assert process_time() - started < 1.0


def _of_31_rules(amount: int) -> dict[str, Any]:
    document = deepcopy(agents.DOCUMENT)
    document["rules"][0]["when"]["all"][0]["at_most"] = amount
    for n in range(31 - len(document["rules"])):
        tool, name = ("SendMail", "arguments.to") if n % 2 else ("Deploy", "arguments.service")
        when = {"all": [fact(name, matches=f"*{n}-x*"), fact("iteration", greater_than=n)]}
        document["rules"].append({"id": f"more-{n}", "effect": "forbid", "tool": tool, "when": when, "reason": "more"})
    return document


def test_a_change_reads_as_one_line_for_people() -> None:
    """The line says what was changed, for which call, and how that call was and is decided."""
    document = deepcopy(agents.DOCUMENT)
    document["rules"] = [rule for rule in document["rules"] if rule["id"] != "mail-boss"]
    (change,) = diff(OLD, agents.bundle(document))
    assert (
        "loosens: rule mail-boss: no longer there; for example SendMail with "
        'arguments.to = "ceo@example.com": deny (mail-boss) becomes allow (mail-inside)'
    ) == str(change)


def test_bundles_that_are_the_same_have_no_changes() -> None:
    """Nothing is told where nothing changed, and that is neutral."""
    assert () == diff(OLD, agents.bundle())
    assert ChangeKind.NEUTRAL is classify(())


def test_a_fact_that_was_demanded_and_no_longer_is_loosens() -> None:
    """A limit on an argument that may be left out also denies the calls that leave it out."""
    limit = {"tool": "RestartService", "argument": "grace_s", "max": 600, "beyond": "forbid"}
    assert "grace_s" not in agents.RESTART.input_schema["required"]
    limited = agents.bundle(manifest={**agents.MANIFEST, "thresholds": [*agents.MANIFEST["thresholds"], limit]})
    (change,) = diff(limited, OLD)
    assert change.witness is not None
    assert "fact:arguments.grace_s" == change.witness.before.determining
    assert ChangeKind.TIGHTENS is classify(diff(OLD, limited))


def test_what_exceeds_the_limit_of_work_loosens_and_says_so() -> None:
    """A comparison that was given up takes the dangerous answer."""
    patterns = [f"*{first}{'?' * 14}{last}*" for first in "abcdef" for last in "ghij"]
    spared = ({"not": fact("arguments.to", matches=one)} for one in patterns)
    heavy = {"all": [fact("arguments.to", matches=f"*a{'?' * 15}"), *spared]}
    document = deepcopy(agents.DOCUMENT)
    document["rules"].append({"id": "heavy", "effect": "forbid", "tool": "SendMail", "when": heavy, "reason": "heavy"})
    changes = diff(agents.bundle(document), OLD)
    assert ChangeKind.LOOSENS is classify(changes)
    assert any("could not be decided within the limit of work" in str(change) for change in changes)


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
            if OLD.tool(tool) != mutant.new.tool(tool):
                continue
            sampler = Sampler(mutant.new, tool, (old, new), random)
            for facts in filter(None, (sampler.draw() for _ in range(SAMPLES))):
                assert not is_looser(old.judge(facts), new.judge(facts)), (mutant.name, facts)
                judged += 1
    assert judged >= 3000
