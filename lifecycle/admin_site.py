"""The admin site: its names, who signs in and out through it, and what it refuses to show."""

from functools import wraps
from typing import Any
from urllib.parse import unquote

from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.options import FORMFIELD_FOR_DBFIELD_DEFAULTS
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import BadRequest
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path
from django.views.decorators.csrf import csrf_protect

from automations.widgets import NATIVE_WIDGETS
from lifecycle import sidebar

# Staff who may edit a queue schedule may run any function: its row names a dotted path.
HIDDEN_APPS = frozenset({"django_q"})


class LifecycleAdminSite(AdminSite):
    """Everybody with an account signs in here; only staff see the admin's own pages."""

    site_header = "Lifecycle"
    site_title = "Lifecycle"
    index_title = "Settings"
    site_url = None
    login_form = AuthenticationForm
    empty_value_display = "\N{EN DASH}"

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        # Django's pair of scripted inputs shares one label, so the second one has none.
        for field, options in NATIVE_WIDGETS.items():
            FORMFIELD_FOR_DBFIELD_DEFAULTS[field].update(options)

    def register(
        self,
        model_or_iterable: Any,
        admin_class: "type[ModelAdmin[Any]] | None" = None,
        **options: Any,
    ) -> None:
        """Register models, except those of the apps whose rows are code."""
        single = isinstance(model_or_iterable, type)
        models: list[type[Model]] = [model_or_iterable] if single else list(model_or_iterable)
        shown = [model for model in models if model._meta.app_label not in HIDDEN_APPS]
        super().register(shown, admin_class, **options)

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Sign a person in; without another address given, go to the first page, not the admin."""
        asked = request.GET.get("next") or request.POST.get("next")
        context = {"next": asked or sidebar.home(), "title": "Sign in"}
        return super().login(request, {**context, **(extra_context or {})})

    def admin_view(self, view: Any, *options: Any, **named: Any) -> Any:
        """Guard a page as Django does; an address with a NUL, which no database takes, is a 400."""

        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if "\x00" in request.path_info + unquote(request.META.get("QUERY_STRING", "")):
                raise BadRequest("The address holds a NUL character; remove it.")
            answer: HttpResponse = view(request, *args, **kwargs)
            return answer

        return super().admin_view(checked, *options, **named)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Django's URLs; signing out and the password page are for people who are not staff too."""
        return [
            path("logout/", csrf_protect(self.logout), name="logout"),
            path("password_change/", login_required(self.password_change), name="password_change"),
            path(
                "password_change/done/",
                login_required(self.password_change_done),
                name="password_change_done",
            ),
            *super().get_urls(),
        ]
