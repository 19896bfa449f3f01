"""What a batch will probably cost and how long it will take, from what was measured before."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Avg, Count

from automations.answering import answerer_of
from automations.models import Provider, Run, Version

MEASURED_ON = 30
TOKENS_PER_CHARACTER = 0.25
NOT_KNOWN = "not known yet: no successful run"
NOTHING = "none of its rows can run"


@dataclass(frozen=True, slots=True)
class Estimate:
    """Cost in USD and time in seconds, None where unknown, each with what it rests on."""

    cost_usd: Decimal | None = None
    cost_note: str = NOT_KNOWN
    time_s: float | None = None
    time_note: str = NOT_KNOWN

    @property
    def time_ms(self) -> float | None:
        return None if self.time_s is None else self.time_s * 1000


@dataclass(frozen=True, slots=True)
class Measured:
    """The means of a version's last successful runs."""

    runs: int
    priced: int
    cost_usd: Decimal | None
    time_ms: float | None
    tokens: float | None


def estimate(version: Version, *, rows: int, characters: int = 0) -> Estimate:
    """Return what so many runs of a version will take; `characters` is the size of all inputs."""
    if rows < 1:
        return Estimate(None, NOTHING, None, NOTHING)
    measured = _measured(version)
    cost, cost_note = _cost(version, measured, rows, characters)
    time_s, time_note = _time(version, measured, rows)
    return Estimate(cost, cost_note, time_s, time_note)


def _measured(version: Version) -> Measured:
    successes = Run.objects.evidence().filter(
        automation_id=version.automation.slug,
        version=version,
        status=Run.Status.SUCCESS,
        calls__gt=0,
    )
    newest = list(successes.order_by("-pk").values_list("pk", flat=True)[:MEASURED_ON])
    found = Run.objects.filter(pk__in=newest).aggregate(
        runs=Count("pk"),
        priced=Count("cost_usd"),
        cost=Avg("cost_usd"),
        ms=Avg("execution_time_ms"),
        tokens=Avg("input_tokens") + Avg("output_tokens"),
    )
    return Measured(found["runs"], found["priced"], found["cost"], found["ms"], found["tokens"])


def _cost(
    version: Version, measured: Measured, rows: int, characters: int
) -> tuple[Decimal | None, str]:
    answerer = answerer_of(version)
    if answerer.is_embedded:
        return Decimal(0), "The embedded model costs nothing."
    if measured.priced and measured.cost_usd is not None:
        each = Decimal(measured.cost_usd)
        count = measured.priced
        last = "the last successful run" if count == 1 else f"the last {count} successful runs"
        return each * rows, f"${each:.6f} each, the mean of {last} of this version."
    return _from_prices(version, measured, answerer.model, rows, characters)


def _from_prices(
    version: Version, measured: Measured, model: str, rows: int, characters: int
) -> tuple[Decimal | None, str]:
    """Price guessed tokens: a quarter of a token per character, and answers as long as allowed."""
    prompt = len(version.system_prompt) + len(version.user_prompt)
    asked = (prompt + characters / max(1, rows)) * TOKENS_PER_CHARACTER
    each = price_of(model, version.provider, tokens_in=int(asked), out=version.max_output_tokens)
    if each is None:
        return None, f"price unknown: {_unpriced(measured)}, and no price of {model} is known."
    return each * rows, (
        f"At most: {int(asked):,} tokens asked and {version.max_output_tokens:,} answered each, "
        f"at the list price of {model}. Not measured: {_unpriced(measured)}."
    )


def _unpriced(measured: Measured) -> str:
    if not measured.runs:
        return "no successful run yet"
    if measured.runs == 1:
        return "the price of the last successful run is not known"
    return f"the prices of the last {measured.runs} successful runs are not known"


def price_of(model: str, provider: Provider, *, tokens_in: int, out: int) -> Decimal | None:
    """Return the list price of one call in USD; None when it is not known."""
    # The price list takes 0.2 s to load, and few pages need it.
    from genai_prices import Usage, calc_price  # noqa: PLC0415

    usage = Usage(input_tokens=tokens_in, output_tokens=out)
    try:
        price = calc_price(usage, model_ref=model, provider_api_url=provider.base_url or None)
    except LookupError:
        return None
    return Decimal(price.total_price)


def _time(version: Version, measured: Measured, rows: int) -> tuple[float | None, str]:
    if not measured.time_ms:
        return None, NOT_KNOWN
    each_s = measured.time_ms / 1000
    at_once, why = _at_once(version)
    per_minute, limit = at_once * 60 / each_s, f"{at_once} at once ({why})"
    for cap, words in _caps(version.provider, measured):
        if cap < per_minute:
            per_minute, limit = cap, words
    # However many go at once, nothing is done sooner than one of them.
    return max(each_s, rows * 60 / per_minute), (
        f"{per_minute:,.0f} runs a minute: {each_s:.1f} s each, {limit}, if nothing else runs."
    )


def _at_once(version: Version) -> tuple[int, str]:
    automation, provider = version.automation, version.provider
    if answerer_of(version).is_embedded:
        return 1, "the embedded model takes one"
    if provider.max_concurrency and provider.max_concurrency < automation.concurrency:
        return provider.max_concurrency, f"the limit of {provider.name}"
    return automation.concurrency, f"the limit of {automation.name}"


def _caps(provider: Provider, measured: Measured) -> list[tuple[float, str]]:
    caps: list[tuple[float, str]] = []
    if provider.requests_per_minute:
        caps.append((provider.requests_per_minute, f"{provider.name}'s requests per minute"))
    if provider.tokens_per_minute and measured.tokens:
        cap = provider.tokens_per_minute / measured.tokens
        caps.append((cap, f"{provider.name}'s tokens per minute"))
    return caps
