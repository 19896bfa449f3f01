"""What the search box can jump to besides the sidebar: the automations, by name."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from automations.models import Automation

MOST = 500


@require_safe
@login_required
def entries(request: HttpRequest) -> JsonResponse:
    """Return `{"entries": [{"text", "group", "href"}]}`; empty for who may not see automations."""
    may_see = request.user.has_perm("automations.view_automation")
    found = Automation.objects.order_by("name").only("name", "slug")[:MOST] if may_see else []
    listed = [
        {"text": automation.name, "group": "Automation", "href": automation.get_absolute_url()}
        for automation in found
    ]
    return JsonResponse({"entries": listed})
