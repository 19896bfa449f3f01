"""The boxes of phase 4."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from automations.models import Automation, Provider
from lifecycle.evidence import literals, variables
from lifecycle.evidence.base import Evidence, Link, counted, dated, met, not_measured, not_met, to
from lifecycle.evidence.steps import go_live
from lifecycle.evidence.subject import Subject
from lifecycle.models import Promotion
from monitoring import health

TEST_DAYS = 7
TEST_TAKES = timedelta(minutes=5)
PIPELINE_DAYS = 180
NAMES_SHOWN = 6
STAGE = Automation.Stage
FORWARD = Q(kind=Promotion.Kind.STAGE) & (
    Q(to_stage=STAGE.PRODUCTION) | Q(from_stage=STAGE.IDEA, to_stage=STAGE.PROTOTYPE)
)


def environment(subject: Subject) -> Evidence:
    """Box 13: every variable that provider, source and destinations name is set."""
    page = to("Connections", "automation_connections", subject.slug)
    if subject.live is None:
        why = "no version is live, so nothing says which provider is called."
        return not_measured(why, step=go_live(subject))
    wanted = variables.wanted_by(subject)
    missing = [name for name in wanted if not variables.is_set(name)]
    if missing:
        why = f"{_listed(missing)} {'is' if len(missing) == 1 else 'are'} not set, as this process "
        why += "sees it: set it in the environment of web and worker."
        return not_met(why, page, step=Link("Look at the connections", page.url))
    if not wanted:
        return met("Nothing is asked of the environment: no connection names a variable.", page)
    named = counted(len(wanted), "variable")
    return met(f"All set, as this process sees it: {named} ({_listed(wanted)}).", page)


def _listed(names: list[str]) -> str:
    rest = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def secrets(subject: Subject) -> Evidence:
    """Box 14: the scan finds no literal, and in 7 days a live test call passed."""
    live = subject.live
    if live is None:
        why = "No version is live, so no provider can be tested."
        return not_met(why, step=go_live(subject))
    found = literals.found_in(subject)
    if found:
        why = f"What looks like a secret stands in {_listed(found)}: put it in the environment "
        why += "and name the variable instead."
        step = Link("Look at the recipe", live.get_absolute_url())
        return not_met(why, step=step)
    return _tested(subject, live.provider)


def _tested(subject: Subject, provider: Provider) -> Evidence:
    page = to(f"Provider {provider}", "admin:automations_provider_change", provider.pk)
    step = Link("Test the provider", page.url)
    tested = provider.tested_at
    if tested is None:
        return not_met(f"No secret found, but {provider} was never tested.", page, step=step)
    if provider.test_passed is None:
        waits = subject.now - tested < TEST_TAKES
        why = f"a test of {provider} " + ("is under way." if waits else "got no answer.")
        return not_measured(why, page, step=step)
    if not provider.test_passed:
        why = f"No secret found, but the test of {provider} on {dated(tested)} did not pass."
        return not_met(why, page, step=step)
    if tested < subject.days_ago(TEST_DAYS):
        why = f"No secret found, but {provider} was last tested on {dated(tested)}: a test holds "
        return not_met(f"{why}for {TEST_DAYS} days.", page, step=step)
    if provider.updated_at > tested + timedelta(seconds=1):
        why = f"No secret found, but {provider} was changed after its test on {dated(tested)}."
        return not_met(why, page, step=step)
    return met(f"No secret found; the test call to {provider} on {dated(tested)} passed.", page)


def database(subject: Subject) -> Evidence:
    """Box 15: migrations are applied, the database is written to, and the backup's age is known.

    The evaluator's own findings are the probe: they are written and read each time it looks. The
    backup is attested by a person, until the attestation expires.
    """
    pending = health.pending_migrations()
    page = to("Checklist", "checklist", subject.slug)
    attest = Link("Attest the backup", f"{page.url}#box-15")
    if pending:
        why = f"{counted(pending, 'migration')} not applied; run `manage.py migrate`."
        return not_met(why, step=Link("Look at the checklist", page.url))
    stands = "Migrations are applied, and this check is written and read here"
    attested = subject.attestations.get(15)
    if attested is None:
        why = f"{stands}; nobody has attested that there is a backup, and of when."
        return not_met(why, step=attest)
    by = f"{f' by {attested.by}' if attested.by else ''} on {dated(attested.at)}"
    if attested.expires_on < subject.today:
        why = (
            f"{stands}; the backup attested{by} was vouched for until {dated(attested.expires_on)}."
        )
        return not_met(why, step=attest)
    why = f"{stands}; backup attested{by}, until {dated(attested.expires_on)}: {attested.comment}"
    return met(why)


def pipeline(subject: Subject) -> Evidence:
    """Box 16: in 180 days one promotion, and one rollback or its rehearsal."""
    kinds = Promotion.Kind
    moved = _done(subject).filter(Q(kind=kinds.LIVE) | FORWARD).first()
    back = _done(subject).filter(kind__in=[kinds.ROLLBACK, kinds.REHEARSAL]).first()
    page = to("Promotions", "promotions", subject.slug)
    links = [_link_to(one) for one in (moved, back) if one]
    if moved and back:
        why = f"{_told(moved)}; {_told(back)}: both within {PIPELINE_DAYS} days."
        return met(why, *links)
    lacking = [word for word, one in (("promotion", moved), ("rollback or rehearsal", back))
               if one is None]  # fmt: skip
    why = f"No {' and no '.join(lacking)} within {PIPELINE_DAYS} days."
    label = "Rehearse a rollback" if moved else "Promote a version"
    return not_met(why, *links, step=Link(label, page.url))


def _done(subject: Subject) -> QuerySet[Promotion]:
    done = Promotion.objects.filter(
        automation=subject.automation, state=Promotion.State.DONE, is_sample=False
    ).alias(at=Coalesce("decided_at", "asked_at"))
    return done.filter(at__gte=subject.days_ago(PIPELINE_DAYS)).order_by("-at", "-pk")


def _told(promotion: Promotion) -> str:
    return f"{promotion.get_kind_display()} on {dated(promotion.happened_at)}"


def _link_to(promotion: Promotion) -> Link:
    return to(_told(promotion), "promotion", promotion.pk)
