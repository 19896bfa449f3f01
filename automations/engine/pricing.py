"""What a model call cost, from the prices that the genai-prices package ships; no network."""

from decimal import Decimal
from typing import Any


def cost_of(
    model: str,
    *,
    base_url: str,
    input_tokens: int | None,
    output_tokens: int | None,
    cached_tokens: int,
) -> Decimal | None:
    """Return the cost in USD; None when the provider, the model or the tokens are unknown.

    `input_tokens` include the cached ones. What the embedded model costs is not asked here.
    """
    if input_tokens is None or output_tokens is None:
        return None
    # The price list takes 0.2 s to load, and a worker that only calls its own model needs none.
    from genai_prices import Usage, calc_price  # noqa: PLC0415

    usage = Usage(
        input_tokens=input_tokens,
        cache_read_tokens=min(cached_tokens, input_tokens),
        output_tokens=output_tokens,
    )
    try:
        price: Any = calc_price(usage, model_ref=model, provider_api_url=base_url)
    except LookupError:
        return None
    return Decimal(price.total_price)


def warm_up() -> None:
    """Load the price list before the first run needs it."""
    cost_of("warm-up", base_url="", input_tokens=0, output_tokens=0, cached_tokens=0)
