"""Feeds as source: entries out of real answers, hostile ones included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings

from automations import connectors
from automations.connectors import Item, Source
from automations.errors import Problem
from tests.automations.connectors.serving import Site, serving

pytestmark = pytest.mark.once

RSS = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0"><channel><title>News</title><link>https://example.com/</link>%s</channel></rss>"""
ENTRY = """<item><title>{title}</title><link>https://example.com/{id}</link>
<guid isPermaLink="false">id-{id}</guid><pubDate>{day:02d} Nov 2026 09:00:00 GMT</pubDate>
<description>{text}</description></item>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom"><title>A</title><id>a</id>
<entry><title>Grüße</title><id>tag:1</id><link href="/post/1"/>
<updated>2026-11-20T10:00:00Z</updated><summary>Short</summary>
<content type="html">&lt;p&gt;The &lt;b&gt;whole&lt;/b&gt; text&lt;/p&gt;
&lt;script&gt;x&lt;/script&gt;</content>
</entry></feed>"""


def rss(*entries: str) -> str:
    return RSS % "".join(entries)


def entry(number: int, **changes: Any) -> str:
    facts = {"id": number, "title": f"Entry {number}", "day": number, "text": f"Text {number}"}
    return ENTRY.format(**{**facts, **changes})


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    with serving() as running:
        settings.OUTBOUND_ALLOW = {"source": [running.place]}
        yield running


def make_source(url: str, **settings: Any) -> Source:
    cleaned = connectors.sources.clean_settings("feed", {"url": url, **settings})
    return connectors.sources.get("feed")(cleaned)


def items(site: Site, body: bytes | str, kind: str = "application/rss+xml") -> list[Item]:
    return make_source(site.put("/feed", body, kind)).items()


def problem_of(site: Site, body: bytes | str, kind: str = "application/rss+xml") -> Problem:
    with pytest.raises(Problem) as caught:
        items(site, body, kind)
    assert caught.value.category == "source_error"
    assert caught.value.message.endswith(".")
    return caught.value


def test_entries_come_newest_first_with_their_text(site: Site) -> None:
    found = items(site, rss(entry(1), entry(3), entry(2)))
    assert [item.key for item in found] == ["id-3", "id-2", "id-1"]
    assert found[0].label == "Entry 3"
    assert found[0].data == {
        "content": "Entry 3\n\nhttps://example.com/3\n\n2026-11-03T09:00:00Z\n\nText 3"
    }


def test_an_atom_entry_gives_its_fullest_text_without_markup(site: Site) -> None:
    [item] = items(site, ATOM, "application/atom+xml")
    assert item.key == "tag:1"
    assert item.data is not None
    assert "The whole text" in item.data["content"]
    assert "Short" not in item.data["content"]
    assert "x" not in item.data["content"].split("text")[-1]
    assert f"{site.url}/post/1" in item.data["content"]


def test_an_entry_without_id_is_known_by_its_link_and_one_without_both_by_its_text(
    site: Site,
) -> None:
    linked = "<item><title>A</title><link>https://example.com/a</link></item>"
    bare = "<item><title>B</title><description>text</description></item>"
    first, second = items(site, rss(linked, bare))
    assert first.key == "https://example.com/a"
    assert second.key.startswith("sha256:")
    assert items(site, rss(linked, bare))[1].key == second.key


def test_a_very_long_id_is_shortened_to_its_hash(site: Site) -> None:
    [item] = items(site, rss(entry(1, id="x" * 5_000)))
    assert item.key.startswith("sha256:")
    assert len(item.key) == 71


def test_a_feed_in_another_encoding_is_read(site: Site) -> None:
    body = rss(entry(1, title="Grüße")).replace("UTF-8", "ISO-8859-1").encode("latin-1")
    assert items(site, body)[0].label == "Grüße"


def test_a_feed_that_is_cut_off_gives_what_can_be_read(site: Site) -> None:
    body = rss(entry(2), entry(1))
    found = items(site, body[: body.index("<pubDate>01") - 1])
    assert found[0].key == "id-2"


def test_an_empty_feed_has_no_entries(site: Site) -> None:
    assert items(site, rss()) == []


def test_a_feed_remembers_and_starts_with_its_newest(site: Site) -> None:
    source = make_source(site.put("/feed", rss()), first_take=3)
    assert source.remembers
    assert source.first_take == 3
    assert make_source(f"{site.url}/feed").first_take == 10


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("<html><body><p>Not found</p></body></html>", "text/html"),
        ("just a text", "text/plain"),
        ("", "application/rss+xml"),
        (b"\x00\xff\x00\xff" * 100, "application/rss+xml"),
        ('{"version": "https://jsonfeed.org/version/1"}', "application/json"),
    ],
)
def test_what_is_not_a_feed_is_refused(site: Site, body: bytes | str, kind: str) -> None:
    problem = problem_of(site, body, kind)
    assert problem.code == "not_a_feed"
    assert "neither RSS nor Atom" in problem.message


HOSTILE = {
    "a billion laughs": '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>' + rss(entry(1)),
    "an external entity": '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
    + rss(entry(1, title="&f;")),
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_entities_of_its_own_are_refused(site: Site, body: str) -> None:
    assert problem_of(site, body).code == "suspicious_file"


def test_scripts_and_addresses_of_scripts_stay_text(site: Site) -> None:
    nasty = "&lt;img src=x onerror=alert(1)&gt;&lt;script&gt;alert(2)&lt;/script&gt;hello"
    [item] = items(site, rss(entry(1, text=nasty, title="&lt;script&gt;t&lt;/script&gt;")))
    assert item.data is not None
    assert "alert" not in item.data["content"]
    assert "hello" in item.data["content"]


def test_twenty_thousand_entries_are_bounded(site: Site) -> None:
    found = items(site, rss(*(f"<item><guid>{n}</guid></item>" for n in range(20_000))))
    assert len(found) == 1_000


def test_nested_elements_do_not_hang(site: Site) -> None:
    nested = "<item><title>x</title>" + "<a>" * 100_000 + "</item>"
    assert len(items(site, rss(entry(1), nested))) <= 2


def test_a_refused_feed_says_why(site: Site) -> None:
    site.put("/feed", "no", status=403)
    with pytest.raises(Problem) as caught:
        make_source(f"{site.url}/feed").items()
    assert caught.value.code == "http_403"
