"""The settings by which a source or destination finds its bucket in an object store."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms

from automations import references
from automations.outbound import Allowance, OutboundRefused, check_url
from automations.stores import BUCKET


class StoreForm(forms.Form):
    """Which bucket of which store, under which keys; `purpose` is "source" or "destination"."""

    purpose: ClassVar[str] = "destination"

    bucket = forms.CharField(
        label="Bucket",
        required=False,
        max_length=63,
        help_text="Its name, for example team-articles. Empty: the one in CONTENT_BUCKET.",
    )
    endpoint_url = forms.CharField(
        label="Endpoint",
        required=False,
        max_length=300,
        help_text="Empty for AWS; for others their address, for example "
        "https://minio.example.com:443.",
    )
    region = forms.RegexField(
        r"\A[a-z0-9-]{1,40}\Z",
        label="Region",
        required=False,
        help_text="For example eu-central-1; “auto” for R2. Empty: us-east-1.",
    )
    key_id_env = forms.CharField(
        label="Variable with the key id",
        required=False,
        max_length=80,
        help_text="The name of an environment variable of the worker, for example "
        "AWS_ACCESS_KEY_ID (Amazon alone) or STORE_KEY_ID. Both empty: no keys, for public "
        "buckets.",
    )
    secret_env = forms.CharField(
        label="Variable with the secret key",
        required=False,
        max_length=80,
        help_text="For example AWS_SECRET_ACCESS_KEY or STORE_SECRET; only its name is kept here.",
    )

    def clean_bucket(self) -> str:
        """Refuse what cannot be a bucket's name."""
        bucket: str = self.cleaned_data["bucket"]
        if bucket and not BUCKET.fullmatch(bucket):
            raise forms.ValidationError(
                "A bucket's name has 3 to 63 small letters, digits, dots and hyphens."
            )
        return bucket

    def clean_endpoint_url(self) -> str:
        """Refuse an address that may not be called."""
        url: str = self.cleaned_data["endpoint_url"].rstrip("/")
        if url:
            try:
                check_url(url, allow=Allowance.for_purpose(self.purpose))
            except OutboundRefused as refusal:
                raise forms.ValidationError(refusal.message) from refusal
        return url

    def clean_key_id_env(self) -> str:
        """Refuse a variable that is not meant for stores."""
        return self._variable("key_id_env", self._keys().key_id)

    def clean_secret_env(self) -> str:
        """Refuse a variable that is not meant for stores, or one without the other."""
        secret = self._variable("secret_env", self._keys().secret)
        if bool(secret) != bool(self.data.get("key_id_env")):
            raise forms.ValidationError("Name both variables or neither.")
        return secret

    def _keys(self) -> references.StoreKeys:
        # An endpoint that was refused is missing here, and is not Amazon either.
        is_amazon = self.cleaned_data.get("endpoint_url") == ""
        return references.store_keys(self.purpose, is_amazon=is_amazon)

    def _variable(self, name: str, allowed: references.References) -> str:
        variable: str = self.cleaned_data[name]
        if variable and (faults := allowed.variable_faults(variable)):
            raise forms.ValidationError(faults)
        return variable


def store_in_words(settings: Any) -> str:
    """Say which bucket settings mean."""
    bucket = settings.get("bucket") or "the bucket in CONTENT_BUCKET"
    host = (settings.get("endpoint_url") or "").partition("://")[2].partition("/")[0]
    return f"{bucket} at {host}" if host else str(bucket)
