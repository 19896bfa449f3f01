"""Downloads from a model hub that is slow to trust: ranges, breaks, refusals."""

from pathlib import Path

import pytest

from automations.engine.embedded.errors import FetchRefused
from automations.engine.embedded.hub import MOST_BREAKS, download
from tests.automations.engine.embedded.makers import CONTENT, Bars, Hub

SIZE = len(CONTENT)


@pytest.fixture
def partial(tmp_path: Path) -> Path:
    return tmp_path / "toy.partial"


@pytest.fixture
def url(hub: Hub) -> str:
    return f"{hub.url}/toys/toy.gguf"


def test_a_file_arrives_whole_and_progress_is_shown(url: str, partial: Path, bars: Bars) -> None:
    download(url, partial, SIZE, bars)
    assert partial.read_bytes() == CONTENT
    assert [(bar.started_at, bar.done, bar.closed) for bar in bars.opened] == [(0, SIZE, True)]


def test_a_download_goes_on_where_an_earlier_one_stopped(
    url: str, hub: Hub, partial: Path, bars: Bars
) -> None:
    partial.write_bytes(CONTENT[:1000])
    download(url, partial, SIZE, bars)
    assert partial.read_bytes() == CONTENT
    assert hub.ranges == ["bytes=1000-"]
    assert bars.opened[0].started_at == 1000


def test_a_broken_connection_is_taken_up_again(
    url: str, hub: Hub, partial: Path, bars: Bars
) -> None:
    hub.break_after = [500, 700]
    download(url, partial, SIZE, bars)
    assert partial.read_bytes() == CONTENT
    assert hub.ranges == ["bytes=0-", "bytes=500-", "bytes=1200-"]


def test_a_connection_that_keeps_breaking_is_given_up_and_what_came_is_kept(
    url: str, hub: Hub, partial: Path, bars: Bars
) -> None:
    hub.break_after = [10] * 50
    with pytest.raises(FetchRefused):
        download(url, partial, SIZE, bars)
    assert len(hub.ranges) == MOST_BREAKS + 1
    assert partial.read_bytes() == CONTENT[: 10 * len(hub.ranges)]


def test_a_hub_that_knows_no_ranges_starts_from_the_beginning(
    url: str, hub: Hub, partial: Path, bars: Bars
) -> None:
    hub.takes_ranges = "no"
    partial.write_bytes(b"x" * 1000)
    download(url, partial, SIZE, bars)
    assert partial.read_bytes() == CONTENT
    assert bars.opened[0].started_at == 0


def test_a_complete_partial_file_asks_for_nothing(
    url: str, hub: Hub, partial: Path, bars: Bars
) -> None:
    partial.write_bytes(CONTENT)
    download(url, partial, SIZE, bars)
    assert not hub.ranges


def test_a_partial_file_that_is_too_long_is_thrown_away(
    url: str, hub: Hub, partial: Path, bars: Bars
) -> None:
    partial.write_bytes(CONTENT + b"more")
    download(url, partial, SIZE, bars)
    assert hub.ranges == ["bytes=0-"]
    assert partial.read_bytes() == CONTENT


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_the_first_refusal_is_the_last(
    url: str, hub: Hub, partial: Path, bars: Bars, status: int
) -> None:
    hub.status = status
    with pytest.raises(FetchRefused, match=f"it answered {status}"):
        download(url, partial, SIZE, bars)
    assert len(hub.ranges) == 1
    assert not bars.opened


def test_a_range_the_hub_does_not_have_throws_the_partial_file_away(
    url: str, hub: Hub, partial: Path, bars: Bars
) -> None:
    hub.files["/toys/toy.gguf"] = CONTENT[:100]
    partial.write_bytes(CONTENT[:200])
    with pytest.raises(FetchRefused, match="it answered 416"):
        download(url, partial, SIZE, bars)
    assert not partial.exists()


@pytest.mark.parametrize("takes_ranges", ["yes", "no"])
def test_a_file_of_another_size_is_refused_before_it_is_read(
    url: str, hub: Hub, partial: Path, bars: Bars, takes_ranges: str
) -> None:
    hub.takes_ranges = takes_ranges
    hub.files["/toys/toy.gguf"] = b"<html>Please sign in</html>"
    with pytest.raises(FetchRefused, match="it offers another"):
        download(url, partial, SIZE, bars)
    assert not partial.exists()


def test_more_bytes_than_the_file_has_are_refused(
    url: str, hub: Hub, partial: Path, bars: Bars
) -> None:
    hub.trailing = b"x" * 1_000_000
    with pytest.raises(FetchRefused, match="more bytes"):
        download(url, partial, SIZE, bars)
    assert not partial.exists() or partial.stat().st_size <= SIZE


def test_a_hub_that_is_not_there_is_a_refusal(partial: Path, bars: Bars) -> None:
    with pytest.raises(FetchRefused, match="cannot be reached"):
        download("http://127.0.0.1:1/toy", partial, SIZE, bars)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/toy", "toy"])
def test_only_http_and_https_are_spoken(url: str, partial: Path, bars: Bars) -> None:
    with pytest.raises(FetchRefused, match="not an http or https address"):
        download(url, partial, SIZE, bars)
