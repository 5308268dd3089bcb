"""No outcome leaves with a secret in it, whatever the tool said."""

from typing import Any

from proctor.contracts.canonical import CUT
from proctor.contracts.credentials import Credentials
from proctor.contracts.tool import Confirmed, ToolOutcome


def without_secrets(outcome: ToolOutcome, credentials: Credentials) -> ToolOutcome:
    """Give the outcome with each secret that this process has resolved replaced, in texts, names and numbers."""
    said = outcome.model_dump_json()
    if not (credentials.known(said) or CUT in said):
        return outcome
    if isinstance(outcome, Confirmed):
        summary = None if outcome.summary is None else credentials.hide(outcome.summary)
        signals = tuple(map(credentials.hide, outcome.signals))
        result = _hidden(outcome.result, credentials)
        return outcome.model_copy(update={"result": result, "summary": summary, "signals": signals})
    return outcome.model_copy(update={"error": credentials.hide(outcome.error)})


def _hidden(value: Any, credentials: Credentials) -> Any:
    match value:
        case str():
            return credentials.hide(value)
        case dict():
            return {credentials.hide(key): _hidden(part, credentials) for key, part in value.items()}
        case list():
            return [_hidden(part, credentials) for part in value]
        case int() | float() if credentials.known(text := str(value)):
            return credentials.hide(text)
    return value
