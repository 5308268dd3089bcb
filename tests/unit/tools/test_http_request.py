"""Where a declared HTTP call goes."""

from urllib.parse import quote

import httpx
import pytest

from proctor.contracts.errors import InvalidInput
from proctor.contracts.tool import HttpImplementation
from proctor.tools.http_request import request_url, resolve_base


def declared(base_url: str, path: str = "/x") -> HttpImplementation:
    return HttpImplementation(method="GET", base_url=base_url, path=path)


def test_base_url_with_a_path_is_kept() -> None:
    """An API below a prefix stays below it."""
    assert str(request_url(httpx.URL("http://h/api/"), declared("http://h/api/"), {})) == "http://h/api/x"


@pytest.mark.parametrize("base", ["ftp://h", "http://", "http://user:word@h", "http://h/?x=1", "h", "http://h:port"])
def test_base_url_that_is_not_a_plain_address_is_refused(base: str) -> None:
    """A word in an address would be logged, and a query would be lost."""
    with pytest.raises(InvalidInput):
        resolve_base(declared(base), {})


def test_base_url_comes_from_the_workers_settings() -> None:
    """The same contract is used in every environment."""
    assert resolve_base(declared("env:BASE"), {"BASE": "https://h:8443"}).host == "h"
    with pytest.raises(InvalidInput, match="BASE is not set"):
        resolve_base(declared("env:BASE"), {})


@pytest.mark.parametrize(
    "value",
    ["..", ".", "", "../admin", "a/../../admin", "..\\x", "%2e%2e", "%252E%252e/x", "..;/x", "..;v=1", "a/.;/b"],
)
def test_argument_never_climbs_however_often_a_server_decodes_it(value: str) -> None:
    """Policy judged another resource than such a server would find, also where nothing limits the path."""
    with pytest.raises(InvalidInput, match="another resource"):
        request_url(httpx.URL("http://h"), declared("http://h", "/users/{id}/notes"), {"id": value})


@pytest.mark.parametrize("value", ["group/project", "v1..2", "...", "a.b", ".hidden", "100%", "..a"])
def test_argument_that_looks_alike_is_sent(value: str) -> None:
    """It stays one segment, whatever it holds."""
    url = request_url(httpx.URL("http://h"), declared("http://h", "/users/{id}/notes"), {"id": value})
    assert f"/users/{quote(value, safe='')}/notes" == url.raw_path.decode()
