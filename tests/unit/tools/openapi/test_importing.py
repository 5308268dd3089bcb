"""From an OpenAPI document to contracts: each feature, and a note for whatever a contract does not hold."""

from typing import Any

import pytest

from proctor.contracts.errors import InvalidInput
from proctor.contracts.schemas import problems
from proctor.contracts.tool import Effect, HttpImplementation, Idempotency, Risk, ToolContract
from proctor.tools.openapi.document import read_document
from proctor.tools.openapi.importing import OpenApiImport
from tests.unit.tools.openapi.documents import ORDERS, document, imported, with_body

MADE = imported()


def tool(name: str, made: OpenApiImport = MADE) -> ToolContract:
    return next(one for one in made.contracts if one.name == name)


def http(name: str, made: OpenApiImport = MADE) -> HttpImplementation:
    implementation = tool(name, made).implementation
    assert isinstance(implementation, HttpImplementation)
    return implementation


def noted(operation: str, what: str, made: OpenApiImport = MADE) -> str:
    """Give the kinds and reasons of what is noted there."""
    found = [note for note in made.notes if (note.operation, note.what) == (operation, what)]
    assert found, [(note.operation, note.what) for note in made.notes]
    return "; ".join(f"{note.kind}: {note.reason}" for note in found)


def arguments(name: str, made: OpenApiImport = MADE) -> list[str]:
    return list(tool(name, made).input_schema["properties"])


def test_every_operation_is_a_tool_or_is_left_out_with_a_reason() -> None:
    """Nothing is dropped silently: nine operations, seven tools, two notes."""
    left_out = {note.operation for note in MADE.notes if note.what == "the whole operation"}
    assert {"GET /digest", "POST /orders/{order.id}/files"} == left_out
    assert (9, 9, 7) == (MADE.operations, MADE.chosen, len(MADE.contracts))
    assert "left_out: it is no operation that a tool can call" == noted("", "TRACE /orders/{order.id}")
    assert "left_out: they are calls from the service, not to it" == noted("", "webhooks")


def test_claims_of_the_document_lower_nothing() -> None:
    """A GET is irreversible and of high risk until a person accepts what its method claims; so is a native key."""
    for contract in MADE.contracts:
        assert (Effect.IRREVERSIBLE, Risk.HIGH, Idempotency.NONE) == (
            contract.effect,
            contract.risk,
            contract.idempotency,
        )
        assert contract.provenance is not None
        assert "" == contract.provenance.accepted_by
    read, put = tool("shop_getOrder").provenance, tool("shop_putOrder").provenance
    assert read is not None
    assert put is not None
    assert {"method": "GET", "effect": "read", "risk": "low"} == read.claims
    assert {"method": "PUT", "idempotency": "native", "key_at": "header:Idempotency-Key"} == put.claims


@pytest.mark.parametrize(
    ("schema", "form"),
    [
        ({"type": "string"}, "plain"),
        ({"type": "string", "maxLength": 255}, "plain"),
        ({"type": "string", "format": "uuid"}, "uuid"),
        ({"type": "string", "maxLength": 64}, "uuid"),
        ({"$ref": "#/components/schemas/Key"}, "uuid"),
        ({"anyOf": [{"$ref": "#/components/schemas/Key"}, {"type": "null"}]}, "uuid"),
        ({"allOf": [{"type": "string", "maxLength": 64}]}, "uuid"),
        ({"type": "string", "maxLength": 20}, "uuid"),
    ],
)
def test_key_is_written_as_its_header_takes_it(schema: dict[str, Any], form: str) -> None:
    """Where it takes UUIDs or short texts alone, a UUID made of the key; what takes not even that is told."""
    header = {"name": "Idempotency-Key", "in": "header", "schema": schema}
    pay = {"operationId": "pay", "parameters": [header], "responses": {"201": {"description": "Made."}}}
    components = {"schemas": {"Key": {"type": "string", "format": "uuid"}}}
    made = imported(document({"/payments": {"post": pay}}, components=components))
    (contract,) = made.contracts
    told = ["it takes 20 characters, and gets a UUID of 36"] if schema.get("maxLength") == 20 else []
    assert (form, told) == (
        contract.key_form,
        [note.reason for note in made.notes if note.kind == "assumed" and "Key" in note.what],
    )
    assert contract.provenance is not None
    assert (form if form == "uuid" else None) == contract.provenance.claims.get("key_form")


