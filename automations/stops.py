"""What stops everything of an automation now: its pause, the kill switch, its retirement."""

from __future__ import annotations

from automations.models import Automation, Control


def stopped_because(automation: Automation) -> str:
    """Say in half a sentence what stops an automation's triggers; empty when nothing does."""
    if Control.current().halted_at:
        return "all automations are stopped"
    if automation.is_paused:
        return "the automation is paused"
    return "the automation is retired" if automation.stage == Automation.Stage.RETIRED else ""


def halt_in_words() -> str:
    """Say that the kill switch is pulled, and why; empty when it is not."""
    control = Control.current()
    if not control.halted_at:
        return ""
    why = control.reason or "no reason was given"
    return (
        f"All automations are stopped ({why}): nothing runs, and schedules, webhooks and "
        "chains start nothing until somebody lets them go on."
    )


def stop_in_words(automation: Automation) -> str:
    """Say what is stopped and until when, in whole sentences; empty when nothing is."""
    if halted := halt_in_words():
        return halted
    if automation.is_paused:
        return (
            f"{automation} is paused: nothing of it runs, what is queued waits, and its "
            "schedules, webhooks and chains start nothing until it is resumed."
        )
    return ""
