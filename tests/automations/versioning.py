"""Pages of versions and of the playground, for the tests that look at every page."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from automations.models import Automation, Run, Version
from tests.makers import make_try

ANSWERS = (
    "We asked every patient why.\n\nThe answer: 41 % could not cancel by phone.",
    "We asked all patients.\n\nLesson: 41 % could not cancel by phone. #health",
)
CHECKED: list[dict[str, Any]] = [
    {"direction": "output", "turn": 0, "kind": "length", "label": "Length", "passed": passed,
     "message": "so long", "code": "x", "category": "validation_error"}
    for passed in (True, False)
]  # fmt: skip


def pages_of_versions(automation: Automation) -> list[str]:
    """Return the pages of a draft and the live version, and of pairs that wait and have ended."""
    draft, live = automation.versions.drafts().get(), automation.live_version
    assert live
    draft.system_prompt = "Be brief.\nUse no hashtags."
    draft.temperature, draft.fallback_models = 0.7, ["small-1"]
    draft.save()
    draft.validator_rules.filter(direction="output").delete()
    slug, pair = automation.slug, reverse("playground", args=[automation.slug])
    return [
        reverse("automation_versions", args=[slug]),
        reverse("version_edit", args=[draft.pk]),
        reverse("version_diff", args=[draft.pk]),
        reverse("version_diff", args=[live.pk]),
        f"{pair}?version={draft.pk}&against={live.pk}",
        *(f"{pair}{one.pk}/{two.pk}/" for one, two in _pairs(draft, live)),
    ]


def _pairs(draft: Version, live: Version) -> list[tuple[Run, Run]]:
    answered = [
        make_try(version, status="success", calls=1, output_data={"text": text}, verdicts=CHECKED,
                 answered_by="here", model="m", input_tokens=90, output_tokens=9)
        for version, text in zip((draft, live), ANSWERS, strict=True)
    ]  # fmt: skip
    failed = make_try(live, status="failed", error_message="Too late.", answer="Half an")
    return [
        (answered[0], answered[1]), (answered[0], failed), (make_try(draft), make_try(live)),
    ]  # fmt: skip
