"""The team's own rules."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from automations.errors import WrongState
from automations.services import require
from automations.views.access import known_to
from lifecycle import elput, services
from lifecycle.forms.team import TeamForm
from lifecycle.models import Team
from lifecycle.services.team import print_of


@require_http_methods(["GET", "HEAD", "POST"])
@known_to("lifecycle.view_team")
def edited(request: HttpRequest) -> HttpResponse:
    """Show the rules to everybody; who may change them does so here."""
    team = Team.current()
    may_edit = request.user.has_perm("lifecycle.change_team")
    if request.method == "POST":
        require(request.user, "lifecycle.change_team")
    # Taken before the form writes what was typed into the row.
    seen = request.POST.get("seen", "") if request.method == "POST" else print_of(team)
    form = TeamForm(request.POST or None, instance=team, read_only=not may_edit)
    if form.is_bound and form.is_valid() and _saved(request, form, seen):
        return redirect("team_settings")
    context = {
        "title": "Team rules",
        "form": form,
        "may_edit": may_edit,
        "factors": elput.FACTORS,
        "seen": seen,
    }
    return render(request, "lifecycle/team_form.html", context)


def _saved(request: HttpRequest, form: TeamForm, seen: str) -> bool:
    try:
        services.change_team(form.save(commit=False), by=request.user, seen=seen)
    except WrongState as error:
        form.add_error(None, str(error))
        return False
    messages.success(request, "The rules are saved; they hold for what is decided from now on.")
    return True
