"""Finds the agent that a request names, planned by the model that the requester chose."""

from proctor.contracts.errors import UnknownName
from proctor.contracts.ids import AgentName
from proctor.contracts.manifest import AgentBundle
from proctor.contracts.ports import AgentCatalog


def load_agent(catalog: AgentCatalog, name: str, model: str | None = None) -> AgentBundle:
    """Load an agent; `model` (`provider:name`) chooses its model planner. The bundle is pinned at admission.

    Raises:
        UnknownName: there is no such agent; names those that there are.
        InvalidDocument: its files are wrong. `InvalidInput`: `model` is not of the form `provider:name`.

    """
    try:
        return catalog.load(AgentName(name), model=model)
    except UnknownName as error:
        known = ", ".join(catalog.names()) or "none"
        raise UnknownName(error.message, hint=f"the agents here: {known}") from error
