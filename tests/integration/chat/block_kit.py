"""What Slack's Block Kit refuses, from its public reference."""

from typing import Any

BLOCK_TYPES = {"header", "section", "rich_text", "actions", "context", "divider", "input"}


def problem_with_blocks(blocks: list[dict[str, Any]]) -> str:
    """Name what Slack would refuse; empty: nothing."""
    if len(blocks) > 50:
        return "more than 50 blocks"
    found = [problem for block in blocks for problem in _problems(block)]
    if sum(_size(block) for block in blocks) > 13_000:
        found.append("too much text")
    return "; ".join(found)


def problem_with_view(view: dict[str, Any]) -> str:
    """Name what Slack would refuse in a form; empty: nothing."""
    found = [problem_with_blocks(view["blocks"])] if problem_with_blocks(view["blocks"]) else []
    found += ["private_metadata too long"] if len(view.get("private_metadata", "")) > 3000 else []
    found += ["title too long"] if len(view["title"]["text"]) > 24 else []
    found += ["submit too long"] if len(view["submit"]["text"]) > 24 else []
    return "; ".join(found)


def _problems(block: dict[str, Any]) -> list[str]:
    kind = block["type"]
    if kind not in BLOCK_TYPES:
        return [f"unknown block {kind}"]
    if kind in {"header", "section"}:
        return _text(block["text"], 150 if kind == "header" else 3000)
    if kind == "actions":
        return [problem for one in block["elements"] for problem in _button(one)]
    if kind == "rich_text":
        return [problem for one in block["elements"] for problem in _rich(one)]
    if kind == "input":
        return _input(block)
    return []


def _text(text: dict[str, Any], most: int) -> list[str]:
    if text["type"] not in {"plain_text", "mrkdwn"}:
        return ["no text"]
    return [] if 0 < len(text["text"]) <= most else [f"text of {len(text['text'])} characters"]


def _button(button: dict[str, Any]) -> list[str]:
    found = _text(button["text"], 75)
    found += ["value too long"] if len(button.get("value", "")) > 2000 else []
    found += ["action_id too long"] if len(button["action_id"]) > 255 else []
    if button.get("style", "primary") not in {"primary", "danger"}:
        found.append("unknown style")
    if "confirm" in button:
        found += _text(button["confirm"]["title"], 100) + _text(button["confirm"]["text"], 300)
    return found


def _rich(element: dict[str, Any]) -> list[str]:
    if element["type"] not in {"rich_text_section", "rich_text_preformatted", "rich_text_quote", "rich_text_list"}:
        return [f"unknown element {element['type']}"]
    if not element["elements"]:
        return ["empty element"]
    return ["empty text" for one in element["elements"] if not one["text"]]


def _input(block: dict[str, Any]) -> list[str]:
    element, found = block["element"], _text(block["label"], 2000)
    initial = element.get("initial_value", "")
    if element["type"] == "plain_text_input" and (element.get("max_length", 3000) > 3000 or len(initial) > 3000):
        found.append("input too long")
    return found


def _size(node: Any) -> int:
    if isinstance(node, list):
        return sum(_size(one) for one in node)
    if isinstance(node, dict):
        own = len(node["text"]) if isinstance(node.get("text"), str) else 0
        return own + sum(_size(one) for name, one in node.items() if not isinstance(one, str))
    return 0
