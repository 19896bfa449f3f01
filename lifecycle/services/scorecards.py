"""Verbs on scorecards: score an automation, decide on the score, describe an idea."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from automations import services
from automations.audit import Actor, record
from automations.errors import WrongState
from automations.models import Automation
from automations.text import clean_text
from lifecycle import elput, scorecards
from lifecycle.models import Decision, Scorecard, Team

EARLIEST = date(2000, 1, 1)
NOTE_LENGTH, REASON_LENGTH, DECISION_LENGTH = 300, 1_000, 2_000
REPEATED_WITHIN = timedelta(minutes=1)
# Names that an address of ours has, or will want, where an automation's own would stand.
RESERVED = frozenset({"new", "add", "all", "import", "export", "admin", "api", "compare"})


@dataclass(frozen=True, slots=True)
class Details:
    """What stands beside the five values; `date` is today unless given.

    `answers` by question: {"answer": "yes", "note": "..."}; `reasons` by factor.
    """

    answers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    date: date | None = None
    simplified_from: Scorecard | None = None


NOTHING_MORE = Details()


def record_scorecard(
    automation: Automation,
    values: Mapping[str, int],
    *,
    by: Actor,
    details: Details = NOTHING_MORE,
) -> Scorecard:
    """Score five values under the team's formula and weights of this moment, and keep both.

    Where customers newly see the output, a person approves every one from now on; `automation`
    is updated. The same scorecard sent twice within a minute is kept once.

    Raises:
        NotAllowed: the person may not score.
        WrongState: the automation is retired.
        ValidationError: by factor; a value outside 1 to 10, a change of 2 or more without a reason
            of its own, a date in the future.
    """
    services.require(by, "lifecycle.add_scorecard")
    with transaction.atomic():
        held = _held(automation)
        newest = _newest(held)
        scorecard = _assessed(held, values, details, by=by)
        if newest and _repeats(newest, scorecard):
            return newest
        _require_reasons(newest, scorecard)
        scorecard.save()
        record("record scorecard", scorecard, by=by, after=_told(scorecard))
        if _newest(held) == scorecard:
            _ask_for_approval(automation, newest, scorecard, by=by)
    return scorecard


def _held(automation: Automation) -> Automation:
    """Return the automation, locked: scorecards and decisions on it are made one at a time."""
    held = Automation.objects.select_for_update(no_key=True).get(pk=automation.pk)
    if held.stage == Automation.Stage.RETIRED:
        raise WrongState(f"{held} is retired; move it back to idea first.")
    return held


def _newest(automation: Automation) -> Scorecard | None:
    return Scorecard.objects.filter(automation=automation).newest_first().first()


def _assessed(
    automation: Automation, values: Mapping[str, int], details: Details, *, by: Actor
) -> Scorecard:
    team = Team.current()
    source = details.simplified_from
    if source is not None and source.automation_id != automation.slug:
        raise ValidationError("The scorecard to simplify is of another automation.")
    scorecard = Scorecard(
        automation=automation,
        date=_date(details.date),
        **_values(values),
        elput_score=_score(values, team),
        formula=team.formula,
        weights=team.weights,
        reasons=_reasons(details.reasons),
        answers=_answers(details.answers),
        note=clean_text(details.note.strip()).text,
        simplified_from=source,
        created_by_id=by.pk if by else None,
    )
    scorecard.full_clean(exclude=["created_at"])
    return scorecard


def _values(values: Mapping[str, int]) -> dict[str, int]:
    """Return the five, or say of each one that is not a whole number from 1 to 10."""
    allowed = range(elput.LOWEST, elput.HIGHEST + 1)
    wrong = [key for key in elput.KEYS if type(values.get(key)) is not int]
    wrong += [key for key in elput.KEYS if key not in wrong and values[key] not in allowed]
    if wrong:
        raise ValidationError(dict.fromkeys(wrong, elput.OUT_OF_RANGE))
    return {key: values[key] for key in elput.KEYS}


def _score(values: Mapping[str, int], team: Team) -> Any:
    try:
        return elput.score(values, team.weights, team.formula)
    except ValueError as error:
        raise ValidationError(str(error)) from error


def _date(given: date | None) -> date:
    today = timezone.localdate()
    if given is not None and given > today:
        raise ValidationError({"date": "A scorecard cannot be of the future; choose today."})
    if given is not None and given < EARLIEST:
        raise ValidationError({"date": f"Choose a date from {EARLIEST.year} on."})
    return given or today


def _reasons(given: Mapping[str, str]) -> dict[str, str]:
    texts = {key: clean_text(given.get(key, "").strip()).text for key in elput.KEYS}
    return {key: text[:REASON_LENGTH] for key, text in texts.items() if text}


def _answers(given: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """Return an answer to every question if any is given: what is left out is unknown."""
    questions = [q.key for factor in elput.FACTORS for q in factor.questions]
    if not given:
        return {}
    return {key: _answer(given.get(key, {})) for key in questions}


def _answer(given: Mapping[str, str]) -> dict[str, str]:
    answer = given.get("answer", scorecards.UNKNOWN)
    if answer not in scorecards.ANSWERS:
        raise ValidationError("Answer every question with yes, no or unknown.")
    return {"answer": answer, "note": clean_text(given.get("note", "").strip()).text[:NOTE_LENGTH]}


SAME = ("date", *elput.KEYS, "reasons", "answers", "note", "created_by_id", "simplified_from_id")


def _repeats(newest: Scorecard, scorecard: Scorecard) -> bool:
    """Tell whether a form was sent twice."""
    recent = newest.created_at > timezone.now() - REPEATED_WITHIN
    by_person = scorecard.created_by_id is not None
    same = all(getattr(newest, name) == getattr(scorecard, name) for name in SAME)
    return recent and by_person and same


def _require_reasons(newest: Scorecard | None, scorecard: Scorecard) -> None:
    wanted = scorecards.unexplained(newest, scorecard.values, scorecard.reasons)
    if wanted:
        raise ValidationError({f"reason_{key}": sentence for key, sentence in wanted.items()})


def _told(scorecard: Scorecard) -> dict[str, Any]:
    names = ("formula", "weights", "reasons", "answers", "simplified_from_id")
    return {
        "date": scorecard.date.isoformat(),
        **scorecard.values,
        "elput_score": str(scorecard.elput_score),
        **{name: getattr(scorecard, name) for name in names},
    }


def _ask_for_approval(
    automation: Automation, before: Scorecard | None, scorecard: Scorecard, *, by: Actor
) -> None:
    """Let a person approve every output from the moment on that customers see it."""
    newly = scorecards.is_customer_facing(scorecard.answers) and not (
        before and scorecards.is_customer_facing(before.answers)
    )
    off = Automation.objects.filter(pk=automation.pk, approval_required=False)
    if not newly or not off.update(approval_required=True, updated_at=timezone.now()):
        return
    automation.approval_required = True
    change = {"before": {"approval_required": False}, "after": {"approval_required": True}}
    record("require approval", automation, by=by, **change)


def decide(
    scorecard: Scorecard, verdict: str, *, by: Actor, reason: str = "", seen: int | None = None
) -> Decision:
    """Decide on an automation's newest scorecard; against its band only with a reason.

    `seen` is the key of the newest decision the person knew of, 0 for none.

    Raises:
        NotAllowed: the person may not decide.
        WrongState: the scorecard is not the newest, the automation is retired, it is decided so
            already, or somebody else decided meanwhile.
        ValidationError: no such verdict, or the score is overruled without a reason.
    """
    services.require(by, "lifecycle.add_decision")
    if verdict not in Decision.Verdict.values:
        raise ValidationError("Choose to build, prototype, simplify or skip.")
    with transaction.atomic():
        _require_newest(scorecard, _held(scorecard.automation))
        before = _require_unseen(scorecard, verdict, seen)
        decision = _decided(scorecard, verdict, reason, by=by)
        decision.full_clean(exclude=["scorecard"])
        decision.save()
        record(
            "decide on scorecard",
            decision,
            by=by,
            before={"verdict": before.verdict} if before else None,
            after={name: getattr(decision, name) for name in ("verdict", "band", "reason")},
        )
    return decision


def _require_newest(scorecard: Scorecard, automation: Automation) -> None:
    if _newest(automation) != scorecard:
        raise WrongState("There is a newer scorecard; decide on that one.")


def _require_unseen(scorecard: Scorecard, verdict: str, seen: int | None) -> Decision | None:
    """Return the decision that stood until now; one that names nobody may be made again."""
    newest = scorecard.decisions.select_related("decided_by").first()
    if newest and seen is not None and newest.pk != seen:
        who = newest.decided_by or "Somebody"
        raise WrongState(
            f"{who} decided meanwhile: {newest.get_verdict_display().lower()}. Look, then decide."
        )
    if newest and newest.decided_by_id and newest.verdict == verdict:
        raise WrongState(f"It is decided so already: {newest.get_verdict_display().lower()}.")
    return newest


def _decided(scorecard: Scorecard, verdict: str, reason: str, *, by: Actor) -> Decision:
    band = scorecard.verdict
    overrules = verdict not in scorecards.FITTING[band]
    text = clean_text(reason.strip()).text
    if len(text) > DECISION_LENGTH:
        raise ValidationError({"reason": f"Say it in {DECISION_LENGTH:,} characters at most."})
    if overrules and not text:
        raise ValidationError(
            {"reason": f"The score says “{elput.VERDICTS[band]}”; write why you overrule it."}
        )
    return Decision(
        scorecard=scorecard,
        verdict=verdict,
        band=band.value,
        overrules=overrules,
        reason=text,
        decided_by_id=by.pk if by else None,
    )


def describe_idea(automation: Automation, *, by: Actor) -> Automation:
    """Save a new idea with a source, a first draft and nothing decided.

    The same idea sent twice within a minute, its short name numbered, is kept once.

    Raises:
        NotAllowed: the person may not add automations.
        ValidationError: a field is missing or wrong, or the short name is taken or reserved.
    """
    services.require(by, "automations.add_automation")
    automation.stage = Automation.Stage.IDEA
    if automation.slug in RESERVED:
        raise ValidationError({"slug": f"“{automation.slug}” is an address of ours; add a word."})
    if automation.deputy_id and automation.deputy_id == automation.owner_id:
        raise ValidationError({"deputy": "The deputy is somebody else than the owner."})
    automation.full_clean()
    if sent_before := _same_idea(automation):
        return sent_before
    try:
        return services.create_automation(automation, by=by)
    except IntegrityError as error:
        taken = f"“{automation.slug}” was taken a moment ago; choose another."
        raise ValidationError({"slug": taken}) from error


def _same_idea(automation: Automation) -> Automation | None:
    """Return what a form sent twice has made already."""
    alike = {name: getattr(automation, name) for name in ("name", "summary", "owner", "deputy")}
    recent = Automation.objects.filter(
        **alike,
        stage=Automation.Stage.IDEA,
        created_at__gt=timezone.now() - REPEATED_WITHIN,
    )
    return next((idea for idea in recent if automation.slug.startswith(f"{idea.slug}_")), None)
