"""Boxes 13 to 16: environment, secrets, database, pipeline."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from automations import services
from automations.models import Automation, Provider, Trigger, Version
from lifecycle.evidence.base import dated
from lifecycle.models import Attestation, Promotion
from lifecycle.phases import State
from lifecycle.services.rehearsals import findings
from monitoring import health
from tests.lifecycle.evidence.looking import DAY, box
from tests.lifecycle.makers import make_promotion
from tests.makers import make_automation, make_destination, make_live, make_provider

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


# --- 13: Environment variables configured --------------------------------------------------


def with_destination(**settings: Any) -> Automation:
    version = make_live(provider=make_provider(base_url="https://m.example/v1"))
    make_destination(version.automation, kind="http", settings=settings)
    return version.automation


def test_box_13_follows_what_the_provider_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    provider = make_provider(base_url="https://m.example/v1", api_key_env="M_API_KEY")
    automation = make_live(provider=provider).automation
    found = box(13, automation)
    assert found.state == State.NOT_MET
    assert found.why.startswith("M_API_KEY is not set, as this process sees it")
    monkeypatch.setenv("M_API_KEY", "a-very-secret-value")
    found = box(13, automation)
    assert found.state == State.MET
    assert found.why == "All set, as this process sees it: 1 variable (M_API_KEY)."
    monkeypatch.delenv("M_API_KEY")
    assert box(13, automation).state == State.NOT_MET


def test_values_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESTINATION_URL", "https://hooks.example/a-very-secret-value")
    assert "a-very-secret-value" not in str(box(13, with_destination(url="env:DESTINATION_URL")))


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"url": "env:DESTINATION_URL"}, "DESTINATION_URL"),
        ({"headers": {"Authorization": "Bearer env:DESTINATION_TOKEN"}}, "DESTINATION_TOKEN"),
        ({"signing_secret": "env:DESTINATION_A", "url": "env:DESTINATION_B"}, "A, DESTINATION_B"),
        ({"key_id_env": "STORE_KEY_ID", "secret_env": "STORE_SECRET"}, "ID, STORE_SECRET"),
    ],
)
def test_every_kind_of_reference_in_settings_is_found(settings: dict[str, Any], names: str) -> None:
    found = box(13, with_destination(**settings))
    assert found.state == State.NOT_MET
    assert names in found.why


def test_what_is_no_reference_asks_for_nothing() -> None:
    automation = with_destination(url="https://example.com", template="env:lower and text")
    assert box(13, automation).why.startswith("Nothing is asked of the environment")


def test_a_destination_that_is_switched_off_asks_for_nothing() -> None:
    automation = with_destination(url="env:DESTINATION_URL")
    automation.destinations.update(is_active=False)
    assert box(13, automation).state == State.MET


def test_a_source_asks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    automation = make_live().automation
    automation.source.settings = {"headers": {"X": "env:SOURCE_TOKEN"}}
    automation.source.save()
    assert "SOURCE_TOKEN is not set" in box(13, automation).why
    monkeypatch.setenv("SOURCE_TOKEN", "x")
    assert box(13, automation).state == State.MET


def test_a_store_without_a_bucket_of_its_own_asks_for_one(monkeypatch: pytest.MonkeyPatch) -> None:
    automation = make_live(make_automation(source="object_store")).automation
    monkeypatch.delenv("CONTENT_BUCKET", raising=False)
    assert "CONTENT_BUCKET is not set" in box(13, automation).why
    automation.source.settings = {"bucket": "articles"}
    automation.source.save()
    assert box(13, automation).state == State.MET


def test_a_value_from_a_file_is_a_value(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    automation = with_destination(url="env:DESTINATION_URL")
    held = tmp_path / "url"
    held.write_text("https://example.com")
    monkeypatch.setenv("DESTINATION_URL_FILE", str(held))
    assert box(13, automation).state == State.MET
    held.unlink()
    assert box(13, automation).state == State.NOT_MET


def test_the_embedded_model_asks_for_nothing() -> None:
    assert box(13, make_live().automation).state == State.MET


def test_the_default_provider_asks_for_its_key_where_it_calls_openai(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    automation = make_live().automation
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.openai.com/v1")
    assert "OPENAI_API_KEY is not set" in box(13, automation).why
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert box(13, automation).state == State.MET


@pytest.mark.parametrize(
    ("address", "asks"),
    [
        ("https://api.openai.com/v1/", True),
        ("https://API.openai.com/v1", True),
        ("http://localhost:8080/v1", False),
    ],
)
def test_box_13_and_the_rehearsal_ask_for_the_same_key(
    address: str, asks: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    version = make_live()
    said = next(one for one in findings(version) if one.what.startswith("Its provider"))
    lacks = "OPENAI_API_KEY" in box(13, version.automation).why
    assert (lacks, said.passed) == (asks, not asks)


def test_without_a_live_version_box_13_is_not_measured() -> None:
    assert box(13, make_automation()).state == State.NOT_MEASURED


# --- 14: Secrets management in place -------------------------------------------------------

KEY = "sk-" + "Ab3" * 12


def live_on_tested(*, ago: timedelta = timedelta(), **values: Any) -> Version:
    """Make a live version whose provider was tested; `passed=None` leaves out the answer."""
    passed = values.pop("passed", True)
    provider = make_provider(base_url="https://m.example/v1")
    when = timezone.now() - ago
    changed = {"updated_at": when - DAY, "tested_at": when, "test_passed": passed}
    Provider.objects.filter(pk=provider.pk).update(**changed)
    return make_live(provider=provider, **values)


def test_a_test_call_that_passed_ticks_box_14_for_7_days() -> None:
    version, now = live_on_tested(), timezone.now()
    assert box(14, version.automation, now).state == State.MET
    at = Provider.objects.get(pk=version.provider_id).tested_at
    assert at is not None
    assert box(14, version.automation, at + 7 * DAY).state == State.MET
    found = box(14, version.automation, at + 7 * DAY + SECOND)
    assert found.state == State.NOT_MET
    assert "a test holds for 7 days" in found.why


def test_the_real_services_tick_and_untick_box_14(admin: User) -> None:
    version = make_live(provider=make_provider(base_url="https://m.example/v1"))
    provider = version.provider
    assert "was never tested" in box(14, version.automation).why
    services.ask_for_test(provider, by=admin)
    assert box(14, version.automation).why.endswith("is under way.")
    services.store_test(provider, passed=True, message="ok")
    assert box(14, version.automation).state == State.MET
    services.store_test(provider, passed=False, message="401")
    found = box(14, version.automation)
    assert found.state == State.NOT_MET
    assert "did not pass" in found.why


def test_a_test_that_no_worker_answered_is_not_measured() -> None:
    version = live_on_tested(passed=None, ago=timedelta(minutes=6))
    found = box(14, version.automation)
    assert found.state == State.NOT_MEASURED
    assert found.why.endswith("got no answer.")


def test_a_provider_that_changed_after_its_test_must_be_tested_again() -> None:
    version = live_on_tested(ago=DAY)
    provider = version.provider
    provider.base_url = "https://other.example/v1"
    provider.save()
    assert "was changed after its test" in box(14, version.automation).why


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"system_prompt": f"Use {KEY}."}, "the system prompt"),
        ({"user_prompt": f"Use {KEY}."}, "the user prompt"),
        ({"note": f"Use {KEY}."}, "the version's note"),
        ({"examples": [{"input": KEY, "output": ""}]}, "the examples"),
        ({"parameters": {"stop": KEY}}, "the parameters"),
        ({"rules": [("output", "phrases", {"a": [KEY]})]}, "the output check phrases"),
    ],
)
def test_a_literal_in_the_live_version_unticks_box_14(values: dict[str, Any], place: str) -> None:
    found = box(14, live_on_tested(**values).automation)
    assert found.state == State.NOT_MET
    assert found.why.startswith(f"What looks like a secret stands in {place}:")
    assert KEY not in str(found)


def test_a_literal_in_any_connection_unticks_box_14() -> None:
    automation = live_on_tested().automation
    automation.source.settings = {"headers": {"X-Key": KEY}}
    automation.source.save()
    make_destination(automation, is_active=False, settings={"url": f"https://u:{KEY}@example.com"})
    Trigger.objects.create(automation=automation, kind="schedule", settings={"input": {"a": KEY}})
    automation.summary = f"With {KEY}"
    automation.save()
    found = box(14, automation)
    places = "the source's settings, the settings of Destination 0, the settings of the schedule"
    assert f"stands in the summary, {places} trigger: put it in" in found.why
    assert KEY not in str(found)


def test_a_literal_in_a_draft_or_an_old_version_is_not_asked_for() -> None:
    first = live_on_tested(system_prompt=f"Use {KEY}.")
    make_live(first.automation, provider=first.provider)
    assert box(14, first.automation).state == State.MET


def test_without_a_live_version_no_provider_can_be_tested() -> None:
    assert box(14, make_automation()).state == State.NOT_MET


# --- 15: Database set up -------------------------------------------------------------------


def attest(automation: Automation, days: int, by: User | None = None) -> Attestation:
    expires = timezone.localdate() + timedelta(days=days)
    words = {"comment": "Nightly dump, restored on 3 May."}
    return Attestation.objects.create(
        automation=automation, number=15, expires_on=expires, by=by, **words
    )


def test_an_attested_backup_ticks_box_15_until_it_expires(operator: User) -> None:
    automation = make_automation()
    found = box(15, automation)
    assert found.state == State.NOT_MET
    assert "nobody has attested that there is a backup" in found.why
    attest(automation, 0, operator)
    found = box(15, automation)
    assert found.state == State.MET
    assert f"backup attested by operator on {dated(timezone.now())}, until " in found.why
    assert found.why.endswith(": Nightly dump, restored on 3 May.")
    assert box(15, automation, timezone.now() + DAY).state == State.NOT_MET


def test_the_newest_attestation_counts() -> None:
    automation = make_automation()
    attest(automation, 30)
    attest(automation, -1)
    assert box(15, automation).state == State.NOT_MET


@pytest.fixture
def one_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one migration be unknown to the database."""
    monkeypatch.setattr(health, "_applied_at", {})
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'lifecycle'")


