"""People in the admin: Django's own pages, without the way from administrator to superuser."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import User
from django.http import HttpRequest

from automations.audit import record

POWERS = ("is_superuser", "user_permissions")


class PeopleAdmin(UserAdmin):  # type: ignore[type-arg]  # not generic at run time
    """Accounts and their roles; only a superuser makes superusers or touches one."""

    filter_horizontal = ()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Keep powers beyond the roles from everybody but superusers."""
        usual = super().get_readonly_fields(request, obj)
        return usual if is_superuser(request) else (*usual, *POWERS)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A superuser's account, password included, is for superusers."""
        above = obj is not None and obj.is_superuser and not is_superuser(request)
        return not above and super().has_change_permission(request, obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: Any) -> None:
        """Save the roles, and note who has which now."""
        super().save_related(request, form, formsets, change)
        roles = list(form.instance.groups.order_by("name").values_list("name", flat=True))
        record("save person", form.instance, by=request.user, after={"roles": roles})


def is_superuser(request: HttpRequest) -> bool:
    """Tell whether a superuser asks."""
    return bool(getattr(request.user, "is_superuser", False))


admin.site.unregister(User)
admin.site.register(User, PeopleAdmin)
