"""A model planner whose providers are all the one server of the test."""

from collections.abc import AsyncIterator

import pytest_asyncio
from llmock.pytest_plugin import LLMock
from pydantic import SecretStr

from proctor.models.access import ModelAccess
from proctor.models.model import ModelPlanner


@pytest_asyncio.fixture
async def planner(llmock: LLMock) -> AsyncIterator[ModelPlanner]:
    addresses = {name: llmock.base_url(name) for name in ("openai", "anthropic")}
    keys = {name: SecretStr("a-key") for name in addresses}
    made = ModelPlanner(ModelAccess(api_keys=keys, base_urls={**addresses, "local": llmock.base_url()}))
    yield made
    await made.aclose()
