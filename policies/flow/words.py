"""Which parts of edited arguments are the words of the person who edited them."""

from typing import Any, Final

from policies.flow.provenance import tokens_of
from policies.flow.values import Kind, leaves

_PLAIN: Final = frozenset({Kind.WORD, Kind.SYMBOL})
REQUESTER: Final = "requester:"
"""Beginning of the source of what the run's requester says while it goes on: the request's word, not a person's."""


def own_words(before: Any, after: Any) -> list[Any]:
    """List the values of `after` that a person wrote, and did not leave as the planner had put them.

    A value that stood anywhere in `before` is not theirs, nor is one that keeps an address, a number or an identifier
    of it: who mends a typing error in a text does not vouch for the link beside it.
    """
    old = [leaf for _, leaf in leaves(before)]
    kept = {token.text for leaf in old for token in tokens_of(leaf) if token.kind not in _PLAIN}
    seen = {repr(leaf) for leaf in old}
    return [
        leaf
        for _, leaf in leaves(after)
        if leaf is not None and repr(leaf) not in seen and not any(token.text in kept for token in tokens_of(leaf))
    ]
