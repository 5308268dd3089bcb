"""Finds the agent that a request names, planned by the model that the requester chose."""

from proctor.contracts.errors import InvalidInput, UnknownName
from proctor.contracts.ids import AgentName
from proctor.contracts.manifest import AgentBundle, ModelPlannerSpec
from proctor.contracts.ports import AgentCatalog


def load_agent(catalog: AgentCatalog, name: str, model: str | None = None) -> AgentBundle:
    """Load an agent; `model` (`provider:name`) replaces its planner. The bundle is pinned at admission.

    Raises:
        UnknownName: there is no such agent; names those that there are.
        InvalidDocument: its manifest is wrong. `InvalidInput`: `model` is not of the form `provider:name`.

    """
    try:
        bundle = catalog.load(AgentName(name))
    except UnknownName as error:
        known = ", ".join(catalog.names()) or "none"
        raise UnknownName(error.message, hint=f"the agents here: {known}") from error
    return bundle if model is None else _planned_by(bundle, model)


def _planned_by(bundle: AgentBundle, model: str) -> AgentBundle:
    provider, _, model_name = model.partition(":")
    if not provider or not model_name:
        raise InvalidInput(f"{model!r} does not name a model", hint="use PROVIDER:NAME, as in openai:gpt-5")
    planner = bundle.manifest.planner
    if isinstance(planner, ModelPlannerSpec):
        chosen = planner.model_copy(update={"model": model})
    else:
        chosen = ModelPlannerSpec(model=model, instructions=bundle.manifest.description)
    return bundle.model_copy(update={"manifest": bundle.manifest.model_copy(update={"planner": chosen})})
