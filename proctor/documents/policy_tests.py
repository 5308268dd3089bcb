"""The test cases of a policy, `policy.tests.yaml`: a call, what is known of it, and what must be decided."""

from typing import Any, Final

from pydantic import Field

from policies.facts import catalogue, general_catalogue
from proctor.contracts.base import Contract
from proctor.contracts.decision import Verdict
from proctor.contracts.ids import ToolName
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.obligations import Obligation
from proctor.contracts.places import Place
from proctor.documents.policy import with_fix
from proctor.documents.problems import Problem, Problems, did_you_mean, read_form
from proctor.documents.source import Source

_LONGEST_NAME: Final = 200
POLICY_TESTS: Final = "policy.tests.yaml"


class PolicyCase(Contract):
    """One case. What it does not say of the call is harmless: docs/reference/policy.md lists what is assumed."""

    case: str = Field(min_length=1, max_length=200)
    """What is expected, in words."""
    tool: ToolName
    arguments: dict[str, Any] = Field(default_factory=dict)
    facts: dict[str, Any] = Field(default_factory=dict)
    """By the facts' names."""
    expect: Verdict
    rule: str = ""
    """Id of the determining rule; empty asks for none in particular."""
    obligations: tuple[Obligation, ...] | None = None
    """Exactly these, in any order; None asks for none in particular."""


class PolicyCases(Contract):
    """A file of cases."""

    facts: dict[str, Any] = Field(default_factory=dict)
    """Holds for every case that does not say otherwise."""
    cases: tuple[PolicyCase, ...] = Field(min_length=1)


def read_policy_tests(source: Source) -> tuple[PolicyCases | None, list[Problem]]:
    """Read the form of a file of cases; None when it has mistakes, which come with line and fix."""
    problems = Problems(source)
    form = read_form(PolicyCases, source.data, problems)
    seen: set[str] = set()
    for n, case in enumerate(form.cases if form else ()):
        if case.case in seen:
            problems.add(("cases", n, "case"), f"{case.case!r} stands here twice", "say what tells the cases apart")
        seen.add(case.case)
    return (None if problems.found else form), [with_fix(problem) for problem in problems.found]


def case_problems(source: Source, cases: PolicyCases, bundle: AgentBundle) -> list[Problem]:
    """List where cases name tools or facts that the agent does not have.

    A case may call an unknown tool only to see it denied.
    """
    problems = Problems(source)
    tools = [tool.name for tool in bundle.tools]
    for n, case in enumerate(cases.cases):
        place = ("cases", n)
        if case.tool not in tools and case.expect is not Verdict.DENY:
            hint = did_you_mean(case.tool, tools) or "add its contract to tools/"
            problems.add((*place, "tool"), f"{bundle.manifest.name} has no tool {case.tool}", hint)
        _check_facts(case.facts, _known(bundle, case), (*place, "facts"), problems)
    anywhere = {name for case in cases.cases for name in _known(bundle, case)}
    _check_facts(cases.facts, anywhere, ("facts",), problems)
    return problems.found


def _known(bundle: AgentBundle, case: PolicyCase) -> set[str]:
    tool = bundle.tool(case.tool)
    return set(general_catalogue(bundle) if tool is None else catalogue(bundle, tool))


def _check_facts(facts: dict[str, Any], known: set[str], place: Place, problems: Problems) -> None:
    for name in facts:
        if name.startswith("arguments."):
            problems.add((*place, name), "an argument is not given as a fact", "write it under `arguments:`")
        elif name not in known:
            hint = did_you_mean(name, sorted(known)) if len(name) < _LONGEST_NAME else ""
            guess = hint if hint.startswith("did") else "docs/reference/policy.md lists the facts"
            problems.add((*place, name), f"there is no fact {name!r}", guess)
