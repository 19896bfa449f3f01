"""Destination: e-mail through a mail server, under a Message-ID that never changes."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from automations.connectors import parcels
from automations.connectors.base import (
    AT_LEAST_ONCE,
    Destination,
    Outside,
    Parcel,
    Preview,
    Receipt,
)
from automations.connectors.email_form import BODY, IMPLICIT, MAIL_PORTS, PLAIN, SUBJECT, EmailForm
from automations.connectors.headers import resolve
from automations.connectors.problems import DeliveryProblem
from automations.connectors.promises import promise_of
from automations.outbound import Allowance, OutboundFailed, OutboundRefused, open_connection
from automations.redaction import redact
from automations.text import clean_data, one_line

if TYPE_CHECKING:
    from aiosmtplib import SMTP

DEADLINE_S = 60.0
MAX_SUBJECT_CHARS = 200


class EmailDestination(Destination):
    """Mails each output; nobody's mail server keeps one copy of what comes twice."""

    kind = "email"
    label = "E-mail"
    help = "Mails each output to the people you name."
    settings_form = EmailForm
    read_by_people = True

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        first, *rest = settings["recipients"]
        others = f" and {len(rest)} more" if rest else ""
        return f"mails {first}{others} through {settings['host']}"

    @property
    def promise(self) -> str:
        return promise_of(self.settings)

    async def deliver(self, parcel: Parcel, outside: Outside) -> Receipt:
        message = self._message(parcel)
        try:
            async with asyncio.timeout(DEADLINE_S) as deadline, self._connected() as smtp:
                await self._envelope(smtp)
                deadline.reschedule(None)
                return await self._handed_over(smtp, message)
        except TimeoutError as error:
            raise _broken(self._where, "timeout", "no whole answer within 60 s") from error

    async def test(self, outside: Outside) -> str:
        """Connect, encrypt, sign in, say NOOP; no mail is begun."""
        try:
            async with asyncio.timeout(DEADLINE_S), self._connected() as smtp:
                await smtp.noop()
        except TimeoutError as error:
            raise _broken(self._where, "timeout", "no whole answer within 60 s") from error
        signed_in = f", signed in as {self.settings['user']}" if self.settings.get("user") else ""
        return f"{self._where} answers{signed_in}. No mail was sent."

    def preview(self, parcel: Parcel) -> Preview:
        """Show the mail as the server would get it."""
        message = self._message(parcel)
        shown = ("From", "To", "Subject", "Date", "Message-ID")
        lines = "\n".join(f"{name}: {message[name]}" for name in shown)
        text = message.get_body(("plain",))
        parts = [("Headers", lines), ("Text", text.get_content() if text else "")]
        files = [(part.get_filename() or "", part.get_content()) for part in _attached(message)]
        return Preview(self.summary(self.settings), [*parts, *files])

    @property
    def _where(self) -> str:
        return f"{one_line(self.settings['host'], limit=80)}:{self.settings['port']}"

    def _message(self, parcel: Parcel) -> EmailMessage:
        """Return the mail; the same parcel always makes the same one."""
        subject = parcels.filled(self.settings.get("subject") or SUBJECT, parcel)
        message = EmailMessage(policy=policy.SMTP)
        message["From"] = self.settings["sender"]
        message["To"] = ", ".join(self.settings["recipients"])
        message["Subject"] = one_line(subject, limit=MAX_SUBJECT_CHARS)
        message["Date"] = format_datetime(parcel.created_at)
        domain = self.settings["sender"].rpartition("@")[2]
        message["Message-ID"] = f"<{parcel.key}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(parcels.filled(self.settings.get("body") or BODY, parcel))
        if self.settings.get("attach_data") and parcel.data is not None:
            _attach(message, parcel)
        return message

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[SMTP]:
        """Open the guarded connection, encrypt it, sign in. Raises `DeliveryProblem`."""
        from aiosmtplib import SMTP, SMTPException  # noqa: PLC0415  workers only

        password, secret = resolve(self.settings.get("password") or "")
        made = await self._socket()
        smtp = SMTP(
            hostname=self.settings["host"],
            sock=made,
            use_tls=self.settings.get("security") == IMPLICIT,
            start_tls=False,
            local_hostname="lifecycle.invalid",
            timeout=DEADLINE_S,
        )
        try:
            await smtp.connect()
            if self.settings.get("security") not in (IMPLICIT, PLAIN):
                await smtp.starttls()
            if self.settings.get("user"):
                await smtp.login(self.settings["user"], password)
            yield smtp
            with suppress(SMTPException, OSError):
                await smtp.quit()
        except (SMTPException, ssl.SSLError, OSError) as error:
            raise _explained(error, self._where, secret) from error
        finally:
            smtp.close()
            made.close()

    async def _socket(self) -> Any:
        allow = Allowance.for_purpose("destination")
        host, port = self.settings["host"], self.settings["port"]
        try:
            return await open_connection(allow, host, port, ports=MAIL_PORTS)
        except OutboundRefused as refusal:
            raise DeliveryProblem(refusal.message, code=refusal.code) from refusal
        except OutboundFailed as failure:
            again = failure.code != "dns_error"
            raise DeliveryProblem(failure.message, code=failure.code, retry=again) from failure

    async def _envelope(self, smtp: SMTP) -> None:
        """Name sender and recipients; one refused recipient means that nobody is written to."""
        await smtp.mail(self.settings["sender"])
        for recipient in self.settings["recipients"]:
            await smtp.rcpt(recipient)

    async def _handed_over(self, smtp: SMTP, message: EmailMessage) -> Receipt:
        """Send the mail itself: from here on a broken connection leaves the outcome unknown."""
        from aiosmtplib import SMTPResponseException  # noqa: PLC0415

        try:
            async with asyncio.timeout(DEADLINE_S):
                answer = await smtp.data(message.as_bytes())
        except SMTPResponseException:
            raise
        except (OSError, TimeoutError) as error:
            raise self._unknown() from error
        said = one_line(redact(answer.message), limit=200)
        reference = f"{message['Message-ID']} taken by {self._where} ({said})"
        return Receipt(reference, {"message_id": str(message["Message-ID"])})

    def _unknown(self) -> DeliveryProblem:
        repeats = self.promise == AT_LEAST_ONCE
        then = "it is tried again" if repeats else "look there before sending again"
        return DeliveryProblem(
            f"The connection to {self._where} broke after the mail was handed over and before its "
            f"receipt was confirmed; it may have arrived all the same, so {then}.",
            code="outcome_unknown",
            retry=repeats,
            maybe_delivered=True,
        )


