"""Security schemes: which credentials an operation needs, and where they go. The document never holds a secret."""

import re
from typing import Any

from pydantic import ValidationError

from proctor.contracts.credentials import CredentialUse
from proctor.contracts.http_call import FRAMING_HEADERS
from proctor.tools.openapi.notes import Notes, OperationLeftOut
from proctor.tools.openapi.references import References

_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+", re.ASCII)
_BEARER, _BASIC = "Bearer {secret}", "Basic {basic}"
_AUTHORIZATION = "header:Authorization"
_NOT_FOR_KEYS = FRAMING_HEADERS - {"cookie", "proxy-authorization"}


class Unsupported(Exception):
    """A scheme cannot be used; says why."""


def take_security(source: str, declared: Any, references: References, notes: Notes) -> tuple[CredentialUse, ...]:
    """Choose the first alternative whose credentials can all be sent.

    Raises `OperationLeftOut` where there are alternatives and none can be.
    """
    alternatives = [one for one in declared if isinstance(one, dict)] if isinstance(declared, list) else []
    if declared is not None and declared != alternatives:
        raise OperationLeftOut("its security is not a list of alternatives")
    wanted = sorted(alternatives, key=lambda one: not one)
    reasons: list[str] = []
    for alternative in wanted:
        try:
            uses = tuple(_use(source, name, scopes, references) for name, scopes in alternative.items())
            _check_places(uses)
        except Unsupported as error:
            reasons.append(str(error))
            notes.add("left_out", f"security {' and '.join(alternative)}", str(error))
            continue
        _note_others(alternative, wanted, notes)
        return uses
    if reasons:
        raise OperationLeftOut(f"none of its ways to authenticate can be used: {'; '.join(reasons)}")
    return ()


def _note_others(chosen: dict[str, Any], alternatives: list[dict[str, Any]], notes: Notes) -> None:
    for other in alternatives:
        if other is not chosen and other:
            names = " and ".join(chosen) or "none"
            notes.add("left_out", f"security {' and '.join(other)}", f"another way to authenticate is used: {names}")
        elif other is not chosen and chosen:
            notes.add("assumed", "security", "it can be called without a credential too, and is called with one")


def _check_places(uses: tuple[CredentialUse, ...]) -> None:
    places = [use.at.lower() for use in uses]
    if len(set(places)) != len(places):
        raise Unsupported("two credentials would stand in one place")


def _use(source: str, name: str, scopes: Any, references: References) -> CredentialUse:
    try:
        scheme = references.resolve(references.target(f"#/components/securitySchemes/{_escaped(name)}"), name)
    except Exception as error:
        raise Unsupported(f"the security scheme {name} is not declared") from error
    at, form = _place(name, scheme)
    scope = " ".join(str(one) for one in scopes) if isinstance(scopes, list) else ""
    try:
        return CredentialUse(name=credential_name(source, name), scope=scope, at=at, form=form)
    except ValidationError as error:
        raise Unsupported(f"the security scheme {name} puts its key at {at}, which cannot be filled") from error


def _place(name: str, scheme: dict[str, Any]) -> tuple[str, str]:
    kind, word = scheme.get("type"), str(scheme.get("scheme", "")).lower()
    if kind == "http" and word == "bearer":
        return _AUTHORIZATION, _BEARER
    if kind == "http" and word == "basic":
        return _AUTHORIZATION, _BASIC
    if kind in ("oauth2", "openIdConnect"):
        return _AUTHORIZATION, _BEARER
    if kind == "apiKey" and scheme.get("in") == "header" and str(scheme.get("name")).lower() in _NOT_FOR_KEYS:
        raise Unsupported(f"the security scheme {name} puts its key where HTTP says where a request goes or ends")
    if kind == "apiKey" and scheme.get("in") in ("header", "query", "cookie"):
        return f"{scheme['in']}:{scheme.get('name', '')}", "{secret}"
    said = f"http {word}" if kind == "http" else str(kind)
    raise Unsupported(f"the security scheme {name} is {said}, which is not supported")


def credential_name(source: str, scheme: str) -> str:
    """Name the credential of a scheme, for the worker's credentials file."""
    words = _NOT_IN_NAMES.sub("-", re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", scheme).lower()).strip("-")
    return f"{source}-{words or 'key'}"[:63].rstrip("-")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1").replace("%", "%25")
