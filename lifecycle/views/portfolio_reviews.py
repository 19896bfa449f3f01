"""The monthly portfolio review."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.fields.json import KeyTextTransform
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from automations.errors import WrongState
from automations.services import require
from automations.views.access import known_to, tell
from lifecycle import portfolio_reviewing as reviewing
from lifecycle import services
from lifecycle.forms.portfolio_reviews import DecisionForm
from lifecycle.models import PortfolioDecision, PortfolioReview
from lifecycle.portfolio_figures import last_day
from lifecycle.portfolio_reviewing import Entry
from lifecycle.portfolio_suggesting import RULES

MOST = 60
OPEN = "lifecycle.add_portfolioreview"
DECIDE = "lifecycle.change_portfolioreview"


@dataclass(frozen=True, slots=True)
class Card:
    """One automation on the page, with the form for who may decide."""

    entry: Entry
    form: DecisionForm | None


@require_safe
@known_to("lifecycle.view_portfolioreview")
def listed(request: HttpRequest) -> HttpResponse:
    """List the reviews, and say which month is due."""
    counts = {
        choice: Count("decisions", filter=Q(decisions__decision=choice))
        for choice in PortfolioDecision.Decision.values
    }
    # Counting drops the model's own order.
    reviews = PortfolioReview.objects.select_related("closed_by").order_by("-month")
    noted = PortfolioDecision.objects.filter(review=OuterRef("pk")).order_by("pk")
    closer = noted.values_list(KeyTextTransform(reviewing.CLOSED_BY, "figures"))[:1]
    context = {
        "title": "Portfolio review",
        "reviews": reviews.annotate(number=Count("decisions"), closer=Subquery(closer), **counts)[
            :MOST
        ],
        "due": reviewing.review_due(timezone.now()),
        "months": reviewing.months_to_open(),
        "may_open": request.user.has_perm(OPEN),
    }
    return render(request, "lifecycle/portfolioreview_list.html", context)


@require_POST
@known_to("lifecycle.view_portfolioreview")
def open_month(request: HttpRequest) -> HttpResponse:
    """Open the review of the month in the form."""
    require(request.user, OPEN)
    month = reviewing.month_of(request.POST.get("month", ""))

    def verb() -> PortfolioReview:
        if month is None:
            raise ValidationError("Choose a month, written like 2026-11.")
        return services.open_review(month, by=request.user)

    tell(request, verb, "The review is open; decide for each automation.")
    if month and PortfolioReview.objects.filter(month=month).exists():
        return _to_month(month)
    return redirect("portfolio_review")


@require_http_methods(["GET", "HEAD", "POST"])
@known_to("lifecycle.view_portfolioreview")
def shown(request: HttpRequest, month: str) -> HttpResponse:
    """Show the review of a month; a POST computes an open one again."""
    first = _month(month)
    if request.method == "POST":
        return _compute_again(request, first)
    review = _reviews().filter(month=first).first()
    if review is None:
        return _not_opened(request, first)
    return _page(request, review)


def _month(text: str) -> date:
    month = reviewing.month_of(text)
    if month is None:
        raise Http404
    return month


def _reviews() -> Any:
    return PortfolioReview.objects.select_related("opened_by", "closed_by")


def _compute_again(request: HttpRequest, month: date) -> HttpResponse:
    require(request.user, DECIDE)
    review = get_object_or_404(PortfolioReview, month=month)
    done = (
        "The figures are computed again. What agreed with a suggestion that has changed is asked "
        "again; all else that was decided stays."
    )
    tell(request, lambda: services.compute_again(review, by=request.user), done)
    return _to_month(month)


def _to_month(month: date) -> HttpResponse:
    return redirect("portfolio_review_month", f"{month:%Y-%m}")


def _not_opened(request: HttpRequest, month: date) -> HttpResponse:
    has_begun = month <= reviewing.this_month()
    context = {
        "title": f"{month:%B %Y}",
        "month": month,
        "has_begun": has_begun,
        "may_open": has_begun and request.user.has_perm(OPEN),
    }
    return render(request, "lifecycle/portfolioreview_none.html", context)


def _page(
    request: HttpRequest, review: PortfolioReview, failed: DecisionForm | None = None, pk: int = 0
) -> HttpResponse:
    entries = reviewing.entries_of(review)
    may_decide = not review.is_closed and request.user.has_perm(DECIDE)
    totals = reviewing.totals_of(entries)
    has_ended = review.month < reviewing.this_month()
    context = {
        "title": f"Portfolio review {review.month:%B %Y}",
        "review": review,
        "cards": [_card(entry, failed, pk, may_decide=may_decide) for entry in entries],
        "totals": totals,
        "closed_by": reviewing.closed_by(review, entries),
        "rules": RULES,
        "computed_at": max((entry.figures.computed_at for entry in entries), default=""),
        "last_day": last_day(review.month),
        "has_ended": has_ended,
        "may_decide": may_decide,
        "may_close": may_decide and has_ended and totals.decided == totals.count,
    }
    return render(request, "lifecycle/portfolioreview_detail.html", context)


def _card(entry: Entry, failed: DecisionForm | None, pk: int, *, may_decide: bool) -> Card:
    if not may_decide:
        return Card(entry, None)
    return Card(entry, failed if failed and entry.row.pk == pk else DecisionForm(entry.row))


@require_POST
@known_to("lifecycle.view_portfolioreview")
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Decide what happens with one automation."""
    require(request.user, DECIDE)
    rows = PortfolioDecision.objects.select_related("review", "automation")
    row = get_object_or_404(rows, pk=pk)
    form = DecisionForm(row, request.POST)
    if not form.is_valid() or not _decided(request, row, form):
        return _page(request, row.review, form, pk)
    return redirect(f"{row.review.get_absolute_url()}#decision-{pk}")


def _decided(request: HttpRequest, row: PortfolioDecision, form: DecisionForm) -> bool:
    """Decide, or put at the form what is missing; a review closed meanwhile is told by message."""
    choice, reason = form.cleaned_data["decision"], form.cleaned_data["reason"]
    verb = services.decide_portfolio
    try:
        verb(row, choice, by=request.user, reason=reason)
    except ValidationError as error:
        form.add_error("reason", error.messages)
        return False
    except WrongState as error:
        messages.error(request, str(error))
        return True
    label = PortfolioDecision.Decision(choice).label.lower()
    messages.success(request, f"{row.automation}: {label}.")
    return True


@require_POST
@known_to("lifecycle.view_portfolioreview")
def close(request: HttpRequest, month: str) -> HttpResponse:
    """Freeze a review for good."""
    require(request.user, DECIDE)
    review = get_object_or_404(PortfolioReview, month=_month(month))
    done = "The review is closed; what was decided stands here for good."
    tell(request, lambda: services.close_review(review, by=request.user), done)
    return redirect(review)
