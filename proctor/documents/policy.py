"""The policy document of an agent, `policy.yaml`, read into `PolicyDocument`."""

from typing import Any, Final

from policies.analysis import findings
from policies.document_check import policy_problems
from proctor.contracts.durations import seconds_of
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.places import Place
from proctor.contracts.policy import OPERATORS, PolicyDocument
from proctor.documents.problems import Problem, Problems, did_you_mean, read_form
from proctor.documents.source import Source

POLICY: Final = "policy.yaml"
REFERENCE: Final = "see docs/reference/policy.md"
LONGEST_WINDOW_S: Final = 366 * 86_400
LONGEST_ESCALATION_S: Final = 30 * 86_400
SECTIONS: Final = ("rules", "windows", "risk", "prefer", "validate", "address_book", "data_flow")
"""The keys by which a policy document is known."""

_FIXES = ("did you mean", "write", "use", "add", "give", "take", "leave", "name", "ask", "correct", "narrow")
_PLACEHOLDER = "Noted"
"""Stands for a value whose mistake is noted, so that the form does not note it again."""
_CONNECTIVES = ("all", "any", "not", "fact")


def read_policy(source: Source) -> tuple[PolicyDocument | None, list[Problem]]:
    """Read the form of a policy document; None when it has mistakes, which come with line and fix.

    What its rules mean is checked against the agent's tools by `review`.
    """
    problems = Problems(source)
    if not isinstance(source.data, dict):
        problems.add((), "a policy is a mapping with `rules:`", REFERENCE)
        return None, problems.found
    data = _Spelling(problems).document(source.data)
    noted, of_form = {problem.line for problem in problems.found}, Problems(source)
    document = read_form(PolicyDocument, data, of_form)
    found = [*problems.found, *(problem for problem in of_form.found if problem.line not in noted)]
    return (None if found else document), [with_fix(problem) for problem in found]


def review(source: Source, bundle: AgentBundle) -> tuple[list[Problem], list[Problem]]:
    """Hold a policy document against the agent that it governs: what is wrong, and what is hardly meant."""
    errors, warnings = Problems(source), Problems(source)
    if bundle.policy is not None:
        for problem in policy_problems(bundle.policy, bundle):
            errors.add(problem.where, *_parted(problem.message))
        for severity, problem in findings(bundle.policy, bundle):
            (errors if severity == "error" else warnings).add(problem.where, *_parted(problem.message))
    return [with_fix(problem) for problem in errors.found], [with_fix(problem) for problem in warnings.found]


def _parted(message: str) -> tuple[str, str]:
    """Tell what is wrong from what to do about it, where a message ends with that."""
    parted = (message.rpartition(mark) for mark in (": ", "; "))
    return next(((what, fix) for what, _, fix in parted if what and fix.startswith(_FIXES)), (message, ""))


def describe_policy(document: PolicyDocument) -> list[str]:
    """Say what was understood, a line each."""
    parts = {
        "rules": [f"{rule.id} ({rule.effect})" for rule in document.rules],
        "windows": [f"{window.id} ({window.measure} within {window.within_s} s)" for window in document.windows],
        "risk": [f"{rule.id} ({rule.risk})" for rule in document.risk],
        "preferences": [rule.id for rule in document.prefer],
        "validated results": [f"{rule.tool}.{rule.path}" for rule in document.validate_results],
    }
    lines = [f"{name}: {', '.join(found)}" for name, found in parts.items() if found]
    return [*(f"policy {line}" for line in lines), f"policy data flow: {document.data_flow}"]


def with_fix(problem: Problem) -> Problem:
    """Add the page to read to a problem without a fix."""
    return problem if problem.hint else problem.model_copy(update={"hint": REFERENCE})


