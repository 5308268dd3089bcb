"""Requests that the OpenAPI document allows, and many that it does not, against a running gateway."""

import sys
from collections.abc import Sequence
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


def fuzz(
    document: dict[str, Any], url: str, headers: dict[str, str], examples: int, *, leave_out: str = "", number: int = 4
) -> list[str]:
    """Try every operation with so many examples, but those under `leave_out`; lists what was wrong."""
    schema = schemathesis.openapi.from_dict(document)
    schema.config.base_url = url
    schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    found = []
    for result in schema.get_all_operations():
        operation = result.ok()
        if leave_out and operation.path.startswith(leave_out):
            continue
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            try:
                _try_operation(operation, mode, headers, examples, number)
            except Exception as error:  # noqa: BLE001 - whatever a check raises is a finding
                found.append(f"{operation.label} ({mode.value}): {error}")
    return found


def _try_operation(operation: Any, mode: GenerationMode, headers: dict[str, str], examples: int, number: int) -> None:
    @seed(number)
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def try_case(case: Any) -> None:
        if case.query:
            case.query.pop("wait_s", None)
        case.call_and_validate(headers=headers, checks=CHECKS, timeout=20)

    try:
        try_case()
    except Exception as error:
        if "Unsatisfiable" in type(error).__name__ or "cannot be negated" in str(error):
            return
        raise


def main(arguments: Sequence[str]) -> int:
    """Try a running gateway by hand: URL TOKEN EXAMPLES."""
    import httpx

    url, token, examples = arguments
    document = httpx.get(f"{url}/v1/openapi.json").json()
    found = fuzz(document, url, {"authorization": f"Bearer {token}"}, int(examples))
    print("\n\n".join(found) or "nothing found")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
