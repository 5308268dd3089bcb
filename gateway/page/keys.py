"""Keys that browsers sign with: made in the browser, kept there so that nothing can take them out, registered here."""

from starlette.responses import Response

from gateway.front_models import KeyOrder
from gateway.page.answers import page, see_other
from gateway.page.at_issuer import spend_proof
from gateway.page.cookies import forget_proof, proof_secret
from gateway.page.signing_in import enter_again
from gateway.page.visits import Visit
from proctor.contracts.errors import NotAuthorised, ProctorError


async def show_keys(visit: Visit) -> Response:
    """List this person's keys, and offer to make one."""
    return await _page(visit)


async def add_key(visit: Visit) -> Response:
    """Register a key that this browser made. It takes the credential, or the sign-in at the issuer, again each time.

    A stolen session alone cannot add one; and a new key rests, or waits for another owner, before it counts: the
    store sees to that, and tells the owner.
    """
    try:
        await _show_again(visit)
        order = KeyOrder(public_key=visit.form.get("public_key", "")[:64], label=visit.form.get("label", "")[:100])
        await visit.front.add_key(order)
    except ProctorError as error:
        return await _page(visit, trouble=error.diagnostics(), status=403 if isinstance(error, NotAuthorised) else 400)
    answer = see_other("/approvals/keys")
    forget_proof(visit.request, answer)
    return answer


async def _show_again(visit: Visit) -> None:
    if visit.is_at_issuer:
        await spend_proof(visit)
        return
    if not visit.form.get("credential"):
        raise NotAuthorised("a new key takes your token or API key again", hint="enter it below")
    await enter_again(visit)


async def revoke_key(visit: Visit) -> Response:
    """End a key."""
    await visit.front.revoke_key(visit.request.path_params["key"])
    return see_other("/approvals/keys")


async def _page(visit: Visit, *, trouble: str = "", status: int = 200) -> Response:
    keys = await visit.front.keys(visit.principal.name)
    is_due = visit.is_at_issuer and (bool(trouble) or not visit.session.is_fresh or proof_secret(visit.request) is None)
    return page(
        "keys.html",
        status=status,
        who=visit.who,
        keys=keys,
        trouble=trouble,
        at_issuer=visit.is_at_issuer,
        sign_in_is_due=is_due,
    )
