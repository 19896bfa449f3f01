"""Scorecards: the form with its live score, the history, the decision; new ideas."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from automations.errors import NotAllowed, WrongState
from automations.models import Automation
from automations.services import require
from automations.views.access import known_to, sentences, tell
from automations.views.paging import LARGEST_KEY, page_of
from lifecycle import elput, scorecard_history, scorecards, services
from lifecycle.forms.scorecards import IdeaForm, ScorecardForm, ValuesForm, suggest_slug
from lifecycle.models import Decision, Scorecard, Team

PAGE, HISTORY, UNSCORED = 25, 100, 12
DECISIONS = Prefetch("decisions", Decision.objects.select_related("decided_by"))


@require_safe
@known_to("lifecycle.view_scorecard")
def listed(request: HttpRequest) -> HttpResponse:
    """Show the newest scorecard of every automation, and what was never scored."""
    newest = scorecard_history.newest_of_each().select_related("automation", "created_by")
    page = page_of(newest.prefetch_related(DECISIONS), request, size=PAGE)
    unscored = Automation.objects.filter(scorecards=None).exclude(stage="retired")
    context = {
        "title": "Scorecards",
        "page": page,
        "cards": [scorecards.card(row, before=None, is_newest=True) for row in page.rows],
        "unscored": list(unscored.order_by("name")[:UNSCORED]),
        "is_beyond": bool({"before", "after"} & set(request.GET)),
        **_rights(request),
    }
    return render(request, "lifecycle/scorecard_list.html", context)


def _rights(request: HttpRequest) -> dict[str, bool]:
    wanted = {
        "may_score": "lifecycle.add_scorecard",
        "may_decide": "lifecycle.add_decision",
        "may_add": "automations.add_automation",
    }
    return {name: request.user.has_perm(right) for name, right in wanted.items()}


@require_http_methods(["GET", "HEAD", "POST"])
@known_to("lifecycle.view_scorecard")
def new(request: HttpRequest, slug: str) -> HttpResponse:
    """Score an automation, filled from `?from=` or its newest scorecard."""
    require(request.user, "lifecycle.add_scorecard")
    automation = get_object_or_404(Automation, slug=slug)
    newest = Scorecard.objects.filter(automation=automation).newest_first().first()
    source = _source(request, automation) or newest
    posted = request.POST if request.method == "POST" else None
    form = ScorecardForm(posted, newest=newest, source=source)
    if form.is_bound and form.is_valid() and "work_out" not in request.POST:
        made = _recorded(request, automation, form, source)
        if made:
            return redirect(made)
    context = {
        "title": "Score it",
        "automation": automation,
        "form": form,
        "source": source,
        "retired": automation.stage == Automation.Stage.RETIRED,
        "tried": "work_out" in request.POST,
        **_worked_out(form if form.is_bound else _filled(form)),
    }
    return render(request, "lifecycle/scorecard_form.html", context)


def _source(request: HttpRequest, automation: Automation) -> Scorecard | None:
    """Return the scorecard of this automation that `?from=` or the form names."""
    key = _key(request.POST.get("from") or request.GET.get("from", ""))
    return Scorecard.objects.filter(automation=automation, pk=key).first() if key else None


def _key(text: str) -> int | None:
    """Read a row's key; None for what cannot be one."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LARGEST_KEY))):
        return None
    return min(int(text), LARGEST_KEY)


def _filled(form: ScorecardForm) -> ValuesForm:
    """Return a form with the values that are shown first, as if they had been sent."""
    return ValuesForm({name: form[name].value() for name in ValuesForm().fields})


def _worked_out(form: ValuesForm) -> dict[str, Any]:
    """Return what the team's formula and weights of this moment say of the values."""
    team = Team.current()
    form.is_valid()
    try:
        found = scorecards.outcome(form.values, team.weights, team.formula)
    except (KeyError, ValueError):
        return {"outcome": None}
    answers = form.answers
    return {
        "outcome": found,
        "assumptions": scorecards.assumptions(answers),
        "customer_facing": scorecards.is_customer_facing(answers),
    }


def _recorded(
    request: HttpRequest, automation: Automation, form: ScorecardForm, source: Scorecard | None
) -> Scorecard | None:
    """Keep the scorecard and say so; what is wrong with it is told in the form."""
    was_asking = automation.approval_required
    try:
        made = services.record_scorecard(
            automation, form.values, by=request.user, details=_details(form, source)
        )
    except ValidationError as error:
        _refuse(form, error)
        return None
    except WrongState as error:
        form.add_error(None, str(error))
        return None
    said = f"Scored {made.elput_score}: {elput.VERDICTS[made.verdict]}."
    if automation.approval_required and not was_asking:
        said += " Customers see its output, so a person approves each one from now on."
    messages.success(request, said)
    return made


def _details(form: ScorecardForm, source: Scorecard | None) -> services.Details:
    """Return what the form holds; the scorecard that was to be simplified is named with it."""
    decision = source.decisions.first() if source else None
    simplified = decision and decision.verdict == Decision.Verdict.SIMPLIFY
    return form.details(source if simplified else None)


