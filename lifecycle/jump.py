"""What the search box can jump to besides the sidebar: the automations and their pages."""

from collections.abc import Iterable, Iterator

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from automations.models import Automation
from lifecycle.templatetags.shell import TABS

MOST = 500
WITH_PAGES = 100
ELSEWHERE = (("New idea", "idea_new"), ("Start from a template", "start"), ("Guide", "guide"))


@require_safe
@login_required
def entries(request: HttpRequest) -> JsonResponse:
    """Return `{"entries": [{"text", "group", "href"}]}`; empty for who may not see automations.

    The automations first, then the pages of the first hundred, then what stands in no list.
    """
    if not request.user.has_perm("automations.view_automation"):
        return JsonResponse({"entries": []})
    found = list(Automation.objects.order_by("name").only("name", "slug")[:MOST])
    listed = [
        {"text": automation.name, "group": "Automation", "href": automation.get_absolute_url()}
        for automation in found
    ]
    may_add = request.user.has_perm("automations.add_automation")
    return JsonResponse(
        {"entries": [*listed, *_pages(found[:WITH_PAGES]), *_elsewhere(may_add=may_add)]}
    )


def _pages(automations: Iterable[Automation]) -> Iterator[dict[str, str]]:
    for automation in automations:
        for _, label, name in TABS[1:]:
            address = reverse(name, args=[automation.slug])
            yield {"text": f"{automation.name}: {label}", "group": "Page", "href": address}


def _elsewhere(*, may_add: bool) -> Iterator[dict[str, str]]:
    for text, name in ELSEWHERE:
        if may_add or name != "idea_new":
            yield {"text": text, "group": "Open", "href": reverse(name)}
