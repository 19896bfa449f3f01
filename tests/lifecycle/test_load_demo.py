"""The demo portfolio: complete, valid, and loaded only once."""

from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from automations.models import Automation, Version
from lifecycle.demo.loading import ARTICLE

pytestmark = pytest.mark.django_db


def load(*arguments: str) -> str:
    out = StringIO()
    call_command("load_demo", *arguments, stdout=out)
    return out.getvalue()


def test_the_demo_can_run_at_once() -> None:
    load()
    slugs = set(Automation.objects.values_list("slug", flat=True))
    assert {"content_repurposer", "ticket_classifier"} <= slugs
    for automation in Automation.objects.all():
        assert automation.live_version is not None
        assert automation.live_version.is_published
        automation.full_clean()
        automation.live_version.full_clean()


def test_loading_again_changes_nothing() -> None:
    load()
    before = list(Version.objects.order_by("pk").values())
    assert "already" in load()
    assert list(Version.objects.order_by("pk").values()) == before


def test_one_demo_automation_answers_in_json() -> None:
    load()
    schema = Automation.objects.get(slug="ticket_classifier").live_version.output_schema  # type: ignore[union-attr]
    assert schema is not None
    assert schema["properties"]["label"]["enum"]


def test_the_login_works_and_each_loading_makes_a_new_password() -> None:
    first, second = load("--login"), load("--login")
    password = second.split("Password: ")[1].strip()
    assert first.split("Password: ")[1] != password
    user = User.objects.get(username="demo")
    assert user.check_password(password)
    assert user.is_superuser


def test_the_shipped_article_passes_the_published_input_check() -> None:
    assert 100 <= len(ARTICLE.read_text(encoding="utf-8")) <= 50_000
