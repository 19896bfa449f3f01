"""The language validator: a guess by a small model that runs here."""

import re
from functools import lru_cache
from typing import Any

from django import forms

from automations.text import clean_text
from automations.validators.base import Subject, Validator, Verdict

LANGUAGES = {
    "ar": "Arabic", "bg": "Bulgarian", "bn": "Bengali", "ca": "Catalan", "cs": "Czech",
    "da": "Danish", "de": "German", "el": "Greek", "en": "English", "es": "Spanish",
    "et": "Estonian", "fa": "Persian", "fi": "Finnish", "fr": "French", "he": "Hebrew",
    "hi": "Hindi", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "lt": "Lithuanian", "lv": "Latvian", "nl": "Dutch",
    "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian",
    "sk": "Slovak", "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish", "ta": "Tamil",
    "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese",
    "zh": "Chinese",
}  # fmt: skip
READ = 10_000  # characters; the guess does not get better by more
SURE = 0.9
# Neither says anything about the language, and both would be read as if they did.
_NO_WORDS = re.compile(r"https?://\S+|\S+@\S+|[\W\d_]+")


class LanguageForm(forms.Form):
    """The languages expected, and from which length on a guess counts."""

    languages = forms.MultipleChoiceField(
        label="Languages",
        choices=[(code, name) for name, code in sorted((n, c) for c, n in LANGUAGES.items())],
        help_text="The text is in one of these.",
    )
    min_letters = forms.IntegerField(
        label="From length",
        min_value=10,
        max_value=10_000,
        help_text="Shorter texts pass: fewer letters are too few to tell a language.",
    )


class Language(Validator):
    """Tells the language of most texts of a sentence or more; it proves nothing about a mixture.

    Only a confident guess of another language fails; a doubtful one passes with a warning.
    """

    kind = "language"
    label = "Language"
    help = "The text is in an expected language; a guess, so that only a sure one fails."
    directions = frozenset({"input", "output"})
    settings_form = LanguageForm

    @classmethod
    def defaults(cls, direction: str) -> dict[str, object]:
        return {"languages": ["en"], "min_letters": 40}

    @classmethod
    def summary(cls, settings: Any) -> str:
        """Name the languages."""
        return _named(settings.get("languages", []))

    def prepare(self) -> None:
        _identifier()

    def check(self, subject: Subject) -> Verdict:
        words = _NO_WORDS.sub(" ", clean_text(subject.text[:READ]).text).strip()
        letters, needed = len(words.replace(" ", "")), self.settings["min_letters"]
        expected: list[str] = self.settings["languages"]
        if letters < needed:
            message = f"{letters:,} letters are too short to tell; needs {needed:,}"
            return Verdict(passed=True, message=message, code="ok")
        likely, share = _identifier().classify(words)
        told = f"looks like {LANGUAGES[likely]} ({share:.0%}); {_named(expected)} expected"
        if likely in expected:
            return Verdict(passed=True, message=told, code="ok")
        if share < SURE:
            return Verdict(passed=True, message="not sure", code="ok", warning=f"Perhaps {told}.")
        return Verdict(passed=False, message=told, code="wrong_language")


def _named(languages: list[str]) -> str:
    return " or ".join(LANGUAGES.get(code, code) for code in languages)


@lru_cache(maxsize=1)
def _identifier() -> Any:
    """Return the model, loaded at the first use: 0.7 s and some 60 MB that web pages save."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # noqa: PLC0415

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(LANGUAGES))
    return identifier
