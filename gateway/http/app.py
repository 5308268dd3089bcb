"""The application over HTTP."""

import re
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.routing import BaseRoute

from gateway.http.answers import PROBLEMS, add_error_answers
from gateway.http.gatekeeper import Gatekeeper
from gateway.http.parts import HttpParts
from gateway.http.routes import access, control, operations, people, runs, traffic
from gateway.problems import Problem

VERSION = "1"
DESCRIPTION = (
    "Proctor over REST. Every error is a problem (RFC 9457), also where a body cannot be read. "
    "Lists come newest first unless said otherwise."
)


def build_app(parts: HttpParts, *, api: Sequence[APIRouter] = (), others: Sequence[BaseRoute] = ()) -> FastAPI:
    """Build the application; `api` are further routers under `/v1`, `others` stand at the root, undocumented."""
    app = FastAPI(
        title="Proctor",
        version=VERSION,
        description=DESCRIPTION,
        openapi_url="/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    app.state.parts = parts
    add_error_answers(app)
    parts_of_api = (runs, people, control, traffic, access)
    for router in (*(part.build_routes() for part in parts_of_api), *api):
        app.include_router(router, prefix="/v1", responses=PROBLEMS)
    app.include_router(operations.build_routes(parts), include_in_schema=False)
    app.router.routes.extend(others)
    app.add_middleware(
        Gatekeeper,
        max_body_bytes=parts.settings.max_body_bytes,
        metrics=parts.metrics,
        is_secure=parts.settings.is_secure,
    )
    _describe(app)
    return app


def _operation_id(route: Any) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", route.path_format.lower()).strip("_")
    return f"{min(route.methods).lower()}_{words}"


def _describe(app: FastAPI) -> None:
    """Make the OpenAPI document true: problems have their model, and nothing else is promised for errors."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            schemas = document["components"]["schemas"]
            schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schemas["Problem"].pop("$defs", {}))
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            _share_problems(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _share_problems(document: dict[str, Any]) -> None:
    """Describe each kind of error once, and refer to it from every operation."""
    shared = {f"Problem{status}": described for status, described in PROBLEMS.items()}
    document["components"]["responses"] = shared
    for methods in document["paths"].values():
        for operation in methods.values():
            for status in operation["responses"]:
                if f"Problem{status}" in shared:
                    operation["responses"][status] = {"$ref": f"#/components/responses/Problem{status}"}
