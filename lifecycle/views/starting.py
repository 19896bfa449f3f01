"""Ways to start: the examples, a copy of one of them, a blank idea; and the first five steps."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from automations.errors import WrongState
from automations.models import Automation, Worker
from automations.services import require
from automations.views.access import known_to
from lifecycle import first_steps, gallery, services
from lifecycle.demo import loading
from lifecycle.demo.portfolio import DemoAutomation
from lifecycle.forms.templates import TemplateForm

SKIPPED = "first_steps_skipped"
TAKEN = "That name is taken; choose another."


def is_skipped(request: HttpRequest) -> bool:
    """Tell whether this person put the first steps away, until they sign in again."""
    return bool(request.session.get(SKIPPED))


@require_safe
@login_required
def start(request: HttpRequest) -> HttpResponse:
    """Show the ways to start, and how far the first five steps are."""
    if not request.user.has_perm("automations.view_automation"):
        return render(request, "lifecycle/no_role.html", {"title": "Start"})
    known = set(Automation.objects.values_list("slug", flat=True))
    templates = gallery.templates()
    context = {
        "title": "Start",
        "steps": first_steps.progress()[0],
        "is_empty": not known,
        "templates": templates,
        "examples_missing": any(demo.slug not in known for demo in templates),
        "may_add": request.user.has_perm("automations.add_automation"),
        "worker_alive": Worker.alive().exists(),
    }
    return render(request, "lifecycle/start.html", context)


@require_POST
@login_required
def load_example(request: HttpRequest) -> HttpResponse:
    """Load the example automations."""
    require(request.user, "automations.add_automation")
    loading.load()
    messages.success(request, "The example automations are loaded; open one and run it.")
    return redirect("portfolio")


@require_POST
@known_to("automations.view_automation")
def skip(request: HttpRequest) -> HttpResponse:
    """Put the first steps away from Home; they stay on their own page."""
    request.session[SKIPPED] = True
    return redirect("portfolio")


@require_http_methods(["GET", "HEAD", "POST"])
@known_to("automations.view_automation")
def from_template(request: HttpRequest, key: str) -> HttpResponse:
    """Ask for a name and a short name, and make an idea with the template's recipe."""
    require(request.user, "automations.add_automation")
    template = gallery.template(key)
    if template is None:
        raise Http404
    data = request.POST if request.method == "POST" else None
    form = TemplateForm(data, initial=_suggested(template))
    if form.is_valid():
        made = _made(request, template, form)
        if made:
            messages.success(request, f"{made} is an idea now; its recipe is draft v1.")
            return redirect(made)
    context = {"title": f"Start from {template.name}", "template": template, "form": form}
    return render(request, "lifecycle/start_template.html", context)


def _suggested(template: DemoAutomation) -> dict[str, str]:
    """Return a name and a short name that nobody uses yet."""
    taken = set(Automation.objects.values_list("slug", flat=True))
    number = next(n for n in range(1, len(taken) + 2) if f"my_{template.slug}_{n}" not in taken)
    ending = "" if f"my_{template.slug}" not in taken else f"_{number}"
    words = f"My {template.name[:1].lower()}{template.name[1:]}"
    return {"name": f"{words}{ending.replace('_', ' ')}", "slug": f"my_{template.slug}{ending}"}


def _made(request: HttpRequest, template: DemoAutomation, form: TemplateForm) -> Automation | None:
    """Return the new automation; None with what is wrong on the form."""
    given = form.cleaned_data
    try:
        return services.start_from_template(
            template, name=given["name"], slug=given["slug"], by=request.user
        )
    except ValidationError as error:
        form.take(error)
    except WrongState as error:
        form.add_error("slug", str(error))
    return None
