"""The registries of connectors: what is known, what is refused, what each says about itself."""

from typing import Any

import pytest
from django import forms
from django.core.exceptions import ValidationError

from automations import connectors
from automations.errors import Problem, UnknownKind
from tests.makers import make_automation

SOURCES: dict[str, dict[str, Any]] = {
    "form": {},
    "upload": {},
    "file": {"path": "posts/a.md"},
    "object_store": {"bucket": "articles", "pattern": "in/**"},
    "http_get": {"url": "https://example.com/article"},
    "feed": {"url": "https://example.com/feed.xml"},
    "automation": {"automation": "writer"},
}


def test_the_known_kinds_can_be_chosen() -> None:
    assert connectors.sources.kinds() == [
        "form", "upload", "file", "object_store", "http_get", "feed", "automation",
    ]  # fmt: skip
    assert connectors.sources.choices()[0] == ("form", "Comes with each run")


def test_an_unknown_kind_is_refused_naming_the_known_ones() -> None:
    with pytest.raises(UnknownKind) as caught:
        connectors.sources.get("ftp\n")
    assert str(caught.value).startswith("There is no source `ftp`; choose from form, upload, file")
    with pytest.raises(ValidationError, match="There is no destination `ftp`; choose from store"):
        connectors.destinations.clean_settings("ftp", {})


def test_settings_that_a_kind_does_not_have_are_refused() -> None:
    with pytest.raises(ValidationError, match="no setting `path`; this kind has none"):
        connectors.sources.clean_settings("form", {"path": "a"})
    with pytest.raises(ValidationError, match="no setting `paht`; known: path") as caught:
        connectors.sources.clean_settings("file", {"paht": "a"})
    assert "Path: This field is required." in caught.value.messages


@pytest.mark.parametrize("settings", [None, [], "path", 3])
def test_settings_are_an_object(settings: object) -> None:
    with pytest.raises(ValidationError, match="JSON object"):
        connectors.destinations.clean_settings("store_only", settings)


@pytest.mark.django_db
def test_every_source_explains_itself_and_its_settings() -> None:
    make_automation("writer")
    for known in connectors.sources:
        cleaned = connectors.sources.clean_settings(known.kind, SOURCES[known.kind])
        assert connectors.sources.clean_settings(known.kind, cleaned) == cleaned
        assert known.label
        assert known.help.endswith(".")
        assert known.summary(cleaned)
        assert issubclass(known.settings_form, forms.Form)
        assert all(field.help_text for field in known.settings_form().fields.values())


@pytest.mark.parametrize("kind", ["form", "upload"])
def test_a_source_whose_input_comes_with_the_run_has_nothing_to_list(kind: str) -> None:
    source = connectors.sources.get(kind)({})
    assert source.items() == []
    with pytest.raises(Problem, match="start it again with an input") as caught:
        source.read("")
    assert (caught.value.category, caught.value.code) == ("source_error", "no_input")
