"""Amounts, shares and hours in words."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from monitoring.stats import percent_down

CENT = Decimal("0.01")
DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


def cents(value: Decimal) -> Decimal:
    """Round an amount to cents, a half up: the one rule for every amount kept or shown."""
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def usd(value: Decimal | float | str | None) -> str:
    """Say an amount in US dollars, with cents as long as it is under 1,000: "$12.40", "$2,383"."""
    if value is None:
        return DASH
    amount = Decimal(value)
    whole_dollars = amount.quantize(Decimal(1), rounding=ROUND_HALF_UP)
    rounded = cents(amount) if abs(amount) < 1000 else whole_dollars
    if not rounded:
        return "$0" if not amount else "under 1 cent"
    whole = rounded == rounded.to_integral_value()
    return f"{MINUS if rounded < 0 else ''}${abs(rounded):,.{0 if whole else 2}f}"


def usd_change(value: Decimal | float | str | None) -> str:
    """Say a change of an amount with its sign: "+$12.40"."""
    text = usd(value)
    return f"+{text}" if value is not None and Decimal(value) > 0 else text


def hours(value: Decimal | float | str | None) -> str:
    """Say hours without empty decimals: "12 h", "1.5 h"."""
    if value is None:
        return DASH
    return f"{cents(Decimal(value)).normalize():,f} h"


def percent(value: float | None) -> str:
    """Say a share of 0 to 1 in whole per cent: "70 %"."""
    return DASH if value is None else f"{value * 100:.0f} %"


def minutes(seconds: int | None) -> str:
    """Say seconds in minutes: "12 min", "under 1 min"."""
    if seconds is None:
        return DASH
    return f"{round(seconds / 60):,} min" if seconds >= 30 or not seconds else "under 1 min"


def rate(value: float | None) -> str:
    """Say a share of 0 to 1 in per cent, rounded down, so that 99.96 % is not 100: "88 %"."""
    return DASH if value is None else percent_down(value)
