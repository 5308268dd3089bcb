"""Search for truth values that satisfy clauses: conflict-driven clause learning, and a theory at each full guess.

After Marques-Silva and Sakallah, "GRASP: a search algorithm for propositional satisfiability" (1999), and Nieuwenhuis,
Oliveras and Tinelli, "Solving SAT and SAT modulo theories" (2006). Variables are 1, 2, …; a literal is a variable or
its negative; a clause holds when one of its literals does.
"""

from collections.abc import Callable, Iterable, Sequence

from policies.reasoning.undecided import MAX_CONFLICTS, Undecided

Theory = Callable[[Sequence[int]], Sequence[int] | None]
"""Given all true literals: a clause that they break and that always holds; None when they can all be true."""


class ClauseSet:
    """Clauses that only grow. What was learned for one question is kept for the next."""

    def __init__(self) -> None:
        """Begin without variables and clauses."""
        self._watching: dict[int, list[list[int]]] = {}
        self._is_broken = False
        self._level: dict[int, int] = {}
        self._cause: dict[int, Sequence[int]] = {}
        self._true: set[int] = set()
        self._trail: list[int] = []
        self._decided: list[int] = []
        self._propagated = 0
        self._order: list[int] = []
        self._scanned = 0
        self._last: dict[int, int] = {}

    def variable(self) -> int:
        """Add a variable."""
        variable = len(self._order) + 1
        self._order.append(variable)
        self._last[variable] = -variable
        for literal in (variable, -variable):
            self._watching[literal] = []
        return variable

    def add(self, literals: Iterable[int]) -> None:
        """Add a clause that always holds."""
        self._back_to(0)
        clause = [literal for literal in dict.fromkeys(literals) if -literal not in self._true]
        if not any(literal in self._true or -literal in clause for literal in clause):
            self._keep(clause)

    def solve(self, assumed: Sequence[int], theory: Theory) -> frozenset[int] | None:
        """Find all true literals of a solution in which the assumed ones hold; None when there is none.

        Raises:
            Undecided: too many dead ends.

        """
        self._back_to(0)
        ends = 0
        while ends < MAX_CONFLICTS and not self._is_broken:
            conflict = self._propagate()
            if conflict is None:
                guess = self._guess(assumed)
                if guess is not None:
                    if -guess in self._true:
                        return None
                    self._decided.append(len(self._trail))
                    self._set(guess, ())
                    continue
                conflict = theory(self._trail)
                if conflict is None:
                    return frozenset(self._trail)
            ends += 1
            self._resolve(conflict)
        if self._is_broken:
            return None
        raise Undecided

    def _guess(self, assumed: Sequence[int]) -> int | None:
        """Give what is decided next: first the assumptions, then variables as they were last, the liveliest first."""
        for literal in assumed:
            if literal not in self._true:
                return literal
        while self._scanned < len(self._order):
            variable = self._order[self._scanned]
            if variable not in self._level:
                return self._last[variable]
            self._scanned += 1
        return None

    def _set(self, literal: int, cause: Sequence[int]) -> None:
        variable = abs(literal)
        self._true.add(literal)
        self._level[variable] = len(self._decided)
        self._cause[variable] = cause
        self._last[variable] = literal
        self._trail.append(literal)

    def _back_to(self, level: int) -> None:
        if level < len(self._decided):
            at = self._decided[level]
            for literal in self._trail[at:]:
                self._true.remove(literal)
                del self._level[abs(literal)], self._cause[abs(literal)]
            del self._trail[at:], self._decided[level:]
            self._propagated = at
            self._scanned = 0

    def _propagate(self) -> Sequence[int] | None:
        """Set what follows; give a clause that is broken, if one is."""
        while self._propagated < len(self._trail):
            false = -self._trail[self._propagated]
            self._propagated += 1
            watching, self._watching[false] = self._watching[false], []
            for n, clause in enumerate(watching):
                if not self._is_watched_on(clause, false):
                    self._watching[false] += watching[n + 1 :]
                    return clause
        return None

    def _is_watched_on(self, clause: list[int], false: int) -> bool:
        """Find another literal for the clause to watch, or set its last one; False when it is broken."""
        if clause[0] == false:
            clause[0], clause[1] = clause[1], false
        first = clause[0]
        if first not in self._true:
            for n in range(2, len(clause)):
                if -clause[n] not in self._true:
                    clause[1], clause[n] = clause[n], false
                    self._watching[clause[1]].append(clause)
                    return True
        self._watching[false].append(clause)
        if -first in self._true:
            return False
        if first not in self._true:
            self._set(first, clause)
        return True

    def _resolve(self, conflict: Sequence[int]) -> None:
        """Learn from a broken clause, and go back to where the learned one decides something."""
        level = max((self._level[abs(literal)] for literal in conflict), default=0)
        if level == 0:
            self._is_broken = True
            return
        self._back_to(level)
        learned = self._learned(conflict, level)
        learned.sort(key=lambda literal: -self._level[abs(literal)])
        self._back_to(self._level[abs(learned[1])] if len(learned) > 1 else 0)
        self._keep(learned)

    def _learned(self, conflict: Sequence[int], level: int) -> list[int]:
        """Resolve the broken clause with the causes of its literals, until one of this level is left."""
        seen: set[int] = set()
        lower: list[int] = []
        at, left, clause = len(self._trail), 0, conflict
        while True:
            for literal in clause:
                variable = abs(literal)
                if variable not in seen and self._level[variable] > 0:
                    seen.add(variable)
                    if self._level[variable] == level:
                        left += 1
                    else:
                        lower.append(literal)
            at -= 1
            while abs(self._trail[at]) not in seen:
                at -= 1
            left -= 1
            if left == 0:
                self._enliven(seen)
                return [-self._trail[at], *lower]
            clause = self._cause[abs(self._trail[at])]

    def _enliven(self, variables: set[int]) -> None:
        """Decide first what took part in the newest conflict."""
        self._order = [*sorted(variables), *(one for one in self._order if one not in variables)]

    def _keep(self, clause: list[int]) -> None:
        """Keep a clause whose literals are all open, but for the first all may be false; set what follows alone."""
        if not clause:
            self._is_broken = True
            return
        if len(clause) > 1:
            self._watching[clause[0]].append(clause)
            self._watching[clause[1]].append(clause)
        if len(clause) == 1 or self._is_false(clause[1]):
            self._set(clause[0], clause)

    def _is_false(self, literal: int) -> bool:
        return -literal in self._true
