"""How arguments become the parts of an HTTP request: parameters in OpenAPI's styles, and bodies of every usual type."""

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from proctor.contracts.base import Contract

Place = Literal["path", "query", "header", "cookie"]
Style = Literal["simple", "label", "matrix", "form", "spaceDelimited", "pipeDelimited", "deepObject"]

FRAMING_HEADERS: Final = frozenset(
    [
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "cookie",
        "expect",
        "forwarded",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-original-url",
        "x-rewrite-url",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
    ]
)
"""Headers that say where a request goes, where it ends or what it is: no argument may write them."""

_STYLES: Final[dict[str, tuple[Style, ...]]] = {
    "path": ("simple", "label", "matrix"),
    "query": ("form", "spaceDelimited", "pipeDelimited", "deepObject"),
    "header": ("simple",),
    "cookie": ("form",),
}


def styles_of(place: Place) -> tuple[Style, ...]:
    """Give the styles that a place knows, its usual one first."""
    return _STYLES[place]


class HttpParameter(Contract):
    """An argument that travels as a parameter, written as OpenAPI's `style` and `explode` say."""

    argument: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")
    name: str = Field(default="", max_length=256)
    """Its name in the request; empty: the argument's."""
    place: Place
    style: Style | None = None
    """None: `simple` in path and header, `form` in query and cookie."""
    explode: bool | None = None
    """None: true for `form`, false otherwise."""
    allow_reserved: bool = False
    """Whether `/?:@!$'()*,` stand as they are in a query; what would end or split the parameter never does."""
    is_json: bool = False
    """Whether it travels as JSON text, instead of in a style."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.style is not None and self.style not in styles_of(self.place):
            raise ValueError(f"the style {self.style} is not for a {self.place} parameter")
        if self.place == "header" and self.wire_name.lower() in FRAMING_HEADERS:
            raise ValueError(f"no argument may write the header {self.wire_name}")
        if self.place in {"header", "cookie"} and not is_token(self.wire_name):
            raise ValueError(f"{self.wire_name!r} is not the name of a {self.place}")
        return self

    @property
    def wire_name(self) -> str:
        """Give its name in the request."""
        return self.name or self.argument

    @property
    def written_style(self) -> Style:
        """Give the style, the usual one where none is declared."""
        return self.style or styles_of(self.place)[0]

    @property
    def is_exploded(self) -> bool:
        """Whether each element of a list or object stands for itself."""
        return self.explode if self.explode is not None else self.written_style in {"form", "deepObject"}


class HttpMember(Contract):
    """An argument that is one member of the body."""

    argument: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")
    name: str = ""
    """Its name in the body; empty: the argument's."""
    style: Style | None = None
    """In a form: as of a query parameter. None: `form`, and JSON text for objects."""
    explode: bool | None = None
    allow_reserved: bool = False
    media_type: str = Field(default="", pattern=r"^[ -~]*$", max_length=128)
    """In `multipart`: the type of its part; empty: text/plain for scalars, JSON for objects, as declared for files."""
    is_file: bool = False
    """In `multipart`: the argument is `{"base64": …, "filename": …}`, a list of those, or base64 text."""

    @property
    def wire_name(self) -> str:
        """Give its name in the body."""
        return self.name or self.argument


class HttpBody(Contract):
    """What the body is made of: one argument that is the whole of it, or members."""

    kind: Literal["json", "form", "multipart", "text", "bytes"] = "json"
    """`bytes`: the argument is base64 text."""
    media_type: str = Field(default="application/json", pattern=r"^[!-~][ -~]*$", max_length=128)
    argument: str = ""
    members: tuple[HttpMember, ...] = ()
    is_required: bool = True
    """Whether a body is sent where no member was given."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.argument and self.members:
            raise ValueError("a body is one argument or members, not both")
        if not self.argument and self.kind in {"text", "bytes"}:
            raise ValueError(f"a body of {self.kind} needs `argument:`")
        return self


def is_token(name: str) -> bool:
    """Whether a text can name a header or cookie (RFC 9110, section 5.6.2)."""
    return bool(name) and name.isascii() and all(char.isalnum() or char in "!#$%&'*+-.^_`|~" for char in name)
