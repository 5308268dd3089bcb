"""How arguments are written into a request: OpenAPI's styles, bodies, and what no argument can do to an address."""

import base64
import json
import re
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctor.contracts.errors import InvalidInput
from proctor.contracts.http_call import HttpBody, HttpParameter
from proctor.contracts.tool import Effect, ToolContract
from proctor.tools.http_body import Body, write_body
from proctor.tools.http_request import Outgoing, outgoing
from tests.unit.tools.worlds import KEY, call, contract

LIST, OBJECT = ["blue", "black"], {"R": 100, "G": 200}


def tool(effect: Effect = Effect.READ, *, credentials: Any = (), key_at: str = "", **how: Any) -> ToolContract:
    described = {"kind": "http", "method": "GET", "base_url": "https://api.example", "path": "/things", **how}
    return contract(effect, implementation=described, credentials=credentials, key_at=key_at)


def sent(made: ToolContract, **arguments: Any) -> Outgoing:
    return outgoing(made, call(**arguments), {})


def styled(place: str, value: Any, **how: Any) -> Outgoing:
    path = "/things/{color}" if place == "path" else "/things"
    return sent(tool(path=path, parameters=[{"argument": "color", "place": place, **how}]), color=value)


@pytest.mark.parametrize(
    ("style", "explode", "value", "written"),
    [
        ("simple", False, "blue", "blue"),
        ("simple", False, LIST, "blue,black"),
        ("simple", False, OBJECT, "R,100,G,200"),
        ("simple", True, LIST, "blue,black"),
        ("simple", True, OBJECT, "R=100,G=200"),
        ("label", False, "blue", ".blue"),
        ("label", False, LIST, ".blue,black"),
        ("label", True, LIST, ".blue.black"),
        ("label", True, OBJECT, ".R=100.G=200"),
        ("matrix", False, "blue", ";color=blue"),
        ("matrix", False, LIST, ";color=blue,black"),
        ("matrix", True, LIST, ";color=blue;color=black"),
        ("matrix", False, OBJECT, ";color=R,100,G,200"),
        ("matrix", True, OBJECT, ";R=100;G=200"),
    ],
)
def test_path_parameter_is_written_in_its_style(style: str, explode: bool, value: Any, written: str) -> None:
    """OpenAPI 3.1.1, section 4.8.12: the table of style examples."""
    assert f"/things/{written}" == styled("path", value, style=style, explode=explode).url.raw_path.decode()


@pytest.mark.parametrize(
    ("how", "value", "query"),
    [
        ({}, "a b&c", "color=a%20b%26c"),
        ({}, LIST, "color=blue&color=black"),
        ({}, OBJECT, "R=100&G=200"),
        ({"explode": False}, LIST, "color=blue,black"),
        ({"explode": False}, OBJECT, "color=R,100,G,200"),
        ({"style": "spaceDelimited", "explode": False}, LIST, "color=blue%20black"),
        ({"style": "pipeDelimited", "explode": False}, LIST, "color=blue%7Cblack"),
        ({"style": "deepObject"}, OBJECT, "color%5BR%5D=100&color%5BG%5D=200"),
        ({"style": "deepObject"}, {"a": {"b": [1, 2]}}, "color%5Ba%5D%5Bb%5D%5B0%5D=1&color%5Ba%5D%5Bb%5D%5B1%5D=2"),
        ({"allow_reserved": True}, "a/b?c:d&e=f#g+h", "color=a/b?c:d%26e%3Df%23g%2Bh"),
        ({"is_json": True}, {"a": [1]}, "color=%7B%22a%22%3A%5B1%5D%7D"),
        ({"name": "filter[color]"}, True, "filter%5Bcolor%5D=true"),
        ({}, [], ""),
        ({}, None, ""),
    ],
)
def test_query_parameter_is_written_in_its_style(how: dict[str, Any], value: Any, query: str) -> None:
    """Separators inside values are encoded; what would split the query is, even where reserved characters may stand."""
    assert query.encode() == styled("query", value, **how).url.query


