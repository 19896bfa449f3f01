"""What was predicted against what came of it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from automations.views.access import known_to
from lifecycle import accuracy, charts
from lifecycle.accuracy import Accuracy, Pair
from lifecycle.amounts import usd
from monitoring.stats import FEWEST_PAIRS


@require_safe
@known_to("lifecycle.view_scorecard")
def shown(request: HttpRequest) -> HttpResponse:
    """Show scores against realised profit, and how each factor was rated."""
    found = accuracy.accuracy()
    context = {
        "title": "Accuracy",
        "found": found,
        "chart": _chart(found) if found.pairs else None,
        "least_days": accuracy.LEAST_DAYS,
        "fewest": FEWEST_PAIRS,
    }
    return render(request, "lifecycle/accuracy.html", context)


def _chart(found: Accuracy) -> charts.Chart:
    earned = [float(pair.realised_usd) for pair in found.pairs]
    return charts.scatter(
        [_point(pair) for pair in found.pairs],
        x=charts.Axis("Score as decided", 1, 10, 1),
        y=charts.axis_around(f"Net profit {found.unit}", earned, prefix="$"),
        label=_sentence(found),
        x_levels=[charts.Level(6.0, "Prototype"), charts.Level(7.5, "Build")],
    )


def _point(pair: Pair) -> charts.Point:
    url = reverse("profit", args=[pair.automation.slug])
    return charts.Point(pair.predicted, float(pair.realised_usd), pair.automation.name, url)


def _sentence(found: Accuracy) -> str:
    most, least = found.pairs[0], found.pairs[-1]
    said = (
        f"{len(found.pairs)} automations, score against net profit {found.unit}; most came from "
        f"{most.automation}, rated {most.scorecard.elput_score}, with {usd(most.realised_usd)}"
    )
    if most is least:
        return f"{said}."
    return (
        f"{said}; least from {least.automation}, rated {least.scorecard.elput_score}, "
        f"with {usd(least.realised_usd)}."
    )
