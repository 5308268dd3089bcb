"""The card as plain text, for terminals and e-mail: every line of a value stands behind a bar of ours."""

import textwrap
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from gateway.cards.card import ApprovalCard, CardArgument
from gateway.cards.difference import Change
from gateway.cards.values import Value, gap_notes
from gateway.cards.visible_text import Mark, Shown, note_of

NARROWEST = 40
BAR = "│ "
TRUST = {True: "trusted", False: "untrusted", None: "source not traced"}


def render_text(card: ApprovalCard, *, width: int = 80) -> str:
    """Write a card in lines of at most `width` columns, wide characters counted as two; ends with a line break."""
    columns = max(width, NARROWEST)
    lines = [line for part in _parts(card) for line in part]
    return "\n".join(piece for line in lines for piece in _fit(line, columns)) + "\n"


def _parts(card: ApprovalCard) -> Iterator[Iterable[str]]:
    yield _head(card)
    if card.agent_says is not None:
        yield ["", "the agent says:", *_barred(card.agent_says)]
    if card.changes:
        yield ["", f"changed by {card.author or 'a person'}:", *(line for one in card.changes for line in _change(one))]
    if card.arguments:
        yield ["", "arguments:", *(line for one in card.arguments for line in argument_lines(one))]
    if card.left_out is not None:
        yield [f"  {note_of(card.left_out)}"]
    if card.facts:
        yield ["", *(f"  {name}: {value}" for name, value in card.facts)]
    yield _grounds(card)
    yield _people(card)


def _head(card: ApprovalCard) -> list[str]:
    lines = [f"{card.kind} {card.request_id}, {card.state}", card.title]
    if card.alarm:
        lines = [f"DO NOT APPROVE: {card.alarm}", *lines]
    if card.tool and card.effect:
        lines.append(f"  tool: {card.tool} (version {card.tool_version or 'unknown'}), {card.effect_said}")
        lines.append(f"  risk: {card.risk}")
    warning = "  (from an untrusted source)" if card.has_untrusted_target else ""
    lines += [f"  to or on: {target}{warning}" for target in card.targets]
    lines += [f"  how much: {amount}" for amount in card.amounts]
    lines.append(f"  for {card.requester}, in run {card.run_id}, step {card.step}, call {card.call}")
    lines.append(f"  {card.owner} answers for {card.agent}")
    return lines


def argument_lines(argument: CardArgument) -> list[str]:
    """Write one argument: where it comes from, its values in full, and what was made visible in them."""
    notes, lines = gap_notes(argument.rows), [f"  {argument.name} ({_about(argument)})"]
    for place, value in enumerate(argument.rows.values):
        if place in notes:
            lines.append(f"    {notes[place]}")
        lines += [f"    {line}" for line in _value(value)]
    return [*lines, *(f"    {line}" for line in mark_lines(argument.marks))]


def mark_lines(marks: Iterable[Mark]) -> list[str]:
    """Explain the codes in a text."""
    return [f"! {mark.code}: {mark.what}" for mark in marks]


def _about(argument: CardArgument) -> str:
    parts = [argument.role.value if argument.is_declared else f"undeclared, so taken for a {argument.role.value}"]
    parts.append(TRUST[argument.is_trusted])
    parts += [f"from {', '.join(argument.sources)}"] if argument.sources else []
    parts += [argument.confidentiality] if argument.confidentiality else []
    return "; ".join(parts)


def _value(value: Value) -> list[str]:
    at = f"{value.path} " if value.path else ""
    if value.kind == "text":
        return [*([f"{at}:"] if at else []), *_barred(value.shown)]
    reading = f"  ({value.reading})" if value.reading else ""
    return [f"{at}= {value.shown.text}{reading}"]


def _barred(shown: Shown) -> list[str]:
    return [f"{BAR}{line}" for line in shown.lines]


def _change(change: Change) -> list[str]:
    lines = [f"  {change.path}"]
    for word, value in (("old", change.old), ("new", change.new)):
        lines.append(f"    {word}:" if value else f"    {word}: nothing")
        lines += [f"      {line}" for line in _value(value)] if value else []
        lines += [f"      {line}" for line in mark_lines(value.shown.marks)] if value else []
    return lines


def _grounds(card: ApprovalCard) -> list[str]:
    lines = [""]
    if card.rule:
        lines.append(f"rule: {card.rule}")
    if card.reason is not None and card.reason.text:
        lines += ["because:", *(f"  {line}" for line in _barred(card.reason))]
    if card.effect:
        undo = f"{card.compensation} takes it back" if card.compensation else "no tool takes it back"
        lines.append(f"undo: {undo}")
    if card.arguments_sha256:
        lines.append(f"arguments SHA-256: {card.arguments_sha256}")
    return lines if len(lines) > 1 else []


def _people(card: ApprovalCard) -> list[str]:
    lines = []
    for stage in card.stages:
        by = f", by {', '.join(stage.by)}" if stage.by else ""
        lines.append(f"approved: {stage.said}{by}{' <- asked now' if stage.is_asked_now else ''}")
    lines += ["each approval must be signed"] if card.is_signed else []
    for one in card.escalations:
        lines.append(f"{'asked too' if one.is_made else f'after {duration(one.after_s)} also'}: {', '.join(one.to)}")
    lines.append(f"until: {moment(card.expires_at)}")
    if card.decided_by:
        because = f": {card.decided_because}" if card.decided_because else ""
        lines.append(f"decided by {card.decided_by}{because}")
    return lines


def moment(when: datetime) -> str:
    """Write a moment to the second, in UTC."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def duration(seconds: int) -> str:
    """Write a time in the largest unit that it is a whole number of."""
    for unit, size in (("day", 86_400), ("hour", 3600), ("minute", 60)):
        if seconds % size == 0:
            count = seconds // size
            return f"{count} {unit}{'s' * (count != 1)}"
    return f"{seconds} s"


def _fit(line: str, width: int) -> list[str]:
    """Break a line at the width; what is left stays behind the same indentation and the same bar."""
    indent = line[: len(line) - len(line.lstrip(" "))]
    body = line[len(indent) :]
    prefix = indent + (BAR if body.startswith(BAR) else "")
    if columns_of(line) <= width:
        return [line]
    rest, room = line[len(prefix) :], width - columns_of(prefix)
    if rest.isascii() and not body.startswith(BAR):
        return [prefix + part for part in textwrap.wrap(rest, room, subsequent_indent="  ", break_on_hyphens=False)]
    return [prefix + part for part in _cut(rest, room)]


def _cut(text: str, room: int) -> Iterator[str]:
    begin = used = 0
    for place, char in enumerate(text):
        wide = columns_of(char)
        if used + wide > room:
            yield text[begin:place]
            begin, used = place, 0
        used += wide
    yield text[begin:]


def columns_of(text: str) -> int:
    """Count the columns that a text takes in a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
