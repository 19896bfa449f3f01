"""The settings of e-mail as destination."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.core.validators import validate_email

from automations.connectors import parcels
from automations.connectors.promises import UnknownOutcomeForm
from automations.outbound import Allowance, OutboundRefused, check_host
from automations.references import DESTINATION, MARK
from automations.text import one_line

PREFIX = DESTINATION.prefix
MAX_RECIPIENTS = 20
MAIL_PORTS = (25, 465, 587, 2525)
STARTTLS, IMPLICIT, PLAIN = "starttls", "tls", "none"
SUBJECT, BODY = "{{ automation }}: run {{ run_id }}", "{{ text }}"

_APART = re.compile(r"[\s,;]+")


class RecipientsField(forms.Field):
    """Addresses apart by commas or lines in the form, a list in the settings."""

    widget = forms.Textarea(attrs={"rows": 2, "spellcheck": "false"})

    def prepare_value(self, value: Any) -> Any:
        """Show a stored list as lines."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:
        """Read addresses. Raises `ValidationError` naming the one that is none."""
        given = value if isinstance(value, list) else _APART.split(str(value or ""))
        addresses = list(dict.fromkeys(str(address) for address in given if address))
        if len(addresses) > MAX_RECIPIENTS:
            raise forms.ValidationError(
                f"There are {len(addresses)} addresses; at most {MAX_RECIPIENTS} are allowed. Use "
                "a mailing list."
            )
        for address in addresses:
            _require_address(address)
        return addresses


class EmailForm(UnknownOutcomeForm):
    """Which mail server, who writes, who reads, what."""

    recipients = RecipientsField(
        label="To", help_text=f"One address a line, at most {MAX_RECIPIENTS}."
    )
    sender = forms.CharField(
        label="From", max_length=254, help_text="An address that the server lets you write as."
    )
    subject = forms.CharField(
        label="Subject",
        required=False,
        max_length=200,
        help_text=f"{SUBJECT} when empty. Known: {parcels.names_in_words()}.",
    )
    body = forms.CharField(
        label="Text",
        required=False,
        max_length=parcels.MAX_TEMPLATE_CHARS,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=f"{BODY} when empty; the same names are known.",
    )
    attach_data = forms.BooleanField(
        label="Attach the data",
        required=False,
        help_text="Where an output has data, it comes along as a JSON file.",
    )
    host = forms.CharField(
        label="Mail server", max_length=253, help_text="For example smtp.example.com."
    )
    port = forms.IntegerField(
        label="Port", required=False, min_value=1, max_value=65_535,
        help_text="587 when empty, 465 with TLS from the start.",
    )  # fmt: skip
    security = forms.ChoiceField(
        label="Encryption",
        required=False,
        choices=[
            (STARTTLS, "STARTTLS, required"),
            (IMPLICIT, "TLS from the start"),
            (PLAIN, "None (only to a server that OUTBOUND_ALLOW_DESTINATIONS names)"),
        ],
    )
    user = forms.CharField(label="User name", required=False, max_length=254)
    password = forms.CharField(
        label="Password",
        required=False,
        max_length=100,
        help_text=f"As env:{PREFIX}NAME; it is read from the worker's environment.",
    )

    field_order = (
        "recipients", "sender", "subject", "body", "attach_data", "host", "port", "security",
        "user", "password", "when_unknown",
    )  # fmt: skip

    def clean_recipients(self) -> list[str]:
        """Refuse a mail to nobody."""
        recipients: list[str] = self.cleaned_data["recipients"]
        if not recipients:
            raise forms.ValidationError("Name at least one address.")
        return recipients

    def clean_sender(self) -> str:
        """Refuse what is no address."""
        sender: str = self.cleaned_data["sender"]
        _require_address(sender)
        return sender

    def clean_subject(self) -> str:
        """Refuse names that are not known."""
        return self._template("subject", SUBJECT)

    def clean_body(self) -> str:
        """Refuse names that are not known."""
        return self._template("body", BODY)

    def clean_security(self) -> str:
        """Fill in the usual encryption."""
        return self.cleaned_data["security"] or STARTTLS

    def clean_password(self) -> str:
        """Refuse the password itself, and one without a name."""
        password: str = self.cleaned_data["password"]
        if password and (not password.startswith(MARK) or DESTINATION.faults(password)):
            raise forms.ValidationError(
                f"Put the password into an environment variable and write env:{PREFIX}NAME."
            )
        if bool(password) != bool(self.cleaned_data.get("user")):
            raise forms.ValidationError("Give user name and password, or neither.")
        return password

    def clean(self) -> dict[str, Any]:
        """Refuse a server that may not be called, and mail in clear over the internet."""
        values = self.cleaned_data
        values["port"] = values.get("port") or (465 if values.get("security") == IMPLICIT else 587)
        if host := values.get("host"):
            allow = Allowance.for_purpose("destination")
            try:
                check_host(host, values["port"], allow=allow, ports=MAIL_PORTS)
            except OutboundRefused as refusal:
                self.add_error("host", refusal.message)
            if values.get("security") == PLAIN and not allow.permits(host, values["port"]):
                self.add_error("security", "Without encryption anybody could read along.")
        return values

    def _template(self, name: str, usual: str) -> str:
        template: str = self.cleaned_data[name] or usual
        if faults := parcels.template_faults(template):
            raise forms.ValidationError(faults)
        return template


def _require_address(address: str) -> None:
    try:
        validate_email(address)
        address.encode("ascii")
    except (forms.ValidationError, UnicodeEncodeError) as error:
        raise forms.ValidationError(
            f"{one_line(address, limit=80)} is not an e-mail address; write it like "
            "name@example.com, without accents."
        ) from error
