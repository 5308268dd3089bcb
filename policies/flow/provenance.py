"""Where a value comes from: an index of everything that a run's planner was given, and the tracing of values in it.

Trust is gained in one way only: the *whole* value stands in something trusted, token for token, in order. What was put
together, cut up, spelled differently or re-encoded is found nowhere, and so was composed by the planner: it is trusted
no further than all that the planner had read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Final

from policies.flow.tokens import tokens
from policies.flow.values import Kind, Token, keys, leaves, number_key
from policies.texts import is_unmistakable
from proctor.contracts.labels import Confidentiality, Flow, Integrity, Labels, Origin

MAX_SOURCES: Final = 32
"""So many sources are named one by one; beyond that `tool:*` stands for the rest."""
MORE_SOURCES: Final = "tool:*"
_EDGE: Final = "\x1f"
_WHOLE_ONLY: Final = frozenset({Origin.ADDRESS_BOOK, Origin.VALIDATED})
"""What these give is taken as a whole; a word of it vouches for nothing."""
CLEAN: Final = Labels(integrity=Integrity.TRUSTED, confidentiality=Confidentiality.PUBLIC)
NOTHING: Final = Flow(labels=CLEAN, origins=())
"""Flow of what holds no value."""


@dataclass(frozen=True, slots=True)
class _Text:
    """One text or number that the planner was given."""

    origin: Origin
    labels: Labels
    run: str
    """All tokens, between edges."""
    is_field: bool
    """Whether it stands alone in its field of a structured value."""
    names: frozenset[str]
    """Numbers that it presents as identifiers."""


@dataclass(frozen=True, slots=True)
class _Part:
    origin: Origin
    labels: Labels


@dataclass(slots=True)
class Provenance:
    """An index of values with their origins. Adding costs what the added value is long; tracing, at most the whole."""

    _texts: list[_Text] = field(default_factory=list)
    _holding: dict[str, list[int]] = field(default_factory=dict)
    """By token: the texts that hold it."""
    _read: Labels = CLEAN
    """Join over everything untrusted that was read."""
    _known: frozenset[str] = frozenset()
    has_read_untrusted: bool = False
    _unread: list[tuple[Any, Labels]] = field(default_factory=list)
    """Untrusted results that nobody has looked for a value in yet: a playbook knows where its values come from."""

    def add_trusted(self, value: Any, origin: Origin, labels: Labels | None = None) -> None:
        """Add what the requester, the owner or a person gave."""
        self._read_all()
        made = labels or Labels(integrity=Integrity.TRUSTED, sources=(str(origin),))
        for path, leaf in leaves(value):
            self._add(leaf, origin, made, is_field=bool(path) or origin in _WHOLE_ONLY)
        for key in keys(value):
            self._add(key, origin, made, is_field=True)

    def add_result(
        self, value: Any, labels: Labels, validated: dict[tuple[str | int, ...], Labels] | None = None
    ) -> None:
        """Add a tool's result with its labels; `validated` are the paths that a validating rule accepted."""
        accepted = validated or {}
        is_empty = not any(keys(value)) and all(leaf is None for _, leaf in leaves(value))
        if is_empty:
            return
        if accepted or labels.integrity is Integrity.TRUSTED:
            self._read_all()
            self._index(value, labels, accepted)
        else:
            self._unread.append((value, labels))
        found = [path for path, leaf in leaves(value) if leaf is not None]
        if found and all(path in accepted for path in found):
            self._read = reduce(Labels.join, accepted.values(), self._read)
            return
        self._read = _capped(self._read.join(labels))
        self.has_read_untrusted |= labels.integrity is Integrity.UNTRUSTED

    def _read_all(self) -> None:
        """Index what was put off, in the order in which it was read."""
        for value, labels in self._unread:
            self._index(value, labels, {})
        self._unread.clear()

    def _index(self, value: Any, labels: Labels, accepted: dict[tuple[str | int, ...], Labels]) -> None:
        found = [(path, leaf) for path, leaf in leaves(value) if leaf is not None]
        for path, leaf in found:
            origin = Origin.VALIDATED if path in accepted else Origin.TOOL
            self._add(leaf, origin, accepted.get(path, labels), is_field=bool(path))
        if not found or not all(path in accepted for path, _ in found):
            for key in keys(value):
                self._add(key, Origin.TOOL, labels, is_field=True)

    def _add(self, leaf: Any, origin: Origin, labels: Labels, *, is_field: bool) -> None:
        found = tokens_of(leaf, is_request=origin in {Origin.REQUEST, Origin.PERSON})
        if not found:
            return
        names = frozenset(token.text for token in found if token.is_name or (is_field and len(found) == 1))
        text = _Text(origin, labels, _run(found), is_field, names)
        self._texts.append(text)
        for key in {token.text for token in found}:
            self._holding.setdefault(key, []).append(len(self._texts) - 1)

    def trace(self, value: Any, *, as_name: bool = False, known: frozenset[str] = frozenset()) -> Flow:
        """Say where a JSON value comes from.

        `as_name`: the value names what is acted on, so that a small number in a sentence does not vouch for it.
        `known`: keys of objects that the tool's schema names; all others are values too.
        """
        self._read_all()
        return self._trace(value, as_name=as_name, known=known)

    def trace_trusted(self, value: Any, *, as_name: bool = False, known: frozenset[str] = frozenset()) -> Flow:
        """Say where a JSON value comes from, as `trace`, for one whose other roots are known.

        What it finds trusted, `trace` finds trusted too, and the other way round; anything else of the two may differ.
        Untrusted results need not be looked into, except for dates: there a text that holds more of the value counts.
        """
        texts = [*(leaf for _, leaf in leaves(value)), *keys(value)]
        if any(token.kind is Kind.DATE for text in texts for token in tokens_of(text)):
            self._read_all()
        return self._trace(value, as_name=as_name, known=known)

    def _trace(self, value: Any, *, as_name: bool, known: frozenset[str]) -> Flow:
        parts: list[_Part] = []
        for _, leaf in leaves(value):
            parts.extend(self._parts(leaf, as_name=as_name))
        for key in set(keys(value)) - known:
            parts.extend(self._parts(key, as_name=as_name))
        return _flow(parts)

    def trace_links(self, value: Any) -> Flow:
        """Say where the links, addresses and accounts in a JSON value come from; other words do not count."""
        self._read_all()
        return self.trace_trusted_links(value)

    def trace_trusted_links(self, value: Any) -> Flow:
        """Say where the links in a JSON value come from, as `trace_trusted` does: no link is a date."""
        parts: list[_Part] = []
        for text in [*(leaf for _, leaf in leaves(value) if isinstance(leaf, str)), *keys(value)]:
            if not is_unmistakable(text):
                parts.append(self._composed())
            for token in tokens(text):
                if token.is_link:
                    parts.extend(self._parts_of_run([token], as_name=False))
        return _flow(parts)

    def _parts(self, leaf: Any, *, as_name: bool) -> Iterable[_Part]:
        if leaf is None or leaf == "":
            return ()
        if isinstance(leaf, bool) or (isinstance(leaf, str) and not is_unmistakable(leaf)):
            return (self._composed(),)
        found = tokens_of(leaf)
        return self._parts_of_run(found, as_name=as_name) if found else (self._composed(),)

    def _parts_of_run(self, found: list[Token], *, as_name: bool) -> Iterable[_Part]:
        if whole := self._whole(found, as_name=as_name):
            return whole
        if is_moment(found):
            return [part for token in found for part in self._parts_of_run([token], as_name=as_name)]
        return (self._composed(), *self._pieces(found))

    def _whole(self, found: list[Token], *, as_name: bool) -> list[_Part]:
        """Find the texts that hold exactly these tokens, in this order; trusted ones if there are any."""
        texts = self._holding_run(found, as_name=as_name)
        if not texts and len(found) == 1 and found[0].kind is Kind.DATE:
            texts = self._holding_run([Token(Kind.DATE, f"-{found[0].key[4:]}")], as_name=as_name)
        trusted = [text for text in texts if text.labels.integrity is Integrity.TRUSTED]
        return [_Part(text.origin, text.labels) for text in trusted or texts]

    def _holding_run(self, found: list[Token], *, as_name: bool) -> list[_Text]:
        run = _run(found)
        return [text for text in self._candidates(found) if self._holds(text, run, found, as_name=as_name)]

    def _candidates(self, found: list[Token]) -> Iterator[_Text]:
        rarest = min((self._holding.get(token.text, []) for token in found), key=len)
        return (self._texts[index] for index in rarest)

    def _holds(self, text: _Text, run: str, found: list[Token], *, as_name: bool) -> bool:
        if text.origin in _WHOLE_ONLY:
            return text.run == run
        is_number = len(found) == 1 and found[0].kind is Kind.NUMBER
        if as_name and is_number and text.labels.integrity is Integrity.TRUSTED:
            return found[0].text in text.names
        return run in text.run

    def _pieces(self, found: list[Token]) -> list[_Part]:
        """Say where the single tokens of a composed value were found, for people to see; it gives no trust."""
        places: set[int] = set()
        for key in {token.text for token in found if token.kind is not Kind.SYMBOL}:
            holding = self._holding.get(key, [])
            if not any(self._texts[index].labels.integrity is Integrity.TRUSTED for index in holding[:MAX_SOURCES]):
                places.update(holding[: MAX_SOURCES + 1])
        return [_Part(self._texts[index].origin, self._texts[index].labels) for index in places]

    def _composed(self) -> _Part:
        return _Part(Origin.PLANNER, self._read)


