"""The run: the truth about one execution; its attempts and deliveries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.urls import reverse

from automations.models.automation import Automation
from automations.models.batch import Batch
from automations.models.connection import Destination, Trigger
from automations.models.provider import Provider
from automations.models.version import Version

CUT_SHORT = (
    "The worker stopped while it was sending, so it is not known whether this arrived; "
    "look at the destination, then choose 'Send again' or 'Mark as delivered'."
)


class RunQuerySet(models.QuerySet["Run"]):
    def queued(self) -> RunQuerySet:
        return self.filter(status=Run.Status.QUEUED)

    def running(self) -> RunQuerySet:
        return self.filter(status=Run.Status.RUNNING)

    def finished(self) -> RunQuerySet:
        return self.filter(status__in=Run.FINAL)

    def evidence(self) -> RunQuerySet:
        """Leave out sample and simulated runs, which prove nothing about production."""
        return self.filter(is_sample=False, is_simulated=False)

    def extend_deadlines(self, by: timedelta) -> None:
        """Move the deadlines of runs that have begun and wait, for time that does not count."""
        self.queued().exclude(deadline_at=None).update(deadline_at=F("deadline_at") + by)

    def light(self) -> RunQuerySet:
        """Defer the big columns, for lists."""
        return self.defer("input_data", "output_data", "answer", "dialogue", "verdicts", "trace")


class Run(models.Model):
    """One execution of one version on one input.

    The row is the queue, the truth and the lock: every change of `status` is a conditional
    UPDATE, and a worker's writes name the `fence` they were claimed under. Terminal states have
    `completed_at`.
    """

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        AWAITING_APPROVAL = "awaiting_approval", "Awaiting approval"
        SUCCESS = "success", "Success"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    class Step(models.TextChoices):
        """The next thing to do; what lies before it is committed."""

        SOURCE = "source", "Read the source"
        MODEL = "model", "Ask the model"
        CHECK = "check", "Check the answer"
        DELIVER = "deliver", "Deliver"

    class Origin(models.TextChoices):
        PERSON = "person", "Person"
        SHELL = "shell", "Command line"
        SCHEDULE = "schedule", "Schedule"
        WEBHOOK = "webhook", "Webhook"
        API = "api", "API"
        AUTOMATION = "automation", "Another automation"
        BATCH = "batch", "Batch"
        REPLAY = "replay", "Run again"
        PLAYGROUND = "playground", "Playground"
        DRILL = "drill", "Reliability drill"

    class ErrorCategory(models.TextChoices):
        API_RATE_LIMIT = "api_rate_limit", "API rate limit"
        VALIDATION_ERROR = "validation_error", "Validation error"
        AI_HALLUCINATION = "ai_hallucination", "AI hallucination"
        TIMEOUT = "timeout", "Timeout"
        API_ERROR = "api_error", "API error"
        AUTHENTICATION = "authentication", "Authentication"
        CONTENT_FILTER = "content_filter", "Content filter"
        SOURCE_ERROR = "source_error", "Source error"
        DELIVERY_ERROR = "delivery_error", "Delivery error"
        INTERNAL_ERROR = "internal_error", "Internal error"
        UNKNOWN = "unknown", "Unknown"

    FINAL = (Status.SUCCESS, Status.FAILED, Status.CANCELLED)
    INTERACTIVE = 10
    USUAL = 5  # nobody waits for it: before batches, and like them leaves places for people
    BULK = 0
    CANARY = 1  # let go by its batch's canary: its end decides whether the others follow
    HELD = -1  # its batch is paused, or waits for its canary; never claimed
    MAX_DEPTH = 10
    MAX_POSTPONEMENTS = 10
    MAX_CRASHES = 5

    # The published columns, under their published names.
    automation = models.ForeignKey(
        Automation,
        models.PROTECT,
        to_field="slug",
        db_column="automation_name",
        related_name="runs",
        db_index=False,
    )
    input_data = models.JSONField(default=dict, db_default={}, encoder=DjangoJSONEncoder)
    output_data = models.JSONField(null=True, blank=True, encoder=DjangoJSONEncoder)
    status = models.CharField(
        max_length=50, choices=Status, default=Status.QUEUED, db_default=Status.QUEUED
    )
    error_message = models.TextField(null=True, blank=True)  # noqa: DJ001  published as nullable
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    execution_time_ms = models.IntegerField(
        null=True, blank=True, help_text="Milliseconds in which a worker held the run."
    )

    # What runs, and why.
    version = models.ForeignKey(
        Version, models.PROTECT, null=True, related_name="runs", db_index=False
    )
    provider = models.ForeignKey(
        Provider, models.PROTECT, null=True, related_name="runs", db_index=False
    )
    batch = models.ForeignKey(
        Batch, models.PROTECT, null=True, blank=True, related_name="runs", db_index=False
    )
    trigger = models.ForeignKey(
        Trigger, models.SET_NULL, null=True, blank=True, related_name="runs", db_index=False
    )
    origin = models.CharField(
        max_length=16, choices=Origin, default=Origin.PERSON, db_default=Origin.PERSON
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    rerun_of = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="reruns", db_index=False
    )
    rerun_root = models.ForeignKey(  # what all reruns of a run, and of its reruns, have in common
        "self", models.SET_NULL, null=True, blank=True, related_name="family", db_index=False
    )
    idempotency_key = models.CharField(  # noqa: DJ001  NULL is "none"; '' would collide
        max_length=200, null=True, blank=True
    )
    slot = models.CharField(max_length=80, null=True, blank=True, unique=True)
    source_item = models.CharField(max_length=1000, blank=True, default="", db_default="")
    batch_row = models.PositiveIntegerField(
        null=True, blank=True, help_text="Row of the batch's file, counted from 1."
    )
    caused_by = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="caused", db_index=False
    )
    depth = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="How many automations stand before it in its chain."
    )
    is_sample = models.BooleanField(default=False, db_default=False)
    is_simulated = models.BooleanField(
        default=False, db_default=False, help_text="Playground and drill: never delivered."
    )
    fault = models.CharField(
        max_length=40, blank=True, default="", db_default="", help_text="The fault of a drill."
    )

    # The queue.
    priority = models.SmallIntegerField(default=INTERACTIVE, db_default=INTERACTIVE)
    queued_at = models.DateTimeField(db_default=Now())
    available_at = models.DateTimeField(db_default=Now())
    deadline_at = models.DateTimeField(null=True, blank=True)
    estimated_tokens = models.PositiveIntegerField(default=0, db_default=0)
    fence = models.PositiveIntegerField(default=0, db_default=0)
    lease_owner = models.CharField(max_length=120, blank=True, default="", db_default="")
    lease_until = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)

    # How far it is.
    step = models.CharField(max_length=16, choices=Step, default=Step.MODEL, db_default=Step.MODEL)
    calls = models.PositiveSmallIntegerField(default=0, db_default=0)
    failures = models.PositiveSmallIntegerField(default=0, db_default=0)
    postponements = models.PositiveSmallIntegerField(default=0, db_default=0)
    crashes = models.PositiveSmallIntegerField(default=0, db_default=0)
    model_index = models.PositiveSmallIntegerField(default=0, db_default=0)
    answer = models.TextField(blank=True, default="", db_default="")
    dialogue = models.JSONField(default=list, db_default=[])
    verdicts = models.JSONField(default=list, db_default=[])
    trace = models.JSONField(default=list, db_default=[])

    # What came of it.
    error_category = models.CharField(
        max_length=32, choices=ErrorCategory, blank=True, default="", db_default=""
    )
    error_code = models.CharField(max_length=60, blank=True, default="", db_default="")
    traceback = models.TextField(blank=True, default="", db_default="")
    model = models.CharField(max_length=160, blank=True, default="", db_default="")
    answered_by = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="Model and endpoint."
    )
    input_tokens = models.PositiveIntegerField(default=0, db_default=0)
    output_tokens = models.PositiveIntegerField(default=0, db_default=0)
    cost_usd = models.DecimalField(
        max_digits=12, decimal_places=6, null=True, blank=True, help_text="Empty: price unknown."
    )

    objects = RunQuerySet.as_manager()

    class Meta:
        db_table = "automation_runs"
        ordering = ["-id"]
        permissions = [
            ("start_run", "Can start, cancel and repeat runs"),
            ("approve_delivery", "Can approve and resolve deliveries"),
            ("view_prompt", "Can see the prompts as they were sent"),
        ]
        constraints = [
            models.CheckConstraint(
                name="run_status_known",
                condition=Q(
                    status__in=[
                        "queued",
                        "running",
                        "awaiting_approval",
                        "success",
                        "failed",
                        "cancelled",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="run_final_has_completed_at",
                condition=~Q(status__in=["success", "failed", "cancelled"])
                | Q(completed_at__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["automation", "idempotency_key"], name="run_idempotency_key_once"
            ),
            models.UniqueConstraint(fields=["batch", "batch_row"], name="run_batch_row_once"),
        ]
        indexes = [
            # published
            models.Index(fields=["status"], name="idx_automation_status"),
            models.Index(fields=["started_at"], name="idx_automation_started_at"),
            # engine.claims: lanes and their oldest due runs. Full, not partial: SQLite ignores a
            # partial index whose condition is bound as a parameter.
            models.Index(
                "status", "provider", "automation", F("priority").desc(), "id", name="idx_run_claim"
            ),
            # engine.leases: expired leases
            models.Index(fields=["status", "lease_until"], name="idx_run_lease"),
            # a batch's progress
            models.Index(fields=["batch", "status"], name="idx_run_batch"),
            # an automation's newest runs
            models.Index(fields=["automation", "-id"], name="idx_run_automation"),
            # a run's trace: what it caused, and what repeats it; most runs do neither
            models.Index(
                fields=["caused_by"], name="idx_run_caused", condition=Q(caused_by__isnull=False)
            ),
            models.Index(
                fields=["rerun_of"], name="idx_run_rerun", condition=Q(rerun_of__isnull=False)
            ),
            # what all reruns of a run have delivered
            models.Index(
                fields=["rerun_root"],
                name="idx_run_family",
                condition=Q(rerun_root__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"Run {self.pk}"

    def get_absolute_url(self) -> str:
        return reverse("run", args=[self.pk])

    @property
    def is_final(self) -> bool:
        return self.status in self.FINAL

    @property
    def output_text(self) -> str:
        """The output as a person reads it: its text, or its JSON pretty-printed."""
        return text_of(self.output_data)

    @property
    def queue_time_ms(self) -> int | None:
        if self.started_at is None:
            return None
        return max(0, int((self.started_at - self.queued_at) / timedelta(milliseconds=1)))


def text_of(output_data: Any) -> str:
    """Return the text of stored output: `{"text": ...}`'s text, else indented JSON."""
    if output_data is None:
        return ""
    if isinstance(output_data, dict) and isinstance(output_data.get("text"), str):
        return str(output_data["text"])
    return DjangoJSONEncoder(indent=2, ensure_ascii=False).encode(output_data)


