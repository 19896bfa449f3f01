"""Verbs on reviews: say what an output is worth, and take it back."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from automations.audit import Actor, record
from automations.errors import NotAllowed, WrongState
from automations.models import Run
from automations.services import require
from automations.text import clean_text
from monitoring.models import Review
from monitoring.reviews import reviewable

MAX_NOTE, MAX_EDIT = 2_000, 1_000_000
MAX_SECONDS = 30 * 60


def review_run(
    run: Run,
    verdict: str,
    *,
    by: Actor,
    reason: str = "",
    note: str = "",
    edited_output: str = "",
    seconds_spent: int = 0,
) -> Review:
    """Keep what a person found of a run's output; one verdict per output and person.

    `seconds_spent` is bounded to half an hour. A reason goes with a rejection only, an edited
    text with an approval after edit only.

    Raises:
        NotAllowed: the person may not review.
        WrongState: there is no output to judge, the run was only a try, or they have judged it.
        ValidationError: an unknown verdict, a rejection without a reason, an edit without edits.
    """
    require(by, "monitoring.add_review")
    review = Review(
        verdict=verdict,
        reason=reason if verdict == Review.Verdict.REJECTED else "",
        note=clean_text(note).text.strip(),
        edited_output=clean_text(edited_output).text if verdict == Review.Verdict.EDITED else "",
        seconds_spent=min(max(0, seconds_spent), MAX_SECONDS),
        reviewer_id=by.pk if by else None,
    )
    try:
        with transaction.atomic():
            _place(review, run)
            _require_whole(review)
            review.save()
            record("review output", review, by=by, after=_told(review))
    except IntegrityError as error:
        raise WrongState(
            f"You have judged the output of {run} already; undo that first."
        ) from error
    return review


def undo_review(review: Review, *, by: Actor) -> None:
    """Take back one's own verdict.

    Raises:
        NotAllowed: the person may not, or it is somebody else's verdict.
        WrongState: it was taken back already.
    """
    require(by, "monitoring.change_review")
    if by is None or review.reviewer_id != by.pk:
        raise NotAllowed("Only who gave a verdict can take it back.")
    with transaction.atomic():
        locked = Review.objects.select_for_update().filter(pk=review.pk).first()
        if locked is None:
            raise WrongState("This verdict was taken back already.")
        record("undo review", locked, by=by, before=_told(locked))
        locked.delete()


def _place(review: Review, run: Run) -> None:
    """Tie a review to its run as the run is now."""
    fresh = reviewable(Run.objects.filter(pk=run.pk)).select_related("automation").first()
    if fresh is None:
        raise WrongState(
            f"{run} has no output to review: it must have succeeded or wait for approval, and "
            "tries of the playground and of drills do not count."
        )
    review.run, review.automation = fresh, fresh.automation
    review.version_id, review.is_sample = fresh.version_id, fresh.is_sample


def _require_whole(review: Review) -> None:
    """Refuse a verdict that lacks what belongs to it."""
    faults: dict[str, Any] = {}
    if review.verdict not in Review.Verdict.values:
        raise ValidationError("Choose one of the verdicts: approve, approve after edit, reject.")
    if review.verdict == Review.Verdict.REJECTED and review.reason not in Review.Reason.values:
        faults["reason"] = "Say why you reject it; choose one of the reasons."
    if review.verdict == Review.Verdict.EDITED:
        faults |= _faults_of_edit(review)
    if len(review.note) > MAX_NOTE:
        faults["note"] = f"A note has at most {MAX_NOTE:,} characters."
    if faults:
        raise ValidationError(faults)


def _faults_of_edit(review: Review) -> dict[str, str]:
    edited = review.edited_output.replace("\r\n", "\n").strip()
    if not edited:
        return {"edited_output": "The edited text is empty; write it, or reject the output."}
    if edited == review.run.output_text.replace("\r\n", "\n").strip():
        return {"edited_output": "Nothing was changed; choose “Approve” instead."}
    if len(edited) > MAX_EDIT:
        return {"edited_output": f"An edited text has at most {MAX_EDIT:,} characters."}
    return {}


def _told(review: Review) -> dict[str, object]:
    """Return what the trail keeps of a verdict: not the texts."""
    return {
        "run": review.run_id,
        "verdict": review.verdict,
        "reason": review.reason,
        "seconds_spent": review.seconds_spent,
    }
