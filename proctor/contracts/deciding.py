"""Which words decide a request to a person, and the commands that say them."""

from proctor.contracts.human import DecisionWord, RequestKind
from proctor.contracts.ids import RequestId

WORDS: dict[RequestKind, tuple[DecisionWord, ...]] = {
    RequestKind.APPROVAL: ("approve", "deny", "edit"),
    RequestKind.BUDGET: ("approve", "deny"),
    RequestKind.QUESTION: ("answer", "deny"),
    RequestKind.UNKNOWN_OUTCOME: ("happened", "not_happened"),
    RequestKind.FAILED_COMPENSATION: ("happened", "deny"),
}
_COMMANDS: dict[DecisionWord, str] = {
    "approve": "proctor approve {id}",
    "deny": 'proctor deny {id} --reason "…"',
    "edit": "proctor edit {id} -e",
    "answer": 'proctor answer {id} "…"',
    "happened": "proctor settle {id} --happened",
    "not_happened": "proctor settle {id} --not-happened",
}


def commands_for(kind: RequestKind, request_id: RequestId) -> list[str]:
    """Give the commands that decide a request of this kind."""
    return [_COMMANDS[word].format(id=request_id) for word in WORDS[kind]]
