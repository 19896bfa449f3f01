"""The regular expression validator: patterns that must match, or must not."""

from typing import Any

from django import forms

from automations.text import clean_text
from automations.validators.base import Subject, Validator, Verdict
from automations.validators.fields import LinesField, listed, shown
from automations.validators.linear import MAX_PROGRAM, compiled

MUST, MUST_NOT = "must_match", "must_not_match"


class RegexForm(forms.Form):
    """Patterns, one per line, and what they are for."""

    mode = forms.ChoiceField(
        label="Mode",
        choices=[(MUST, "each pattern must match"), (MUST_NOT, "no pattern may match")],
        help_text="A pattern matches if it is found anywhere; use ^ and $ for the whole text.",
    )
    patterns = LinesField(
        label="Patterns",
        max_lines=20,
        max_line_length=500,
        help_text=(
            "One per line, in RE2 syntax. They run in linear time: "
            "look-around and back-references are not supported."
        ),
    )
    ignore_case = forms.BooleanField(
        label="Ignore case", required=False, help_text="“Yes” and “yes” are the same."
    )

    def clean(self) -> dict[str, Any]:
        """Refuse patterns that cannot be used, and those that say nothing."""
        settings: dict[str, Any] = super().clean() or self.cleaned_data
        steps = 0
        for pattern in settings.get("patterns", []):
            made = compiled(pattern, ignore_case=bool(settings.get("ignore_case")))
            steps += made.programsize
            if made.search(""):
                raise forms.ValidationError(
                    f"{shown(pattern)} matches an empty text, so it would match every text; "
                    "write what has to be there."
                )
        if steps > MAX_PROGRAM:
            raise forms.ValidationError(
                f"The patterns are too large together ({steps:,} steps; at most {MAX_PROGRAM:,} "
                "allowed); use fewer or smaller ones."
            )
        return settings


class Regex(Validator):
    """Proves that patterns are found in the text, or that none is; it knows no meaning."""

    kind = "regex"
    label = "Regular expression"
    help = "Patterns that the text must match, or must not match; they cannot hang a worker."
    directions = frozenset({"input", "output"})
    settings_form = RegexForm

    @classmethod
    def defaults(cls, direction: str) -> dict[str, object]:
        return {"mode": MUST_NOT, "ignore_case": False}

    def check(self, subject: Subject) -> Verdict:
        text = clean_text(subject.text).text
        patterns: list[str] = self.settings["patterns"]
        ignore_case = bool(self.settings.get("ignore_case"))
        matches = {p: compiled(p, ignore_case=ignore_case).search(text) for p in patterns}
        if self.settings["mode"] == MUST:
            missing = [pattern for pattern, match in matches.items() if not match]
            return _must(len(patterns), missing)
        found = [match.group() for match in matches.values() if match]
        return _must_not(found, [pattern for pattern, match in matches.items() if match])


def _must(wanted: int, missing: list[str]) -> Verdict:
    matched = f"{wanted - len(missing)} of {wanted} required patterns found"
    message = f"{matched}; missing {listed(missing)}" if missing else matched
    return Verdict(passed=not missing, message=message, code="pattern_missing" if missing else "ok")


def _must_not(found: list[str], patterns: list[str]) -> Verdict:
    if not patterns:
        return Verdict(passed=True, message="no forbidden pattern found", code="ok")
    message = (
        f"{len(patterns)} forbidden {'pattern' if len(patterns) == 1 else 'patterns'} found; "
        f"0 allowed: {listed(found)}"
    )
    return Verdict(passed=False, message=message, code="pattern_found", found=tuple(found))