def test_arguments_are_the_parameters_that_can_be_sent() -> None:
    """Of the path and of the operation, the operation's own going first; the key is not for the caller."""
    assert ["order_id", "trace", "fields", "filter", "point", "session"] == arguments("shop_getOrder")
    assert {"type": "integer"} == tool("shop_putOrder").input_schema["properties"]["order_id"]
    assert "Idempotency-Key" not in arguments("shop_putOrder")
    assert "/orders/{order_id}" == http("shop_getOrder").path
    label = "GET /orders/{order.id}"
    assert "OpenAPI ignores" in noted(label, "header parameter Accept")
    assert "no argument may write the header Host" in noted(label, "header parameter Host")
    assert "only JSON is written into parameters" in noted(label, "query parameter raw")
    assert "its argument has another name" in noted(label, "path order.id: order_id")


def test_arguments_that_clash_between_places_get_names_of_their_own() -> None:
    """The same name in path, query, header, cookie and body: five arguments, each sent where it belongs."""
    parameters = [{"name": "id", "in": place, "schema": {"type": "string"}} for place in ("query", "header", "cookie")]
    path = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
    body = {"required": True, "content": {"application/json": {"schema": {"type": "object", "properties": {"id": {}}}}}}
    operation = {"parameters": [path, *parameters], "requestBody": body, "responses": {}}
    made = imported(document({"/x/{id}": {"post": operation}}))
    (name,) = (one.name for one in made.contracts)
    assert ["id", "id_query", "id_header", "id_cookie", "id_body"] == arguments(name, made)
    payload = http(name, made).payload
    assert payload is not None
    assert [("id_body", "id")] == [(member.argument, member.wire_name) for member in payload.members]


def test_servers_are_those_of_the_narrowest_level() -> None:
    """Variables take their defaults; other servers are named; `--base-url` goes before all."""
    assert "https://eu.orders.example/v2" == http("shop_getOrder").base_url
    assert "one server is called" in noted("GET /search", "server https://test.orders.example")
    assert "its default is used: eu" in noted("GET /search", "server variable region")
    given = imported(base_url="env:SHOP")
    assert "env:SHOP" == http("shop_getOrder", given).base_url
    assert "the given base URL is used" in noted("POST /orders/{order.id}/files", "servers", given)
    relative = document({"/x": {"get": {"responses": {}}}}) | {"servers": [{"url": "../api"}]}
    fetched = imported(relative, document_url="https://shop.example/docs/openapi.json")
    assert "https://shop.example/api" == http("shop_get_x", fetched).base_url
    assert "give --base-url" in noted("GET /x", "the whole operation", imported(relative))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop_getOrder", [("shop-token", "header:Authorization", "Bearer {secret}", "")]),
        ("shop_get_search", [("shop-query-key", "query:api_key", "{secret}", "")]),
        ("shop_search_head", []),
        ("shop_token", [("shop-oauth", "header:Authorization", "Bearer {secret}", "read write")]),
        ("shop_blob", [("shop-session", "cookie:sid", "{secret}", "")]),
        (
            "shop_upload",
            [
                ("shop-basic", "header:Authorization", "Basic {basic}", ""),
                ("shop-query-key", "query:api_key", "{secret}", ""),
            ],
        ),
    ],
)
def test_security_becomes_named_credentials(name: str, expected: list[tuple[str, ...]]) -> None:
    """Bearer, basic, keys in header, query and cookie, OAuth 2; the first alternative that can be sent."""
    assert expected == [(use.name, use.at, use.form, use.scope) for use in tool(name).credentials]


ANSWERS: dict[str, Any] = {"responses": {}}
CHAIN = {f"C{n}": {"allOf": [{"$ref": f"#/components/schemas/C{n + 1}"}]} for n in range(1000)}


@pytest.mark.parametrize(
    ("path", "odd", "said"),
    [
        ("/x", {"servers": [{"url": "https://[::1/"}]}, "is not a usable http(s) address"),
        ("/x", {"servers": [{"url": "https://shop.example\n.evil.example/"}]}, "white space"),
        ("/x", {"servers": [{"url": "https://user@shop.example/"}]}, "user information"),
        ("/x", {"servers": [{"url": "https://shop.example:99999/"}]}, "the port"),
        ("/x\ud800", {}, "half of a surrogate pair"),
        ("/x", {"security": {"key": []}}, "its security is not a list"),
        ("/x", {"security": [7]}, "its security is not a list"),
        ("/x", {"security": [{"host": []}]}, "where a request goes"),
        ("/x", {"security": [{"odd": []}]}, "not supported"),
        ("/x", {"parameters": [{"name": "q", "in": "query", "schema": {"maximum": 10**400}}]}, "beyond what JSON"),
        ("/x", {"parameters": [{"name": "q", "in": "query", "schema": {"maxLength": 10**400}}]}, "beyond what JSON"),
        (
            "/x",
            {"parameters": [{"name": "q", "in": "query", "schema": {"oneOf": [{"$ref": []}], "discriminator": {}}}]},
            "the reference is not text",
        ),
        (
            "/x",
            {"parameters": [{"name": "q", "in": "query", "schema": {"$ref": "#/components/schemas/C0"}}]},
            "nested too deeply",
        ),
    ],
)
def test_one_odd_operation_costs_no_other(path: str, odd: dict[str, Any], said: str) -> None:
    """What cannot be read of it is noted, or it is left out with the reason; the import goes on."""
    schemes = {"host": {"type": "apiKey", "in": "header", "name": "Host"}, "odd": {"type": ["http"]}}
    components = {"schemas": {**CHAIN, "C1000": {}}, "securitySchemes": schemes}
    made = imported(document({path: {"get": ANSWERS | odd}, "/good": {"get": ANSWERS}}, components=components))
    assert "shop_get_good" in [contract.name for contract in made.contracts]
    assert any(said in note.reason for note in made.notes if note.operation == f"GET {path}")


