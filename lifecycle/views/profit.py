"""Profit and effort of one automation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from automations.errors import WrongState
from automations.models import Automation
from automations.services import require
from automations.views.access import known_to, sentences, tell
from automations.views.paging import page_of
from lifecycle import profit, services
from lifecycle.forms.profit import EffortForm, PeriodForm, new_period
from lifecycle.models import Checklist, Effort, ProfitPeriod, Scorecard
from lifecycle.models.profit import installation_today
from lifecycle.profit import Span

FORM_METHODS = ["GET", "HEAD", "POST"]
MOST = 120
EFFORTS = 20


@dataclass(frozen=True, slots=True)
class Line:
    """A period as the list shows it, beside the scorecard that was current on its last day."""

    row: ProfitPeriod
    scorecard: Scorecard | None
    elsewhere: list[tuple[Span, ProfitPeriod]]  # days whose costs an earlier period carries


@require_safe
@known_to("lifecycle.view_profitperiod")
def shown(request: HttpRequest, slug: str) -> HttpResponse:
    """Show what an automation brought, what it cost, and the hours it took."""
    return _page(request, _automation(slug))


def _page(
    request: HttpRequest, automation: Automation, effort_form: EffortForm | None = None
) -> HttpResponse:
    today = installation_today()
    month = today.replace(day=1)
    context = {
        "title": f"Profit of {automation}",
        "automation": automation,
        "lines": _lines(automation),
        "whole": profit.whole_of([automation])[automation.pk],
        "month": profit.money_of([automation], start=month, end=today)[automation.pk],
        "month_begins": month,
        "split": profit.split_of(automation),
        "page": page_of(automation.efforts.select_related("by"), request, size=EFFORTS),
        "paged": effort_form is None,  # a form with mistakes is answered at another address
        "effort_form": effort_form or _effort_form(automation, today),
        **_rights(request),
    }
    return render(request, "lifecycle/profit.html", context)


def _lines(automation: Automation) -> list[Line]:
    cards = list(Scorecard.objects.filter(automation=automation).newest_first())
    periods = list(automation.profit_periods.order_by("-starts_on", "-pk"))
    elsewhere = profit.carriers(periods)
    return [
        Line(row, next((c for c in cards if c.date <= row.ends_on), None), elsewhere[row.pk])
        for row in periods[:MOST]
    ]


def _effort_form(automation: Automation, today: date) -> EffortForm:
    checklist = Checklist.objects.filter(automation=automation).first()
    phase = min(checklist.phase, 7) if checklist else 1
    return EffortForm(initial={"on": today, "phase": phase})


def _rights(request: HttpRequest) -> dict[str, bool]:
    wanted = {
        "may_add": "add_profitperiod",
        "may_change": "change_profitperiod",
        "may_remove": "delete_profitperiod",
        "may_log": "add_effort",
        "may_remove_effort": "delete_effort",
    }
    return {name: request.user.has_perm(f"lifecycle.{right}") for name, right in wanted.items()}


@require_http_methods(FORM_METHODS)
@known_to("lifecycle.view_profitperiod")
def new(request: HttpRequest, slug: str) -> HttpResponse:
    """Add a period."""
    require(request.user, "lifecycle.add_profitperiod")
    return _edit(request, new_period(_automation(slug)))


@require_http_methods(FORM_METHODS)
@known_to("lifecycle.view_profitperiod")
def edited(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a period, or measure its costs again."""
    require(request.user, "lifecycle.change_profitperiod")
    period = _period(pk)
    if request.POST.get("do") == "measure":
        done = "The costs are measured again."
        tell(request, lambda: services.measure_again(period, by=request.user), done)
        return redirect("profit", period.automation.slug)
    return _edit(request, period)


def _edit(request: HttpRequest, period: ProfitPeriod) -> HttpResponse:
    form = PeriodForm(request.POST if request.method == "POST" else None, instance=period)
    if request.method == "POST" and form.is_valid() and _saved(request, form):
        return redirect("profit", period.automation.slug)
    context = {
        "title": "Change the period" if period.pk else "New period",
        "automation": period.automation,
        "period": period,
        "form": form,
    }
    return render(request, "lifecycle/profit_form.html", context)


def _saved(request: HttpRequest, form: PeriodForm) -> bool:
    try:
        period = services.save_period(form.instance, by=request.user)
    except ValidationError as error:
        form.add_error(None, sentences(error))
        return False
    except WrongState as error:
        messages.error(request, str(error))
        return True
    messages.success(request, f"The period is saved; its costs were measured: {_costs(period)}.")
    return True


def _costs(period: ProfitPeriod) -> str:
    known = f"${period.model_cost_usd:,.2f} for the model"
    if period.unpriced_runs:
        known = f"at least {known} ({period.unpriced_runs} runs without a known price)"
    return f"{known}, {round(period.review_seconds / 60)} minutes of review"


@require_POST
@known_to("lifecycle.view_profitperiod")
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove a period."""
    require(request.user, "lifecycle.delete_profitperiod")
    period = _period(pk)
    tell(request, lambda: services.remove_period(period, by=request.user), "The period is removed.")
    return redirect("profit", period.automation.slug)


@require_POST
@known_to("lifecycle.view_effort")
def add_effort(request: HttpRequest, slug: str) -> HttpResponse:
    """Log hours."""
    require(request.user, "lifecycle.add_effort")
    automation = _automation(slug)
    form = EffortForm(request.POST, instance=Effort(automation=automation))
    if not form.is_valid():
        return _page(request, automation, form)
    done = f"{form.instance.hours.normalize():f} h are logged."
    tell(request, lambda: services.log_effort(form.instance, by=request.user), done)
    return redirect("profit", slug)


@require_POST
@known_to("lifecycle.view_effort")
def remove_effort(request: HttpRequest, pk: int) -> HttpResponse:
    """Remove logged hours."""
    effort: Any = get_object_or_404(Effort.objects.select_related("automation"), pk=pk)
    tell(request, lambda: services.remove_effort(effort, by=request.user), "They are removed.")
    return redirect("profit", effort.automation.slug)


def _automation(slug: str) -> Automation:
    return get_object_or_404(Automation, slug=slug)


def _period(pk: int) -> ProfitPeriod:
    return get_object_or_404(ProfitPeriod.objects.select_related("automation"), pk=pk)
