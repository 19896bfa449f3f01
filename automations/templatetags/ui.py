"""Template tags and filters for icons, status pills, times, money and sizes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

DASH = "\N{EN DASH}"
NOW = "just now"


@dataclass(frozen=True, slots=True)
class Look:
    """How a status is shown: its words, its tone (a CSS class) and its shape (an icon)."""

    label: str
    tone: str
    shape: str


LOOKS: dict[str, Look] = {
    "success": Look("Success", "ok", "tick"),
    "failed": Look("Failed", "bad", "cross"),
    "timed_out": Look("Timed out", "warn", "clock"),
    "running": Look("Running", "info", "spinner"),
    "queued": Look("Queued", "off", "dots"),
    "cancelled": Look("Cancelled", "off", "dash"),
    "cancelling": Look("Cancelling", "off", "spinner"),
    "awaiting_approval": Look("Awaiting approval", "info", "eye"),
    "late": Look("Late", "warn", "clock"),
    "needs_review": Look("Needs review", "info", "eye"),
    "approved": Look("Approved", "ok", "tick"),
    "approved_after_edit": Look("Approved after edit", "ok", "pencil"),
    "rejected": Look("Rejected", "bad", "cross"),
    "idea": Look("Idea", "off", "bulb"),
    "prototype": Look("Prototype", "info", "flask"),
    "production": Look("Production", "ok", "rocket"),
    "retired": Look("Retired", "off", "dash"),
    "paused": Look("Paused", "warn", "pause"),
    "draft": Look("Draft", "off", "pencil"),
    "published": Look("Published", "info", "tick"),
    "live": Look("Live", "ok", "rocket"),
    "pending": Look("Pending", "off", "dots"),
    "sending": Look("Sending", "info", "spinner"),
    "delivered": Look("Delivered", "ok", "tick"),
    "unknown": Look("Unknown", "warn", "question"),
    "passed": Look("Passed", "ok", "tick"),
    "met": Look("Met", "ok", "tick"),
    "not_met": Look("Not met", "bad", "cross"),
    "not_measured": Look("Not measured", "off", "dash"),
    "exempt": Look("Exempt", "off", "dash"),
    "build": Look("Build", "ok", "rocket"),
    "simplify": Look("Simplify", "warn", "down"),
    "skip": Look("Skip", "warn", "dash"),
    "started": Look("Started", "ok", "play"),
    "skipped": Look("Skipped", "off", "dash"),
    "missed": Look("Missed", "warn", "clock"),
    "refused": Look("Refused", "bad", "cross"),
    "nothing": Look("Nothing new", "off", "dash"),
    "finished": Look("Finished", "ok", "tick"),
    "added": Look("Added", "ok", "plus"),
    "removed": Look("Removed", "bad", "dash"),
    "changed": Look("Changed", "info", "pencil"),
    "moved": Look("Moved", "off", "falling"),
    "new": Look("New", "info", "dot"),
    "ongoing": Look("Ongoing", "warn", "clock"),
    "escalating": Look("Escalating", "bad", "up"),
    "regressed": Look("Regressed", "bad", "up"),
    "overdue": Look("Overdue", "bad", "clock"),
    "go": Look("Go", "ok", "rocket"),
    "pivot": Look("Pivot", "warn", "retry"),
    "kill": Look("Kill", "bad", "cross"),
    "recovered": Look("Recovered", "ok", "tick"),
    "double_down": Look("Double down", "ok", "up"),
    "keep": Look("Keep", "info", "tick"),
    "fix": Look("Fix", "warn", "warn"),
    "sample": Look("Sample data", "off", "flask"),
    "open": Look("Open", "info", "dots"),
    "closed": Look("Closed", "off", "lock"),
    "done": Look("Done", "ok", "tick"),
    "waiting": Look("Waiting", "info", "clock"),
    "declined": Look("Declined", "bad", "cross"),
    "withdrawn": Look("Withdrawn", "off", "dash"),
    "overridden": Look("Checklist overridden", "warn", "up"),
}


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """Render a symbol of `static/icons.svg`; without a label it is decoration."""
    href = f"{static('icons.svg')}#{name}"
    if not label:
        return format_html(
            '<svg class="icon icon-{}" aria-hidden="true"><use href="{}"></use></svg>', name, href
        )
    return format_html(
        '<svg class="icon icon-{}" role="img" aria-label="{}"><use href="{}"></use></svg>',
        name,
        label,
        href,
    )


@register.simple_tag
def pill(status: Any, label: str = "") -> SafeString:
    """Render a status as words, shape and colour; nothing for "" and "not_sampled"."""
    value = str(status or "")
    if value in ("", "not_sampled"):
        return SafeString("")
    look = LOOKS.get(value) or Look(value.replace("_", " ").capitalize(), "off", "dot")
    return format_html(
        '<span class="pill pill-{}">{}{}</span>', look.tone, icon(look.shape), label or look.label
    )


@register.filter
def duration_ms(value: int | float | None) -> str:
    """Say a duration given in milliseconds: "840 ms", "3.4 s", "2 min 5 s", "1 h 4 min"."""
    if value is None:
        return DASH
    if value < 1000:
        return f"{value:.0f} ms"
    if value < 59_950:
        return f"{value / 1000:.1f} s"
    seconds = round(value / 1000)
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600:,} h {seconds % 3600 // 60} min"


@register.filter
def cost(value: Decimal | float | None) -> str:
    """Say an amount in US dollars with as many digits as matter: "$12.40", "$0.0031", "$0"."""
    if value is None:
        return DASH
    amount = Decimal(value)
    if amount == 0:
        return "$0"
    if abs(amount) < Decimal("0.0001"):
        return "under $0.0001"
    digits = 2 if abs(amount) >= 1 else 4
    return f"${amount:,.{digits}f}"


@register.filter
def number(value: int | float | Decimal | None) -> str:
    """Group the thousands: "12,345"."""
    return DASH if value is None else f"{value:,}"


@register.filter
def chars(value: str | None) -> str:
    """Say how long a text is: "1,234 characters"."""
    length = len(value or "")
    return "1 character" if length == 1 else f"{length:,} characters"


@register.filter
def sentence(value: str) -> str:
    """End a message with a full stop unless it ends as a sentence does."""
    text = value.rstrip()
    return text if not text or text.endswith((".", "!", "?", "…")) else f"{text}."


@register.filter
def ago(value: datetime | None) -> SafeString:
    """Say how long ago (or ahead) a moment is, with the exact time as its title."""
    if value is None:
        return SafeString(DASH)
    delta = timezone.now() - value
    words = _span(delta) if delta > timedelta() else _span(-delta, ahead=True)
    if words != NOW:
        words = f"{words} ago" if delta > timedelta() else f"in {words}"
    exact = date_format(timezone.localtime(value), "j M Y, H:i:s T")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(timespec="seconds"),
        exact,
        words,
    )


def _span(delta: timedelta, *, ahead: bool = False) -> str:
    """Say a span; one ahead is rounded: what has just been set to 90 days ends in 90 days."""
    seconds = int(delta.total_seconds())
    for size, name in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = round(seconds / size) if ahead else seconds // size
            return f"{count} {name}" + ("" if count == 1 else "s")
    return NOW if seconds < 10 else f"{seconds} seconds"


@register.filter
def without_colon(label: SafeString) -> SafeString:
    """Drop the colon that Django puts at the end of a rendered `<label>`."""
    return SafeString(label.replace(":</label>", "</label>"))
