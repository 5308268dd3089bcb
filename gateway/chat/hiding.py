"""What a chat may see of a card: rooms have more members than the people who decide."""

from gateway.cards.card import ApprovalCard, CardArgument
from gateway.chat.card_channel import Labelled
from proctor.contracts.labels import Confidentiality

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