def joined(flows: Iterable[Flow]) -> Flow:
    """Join flows: the lower trust, the higher restriction, all origins and sources; of none, `NOTHING`."""
    return _flow([_Part(origin, flow.labels) for flow in flows for origin in flow.origins])


def _flow(parts: Iterable[_Part]) -> Flow:
    found = list(parts)
    if not found:
        return NOTHING
    labels = _capped(_joined_labels(list({id(part.labels): part.labels for part in found}.values())))
    return Flow(labels=labels, origins=tuple(sorted({part.origin for part in found})))


def _joined_labels(many: list[Labels]) -> Labels:
    """Join as `Labels.join` does, at once."""
    kinds = {(one.integrity, one.confidentiality): one for one in many}
    sources = {source for one in many for source in one.sources}
    return reduce(Labels.join, kinds.values(), CLEAN).model_copy(update={"sources": tuple(sorted(sources))})


def _capped(labels: Labels) -> Labels:
    if len(labels.sources) <= MAX_SOURCES:
        return labels
    kept = [source for source in labels.sources if source != MORE_SOURCES]
    return labels.model_copy(update={"sources": tuple(sorted([*kept[: MAX_SOURCES - 1], MORE_SOURCES]))})


def tokens_of(leaf: Any, *, is_request: bool = False) -> list[Token]:
    """Give the tokens of a text or a number; anything else has none."""
    if isinstance(leaf, str):
        return tokens(leaf, is_request=is_request)
    if leaf is None or isinstance(leaf, bool):
        return []
    key = number_key(leaf)
    return [] if key is None else [Token(Kind.NUMBER, key, is_name=True)]


def is_moment(found: list[Token]) -> bool:
    """Whether a value is a date with a time of day, which may be named apart from each other."""
    return len(found) > 1 and [token.kind for token in found] == [Kind.DATE, Kind.TIME]


def _run(found: list[Token]) -> str:
    return _EDGE + _EDGE.join(token.text for token in found) + _EDGE
