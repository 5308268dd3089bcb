"""The card as an HTML fragment: for the approval page, and for chats that show HTML."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gateway.cards.card import ApprovalCard
from gateway.cards.difference import Change
from gateway.cards.plain import TRUST, duration, moment
from gateway.cards.values import gap_notes
from gateway.cards.visible_text import note_of

TEMPLATES = Path(__file__).with_name("templates")


def render_html(card: ApprovalCard) -> Markup:
    """Write a card as HTML without scripts, styles, links or images; every value is escaped."""
    return Markup(environment().get_template("card.html").render(card=card))  # noqa: S704 - made by an escaping template


def render_changes(changes: Iterable[Change]) -> Markup:
    """Write what a person changed, as a table of old and new values."""
    template = environment().get_template("changes.html")
    return Markup(template.render(changes=tuple(changes)))  # noqa: S704 - made by an escaping template


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Give the environment of the card's templates: everything is escaped, and a name that is missing is an error."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {"moment": moment, "note": note_of, "gaps": gap_notes, "duration": duration}
    made.globals["TRUST"] = TRUST
    return made
