"""API tokens: their text, their life, their limits, and that their text is kept nowhere."""

from __future__ import annotations

import io
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from automations import bearer, services
from automations.errors import NotAllowed, WrongState
from automations.models import SCOPES, ApiToken, AuditEvent, RefusedAddress
from automations.redaction import find_secrets, redact
from tests.automations.api.calling import Program, error_of
from tests.makers import LONG_TEXT, make_live, make_token

# --- the text ------------------------------------------------------------------------------


@pytest.mark.once
def test_a_token_has_its_documented_form() -> None:
    made = bearer.make_token()
    assert len(made.text) == 49
    assert made.text.startswith("lc_")
    assert bearer.read_token(made.text) == made
    assert made.secret not in repr(made)


@pytest.mark.once
def test_a_typo_anywhere_is_noticed_without_a_database() -> None:
    text = bearer.make_token().text
    for at in range(3, len(text)):
        wrong = text[:at] + ("a" if text[at] != "a" else "b") + text[at + 1 :]
        assert bearer.read_token(wrong) is None


@pytest.mark.once
@given(st.text())
def test_other_text_is_no_token(text: str) -> None:
    assert bearer.read_token(text) is None


@pytest.mark.once
def test_tokens_are_redacted_wherever_they_turn_up() -> None:
    text = bearer.make_token().text
    assert redact(f"it said {text} there") == "it said [redacted] there"
    assert find_secrets(f"key {text}") == [(4, "Lifecycle token")]


# --- making and revoking -------------------------------------------------------------------


@pytest.mark.django_db
def test_an_administrator_makes_a_token_that_works(admin: User, operator: User) -> None:
    token, text = services.create_token(
        operator, name="Nightly", scopes=["runs:read"], days=90, by=admin
    )
    assert Program(text).get("/runs").status_code == 200
    assert (token.user, token.created_by, token.scopes) == (operator, admin, ["runs:read"])
    assert timedelta(days=89) < token.expires_at - timezone.now() < timedelta(days=91)


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["viewer", "operator", "editor", "approver", "stranger"])
def test_nobody_else_makes_or_revokes_one(role: str, operator: User, request: Any) -> None:
    person = operator if role == "operator" else request.getfixturevalue(role)
    with pytest.raises(NotAllowed):
        services.create_token(operator, name="N", scopes=["runs:read"], days=1, by=person)
    with pytest.raises(NotAllowed):
        services.revoke_token(make_token(operator)[0], by=person)


@pytest.mark.django_db
def test_an_administrator_does_not_become_a_superuser(admin: User, superuser: User) -> None:
    with pytest.raises(NotAllowed, match="superuser"):
        services.create_token(superuser, name="N", scopes=["runs:read"], days=1, by=admin)
    services.create_token(superuser, name="N", scopes=["runs:read"], days=1, by=superuser)


