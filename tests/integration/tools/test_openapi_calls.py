"""Tools of an OpenAPI document, called over real sockets: what the service saw, and what came back."""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from proctor.contracts.catalog import SourcePlace
from proctor.contracts.errors import InvalidInput, Unavailable
from proctor.contracts.schemas import problems
from proctor.contracts.tool import Confirmed, Effect, Failed, ToolContract, ToolOutcome, Unknown
from proctor.documents.claims import accepted
from proctor.tools.authoring import ToolResources
from proctor.tools.dispatcher import ToolDispatcher
from proctor.tools.openapi.again import OpenApiReadAgain
from proctor.tools.openapi.fetching import fetch_document
from tests.integration.tools.fake_credentials import FakeCredentials
from tests.integration.tools.servers import Script, ScriptedServer, answering, serving
from tests.unit.tools.openapi.documents import ORDERS, imported
from tests.unit.tools.worlds import KEY, FakeKnowledge, call

SECRETS = {
    "shop-token": "token-of-the-shop",
    "shop-basic": "somebody:a-password",
    "shop-query-key": "key of the shop",
    "shop-session": "session-1",
    "shop-oauth": "oauth-token",
}
TOOLS = {str(one.name): one for one in imported(base_url="env:BASE").contracts}
ORDER = {"id": "1", "total": 2}


async def called(tool: ToolContract, script: Script, **arguments: Any) -> tuple[ToolOutcome, ScriptedServer]:
    assert [] == problems(tool.input_schema, arguments)
    async with serving(script) as server:
        resources = ToolResources(FakeKnowledge(), {"BASE": f"{server.url}/v2"}, FakeCredentials(SECRETS))
        async with ToolDispatcher(resources) as tools:
            return await tools.invoke(tool, call(**arguments)), server


def target(server: ScriptedServer) -> tuple[str, list[tuple[str, str]]]:
    path = server.request_line.split()[1]
    return urlsplit(path).path, parse_qsl(urlsplit(path).query)


async def test_read_with_parameters_of_every_place_is_sent_as_the_document_says() -> None:
    """Path, query in three styles, header, cookie, bearer token; the page's links and the body come back."""
    read = accepted(TOOLS["shop_getOrder"], "maria.ops")
    arguments = {
        "order_id": "12",
        "trace": "t-1",
        "fields": ["id", "a b"],
        "filter": {"deep": {"x": 1}},
        "point": {"lat": 1},
        "session": "s 1",
    }
    outcome, server = await called(read, answering(200, ORDER, Link='</orders?page=2>; rel="next"'), **arguments)
    assert isinstance(outcome, Confirmed), outcome
    assert {
        "body": ORDER,
        "headers": {"Link": '</orders?page=2>; rel="next"'},
        "links": {"next": "/orders?page=2"},
    } == (outcome.result)
    query = [("fields", "id,a b"), ("filter[deep][x]", "1"), ("point", '{"lat":1}')]
    assert ("/v2/orders/12", query) == target(server)
    heads = ("Authorization", "trace", "Cookie", "Accept", "Idempotency-Key")
    assert ["Bearer token-of-the-shop", "t-1", "session=s%201", "application/json, text/csv", None] == [
        server.header(name) for name in heads
    ]


async def test_effects_carry_bodies_of_their_types_and_the_key() -> None:
    """JSON with the document's names, multipart with files, a form, bytes; credentials in every place."""
    outcome, server = await called(TOOLS["shop_putOrder"], answering(204), order_id=1, total=3, note=None)
    assert isinstance(outcome, Confirmed)
    assert ({"total": 3, "note": None}, KEY) == (json.loads(server.bodies[0]), server.header("Idempotency-Key"))
    file = {"base64": base64.b64encode(b"\x00png").decode(), "filename": "a.png"}
    outcome, server = await called(TOOLS["shop_upload"], answering(201, Location="/f/1"), file=file, meta={"a": 1})
    assert isinstance(outcome, Confirmed)
    assert {"body": None, "headers": {"Location": "/f/1"}, "links": {}} == outcome.result
    assert b'filename="a.png"\r\nContent-Type: image/png\r\n\r\n\x00png\r\n' in server.bodies[0]
    assert base64.b64encode(SECRETS["shop-basic"].encode()).decode() in (server.header("Authorization") or "")
    assert ("/v2/upload", [("api_key", "key of the shop")]) == target(server)
    _, server = await called(TOOLS["shop_token"], answering(200), scope=["a", "b"], opts={"x": 1})
    assert [("scope", "a b"), ("opts", '{"x":1}')] == parse_qsl(server.bodies[0].decode())
    assert "Bearer oauth-token" == server.header("Authorization")
    _, server = await called(TOOLS["shop_blob"], answering(200), body="AAE=")
    assert (b"\x00\x01", "application/octet-stream", "sid=session-1") == (
        server.bodies[0],
        server.header("Content-Type"),
        server.header("Cookie"),
    )


