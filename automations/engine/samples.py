"""An answer for drills that a version's own checks are likely to accept."""

from __future__ import annotations

import json

from automations.engine.recipes import Recipe
from automations.schemas.samples import minimal, sized

NEUTRAL = "This is a sample answer that the reliability drill made up to see whether it arrives. "
USUAL = 200


def sample_answer(recipe: Recipe, given: str) -> str:
    """Return the smallest answer that fits the output schema, else a text of fitting length.

    A text is made of the input's own words, which no grounding or language check minds.
    """
    if recipe.output_schema:
        return json.dumps(minimal(recipe.output_schema, recipe.output_schema))
    least, most = _bounds(recipe)
    words = " ".join(given.split()) or NEUTRAL.strip()
    return sized(words, max(least, min(USUAL, most)), most)


def _bounds(recipe: Recipe) -> tuple[int, int]:
    """Return the strictest length that the output checks ask for."""
    least, most = 1, 4000
    for check in recipe.output_validators:
        if check.kind == "length":
            least = max(least, int(check.settings.get("min_stripped", 0)))
            most = min(most, int(check.settings.get("max_raw", most)))
    return least, max(least, most)
