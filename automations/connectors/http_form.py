"""The settings of the web address as destination."""

from __future__ import annotations

import re

from django import forms

from automations.connectors import parcels
from automations.connectors.headers import HeadersField
from automations.connectors.promises import UnknownOutcomeForm
from automations.outbound import Allowance, OutboundRefused, check_url
from automations.redaction import find_secrets
from automations.references import DESTINATION, MARK

PREFIX = DESTINATION.prefix
METHODS = ("POST", "PUT", "PATCH")
STANDARD, TEMPLATE, TEXT = "standard", "template", "text"

_MEDIA_TYPE = re.compile(r"\A[a-z]+/[a-z0-9.+-]+(; ?charset=[a-z0-9-]+)?\Z")


class HttpForm(UnknownOutcomeForm):
    """Where to send, how, with which headers, and what the receiver promises."""

    url = forms.CharField(
        label="Address",
        max_length=2_000,
        help_text="For example https://example.com/posts. Where the address itself is a secret, "
        f"put it into an environment variable and write env:{PREFIX}NAME.",
    )
    method = forms.ChoiceField(
        label="Method", required=False, choices=[(method, method) for method in METHODS]
    )
    body = forms.ChoiceField(
        label="Body",
        required=False,
        choices=[
            (STANDARD, "JSON with automation, run_id, output and created_at"),
            (TEMPLATE, "JSON from the template below"),
            (TEXT, "The text alone"),
        ],
    )
    template = forms.CharField(
        label="JSON template",
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "class": "monospace"}),
        help_text='For example {"title": "{{ data_title }}", "post": "{{ text }}"}. Known in '
        f"strings: {parcels.names_in_words()}. A string that is only a name becomes the value "
        "itself.",
    )
    content_type = forms.RegexField(
        _MEDIA_TYPE,
        label="Content type of text",
        required=False,
        max_length=100,
        help_text="text/plain; charset=utf-8 when empty. JSON bodies are application/json.",
    )
    headers = HeadersField(
        label="Headers",
        required=False,
        help_text=f"One per line, for example Authorization: Bearer env:{PREFIX}TOKEN. "
        "Secrets are read from the worker's environment and never stored here.",
    )
    signing_secret = forms.CharField(
        label="Signing secret",
        required=False,
        max_length=100,
        help_text=f"As env:{PREFIX}NAME. Deliveries are then signed as Standard Webhooks says "
        "(webhook-id, webhook-timestamp, webhook-signature).",
    )
    old_signing_secret = forms.CharField(
        label="Former signing secret",
        required=False,
        max_length=100,
        help_text="While you change secrets, deliveries carry a signature with each.",
    )
    honours_idempotency_key = forms.BooleanField(
        label="The receiver honours Idempotency-Key",
        required=False,
        help_text="Tick it if the receiver keeps one copy of what it gets twice under one key. "
        "A delivery with an unknown outcome is then repeated without harm.",
    )
    timeout_s = forms.IntegerField(
        label="Time limit",
        min_value=1,
        max_value=300,
        initial=30,
        required=False,
        help_text="Seconds until a delivery counts as failed; 30 when empty.",
    )

    field_order = (
        "url",
        "method",
        "body",
        "template",
        "content_type",
        "headers",
        "signing_secret",
        "old_signing_secret",
        "honours_idempotency_key",
        "when_unknown",
        "timeout_s",
    )

    def clean_url(self) -> str:
        """Refuse an address that holds a secret or may not be called."""
        url: str = self.cleaned_data["url"]
        if url.startswith(MARK):
            faults = DESTINATION.faults(url)
        elif find_secrets(url):
            faults = [
                "The address holds a secret; put it into an environment variable and write "
                f"env:{PREFIX}NAME."
            ]
        else:
            faults = call_faults(url)
        if faults:
            raise forms.ValidationError(faults)
        return url

    def clean_method(self) -> str:
        """Fill in the usual method."""
        return self.cleaned_data["method"] or METHODS[0]

    def clean_body(self) -> str:
        """Fill in the usual body."""
        return self.cleaned_data["body"] or STANDARD

    def clean_template(self) -> str:
        """Refuse a template that is not JSON or names what is not there."""
        template: str = self.cleaned_data["template"]
        needed = self.cleaned_data.get("body") == TEMPLATE
        if needed and not template:
            raise forms.ValidationError("Write the template, or choose another body.")
        if template and (faults := parcels.json_faults(template)):
            raise forms.ValidationError(faults)
        return template

    def clean_signing_secret(self) -> str:
        """Refuse a secret itself."""
        return self._reference("signing_secret")

    def clean_old_signing_secret(self) -> str:
        """Refuse a secret itself, and a former secret without a present one."""
        former = self._reference("old_signing_secret")
        if former and not self.cleaned_data.get("signing_secret"):
            raise forms.ValidationError("Name the present signing secret as well.")
        return former

    def clean_timeout_s(self) -> int:
        """Fill in the usual limit."""
        return self.cleaned_data["timeout_s"] or 30

    def _reference(self, name: str) -> str:
        value: str = self.cleaned_data[name]
        if value and (not value.startswith(MARK) or DESTINATION.faults(value)):
            raise forms.ValidationError(
                f"Put the secret into an environment variable and write env:{PREFIX}NAME."
            )
        return value


def call_faults(url: str) -> list[str]:
    """Return why a destination's address may not be called; empty when it may."""
    try:
        check_url(url, allow=Allowance.for_purpose("destination"))
    except OutboundRefused as refusal:
        return [refusal.message]
    return []
