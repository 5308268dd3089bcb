"""Plans declared before any data is read, derived from AgentDojo's ground truth: tools, counts and sources, no values.

Per argument the plan says `request` when the value stands in the request, and otherwise the earlier calls whose results
hold it. A value that stands nowhere was worked out by the planner: the plan then names every earlier call, which
gives an attacker the widest choice.
"""

from collections.abc import Iterator
from typing import Any

from agentdojo.functions_runtime import FunctionCall, FunctionsRuntime

from benchmarks.agentdojo.planner import as_json
from benchmarks.agentdojo.suites import copied, environment
from policies.flow.provenance import Provenance
from proctor.contracts.labels import Integrity, Labels, Origin
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.planning import DeclaredArgument, DeclaredCall, DeclaredPlan


def no_plan(_suite: Any, _user: Any, _bundle: AgentBundle) -> DeclaredPlan | None:
    """Declare nothing."""
    return None


def plan_of(suite: Any, user: Any, _bundle: AgentBundle) -> DeclaredPlan | None:
    """Declare the calls of the ground truth."""
    given = user.init_environment(environment(suite, ""))
    calls = user.ground_truth(copied(given))
    return DeclaredPlan(calls=tuple(_declared(suite, user, given, calls)))


def _declared(suite: Any, user: Any, given: Any, calls: list[FunctionCall]) -> Iterator[DeclaredCall]:
    request, runtime = Provenance(), FunctionsRuntime(suite.tools)
    request.add_trusted(user.PROMPT, Origin.REQUEST)
    request.add_result("anything", Labels())
    earlier: dict[str, Provenance] = {}
    for n, call in enumerate(calls):
        arguments = {
            name: DeclaredArgument(sources=_sources(as_json(value), request, earlier))
            for name, value in call.args.items()
        }
        yield DeclaredCall(id=f"call{n}", tool=call.function, arguments=arguments)
        result, _ = runtime.run_function(given, call.function, call.args)
        earlier[f"call{n}"] = Provenance()
        earlier[f"call{n}"].add_result(as_json(result), Labels(sources=(f"call{n}",)))


def _sources(value: Any, request: Provenance, earlier: dict[str, Provenance]) -> tuple[str, ...]:
    if request.trace(value, as_name=True).labels.integrity is Integrity.TRUSTED:
        return ("request",)
    holding = [name for name, one in earlier.items() if one.trace(value).origins == (Origin.TOOL,)]
    return tuple(holding or earlier) or ("request",)
