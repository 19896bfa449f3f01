"""Reviews: what waits for a person's verdict, and giving one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from automations.errors import AutomationsError, NotAllowed
from automations.models import Automation, Run
from automations.models.run import text_of
from automations.schemas import fields_of
from automations.views.access import known_to, tell
from monitoring import reviews as reading
from monitoring import services
from monitoring.forms import EditForm, RejectForm, opened_now, seconds_since
from monitoring.models import Review

SHOWN = 200_000  # characters of one text on a page
MINE = 10
BOTH = (False, True)


@dataclass(frozen=True, slots=True)
class Passage:
    """A text of a run as the page shows it: cut where it would drown the browser."""

    title: str
    text: str
    length: int

    @property
    def is_cut(self) -> bool:
        return self.length > len(self.text)


@require_safe
@never_cache
@known_to("monitoring.view_review")
def reviews(request: HttpRequest) -> HttpResponse:
    """List the outputs that wait for this person's verdict, and the verdicts they gave last."""
    automations = list(Automation.objects.order_by("name").only("slug", "name")[:200])
    slug = request.GET.get("automation", "")
    chosen = next((automation for automation in automations if automation.slug == slug), None)
    waiting = reading.waiting_for(request.user, chosen).light()
    listed = waiting.select_related("automation", "version").defer("automation__input_schema")
    mine = Review.objects.filter(reviewer_id=request.user.pk)
    context = {
        "title": "Reviews",
        "automations": automations,
        "chosen": chosen,
        "waiting": list(listed.annotate(others=Count("reviews"))[: reading.MOST]),
        "most": reading.MOST,
        "mine": mine.select_related("automation", "version").defer("edited_output")[:MINE],
        "said": _said(request),
        "may_review": request.user.has_perm("monitoring.add_review"),
    }
    return render(request, "monitoring/review_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@known_to("monitoring.view_review")
def run_review(request: HttpRequest, pk: int) -> HttpResponse:
    """Show input and output side by side, and take a person's verdict on them."""
    run = get_object_or_404(Run.objects.select_related("automation", "version"), pk=pk)
    form: forms.Form | None = None
    if request.method == "POST":
        form = _form_of(request)
        review = _reviewed(request, run, form)
        if review:
            return redirect(_next(review, request.user))
    return render(request, "monitoring/run_review.html", _context(request, run, form))


def _form_of(request: HttpRequest) -> forms.Form | None:
    """Return the form whose button was pressed; approving has none."""
    made = {kind.verdict: kind for kind in (EditForm, RejectForm)}
    kind = made.get(request.POST.get("verdict", ""))  # type: ignore[call-overload]
    return kind(request.POST) if kind else None


def _reviewed(request: HttpRequest, run: Run, form: forms.Form | None) -> Review | None:
    """Give the verdict that was sent; what is wrong with it is said in its form."""
    if form is not None and not form.is_valid():
        return None
    values = form.cleaned_data if form else {}
    seconds = seconds_since(request.POST.get("opened", ""), run, request.user)
    verdict = request.POST.get("verdict", "")
    try:
        return services.review_run(run, verdict, by=request.user, seconds_spent=seconds, **values)
    except NotAllowed:
        raise
    except ValidationError as error:
        if form is None:
            messages.error(request, " ".join(error.messages))
        else:
            form.add_error(None, error)
    except AutomationsError as error:
        messages.error(request, str(error))
    return None


def _next(review: Review, person: Any) -> str:
    """Return the page of the next output to judge; of the list when there is none."""
    after = reading.next_after(review.run, person)
    if after:
        return f"{reverse('run_review', args=[after.pk])}?after={review.pk}"
    return f"{reverse('reviews')}?automation={review.automation.slug}&after={review.pk}"


def _context(request: HttpRequest, run: Run, form: forms.Form | None) -> dict[str, Any]:
    verdicts = list(run.reviews.select_related("reviewer").defer("edited_output"))
    mine = next((row for row in verdicts if row.reviewer_id == request.user.pk), None)
    can = reading.reviewable(Run.objects.filter(pk=run.pk)).exists()
    may = request.user.has_perm("monitoring.add_review")
    automation = run.automation
    output = _passage("Output", run.output_text)
    skip = reading.next_after(run, request.user)
    return {
        "title": f"Review run {run.pk}",
        "run": run,
        "automation": automation,
        "inputs": _inputs(run),
        "output": output,
        "can_review": can,
        "may_review": may and can and mine is None,
        "mine": mine,
        "others": [row for row in verdicts if row is not mine],
        "approval": _approval(run),
        "left": reading.count_waiting(request.user, automation),
        "most": reading.MOST,
        "skip": skip.pk if skip else None,
        "said": _said(request),
        "opened": request.POST.get("opened") or opened_now(run, request.user),
        "edit": _chosen(form, EditForm, {"edited_output": output.text}),
        "reject": _chosen(form, RejectForm, {}),
    }


def _approval(run: Run) -> reading.Approval:
    """Return how the outputs of this run's version were found so far, samples included."""
    if run.version is not None:
        return reading.approval_of_version(run.version, samples=BOTH)
    key = run.automation.pk
    return reading.approvals_of([key], since=None, samples=BOTH)[key]


def _chosen(sent: forms.Form | None, kind: type[forms.Form], initial: dict[str, str]) -> forms.Form:
    """Return the form that was sent if it is of this kind, else a fresh one."""
    return sent if isinstance(sent, kind) else kind(initial=initial)


def _inputs(run: Run) -> list[Passage]:
    """Return the input's fields under their titles, in the order of the schema."""
    titles = {field.name: field.title for field in fields_of(run.automation.input_schema)}
    known = [name for name in titles if name in run.input_data]
    others = [name for name in run.input_data if name not in titles]
    return [
        _passage(titles.get(name, name), _as_text(run.input_data[name]))
        for name in (*known, *others)
    ]


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else text_of(value) or "null"


def _passage(title: str, text: str) -> Passage:
    return Passage(title, text[:SHOWN], len(text))


def _said(request: HttpRequest) -> Review | None:
    """Return the verdict that this person has just given, to tell of it and to undo it."""
    key = request.GET.get("after", "")
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        return None
    mine = Review.objects.filter(reviewer_id=request.user.pk, pk=int(key))
    return mine.select_related("run").first()


@require_POST
@known_to("monitoring.view_review")
def undo_review(request: HttpRequest, pk: int) -> HttpResponse:
    """Take back one's own verdict, and show the output again."""
    review = get_object_or_404(Review, pk=pk)
    run_pk = review.run_id
    verb = services.undo_review
    tell(request, lambda: verb(review, by=request.user), "Your verdict is taken back.")
    return redirect("run_review", run_pk)
