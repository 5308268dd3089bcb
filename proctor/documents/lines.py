"""Where things stand in a document, and the limits that hold while it is read."""

from proctor.contracts.errors import InvalidDocument
from proctor.contracts.places import Place

MAX_DEPTH = 64
MAX_VALUES = 50_000
"""Values that a document may hold, aliases counted as often as they are used."""
LARGEST_INTEGER = 2**53


class Lines:
    """The 1-based line of every key and element of a document."""

    def __init__(self) -> None:
        self._lines: dict[Place, int] = {(): 1}

    def note(self, place: Place, line: int) -> None:
        """Keep the line of a place."""
        self._lines[place] = line

    def of(self, place: Place) -> int:
        """Give the line of a place, or of the nearest part around it that is there."""
        while place not in self._lines:
            place = place[:-1]
        return self._lines[place]


class Reading:
    """One reading of a file: its lines, and how much was read so far."""

    def __init__(self, shown: str) -> None:
        self.shown, self.lines, self._values = shown, Lines(), 0

    def wrong(self, message: str, line: int, hint: str = "") -> InvalidDocument:
        """Make the error for a mistake on a line."""
        return InvalidDocument(message, path=self.shown, line=line, hint=hint)

    def count(self, values: int, depth: int, line: int) -> None:
        """Refuse a document that is too deep or holds too much."""
        self._values += values
        if self._values > MAX_VALUES:
            raise self.wrong(f"holds more than {MAX_VALUES} values, aliases included", line, "split it")
        if depth > MAX_DEPTH:
            raise self.wrong(f"is nested deeper than {MAX_DEPTH} levels", line, "make it flatter")

    def text(self, value: str, line: int) -> str:
        """Refuse text that cannot be stored: NUL and lone surrogates."""
        if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
            raise self.wrong("holds a character that is not text (NUL or a lone surrogate)", line, "remove it")
        return value

    def integer(self, digits: str, line: int, base: int = 10) -> int:
        """Read an integer that JSON carries exactly."""
        value = int(digits, base) if len(digits) <= len(str(LARGEST_INTEGER)) + 2 else LARGEST_INTEGER + 1
        if abs(value) > LARGEST_INTEGER:
            raise self.wrong("an integer beyond ±2**53 is not exact in JSON", line, "quote it as text")
        return value

    def number(self, text: str, line: int) -> float:
        """Read a finite number."""
        value = float(text)
        if abs(value) > 1e300:  # noqa: PLR2004 - infinity, and what is as good as it
            raise self.wrong(f"the number {text[:20]} is too large", line)
        return value
