"""Destination: a Slack channel, through its incoming webhook."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import forms

from automations.connectors import parcels
from automations.connectors.base import Outside, Parcel, Preview
from automations.connectors.headers import resolve
from automations.connectors.http import Call, HttpDestination, quote
from automations.connectors.problems import DeliveryProblem
from automations.connectors.promises import UnknownOutcomeForm, promise_of
from automations.connectors.reaching import reach
from automations.outbound import Reply
from automations.references import MARK, SLACK, host_of

VARIABLE = f"{MARK}SLACK_WEBHOOK"
MAX_CHARS = 40_000  # Slack cuts what is longer
TEXT = "{{ text }}"

# Slack's own words -> what to do. https://api.slack.com/messaging/webhooks#handling_errors
_ADVICE = {
    "invalid_payload": "the message is not as Slack wants it; look at the dry run",
    "no_text": "the message is empty; correct the template",
    "no_service": "the webhook was removed or switched off; make a new one in Slack",
    "no_active_hooks": "the webhook was switched off; make a new one in Slack",
    "invalid_token": "the webhook's address is not valid; copy it from Slack again",
    "no_team": "the workspace is gone; make a webhook in another one",
    "channel_not_found": "the channel is gone; make a webhook for another one",
    "channel_is_archived": "the channel is archived; open it again, or make a new webhook",
    "user_not_found": "the person is gone; make a webhook for a channel",
    "action_prohibited": "an administrator of Slack forbids it; ask there",
    "posting_to_general_channel_denied": "posting to #general is forbidden; use another channel",
}


class SlackForm(UnknownOutcomeForm):
    """Which webhook, what text."""

    webhook = forms.CharField(
        label="Webhook",
        required=False,
        max_length=100,
        help_text=f"{VARIABLE} when empty, or env:{SLACK.prefix}NAME: the variable of the worker "
        "that holds the webhook's address, which is a secret.",
    )
    text = forms.CharField(
        label="Message",
        required=False,
        max_length=parcels.MAX_TEMPLATE_CHARS,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=f"{TEXT} when empty. Known: {parcels.names_in_words()}.",
    )
    field_order = ("webhook", "text", "when_unknown")

    def clean_webhook(self) -> str:
        """Refuse the address itself."""
        webhook: str = self.cleaned_data["webhook"] or VARIABLE
        if not webhook.startswith(MARK):
            raise forms.ValidationError(
                "The webhook's address is a secret; put it into SLACK_WEBHOOK in the worker's "
                f"environment and write {VARIABLE}."
            )
        if faults := SLACK.faults(webhook):
            raise forms.ValidationError(faults)
        return webhook

    def clean_text(self) -> str:
        """Refuse names that are not known."""
        text: str = self.cleaned_data["text"] or TEXT
        if faults := parcels.template_faults(text):
            raise forms.ValidationError(faults)
        return text


class SlackDestination(HttpDestination):
    """Posts the output as one message; Slack keeps two of what comes twice."""

    kind = "slack"
    label = "Slack"
    help = "Posts each output to a channel of Slack, or of what takes its webhooks (Mattermost)."
    settings_form = SlackForm
    read_by_people = True

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        return f"posts to the Slack webhook in {settings['webhook'].removeprefix(MARK)}"

    @property
    def promise(self) -> str:
        return promise_of(self.settings)

    async def test(self, outside: Outside) -> str:
        """Read the variable and reach the server; a webhook answers nothing but messages."""
        url, _ = resolve(self.settings["webhook"], SLACK)
        await reach(url)
        return (
            f"{host_of(url)} can be reached. Nothing was sent, so whether the webhook is good "
            "shows with a test message."
        )

    def preview(self, parcel: Parcel) -> Preview:
        """Show the message; the webhook stays a reference."""
        parts = [("Request", f"POST {self.settings['webhook']}"), ("Body", self._message(parcel))]
        return Preview(self.summary(self.settings), parts)

    def _call(self, parcel: Parcel) -> Call:
        url, secret = resolve(self.settings["webhook"], SLACK)
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return Call("POST", url, headers, self._message(parcel).encode(), [secret, _token_of(url)])

    def _message(self, parcel: Parcel) -> str:
        text = parcels.filled(self.settings.get("text") or TEXT, parcel)
        # `<!channel>` in an output would wake everybody.
        for sign, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
            text = text.replace(sign, written)
        if len(text) > MAX_CHARS:
            raise DeliveryProblem(
                f"The message has {len(text):,} characters; Slack takes {MAX_CHARS:,}, so have "
                "the automation write less.",
                code="too_long",
            )
        return json.dumps({"text": text}, ensure_ascii=False)

    def _not_accepted(self, reply: Reply, call: Call) -> DeliveryProblem:
        said = reply.body[:200].decode("utf-8", "replace").strip()
        if said not in _ADVICE:
            return super()._not_accepted(reply, call)
        return DeliveryProblem(
            f"Slack answered {reply.status}{quote(reply, call)}; {_ADVICE[said]}.",
            code=f"slack_{said}",
        )


def _token_of(url: str) -> str:
    """Return the last part of a webhook's address, which alone lets anybody post."""
    return url.rpartition("/")[2]
