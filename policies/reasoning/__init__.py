"""Reasoning about conditions: whether one can hold, and for which call."""

from policies.comparing import ABSENT
from policies.reasoning.literals import Value
from policies.reasoning.satisfiability import Assignment, Prover, satisfiable
from policies.reasoning.undecided import Undecided

__all__ = ["ABSENT", "Assignment", "Prover", "Undecided", "Value", "satisfiable"]