class Attempt(models.Model):
    """One model call inside a run, failed and repair calls included."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="attempts", db_index=False)
    number = models.PositiveSmallIntegerField()
    fence = models.PositiveIntegerField(
        default=0, help_text="The claim that made the call; a lost worker's call is kept too."
    )
    is_repair = models.BooleanField(default=False)
    provider_name = models.CharField(max_length=200)
    model = models.CharField(max_length=160)
    started_at = models.DateTimeField()
    latency_ms = models.PositiveIntegerField()
    input_tokens = models.PositiveIntegerField(null=True)
    output_tokens = models.PositiveIntegerField(null=True)
    cost_usd = models.DecimalField(max_digits=12, decimal_places=6, null=True)
    http_status = models.PositiveSmallIntegerField(null=True)
    finish_reason = models.CharField(max_length=40, blank=True)
    request_id = models.CharField(max_length=200, blank=True)
    error_category = models.CharField(max_length=32, blank=True, choices=Run.ErrorCategory)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.TextField(blank=True)

    class Meta:
        db_table = "automation_attempts"
        ordering = ["run_id", "started_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "fence", "number"], name="attempt_once")
        ]

    def __str__(self) -> str:
        return f"Attempt {self.number} of run {self.run_id}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    def abandon(self) -> None:
        """Close what is open of runs that ended: what was being sent may have arrived."""
        self.filter(state=Delivery.State.SENDING).update(
            state=Delivery.State.UNKNOWN, error_message=CUT_SHORT
        )
        self.filter(state=Delivery.State.PENDING).update(
            state=Delivery.State.FAILED, error_message="The run ended before this was sent."
        )


class Delivery(models.Model):
    """The hand-over of one output to one destination, under a key that never changes."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        SENDING = "sending", "Sending"
        DELIVERED = "delivered", "Delivered"
        FAILED = "failed", "Failed"
        UNKNOWN = "unknown", "Unknown"

    MAX_TRIES = 10

    run = models.ForeignKey(Run, models.CASCADE, related_name="deliveries", db_index=False)
    destination = models.ForeignKey(Destination, models.PROTECT, related_name="deliveries")
    key = models.CharField(max_length=80, unique=True)
    state = models.CharField(max_length=16, choices=State, default=State.PENDING)
    fence = models.PositiveIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    delivered_at = models.DateTimeField(null=True)
    latency_ms = models.PositiveIntegerField(null=True)
    reference = models.CharField(max_length=1000, blank=True)
    error_code = models.CharField(max_length=60, blank=True, default="", db_default="")
    error_message = models.TextField(blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        db_table = "automation_deliveries"
        ordering = ["run_id", "id"]
        verbose_name_plural = "deliveries"
        constraints = [models.UniqueConstraint(fields=["run", "destination"], name="delivery_once")]

    def __str__(self) -> str:
        return f"Delivery of run {self.run_id} to {self.destination}"

    @staticmethod
    def key_for(run_id: int, destination_id: int) -> str:
        """Return the idempotency key of a run's delivery, the same over all retries."""
        return f"run-{run_id}-{destination_id}"
