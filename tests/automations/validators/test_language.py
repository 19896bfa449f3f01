"""The guess at a text's language."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from automations import validators
from automations.validators import Subject, Verdict

pytestmark = pytest.mark.once

TEXTS = {
    "en": "Every Monday at half past seven the phones began to ring and did not stop until ten.",
    "de": "Jeden Montag um halb acht begannen die Telefone zu klingeln und hörten nicht mehr auf.",
    "fr": "Chaque lundi à sept heures et demie, les téléphones se mettaient à sonner sans arrêt.",
    "es": "Todos los lunes a las siete y media los teléfonos empezaban a sonar y no paraban.",
    "it": "Ogni lunedì alle sette e mezza i telefoni cominciavano a squillare senza fermarsi mai.",
    "pt": "Todas as segundas-feiras às sete e meia os telefones começavam a tocar e não paravam.",
    "nl": "Elke maandag om half acht begonnen de telefoons te rinkelen en hielden ze niet meer op.",
    "pl": "W każdy poniedziałek o wpół do ósmej telefony zaczynały dzwonić i nie przestawały.",
    "ja": "毎週月曜日の朝七時半になると電話が鳴り始め、十時まで鳴り止みませんでした。"
    "受付の二人は予約の変更に追われていました。",
}


def verdict(text: str, **settings: Any) -> Verdict:
    cleaned = validators.clean_settings("language", settings, "output")
    return validators.registry.get("language")(cleaned).check(Subject(text=text))


@pytest.mark.parametrize("code", TEXTS)
def test_a_text_in_an_expected_language_passes(code: str) -> None:
    assert verdict(TEXTS[code], languages=[code]).passed
    assert verdict(TEXTS[code], languages=["sv", code]).passed


@pytest.mark.parametrize("code", [code for code in TEXTS if code != "en"])
def test_a_text_in_another_language_fails(code: str) -> None:
    found = verdict(TEXTS[code])
    assert (found.passed, found.code) == (False, "wrong_language")
    assert found.message.endswith("; English expected")


def test_the_message_names_what_was_found_and_what_was_expected() -> None:
    message = verdict(TEXTS["de"], languages=["en", "fr"]).message
    assert message.startswith("looks like German (")
    assert message.endswith("%); English or French expected")


@pytest.mark.parametrize(
    "text", ["", "Ja.", "12345 67890 " * 20, "👋 " * 100, "https://x.example " * 9]
)
def test_what_is_too_short_to_tell_passes_and_says_so(text: str) -> None:
    found = verdict(text)
    assert found.passed
    assert found.message.endswith("letters are too short to tell; needs 40")


def test_the_same_text_gets_the_same_verdict() -> None:
    assert len({verdict(text) for text in [TEXTS["es"]] * 5}) == 1


@pytest.mark.parametrize("settings", [{"languages": []}, {"languages": ["xx"]}, {"min_letters": 1}])
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        validators.clean_settings("language", settings, "output")