@pytest.mark.usefixtures("one_pending")
def test_a_migration_that_is_not_applied_unticks_box_15() -> None:
    automation = make_automation()
    attest(automation, 30)
    found = box(15, automation)
    assert found.state == State.NOT_MET
    assert found.why == "1 migration not applied; run `manage.py migrate`."


def test_that_all_are_applied_is_believed_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_applied_at", {})
    assert health.pending_migrations() == 0
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'lifecycle'")
    assert health.pending_migrations() == 0
    monkeypatch.setattr(health, "ASK_AGAIN_S", 0.0)
    assert health.pending_migrations() == 1


# --- 16: Deployment pipeline working -------------------------------------------------------


@pytest.mark.parametrize("back", ["rollback", "rehearsal"])
@pytest.mark.parametrize("forward", [{"kind": "live"}, {"kind": "stage", "to_stage": "production"}])
def test_a_promotion_and_a_way_back_tick_box_16(back: str, forward: dict[str, str]) -> None:
    automation = make_automation()
    assert box(16, automation).why == ("No promotion and no rollback or rehearsal within 180 days.")
    moved = make_promotion(automation, **forward)
    found = box(16, automation)
    assert (found.state, found.why) == (
        State.NOT_MET, "No rollback or rehearsal within 180 days."
    )  # fmt: skip
    assert found.step is not None
    assert found.step.label == "Rehearse a rollback"
    make_promotion(automation, back)
    found = box(16, automation)
    assert found.state == State.MET
    assert found.why.endswith(": both within 180 days.")
    assert len(found.rows) == 2
    moved.delete()
    assert box(16, automation).state == State.NOT_MET


