"""The answer of a question that would cost more than its stated limit of work."""

from typing import Final

MAX_STEPS: Final = 200_000
"""Steps of automata that are taken for one text: a tenth of a second."""
MAX_CONFLICTS: Final = 5_000
"""Dead ends that are explored for one question."""


class Undecided(Exception):
    """The question was given up. Whoever asks takes the dangerous answer: it may hold."""
