"""A real mail server in a thread of its own, on a free port of loopback, that can misbehave."""

from __future__ import annotations

import asyncio
import functools
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

USER, PASSWORD = "robot", "mail-s3cret-value"


@dataclass(slots=True)
class Mailbox:
    """What arrived, and how the server shall behave: answers by command, `DROP` to hang up."""

    port: int = 0
    answers: dict[str, str] = field(default_factory=dict)
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    signed_in: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The first mail's text, with our line ends."""
        content: str = self.mails[0].get_content()
        return content.replace("\r\n", "\n")

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"


class _Handler:
    def __init__(self, box: Mailbox) -> None:
        self.box = box

    async def handle_MAIL(  # noqa: N802  aiosmtpd's name and arguments
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.box.commands.append("MAIL")
        envelope.mail_from = address
        return self.box.answers.get("MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self.box.commands.append("RCPT")
        answer = self.box.answers.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_NOOP(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, arg: str
    ) -> str:
        self.box.commands.append("NOOP")
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.box.commands.append("DATA")
        answer = self.box.answers.get("DATA", "250 taken as 4711")
        if answer == "DROP" and server.transport is not None:
            server.transport.abort()  # type: ignore[attr-defined]
            return "250 nobody hears this"
        if answer.startswith("250"):
            content = envelope.content
            assert isinstance(content, bytes)
            self.box.mails.append(message_from_bytes(content, policy=policy.default))
            self.box.recipients += envelope.rcpt_tos
        return answer


@contextmanager
def mail_server(
    *, tls: ssl.SSLContext | None = None, implicit: bool = False, sign_in: bool = False
) -> Iterator[Mailbox]:
    """Run a server that offers STARTTLS with `tls`, or speaks it from the start."""
    box = Mailbox()

    def authenticate(_server: Any, _session: Any, _envelope: Any, _how: str, data: Any) -> Any:
        box.signed_in.append(data.login.decode())
        good = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=good)

    options: dict[str, Any] = {"authenticator": authenticate, "auth_required": sign_in}
    options["auth_require_tls"] = False
    if tls and not implicit:
        options |= {"tls_context": tls, "require_starttls": True}
    factory = functools.partial(SMTP, _Handler(box), **options)
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(
        loop.create_server(factory, "127.0.0.1", 0, ssl=tls if implicit else None)
    )
    box.port = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield box
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(_stop, loop)
        thread.join(10)
        loop.close()


def _stop(loop: asyncio.AbstractEventLoop) -> None:
    """End the conversations that are left, then the loop."""
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.call_later(0.05, loop.stop)