async def test_errors_are_told_apart() -> None:
    """A problem in the planner's words, a pause that the service asks for, and an effect in doubt."""
    read = accepted(TOOLS["shop_getOrder"], "maria.ops")
    problem = {"title": "Gone", "detail": "It was archived."}
    outcome, _ = await called(read, answering(404, problem, Content_Type="application/problem+json"), order_id="1")
    assert isinstance(outcome, Failed)
    assert (False, True) == (outcome.retryable, "Gone; It was archived." in outcome.error)
    outcome, _ = await called(read, answering(503, Retry_After="2"), order_id="1")
    assert isinstance(outcome, Failed)
    assert (True, 2.0) == (outcome.retryable, outcome.retry_after_s)
    outcome, _ = await called(TOOLS["shop_putOrder"], answering(503), order_id=1, total=3)
    assert isinstance(outcome, Unknown)
    outcome, _ = await called(read, answering(200, b"a;b", Content_Type="text/csv"), order_id="1")
    assert isinstance(outcome, Confirmed)
    assert {"content_type": "text/csv", "text": "a;b"} == outcome.result["body"]


async def test_claims_count_once_a_person_takes_them_for_facts() -> None:
    """The contract as imported is irreversible, so a dispatch of a GET carries a key and is never repeated."""
    outcome, server = await called(TOOLS["shop_getOrder"], answering(503), order_id="1")
    assert isinstance(outcome, Unknown)
    assert KEY == server.header("Idempotency-Key")
    assert Effect.READ is accepted(TOOLS["shop_getOrder"], "maria.ops").effect


async def test_source_is_read_again_by_file_and_url(tmp_path: Path) -> None:
    """What changed has another digest, what is gone is left out; people's names, base URLs and credentials stay."""
    (tmp_path / "shop.yaml").write_text(ORDERS.replace("summary: Get an order.", "summary: Get all orders!"))
    held = [one.model_copy(update={"name": f"my_{one.name}"}) for one in TOOLS.values()]
    again = {str(one.name): one for one in await OpenApiReadAgain()(held, SourcePlace(tmp_path))}
    changed = {name for name, one in again.items() if _digest(one) != _digest(TOOLS[name.removeprefix("my_")])}
    assert ({one.name for one in held}, {"my_shop_getOrder"}) == (set(again), changed)
    assert [one.implementation for one in held] == [again[one.name].implementation for one in held]
    (tmp_path / "shop.yaml").write_text(ORDERS.replace("/search:", "/find:"))
    left = await OpenApiReadAgain()(held, SourcePlace(tmp_path))
    assert {"my_shop_get_search", "my_shop_search_head"} == {one.name for one in held} - {one.name for one in left}
    async with serving(answering(200, ORDERS.encode())) as server:
        document, url = await fetch_document(f"{server.url}/openapi.yaml", tmp_path)
    assert ("Orders 1.0.0", f"{server.url}/openapi.yaml") == (document.title, url)


def _digest(contract: ToolContract) -> str:
    return contract.provenance.digest if contract.provenance is not None else ""


async def test_source_that_does_not_answer_is_told_from_one_that_cannot_be_read(tmp_path: Path) -> None:
    """`tools verify` must not take a service that is down for one that changed."""
    async with serving(answering(500)) as server:
        with pytest.raises(Unavailable, match="cannot get"):
            await fetch_document(f"{server.url}/openapi.yaml", tmp_path)
    with pytest.raises(InvalidInput, match="holds a user or a password") as raised:
        await fetch_document("https://bob:hunter2@shop.example/openapi.yaml", tmp_path)
    assert "hunter2" not in raised.value.diagnostics(), "it would come into the catalog, too"
    with pytest.raises(InvalidInput, match=r"cannot read gone\.yaml"):
        await fetch_document("gone.yaml", tmp_path)
