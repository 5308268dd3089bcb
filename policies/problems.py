"""Mistakes in a policy document, each with its place."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import NamedTuple

from proctor.contracts.places import Place, render_place

__all__ = ["Place", "Problem", "near", "render_place"]


class Problem(NamedTuple):
    """A mistake: its place in the document, and what is wrong and so what to write instead."""

    where: Place
    message: str

    def __str__(self) -> str:
        return f"{render_place(self.where) or 'policy'}: {self.message}"


def near(word: str, known: Iterable[str]) -> str:
    """Give `: did you mean X?` for a near miss among `known`, and nothing otherwise."""
    found = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f": did you mean {found[0]}?" if found else ""
