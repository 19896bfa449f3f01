"""The five roles as groups, and the rights each one has on this floor."""

from typing import Any

from django.contrib.auth.models import Group, Permission

MODELS = (
    "apitoken",
    "attempt",
    "auditevent",
    "automation",
    "batch",
    "control",
    "delivery",
    "destination",
    "drill",
    "firing",
    "hook",
    "provider",
    "run",
    "seenitem",
    "source",
    "trigger",
    "validatorrule",
    "version",
    "worker",
)
EDITED = ("automation", "destination", "source", "trigger", "validatorrule", "version")

VIEW = {f"automations.view_{model}" for model in MODELS if model != "apitoken"}
OPERATE = {"automations.start_run", "automations.pause_automation", "automations.view_prompt"}
EDIT = {f"automations.{verb}_{model}" for verb in ("add", "change") for model in EDITED} | {
    "automations.delete_destination",
    "automations.delete_trigger",
    "automations.delete_validatorrule",
    "automations.publish_version",
    "automations.view_prompt",
    "automations.test_connection",
}
APPROVE = {
    "automations.make_live",
    "automations.approve_delivery",
    "automations.halt_engine",
    "automations.view_prompt",
}
ADMINISTER = {
    *(f"automations.{verb}_apitoken" for verb in ("add", "change", "view")),
    "automations.view_prompt",
    *(f"automations.{verb}_provider" for verb in ("add", "change", "delete", "test")),
    *(f"auth.{verb}_{model}" for verb in ("add", "change", "view") for model in ("user", "group")),
    "automations.halt_engine",
}

ROLES: dict[str, set[str]] = {
    "Viewers": VIEW,
    "Operators": VIEW | OPERATE,
    "Editors": VIEW | EDIT,
    "Approvers": VIEW | APPROVE,
    "Admins": VIEW | ADMINISTER,
}


def grant(**_: Any) -> None:
    """Give every role its rights on this floor; runs after each migrate."""
    grant_all(ROLES)


def grant_all(granted: dict[str, set[str]]) -> None:
    """Give roles their rights; adds only what is missing."""
    for name, rights in granted.items():
        group, _created = Group.objects.get_or_create(name=name)
        group.permissions.add(*_permissions(rights))


def _permissions(rights: set[str]) -> list[Permission]:
    codenames = {right.split(".")[1] for right in rights}
    apps = {right.split(".")[0] for right in rights}
    found = Permission.objects.select_related("content_type").filter(
        codename__in=codenames, content_type__app_label__in=apps
    )
    return [p for p in found if f"{p.content_type.app_label}.{p.codename}" in rights]