def test_header_and_cookie_are_written_in_their_styles() -> None:
    """`simple` and `form`."""
    assert "blue,black" == styled("header", LIST).headers["color"]
    assert "R=100,G=200" == styled("header", OBJECT, explode=True).headers["color"]
    assert "color=blue%3B%20x%3D1" == styled("cookie", "blue; x=1").headers["Cookie"]


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "\x00", "é"])
def test_header_value_never_ends_its_line(value: str) -> None:
    """An argument cannot add a header."""
    with pytest.raises(InvalidInput, match="printable ASCII"):
        styled("header", value)


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "X-HTTP-Method-Override", "Cookie"])
def test_no_argument_writes_a_header_that_frames_the_request(name: str) -> None:
    """Where a request goes, where it ends and what it is are the contract's word."""
    with pytest.raises(ValueError, match="no argument may write"):
        HttpParameter(argument="x", name=name, place="header")
    with pytest.raises(InvalidInput, match="no argument may write"):
        sent(tool(headers={name: "${arguments.x}"}), x="evil.example")


@pytest.mark.parametrize("value", ["", ".", "..", {"a": {"b": 1}}, [["a"]], [None]])
def test_path_value_that_names_another_resource_is_refused(value: Any) -> None:
    """In every style the filled segment stays one segment that is neither empty nor a step upwards."""
    with pytest.raises(InvalidInput):
        styled("path", value)
    if value in {"", "."} if isinstance(value, str) else False:
        with pytest.raises(InvalidInput):
            styled("path", value, style="label")


@pytest.mark.parametrize("place", ["query", "cookie"])
def test_exploded_object_cannot_write_another_parameter(place: str) -> None:
    """Neither a declared parameter, nor a fixed one, nor the credential, nor the idempotency key."""
    parameters = [{"argument": "filter", "place": place}, {"argument": "admin", "place": place}]
    credentials = [{"name": "key", "at": f"{place}:api_key"}]
    made = tool(Effect.WRITE, parameters=parameters, query={"v": "1"}, credentials=credentials, key_at="query:k")
    for name in ("admin", "Admin", "api_key", "API_KEY", *(("v", "k") if place == "query" else ())):
        with pytest.raises(InvalidInput, match=f"may not name '{name}'"):
            sent(made, filter={name: "1"})
    assert sent(made, filter={"free": "1"}).url.params["k"] == KEY


