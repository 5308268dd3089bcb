"""R3: what an agent may do while a breaker is open; it only tightens."""

import pytest

from policies.degrading import degraded
from proctor.contracts.decision import Decision, Verdict
from proctor.contracts.ids import Digest, ToolName
from proctor.contracts.manifest import AgentManifest, Autonomy
from proctor.contracts.tool import Effect, ToolContract
from proctor.contracts.traffic import Breaker, BreakerState, Degradation, breaker_names

PAY, SHIP = ToolName("Pay"), ToolName("Ship")
LOOK = ToolName("Look")
SHUT = Breaker(name="tool:Pay", state=BreakerState.OPEN, failures=5, is_shut=True, open_until_s=20)
HOST = SHUT.model_copy(update={"name": "host:shop.example"})
HALF = SHUT.model_copy(update={"state": BreakerState.HALF_OPEN, "is_shut": False})


def said(verdict: Verdict) -> Decision:
    """Give a decision of policy."""
    return Decision(verdict=verdict, determining="permit", reason="may be", policy_digest=Digest("d"))


def meets(
    tool: ToolName,
    *breakers: Breaker,
    verdict: Verdict = Verdict.ALLOW,
    effect: Effect = Effect.WRITE,
    **degradation: Degradation,
) -> Decision:
    """Have a call of a tool meet breakers; Pay and Ship reach one host."""
    manifest = AgentManifest(name="clerk", autonomy=Autonomy.AUTONOMOUS, degradation=degradation)
    contract = ToolContract(name=tool, input_schema={}, effect=effect)
    hosts = {PAY: ("shop.example",), SHIP: ("shop.example",)}
    return degraded(said(verdict), manifest, contract, breakers, lambda name: breaker_names(name, hosts.get(name, ())))


@pytest.mark.parametrize("breakers", [(), (HALF,), (SHUT,)])
def test_breakers_of_others_and_ones_that_let_pass_change_nothing(breakers: tuple[Breaker, ...]) -> None:
    """The decision is the very same."""
    assert said(Verdict.ALLOW) == meets(LOOK, *breakers)
    assert said(Verdict.ALLOW) == meets(PAY, *(one for one in breakers if not one.is_shut))


@pytest.mark.parametrize("breaker", [SHUT, HOST])
def test_without_a_word_in_the_manifest_the_call_is_held_back(breaker: Breaker) -> None:
    """By its own breaker, and by that of its host; the planner is told which, and until when."""
    made = meets(PAY, breaker)
    assert (Verdict.DENY, "breaker-open") == (made.verdict, made.determining)
    assert f"the breaker {breaker.name} is open for another 20 s" == made.reason


def test_person_is_asked_where_the_manifest_says_so() -> None:
    """And the rule is among those that fired, even where policy asks already."""
    ask = Degradation(to="ask_person")
    for verdict in (Verdict.ALLOW, Verdict.REQUIRE_APPROVAL):
        made = meets(PAY, SHUT, verdict=verdict, Pay=ask)
        assert Verdict.REQUIRE_APPROVAL is made.verdict
        assert "breaker-ask-person" in {rule.id for rule in made.fired}


@pytest.mark.parametrize("to", ["refuse", "ask_person", "read_only", "other_tool"])
def test_what_policy_denies_stays_denied_by_policy(to: str) -> None:
    """A breaker never loosens, and never hides who said no."""
    made = meets(PAY, SHUT, verdict=Verdict.DENY, Pay=Degradation(to=to, tool=SHIP))
    assert (Verdict.DENY, "permit") == (made.verdict, made.determining)


def test_planner_is_pointed_to_the_other_tool() -> None:
    """The advice names it."""
    made = meets(PAY, SHUT, Pay=Degradation(to="other_tool", tool=SHIP))
    assert ("breaker-other-tool", "use Ship instead of Pay") == (made.determining, made.advice)


def test_no_effect_begins_while_a_tool_is_down_that_makes_the_agent_read_only() -> None:
    """By whatever tool; reads go on, and so does everything once the breaker lets pass."""
    only_read = Degradation(to="read_only")
    assert "breaker-read-only" == meets(SHIP, SHUT, Pay=only_read).determining
    assert said(Verdict.ALLOW) == meets(LOOK, SHUT, effect=Effect.READ, Pay=only_read)
    assert said(Verdict.ALLOW) == meets(SHIP, HALF, Pay=only_read)
