"""A plain django-q2 cluster as its documentation sets it up: four workers on the ORM broker."""

from benchmarks.settings import *  # noqa: F403

WORKERS = 4
Q_CLUSTER = {"name": "plain", "workers": WORKERS, "timeout": 90, "retry": 120, "orm": "default"}
# Ours asks for more, so that a run is never started twice; this is what people begin with.
SILENCED_SYSTEM_CHECKS = ["automations.E002"]