def _attach(message: EmailMessage, parcel: Parcel) -> None:
    content = json.dumps(clean_data(parcel.data), ensure_ascii=False, indent=2)
    name = f"run-{parcel.run_id}.json"
    message.add_attachment(content.encode(), maintype="application", subtype="json", filename=name)


def _attached(message: EmailMessage) -> list[Any]:
    return list(message.iter_attachments())


def _broken(where: str, code: str, what: str) -> DeliveryProblem:
    return DeliveryProblem(
        f"The mail server {where} could not be used: {what}; it is tried again.",
        code=code,
        retry=True,
    )


def _explained(error: Exception, where: str, secret: str) -> DeliveryProblem:
    """Return an SMTP failure before the mail was handed over, or a refusal of it, in words."""
    from aiosmtplib import errors  # noqa: PLC0415

    if isinstance(error, errors.SMTPResponseException):
        return _refused(error.code, redact(error.message, [secret]), where, error)
    if isinstance(error, ssl.SSLError):
        return DeliveryProblem(
            f"No secure connection to {where} could be made; check that the server's name and its "
            "certificate belong together, and the kind of encryption.",
            code="tls_error",
        )
    if isinstance(error, (OSError, TimeoutError)):
        return _broken(where, "network_error", "the connection broke before the mail was sent")
    said = one_line(redact(str(error), [secret]))
    return DeliveryProblem(
        f"The mail server {where} cannot do what is asked ({said}); check encryption and sign-in.",
        code="mail_unsupported",
    )


def _refused(code: int, said: str, where: str, error: Any) -> DeliveryProblem:
    from aiosmtplib import errors  # noqa: PLC0415

    again = 400 <= code < 500
    whom = (
        f" for {one_line(error.recipient)}"
        if isinstance(error, errors.SMTPRecipientRefused)
        else ""
    )
    if isinstance(error, errors.SMTPAuthenticationError) and not again:
        advice, name = "check user name and password", "mail_sign_in"
    else:
        advice = "it is tried again" if again else "nobody was written to; correct what it names"
        name = f"smtp_{code}"
    return DeliveryProblem(
        f"The mail server {where} answered {code}{whom} (“{one_line(said)}”); {advice}.",
        code=name,
        retry=again,
    )
