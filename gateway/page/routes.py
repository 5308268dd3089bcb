"""The approval page: one small server-rendered page per request, behind a sign-in, for phones and for signing."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.http.oidc_client import CALLBACK
from gateway.page import deciding, keys, showing
from gateway.page.answers import see_other, static
from gateway.page.at_issuer import BEGIN, AtIssuer
from gateway.page.signing_in import SigningIn
from gateway.page.visits import PageParts, Work, signed_in


def routes(parts: PageParts) -> list[BaseRoute]:
    """Give the routes: `/`, `/login`, `/logout`, all under `/approvals`. Nothing is decided by GET or HEAD."""
    signing_in, at_issuer = SigningIn(parts), AtIssuer(parts)

    def get(path: str, work: Work) -> Route:
        return Route(path, signed_in(parts, work), methods=["GET"])

    def post(path: str, work: Work) -> Route:
        return Route(path, signed_in(parts, work), methods=["POST"])

    return [
        Route("/", _home, methods=["GET"]),
        Route("/login", signing_in.form, methods=["GET"]),
        Route("/login", signing_in.submit, methods=["POST"]),
        Route(BEGIN, at_issuer.begin, methods=["GET"]),
        Route(CALLBACK, at_issuer.come_back, methods=["GET"]),
        post("/logout", signing_in.leave),
        Route("/approvals/static/{name}", _static, methods=["GET"]),
        get("/approvals", showing.overview),
        Route("/approvals/", _home, methods=["GET"]),
        get("/approvals/keys", keys.show_keys),
        post("/approvals/keys", keys.add_key),
        post("/approvals/keys/{key}/revoke", keys.revoke_key),
        get("/approvals/{id}", showing.show),
        get("/approvals/{id}/edit", showing.show_edit),
        post("/approvals/{id}/edit", deciding.preview_edit),
        post("/approvals/{id}/decide", deciding.decide),
    ]


async def _static(request: Request) -> Response:
    return static(request.path_params["name"])


async def _home(_request: Request) -> Response:
    return see_other("/approvals")
