"""A plain django-q2 cluster as its documentation sets it up: four workers on the ORM broker."""

from benchmarks.settings import *  # noqa: F403

WORKERS = 4
Q_CLUSTER = {"name": "plain", "workers": WORKERS, "timeout": 90, "retry": 120, "orm": "default"}
