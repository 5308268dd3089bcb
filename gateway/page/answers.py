"""Answers of the approval page: what every one of them forbids the browser, and the templates that they come from."""

from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from gateway.cards.html import render_changes, render_html
from gateway.cards.plain import moment
from gateway.cards.visible_text import line

FOLDER: Final = Path(__file__).parent
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # `no-referrer` would take the origin away that posts are checked by
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
    "x-robots-tag": "noindex",
}
STATIC: Final = {"page.css": "text/css; charset=utf-8", "sign.js": "text/javascript; charset=utf-8"}


def page(template: str, *, status: int = 200, **values: Any) -> Response:
    """Render a template. Every value in it is escaped."""
    return HTMLResponse(environment().get_template(template).render(**values), status_code=status, headers=HEADERS)


def see_other(path: str) -> Response:
    """Send the browser to a path of ours, by GET."""
    return RedirectResponse(path, status_code=303, headers=HEADERS)


def static(name: str) -> Response:
    """Give one of our two static files."""
    if name not in STATIC:
        return page("problem.html", status=404, title="There is no such page", text="", who=None)
    return Response((FOLDER / "static" / name).read_bytes(), media_type=STATIC[name], headers=HEADERS)


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Give the environment of the page's templates: everything is escaped, and a name that is missing is an error."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "moment": moment,
        "card": render_html,
        "changes": render_changes,
        "visible": _visible,
        "sentence": _sentence,
    }
    return made


def _visible(text: str) -> str:
    """Make a message visible: it may quote what a run or a person wrote."""
    return line(text, 4000)


def _sentence(text: str) -> str:
    return _visible(text[:1].upper() + text[1:])
