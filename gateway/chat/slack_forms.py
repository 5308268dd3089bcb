"""Forms that a button of a card opens, and what comes back from them."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from gateway.cards.difference import changes_between
from gateway.chat.slack_text import MOST_TEXT, cut, in_blocks, line, plain, run, verbatim
from proctor.contracts.approving import GrantTerms
from proctor.contracts.errors import InvalidInput
from proctor.contracts.human import HumanRequest
from proctor.contracts.ids import RequestId

FormWord = Literal["deny", "edit", "confirm", "answer", "grant"]
FORM = "proctor:"
"""What the ids of our forms begin with; a `FormWord` follows."""
FIELD = "said"
"""Block and action of a form's main field."""
MOST_NOTES = 2900
"""Characters that a form carries unseen; Slack allows 3,000."""
_DURATIONS = {"3600": "1 hour", "28800": "8 hours", "86400": "1 day", "604800": "7 days", "2592000": "30 days"}
_SCOPES = {"run": "this run", "agent": "all runs of this agent"}


@dataclass(frozen=True)
class FormNotes:
    """What a form must remember; it comes back inside a request that Slack vouches for."""

    request_id: RequestId
    shown: str
    """Beginning of the binding's digest on the card that the person saw."""
    channel: str
    ts: str
    arguments: str = ""
    """Of an edit that is to be confirmed, as JSON."""

    def write(self) -> str:
        """Write them into a form."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def read(cls, text: str) -> "FormNotes":
        """Read them from a form."""
        return cls(**json.loads(text))


def reason_form(notes: FormNotes, title: str) -> dict[str, Any]:
    """Ask why the request is denied."""
    field = _text_field("Why? It is recorded, and the agent may read it.", most=2000)
    return _form("deny", notes, "Deny", "Deny", [_about(title), field])


def answer_form(notes: FormNotes, question: str) -> dict[str, Any]:
    """Ask for the answer to an agent's question."""
    field = _text_field("Your answer; the agent reads it as yours.", most=2000)
    return _form("answer", notes, "Answer", "Answer", [_about(f"The agent asks: {question}"), field])


def edit_form(notes: FormNotes, arguments: str) -> dict[str, Any]:
    """Ask for all arguments of the call. Raises `InvalidInput` when they do not fit into a form."""
    if len(arguments) > MOST_NOTES - len(notes.write()):
        raise InvalidInput(
            "these arguments are too long for a form here", hint="edit them on the page or by the command"
        )
    field = _text_field("Arguments, as JSON", most=MOST_TEXT, initial=arguments)
    hint = _about("Policy judges the new call again, and another person than you must approve it.")
    return _form("edit", notes, "Edit the call", "Look at the change", [hint, field])


def confirm_form(notes: FormNotes, request: HumanRequest, arguments: dict[str, Any]) -> dict[str, Any]:
    """Show what the edit changes, before it is sent."""
    changes = changes_between(request.details.get("arguments"), arguments)
    lines = [f"{change.path}:\n- {_side(change.old)}\n+ {_side(change.new)}" for change in changes]
    shown = [line(run("Your change:", bold=True)), verbatim(cut("\n".join(lines), 2800))]
    return _form("confirm", notes, "Edit the call", "Propose this", in_blocks(shown))


def grant_form(notes: FormNotes, title: str) -> dict[str, Any]:
    """Ask for how long, and for what, nobody is asked again."""
    blocks = [
        _about(
            f"{title}. The same tool with exactly these arguments is approved without asking, while policy allows it."
        ),
        _choice("scope", "For", _SCOPES),
        _choice("for_s", "During", _DURATIONS),
        {
            "type": "input",
            "block_id": "max_uses",
            "optional": True,
            "label": plain("At most so many times", 100),
            "element": {
                "type": "number_input",
                "action_id": "max_uses",
                "is_decimal_allowed": False,
                "min_value": "1",
                "max_value": "10000",
            },
        },
    ]
    return _form("grant", notes, "Stop asking", "Approve", blocks)


def said_in(view: dict[str, Any]) -> str:
    """Give the text of a form's main field."""
    return str(view["state"]["values"].get(FIELD, {}).get(FIELD, {}).get("value") or "")


def terms_in(view: dict[str, Any]) -> GrantTerms:
    """Give the terms that a person chose. Raises `InvalidInput`."""
    values = view["state"]["values"]
    chosen: dict[str, Any] = {
        name: (values[name][name].get("selected_option") or {}).get("value") for name in ("scope", "for_s")
    }
    uses = values["max_uses"]["max_uses"].get("value")
    try:
        return GrantTerms(
            scope=chosen["scope"], for_s=int(chosen["for_s"]), max_uses=None if uses in {None, ""} else int(uses)
        )
    except (ValueError, TypeError) as error:
        raise InvalidInput("choose for what and for how long") from error


def _side(value: Any) -> str:
    return (
        "⟦nothing⟧"
        if value is None
        else cut(f'"{value.shown.text}"' if value.kind == "text" else value.shown.text, 400)
    )


def _form(word: FormWord, notes: FormNotes, title: str, submit: str, blocks: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": "modal",
        "callback_id": f"{FORM}{word}",
        "private_metadata": notes.write(),
        "title": plain(title, 24),
        "submit": plain(submit, 24),
        "close": plain("Cancel", 24),
        "blocks": blocks,
    }


def _about(text: str) -> dict[str, Any]:
    return {"type": "section", "text": plain(text, 2000)}


def _text_field(label: str, *, most: int, initial: str = "") -> dict[str, Any]:
    element = {"type": "plain_text_input", "action_id": FIELD, "multiline": True, "max_length": most, "min_length": 1}
    started = {"initial_value": initial} if initial else {}
    return {"type": "input", "block_id": FIELD, "label": plain(label, 200), "element": {**element, **started}}


def _choice(name: str, label: str, options: dict[str, str]) -> dict[str, Any]:
    listed = [{"text": plain(text, 75), "value": value} for value, text in options.items()]
    element = {"type": "static_select", "action_id": name, "options": listed, "initial_option": listed[0]}
    return {"type": "input", "block_id": name, "label": plain(label, 100), "element": element}
