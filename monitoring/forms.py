"""What is typed with a verdict, and the honest time it took."""

from __future__ import annotations

import time
from typing import Any

from django import forms
from django.core import signing

from automations.forms import AnyText
from automations.models import Run
from monitoring.models import Review
from monitoring.services import MAX_NOTE, MAX_SECONDS

SALT = "monitoring.review.opened"


class EditForm(forms.Form):
    """An approval after edit: the text as it should have been."""

    verdict = Review.Verdict.EDITED
    edited_output = AnyText(
        label="The text as it should have been",
        widget=forms.Textarea(attrs={"rows": 12}),
        required=False,
    )
    note = forms.CharField(
        required=False, max_length=MAX_NOTE, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )


class RejectForm(forms.Form):
    """A rejection: why, in one of the known reasons, and in words."""

    verdict = Review.Verdict.REJECTED
    reason = forms.ChoiceField(choices=[("", "Choose"), *Review.Reason.choices], required=False)
    note = forms.CharField(
        required=False,
        max_length=MAX_NOTE,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What is wrong, so that the next version can mend it.",
    )


def opened_now(run: Run, person: Any) -> str:
    """Return a signed note of when a person opened a run's output."""
    return signing.dumps([run.pk, person.pk, int(time.time())], salt=SALT)


def seconds_since(opened: str, run: Run, person: Any) -> int:
    """Return the seconds since that signed moment, at most 30 minutes; a forged one gives 0."""
    try:
        run_pk, person_pk, moment = signing.loads(opened, salt=SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return 0
    if (run_pk, person_pk) != (run.pk, person.pk):
        return 0
    return min(max(0, int(time.time()) - int(moment)), MAX_SECONDS)
