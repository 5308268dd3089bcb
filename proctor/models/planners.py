"""The planner of a run, chosen by its manifest."""

from decimal import Decimal
from typing import TYPE_CHECKING

from proctor.contracts.errors import PlannerFailed
from proctor.contracts.planning import Proposal, Situation
from proctor.contracts.ports import Planner, Transcript
from proctor.models.access import ModelAccess
from proctor.models.playbook import PlaybookPlanner

if TYPE_CHECKING:
    from proctor.models.model import ModelPlanner


class PlannerRouter:
    """Plans by playbook or by model, as the manifest says; the model libraries are loaded when first needed."""

    def __init__(self, access: ModelAccess | None = None) -> None:
        self._access = access or ModelAccess()
        self._playbook = PlaybookPlanner()
        self._model: ModelPlanner | None = None

    async def aclose(self) -> None:
        """Close the connections to model providers."""
        if self._model is not None:
            await self._model.aclose()

    def estimate_cost_usd(self, situation: Situation) -> Decimal:
        """Bound what one `propose` may cost."""
        return self._planner(situation).estimate_cost_usd(situation)

    async def propose(self, situation: Situation, transcript: Transcript) -> Proposal:
        """Propose the next step. Raises `PlannerFailed` or `PlannerUnavailable`."""
        return await self._planner(situation).propose(situation, transcript)

    def _planner(self, situation: Situation) -> Planner:
        spec = situation.bundle.manifest.planner
        if spec is None:
            raise PlannerFailed("this agent has no planner", hint="give the manifest a playbook or a model")
        return self._playbook if spec.kind == "playbook" else self._by_model()

    def _by_model(self) -> "ModelPlanner":
        if self._model is None:
            # Late: loading the model libraries takes about a second, which a worker with playbooks only must not pay.
            from proctor.models.model import ModelPlanner

            self._model = ModelPlanner(self._access)
        return self._model
