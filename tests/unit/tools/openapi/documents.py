"""Small documents of our own that have every feature of OpenAPI that services use."""

import json
from typing import Any

from proctor.tools.openapi.document import read_document
from proctor.tools.openapi.importing import Asked, OpenApiImport, import_openapi

ORDERS = """
openapi: 3.0.3
info: {title: Orders, version: 1.0.0}
servers:
  - url: https://{region}.orders.example/{base}
    variables:
      region: {default: eu, enum: [eu, us]}
      base: {default: v2}
  - url: https://test.orders.example
security:
  - token: []
webhooks: {paid: {}}
paths:
  /orders/{order.id}:
    parameters:
      - {name: order.id, in: path, required: true, schema: {type: string, pattern: "^[0-9]+$"}}
      - {name: trace, in: header, schema: {type: string}}
    get:
      operationId: getOrder
      summary: Get an order.
      parameters:
        - {name: fields, in: query, explode: false, schema: {type: array, items: {type: string}}}
        - {name: filter, in: query, style: deepObject, schema: {type: object, properties: {deep: {type: object}}}}
        - {name: point, in: query, content: {application/json: {schema: {type: object}}}}
        - {name: raw, in: query, content: {application/xml: {schema: {type: object}}}}
        - {name: session, in: cookie, schema: {type: string}}
        - {name: Accept, in: header, required: true, schema: {type: string}}
        - {name: Host, in: header, schema: {type: string}}
      responses:
        "200":
          description: It.
          headers:
            Link: {schema: {type: string}}
            X-Rate: {schema: {type: integer}}
          content:
            application/json: {schema: {$ref: "#/components/schemas/Order"}}
            text/csv: {schema: {type: string}}
        "404": {description: No.}
    put:
      operationId: putOrder
      deprecated: true
      parameters:
        - {name: Idempotency-Key, in: header, required: true, schema: {type: string}}
        - {name: order.id, in: path, required: true, schema: {type: integer}}
      requestBody:
        required: true
        content:
          application/json: {schema: {$ref: "#/components/schemas/Order"}}
          application/xml: {schema: {type: object}}
      responses: {"204": {description: Done.}}
    trace: {responses: {}}
  /orders/{order.id}/files:
    servers: [{url: "https://files.orders.example/{order.id}", variables: {}}]
    post:
      requestBody: {content: {text/plain: {}}}
      responses: {}
  /search:
    get:
      security: [{}, {query_key: []}]
      responses: {default: {description: Any., content: {application/json: {schema: {}}}}}
    head:
      operationId: search head!
      security: []
      responses: {"200": {description: Yes., headers: {X-Total-Count: {schema: {type: string}}}}}
  /upload:
    post:
      operationId: upload
      callbacks: {done: {}}
      security: [{basic: [], query_key: []}]
      requestBody:
        required: true
        content:
          multipart/form-data:
            schema:
              type: object
              required: [file]
              properties:
                file: {type: string, format: binary}
                pages: {type: array, items: {type: string, format: binary}}
                meta: {type: object}
                id: {type: string, readOnly: true}
            encoding: {meta: {contentType: application/json}, file: {contentType: "image/png, image/gif"}}
      responses: {"201": {description: Made., headers: {Location: {schema: {type: string}}}}}
  /token:
    post:
      operationId: token
      security: [{oauth: [read, write]}]
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema: {type: object, properties: {scope: {type: array, items: {type: string}}, opts: {type: object}}}
            encoding: {scope: {style: spaceDelimited, explode: false}}
      responses: {"200": {description: Ok.}}
  /digest:
    get: {operationId: digest, security: [{digest: []}], responses: {}}
  /blob:
    put:
      operationId: blob
      security: [{digest: []}, {session: []}]
      requestBody: {required: true, content: {application/octet-stream: {schema: {type: string, format: binary}}}}
      responses: {"200": {$ref: "#/components/responses/Gone"}}
components:
  securitySchemes:
    token: {type: http, scheme: bearer}
    basic: {type: http, scheme: basic}
    query_key: {type: apiKey, in: query, name: api_key}
    session: {type: apiKey, in: cookie, name: sid}
    oauth: {type: oauth2, flows: {}}
    digest: {type: http, scheme: digest}
  schemas:
    Order:
      type: object
      required: [id, total]
      properties:
        id: {type: string, readOnly: true}
        pin: {type: string, writeOnly: true}
        total: {type: number, minimum: 0, exclusiveMinimum: true, maximum: 9223372036854775807}
        note: {type: string, nullable: true, example: hi, enum: [hi, ho]}
        parent: {$ref: "#/components/schemas/Order"}
        code: {type: string, pattern: "^(?=a)b"}
        blob: {type: string, format: byte}
        pet: {$ref: "#/components/schemas/Pet"}
    Pet:
      oneOf: [{$ref: "#/components/schemas/Cat"}, {$ref: "#/components/schemas/Dog"}]
      discriminator: {propertyName: kind, mapping: {cat: "#/components/schemas/Cat", dog: "#/components/schemas/Dog"}}
    Cat: {type: object, properties: {kind: {type: string}, name: {type: string}}}
    Dog: {type: object, properties: {kind: {type: string}, name: {type: string}}}
"""


def imported(text: str | dict[str, Any] = ORDERS, **asked: Any) -> OpenApiImport:
    """Import a document as the source `shop`."""
    content = text if isinstance(text, str) else json.dumps(text)
    return import_openapi(
        read_document(content.encode(), "shop.yaml"), Asked(source="shop", shown="shop.yaml", **asked)
    )


def document(paths: dict[str, Any], version: str = "3.1.0", **more: Any) -> dict[str, Any]:
    """Make a document of a few paths."""
    servers = [{"url": "https://shop.example"}]
    return {"openapi": version, "info": {"title": "Shop", "version": "1"}, "servers": servers, "paths": paths, **more}


def with_body(schema: Any, version: str = "3.1.0", **components: Any) -> dict[str, Any]:
    """Make a document whose one operation takes a JSON body."""
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    operation = {"operationId": "put", "requestBody": body, "responses": {"204": {"description": ""}}}
    return document({"/x": {"put": operation}}, version, components={"schemas": components})


def with_answer(schema: Any, version: str = "3.1.0", **components: Any) -> dict[str, Any]:
    """Make a document whose one operation answers JSON."""
    answer = {"200": {"description": "", "content": {"application/json": {"schema": schema}}}}
    return document(
        {"/x": {"get": {"operationId": "get", "responses": answer}}}, version, components={"schemas": components}
    )
