"""What must be asked or is forbidden because of where a call's parts come from, in the language of all rules."""

from collections.abc import Iterator
from typing import Final

from policies.conditions import AllOf, AnyOf, Condition, Fact, Kind, Not
from policies.facts import EFFECT, PLATFORM
from policies.rules import Rule
from policies.trees import equals
from proctor.contracts.ids import ToolName
from proctor.contracts.labels import Confidentiality, Integrity
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.tool import ArgumentRole, Effect, ToolContract

_UNTRUSTED: Final = str(Integrity.UNTRUSTED)
_INTEGRITY: Final = tuple(str(one) for one in Integrity)
_ON_PLAN: Final = equals(PLATFORM["run.plan"], "on_plan")
_OFF_PLAN: Final = equals(PLATFORM["run.plan"], "off_plan")
_TAINTED: Final = equals(PLATFORM["run.has_read_untrusted"], value=True)
_IS_EFFECT: Final = Not(equals(EFFECT, str(Effect.READ)))
_TARGETS: Final = equals(PLATFORM["labels.targets.integrity"], _UNTRUSTED)
_LINKS: Final = equals(PLATFORM["labels.links.integrity"], _UNTRUSTED)
_SECRET: Final = equals(PLATFORM["labels.confidentiality"], str(Confidentiality.SECRET))

INSTEAD: Final = "use what the request names, or what a call of the declared plan gives as a field of its own"


def flow_rules(bundle: AgentBundle) -> tuple[Rule, ...]:
    """Give the data-flow rules of a bundle: none when its document says `data_flow: observed`."""
    if bundle.policy is not None and bundle.policy.data_flow == "observed":
        return ()
    return (*_general(), *(rule for tool in bundle.tools for rule in _of_tool(tool)))


def _general() -> Iterator[Rule]:
    yield _ask(
        "flow-target",
        AllOf((_IS_EFFECT, Not(_ON_PLAN), _TARGETS)),
        "what this acts on was named by a tool's result or made up after reading one, and by nobody who is trusted",
    )
    yield _ask(
        "flow-link",
        AllOf((_IS_EFFECT, Not(_ON_PLAN), _LINKS)),
        "it passes on a link, an address or an account that was found in a tool's result or made up",
    )
    yield _ask(
        "flow-off-plan",
        AllOf((_IS_EFFECT, _OFF_PLAN, _TAINTED)),
        "it is not in the plan that was declared before anything untrusted was read",
    )
    yield _forbid_secret("flow-secret", AllOf((_IS_EFFECT, _TARGETS)))


def _of_tool(tool: ToolContract) -> Iterator[Rule]:
    amounts = [name for name, role in tool.argument_roles.items() if role is ArgumentRole.AMOUNT]
    if amounts and not tool.is_read:
        yield _ask(
            f"flow-amount:{tool.name}",
            AllOf((Not(_ON_PLAN), _any_untrusted(amounts))),
            "how much is not what the request or a field of a declared call says",
            tool,
        )
    if tool.is_read and tool.egress_arguments:
        leaves = _any_untrusted(tool.egress_arguments)
        yield _ask(
            f"flow-egress:{tool.name}",
            AllOf((Not(_ON_PLAN), AnyOf((leaves, AllOf((_OFF_PLAN, _TAINTED)))))),
            "it leaves for a place, or with words, that a tool's result named or that were made up after reading one",
            tool,
        )
        yield _forbid_secret(f"flow-secret:{tool.name}", leaves, tool)


def _forbid_secret(rule_id: str, leaves: Condition, tool: ToolContract | None = None) -> Rule:
    reason = "a secret would go to a place that nobody who is trusted named"
    return Rule(rule_id, "forbid", AllOf((Not(_ON_PLAN), _SECRET, leaves)), reason, INSTEAD, _only(tool))


def _only(tool: ToolContract | None) -> tuple[ToolName, ...] | None:
    return (tool.name,) if tool else None


def _ask(rule_id: str, when: Condition, reason: str, tool: ToolContract | None = None) -> Rule:
    return Rule(rule_id, "require_approval", when, reason, INSTEAD, _only(tool))


def _any_untrusted(arguments: list[str] | tuple[str, ...]) -> Condition:
    """Hold when one of the arguments is untrusted; `flow_facts` gives the labels of arguments that are left out too."""
    facts = [Fact(f"labels.{name}.integrity", Kind.CHOICE, _INTEGRITY) for name in arguments]
    return AnyOf(tuple(equals(fact, _UNTRUSTED) for fact in facts))