@given(value=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_text_comes_back_from_path_query_and_cookie_and_stays_there(value: str) -> None:
    """Whatever an argument holds, host, path and other parameters stay as they are."""
    made = tool(
        path="/things/{p}/close",
        query={"v": "1"},
        parameters=[
            {"argument": "p", "place": "path"},
            {"argument": "q", "place": "query", "allow_reserved": True},
            {"argument": "c", "place": "cookie"},
        ],
    )
    if any(part.partition(";")[0] in {".", ".."} for part in re.split(r"[/\\\\]", unquote(value))):
        return  # A server may read it as a step: see test_http_request.py.
    going = sent(made, p=value, q=value, c=value)
    path, _, query = going.url.raw_path.decode().partition("?")
    assert ["", "things", value, "close"] == [unquote(part) for part in path.split("/")]
    assert [("v", "1"), ("q", value)] == parse_qsl(query, keep_blank_values=True)
    assert ("https", "api.example", f"c={value}") == (
        going.url.scheme,
        going.url.host,
        unquote(going.headers["Cookie"]),
    )


@pytest.mark.parametrize(("key_at", "where"), [("header:X-Request-Key", "headers"), ("query:once", "query")])
def test_key_travels_where_the_contract_says(key_at: str, where: str) -> None:
    """`key_at` moves the effect's key from the usual header; a read has none."""
    going = sent(tool(Effect.WRITE, key_at=key_at))
    assert KEY == (going.headers["X-Request-Key"] if where == "headers" else going.url.params["once"])
    assert "Idempotency-Key" not in going.headers
    assert b"" == sent(tool(key_at="query:once")).url.query


def written(arguments: dict[str, Any], **how: Any) -> Body:
    body = write_body(HttpBody.model_validate(how), arguments)
    assert body is not None
    return body


def test_members_of_a_json_body_have_their_own_names() -> None:
    """Arguments that clash with a parameter are called otherwise, and go under the document's name."""
    members = [{"argument": "id_body", "name": "id"}, {"argument": "gone"}]
    assert {"id": None} == json.loads(written({"id_body": None, "id": 1}, members=members).content)
    assert b"{}" == written({}, members=members).content
    assert write_body(HttpBody.model_validate({"members": members, "is_required": False}), {}) is None


def test_form_body_is_encoded_as_declared() -> None:
    """`application/x-www-form-urlencoded`: styles as in a query, JSON text for objects without one."""
    members = [
        {"argument": "a"},
        {"argument": "tags"},
        {"argument": "deep", "style": "deepObject"},
        {"argument": "plain"},
    ]
    arguments = {"a": "x&y=z", "tags": [1, 2], "deep": {"k": "v"}, "plain": {"k": 1}}
    body = written(arguments, kind="form", media_type="application/x-www-form-urlencoded", members=members)
    expected = [("a", "x&y=z"), ("tags", "1"), ("tags", "2"), ("deep[k]", "v"), ("plain", '{"k":1}')]
    assert expected == parse_qsl(body.content.decode())


def test_multipart_body_is_the_same_each_time_and_no_part_ends_it() -> None:
    """Files are base64; names cannot leave their quotes; a repeated request is the same, byte for byte."""
    members = [{"argument": "note"}, {"argument": "meta"}, {"argument": "file", "is_file": True}]
    evil = 'a"\r\nX-Evil: 1.png'
    arguments = {
        "note": "--boundary--\r\n",
        "meta": {"a": 1},
        "file": {"base64": base64.b64encode(b"\x00\xff").decode(), "filename": evil},
    }
    how = {"kind": "multipart", "media_type": "multipart/form-data", "members": members}
    body = written(arguments, **how)
    assert body == written(arguments, **how)
    parsed = BytesParser().parsebytes(b"Content-Type: " + body.media_type.encode() + b"\r\n\r\n" + body.content)
    parts = parsed.get_payload()
    assert isinstance(parts, list)
    assert [b"--boundary--\r\n", b'{"a":1}', b"\x00\xff"] == [part.get_payload(decode=True) for part in parts]
    assert [None, None, "a%22%0D%0AX-Evil: 1.png"] == [part.get_filename() for part in parts]
    assert not any("X-Evil" in part for part in parts)


def test_text_and_bytes_are_sent_as_they_are() -> None:
    """The argument is the body; bytes come as base64 and nothing else is taken for it."""
    assert "añ".encode() == written({"body": "añ"}, kind="text", media_type="text/plain", argument="body").content
    how = {"kind": "bytes", "media_type": "application/octet-stream", "argument": "body"}
    assert b"\x00\x01" == written({"body": "AAE="}, **how).content
    for wrong in ("not base64!", "AA!E=", None, {"a": 1}):
        with pytest.raises(InvalidInput):
            written({"body": wrong}, **how)


def test_body_and_accepted_types_are_named_in_the_request() -> None:
    """`Content-Type` from the body, `Accept` from the contract; a header of the contract goes before both."""
    how = {"payload": {"members": [{"argument": "a"}], "media_type": "application/merge-patch+json"}}
    going = sent(tool(Effect.WRITE, method="PATCH", accepts=["application/json", "text/csv"], **how), a=1)
    assert ("application/merge-patch+json", "application/json, text/csv") == (
        going.headers["Content-Type"],
        going.headers["Accept"],
    )
    assert b'{"a":1}' == going.content
    fixed = sent(
        tool(Effect.WRITE, method="POST", headers={"Content-Type": "application/x+json"}, body="arguments"), a=1
    )
    assert "application/x+json" == httpx.Headers(fixed.headers)["Content-Type"]
