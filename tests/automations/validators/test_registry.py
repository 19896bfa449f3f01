"""The registry of validators, and what holds for every kind."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from automations import validators
from automations.errors import UnknownKind
from automations.validators import Subject, Validator

pytestmark = pytest.mark.once

# What a kind's form cannot guess.
NEEDED: dict[str, dict[str, Any]] = {
    "json_schema": {"schema": {"type": "object", "required": ["title"]}},
    "phrases": {"phrases": ["game changer", "délicieux"]},
    "regex": {"patterns": [r"\bfoo\d+", "(?:a+)+$|b{2,9}c"]},
}
ANY_TEXT = st.text(max_size=300) | st.text(
    alphabet=st.sampled_from(list("0123456789.,:-/'’ %€$½²١„“\"«»@aMyot\n\u200d\ufe0f\u20e3👋🇩")),
    max_size=120,
)


def made(kind: str, direction: str) -> Validator:
    settings = validators.clean_settings(kind, NEEDED.get(kind, {}), direction)
    return validators.registry.get(kind)(settings)


def every() -> list[Validator]:
    return [
        made(known.kind, direction)
        for known in validators.registry
        for direction in sorted(known.directions)
    ]


def test_the_catalogue_is_complete() -> None:
    assert validators.registry.kinds() == [
        "length", "json_schema", "regex", "phrases", "emoji", "language", "grounding",
        "no_secrets", "placeholders",
    ]  # fmt: skip


def test_a_kind_is_offered_only_for_the_directions_it_can_check() -> None:
    assert "grounding" in validators.kinds("output")
    assert "grounding" not in validators.kinds("input")
    assert ("length", "Length") in validators.choices("input")
    with pytest.raises(ValidationError, match="Grounding cannot check the input; choose from"):
        validators.clean_settings("grounding", {}, "input")


def test_an_unknown_kind_is_refused_naming_the_known_ones() -> None:
    with pytest.raises(UnknownKind, match="There is no validator `lenght`; choose from length"):
        validators.registry.get("lenght")
    with pytest.raises(ValidationError, match="choose from length"):
        validators.clean_settings("lenght", {}, "input")


@pytest.mark.parametrize("known", list(validators.registry), ids=lambda known: known.kind)
def test_every_kind_says_what_it_is_and_what_it_does_not_prove(known: type[Validator]) -> None:
    assert known.label
    assert known.help.endswith(".")
    assert known.__doc__
    assert known.directions <= {"input", "output"}
    for name, field in known.settings_form.base_fields.items():
        assert field.label, name
        assert str(field.help_text).endswith((".", ")")), name


@pytest.mark.parametrize("known", list(validators.registry), ids=lambda known: known.kind)
def test_settings_that_were_cleaned_stay_as_they_are(known: type[Validator]) -> None:
    for direction in known.directions:
        once = validators.clean_settings(known.kind, NEEDED.get(known.kind, {}), direction)
        assert validators.clean_settings(known.kind, once, direction) == once
        assert isinstance(known.summary(once), str)


@pytest.mark.parametrize("known", list(validators.registry), ids=lambda known: known.kind)
def test_a_form_shows_what_is_stored(known: type[Validator]) -> None:
    for direction in known.directions:
        stored = validators.clean_settings(known.kind, NEEDED.get(known.kind, {}), direction)
        form = known.settings_form(initial=stored)
        shown = {name: form[name].value() for name in form.fields}
        assert validators.clean_settings(known.kind, shown, direction) == stored


@given(text=ANY_TEXT, source=ANY_TEXT, instructions=ANY_TEXT)
def test_no_text_breaks_a_check(text: str, source: str, instructions: str) -> None:
    subject = Subject(text=text, input_text=source, instructions=instructions)
    for validator in every():
        verdict = validator.check(subject)
        assert verdict == validator.check(subject)
        assert verdict.message
        assert (verdict.code == "ok") is verdict.passed


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(data=JSON_VALUES, source=ANY_TEXT)
def test_no_data_breaks_a_check(data: object, source: str) -> None:
    for validator in every():
        assert validator.check(Subject(text="{}", data=data, input_text=source)).message


def test_half_a_surrogate_pair_breaks_no_check() -> None:
    for validator in every():
        assert validator.check(Subject(text="1 \ud800 “a b c d \udfff”", input_text="\ud800")).code


@pytest.mark.parametrize("known", list(validators.registry), ids=lambda known: known.kind)
@pytest.mark.parametrize("junk", [[], None, "x", {"nonsense": 1}])
def test_settings_that_are_none_are_refused(known: type[Validator], junk: object) -> None:
    with pytest.raises(ValidationError):
        validators.clean_settings(known.kind, junk, next(iter(known.directions)))


def test_loading_the_catalogue_loads_no_heavy_library() -> None:
    code = (
        "import sys; from django.conf import settings; settings.configure(); "
        "import automations.validators; "
        "heavy = {'py3langid', 'numpy', 're2', 'rapidfuzz'} & set(sys.modules); "
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
