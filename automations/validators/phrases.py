"""The forbidden phrases validator."""

import re
import unicodedata
from typing import Any

from django import forms

from automations.text import clean_text
from automations.validators.base import Subject, Validator, Verdict
from automations.validators.fields import LinesField, listed

MAX_CHARACTERS = 20_000
_SPACE = re.compile(r"\s+")
_SAME = str.maketrans("‘’‚‛“”„‟‐‑–—−", "''''\"\"\"\"-----")


class PhrasesForm(forms.Form):
    """The phrases, and when a text counts as one of them."""

    phrases = LinesField(
        label="Phrases",
        max_lines=500,
        max_line_length=200,
        help_text="One per line. Line breaks, kinds of quotation marks and dashes do not matter.",
    )
    whole_words = forms.BooleanField(
        label="Whole words", required=False, help_text="“cat” is not found in “category”."
    )
    ignore_case = forms.BooleanField(
        label="Ignore case", required=False, help_text="“Free” is the same as “FREE”."
    )
    ignore_accents = forms.BooleanField(
        label="Ignore accents", required=False, help_text="“resume” is the same as “résumé”."
    )

    def clean(self) -> dict[str, Any]:
        """Refuse phrases of which nothing is left, and more than a check can hold."""
        settings: dict[str, Any] = super().clean() or self.cleaned_data
        phrases: list[str] = settings.get("phrases", [])
        if sum(map(len, phrases)) > MAX_CHARACTERS:
            raise forms.ValidationError(f"Use at most {MAX_CHARACTERS:,} characters in all.")
        for phrase in phrases:
            if not normal(phrase, settings).strip():
                raise forms.ValidationError(f"“{phrase}” is empty without its accents.")
        return settings


def normal(text: str, settings: Any) -> str:
    """Return the text in the form in which it is compared: NFKC, one kind of space and mark."""
    text = unicodedata.normalize("NFKC", clean_text(text).text).translate(_SAME)
    if settings.get("ignore_case"):
        text = text.casefold()
    if settings.get("ignore_accents"):
        apart = unicodedata.normalize("NFD", text)
        text = "".join(c for c in apart if unicodedata.category(c) != "Mn")
        text = unicodedata.normalize("NFC", text)
    return _SPACE.sub(" ", text)


class Phrases(Validator):
    """Proves that none of the phrases stands in the text; paraphrases go unseen."""

    kind = "phrases"
    label = "Forbidden phrases"
    help = "None of these phrases may stand in the text; other words for the same go unseen."
    directions = frozenset({"input", "output"})
    settings_form = PhrasesForm

    @classmethod
    def defaults(cls, direction: str) -> dict[str, object]:
        return {"whole_words": True, "ignore_case": True, "ignore_accents": True}

    def check(self, subject: Subject) -> Verdict:
        text = normal(subject.text, self.settings)
        whole = bool(self.settings.get("whole_words"))
        phrases: list[str] = self.settings["phrases"]
        found = [phrase for phrase in phrases if self._is_in(text, phrase, whole_words=whole)]
        if not found:
            return Verdict(passed=True, message="no forbidden phrase found", code="ok")
        noun = "phrase" if len(found) == 1 else "phrases"
        message = f"{len(found)} forbidden {noun}; 0 allowed: {listed(found)}"
        return Verdict(passed=False, message=message, code="forbidden_phrase", found=tuple(found))

    def _is_in(self, text: str, phrase: str, *, whole_words: bool) -> bool:
        sought = normal(phrase, self.settings).strip()
        if not whole_words:
            return sought in text
        # A literal between two fixed look-arounds: nothing in it repeats, so it is linear.
        before = r"(?<!\w)" if _is_word(sought[0]) else ""
        after = r"(?!\w)" if _is_word(sought[-1]) else ""
        return re.search(f"{before}{re.escape(sought)}{after}", text) is not None


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
