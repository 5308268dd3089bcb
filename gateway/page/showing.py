"""What waits for people, and one request in full. Nothing here changes anything."""

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response

from gateway.cards.card import ApprovalCard, build_card
from gateway.cards.editing import editable
from gateway.page.alike import others_like
from gateway.page.answers import page
from gateway.page.visits import Visit
from proctor.contracts.human import HumanRequest, RequestState
from proctor.contracts.ids import PrincipalName, RequestId
from proctor.contracts.stages import SpokenWord

AT_ONCE: Final = 40_000
"""A request of so many characters is shown whole at once; what is longer is shown whole when asked for."""
GRANT_TIMES: Final = ((3600, "1 hour"), (8 * 3600, "8 hours"), (86_400, "1 day"), (7 * 86_400, "7 days"))


@dataclass(frozen=True)
class Shown:
    """A request as a page shows it."""

    request: HumanRequest
    spoken: tuple[SpokenWord, ...]
    card: ApprovalCard
    """Cut or whole."""
    seen: str
    """Names what is shown, cut or whole: what was decided on another state of it is refused."""

    @property
    def own_words(self) -> dict[PrincipalName, SpokenWord]:
        """What each person said last that counted."""
        return {word.by: word for word in self.spoken if word.applied}


async def look(visit: Visit, request_id: str, *, is_whole: bool | None = None) -> Shown:
    """Read a request and make its card; None: whole unless it is long. Raises `UnknownName`."""
    request = await visit.front.approval(RequestId(request_id))
    spoken = tuple(await visit.parts.gateway.store.words.words(request.id))
    cut = build_card(request, spoken=spoken)
    whole = is_whole if is_whole is not None else len(str(request.details)) <= AT_ONCE
    card = build_card(request, spoken=spoken, whole=True) if whole else cut
    return Shown(request, spoken, card, cut.digest())


async def overview(visit: Visit) -> Response:
    """List what waits: what this person may decide first, then what they asked for themselves."""
    found = [build_card(request) for request in await visit.front.approvals()]
    name = visit.principal.name
    mine = [card for card in found if name in {card.requester, card.author}]
    others = [card for card in found if card not in mine]
    return page("overview.html", who=visit.who, cards=others, own=mine)


async def show(visit: Visit) -> Response:
    """Show one request with what can be said on it."""
    is_all = visit.request.query_params.get("all") == "1"
    shown = await look(visit, visit.request.path_params["id"], is_whole=is_all or None)
    return await detail(visit, shown)


async def show_edit(visit: Visit) -> Response:
    """Show the arguments for editing."""
    shown = await look(visit, visit.request.path_params["id"])
    if "edit" not in shown.card.words:
        return await detail(visit, shown, trouble="This request cannot be edited now.", status=409)
    text = editable(shown.request.details["arguments"])
    return page("edit.html", who=visit.who, shown=shown, text=text, trouble="")


async def detail(visit: Visit, shown: Shown, *, trouble: str = "", status: int = 200) -> Response:
    """Render a request as it stands now."""
    said = shown.own_words.get(visit.principal.name)
    return page(
        "detail.html",
        status=status,
        who=visit.who,
        shown=shown,
        card=shown.card,
        trouble=trouble,
        said=said,
        times=GRANT_TIMES,
        places=await _places(visit, shown.request),
        others=await others_like(visit, shown.request),
        # Before anything is typed: what is typed does not come along to the issuer and back.
        sign_in_is_due=shown.card.is_signed and visit.is_at_issuer and not visit.session.is_fresh,
        **_standing(visit, shown, said),
    )


def _standing(visit: Visit, shown: Shown, said: SpokenWord | None) -> dict[str, Any]:
    """Say what this person can do here."""
    card, name = shown.card, visit.principal.name
    words = set(card.words)
    why_not = ""
    if name in {card.requester, card.author}:
        words, why_not = set(), "You asked for this yourself, so somebody else decides."
    elif said is not None and said.word == "approve" and card.state is RequestState.PENDING:
        words -= {"approve"}
    return {"words": words, "why_not": why_not, "is_open": card.state is RequestState.PENDING}


async def _places(visit: Visit, request: HumanRequest) -> list[str]:
    """Name those in whose place this person may decide the request."""
    live = await visit.parts.gateway.store.delegations.delegations(visit.principal.name)
    taken = {one.principal for one in live if one.to == visit.principal.name and one.agent in {None, request.agent}}
    return sorted(taken - {request.requester})
