"""API tokens, for administrators: the list, making one (shown once), revoking one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from automations import services
from automations.errors import AutomationsError, NotAllowed
from automations.models import SCOPES, ApiToken
from automations.services.tokens import DEFAULT_DAYS, MAX_DAYS
from automations.views.access import known_to, tell
from automations.views.paging import page_of

PAGE = 50


class TokenForm(forms.Form):
    """Whom a token acts for, what it may do, and for how long."""

    name = forms.CharField(max_length=80, help_text="What uses it, for example “Nightly import”.")
    user = forms.ModelChoiceField(
        label="Acts as",
        queryset=User.objects.none(),
        empty_label="Choose",
        help_text="It may do what this person may do, narrowed to the scopes below.",
    )
    scopes = forms.MultipleChoiceField(
        choices=[(scope, f"{scope}: {said}") for scope, said in SCOPES.items()],
        widget=forms.CheckboxSelectMultiple,
    )
    days = forms.IntegerField(
        label="Days it lives",
        initial=DEFAULT_DAYS,
        min_value=1,
        max_value=MAX_DAYS,
        help_text=f"1 to {MAX_DAYS}. Then requests with it are refused.",
    )

    def __init__(self, by: Any, data: Any = None) -> None:
        super().__init__(data)
        people = User.objects.filter(is_active=True).order_by("username")
        if not by.is_superuser:
            people = people.filter(is_superuser=False)
        chooser: Any = self.fields["user"]
        chooser.queryset = people


@require_safe
@known_to("automations.view_apitoken")
def listed(request: HttpRequest) -> HttpResponse:
    """List the tokens, newest first; never their text."""
    tokens = ApiToken.objects.select_related("user", "created_by")
    context = {
        "title": "API tokens",
        "page": page_of(tokens, request, size=PAGE),
        "may_add": request.user.has_perm("automations.add_apitoken"),
        "may_revoke": request.user.has_perm("automations.change_apitoken"),
    }
    return render(request, "automations/apitoken_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@known_to("automations.add_apitoken")
def new(request: HttpRequest) -> HttpResponse:
    """Make a token and show its text in the answer, which is the only place that has it."""
    form = TokenForm(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = _make(request, form)
        if made:
            return _shown_once(request, *made)
    return render(request, "automations/apitoken_form.html", {"title": "New token", "form": form})


@sensitive_variables()
def _make(request: HttpRequest, form: TokenForm) -> tuple[ApiToken, str] | None:
    values = form.cleaned_data
    try:
        return services.create_token(
            values["user"], name=values["name"], scopes=values["scopes"], days=values["days"],
            by=request.user,
        )  # fmt: skip
    except NotAllowed:
        raise
    except ValidationError as error:
        form.add_error(None, error.messages)
    except AutomationsError as error:
        messages.error(request, str(error))
    return None


@sensitive_variables()
def _shown_once(request: HttpRequest, token: ApiToken, text: str) -> HttpResponse:
    place = request.build_absolute_uri(reverse("api:list_runs"))
    context = {"title": "Copy the new token now", "token": token, "text": text, "place": place}
    return render(request, "automations/apitoken_made.html", context)


@require_POST
@known_to("automations.view_apitoken")
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Revoke a token at once."""
    token = get_object_or_404(ApiToken.objects.select_related("user"), pk=pk)
    verb = services.revoke_token
    tell(request, lambda: verb(token, by=request.user), f"{token} is revoked.")
    return redirect("tokens")
