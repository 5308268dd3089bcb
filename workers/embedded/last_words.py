"""What a server that ended said about why."""

import re

MAX_LENGTH = 400
TAKEN = "address already in use"

_STACK = re.compile(r"^goroutine \d+ \[", re.MULTILINE)
_TELLING = re.compile(r'level=(?:ERROR|FATAL)|"level":"FATAL"|^(?:Error|panic|fatal error): ')
_FIELD = re.compile(r'(?:\bmsg|\berror|"message")[=:]"((?:[^"\\]|\\.)*)"')


def last_words(log: str) -> str:
    """Give the first line that tells of an error, and where there is none the last three lines.

    A Go program that panics ends its log with a stack, and what was wrong stands before it.
    """
    lines = [line.strip() for line in _STACK.split(log)[0].splitlines() if line.strip()]
    telling = next((line for line in lines if _TELLING.search(line)), None)
    if telling is None:
        return " | ".join(lines[-3:])[-MAX_LENGTH:] or "it said nothing"
    return _shortened(": ".join(_FIELD.findall(telling)) or telling)


def _shortened(text: str) -> str:
    """Keep the beginning and the end: errors that wrap errors name their cause last."""
    half = MAX_LENGTH // 2
    return text if len(text) <= MAX_LENGTH else f"{text[:half]} … {text[-half:]}"
