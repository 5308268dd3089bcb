"""What a chat may see of a card: rooms have more members than the people who decide."""

from gateway.cards.card import ApprovalCard, CardArgument
from proctor.contracts.labels import Confidentiality

_ORDER = list(Confidentiality)


def is_hidden(argument: CardArgument, may_see: Confidentiality) -> bool:
    """Whether a room that may see so much may not see an argument; secrets are for none."""
    if not argument.confidentiality:
        return False
    kind = Confidentiality(argument.confidentiality)
    return kind is Confidentiality.SECRET or _ORDER.index(kind) > _ORDER.index(may_see)


def as_shown(card: ApprovalCard, may_see: Confidentiality) -> tuple[ApprovalCard, tuple[str, ...]]:
    """Give the card without what a room may not see, and the names of the arguments that are left out.

    What the card says of targets, amounts and changes is made from arguments, so it goes with them.
    """
    hidden = tuple(one.name for one in card.arguments if is_hidden(one, may_see))
    if not hidden:
        return card, ()
    kept = tuple(one for one in card.arguments if one.name not in hidden)
    return card.model_copy(update={"arguments": kept, "targets": (), "amounts": (), "changes": ()}), hidden
