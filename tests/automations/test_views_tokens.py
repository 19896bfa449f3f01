"""The pages of API tokens and of the API's documentation."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from automations.models import SCOPES, ApiToken
from tests.automations.api.test_matrix import ROWS
from tests.makers import make_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(operator: User) -> dict[str, Any]:
    return {"name": "Nightly import", "user": operator.pk, "scopes": ["runs:read"], "days": 90}


def test_a_new_token_is_shown_once(client: Client, admin: User, asked: dict[str, Any]) -> None:
    client.force_login(admin)
    assert 'value="90"' in client.get(reverse("token_new")).content.decode()
    made = client.post(reverse("token_new"), asked)
    text = made.context["text"]
    assert made.content.decode().count(text) == 2  # by itself and in the curl line
    listed = client.get(reverse("tokens")).content.decode()
    assert text not in listed
    assert text[:11] in listed
    assert "Nightly import" in listed


@pytest.mark.parametrize("change", [{"days": 366}, {"scopes": []}, {"user": ""}, {"name": ""}])
def test_a_wrong_form_says_what_is_wrong(
    client: Client, admin: User, asked: dict[str, Any], change: dict[str, Any]
) -> None:
    client.force_login(admin)
    answer = client.post(reverse("token_new"), {**asked, **change})
    assert "errorlist" in answer.content.decode()
    assert ApiToken.objects.count() == 0


def test_only_a_superuser_is_offered_superusers(
    client: Client, admin: User, superuser: User, asked: dict[str, Any]
) -> None:
    client.force_login(admin)
    assert superuser not in client.get(reverse("token_new")).context["form"].fields["user"].queryset
    client.post(reverse("token_new"), {**asked, "user": superuser.pk})
    assert ApiToken.objects.count() == 0
    client.force_login(superuser)
    client.post(reverse("token_new"), {**asked, "user": superuser.pk})
    assert ApiToken.objects.count() == 1


def test_a_token_is_revoked(client: Client, admin: User, operator: User) -> None:
    client.force_login(admin)
    token = make_token(operator)[0]
    page = client.post(reverse("token_revoke", args=[token.pk]), follow=True).content.decode()
    assert "is revoked" in page
    assert "Revoked" in page
    token.refresh_from_db()
    assert not token.is_live


def test_the_list_says_what_state_a_token_is_in(
    client: Client, admin: User, operator: User
) -> None:
    client.force_login(admin)
    assert "No token yet" in client.get(reverse("tokens")).content.decode()
    make_token(operator, name="Old", expires_at=timezone.now() - timedelta(days=1))
    operator.is_active = False
    operator.save()
    page = client.get(reverse("tokens")).content.decode()
    assert "Expired" in page
    assert "not active" in page


def test_only_administrators_find_tokens_in_the_sidebar(
    client: Client, admin: User, operator: User
) -> None:
    for person, sees in ((admin, True), (operator, False)):
        client.force_login(person)
        page = client.get(reverse("portfolio")).content.decode()
        assert (f'href="{reverse("tokens")}"' in page) is sees


def test_the_guide_describes_every_operation_and_scope(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    answer = client.get(reverse("api_guide"))
    page = answer.content.decode()
    assert len(answer.context["operations"]) == len(ROWS)
    for scope in SCOPES:
        assert scope in page
    assert "/api/v1/automations/{slug}/batches" in page
    assert reverse("token_new") not in page
