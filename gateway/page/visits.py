"""One request to the page: who makes it, what its form says, and whether it came from a page of ours."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from gateway.connections import Gateway
from gateway.front import Front
from gateway.http.oidc_client import OidcClient
from gateway.http.rates import Rates, TooManyRequests
from gateway.page.answers import page, see_other
from gateway.page.cookies import form_token, hash_of, is_form_token, session_secret
from gateway.page.entrance import Entrance
from proctor.contracts.errors import InvalidInput, NotAuthorised, OversizeInput, ProctorError, Unavailable, UnknownName
from proctor.contracts.human import Principal
from proctor.contracts.session_ports import WebSession

MAX_FORM_BYTES: Final = 1024 * 1024
_MAX_FIELDS: Final = 50


class PageParts(Protocol):
    """What the approval page works with."""

    @property
    def gateway(self) -> Gateway:
        """The open parts."""

    @property
    def login(self) -> Entrance:
        """Who lets people in."""

    @property
    def rates(self) -> Rates:
        """How often somebody may ask."""

    @property
    def sign_in(self) -> OidcClient | None:
        """Who signs people in at an OIDC issuer, where there is one."""

    @property
    def public_url(self) -> str:
        """Where browsers find this gateway, when that is not where it listens."""

    def front_of(self, principal: Principal) -> Front:
        """Give the front of a principal, who was authenticated."""


@dataclass(frozen=True)
class Visit:
    """A request of somebody who is signed in."""

    request: Request
    parts: PageParts
    session: WebSession
    secret: str
    form: dict[str, str]

    @property
    def principal(self) -> Principal:
        """Who it is."""
        return self.session.principal

    @property
    def is_at_issuer(self) -> bool:
        """Whether they signed in at the OIDC issuer, and so have nothing to enter again here."""
        return self.session.credential.kind == "oidc"

    @property
    def front(self) -> Front:
        """What they can do."""
        return self.parts.front_of(self.principal)

    @property
    def csrf(self) -> str:
        """What each form of theirs must carry."""
        return form_token(self.secret)

    @property
    def who(self) -> dict[str, str]:
        """What every page says of them."""
        return {"name": self.principal.name, "csrf": self.csrf}


Work = Callable[[Visit], Awaitable[Response]]


def signed_in(parts: PageParts, work: Work) -> Callable[[Request], Awaitable[Response]]:
    """Do `work` for whoever is signed in; a post must come from a form of ours in the same session.

    Nothing is done for anybody else: they are sent to sign in, or told what is wrong.
    """

    async def answer(request: Request) -> Response:
        try:
            return await _answer(request, parts, work)
        except ProctorError as error:
            return problem(error)
        except TooManyRequests as error:
            return too_many(error)

    return answer


async def _answer(request: Request, parts: PageParts, work: Work) -> Response:
    is_post = request.method == "POST"
    form = await read_form(request, parts) if is_post else {}
    secret = session_secret(request)
    if secret is None and not is_post and request.headers.get("sec-fetch-site") == "cross-site":
        # A strict cookie is not sent with a click in a chat or a mail; it is with the next step, which is our own.
        return page("arrive.html", path=request.url.path)
    session = None if secret is None else await parts.gateway.store.web_sessions.find(hash_of(secret))
    if session is None or secret is None:
        return see_other(f"/login?next={request.url.path}" if not is_post else "/login")
    parts.rates.count_request(session.principal.name)
    if is_post and not is_form_token(form.get("csrf", ""), secret):
        raise NotAuthorised("this form does not belong to your session", hint="open the page again")
    return await work(Visit(request, parts, session, secret, form))


async def read_form(request: Request, parts: PageParts) -> dict[str, str]:
    """Read a posted form of ours.

    Raises:
        NotAuthorised: it was not sent by a page of this place.
        InvalidInput: it is no form; `OversizeInput`.

    """
    check_origin(request, parts.public_url)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise InvalidInput("this is not a form", hint="use the page")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_FORM_BYTES:
            raise OversizeInput(f"the form has more than {MAX_FORM_BYTES} bytes")
    try:
        fields = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=_MAX_FIELDS,
            errors="strict",
            strict_parsing=True,
        )
    except ValueError as error:
        raise InvalidInput("this form cannot be read", hint="open the page again") from error
    if len(dict(fields)) != len(fields):
        raise InvalidInput("a field of this form occurs twice", hint="open the page again")
    return {name: value.replace("\r\n", "\n") for name, value in fields}


def check_origin(request: Request, public_url: str) -> None:
    """Take posts from our own pages alone. Raises `NotAuthorised`."""
    origin = urlsplit(request.headers.get("origin", "")).netloc
    site = request.headers.get("sec-fetch-site", "same-origin")
    own = {request.headers.get("host", ""), urlsplit(public_url).netloc} - {""}
    if origin not in own or site != "same-origin":
        raise NotAuthorised("this did not come from a page of ours", hint="open the page itself and decide there")


def address_of(request: Request) -> str:
    """Give the address that a request came from."""
    return request.client.host if request.client is not None else "unknown"


def problem(error: ProctorError) -> Response:
    """Say what went wrong."""
    statuses = ((UnknownName, 404), (OversizeInput, 413), (InvalidInput, 400), (NotAuthorised, 403), (Unavailable, 503))
    status = next((status for kind, status in statuses if isinstance(error, kind)), 409)
    return page("problem.html", status=status, title=error.message, text=error.hint, who=None)


def too_many(error: TooManyRequests) -> Response:
    """Say when to come back."""
    answer = page("problem.html", status=429, title=str(error), text=f"wait {error.retry_after_s} s", who=None)
    answer.headers["retry-after"] = str(error.retry_after_s)
    return answer
