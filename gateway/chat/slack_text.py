"""Texts as Slack shows them, with nothing in them obeyed.

Values go into `rich_text` elements, whose text Slack does not parse: no mention, link, emoji or formatting comes out of
them. The only parsed text is the short line of a notification, which is escaped.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

Element = dict[str, Any]
Block = dict[str, Any]

MOST_TEXT = 3000
"""Characters in one text of Slack's."""
MOST_BLOCKS = 50
MOST_IN_MESSAGE = 12_000
"""Characters in all blocks of a message; Slack refuses larger ones."""
MOST_HEADER = 150
MOST_FALLBACK = 600
_LOUD = re.compile(r"@(?=(?:channel|here|everyone|group)\b)", re.IGNORECASE)


def escape(text: str) -> str:
    """Make a text harmless where Slack parses it: no mention, no link, no call to everybody, one line."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _LOUD.sub("(at)", " ".join(plain.split()))


def cut(text: str, limit: int) -> str:
    """Keep the beginning and the end of a long text, and say how much is missing between."""
    if len(text) <= limit:
        return text
    note = f" ⟦… {len(text) - limit:,} more characters: open the page …⟧ "
    tail = max((limit - len(note)) // 3, 1)
    return text[: max(limit - len(note) - tail, 1)] + note + text[-tail:]


def plain(text: str, limit: int) -> Element:
    """Give a text that Slack does not parse, for headers and buttons."""
    return {"type": "plain_text", "text": cut(text, limit) or " ", "emoji": False}


def run(text: str, **style: bool) -> Element:
    """Give a piece of a line; `bold=True` and the like style it."""
    return {"type": "text", "text": text or " ", **({"style": style} if style else {})}


def line(*pieces: Element) -> Element:
    """Put pieces into a line."""
    return {"type": "rich_text_section", "elements": list(pieces)}


def labelled(label: str, text: str) -> Element:
    """Give a line `label: text`."""
    return line(run(f"{label}: ", bold=True), run(text))


def verbatim(text: str) -> Element:
    """Set a value off from everything that we say."""
    return {"type": "rich_text_preformatted", "elements": [run(text)]}


def quoted(text: str) -> Element:
    """Set off words that are not ours."""
    return {"type": "rich_text_quote", "elements": [run(text)]}


def size_of(element: Element) -> int:
    """Count the characters of an element."""
    return sum(len(piece["text"]) for piece in element["elements"])


def in_blocks(elements: Iterable[Element]) -> list[Block]:
    """Put elements into as few blocks as Slack's limit on their texts allows. Lines end where the next begins."""
    blocks: list[list[Element]] = [[]]
    filled = 0
    for element in elements:
        if blocks[-1] and filled + size_of(element) > MOST_TEXT:
            blocks.append([])
            filled = 0
        blocks[-1].append(element)
        filled += size_of(element)
    return [{"type": "rich_text", "elements": _on_lines_of_their_own(block)} for block in blocks if block]


def _on_lines_of_their_own(elements: Sequence[Element]) -> list[Element]:
    """End each line that another line follows; Slack sets sections that follow one another without a break."""
    kind = "rich_text_section"
    return [
        {**one, "elements": [*one["elements"], run("\n")]} if one["type"] == kind == following["type"] else one
        for one, following in pairwise([*elements, {"type": ""}])
    ]
