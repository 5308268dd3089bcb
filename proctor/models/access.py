"""What a worker may use to reach model providers: keys, and where each may be sent."""

from collections.abc import Mapping

from pydantic import Field, SecretStr

from proctor.contracts.base import Contract
from proctor.contracts.errors import PlannerFailed
from proctor.contracts.manifest import ModelPlannerSpec

_SHARED = {"openai-chat": "openai", "openai-responses": "openai"}


class Endpoint(Contract):
    """Where a model is called, and with what."""

    provider: str
    """As pydantic-ai names it: `openai`, `openai-chat`, `openai-responses`, `anthropic`, or a name of your own."""
    model: str
    base_url: str | None
    """None: the provider's own address."""
    api_key: SecretStr | None


class ModelAccess(Contract):
    """Keys and addresses by provider, handed in by whoever starts the process.

    A key goes only where the person who set it said. A manifest that names a `base_url` for `openai` or `anthropic`
    is refused unless that is the operator's own address for it, so that no manifest can send a key elsewhere; a
    provider name of its own has a key of its own (`local:qwen3` uses `LOCAL_API_KEY`).
    """

    api_keys: dict[str, SecretStr] = Field(default_factory=dict)
    base_urls: dict[str, str] = Field(default_factory=dict)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "ModelAccess":
        """Read `NAME_API_KEY` and `NAME_BASE_URL` for every provider name."""
        return cls(
            api_keys={name: SecretStr(key) for name, key in _by_provider(environment, "_API_KEY").items()},
            base_urls=_by_provider(environment, "_BASE_URL"),
        )

    def endpoint(self, spec: ModelPlannerSpec) -> Endpoint:
        """Work out where the model of a manifest is called. Raises `PlannerFailed` with what is missing."""
        provider, _, model = spec.model.partition(":")
        if not provider or not model:
            raise PlannerFailed(f"{spec.model!r} is not a model", hint="write provider:name, e.g. openai:gpt-5")
        account = _SHARED.get(provider, provider)
        own, key = self.base_urls.get(account), self.api_keys.get(account)
        if account in {"openai", "anthropic"}:
            self._check_account(account, spec.base_url, own, key)
        elif not (spec.base_url or own):
            hint = f"give planner.base_url in the manifest, or set {_variable(account)}_BASE_URL"
            raise PlannerFailed(f"no address is known for the provider {provider!r}", hint=hint)
        return Endpoint(provider=provider, model=model, base_url=spec.base_url or own, api_key=key)

    def _check_account(self, account: str, wanted: str | None, own: str | None, key: SecretStr | None) -> None:
        if key is None:
            raise PlannerFailed(f"no key for {account}", hint=f"set {_variable(account)}_API_KEY for the worker")
        if wanted is not None and wanted != own:
            hint = f"set {_variable(account)}_BASE_URL to it, or use a provider name of your own, e.g. local:NAME"
            raise PlannerFailed(f"the manifest would send the {account} key to {wanted}", hint=hint)


def _by_provider(environment: Mapping[str, str], ending: str) -> dict[str, str]:
    found = {name.removesuffix(ending): value for name, value in environment.items() if name.endswith(ending)}
    return {name.lower().replace("_", "-"): value for name, value in found.items() if name and value}


def _variable(provider: str) -> str:
    return provider.upper().replace("-", "_")
