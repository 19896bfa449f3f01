"""Verbs on versions: draft, publish, make live."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction
from django.forms import model_to_dict
from django.utils import timezone

from automations.audit import Actor, record
from automations.errors import WrongState
from automations.models import Automation, Provider, Source, ValidatorRule, Version
from automations.services.acting import require, require_one

# The stages in which an editor may not change what is live.
APPROVERS_ONLY = (Automation.Stage.PRODUCTION, Automation.Stage.RETIRED)


def create_automation(automation: Automation, *, by: Actor) -> Automation:
    """Save a new automation with its form source and a first draft to fill in."""
    require(by, "automations.add_automation")
    with transaction.atomic():
        automation.save()
        Source.objects.get_or_create(automation=automation)
        record("create automation", automation, by=by)
        create_draft(automation, by=by)
    return automation


def create_draft(automation: Automation, *, by: Actor, source: Version | None = None) -> Version:
    """Make a new draft, copied from `source`, else from the newest version, else empty."""
    require(by, "automations.add_version")
    with transaction.atomic():
        Automation.objects.select_for_update(no_key=True).get(pk=automation.pk)
        newest = automation.versions.order_by("-number").first()
        draft = _copy(source or newest, automation)
        draft.number = (newest.number if newest else 0) + 1
        draft.created_by_id = by.pk if by else None
        draft.save()
        _copy_rules(source or newest, draft)
        record("create draft", draft, by=by)
    return draft


def _copy(source: Version | None, automation: Automation) -> Version:
    if source is None:
        return Version(automation=automation, provider=Provider.objects.default())
    skipped = {
        "id",
        "automation",
        "provider",
        "number",
        "created_by",
        "published_at",
        "published_by",
    }
    fields = [f.name for f in Version._meta.concrete_fields if f.name not in skipped]
    values = {name: getattr(source, name) for name in fields if name != "created_at"}
    return Version(automation=automation, provider_id=source.provider_id, **{**values, "note": ""})


def _copy_rules(source: Version | None, draft: Version) -> None:
    rules: Iterable[ValidatorRule] = source.validator_rules.all() if source else default_rules()
    for rule in rules:
        values = model_to_dict(rule, exclude=["id", "version"])
        ValidatorRule.objects.create(version=draft, **values)


def default_rules() -> list[ValidatorRule]:
    """Return the published length checks, and one that no key leaves in an output.

    Input 100 to 50,000, output 50 to 1,300 characters.
    """
    bounds = {
        ValidatorRule.Direction.INPUT: {"min_stripped": 100, "max_raw": 50_000},
        ValidatorRule.Direction.OUTPUT: {"min_stripped": 50, "max_raw": 1_300},
    }
    rules = [ValidatorRule(direction=d, kind="length", settings=s) for d, s in bounds.items()]
    output = ValidatorRule.Direction.OUTPUT
    return [*rules, ValidatorRule(direction=output, kind="no_secrets", position=1)]


def publish_version(
    version: Version, *, by: Actor, note: str | None = None, asked_by: Actor = None
) -> Version:
    """Freeze a draft as it is stored, with `note` in place of its own if one is given.

    Where `by` only agrees to what somebody else asked for, that person publishes it and needs the
    right to; the trail keeps whose deed it was and who asked.

    Raises:
        NotAllowed: the person may not publish.
        WrongState: it is published already.
        ValidationError: the recipe is not complete.
    """
    publisher = asked_by or by
    require(publisher, "automations.publish_version")
    with transaction.atomic():
        stored = hold_draft(version.pk)
        if note is not None:
            stored.note = note
        stored.full_clean(exclude=["number"])
        Version.objects.drafts().filter(pk=stored.pk).update(
            published_at=timezone.now(),
            published_by_id=publisher.pk if publisher else None,
            note=stored.note,
        )
        version.refresh_from_db()
        asked = {"asked_by": str(asked_by)} if asked_by and asked_by != by else None
        record("publish version", version, by=by, after=asked)
    return version


def hold_draft(pk: int) -> Version:
    """Return a draft with its row locked, so that nobody publishes or changes it in between.

    Raises:
        WrongState: it is published.
    """
    locked = Version.objects.select_for_update(of=("self",), no_key=True).select_related(
        "automation"
    )
    version = locked.get(pk=pk)
    if version.is_published:
        raise WrongState(
            f"{version} is published already and never changes; make a new draft from it."
        )
    return version


def make_live(version: Version, *, by: Actor) -> Version:
    """Point the automation at this version: new runs use it at once, running ones go on.

    Raises:
        NotAllowed: as `require_live`.
        WrongState: the version is a draft.
    """
    require_live(Automation.objects.get(pk=version.automation_id), by=by)
    if not version.is_published:
        raise WrongState(f"{version} is a draft; publish it first, then make it live.")
    with transaction.atomic():
        locked = Automation.objects.select_for_update(no_key=True)
        automation = locked.get(pk=version.automation_id)
        before = {"live_version": _number(automation.live_version)}
        automation.live_version = version
        automation.save(update_fields=["live_version", "updated_at"])
        after = {"live_version": version.number}
        record("make live", automation, by=by, before=before, after=after)
    version.automation = automation
    return version


def require_live(automation: Automation, *, by: Actor) -> None:
    """Refuse who may not change what is live: in production, and retired, approvers only.

    Raises:
        NotAllowed: with a sentence that names the right.
    """
    early = () if automation.stage in APPROVERS_ONLY else ("automations.change_version",)
    require_one(by, *early, "automations.make_live")


def _number(version: Version | None) -> int | None:
    return version.number if version else None
