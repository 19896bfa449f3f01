"""Which model a machine gets."""

from pathlib import Path

import pytest

from automations.engine.embedded.catalogue import (
    LARGE,
    SMALL,
    TINY,
    Model,
    OwnFile,
    cache_folder,
    choose,
    disk_needed_bytes,
)
from automations.engine.embedded.errors import EmbeddedUnavailable
from automations.engine.embedded.machine import Machine
from automations.engine.embedded.parts import read_pins
from automations.engine.embedded.weights import PINS

ROOMY = Machine(memory_bytes=16 * 10**9, free_disk_bytes=100 * 10**9, is_ci=False)


def test_a_roomy_machine_gets_the_large_model(tmp_path: Path) -> None:
    assert choose({"LOCAL_MODEL_CACHE": str(tmp_path)}, ROOMY) is LARGE


@pytest.mark.parametrize(
    "machine",
    [
        Machine(memory_bytes=2 * 10**9, free_disk_bytes=100 * 10**9, is_ci=False),
        Machine(memory_bytes=16 * 10**9, free_disk_bytes=10**9, is_ci=False),
        Machine(memory_bytes=16 * 10**9, free_disk_bytes=100 * 10**9, is_ci=True),
    ],
    ids=["little memory", "little disk", "CI"],
)
def test_a_small_machine_and_ci_get_the_small_model(tmp_path: Path, machine: Machine) -> None:
    assert choose({"LOCAL_MODEL_CACHE": str(tmp_path)}, machine) is SMALL


def test_a_full_disk_does_not_matter_once_the_large_model_is_cached(tmp_path: Path) -> None:
    full = Machine(memory_bytes=16 * 10**9, free_disk_bytes=0, is_ci=False)
    (tmp_path / LARGE.file_name).touch()
    assert choose({"LOCAL_MODEL_CACHE": str(tmp_path)}, full) is LARGE


def test_ci_is_recognised_by_its_variable(tmp_path: Path) -> None:
    assert choose({"LOCAL_MODEL_CACHE": str(tmp_path), "CI": "true"}) is SMALL


@pytest.mark.parametrize(("key", "model"), [("1.5b", LARGE), ("0.5B", SMALL), (" 135m ", TINY)])
def test_the_operator_may_name_a_model(key: str, model: object) -> None:
    assert choose({"LOCAL_MODEL": key, "CI": "true"}, ROOMY) is model


def test_an_unknown_model_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(EmbeddedUnavailable, match=r"'7b'.*1\.5b, 0\.5b, 135m") as caught:
        choose({"LOCAL_MODEL": "7b"}, ROOMY)
    assert caught.value.code == "unknown_model"


def test_a_file_of_the_operators_own_goes_before_everything() -> None:
    environ = {"LOCAL_MODEL_PATH": "/m/a.gguf", "LOCAL_MODEL": "7b", "LOCAL_MODEL_SHA256": "AB"}
    assert choose(environ, ROOMY) == OwnFile(Path("/m/a.gguf"), "ab")


def test_two_files_of_the_same_name_are_different_choices() -> None:
    assert OwnFile(Path("/a/m.gguf"), "").key != OwnFile(Path("/b/m.gguf"), "").key


def test_the_cache_is_the_users_unless_named() -> None:
    assert cache_folder({}) == Path.home() / ".cache/lifecycle/models"
    assert cache_folder({"XDG_CACHE_HOME": "/x"}) == Path("/x/lifecycle/models")
    assert cache_folder({"XDG_CACHE_HOME": "/x", "LOCAL_MODEL_CACHE": "/y"}) == Path("/y")


def test_labels_say_plainly_which_model_it_is() -> None:
    assert LARGE.label == "Qwen2.5-Coder-1.5B-Instruct Q4_K_M (embedded)"
    assert TINY.label == "SmolLM2-135M-Instruct Q4_1 (embedded, plumbing only)"


def test_each_model_has_a_smaller_one_to_stand_in_down_to_the_smallest() -> None:
    assert LARGE.and_stand_ins == [LARGE, SMALL, TINY]
    assert disk_needed_bytes(LARGE) > disk_needed_bytes(SMALL) > disk_needed_bytes(TINY)


@pytest.mark.parametrize(("model", "count"), [(LARGE, 22), (SMALL, 6), (TINY, 1)])
def test_every_part_is_pinned_by_version_and_hash(model: Model, count: int) -> None:
    pins = read_pins(PINS / model.pins)
    assert len({pin.name for pin in pins}) == count
    assert all(pin.version and len(bytes.fromhex(pin.sha256)) == 32 for pin in pins)
