"""The boxes of phase 2."""

from __future__ import annotations

from collections.abc import Collection

from django.urls import reverse

from automations.models import Attempt, Delivery
from lifecycle.evidence.base import (
    Evidence,
    Link,
    counted,
    dated,
    met,
    not_measured,
    not_met,
    run_links,
    sentences,
    to,
)
from lifecycle.evidence.failures import (
    UNHANDLED_FOR,
    handles,
    observed,
    title_of,
    unhandled,
)
from lifecycle.evidence.runs import EndedRun
from lifecycle.evidence.steps import run_it
from lifecycle.evidence.subject import Subject
from lifecycle.models import Team
from monitoring.models import Review
from monitoring.reviews import ENOUGH, Approval, judged_of, judged_of_version

LOOKED_AT = 200  # newest successes among which one is looked for that went all the way
MIN_REVIEWED = ENOUGH
USEFUL_SHARE = 70  # per cent
MIN_MEASURED = 5
WRITTEN_MODES = 3


def workflow(subject: Subject) -> Evidence:
    """Box 4: in the last 30 days a run went from the source by the model to the destination."""
    step = run_it(subject)
    succeeded = [run for run in subject.lately if run.succeeded]
    if not succeeded:
        last = next((run for run in subject.worked if run.succeeded), None)
        ago = f" The last one did on {dated(last.completed_at)}." if last else ""
        return not_met(f"No run succeeded in the last 30 days.{ago}", step=step)
    # Real ones first: sample data speaks only where nothing else does.
    looked_at = sorted(succeeded, key=lambda run: (run.is_sample, -run.id))[:LOOKED_AT]
    ids = [run.id for run in looked_at]
    whole = _asked_of(ids) & (_delivered_of(ids) if subject.destinations else set(ids))
    found = next((run for run in looked_at if run.id in whole), None)
    if found is None:
        why = f"{counted(len(succeeded), 'run')} succeeded in the last 30 days, but none went "
        why += "from the source by the model to a destination."
        return not_met(why, *run_links(ids, subject.slug), step=step)
    why = f"Run {found.id} went all the way on {dated(found.completed_at)}: {_way(subject)}."
    return met(sentences(why, subject.remark([found])), *run_links([found.id], subject.slug))


def _asked_of(ids: Collection[int]) -> set[int]:
    """Return the runs of which a call to the model was answered."""
    answered = Attempt.objects.filter(run_id__in=ids, error_category="", error_code="")
    return set(answered.order_by().values_list("run_id", flat=True))


def _delivered_of(ids: Collection[int]) -> set[int]:
    arrived = Delivery.objects.filter(run_id__in=ids, state=Delivery.State.DELIVERED)
    return set(arrived.order_by().values_list("run_id", flat=True))


def _way(subject: Subject) -> str:
    if not subject.destinations:
        return "source, model, and kept with the run, as no destination is set"
    return "source, model, destination"


def quality(subject: Subject) -> Evidence:
    """Box 5: at least 70 % of at least 10 reviewed outputs are useful; of the live version's.

    Sample reviews count where there are too few others.
    """
    judged = approval(subject)
    sampled = f"{judged.samples} of the reviews are sample data." if judged.samples else ""
    of = f" of version {subject.live.number}" if subject.live else ""
    step = Link("Review outputs", f"{reverse('reviews')}?automation={subject.slug}")
    lacking = MIN_REVIEWED - judged.reviewed
    if lacking > 0:
        why = f"{judged.reviewed} of {MIN_REVIEWED} outputs{of} reviewed; {lacking} more needed."
        return not_measured(sentences(why, sampled), *_reviewed(subject), step=step)
    low, _high = judged.interval or (0.0, 0.0)
    sure = low * 100 >= USEFUL_SHARE
    by_bound = subject.team.quality_gate == Team.QualityGate.CONFIDENCE
    enough = judged.useful * 100 >= USEFUL_SHARE * judged.reviewed
    why = sentences(f"{judged.in_words}{of}{_grade(enough, sure=sure)}.", sampled)
    if sure if by_bound else enough:
        return met(why, *_reviewed(subject))
    asked = "the interval to begin at 70 %" if by_bound else "70 %"
    return not_met(f"{why} The team asks for {asked}.", *_reviewed(subject), step=step)


