"""The fixed rows of the queue's scheduler; nothing else ever writes there."""

from typing import Any

from django_q.models import Schedule

SCHEDULES = {
    "sweep": {"func": "automations.tasks.sweep", "schedule_type": "I", "minutes": 1},
    "evaluate": {"func": "lifecycle.tasks.evaluate_due", "schedule_type": "I", "minutes": 1},
    "measure": {"func": "lifecycle.tasks.measure", "schedule_type": "I", "minutes": 60},
}


def ensure(**_: Any) -> None:
    """Create or mend the rows; runs after each migrate."""
    for name, values in SCHEDULES.items():
        Schedule.objects.update_or_create(name=name, defaults={"repeats": -1, **values})
