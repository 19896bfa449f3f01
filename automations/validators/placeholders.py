"""The validator of what a model leaves behind: placeholders, excuses, its own instructions."""

import re
from typing import Any

from django import forms

from automations.validators.base import Subject, Validator, Verdict
from automations.validators.fields import listed
from automations.validators.passages import passages_of

MIN_SENTENCE = 6  # words; shorter ones are repeated by chance
COVERED = 0.8
GRAM = 3

_LEFT = re.compile(
    r"""
    \[\s?(?:your|insert|add|enter|company|client|customer|recipient|name|date|link|url|topic|title
        |number|amount|product|city|location|placeholder|phone|e-?mail|address|x{1,9})\b[^\]\n]{0,60}\]
    | <(?:your|insert|enter|company|name)[ _-][^<>\n]{0,40}>
    | \{\{[^{}\n]{0,60}\}\}
    | \bX{2,5}\s?%
    | \blorem\s+ipsum\b
    | \b(?:TODO|TBD|FIXME)\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_EXCUSE = re.compile(
    r"""
    \bas\s+an?\s+(?:AI|artificial\s+intelligence|large\s+language|language\s+model)\b[^.!?\n]{0,80}
    | \bals\s+(?:KI|Sprachmodell)\b[^.!?\n]{0,80}
    | \ben\s+tant\s+(?:qu['’]IA|que\s+mod[eè]le)\b[^.!?\n]{0,80}
    | \bcomo\s+(?:una\s+IA|modelo\s+de\s+lenguaje)\b[^.!?\n]{0,80}
    | \bI(?:['’]m|\s+am)\s+(?:sorry|unable|not\s+able),?\s+(?:but\s+I\s+)?
      (?:can(?:no|['’])t|to)\b[^.!?\n]{0,80}
    """,
    re.VERBOSE | re.IGNORECASE,
)
_PREAMBLE = re.compile(
    r"\A\s*(?:(?:sure|certainly|of\s+course|absolutely)[!,.]\s{0,9})?here(?:['’]s|\s+is)\s+"
    r"(?:the|a|your|an)\s[^.:\n]{0,80}:",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_SENTENCE = re.compile(r"[^.!?\n]+")
_QUOTED = re.compile('["“«„][^"”»“\n]{1,300}["”»“]')


class PlaceholdersForm(forms.Form):
    """Which leftovers count, and how long an echo has to be."""

    placeholders = forms.BooleanField(
        label="Placeholders",
        required=False,
        help_text="“[Your Name]”, “lorem ipsum”, “XX %”, “{{ name }}”, unless the input has them.",
    )
    excuses = forms.BooleanField(
        label="Remarks of the model",
        required=False,
        help_text="“As an AI language model …”, “Sure! Here is the post:”.",
    )
    echo_words = forms.IntegerField(
        label="Prompt echo from words",
        min_value=0,
        max_value=100,
        help_text=(
            "So many words in a row of the prompts or of the output schema's descriptions "
            "are an echo; 0 does not look for one. What the prompts quote may be repeated."
        ),
    )

    def clean(self) -> dict[str, Any]:
        """Refuse a check of nothing."""
        settings: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and not any(settings.values()):
            raise forms.ValidationError("Switch on at least one kind, or remove the check.")
        return settings


class Placeholders(Validator):
    """Proves that known leftovers are absent; new wordings of them go unseen."""

    kind = "placeholders"
    label = "Placeholders and prompt echo"
    help = "No gaps left to fill in, no remarks of the model, no repeated instructions."
    directions = frozenset({"output"})
    settings_form = PlaceholdersForm

    @classmethod
    def defaults(cls, direction: str) -> dict[str, object]:
        return {"placeholders": True, "excuses": True, "echo_words": 9}

    def check(self, subject: Subject) -> Verdict:
        texts = passages_of(subject)
        for code, told, found in (
            ("placeholder", "placeholders left", self._gaps(texts, subject)),
            ("model_remark", "remarks of the model", self._remarks(texts, subject)),
            ("prompt_echo", "passages repeat the instructions", self._echoes(texts, subject)),
        ):
            if found:
                message = f"{len(found)} {told}; 0 allowed: {listed(found)}"
                return Verdict(passed=False, message=message, code=code, found=tuple(found))
        return Verdict(passed=True, message="nothing left over from the prompt", code="ok")

    def _gaps(self, texts: list[str], subject: Subject) -> list[str]:
        if not self.settings["placeholders"]:
            return []
        known = subject.input_text.lower()
        found = [match.group() for text in texts for match in _LEFT.finditer(text)]
        return [gap for gap in dict.fromkeys(found) if gap.lower() not in known][:100]

    def _remarks(self, texts: list[str], subject: Subject) -> list[str]:
        if not self.settings["excuses"]:
            return []
        known = " ".join(subject.input_text.lower().split())
        found = [m.group() for text in texts for m in _EXCUSE.finditer(text)]
        found += [m.group().strip() for text in texts[:1] if (m := _PREAMBLE.match(text))]
        remarks = [" ".join(remark.split()) for remark in dict.fromkeys(found)]
        return [remark for remark in remarks if remark.lower() not in known][:100]

    def _echoes(self, texts: list[str], subject: Subject) -> list[str]:
        least = self.settings["echo_words"]
        instructed = _grams(_QUOTED.sub(" | ", subject.instructions)) if least else set()
        instructed -= _grams(subject.input_text) if instructed else set()
        if not instructed:
            return []
        found = [echo for text in texts for echo in _echoes_in(text, instructed, least)]
        return list(dict.fromkeys(found))[:100]


def _grams(text: str) -> set[tuple[str, ...]]:
    """Return every three words in a row, without regard to case and punctuation."""
    words = [word.casefold() for word in _WORD.findall(text)]
    return set(zip(*(words[offset:] for offset in range(GRAM)), strict=False))


def _echoes_in(text: str, instructed: set[tuple[str, ...]], least: int) -> list[str]:
    """Return sentences that repeat `least` words in a row, or are nearly all repetition."""
    return [
        match.group().strip()
        for match in _SENTENCE.finditer(text)
        if _is_echo(match.group(), instructed, least)
    ]


def _is_echo(sentence: str, instructed: set[tuple[str, ...]], least: int) -> bool:
    words = [word.casefold() for word in _WORD.findall(sentence)]
    covered = bytearray(len(words))
    longest = run = 0
    for start in range(len(words) - GRAM + 1):
        if tuple(words[start : start + GRAM]) in instructed:
            covered[start : start + GRAM] = b"\x01" * GRAM
            run = run + 1 if run else GRAM
            longest = max(longest, run)
        else:
            run = 0
    mostly = len(words) >= MIN_SENTENCE and sum(covered) >= COVERED * len(words)
    return longest >= least or mostly
