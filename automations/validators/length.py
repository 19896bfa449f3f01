"""The length validator: enough to work with, not more than allowed."""

from typing import Any

from django import forms

from automations.validators.base import Subject, Validator, Verdict

PUBLISHED = {
    "input": {"min_stripped": 100, "max_raw": 50_000},
    "output": {"min_stripped": 50, "max_raw": 1_300},
}


class LengthForm(forms.Form):
    """One bound or two, inclusive, in characters (code points)."""

    min_stripped = forms.IntegerField(
        label="At least",
        required=False,
        min_value=0,
        max_value=10_000_000,
        help_text="Characters needed, not counting white space at both ends; empty for any.",
    )
    max_raw = forms.IntegerField(
        label="At most",
        required=False,
        min_value=1,
        max_value=10_000_000,
        help_text="Characters allowed, counting everything; empty for any number.",
    )

    def clean(self) -> dict[str, Any]:
        """Refuse bounds that no text can meet, and none at all; a bound left empty is not kept."""
        given: dict[str, Any] = super().clean() or self.cleaned_data
        bounds = {name: bound for name, bound in given.items() if bound is not None}
        if not self.errors and not bounds.get("min_stripped") and "max_raw" not in bounds:
            raise forms.ValidationError("Give “at least”, “at most” or both.")
        if bounds.get("min_stripped", 0) > bounds.get("max_raw", 10_000_000):
            raise forms.ValidationError("“At least” is above “at most”; no text can be both.")
        return bounds


class Length(Validator):
    """Passes when the trimmed text is long enough and the whole text is not too long."""

    kind = "length"
    label = "Length"
    help = "The text has at least so many characters after trimming, at most so many in all."
    directions = frozenset({"input", "output"})
    settings_form = LengthForm

    @classmethod
    def defaults(cls, direction: str) -> dict[str, object]:
        return dict(PUBLISHED[direction])

    def check(self, subject: Subject) -> Verdict:
        raw, stripped = len(subject.text), len(subject.text.strip())
        needed, allowed = self.settings.get("min_stripped", 0), self.settings.get("max_raw")
        if stripped < needed:
            message = f"{stripped:,} characters after trimming; needs {needed:,}"
            return Verdict(passed=False, message=message, code="too_short")
        if allowed is not None and raw > allowed:
            message = f"{raw:,} characters; at most {allowed:,} allowed"
            return Verdict(passed=False, message=message, code="too_long")
        return Verdict(passed=True, message=f"{raw:,} characters, {self._asked()}", code="ok")

    def _asked(self) -> str:
        needed, allowed = self.settings.get("min_stripped"), self.settings.get("max_raw")
        if allowed is None:
            return f"at least {needed:,}"
        return f"at most {allowed:,}" if needed is None else f"between {needed:,} and {allowed:,}"
