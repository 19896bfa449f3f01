"""Template tags that say what stops an automation, or all of them."""

from django import template

from automations.models import Automation
from automations.stops import halt_in_words, stop_in_words

register = template.Library()


@register.simple_tag
def stopped(automation: Automation) -> str:
    """Return what stops an automation, in sentences; empty when nothing does."""
    return stop_in_words(automation)


@register.simple_tag
def halted() -> str:
    """Return what the kill switch stops, in a sentence; empty when it is not pulled."""
    return halt_in_words()
