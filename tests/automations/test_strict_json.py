"""Typed JSON on the version's page: a sentence beside the field or a stored value."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.automations.test_admin import change, submit
from tests.makers import make_version

pytestmark = pytest.mark.django_db
DEEP = "[" * 20_000


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("examples", '[{"input": NaN, "output": "x"}]', "not NaN or Infinity"),
        ("examples", DEEP, "valid JSON"),
        ("parameters", '{"seed": NaN}', "not NaN or Infinity"),
        ("parameters", '{"seed": 1e999}', "not NaN or Infinity"),
        ("fallback_models", "[-Infinity]", "not NaN or Infinity"),
        ("output_schema", '{"type": "number", "maximum": NaN}', "not NaN or Infinity"),
        ("output_schema", "[1]", ""),
    ],
)
def test_what_no_database_stores_is_refused_beside_its_field(
    client: Client, superuser: Any, field: str, typed: str, sentence: str
) -> None:
    draft = make_version(output_template="{{ a }}")
    client.force_login(superuser)
    answer = submit(client, change("version", draft.pk), **{field: typed})
    assert answer.status_code == 200
    assert sentence in str(answer.context["adminform"].form.errors[field])


@pytest.mark.parametrize("typed", ['{"minimum": NaN}', DEEP])
def test_a_checks_settings_are_as_strict(client: Client, superuser: Any, typed: str) -> None:
    draft = make_version()
    client.force_login(superuser)
    address = reverse("check_new", args=[draft.pk]) + "?direction=output&kind=json_schema"
    answer = client.post(address, {"schema": typed})
    assert answer.status_code == 200
    assert answer.context["form"].errors["schema"]
    assert not draft.validator_rules.filter(kind="json_schema").exists()


def test_characters_that_no_database_stores_are_replaced(client: Client, superuser: Any) -> None:
    draft = make_version()
    client.force_login(superuser)
    typed = '[{"input": "a\\u0000", "output": "\\ud800"}]'
    answer = submit(client, change("version", draft.pk), examples=typed)
    assert answer.status_code == 302
    draft.refresh_from_db()
    assert draft.examples == [{"input": "a\ufffd", "output": "\ufffd"}]
