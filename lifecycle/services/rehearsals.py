"""The rehearsal of a rollback: whether the version before would work, looked at, not tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from automations import environment, prompts
from automations import services as ground
from automations.answering import answerer_of
from automations.audit import Actor, record
from automations.errors import AutomationsError, Problem, WrongState
from automations.models import Automation, Provider, Version
from automations.services.deadlocks import again_after_deadlock
from lifecycle import checklists, promotions
from lifecycle.evidence import variables
from lifecycle.models import Promotion
from lifecycle.services.promotions import lock


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rehearsal looked at."""

    what: str
    says: str
    passed: bool = True


@again_after_deadlock
def rehearse(automation: Automation, *, by: Actor) -> Promotion:
    """Look whether a rollback would work now and keep what was found; one with a fault is declined.

    Raises:
        NotAllowed: the person may not roll back.
        WrongState: there is no live version.
    """
    with transaction.atomic():
        current = lock(automation)
        ground.require_live(current, by=by)
        if current.live_version is None:
            raise WrongState(f"{current} has no live version, so there is nothing to rehearse.")
        before = promotions.version_before(current)
        found = list(findings(before))
        passed = all(finding.passed for finding in found)
        made = Promotion.objects.create(
            automation=current,
            kind=Promotion.Kind.REHEARSAL,
            state=Promotion.State.DONE if passed else Promotion.State.DECLINED,
            from_version=current.live_version,
            to_version=before,
            findings=[asdict(finding) for finding in found],
            checklist=checklists.frozen(checklists.current(current)),
            asked_by_id=by.pk if by else None,
            decided_at=timezone.now(),
        )
        after = {"passed": passed, "to": f"v{before.number}" if before else ""}
        record("rehearse rollback", made, by=by, after=after)
    return made


def findings(version: Version | None) -> Iterator[Finding]:
    """Yield what has to be right with the version before so that a rollback would work."""
    if version is None:
        yield Finding("A version to go back to", "No other version was live before.", passed=False)
        return
    known = (
        "was live before"
        if promotions.was_live(version)
        else ("is published; nothing tells that it was ever live")
    )
    yield Finding("A version to go back to", f"v{version.number} {known}.")
    yield _looked("Its recipe", lambda: version.full_clean(exclude=["number"]), "complete")
    yield _looked("Its checks", lambda: _check_rules(version), "valid")
    yield _fit(version)
    yield _provider(version)


def _looked(what: str, look: Callable[[], None], fine: str) -> Finding:
    try:
        look()
    except ValidationError as error:
        return Finding(what, " ".join(error.messages), passed=False)
    except AutomationsError as error:
        return Finding(what, str(error), passed=False)
    return Finding(what, f"As {fine} as when it was published.")


def _check_rules(version: Version) -> None:
    for rule in version.validator_rules.all():
        rule.full_clean(exclude=["version"])


def _fit(version: Version) -> Finding:
    """Look whether its prompts use only what today's input has."""
    what, names = "The input of today", version.automation.input_names
    texts = (version.system_prompt, version.user_prompt)
    problems = [problem for text in texts for problem in prompts.check(text, names)]
    says = " ".join(problems) or "It has every field that the prompts use."
    return Finding(what, says, passed=not problems)


def _provider(version: Version) -> Finding:
    provider, told = version.provider, answerer_of(version)
    what = f"Its provider, {provider}"
    if provider.circuit_is_open:
        why = provider.circuit_reason or "no reason was kept"
        return Finding(what, f"It is stopped: {why}", passed=False)
    try:
        lacking = _lacking(provider)
    except Problem as problem:
        return Finding(what, problem.message, passed=False)
    fine = f"{told.model}, {told.place}: no name that it needs is missing."
    says = f"{lacking} is not set." if lacking else fine
    return Finding(what, says, passed=not lacking)


def _lacking(provider: Provider) -> str:
    """Return the name of the variable that a provider needs and that is not set.

    Raises:
        Problem: a key cannot be read or opened.
    """
    name = variables.key_of(provider)
    if not name:
        provider.open_key()
        return ""
    return "" if environment.read(name) else name
