"""`python -m gateway.http.document` prints the OpenAPI document, without a store or an engine."""

import asyncio
import json
import sys
from typing import Any, cast

from gateway.http.app import build_app
from gateway.http.composition import open_ways_in
from gateway.http.login import Login
from gateway.http.parts import HttpParts
from gateway.http.rates import Rates
from gateway.http.settings import HttpSettings


class Nothing:
    """Stands for parts that the document does not need."""

    def __getattr__(self, _: str) -> "Nothing":
        return self


async def document() -> dict[str, Any]:
    """Give the OpenAPI document."""
    nothing = cast("Any", Nothing())
    settings = HttpSettings()
    rates = Rates(settings.rate, settings.login_rate)
    parts = HttpParts(nothing, settings, rates, Login(nothing, nothing, nothing, rates))
    async with open_ways_in(parts) as ways:
        return build_app(parts, api=ways.api, others=ways.routes).openapi()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(document()), indent=1, ensure_ascii=False) + "\n")
