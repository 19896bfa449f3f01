"""Destination: a notice through any of the services that Apprise speaks to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from django import forms

from automations import sandbox
from automations.connectors import parcels
from automations.connectors.base import (
    AT_LEAST_ONCE,
    Destination,
    Outside,
    Parcel,
    Preview,
    Receipt,
)
from automations.connectors.headers import resolve
from automations.connectors.problems import DeliveryProblem
from automations.connectors.promises import UnknownOutcomeForm, promise_of
from automations.errors import Problem
from automations.redaction import redact
from automations.references import DESTINATION, MARK
from automations.text import one_line

JOB = "apprise"
DEADLINE_S = 60.0
MEMORY_MB = 768
TITLE, BODY = "{{ automation }}: run {{ run_id }}", "{{ text }}"
MAX_TITLE_CHARS = 200
# A child that ran into its limits may have called before.
_MAYBE = frozenset({"too_slow", "too_much_memory", "reader_broke"})


class NoticeForm(UnknownOutcomeForm):
    """Which service, what it says."""

    url = forms.CharField(
        label="Apprise address",
        max_length=100,
        help_text=f"As env:{DESTINATION.prefix}NAME: the variable of the worker that holds an "
        "address like discord://… or tgram://…, which is a secret.",
    )
    title = forms.CharField(
        label="Title",
        required=False,
        max_length=200,
        help_text=f"{TITLE} when empty. Known: {parcels.names_in_words()}.",
    )
    body = forms.CharField(
        label="Text",
        required=False,
        max_length=parcels.MAX_TEMPLATE_CHARS,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=f"{BODY} when empty; the same names are known.",
    )
    field_order = ("url", "title", "body", "when_unknown")

    def clean_url(self) -> str:
        """Refuse the address itself."""
        url: str = self.cleaned_data["url"]
        if not url.startswith(MARK):
            raise forms.ValidationError(
                "The address is a secret; put it into an environment variable of the worker and "
                f"write env:{DESTINATION.prefix}NAME."
            )
        if faults := DESTINATION.faults(url):
            raise forms.ValidationError(faults)
        return url

    def clean_title(self) -> str:
        """Refuse names that are not known."""
        return self._template("title", TITLE)

    def clean_body(self) -> str:
        """Refuse names that are not known."""
        return self._template("body", BODY)

    def _template(self, name: str, usual: str) -> str:
        template: str = self.cleaned_data[name] or usual
        if faults := parcels.template_faults(template):
            raise forms.ValidationError(faults)
        return template


class NoticeDestination(Destination):
    """Tells a service of Apprise, from a child process that may go nowhere else."""

    kind = "notice"
    label = "Notice (Apprise)"
    help = "Sends each output to Teams, Discord, Telegram, PagerDuty or another service of Apprise."
    settings_form = NoticeForm
    read_by_people = True

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        return f"notifies the service in {settings['url'].removeprefix(MARK)}"

    @property
    def promise(self) -> str:
        return promise_of(self.settings)

    async def deliver(self, parcel: Parcel, outside: Outside) -> Receipt:
        url, secret = resolve(self.settings["url"])
        said = await self._asked(outside, {"url": url, **self._notice(parcel)}, secret)
        if not said["sent"]:
            raise self._not_taken(said, secret)
        return Receipt(f"taken by {one_line(said['service'], limit=60)}")

    async def test(self, outside: Outside) -> str:
        """Look at the address as Apprise reads it; services answer nothing but notices."""
        url, secret = resolve(self.settings["url"])
        said = await self._asked(outside, {"url": url, "check": True}, secret)
        return (
            f"The address is one of {one_line(said['service'], limit=60)}. Nothing was sent, so "
            "whether it is good shows with a test message."
        )

    def preview(self, parcel: Parcel) -> Preview:
        """Show title and text; the address stays a reference."""
        notice = self._notice(parcel)
        parts = [("To", self.settings["url"]), ("Title", notice["title"]), ("Text", notice["body"])]
        return Preview(self.summary(self.settings), parts)

    def _notice(self, parcel: Parcel) -> dict[str, str]:
        title = parcels.filled(self.settings.get("title") or TITLE, parcel)
        body = parcels.filled(self.settings.get("body") or BODY, parcel)
        return {"title": one_line(title, limit=MAX_TITLE_CHARS), "body": body}

    async def _asked(
        self, outside: Outside, payload: Mapping[str, Any], secret: str
    ) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(outside.threads, self._ask, payload, secret)

    def _ask(self, payload: Mapping[str, Any], secret: str) -> dict[str, Any]:
        try:
            said: dict[str, Any] = sandbox.run(
                JOB, payload, wall_s=DEADLINE_S, memory_mb=MEMORY_MB, network=True
            )
        except Problem as problem:
            maybe = problem.code in _MAYBE and "check" not in payload
            raise DeliveryProblem(
                redact(problem.message, [secret]),
                code=problem.code,
                retry=maybe and self.promise == AT_LEAST_ONCE,
                maybe_delivered=maybe,
            ) from problem
        return said

    def _not_taken(self, said: Mapping[str, Any], secret: str) -> DeliveryProblem:
        """Judge a notice that was not taken by the status the service answered, if it did."""
        status = int(said["status"])
        unknown = status == 0 or status >= 500
        again = status in (408, 425, 429) or (unknown and self.promise == AT_LEAST_ONCE)
        because = one_line(redact(str(said["said"]), [secret]), limit=300) or "no reason given"
        advice = "check the address and what the service expects"
        if unknown and not again:
            advice = "it may have arrived all the same, so look there before sending again"
        elif again:
            advice = "it is tried again"
        return DeliveryProblem(
            f"{one_line(said['service'], limit=60)} did not take the notice ({because}); {advice}.",
            code=f"notice_{status}" if status else "notice_failed",
            retry=again,
            maybe_delivered=unknown,
        )