@pytest.mark.parametrize(
    "values",
    [
        {"state": "waiting", "decided_at": None},
        {"state": "declined"},
        {"state": "withdrawn"},
        {"is_sample": True},
    ],
)
def test_what_was_not_done_or_is_sample_does_not_count(values: dict[str, Any]) -> None:
    automation = make_automation()
    make_promotion(automation)
    make_promotion(automation, "rehearsal", **values)
    assert box(16, automation).state == State.NOT_MET


@pytest.mark.parametrize(
    ("stage", "to", "state"),
    [
        ("idea", "prototype", "met"), ("prototype", "production", "met"),
        ("idea", "production", "met"), ("retired", "production", "met"),
        ("production", "prototype", "not_met"), ("retired", "prototype", "not_met"),
        ("prototype", "idea", "not_met"), ("production", "retired", "not_met"),
    ],
)  # fmt: skip
def test_only_a_move_forward_is_a_promotion(stage: str, to: str, state: str) -> None:
    automation = make_automation()
    make_promotion(automation, "rollback")
    make_promotion(automation, "stage", from_stage=stage, to_stage=to)
    assert box(16, automation).state == state


@pytest.mark.parametrize(("days", "state"), [(179, State.MET), (181, State.NOT_MET)])
def test_it_counts_from_when_it_happened_not_from_when_it_was_asked(days: int, state: str) -> None:
    automation, now = make_automation(), timezone.now()
    make_promotion(automation, "rollback")
    asked_at, decided_at = now - timedelta(days=200), now - timedelta(days=days)
    make_promotion(automation, asked_at=asked_at, decided_at=decided_at)
    assert box(16, automation).state == state


def test_both_hold_for_180_days() -> None:
    automation, now = make_automation(), timezone.now()
    make_promotion(automation, decided_at=now - 180 * DAY)
    make_promotion(automation, "rehearsal", decided_at=now)
    assert box(16, automation, now).state == State.MET
    assert box(16, automation, now + SECOND).state == State.NOT_MET
    assert Promotion.objects.count() == 2
