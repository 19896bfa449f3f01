"""The grounding validator: what the output says must be supported by the input."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django import forms

from automations.validators.base import Subject, Validator, Verdict
from automations.validators.fields import LinesField, listed
from automations.validators.grounding import links, quotes, times
from automations.validators.grounding.evidence import Evidence, Reading, evidence_of, read
from automations.validators.grounding.figures import DERIVED, UNSUPPORTED
from automations.validators.grounding.names import unknown_names
from automations.validators.passages import passages_of

LIMIT = (
    "These checks find invented numbers, dates, links and quotations. They do not prove a text "
    "true: swapped names, negations and wrong relations go unseen, so people still review."
)
MAX_FOUND = 100
# A table of nothing but figures, the slowest text, takes some 20 µs a character.
MAX_CHARS = {"output": 200_000, "input": 1_000_000}


class GroundingForm(forms.Form):
    """Which kinds of statement must be supported, and what is allowed besides."""

    numbers = forms.BooleanField(
        label="Numbers",
        required=False,
        help_text="Also with units, as percentages, rounded, and small ones in words.",
    )
    dates = forms.BooleanField(
        label="Dates", required=False, help_text="Also months, quarters and days of the week."
    )
    links = forms.BooleanField(
        label="Links", required=False, help_text="Web addresses and e-mail addresses, exactly."
    )
    quotations = forms.BooleanField(
        label="Quotations",
        required=False,
        help_text="From four words on; small changes of punctuation are allowed.",
    )
    names = forms.BooleanField(
        label="Warn about names",
        required=False,
        help_text="Capitalised words in English; only a warning, for it is often wrong.",
    )
    allowed = LinesField(
        label="Also allowed",
        required=False,
        max_lines=500,
        max_line_length=300,
        help_text="Names, numbers, dates and addresses that need no support; one per line.",
    )
    skipped_fields = LinesField(
        label="Fields not checked",
        required=False,
        max_lines=50,
        max_line_length=100,
        help_text="Of structured output: fields in which the model judges, such as `confidence`.",
    )

    def clean(self) -> dict[str, Any]:
        """Refuse a check of nothing."""
        settings: dict[str, Any] = super().clean() or self.cleaned_data
        if not any(settings.get(name) for name in (*CHECKS, "names")):
            raise forms.ValidationError("Switch on at least one kind, or remove the check.")
        return settings


@dataclass(slots=True)
class Findings:
    """What no source supports, by code, and what only looks worked out."""

    unsupported: dict[str, list[str]] = field(default_factory=dict)
    derived: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def add(self, code: str, passages: list[str]) -> None:
        """Keep passages under a code, each once."""
        if passages:
            known = self.unsupported.setdefault(code, [])
            known += [passage for passage in dict.fromkeys(passages) if passage not in known]


class Grounding(Validator):
    """Finds numbers, dates, links and quotations of which the input says nothing.

    It does not prove a text true: swaps, negations and wrong relations go unseen. Capitalised
    names are a warning only, since unknown ones are no better than chance at telling an invention.
    """

    kind = "grounding"
    label = "Grounding"
    help = f"Numbers, dates, links and quotations must be supported by the input. {LIMIT}"
    directions = frozenset({"output"})
    settings_form = GroundingForm

    @classmethod
    def defaults(cls, direction: str) -> dict[str, object]:
        return {**dict.fromkeys((*CHECKS, "names"), True), "allowed": [], "skipped_fields": []}

    def check(self, subject: Subject) -> Verdict:
        for name, text in (("output", subject.text), ("input", subject.input_text)):
            if len(text) > MAX_CHARS[name]:
                return _too_long(name, len(text))
        allowed = "\n".join(self.settings.get("allowed", []))
        evidence = evidence_of(subject.input_text, f"{subject.instructions}\n{allowed}")
        findings = Findings()
        for passage in passages_of(
            subject, skipped=frozenset(self.settings.get("skipped_fields", []))
        ):
            self._collect(read(passage), evidence, findings)
        return _verdict(findings)

    def _collect(self, reading: Reading, evidence: Evidence, findings: Findings) -> None:
        for name, look in CHECKS.items():
            if self.settings.get(name):
                look(reading, evidence, findings)
        if self.settings.get("names") and reading.language == "en":
            findings.names += unknown_names(reading.text, evidence.words)


def _numbers(reading: Reading, evidence: Evidence, findings: Findings) -> None:
    judged = evidence.figures.judge_all(reading.numbers)
    found = [text for text, verdict in judged if verdict == UNSUPPORTED]
    found += times.unsupported_times(reading.times, evidence.times, evidence.plain_numbers)
    found += [written for key, written in reading.codes.items() if _is_unknown(key, evidence)]
    findings.add("unsupported_number", found)
    findings.derived += [text for text, verdict in judged if verdict == DERIVED]


def _is_unknown(code: str, evidence: Evidence) -> bool:
    """Say whether a code like TR-12 is new; short ones (B2B, Q1, 5G) are words of the trade."""
    digits = "".join(character for character in code if character in "0123456789")
    if code in evidence.codes or len(digits) < 3 or len(digits) > 300:
        return False
    return float(digits) not in evidence.plain_numbers


def _dates(reading: Reading, evidence: Evidence, findings: Findings) -> None:
    said = reading.dates.said
    found = [date.text for date in said if not evidence.calendar.supports(date)]
    findings.add("unsupported_date", found)


def _links(reading: Reading, evidence: Evidence, findings: Findings) -> None:
    findings.add("unsupported_url", links.unsupported_urls(reading.links, evidence.links))
    findings.add("unsupported_email", links.unsupported_emails(reading.links, evidence.links))


def _quotations(reading: Reading, evidence: Evidence, findings: Findings) -> None:
    found = quotes.unsupported_quotations(reading.text, evidence.wording)
    findings.add("unsupported_quote", found)


CHECKS = {"numbers": _numbers, "dates": _dates, "links": _links, "quotations": _quotations}
NOUNS = {
    "unsupported_number": ("number", "numbers"),
    "unsupported_date": ("date", "dates"),
    "unsupported_url": ("web address", "web addresses"),
    "unsupported_email": ("e-mail address", "e-mail addresses"),
    "unsupported_quote": ("quotation", "quotations"),
}


def _too_long(name: str, chars: int) -> Verdict:
    """Refuse what could not be checked in good time: half a check would pass for a whole one."""
    return Verdict(
        passed=False,
        message=f"The {name} is too long to be checked: {chars:,} characters of at most "
        f"{MAX_CHARS[name]:,}.",
        code="too_long_to_check",
    )


def _verdict(findings: Findings) -> Verdict:
    warning = _warning(findings)
    if not findings.unsupported:
        message = "numbers, dates, links and quotations are supported by the input"
        return Verdict(passed=True, message=message, code="ok", warning=warning)
    told = [
        f"{len(found)} {NOUNS[code][len(found) > 1]} not in the input: {listed(found)}"
        for code, found in findings.unsupported.items()
    ]
    passages = [passage for found in findings.unsupported.values() for passage in found]
    return Verdict(
        passed=False,
        message=f"{'; '.join(told)}; 0 allowed",
        code=next(iter(findings.unsupported)),
        category="ai_hallucination",
        warning=warning,
        found=tuple(passages[:MAX_FOUND]),
    )


def _warning(findings: Findings) -> str:
    said = []
    if derived := list(dict.fromkeys(findings.derived)):
        said.append(f"Worked out from the input? {listed(derived)}.")
    if names := list(dict.fromkeys(findings.names)):
        said.append(f"Names not in the input: {listed(names, limit=5)}.")
    return " ".join(said)
