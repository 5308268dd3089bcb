"""Goals: what an effect is for, apart from its words, so that what was denied is not asked again (H6)."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from policies.flow.provenance import tokens_of
from policies.flow.values import leaves
from proctor.contracts.governing import DeniedGoal
from proctor.contracts.tool import ArgumentRole, ToolContract

Denial = Literal["no", "by_person", "by_policy"]
MAX_TARGETS: Final = 32
"""Beyond so many targets a goal names none, and so stands for all of its action."""
_DIGITS: Final = 16
_HOST_END: Final = re.compile(r"[/?#]")


def goal_of(contract: ToolContract, arguments: Mapping[str, Any]) -> str:
    """Name what a call is for: `ACTION:TARGETS`, each target by a digest of its normalised value.

    Only arguments that the contract declares as targets tell goals apart: amounts, words and everything undeclared do
    not, so that a denial covers more rather than less. Without an action it is `?TOOL:TARGETS`. A read that leaves for
    a place outside is for that place: whatever else stands in a URL may be what leaks. Empty for other reads.
    """
    if contract.is_read and not contract.egress_arguments:
        return ""
    declared = contract.egress_arguments if contract.is_read else _targets_of(contract)
    named = (leaf for name in declared for _, leaf in leaves(arguments.get(name)) if leaf is not None)
    found = {digest for leaf in named for digest in _digests(leaf, by_host=contract.is_read)}
    targets = sorted(found) if len(found) <= MAX_TARGETS else ()
    return f"{contract.action or f'?{contract.name}'}:{'+'.join(targets)}"


def denied(goal: str, tool: str, denied_goals: Iterable[DeniedGoal]) -> Denial:
    """Say whether a goal was denied before in this run.

    A person's denial, or a request that nobody answered in time, covers the goal by every tool. A denial by policy
    covers it by every *other* tool: the same tool is judged by its own rules again, e.g. on a smaller amount.
    """
    if not goal:
        return "no"
    same = [one for one in denied_goals if covers(one.goal, goal)]
    if any(one.by == "person" for one in same):
        return "by_person"
    first = min(same, key=lambda one: (one.step, one.call), default=None)
    return "by_policy" if first is not None and first.tool != tool else "no"


def covers(earlier: str, goal: str) -> bool:
    """Say whether both are the same in substance: more targets or fewer than were denied make no other goal.

    An undeclared action may be any action, where there are targets to compare.
    """
    (old_action, old), (action, new) = _split(earlier), _split(goal)
    if old_action == action:
        return old <= new or new <= old
    is_undeclared = old_action.startswith("?") or action.startswith("?")
    return is_undeclared and bool(old) and bool(new) and (old <= new or new <= old)


def _split(goal: str) -> tuple[str, frozenset[str]]:
    action, _, targets = goal.rpartition(":")
    return action, frozenset(targets.split("+")) - {""}


def _targets_of(contract: ToolContract) -> list[str]:
    return [name for name, role in contract.argument_roles.items() if role is ArgumentRole.TARGET]


def _digests(leaf: Any, *, by_host: bool) -> list[str]:
    """Name a target by the addresses and accounts in it, whatever words stand beside them; without any, as a whole."""
    found = tokens_of(leaf) if not isinstance(leaf, bool) else []
    if by_host:
        found = [token._replace(key=_HOST_END.split(token.key, maxsplit=1)[0]) for token in found if token.is_link]
        if not found:
            return []
    whole = " ".join(token.text for token in found) or f"{type(leaf).__name__}:{leaf}"
    texts = [token.text for token in found if token.is_link] or [whole]
    return [hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGITS] for text in texts]
