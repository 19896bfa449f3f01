"""E-mail as destination, through a real mail server on loopback."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from automations import connectors
from automations.connectors import DeliveryProblem, Parcel, Receipt
from automations.connectors.email import EmailDestination
from tests.automations.connectors.test_http import NASTY, make_parcel
from tests.automations.mailing import PASSWORD, USER, Mailbox, mail_server
from tests.makers import make_outside
from tests.provider.certificates import untrusted_tls

pytestmark = pytest.mark.once


@pytest.fixture
def box(settings: Settings) -> Iterator[Mailbox]:
    with mail_server() as running:
        settings.OUTBOUND_ALLOW = {"destination": [running.place]}
        yield running


def destination(box: Mailbox, **changes: Any) -> EmailDestination:
    given = {
        "recipients": "ada@example.com, ben@example.com",
        "sender": "robot@example.org",
        "host": "127.0.0.1",
        "port": box.port,
        "security": "none",
        **changes,
    }
    return EmailDestination(connectors.destinations.clean_settings("email", given))


def deliver(box: Mailbox, parcel: Parcel | None = None, **changes: Any) -> Receipt:
    made = destination(box, **changes)
    return asyncio.run(made.deliver(parcel or make_parcel(), make_outside()))


def problem_of(box: Mailbox, **changes: Any) -> DeliveryProblem:
    with pytest.raises(DeliveryProblem) as caught:
        deliver(box, **changes)
    assert caught.value.category == "delivery_error"
    assert PASSWORD not in caught.value.message
    return caught.value


def faults(**changes: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        destination(Mailbox(port=587), **changes)
    return " ".join(caught.value.messages)


# --- what is sent ---------------------------------------------------------------------------


def test_the_output_arrives_under_its_key(box: Mailbox) -> None:
    receipt = deliver(box, make_parcel(text="The post.\n.\nAnother line."))
    mail = box.mails[0]
    assert mail["Message-ID"] == "<run-7-to-3@example.org>"
    assert mail["From"] == "robot@example.org"
    assert mail["To"] == "ada@example.com, ben@example.com"
    assert mail["Subject"] == "content_repurposer: run 7"
    assert box.text == "The post.\n.\nAnother line.\n"
    assert box.recipients == ["ada@example.com", "ben@example.com"]
    assert receipt.reference == (f"<run-7-to-3@example.org> taken by {box.place} (taken as 4711)")


def test_the_same_parcel_makes_the_same_mail(box: Mailbox) -> None:
    deliver(box)
    deliver(box)
    first, second = box.mails
    assert {name: first[name] for name in ("Message-ID", "Date", "Subject")} == {
        name: second[name] for name in ("Message-ID", "Date", "Subject")
    }


def test_a_nasty_text_arrives(box: Mailbox) -> None:
    deliver(box, make_parcel(text=NASTY))
    assert box.text.strip() == NASTY.replace("\x00", "\ufffd").replace("\r\n", "\n").strip()


def test_an_output_cannot_add_headers(box: Mailbox) -> None:
    evil = "Hello\r\nBcc: everybody@example.net\r\n\r\nA body"
    deliver(box, make_parcel(text=evil), subject="{{ text }}")
    mail = box.mails[0]
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Hello Bcc: everybody@example.net A body"
    assert box.recipients == ["ada@example.com", "ben@example.com"]


def test_data_comes_along_as_a_file_where_wished(box: Mailbox) -> None:
    deliver(box, make_parcel(data={"label": "bug"}), attach_data=True)
    part = next(iter(box.mails[0].iter_attachments()))
    assert part.get_filename() == "run-7.json"
    assert json.loads(part.get_content()) == {"label": "bug"}


def test_subject_and_text_are_templates(box: Mailbox) -> None:
    settings = {"subject": "{{ data_label }} of {{ date }}", "body": "It says: {{ text }}"}
    deliver(box, make_parcel(text="x", data={"label": "bug"}), **settings)
    assert box.mails[0]["Subject"] == "bug of 2026-01-31"
    assert box.text == "It says: x\n"


def test_the_dry_run_shows_the_mail_and_calls_nobody() -> None:
    preview = destination(Mailbox(port=587), host="smtp.example.com", security="").preview(
        make_parcel(text="The post.")
    )
    assert preview.where == "mails ada@example.com and 1 more through smtp.example.com"
    assert "Message-ID: <run-7-to-3@example.org>" in preview.parts[0][1]
    assert preview.parts[1] == ("Text", "The post.\n")


# --- encryption and sign-in -----------------------------------------------------------------


def test_a_password_is_read_from_the_environment(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESTINATION_MAIL", PASSWORD)
    with mail_server(sign_in=True) as box:
        settings.OUTBOUND_ALLOW = {"destination": [box.place]}
        deliver(box, user=USER, password="env:DESTINATION_MAIL")
        assert box.signed_in == [USER]
        assert len(box.mails) == 1
        monkeypatch.setenv("DESTINATION_MAIL", "wrong-password")
        problem = problem_of(box, user=USER, password="env:DESTINATION_MAIL")
    assert (problem.code, problem.retry) == ("mail_sign_in", False)
    assert len(box.mails) == 1


def test_a_certificate_that_nobody_trusts_is_refused(settings: Settings, tmp_path: Path) -> None:
    with mail_server(tls=untrusted_tls(tmp_path)) as box:
        settings.OUTBOUND_ALLOW = {"destination": [box.place]}
        problem = problem_of(box, security="starttls")
    assert (problem.code, problem.retry, problem.maybe_delivered) == ("tls_error", False, False)
    assert box.mails == []


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_goes_encrypted_to_a_server_that_is_trusted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, security: str
) -> None:
    tls: ssl.SSLContext = untrusted_tls(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    with mail_server(tls=tls, implicit=security == "tls") as box:
        settings.OUTBOUND_ALLOW = {"destination": [box.place]}
        deliver(box, security=security)
    assert len(box.mails) == 1


def test_mail_is_not_sent_in_clear_where_encryption_is_asked_for(box: Mailbox) -> None:
    problem = problem_of(box, security="starttls")
    assert problem.code == "mail_unsupported"
    assert box.mails == []


# --- failures -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "answer", "code", "retry"),
    [
        ("MAIL", "451 try later", "smtp_451", True),
        ("MAIL", "550 not you", "smtp_550", False),
        ("ben@example.com", "450 greylisted", "smtp_450", True),
        ("ben@example.com", "550 no such user", "smtp_550", False),
        ("DATA", "452 disk full", "smtp_452", True),
        ("DATA", "554 looks like spam", "smtp_554", False),
    ],
)
def test_a_refusal_is_repeated_only_when_it_is_for_now(
    box: Mailbox, command: str, answer: str, code: str, retry: Any
) -> None:
    box.answers[command] = answer
    problem = problem_of(box)
    assert (problem.code, problem.retry, problem.maybe_delivered) == (code, retry, False)
    assert answer[4:] in problem.message
    assert box.mails == []


def test_one_refused_recipient_means_that_nobody_is_written_to(box: Mailbox) -> None:
    box.answers["ben@example.com"] = "550 no such user"
    assert "ben@example.com" in problem_of(box).message
    assert "DATA" not in box.commands


@pytest.mark.parametrize(("choice", "retry"), [("ask", False), ("again", True)])
def test_a_connection_lost_after_the_mail_leaves_the_outcome_unknown(
    box: Mailbox, choice: str, retry: Any
) -> None:
    box.answers["DATA"] = "DROP"
    problem = problem_of(box, when_unknown=choice)
    assert (problem.code, problem.maybe_delivered, problem.retry) == (
        "outcome_unknown",
        True,
        retry,
    )


def test_a_server_where_nobody_listens_is_tried_again(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings.OUTBOUND_ALLOW = {"destination": [f"127.0.0.1:{port}"]}
    problem = problem_of(Mailbox(port=port))
    assert (problem.code, problem.retry, problem.maybe_delivered) == ("network_error", True, False)


def test_a_server_that_hangs_up_at_once_is_tried_again(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        settings.OUTBOUND_ALLOW = {"destination": [f"127.0.0.1:{port}"]}
        made = destination(Mailbox(port=port))

        async def deliver_to_it() -> None:
            task = asyncio.create_task(made.deliver(make_parcel(), make_outside()))
            peer, _ = await asyncio.to_thread(server.accept)
            peer.close()
            await task

        with pytest.raises(DeliveryProblem) as caught:
            asyncio.run(deliver_to_it())
    assert (caught.value.retry, caught.value.maybe_delivered) == (True, False)


def test_a_name_that_leads_to_this_machine_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, box: Mailbox
) -> None:
    settings.OUTBOUND_ALLOW = {}
    here = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 587))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: here)
    problem = problem_of(Mailbox(port=587), host="smtp.example.com", security="starttls")
    assert problem.code == "blocked_address"


def test_the_test_signs_in_and_sends_nothing(box: Mailbox) -> None:
    said = asyncio.run(destination(box).test(make_outside()))
    assert said == f"{box.place} answers. No mail was sent."
    assert box.commands == ["NOOP"]


# --- what may be saved ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"host": "127.0.0.1", "security": ""}, "is not an address on the public internet"),
        ({"host": "169.254.169.254"}, "is not an address on the public internet"),
        ({"host": "smtp.example.com", "port": 22, "security": ""}, "Port 22 is not open"),
        ({"host": "smtp.example.com"}, "Without encryption"),
        ({"host": "a b"}, "not a plain name"),
        ({"recipients": ""}, "required"),
        ({"recipients": "ada@example.com\nBcc: x"}, "is not an e-mail address"),
        ({"recipients": ",".join(f"p{n}@example.com" for n in range(21))}, "at most 20"),
        ({"sender": "robot@example.org\r\nBcc: a@b.example"}, "is not an e-mail address"),
        ({"password": "hunter2", "user": "x"}, "environment variable"),
        ({"password": "env:SECRET_KEY", "user": "x"}, "environment variable"),
        ({"user": "x"}, "Give user name and password"),
        ({"subject": "{{ txt }}"}, "did you mean `text`"),
    ],
)
def test_settings_that_could_not_work_are_refused(changes: dict[str, Any], said: str) -> None:
    assert said in faults(**changes)


def test_the_promise_is_the_editors_choice(box: Mailbox) -> None:
    assert destination(box).promise == "at_most_once"
    assert destination(box, when_unknown="again").promise == "at_least_once"
