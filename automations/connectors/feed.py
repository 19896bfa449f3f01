"""Source: the entries of an RSS or Atom feed, each taken once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings as django_settings

from automations import sandbox
from automations.connectors.base import Item, Source
from automations.connectors.fetching import FetchForm, fetch
from automations.references import host_of
from automations.text import clean_text, one_line

ACCEPT = "application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.5"
USUAL_FIRST = 10
MAX_FIRST = 500


class FeedForm(FetchForm):
    """Which feed is read, and how much of it at the first time."""

    first_take = forms.IntegerField(
        label="At the first time",
        min_value=1,
        max_value=MAX_FIRST,
        initial=USUAL_FIRST,
        required=False,
        help_text=f"How many of the newest entries the first run takes; {USUAL_FIRST} when empty. "
        "Older ones are passed by, later ones are all taken.",
    )

    field_order = ("url", "first_take", "headers", "timeout_s")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["url"].help_text = (
            "The address of the feed itself, for example https://example.com/feed.xml. "
            "Where it is a secret, write env:SOURCE_NAME."
        )

    def clean_first_take(self) -> int:
        """Fill in the usual number."""
        return self.cleaned_data["first_take"] or USUAL_FIRST


class FeedSource(Source):
    """New entries of a feed: title, link and text are the input."""

    kind = "feed"
    label = "Feed (RSS, Atom)"
    help = (
        "Takes the new entries of a feed, each once: its title, link and text. Add a schedule to "
        "look for new ones."
    )
    settings_form = FeedForm
    listed_here = False

    @classmethod
    def summary(cls, settings: Mapping[str, Any]) -> str:
        return f"takes new entries of {host_of(settings['url'])}"

    @property
    def remembers(self) -> bool:
        return True

    @property
    def first_take(self) -> int | None:
        return self.settings.get("first_take") or USUAL_FIRST

    def items(self) -> list[Item]:
        fetched = fetch(self.settings, accept=ACCEPT, max_bytes=django_settings.MAX_INPUT_BYTES)
        payload = {"url": fetched.url, "content_type": fetched.content_type}
        entries = sandbox.run("feed", payload, data=fetched.body, wall_s=20, memory_mb=512)
        return [_item(entry) for entry in entries]


def _item(entry: Mapping[str, str]) -> Item:
    parts = (entry["title"], entry["link"], entry["published"], entry["text"])
    text = clean_text("\n\n".join(part for part in parts if part)).text
    label = one_line(entry["title"] or entry["link"] or entry["text"], limit=100)
    return Item(key=clean_text(entry["key"]).text, label=label, data={"content": text})
