"""Decisions made on the page: each on exactly the card that was shown, once, and by a signature where it takes one."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from starlette.responses import Response

from gateway.cards.difference import changes_between
from gateway.cards.editing import read_edited
from gateway.page.alike import decide_all, is_for_all, others_like
from gateway.page.answers import page, see_other
from gateway.page.showing import GRANT_TIMES, Shown, detail, look
from gateway.page.signing_in import enter_again
from gateway.page.visits import Visit
from proctor.contracts.approving import GrantTerms
from proctor.contracts.errors import InvalidInput, NotAuthorised, Refused, UnknownName
from proctor.contracts.human import HumanDecision, Signature, decision_text

_KEPT: Final = (
    "csrf",
    "seen",
    "word",
    "reason",
    "answer",
    "arguments",
    "on_behalf_of",
    "grant",
    "grant_for",
    "cut_seen",
)
"""Fields of a form that go through the steps of a decision."""
_CHANGED: Final = "This request has changed while you looked at it. Nothing was decided. This is how it stands now."
_CUT: Final = "Parts of this request are not shown. Look at all of it, or say that you decide without."
_OTHERS: Final = "What asks for the same has changed while you looked. Nothing was decided. This is how it stands now."
_busy: dict[str, asyncio.Lock] = {}


async def preview_edit(visit: Visit) -> Response:
    """Show what an edit changes, to be sent or mended."""
    shown = await look(visit, visit.request.path_params["id"])
    if "edit" not in shown.card.words or visit.form.get("seen") != shown.seen:
        return await detail(visit, shown, trouble=_CHANGED, status=409)
    text = visit.form.get("arguments", "")
    try:
        edited = read_edited(text, await _schema(visit, shown))
    except InvalidInput as error:
        return page("edit.html", status=400, who=visit.who, shown=shown, text=text, trouble=error.diagnostics())
    changes = changes_between(shown.request.details["arguments"], edited, whole=True)
    if not changes:
        return page("edit.html", status=400, who=visit.who, shown=shown, text=text, trouble="Nothing is changed yet.")
    return page("preview.html", who=visit.who, shown=shown, changes=changes, fields=_fields(visit, word="edit"))


async def decide(visit: Visit) -> Response:
    """Record a decision, after the steps that it takes: the card as it stands, the credential, the signature."""
    async with _one_at_a_time(visit.request.path_params["id"]):
        shown = await look(visit, visit.request.path_params["id"])
        word = visit.form.get("word", "")
        if visit.form.get("seen") != shown.seen or word not in shown.card.words:
            return await detail(visit, shown, trouble=_CHANGED, status=409)
        if word == "approve" and not shown.card.is_whole and visit.form.get("cut_seen") != "yes":
            return await detail(visit, shown, trouble=_CUT, status=409)
        decision = await _decision(visit, shown)
        if word == "approve" and shown.card.is_signed:
            step = await _step(visit, shown, decision)
            if step is not None:
                return step
            decision = decision.model_copy(update={"signature": _signature(visit)})
        return await _carry_out(visit, shown, decision)


async def _carry_out(visit: Visit, shown: Shown, decision: HumanDecision) -> Response:
    try:
        answer = await (_all if is_for_all(visit) else _one)(visit, shown, decision)
    except (InvalidInput, NotAuthorised, Refused) as error:
        status = 403 if isinstance(error, NotAuthorised) else 409 if isinstance(error, Refused) else 400
        now = await look(visit, shown.request.id)
        return await detail(visit, now, trouble=f"Not decided: {error.diagnostics()}", status=status)
    if isinstance(answer, str):
        now = await look(visit, shown.request.id)
        return await detail(visit, now, trouble=f"Not decided: {answer}", status=409)
    return answer


async def _one(visit: Visit, shown: Shown, decision: HumanDecision) -> Response | str:
    done = await visit.front.decide(decision)
    return see_other(f"/approvals/{shown.request.id}") if done.receipt.applied else done.note


async def _all(visit: Visit, shown: Shown, decision: HumanDecision) -> Response | str:
    """Decide the others with it, if they are those that were listed."""
    if shown.card.is_signed:
        raise InvalidInput("a signature is over one request", hint="decide these one by one")
    others = await others_like(visit, shown.request)
    if visit.form.get("others_seen") != others.seen:
        return await detail(visit, shown, trouble=_OTHERS, status=409)
    return await decide_all(visit, decision, others)


async def _step(visit: Visit, shown: Shown, decision: HumanDecision) -> Response | None:
    """Give the next step before a signed decision: the credential again, then the signature; None: all is there."""
    fields, trouble = _fields(visit, word=decision.word), ""
    try:
        is_fresh = await enter_again(visit)
    except NotAuthorised as error:
        is_fresh, trouble = False, error.diagnostics()
    if not is_fresh:
        return page(
            "again.html",
            status=403 if trouble else 200,
            who=visit.who,
            shown=shown,
            card=shown.card,
            fields=fields,
            trouble=trouble,
            at_issuer=visit.is_at_issuer,
        )
    if visit.form.get("signature"):
        return None
    text = decision_text(shown.request, decision, visit.principal.name)
    return page(
        "sign.html",
        who=visit.who,
        shown=shown,
        card=shown.card,
        fields=fields,
        text=text.decode(),
        encoded=base64.b64encode(text).decode(),
        keys=" ".join(key.id for key in await visit.front.keys(visit.principal.name)),
    )


async def _decision(visit: Visit, shown: Shown) -> HumanDecision:
    form = visit.form
    word = form.get("word", "")
    fields: dict[str, Any] = {
        "request_id": shown.request.id,
        "word": word,
        "reason": _plain(form.get("reason", "")),
        "channel": "page",
        "on_behalf_of": form.get("on_behalf_of") or None,
    }
    if word == "deny" and not fields["reason"].strip():
        raise InvalidInput("a denial needs a reason", hint="say why: it is recorded, and the agent may read it")
    if word == "answer":
        fields["answer"] = _plain(form.get("answer", ""))
    if word == "edit":
        fields["arguments"] = read_edited(form.get("arguments", ""), await _schema(visit, shown))
    if word == "approve" and form.get("grant"):
        fields["grant"] = _grant(form, shown)
    try:
        return HumanDecision.model_validate(fields)
    except ValueError as error:
        raise InvalidInput("this decision cannot be used", hint="a reason has at most 2000 characters") from error


def _grant(form: dict[str, str], shown: Shown) -> GrantTerms:
    if not shown.card.may_grant:
        raise InvalidInput("policy asks each time here", hint="approve this one alone")
    times = {str(seconds): seconds for seconds, _ in GRANT_TIMES}
    if form["grant"] not in {"run", "agent"} or form.get("grant_for") not in times:
        raise InvalidInput("these are no terms to stop asking on", hint="choose from the lists")
    return GrantTerms.model_validate({"scope": form["grant"], "for_s": times[form["grant_for"]]})


def _signature(visit: Visit) -> Signature:
    form = visit.form
    return Signature(key_id=_plain(form.get("key_id", ""))[:64], value=_plain(form.get("signature", ""))[:200])


async def _schema(visit: Visit, shown: Shown) -> dict[str, Any] | None:
    """Give the schema of the tool as the run pinned it; None where it cannot be found, and the run checks it later."""
    store = visit.parts.gateway.store
    try:
        run = await store.archive.run(shown.request.run_id)
        if run.bundle_digest is None:
            return None
        bundle = await store.journal.bundle(run.bundle_digest)
    except UnknownName:
        return None
    contract = bundle.tool(shown.request.details.get("tool", ""))
    return None if contract is None else contract.input_schema


def _fields(visit: Visit, *, word: str) -> dict[str, str]:
    kept: dict[str, str] = {name: visit.form[name] for name in _KEPT if name in visit.form}
    return kept | {"word": word}


def _plain(text: str) -> str:
    """Give a text without what the store cannot keep: it is signed as it is kept."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


@asynccontextmanager
async def _one_at_a_time(request_id: str) -> AsyncIterator[None]:
    """Let decisions on one request follow each other, so that a form that is sent twice finds it decided."""
    lock = _busy.setdefault(request_id, asyncio.Lock())
    try:
        async with lock:
            yield
    finally:
        if not lock.locked():
            _busy.pop(request_id, None)
