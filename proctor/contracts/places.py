"""Places in documents, as mistakes name them."""

Place = tuple[str | int, ...]
"""Where in a document: keys and indexes."""


def render_place(where: Place) -> str:
    """Write a place as `steps[2].when.all[0].equals`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where)
    return text.removeprefix(".")
