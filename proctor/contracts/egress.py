"""Where a tool may connect to: allow entries. What no entry names is denied."""

from typing import Annotated, Literal

from pydantic import Field, IPvAnyNetwork

from proctor.contracts.base import Contract

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
Port = Annotated[int, Field(ge=1, le=65_535)]


class EgressEntry(Contract):
    """One place that may be reached. Each field narrows; what is left out takes the narrowest usual meaning."""

    scheme: Literal["https", "http"] = "https"
    host: str
    """A host name, `*.suffix` (never the suffix itself), or an address, which is matched only by itself.

    `env:NAME` takes scheme, host, port and the beginning of the path from a base URL that the worker reads at start.
    """
    port: Port | None = None
    """None: the scheme's own."""
    methods: tuple[Method, ...] = ()
    """Empty: those of the tool itself; where no method is known, any."""
    path_prefix: str = Field(default="/", pattern=r"^/")
    """Compared by whole segments, on the path as it is sent."""
    cidrs: tuple[IPvAnyNetwork, ...] = ()
    """Addresses that the host may resolve to; every answer must lie in one. Empty: public addresses only, or the
    address itself where the host is one.

    Loopback, link-local and metadata addresses are never meant unless a network here lies wholly among them.
    """


class EgressAllowList(Contract):
    """The document of `proctor egress check --allow`."""

    allow: tuple[EgressEntry, ...] = ()
