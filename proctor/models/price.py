"""What tokens cost: the manifest's own prices, or the table that ships with genai-prices. Nothing is fetched."""

from decimal import Decimal

from genai_prices import Usage, calc_price

from proctor.contracts.errors import PlannerFailed
from proctor.contracts.manifest import ModelPlannerSpec

_MILLION = Decimal(1_000_000)
_PRICED_AS = {"openai-chat": "openai", "openai-responses": "openai"}


def price_usd(spec: ModelPlannerSpec, usage: Usage) -> Decimal:
    """Price tokens.

    Raises:
        PlannerFailed: nobody knows the price. A model without a price would pass every budget (rule 8), so it is not
            used; a model that costs nothing says so with prices of 0.

    """
    own = (spec.price_per_million_input_usd, spec.price_per_million_output_usd)
    if own[0] is not None and own[1] is not None:
        return (own[0] * Decimal(usage.input_tokens or 0) + own[1] * Decimal(usage.output_tokens or 0)) / _MILLION
    provider, _, model = spec.model.partition(":")
    try:
        return calc_price(usage, model, provider_id=_PRICED_AS.get(provider, provider)).total_price
    except LookupError as error:
        hint = "give price_per_million_input_usd and price_per_million_output_usd in the manifest's planner"
        raise PlannerFailed(f"the price of {spec.model} is not known", hint=hint) from error
