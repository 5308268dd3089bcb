"""Orders as people type them in a chat, read strictly: what is not understood does nothing."""

from dataclasses import dataclass
from typing import Literal

from proctor.contracts.errors import InvalidInput
from proctor.contracts.kill import KillScope

OrderWord = Literal[
    "help",
    "runs",
    "approvals",
    "kill",
    "pause",
    "resume",
    "say",
    "approve",
    "deny",
    "answer",
    "happened",
    "not-happened",
]

_FORMS: dict[OrderWord, str] = {
    "approvals": "approvals",
    "approve": "approve ID [reason]",
    "deny": "deny ID reason",
    "answer": "answer ID text",
    "happened": "happened ID [reason]",
    "not-happened": "not-happened ID [reason]",
    "runs": "runs",
    "pause": "pause RUN [reason]",
    "resume": "resume RUN [reason]",
    "say": "say RUN message",
    "kill": "kill RUN | agent NAME | tool NAME | tenant NAME | all, then the reason",
    "help": "help",
}
_NAMED_SCOPES = {scope.value: scope for scope in (KillScope.AGENT, KillScope.TOOL, KillScope.TENANT)}
_ALONE = frozenset({"help", "runs", "approvals"})
_TEXT_NEEDED = frozenset({"deny", "answer", "say"})


@dataclass(frozen=True)
class Order:
    """One order. `target` is a run or a request; `text` what the person said with it, not to be trusted."""

    word: OrderWord
    target: str = ""
    text: str = ""
    scope: KillScope = KillScope.RUN
    """For `kill`."""


def read_order(text: str) -> Order:
    """Read an order.

    Raises:
        InvalidInput: it is none; says how it is written.

    """
    word, _, rest = text.strip().partition(" ")
    known = _known(word or "help")
    if known in _ALONE:
        return Order(known)
    if known == "kill":
        return _read_kill(rest)
    target, _, said = rest.strip().partition(" ")
    if not target or (known in _TEXT_NEEDED and not said.strip()):
        raise _malformed(known)
    return Order(known, target, said.strip())


def explain_orders(prefix: str) -> str:
    """List every order, one a line, each after `prefix`."""
    return "\n".join(f"{prefix}{form}" for form in _FORMS.values())


def _known(word: str) -> OrderWord:
    for known in _FORMS:
        if known == word.lower():
            return known
    raise InvalidInput(f"there is no order {word[:40]!r}", hint=f"the orders are {', '.join(_FORMS)}")


def _read_kill(rest: str) -> Order:
    first, _, after = rest.strip().partition(" ")
    scope = _NAMED_SCOPES.get(first.lower(), KillScope.RUN)
    target, reason = first, after
    if first.lower() == KillScope.ALL:
        scope, target = KillScope.ALL, ""
    elif scope is not KillScope.RUN:
        target, _, reason = after.strip().partition(" ")
    if not reason.strip():  # what stands first in an order is the target, so that without it there is no reason
        raise _malformed("kill")
    return Order("kill", target, reason.strip(), scope)


def _malformed(word: OrderWord) -> InvalidInput:
    return InvalidInput("something is missing", hint=f"write: {_FORMS[word]}")