WRONG: list[dict[str, Any]] = [
    {"days": 0}, {"days": 366}, {"scopes": []}, {"scopes": ["runs:all"]}, {"name": " "},
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("values", WRONG, ids=str)
def test_a_token_without_end_or_purpose_is_refused(
    admin: User, operator: User, values: dict[str, Any]
) -> None:
    asked: dict[str, Any] = {"name": "N", "scopes": ["runs:read"], "days": 1, **values}
    with pytest.raises(ValidationError):
        services.create_token(operator, **asked, by=admin)


@pytest.mark.django_db
def test_nobody_gets_a_token_for_who_has_left(admin: User, operator: User) -> None:
    operator.is_active = False
    operator.save()
    with pytest.raises(WrongState, match="not active"):
        services.create_token(operator, name="N", scopes=["runs:read"], days=1, by=admin)


@pytest.mark.django_db
def test_a_revoked_token_is_refused_from_the_next_request_on(admin: User, operator: User) -> None:
    token, text = make_token(operator)
    services.revoke_token(token, by=admin)
    answer = Program(text).get("/runs")
    assert (answer.status_code, error_of(answer)["code"]) == (401, "token_revoked")
    assert AuditEvent.objects.filter(action="revoke token", by=admin).count() == 1
    with pytest.raises(WrongState):
        services.revoke_token(token, by=admin)


@pytest.mark.django_db
def test_an_expired_token_is_refused(operator: User) -> None:
    program = Program.of(operator, expires_at=timezone.now() - timedelta(seconds=1))
    answer = program.get("/runs")
    assert (answer.status_code, error_of(answer)["code"]) == (401, "token_expired")


@pytest.mark.django_db
def test_the_token_of_who_has_left_is_refused(operator: User) -> None:
    program = Program.of(operator)
    operator.is_active = False
    operator.save()
    assert program.get("/runs").status_code == 401


HEADERS = [
    "", "Bearer", "Bearer ", "Bearer x", "Basic b3A6b3A=", "Token {}", "{}", "bearer  {}x",
    "Bearer lc_" + "a" * 46, "Bearer {} {}", "Bearer \x00", "Bearer " + "a" * 5000, "Bearer ü",
    "Bearer {other}",
]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize("header", HEADERS)
def test_what_is_no_token_is_refused(operator: User, header: str) -> None:
    text = make_token(operator)[1]
    prefix, other = text[:11], bearer.make_token()
    forged = bearer.TokenText(prefix, other.secret).text
    sent = header.replace("{other}", forged).replace("{}", text)
    answer = Program().get("/runs", HTTP_AUTHORIZATION=sent, REMOTE_ADDR="203.0.113.1")
    assert answer.status_code == 401
    assert error_of(answer)["code"] == "not_authenticated"
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.django_db
def test_a_session_counts_for_nothing(operator: User) -> None:
    client = Client()
    client.force_login(operator)
    assert client.get("/api/v1/runs").status_code == 401


# --- limits --------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_token_that_has_used_its_minute_waits(operator: User, settings: Any) -> None:
    settings.API_REQUESTS_PER_MINUTE = 5
    program = Program.of(operator)
    statuses = [program.get("/runs").status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    answer = program.get("/runs")
    assert error_of(answer)["code"] == "too_many_requests"
    assert 1 <= int(answer.headers["Retry-After"]) <= 12
    assert Program.of(operator).get("/runs").status_code == 200


@pytest.mark.django_db
def test_the_rate_flows_back_evenly(operator: User) -> None:
    token, now = make_token(operator)[0], timezone.now()
    for _ in range(5):
        assert ApiToken.objects.charge(token, per_minute=5, now=now) == 0
    assert ApiToken.objects.charge(token, per_minute=5, now=now) == 12
    assert ApiToken.objects.charge(token, per_minute=5, now=now + timedelta(seconds=12)) == 0
    assert ApiToken.objects.charge(token, per_minute=5, now=now + timedelta(seconds=13)) == 11


@pytest.mark.django_db
def test_the_last_use_is_noted_once_a_minute(operator: User) -> None:
    token, now = make_token(operator)[0], timezone.now()
    ApiToken.objects.charge(token, per_minute=600, now=now)
    token.refresh_from_db()
    assert token.last_used_at == now
    ApiToken.objects.charge(token, per_minute=600, now=now + timedelta(seconds=30))
    token.refresh_from_db()
    assert token.last_used_at == now
    ApiToken.objects.charge(token, per_minute=600, now=now + timedelta(seconds=61))
    token.refresh_from_db()
    assert token.last_used_at == now + timedelta(seconds=61)


@pytest.mark.django_db
def test_guessing_is_slowed_down_but_locks_nobody_out(operator: User) -> None:
    statuses = [Program().get("/runs").status_code for _ in range(25)]
    assert statuses == [401] * 20 + [429] * 5
    assert Program().get("/runs").headers["Retry-After"]
    assert Program.of(operator).get("/runs").status_code == 200
    assert Program().get("/runs", REMOTE_ADDR="203.0.113.5").status_code == 401


@pytest.mark.django_db
def test_refused_addresses_are_forgotten_after_an_hour() -> None:
    now = timezone.now()
    RefusedAddress.charge("203.0.113.5", now=now - timedelta(hours=2))
    RefusedAddress.charge("203.0.113.6", now=now)
    assert [row.address for row in RefusedAddress.objects.all()] == ["203.0.113.6"]


@pytest.mark.django_db
def test_only_our_own_proxies_are_believed(operator: User, settings: Any) -> None:
    sent = {"HTTP_X_FORWARDED_FOR": "198.51.100.1, 203.0.113.7", "REMOTE_ADDR": "10.0.0.1"}
    for hops, seen in ((0, "10.0.0.1"), (1, "203.0.113.7"), (2, "198.51.100.1"), (3, "10.0.0.1")):
        settings.PROXY_HOPS = hops
        RefusedAddress.objects.all().delete()
        Program().get("/runs", **sent)
        assert RefusedAddress.objects.get().address == seen


# --- kept nowhere --------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_text_is_in_no_log_no_trail_and_no_dump(
    admin: User, operator: User, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    make_live()
    client.force_login(admin)
    asked = {"name": "N", "user": operator.pk, "scopes": list(SCOPES), "days": 1}
    with caplog.at_level(logging.DEBUG):
        made = client.post(reverse("token_new"), asked)
        text = made.context["text"]
        program = Program(text)
        assert program.post("/automations/writer/runs", {"input": LONG_TEXT}).status_code == 202
        program.get("/runs/999999")
        program.post("/automations/writer/runs", {"input": 3})
    assert text in made.content.decode()
    assert made.headers["Cache-Control"].count("no-store") == 1
    dump = io.StringIO()
    call_command("dumpdata", stdout=dump)
    secret = text[11:43]
    assert text[:11] in dump.getvalue()
    for place in (dump.getvalue(), caplog.text, str([r.__dict__ for r in caplog.records])):
        assert secret not in place
