"""What became of a call, in the words that a model reads; and what people said and did, told as theirs."""

from collections.abc import Mapping
from typing import Any

from proctor.contracts.planning import CallsProposal, Observation, Proposal
from proctor.models.offer import ASK
from proctor.models.reading import WHOLE_BYTES, as_text, reference, shown

MAX_RESULT_BYTES = WHOLE_BYTES
"""How much of one thing a model gets to read at once; the cut is stated where it is made."""
MAX_EDITS = 16
"""So many edits of one call are followed."""


def as_data(value: Any) -> str:
    """Write JSON that cannot close the tag around it, cut to `MAX_RESULT_BYTES`."""
    text = as_text(value)
    body = text.encode()
    if len(body) <= MAX_RESULT_BYTES:
        return text
    return f"{body[:MAX_RESULT_BYTES].decode(errors='ignore')} … (cut: {len(body) - MAX_RESULT_BYTES} bytes more)"


def became(tool: str, call: int, outcomes: Mapping[int, Observation], short: frozenset[str] = frozenset()) -> str:
    """Tell what became of a call of a step, also where a person put another in its place.

    `short` names the results that are shown short.
    """
    entry, told = outcomes.get(call), ""
    for _ in range(MAX_EDITS):
        edited = _edited(entry)
        if edited is None:
            break
        told = f"A PERSON ({as_data(edited['by'])}) CHANGED THE ARGUMENTS TO {as_data(edited['arguments'])}.\n"
        entry = outcomes.get(edited["call"])
    return told + _outcome(tool, entry, short)


def spoken(entry: Observation) -> str:
    """Tell what a person said while the run went on."""
    who = (
        "The requester" if entry.labels.sources[:1] and entry.labels.sources[0].startswith("requester:") else "A person"
    )
    return f"{who} ({as_data(entry.content['by'])}) says:\n<message>\n{as_data(entry.content['text'])}\n</message>"


def driven(proposal: Proposal, outcomes: Mapping[int, Observation], short: frozenset[str] = frozenset()) -> str:
    """Tell what a person did who had taken over."""
    calls = proposal.proposed.calls if isinstance(proposal.proposed, CallsProposal) else ()
    done = [
        f"{call.tool} with {as_data(call.arguments)}: {became(call.tool, index, outcomes, short)}"
        for index, call in enumerate(calls)
    ]
    return "\n".join([f"A person ({as_data(proposal.author)}) had taken over and did this instead of you:", *done])


def _edited(entry: Observation | None) -> dict[str, Any] | None:
    is_denial = entry is not None and entry.kind == "denial" and isinstance(entry.content, dict)
    return entry.content.get("edited") if entry is not None and is_denial else None


def _outcome(tool: str, entry: Observation | None, short: frozenset[str]) -> str:
    if entry is None and tool == ASK:
        return "NOBODY ANSWERED."
    if entry is None:
        return "UNKNOWN: no outcome was recorded; it may or may not have taken effect."
    if entry.kind == "denial":
        return _denied(entry.content)
    if entry.kind == "result":
        return f"CONFIRMED\n{shown(tool, entry, is_short=reference(entry) in short)}"
    word = {"failure": "FAILED", "human": "A PERSON SAYS"}[entry.kind]
    content = entry.content.get("answer") if entry.kind == "human" else entry.content
    if entry.kind == "human" and content is None:
        return "NOBODY ANSWERED."
    return f'{word}\n<tool_output tool="{tool}">\n{as_data(content)}\n</tool_output>'


def _denied(content: dict[str, Any]) -> str:
    if content.get("rule") == "taken-over":
        return "NOT MADE: a person took over before it was made."
    advice = content.get("advice")
    instead = f"\nAllowed instead: {as_data(advice)}" if advice else ""
    return f"DENIED by {content.get('by', 'policy')}: {as_data(content.get('reason', ''))}{instead}"