def test_bodies_of_every_type() -> None:
    """Members become arguments where nothing is lost by it; files, forms, bytes; one media type is sent."""
    kinds = {name: http(name).payload for name in ("shop_putOrder", "shop_upload", "shop_token", "shop_blob")}
    assert ["json", "multipart", "form", "bytes"] == [body.kind for body in kinds.values() if body is not None]
    assert ["file", "pages", "meta"] == arguments("shop_upload")
    assert ["body"] == arguments("shop_blob")
    assert "one media type is sent" in noted("PUT /orders/{order.id}", "request body as application/xml")
    assert "it is sent as JSON text" in noted("POST /token", "body member opts")
    assert [] == problems(tool("shop_upload").input_schema, {"file": {"base64": "AA=="}})


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {}},
        {"type": "object"},
        {"allOf": [{"type": "object", "properties": {"a": {}}}]},
        {"type": "object", "properties": {"a": {}}, "additionalProperties": True},
        {"type": "object", "properties": {"a": {}}, "minProperties": 1},
        {"type": "object", "properties": {"a": {}}, "oneOf": [{"required": ["a"]}]},
    ],
)
def test_body_that_is_more_than_its_members_is_one_argument(schema: dict[str, Any]) -> None:
    """Taking it apart would lose what it says of itself."""
    assert ["body"] == arguments("shop_put", imported(with_body(schema)))


def test_answers_say_what_comes_back_and_what_is_shown() -> None:
    """JSON, other types as text or base64, links and counts for pages; the rest is named."""
    read, head = http("shop_getOrder"), http("shop_search_head")
    assert (("application/json", "text/csv"), ("Link",), ("X-Total-Count",)) == (read.accepts, read.shows, head.shows)
    output = tool("shop_getOrder").output_schema
    whole = {"body": {"id": "1", "total": 2}, "headers": {}, "links": {"next": "https://x"}}
    assert [] == problems(output, whole)
    assert [] == problems(output, {**whole, "body": {"content_type": "text/csv", "text": "a,b"}})
    assert problems(output, {**whole, "body": {"id": "1"}})
    assert "does not reach the agent" in noted("GET /orders/{order.id}", "response header X-Rate")
    assert {} == tool("shop_token").output_schema


def test_deprecated_operation_is_a_deprecated_tool() -> None:
    """Planners are told."""
    assert tool("shop_putOrder").deprecated is not None
    assert tool("shop_getOrder").deprecated is None


@pytest.mark.parametrize("glob", ["shop_getOrder", "getOrder", "GET /orders/*", "GET /orders/{order.id}"])
def test_only_chooses_by_name_id_or_path(glob: str) -> None:
    """A document of a thousand operations gives the ten that are wanted."""
    assert ["shop_getOrder"] == [one.name for one in imported(only=(glob,)).contracts]


def test_only_that_matches_nothing_is_a_mistake() -> None:
    """A slip of the pen must not look like an empty service."""
    with pytest.raises(InvalidInput, match="none of its 9 operations matches --only") as caught:
        imported(only=("nothing*",))
    assert "the first is `shop_getOrder` or `getOrder` or `GET /orders/{order.id}`" in caught.value.hint


def test_path_is_taken_as_it_is_written() -> None:
    """Undeclared names are text, declared ones that it does not have are left out, a fixed query is fixed."""
    unnamed = {"name": "gone", "in": "path", "required": True, "schema": {}}
    paths = {
        "/a b/{x}...{y}?beta=true": {"get": {"operationId": "a", "parameters": [unnamed], "responses": {}}},
        "/up/../x": {"get": {"operationId": "b", "responses": {}}},
        "/frag#x": {"get": {"operationId": "c", "responses": {}}},
        "/q?x={y}": {"get": {"operationId": "d", "responses": {}}},
    }
    made = imported(document(paths))
    assert (["shop_a"], "/a%20b/{x}...{y}", {"beta": "true"}) == (
        [one.name for one in made.contracts],
        http("shop_a", made).path,
        http("shop_a", made).query,
    )
    assert ["x", "y"] == arguments("shop_a", made)
    assert "the path does not name it" in noted("GET /a b/{x}...{y}?beta=true", "path parameter gone", made)
    assert {"GET /up/../x", "GET /frag#x", "GET /q?x={y}"} == {
        note.operation for note in made.notes if note.what == "the whole operation"
    }


