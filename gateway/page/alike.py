"""Open requests that ask for exactly the same as one does: shown with it, and decided with it if the person says so."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from gateway.identical import alike, decide_identical
from gateway.page.answers import page, see_other
from gateway.page.visits import Visit
from proctor.contracts.canonical import digest_json
from proctor.contracts.human import HumanDecision, HumanRequest, RequestKind, RequestState

WORDS: Final = frozenset({"approve", "deny"})


@dataclass(frozen=True)
class Alike:
    """The others that this person may see, oldest first."""

    requests: tuple[HumanRequest, ...]

    @property
    def seen(self) -> str:
        """Names exactly what is listed: a decision on another list is refused."""
        return digest_json(
            [[one.id, one.run_id, one.requester, one.binding.digest() if one.binding else ""] for one in self.requests]
        )


async def others_like(visit: Visit, request: HumanRequest) -> Alike:
    """Find what could be decided with a request: nothing where each approval is signed by itself."""
    is_signed = request.process is not None and request.process.is_signed
    if request.kind is not RequestKind.APPROVAL or request.state is not RequestState.PENDING or is_signed:
        return Alike(())
    return Alike(tuple(alike(request, visit.principal, await visit.front.approvals())))


def is_for_all(visit: Visit) -> bool:
    """Whether a form is for the others too."""
    return visit.form.get("all") == "yes" and visit.form.get("word") in WORDS


async def decide_all(visit: Visit, decision: HumanDecision, others: Alike) -> Response | str:
    """Decide a request and the others as they were shown; gives why not as text where nothing was decided.

    Raises:
        InvalidInput: approvals of this one are signed, or it is made with a grant. `NotAuthorised`, `Refused`.

    """
    gateway = visit.parts.gateway
    done = await decide_identical(
        decision,
        by=visit.principal,
        people=gateway.store.people,
        engine=gateway.engine,
        only=[one.id for one in others.requests],
    )
    if not done[0].receipt.applied:
        return done[0].note
    applied = {one.receipt.request.id for one in done if one.receipt.applied}
    left = [one for one in others.requests if one.id not in applied]
    if not left:
        return see_other(f"/approvals/{decision.request_id}")
    return page("left.html", who=visit.who, request_id=decision.request_id, count=len(applied), left=left)
