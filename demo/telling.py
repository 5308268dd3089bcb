"""What the demo prints: a margin, then text, in lines of at most a hundred columns, or as many as the terminal has."""

import textwrap
from typing import Any

from gateway.cli.output import emit, encode, text_width
from gateway.cli.visible import visible_line
from proctor.contracts.audit import AuditRecord

COLUMNS = 100
_MARGIN, _TITLE = 3, 10
_UNTOLD = {"summary", "cites"}


def tell(title: str, text: str) -> None:
    """Print a line `title  text`; text that is too long goes on below itself."""
    lines = textwrap.wrap(
        visible_line(text),
        min(COLUMNS, text_width()),
        initial_indent=" " * _MARGIN + f"{title:<{_TITLE}}",
        subsequent_indent=" " * (_MARGIN + _TITLE),
        break_on_hyphens=False,
    )
    for line in lines:
        emit(line)


def tell_report(report: dict[str, Any]) -> None:
    """Print what a run reports: the sentence first, then what it found, then what it rests on."""
    tell("report", str(report.get("summary", "")))
    for name, value in report.items():
        if name not in _UNTOLD:
            tell("", f"{name}: {_plain(value)}")
    cites = [_cited(cite) for cite in report.get("cites", ())]
    if cites:
        tell("", f"rests on: {', '.join(cites)}")


def tell_decisions(records: list[AuditRecord]) -> None:
    """Print the decision log: every verdict of policy with the rule that determined it, and why where it matters."""
    title = "decisions"
    for record in records:
        if record.kind != "call_judged":
            continue
        body = record.body
        why = "" if body.get("verdict") == "allow" else f": {body.get('reason', '')}"
        tell(title, f"step {body.get('step')}  {body.get('tool')}  {body.get('verdict')} by {body.get('rule')}{why}")
        title = ""


def _cited(cite: dict[str, Any]) -> str:
    status = "" if cite["status"] == "confirmed" else f" {cite['status']}"
    return f"{cite['tool']}{status} in step {cite['step']}"


def _plain(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(member, str) for member in value):
        return ", ".join(value)
    return value if isinstance(value, str) else encode(value)