def test_names_do_not_depend_on_order_and_never_clash() -> None:
    """Ids that come to the same name both carry a hash; long ones are shortened; neither moves with the document."""
    same = {
        "/a": {"get": {"operationId": "do-it", "responses": {}}},
        "/b": {"get": {"operationId": "do_It", "responses": {}}},
    }
    long = {"/c": {"get": {"operationId": "x" * 90, "responses": {}}}}
    names = [one.name for one in imported(document(same | long)).contracts]
    turned = [one.name for one in imported(document(dict(reversed((same | long).items())))).contracts]
    assert (3, sorted(turned)) == (len({name.lower() for name in names}), sorted(names))
    assert all(len(name) <= 64 for name in names)


def test_digest_is_of_what_is_said_of_the_operation_and_nothing_else() -> None:
    """A change in a schema it refers to is a change; a change elsewhere, or a new base URL, is none."""

    def digests(text: str, **asked: Any) -> dict[str, str]:
        made = imported(text, **asked).contracts
        return {one.name: one.provenance.digest for one in made if one.provenance is not None}

    before = digests(ORDERS)
    assert before.items() <= digests(ORDERS, base_url="env:SHOP").items()
    assert digests(ORDERS, only=("getOrder",)).items() <= before.items()
    changed = digests(ORDERS.replace("Cat: {type: object", "Cat: {description: meow, type: object"))
    assert {"shop_getOrder", "shop_putOrder"} == {name for name, digest in changed.items() if digest != before[name]}
    tokens = digests(ORDERS.replace("scheme: bearer", "scheme: basic"))
    assert {"shop_getOrder", "shop_putOrder"} == {name for name, digest in tokens.items() if digest != before[name]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("swagger: '2.0'", "is Swagger 2.0"),
        ("openapi: 4.0.0\npaths: {}", "is OpenAPI 4.0.0"),
        ("openapi: 3.1.0\npaths: {}", "it has no operations"),
        ("- 1", "is not an OpenAPI document"),
        ("openapi: 3.1.0\nopenapi: 3.0.0", "line 2: the key 'openapi' stands here twice"),
        ('{"openapi": "3.1.0", "openapi": "3.0.0"}', "stands twice"),
        ('{"openapi": NaN}', "NaN is not JSON"),
        ("openapi: [", "line 2"),
        ("a: !!python/object/apply:os.system [x]", "cannot be read"),
        ("openapi: 3.1.0\na: &a [*a]", "cannot be read"),
        ('{"a":' * 5000 + "1" + "}" * 5000, "too deeply"),
    ],
)
def test_what_is_no_openapi_document_is_refused_in_one_line(text: str, message: str) -> None:
    """With the line where that is known."""
    with pytest.raises(InvalidInput) as raised:
        imported(text)
    assert message in str(raised.value)


def test_aliases_do_not_make_a_small_file_a_huge_one() -> None:
    """Ten levels of ten aliases are 10^10 values, refused before anything follows them."""
    levels = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 11))
    with pytest.raises(InvalidInput, match="too large"):
        imported(f"openapi: 3.1.0\na0: &a0 [1]\n{levels}\n")


def test_merges_of_merges_keep_each_member_once() -> None:
    """Sixteen levels of ten merges are 10^16 copies of one member; its own stands over what it merges."""
    levels = [f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 10)}], k{n}: {n}}}" for n in range(1, 17)]
    text = "\n".join(["openapi: 3.0.0", "a0: &a0 {k: v, k1: old}", *levels])
    data = read_document(text.encode(), "it").data
    assert {"k": "v", **{f"k{n}": n for n in range(1, 17)}} == data["a16"]


def test_yaml_is_read_as_version_1_2() -> None:
    """`no` is a country, a date is text, and a status is a key."""
    text = "openapi: 3.1.0\nservers: [{url: 'https://x'}]\npaths:\n  /x:\n    get:\n      responses: {200: {}}\n"
    text += "      parameters: [{name: c, in: query, schema: {enum: [no, 2020-01-01, 0o10, on]}}]\n"
    assert ["no", "2020-01-01", 8, "on"] == imported(text).contracts[0].input_schema["properties"]["c"]["enum"]