def _refuse(form: ScorecardForm | IdeaForm, error: ValidationError) -> None:
    named = set(getattr(error, "error_dict", {}))
    form.add_error(None, error if named and named <= set(form.fields) else sentences(error))


@require_safe
@known_to("lifecycle.view_scorecard")
def preview(request: HttpRequest) -> HttpResponse:
    """Return the fragment with the score of the values in the address."""
    return render(
        request, "lifecycle/_scorecard_outcome.html", _worked_out(ValuesForm(request.GET))
    )


@require_safe
@known_to("lifecycle.view_scorecard")
def history(request: HttpRequest, slug: str) -> HttpResponse:
    """Show an automation's scorecards over time, and what was decided on them."""
    automation = get_object_or_404(Automation, slug=slug)
    rows = _rows().filter(automation=automation).newest_first()[: HISTORY + 1]
    cards = scorecards.cards(list(rows))
    context = {
        "title": "Scorecards",
        "automation": automation,
        "cards": cards[:HISTORY],
        "current": cards[0] if cards else None,
        "is_cut": len(cards) > HISTORY,
        "history": scorecard_history.of(cards[:HISTORY]),
        **_rights(request),
        **_choices(cards[0] if cards else None),
    }
    return render(request, "lifecycle/scorecard_history.html", context)


def _rows() -> Any:
    related = Scorecard.objects.select_related("automation", "created_by", "simplified_from")
    return related.prefetch_related(DECISIONS)


def _choices(card: scorecards.Card | None) -> dict[str, Any]:
    if card is None or not card.is_newest:
        return {}
    decision = card.decision
    taken = decision.verdict if decision and decision.decided_by_id else ""
    return {
        "fitting": [c for c in scorecards.fitting(card.row) if c.verdict != taken],
        "overruling": [c for c in scorecards.overruling(card.row) if c.verdict != taken],
        "retired": card.row.automation.stage == Automation.Stage.RETIRED,
    }


@require_safe
@known_to("lifecycle.view_scorecard")
def shown(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one scorecard: score, reasons, answers, assumptions, decisions."""
    row = get_object_or_404(_rows(), pk=pk)
    newest = Scorecard.objects.filter(automation=row.automation).newest_first().first()
    before = scorecard_history.before(row)
    card = scorecards.card(row, before=before, is_newest=newest == row)
    context = {
        "title": f"Scorecard of {row.date:%-d %b %Y}",
        "automation": row.automation,
        "card": card,
        "newest": newest,
        "before": before,
        "simplified": list(row.simplified.order_by("pk")[:UNSCORED]),
        **_rights(request),
        **_choices(card),
    }
    return render(request, "lifecycle/scorecard_detail.html", context)


@require_POST
@known_to("lifecycle.view_scorecard")
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Decide on a scorecard, and go where the decision leads."""
    row = get_object_or_404(_rows(), pk=pk)
    verdict = request.POST.get("verdict", "")
    made = tell(
        request,
        lambda: services.decide(
            row,
            verdict,
            by=request.user,
            reason=request.POST.get("reason", ""),
            seen=_key(request.POST.get("seen", "")),
        ),
        DONE.get(verdict, "Decided."),
    )
    if made and made.verdict == Decision.Verdict.SIMPLIFY:
        form = redirect("scorecard_new", row.automation.slug)
        form["Location"] += f"?from={row.pk}"
        return form
    return redirect(row)


DONE = {
    "build": "Decided: build it. Its prototype comes first.",
    "prototype": "Decided: prototype it this week.",
    "simplify": "Decided: simplify it. Score what is left of it here.",
    "skip": "Decided: skip it.",
}


@require_http_methods(["GET", "HEAD", "POST"])
@known_to("automations.view_automation")
def idea(request: HttpRequest) -> HttpResponse:
    """Describe an idea, then go on to its scorecard."""
    require(request.user, "automations.add_automation")
    if request.method == "GET" and getattr(request, "htmx", False):
        return _suggested(request)
    form = IdeaForm(request.POST or None, by=request.user)
    if form.is_bound and form.is_valid() and (made := _described(request, form)):
        return redirect("scorecard_new", made.slug)
    context = {"title": "Describe an idea", "form": form}
    return render(request, "lifecycle/idea_form.html", context)


def _suggested(request: HttpRequest) -> HttpResponse:
    """Return the fragment that says which short name a name would get."""
    name, slug = (request.GET.get(key, "").strip()[:120] for key in ("name", "slug"))
    context = {
        "slug": slug or (suggest_slug(name) if name else ""),
        "taken": bool(slug) and Automation.objects.filter(slug=slug).exists(),
    }
    return render(request, "lifecycle/_idea_slug.html", context)


def _described(request: HttpRequest, form: IdeaForm) -> Automation | None:
    try:
        made = services.describe_idea(form.save(commit=False), by=request.user)
    except NotAllowed:
        raise
    except ValidationError as error:
        _refuse(form, error)
        return None
    messages.success(request, f"{made} is an idea now; score it next.")
    return made
