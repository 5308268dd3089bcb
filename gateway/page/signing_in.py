"""Signing in and out, and entering the credential again."""

import re
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.http.rates import TooManyRequests
from gateway.page.answers import page, see_other
from gateway.page.cookies import (
    forget_session,
    form_token,
    hash_of,
    is_form_token,
    keep_session,
    keep_visit,
    new_secret,
    session_secret,
    visit_secret,
)
from gateway.page.entrance import Entered, enter
from gateway.page.visits import PageParts, Visit, address_of, problem, read_form, too_many
from proctor.contracts.errors import NotAuthorised, ProctorError

HOME: Final = "/approvals"
_OWN_PATH: Final = re.compile(r"/approvals(?:/[A-Za-z0-9][\w.-]{0,99}){0,3}")


@dataclass(frozen=True)
class SigningIn:
    """The pages for signing in and out."""

    parts: PageParts

    async def form(self, request: Request) -> Response:
        """Show the form; whoever is signed in already goes on."""
        secret, after = session_secret(request), own_path(request.query_params.get("next", ""))
        try:
            if secret is not None and await self.parts.gateway.store.web_sessions.find(hash_of(secret)) is not None:
                return see_other(after)
        except ProctorError as error:
            return problem(error)
        return self._form(request, after)

    async def submit(self, request: Request) -> Response:
        """Begin a session with a fresh secret, and end the one that the browser had."""
        try:
            form = await read_form(request, self.parts)
            after, visit = own_path(form.get("next", "")), visit_secret(request)
            if visit is None or not is_form_token(form.get("csrf", ""), visit, "login"):
                return self._form(request, after, "Please try again: the form had expired.", status=403)
            try:
                entered = await enter(self.parts.login, form.get("credential", ""), address_of(request))
            except NotAuthorised as error:
                return self._form(request, after, error.diagnostics(), status=403)
            return await self._begin(request, entered, after)
        except ProctorError as error:
            return problem(error)
        except TooManyRequests as error:
            return too_many(error)

    async def leave(self, visit: Visit) -> Response:
        """End the session."""
        await self.parts.gateway.store.web_sessions.end(hash_of(visit.secret))
        answer = see_other("/login")
        forget_session(visit.request, answer)
        return answer

    async def _begin(self, request: Request, entered: Entered, after: str) -> Response:
        sessions, secret, old = self.parts.gateway.store.web_sessions, new_secret(), session_secret(request)
        await sessions.open(entered.principal.name, entered.credential, hash_of(secret))
        if old is not None:
            await sessions.end(hash_of(old))
        answer = see_other(after)
        keep_session(request, answer, secret)
        return answer

    def _form(self, request: Request, after: str, trouble: str = "", *, status: int = 200) -> Response:
        secret = visit_secret(request) or new_secret()
        csrf = form_token(secret, "login")
        at_issuer = self.parts.sign_in is not None
        answer = page(
            "login.html", status=status, who=None, after=after, csrf=csrf, trouble=trouble, at_issuer=at_issuer
        )
        keep_visit(request, answer, secret)
        return answer


async def enter_again(visit: Visit) -> bool:
    """Take the credential that a form carries; gives whether the session is fresh now.

    Raises:
        NotAuthorised: it does not hold, or is somebody else's.

    """
    credential = visit.form.get("credential", "")
    if not credential:
        return visit.session.is_fresh
    entered = await enter(visit.parts.login, credential, address_of(visit.request))
    if entered.principal.name != visit.principal.name:
        raise NotAuthorised("that credential is somebody else's", hint=f"enter one of {visit.principal.name}")
    refreshed = await visit.parts.gateway.store.web_sessions.refresh(hash_of(visit.secret))
    return refreshed is not None and refreshed.is_fresh


def own_path(path: str) -> str:
    """Give a path to go on to: one of ours, or the list."""
    return path if _OWN_PATH.fullmatch(path) else HOME
