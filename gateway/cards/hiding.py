"""What may leave of a card: rooms have more members than the people who decide, and mail has more readers."""

from collections.abc import Mapping
from typing import Protocol

from gateway.cards.card import ApprovalCard, CardArgument
from proctor.contracts.human import HumanRequest
from proctor.contracts.labels import Confidentiality
from proctor.contracts.ports import RunJournal
from proctor.contracts.steps import CallRef

Labelled = Mapping[str, Confidentiality]
"""Arguments by name, and how confidential they are."""


class HasJournal(Protocol):
    """Reaches the record of runs."""

    @property
    def journal(self) -> RunJournal:
        """What calls were."""


_ORDER = list(Confidentiality)


def forbids(may_see: Confidentiality, kind: Confidentiality) -> bool:
    """Whether a room that may see so much may not see what is labelled so; secrets are for none."""
    return kind is Confidentiality.SECRET or _ORDER.index(kind) > _ORDER.index(may_see)


def hides(may_see: Confidentiality, argument: CardArgument) -> bool:
    """Whether a room may not see an argument."""
    return bool(argument.confidentiality) and forbids(may_see, Confidentiality(argument.confidentiality))


def as_shown(
    card: ApprovalCard, may_see: Confidentiality, former: Labelled | None = None
) -> tuple[ApprovalCard, tuple[str, ...]]:
    """Give the card without what a room may not see, and the names of the arguments that are left out.

    What the card says of targets, amounts and changes is made from arguments, so it goes with them.
    """
    hidden = [one.name for one in card.arguments if hides(may_see, one)]
    hidden += [name for name, kind in (former or {}).items() if forbids(may_see, kind) and name not in hidden]
    if not hidden:
        return card, ()
    kept = tuple(one for one in card.arguments if one.name not in hidden)
    return card.model_copy(update={"arguments": kept, "targets": (), "amounts": (), "changes": ()}), tuple(hidden)


async def former_labels(request: HumanRequest, store: HasJournal) -> Labelled:
    """Read how confidential the call was that a person changed: the diff shows its values, under its labels."""
    if request.replaces is None:
        return {}
    plan = await store.journal.call_plan(CallRef(run_id=request.run_id, step=request.step, call=request.replaces))
    return {name: flow.labels.confidentiality for name, flow in plan.decision.flows.items()}
