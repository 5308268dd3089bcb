"""The way to a model's provider: one HTTP client, no retries of its own, and errors in our words."""

import math
from collections.abc import Sequence

import httpx2
from pydantic_ai import exceptions
from pydantic_ai.direct import model_request
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.settings import ModelSettings

from proctor.contracts.canonical import summarize
from proctor.contracts.errors import PlannerFailed, PlannerUnavailable
from proctor.contracts.manifest import ModelPlannerSpec
from proctor.models.access import Endpoint

# The adapters read an answer without asking whether each part is there, so a hollow one trips them in many ways.
_BROKEN = (exceptions.UnexpectedModelBehavior, httpx2.HTTPError, ValueError, LookupError, TypeError, AttributeError)
_PASSING_STATUSES = frozenset({408, 409, 425, 429})
_HINTS = {
    400: "the provider refuses the request: check the model's name and the tools' schemas",
    401: "the key is missing or wrong: set the provider's …_API_KEY for the worker",
    403: "the key may not use this model",
    404: "there is no such model, or base_url is wrong",
}


class ModelConnection:
    """A provider's model over one HTTP client. Use it in one event loop, and close it."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._http = httpx2.AsyncClient(follow_redirects=False, trust_env=True)
        self._model = _build_model(endpoint, self._http)

    async def aclose(self) -> None:
        """Close the HTTP client."""
        await self._http.aclose()

    async def request(
        self, spec: ModelPlannerSpec, messages: Sequence[ModelMessage], parameters: ModelRequestParameters
    ) -> ModelResponse:
        """Ask once. Raises `PlannerUnavailable` for what may pass, and `PlannerFailed` for what will not."""
        # Whoever runs the plan retries it, with the recorded budget; a retry in here would be paid and not counted.
        settings = ModelSettings(
            max_tokens=spec.max_output_tokens, timeout=spec.timeout_s, request_timeout=spec.timeout_s, max_retries=0
        )
        if spec.temperature is not None:
            settings["temperature"] = spec.temperature
        try:
            return await model_request(
                self._model, messages, model_settings=settings, model_request_parameters=parameters
            )
        except exceptions.ModelAPIError as error:
            raise _translate(error, self._endpoint) from error
        except exceptions.ContentFilterError as error:
            raise PlannerFailed(f"{self._endpoint.provider} withheld the answer: {summarize(str(error))}") from error
        except _BROKEN as error:
            raise PlannerUnavailable(
                f"{self._endpoint.provider} gave a broken answer: {summarize(str(error))}"
            ) from error
        except exceptions.UserError as error:
            raise PlannerFailed(f"the model cannot be called: {summarize(str(error))}") from error


def _build_model(endpoint: Endpoint, http: httpx2.AsyncClient) -> Model:
    key = endpoint.api_key.get_secret_value() if endpoint.api_key else None
    if endpoint.provider == "anthropic":
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        return AnthropicModel(
            endpoint.model, provider=AnthropicProvider(api_key=key, base_url=endpoint.base_url, http_client=http)
        )
    from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel, OpenAIResponsesModelSettings
    from pydantic_ai.providers.openai import OpenAIProvider
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    if endpoint.provider in {"openai", "openai-responses"}:
        provider = OpenAIProvider(api_key=key, base_url=endpoint.base_url, http_client=http)
        return OpenAIResponsesModel(
            endpoint.model, provider=provider, settings=OpenAIResponsesModelSettings(openai_store=False)
        )
    if endpoint.provider == "openai-chat":
        provider = OpenAIProvider(api_key=key, base_url=endpoint.base_url, http_client=http)
        return OpenAIChatModel(endpoint.model, provider=provider)
    compatible = OpenAICompatibleProvider(
        endpoint.provider, base_url=str(endpoint.base_url), api_key=key, http_client=http
    )
    return OpenAIChatModel(endpoint.model, provider=compatible)


def _translate(error: exceptions.ModelAPIError, endpoint: Endpoint) -> PlannerFailed:
    status = error.status_code if isinstance(error, exceptions.ModelHTTPError) else None
    what = (
        f"{endpoint.provider}:{endpoint.model} answered {status}" if status else f"{endpoint.provider} did not answer"
    )
    message = f"{what}: {summarize(_reason(error))}"
    if isinstance(error, exceptions.ModelQuotaExceededError):
        return PlannerFailed(message, hint="the account's quota or credit is used up")
    if _may_pass(error, status):
        return PlannerUnavailable(message, hint="it will be tried again", retry_after_s=_seconds(error.retry_after))
    return PlannerFailed(message, hint=_HINTS.get(status or 400, _HINTS[400]))


def _may_pass(error: exceptions.ModelAPIError, status: int | None) -> bool:
    if status is not None:
        return status >= 500 or status in _PASSING_STATUSES  # noqa: PLR2004 - HTTP's own boundary
    return not isinstance(error, exceptions.ModelRequestRejectedError)


def _seconds(retry_after: float | None) -> float | None:
    if retry_after is None or not math.isfinite(retry_after):
        return None
    return max(0.0, retry_after)


def _reason(error: exceptions.ModelAPIError) -> str:
    body = error.body
    if isinstance(body, dict):
        inner = body.get("error", body)
        return str(inner.get("message", inner) if isinstance(inner, dict) else inner)
    return str(body or error.message)