class _Spelling:
    """Turns what the document spells for people into what the form holds, and notes what only the spelling shows."""

    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def document(self, data: dict[str, Any]) -> dict[str, Any]:
        """Give the document in the form's spelling."""
        spelled = dict(data)
        if isinstance(data.get("version"), int) and not isinstance(data["version"], bool):
            spelled["version"] = str(data["version"])
        for key, read in (
            ("rules", self._part),
            ("risk", self._part),
            ("prefer", self._part),
            ("windows", self._window),
        ):
            if isinstance(data.get(key), list):
                spelled[key] = [read(value, (key, n)) for n, value in enumerate(data[key])]
        return spelled

    def _part(self, value: Any, place: Place) -> Any:
        if not isinstance(value, dict):
            return value
        self._condition(value.get("when"), (*place, "when"))
        value = self._tools(value, place)
        if isinstance(value.get("obligations"), list):
            owed = [self._owed(one, (*place, "obligations", n)) for n, one in enumerate(value["obligations"])]
            value = {**value, "obligations": owed}
        return value

    def _owed(self, value: Any, place: Place) -> Any:
        if not isinstance(value, dict) or value.get("kind") != "escalate":
            return value
        value = dict(value)
        if "after_s" in value:
            self._problems.add((*place, "after_s"), "unknown key 'after_s'", "write `after: 30m`")
            del value["after_s"]
        hint = "write a number with s, m, h, d or w, e.g. `after: 30m`, at most 30d"
        value["after_s"] = self._time(value.pop("after", None), (*place, "after"), LONGEST_ESCALATION_S, hint)
        return value

    def _tools(self, value: dict[str, Any], place: Place) -> dict[str, Any]:
        tool = value.get("tool")
        names = tool if isinstance(tool, list) else [tool]
        if tool is None or (names and all(isinstance(name, str) for name in names)):
            return value
        self._problems.add((*place, "tool"), "'tool' must be a tool's name, or a list of them", "write `tool: NAME`")
        return {**value, "tool": _PLACEHOLDER}

    def _window(self, value: Any, place: Place) -> Any:
        if not isinstance(value, dict):
            return value
        value = dict(self._tools(value, place))
        if "within_s" in value:
            self._problems.add((*place, "within_s"), "unknown key 'within_s'", "write `within: 24h`")
            del value["within_s"]
        hint = "write a number with s, m, h, d or w, e.g. `within: 24h`, at most 366d"
        value["within_s"] = self._time(value.pop("within", None), (*place, "within"), LONGEST_WINDOW_S, hint)
        return value

    def _time(self, text: Any, place: Place, longest_s: int, hint: str) -> int:
        name = place[-1]
        if text is None:
            self._problems.add(place, f"'{name}' is missing", hint)
            return 1
        seconds = seconds_of(text) if isinstance(text, str) else None
        if seconds is None or seconds > longest_s:
            told = "looked back" if name == "within" else "waited"
            self._problems.add(place, f"'{name}' is {text!r}, and not a time that can be {told}", hint)
            return 1
        return seconds

    def _condition(self, value: Any, place: Place) -> None:
        if not isinstance(value, dict):
            return
        kinds = [key for key in _CONNECTIVES if key in value]
        if len(kinds) > 1:
            self._problems.add(place, f"one condition says {' and '.join(kinds)}", "put each into a list under `all:`")
        elif kinds == ["fact"]:
            self._comparison(value, place)
        for key in ("all", "any"):
            if isinstance(value.get(key), list):
                for n, part in enumerate(value[key]):
                    self._condition(part, (*place, key, n))
        self._condition(value.get("not"), (*place, "not"))

    def _comparison(self, value: dict[str, Any], place: Place) -> None:
        given = [name for name in OPERATORS if name in value]
        unknown = [key for key in value if key not in {*OPERATORS, "fact", "default"}]
        if len(given) > 1:
            message = f"one comparison says {' and '.join(given)}"
            self._problems.add((*place, given[1]), message, "put each into a list under `all:`")
        if not given and not unknown:
            message = f"says nothing of the fact {value['fact']!r}"
            self._problems.add((*place, "fact"), message, f"add one of {', '.join(OPERATORS)}")
        for key in unknown:
            guess = did_you_mean(key, OPERATORS)
            hint = guess if guess.startswith("did") else f"write one of {', '.join(OPERATORS)}"
            self._problems.add((*place, key), f"unknown operator {key!r}", hint)
