"""The success criterion: what an automation must reach, in a number."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from automations.models import Automation


class Criterion(models.Model):
    """One measurable aim: metric, operator, number; a change of them is dated."""

    class Metric(models.TextChoices):
        SUCCESS_RATE = "success_rate", "Success rate, %"
        APPROVAL_RATE = "approval_rate", "Approval rate, %"
        EXECUTION_TIME_S = "execution_time_s", "Median time of a run, s"
        COST_PER_SUCCESS_USD = "cost_per_success_usd", "Cost per success, $"
        RUNS_PER_DAY = "runs_per_day", "Runs per day"
        NET_PROFIT_USD = "net_profit_usd", "Net profit per month, $"
        HOURS_SAVED = "hours_saved", "Hours saved per month"

    class Operator(models.TextChoices):
        MORE = ">", "more than"
        AT_LEAST = ">=", "at least"
        LESS = "<", "less than"
        AT_MOST = "<=", "at most"

    automation = models.ForeignKey(Automation, models.CASCADE, related_name="criteria")
    metric = models.CharField(max_length=32, choices=Metric)
    operator = models.CharField(max_length=2, choices=Operator)
    number = models.DecimalField(max_digits=14, decimal_places=4)
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    changed_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ["automation_id", "id"]
        verbose_name_plural = "criteria"
        constraints = [
            models.UniqueConstraint(
                fields=["automation", "metric", "operator"], name="criterion_once"
            )
        ]

    def __str__(self) -> str:
        name, _, unit = self.get_metric_display().partition(", ")
        number = f"{self.number.normalize():f}"
        shown = f"${number}" if unit == "$" else f"{number} {unit}".rstrip()
        return f"{name} {self.get_operator_display()} {shown}"
