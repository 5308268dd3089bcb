"""Finite automata over texts, as sets of positions in one integer each: globs, fixed texts, shortest lengths.

A product of them is walked breadth first, so that the text that is found is a shortest one and the walk ends: there are
finitely many states, and `MAX_STEPS` bounds the walk.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final, Protocol

from policies.reasoning.undecided import MAX_STEPS, Undecided

_READABLE: Final = ascii_lowercase + digits + ascii_uppercase + "-_.@/:+,;=#%&~!$^|'\"`()[]{}<>\\*? "
"""Printable ASCII, the plainest first."""
_IDEOGRAPHS: Final = 0x4E00
_ELSE: Final = "\u00e9\u00f1\u4e2d\u65e5\t\n"
"""Tried where a pattern leaves no room for ASCII."""


class Automaton(Protocol):
    """Reads a text character by character; a state is a set of positions, and 0 is the dead one."""

    @property
    def start(self) -> int:
        """State before the first character."""

    @property
    def alphabet(self) -> frozenset[frozenset[str]]:
        """Sets of characters that it tells apart; all others are alike to it."""

    def step(self, state: int, char: str) -> int:
        """Give the state after one more character."""

    def accepts(self, state: int) -> bool:
        """Whether the text may end here."""


class Patterns:
    """Accepts what matches one of some globs (`*`: any characters, `?`: one), or is one of some fixed texts."""

    def __init__(self, globs: Iterable[str] = (), fixed: Iterable[str] = ()) -> None:
        """Lay all patterns out in one row of positions; each ends with a position that accepts."""
        self._on: dict[str, int] = {}
        self._any = self._stars = self._ends = first = at = 0
        for text, is_glob in [*((glob, True) for glob in globs), *((one, False) for one in fixed)]:
            first |= 1 << at
            for char in text:
                self._place(char, 1 << at, is_glob=is_glob)
                at += 1
            self._ends |= 1 << at
            at += 1
        self.start = self._closed(first)
        self.alphabet = frozenset(frozenset(char) for char in self._on)

    def step(self, state: int, char: str) -> int:
        """Advance where the character fits, and stay at each star."""
        fits = self._on.get(char, 0) | self._any
        return self._closed(((state & fits) << 1) | (state & self._stars))

    def accepts(self, state: int) -> bool:
        """Whether a pattern is at its end."""
        return bool(state & self._ends)

    def _place(self, char: str, bit: int, *, is_glob: bool) -> None:
        if is_glob and char == "*":
            self._stars |= bit
        elif is_glob and char == "?":
            self._any |= bit
        else:
            self._on[char] = self._on.get(char, 0) | bit

    def _closed(self, state: int) -> int:
        while (more := state | ((state & self._stars) << 1)) != state:
            state = more
        return state


class AtLeast:
    """Accepts texts of so many characters, or more."""

    alphabet: frozenset[frozenset[str]] = frozenset()

    def __init__(self, length: int) -> None:
        """Take the shortest length, in characters."""
        self._length = length
        self.start = 1

    def step(self, state: int, char: str) -> int:  # noqa: ARG002 - every character counts alike
        """Count one more, up to the length."""
        return min(state + 1, self._length + 1)

    def accepts(self, state: int) -> bool:
        """Whether there were enough."""
        return state > self._length


def matches(automaton: Automaton, text: str) -> bool:
    """Whether the automaton accepts the text."""
    state = automaton.start
    for char in text:
        state = automaton.step(state, char)
    return automaton.accepts(state)


def shortest(wanted: Sequence[Automaton], unwanted: Sequence[Automaton] = (), longest: int | None = None) -> str | None:
    """Find a text that all of `wanted` and none of `unwanted` accept; the empty text only when there is no other.

    Raises:
        Undecided: it would take too many steps.

    """
    both = (*wanted, *unwanted)
    start = tuple(one.start for one in both)
    letters = list(_representatives(both))
    empty = "" if _ends_well(start, both, len(wanted)) else None
    seen, queue, steps = {start}, deque([(start, "")]), 0
    while queue:
        state, text = queue.popleft()
        steps += len(letters) * len(both)
        if steps > MAX_STEPS:
            raise Undecided
        if longest is not None and len(text) >= longest:
            continue
        for char in letters:
            after = tuple(one.step(at, char) for one, at in zip(both, state, strict=True))
            if not all(after[: len(wanted)]) or (text and after in seen):
                continue
            if _ends_well(after, both, len(wanted)):
                return text + char
            if after not in seen:
                seen.add(after)
                queue.append((after, text + char))
    return empty


def _ends_well(state: tuple[int, ...], automata: Sequence[Automaton], wanted: int) -> bool:
    return all(one.accepts(at) is (n < wanted) for n, (one, at) in enumerate(zip(automata, state, strict=True)))


def _representatives(automata: Sequence[Automaton]) -> Iterator[str]:
    """Give one character, the plainest, of each class that all the automata treat alike."""
    told_apart = frozenset[frozenset[str]]().union(*(one.alphabet for one in automata))
    mentioned = sorted(frozenset[str]().union(*told_apart))
    classes: set[tuple[bool, ...]] = set()
    unmentioned = next(char for char in map(chr, count(_IDEOGRAPHS)) if char not in mentioned)
    for char in dict.fromkeys((*_READABLE, *_ELSE, *mentioned, unmentioned)):
        signature = tuple(char in chars for chars in told_apart)
        if signature not in classes:
            classes.add(signature)
            yield char
