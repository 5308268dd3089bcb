"""The answer of a question that would cost more than its stated limit of work."""

from typing import Final

MAX_STATES: Final = 20_000
"""States of a product of automata that are visited for one text."""
MAX_CONFLICTS: Final = 5_000
"""Dead ends that are explored for one question."""


class Undecided(Exception):
    """The question was given up. Whoever asks takes the dangerous answer: it may hold."""
