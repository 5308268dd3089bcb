"""Plans declared before any data is read, derived from AgentDojo's ground truth: tools, counts and sources, no values."""

from typing import Any

from proctor.contracts.manifest import AgentBundle
from proctor.contracts.planning import DeclaredPlan


def no_plan(_suite: Any, _user: Any, _bundle: AgentBundle) -> DeclaredPlan | None:
    """Declare nothing."""
    return None


def plan_of(_suite: Any, _user: Any, _bundle: AgentBundle) -> DeclaredPlan | None:
    """Declare nothing yet."""
    return None