def _grade(enough: object, *, sure: bool) -> str:
    if sure:
        return ", met with confidence"
    return ", met by a small sample" if enough else ""


def approval(subject: Subject) -> Approval:
    """Return the approval that box 5 judges."""
    if subject.live is not None:
        return judged_of_version(subject.live)
    pk = subject.automation.pk
    return judged_of([pk])[pk]


def _reviewed(subject: Subject) -> tuple[Link, ...]:
    """Return links to the outputs that were reviewed last."""
    mine = Review.objects.filter(automation=subject.automation).order_by("-pk")
    if subject.live is not None:
        mine = mine.filter(version=subject.live)
    return run_links(list(dict.fromkeys(mine.values_list("run_id", flat=True)[:5])), subject.slug)


def performance(subject: Subject) -> Evidence:
    """Box 6: at least 5 runs with time, tokens and cost; sample runs where there are too few."""
    measured = [run for run in subject.proving if run.is_measured]
    if len(measured) < MIN_MEASURED:
        measured = [run for run in subject.worked if run.is_measured]
    links = run_links([run.id for run in measured], subject.slug)
    if len(measured) >= MIN_MEASURED:
        why = f"{counted(len(measured), 'run')} with time, tokens and cost; {_usual(measured)}."
        return met(sentences(why, subject.remark(measured)), *links)
    why = f"{len(measured)} of {MIN_MEASURED} runs have time, tokens and cost."
    timed = [run for run in subject.worked if run.is_timed]
    unpriced = [run for run in timed if run.cost_usd is None]
    if not unpriced:
        return not_met(why, *links, step=run_it(subject))
    why = f"{why} {_unpriced_in_words(unpriced)}"
    if timed[0].cost_usd is not None or subject.live is None:
        return not_met(why, *links, step=run_it(subject))
    # Another run of the same model would be without a price as well.
    why += " Choose a model with a known price, or an approver may exempt this box."
    step = to("Choose another model", "automation_versions", subject.slug)
    links = links or run_links([run.id for run in unpriced], subject.slug)
    return not_met(why, *links, step=step)


def _unpriced_in_words(runs: list[EndedRun]) -> str:
    """Say of how many runs the price is unknown, and of which model."""
    calls = Attempt.objects.filter(run_id=runs[0].id).order_by("-pk")
    model = calls.values_list("model", flat=True).first()
    because = f" ({model} has no known price)" if model else ""
    unknown = f"The price of {counted(len(runs), 'run')} is unknown{because}"
    return f"{unknown}; an unknown price is no cost."


def _usual(measured: list[EndedRun]) -> str:
    times = sorted(run.execution_time_ms or 0 for run in measured)
    cost = sum((run.cost_usd or 0) for run in measured) / len(measured)
    return f"median {times[len(times) // 2] / 1000:.1f} s, mean ${cost:.4f} a run"


def failure_modes(subject: Subject) -> Evidence:
    """Box 7: an observed failure mode has a response, or three are written; none is left alone.

    An error group that is 7 days old and that no failure mode names opens the box again.
    """
    page = to("Failure modes", "failure_modes", subject.slug)
    step = Link("Write down a failure mode", page.url)
    modes = subject.failure_modes
    seen = [mode for mode in modes if observed(mode, subject)]
    if not seen and len(modes) < WRITTEN_MODES:
        why = f"{counted(len(modes), 'failure mode')} written, none observed: one that was "
        why += f"observed is needed, or {WRITTEN_MODES} that were thought of."
        return not_met(why, page, step=step)
    left_alone = unhandled(subject)
    if left_alone:
        group = left_alone[0]
        why = f"“{title_of(group.error)}” occurs since {dated(group.since)}, more than "
        why += f"{UNHANDLED_FOR.days} days, and no failure mode answers it."
        ids = [run.id for run in subject.lately if run.error == group.error] or [group.newest]
        return not_met(why, *run_links(ids, subject.slug), step=step)
    why = f"{counted(len(modes), 'failure mode')} with a response, {len(seen)} of them observed."
    behind = [run for run in subject.lately if any(handles(mode, run.error) for mode in seen)]
    links = run_links([run.id for run in behind], subject.slug)
    return met(sentences(why, subject.remark(behind)), page, *links)
