"""Providers in the admin: keys go in and never come out."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib import messages as notices
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString

from automations import services
from automations.admin.base import AuditedAdmin
from automations.models import Provider, Worker
from automations.templatetags.ui import pill


class ProviderForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """A provider, with a field that takes a key and never shows one."""

    base_url = forms.URLField(
        label="Base URL",
        required=False,
        max_length=300,
        assume_scheme="https",
        help_text="For example https://api.openai.com/v1",
    )
    key = forms.CharField(
        label="New key",
        required=False,
        max_length=4000,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="Stored encrypted and never shown again; empty leaves the key as it is.",
    )
    forget_key = forms.BooleanField(label="Forget the stored key", required=False)

    class Meta:
        model = Provider
        fields = [
            "name", "kind", "base_url", "api_key_env", "default_model", "max_concurrency",
            "requests_per_minute", "tokens_per_minute",
        ]  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "kind" in self.fields:  # there is one default provider already
            kinds = [c for c in Provider.Kind.choices if c[0] != Provider.Kind.DEFAULT]
            self.fields["kind"].choices = kinds  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse a key where no key of its own is used."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        kind = values.get("kind") or self.instance.kind
        if values.get("key") and kind != Provider.Kind.ENDPOINT:
            self.add_error("key", "Only an endpoint has a key of its own.")
        return values

    @property
    def moves(self) -> bool:
        """Whether the stored address changes, so that the key must not go along."""
        return bool(self.instance.pk) and "base_url" in self.changed_data


@admin.register(Provider)
class ProviderAdmin(AuditedAdmin):
    """Where model calls go, how fast, and in which state that is."""

    form = ProviderForm
    change_form_template = "automations/admin_provider.html"
    list_display = ["name", "kind", "base_url", "key_state", "max_concurrency", "state"]
    actions = None
    fieldsets = [
        (None, {"fields": ["name", "kind", "base_url", "default_model"]}),
        ("Key", {"fields": ["api_key_env", "key_state", "key", "forget_key"]}),
        ("Limits", {"fields": ["max_concurrency", "requests_per_minute", "tokens_per_minute"]}),
    ]

    @admin.display(description="stored key")
    def key_state(self, provider: Provider) -> str:
        """Say whether there is a key, never which."""
        if provider.api_key_env:
            return f"from the variable {provider.api_key_env}"
        return "stored, encrypted" if provider.api_key_sealed else "none"

    @admin.display(description="state")
    def state(self, provider: Provider) -> SafeString:
        """Show whether calls go on."""
        if provider.circuit_is_open:
            return pill("failed", "Failing" if provider.circuit_is_outage else "Stopped")
        return pill("paused") if provider.is_paused else pill("live", "Ready")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show the default provider, which has no address and key of its own, by its limits."""
        if obj and obj.kind == Provider.Kind.DEFAULT:
            return [(None, {"fields": ["name", "kind"]}), self.fieldsets[2]]
        return self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """A provider stays what it is."""
        return ["key_state", "kind"] if obj else ["key_state"]

    def save_model(self, request: HttpRequest, obj: Provider, form: Any, change: Any) -> None:
        """Keep the provider; a new address loses the old key, a typed key is sealed."""
        forgotten = forget_key_of(obj, form)
        super().save_model(request, obj, form, change)
        if forgotten:
            notices.warning(request, forgotten)
        if form.cleaned_data.get("key"):
            services.set_key(obj, form.cleaned_data["key"], by=request.user)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the state of the connection above the form."""
        more = {
            "provider": self.get_object(request, object_id),
            "worker_alive": Worker.alive().exists(),
            "may_test": request.user.has_perm("automations.test_provider"),
        }
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The default provider stays."""
        is_default = obj is not None and obj.kind == Provider.Kind.DEFAULT
        return not is_default and super().has_delete_permission(request, obj)


def forget_key_of(provider: Provider, form: ProviderForm) -> str:
    """Take the key away from a provider that moves or is told to; return what to say. Not saved."""
    had_key = provider.has_key
    if form.moves:
        provider.seal_key("")
        if "api_key_env" not in form.changed_data:
            provider.api_key_env = ""
        return (
            "The base URL changed, so the key was cleared: no key goes to a new address unasked. "
            "Give it again."
            if had_key and not form.cleaned_data.get("key")
            else ""
        )
    if form.cleaned_data.get("forget_key"):
        provider.seal_key("")
    return ""
