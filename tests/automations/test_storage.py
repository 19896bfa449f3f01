"""Files: only below the roots, no links, no pipes, whole or not at all."""

import errno
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from automations import storage
from automations.storage import StorageProblem, reading

Place = Callable[[str, bytes], Path]


@pytest.fixture
def root(tmp_path: Path, settings: Settings) -> Path:
    settings.BASE_DIR = tmp_path
    settings.FILE_ROOTS = [tmp_path / "var" / "files"]
    (tmp_path / "var" / "files").mkdir(parents=True)
    return tmp_path / "var" / "files"


@pytest.fixture
def second_root(root: Path, settings: Settings) -> Path:
    second = root.parent / "drop"
    second.mkdir()
    settings.FILE_ROOTS = [root, second]
    return second


def put(path: Path, data: bytes = b"text") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def refusal(call: Callable[..., object], *args: Any) -> StorageProblem:
    with pytest.raises(StorageProblem) as caught:
        call(*args)
    return caught.value


def everything_below(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


# --- reading --------------------------------------------------------------------------------


def test_a_file_is_read_by_its_path_below_the_root(root: Path) -> None:
    path = put(root / "articles" / "a.md", b"hello")
    assert storage.resolve_for_reading("articles/a.md") == [path]
    assert storage.open_regular("articles/a.md") == b"hello"
    assert storage.open_regular(path) == b"hello"
    assert storage.key_of(path) == "articles/a.md"


def test_an_absolute_path_inside_a_root_is_as_good(root: Path) -> None:
    path = put(root / "a.md")
    assert storage.resolve_for_reading(str(path)) == [path]


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../secrets.txt", "articles/../../a.md", "a/..", "//etc/passwd", "/"],
)
def test_a_path_outside_the_roots_is_refused_by_name(root: Path, path: str) -> None:
    put(root.parent / "secrets.txt")
    for call in (storage.resolve_for_reading, storage.open_regular):
        problem = refusal(call, path)
        assert problem.code == "outside_roots"
        assert problem.category == "source_error"
        assert problem.message == (
            f"{path} is outside the folders allowed here (var/files); "
            "put the file there and give its path below that folder."
        )
        assert storage.check_path(path) == [problem.message]


def test_no_message_reveals_where_the_installation_lies(root: Path, second_root: Path) -> None:
    assert storage.root_names() == "var/files, var/drop"
    assert str(root.parent.parent) not in refusal(storage.open_regular, "none.md").message


def test_a_missing_file_is_told_with_the_place_where_it_should_be(root: Path) -> None:
    for call in (storage.resolve_for_reading, storage.open_regular):
        problem = refusal(call, "articles/gone.md")
        assert problem.code == "missing_file"
        assert problem.message == (
            "There is no file articles/gone.md below var/files; "
            "check the path, or put the file there."
        )


def test_a_root_that_does_not_exist_yet_holds_no_files(root: Path) -> None:
    root.rmdir()
    assert refusal(storage.open_regular, "a.md").code == "missing_file"
    assert refusal(storage.resolve_for_reading, "*.md").code == "missing_file"


def test_a_link_to_a_file_is_not_followed(root: Path) -> None:
    put(root.parent / "secrets.txt")
    (root / "link.md").symlink_to(root.parent / "secrets.txt")
    for call in (storage.resolve_for_reading, storage.open_regular):
        problem = refusal(call, "link.md")
        assert problem.code == "link"
        assert problem.message == (
            "link.md is a link, and links are not followed; put the file itself there."
        )


def test_a_link_to_a_folder_is_not_followed(root: Path) -> None:
    put(root.parent / "private" / "a.md")
    (root / "inside").symlink_to(root.parent / "private")
    assert refusal(storage.open_regular, "inside/a.md").code == "link"
    assert refusal(storage.resolve_for_reading, "inside/*.md").code == "link"
    assert refusal(storage.write_atomically, "inside/b.md", b"x").code == "link"
    assert everything_below(root.parent / "private") == ["a.md"]


def test_a_file_swapped_for_a_link_after_it_was_found_is_not_read(root: Path) -> None:
    path = put(root / "a.md")
    found = storage.resolve_for_reading("a.md")[0]
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert refusal(storage.open_regular, found).code == "link"


def test_a_root_reached_through_a_link_is_the_operators_choice(
    root: Path, settings: Settings
) -> None:
    put(root / "a.md", b"x")
    (root.parent / "alias").symlink_to(root)
    settings.FILE_ROOTS = [root.parent / "alias"]
    assert storage.open_regular("a.md") == b"x"


def test_a_pipe_is_refused_without_waiting_for_it(root: Path) -> None:
    os.mkfifo(root / "pipe.md")
    for call in (storage.resolve_for_reading, storage.open_regular):
        assert refusal(call, "pipe.md").code == "not_regular"


def test_a_second_name_of_a_file_is_refused(root: Path) -> None:
    put(root.parent / "secrets.txt")
    (root / "a.md").hardlink_to(root.parent / "secrets.txt")
    problem = refusal(storage.open_regular, "a.md")
    assert problem.code == "hard_link"
    assert "has 2 names" in problem.message


def test_a_folder_is_no_file_and_a_file_no_folder(root: Path) -> None:
    put(root / "articles" / "a.md")
    assert refusal(storage.open_regular, "articles").code == "is_a_folder"
    assert refusal(storage.open_regular, "articles/a.md/b.md").code == "not_a_folder"


def test_an_unreadable_file_is_told_with_its_cause(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(root / "a.md")

    def refuse(*args: object, **kwargs: object) -> int:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(os, "open", refuse)
    problem = refusal(storage.open_regular, "a.md")
    assert problem.code == "unreadable"
    assert problem.message == ("a.md cannot be read (Permission denied); check its permissions.")


def test_a_50_mb_file_is_refused_naming_its_size_and_the_limit(root: Path) -> None:
    with (root / "big.md").open("wb") as file:
        file.truncate(50 * 1024**2)
    problem = refusal(storage.open_regular, "big.md")
    assert problem.code == "too_large"
    assert problem.message == "big.md has 50.0 MB; at most 5.0 MB are read, so split it."


def test_the_size_limit_is_inclusive_and_can_be_given(root: Path) -> None:
    put(root / "a.md", b"x" * 10)
    assert storage.open_regular("a.md", 10) == b"x" * 10
    assert refusal(storage.open_regular, "a.md", 9).code == "too_large"


@pytest.mark.parametrize(
    "path", ["a\x00b", "a\nb", "x" * 151, "é" * 76, "a/" + "x" * 151, "\ud800", "a/" * 501]
)
def test_names_that_no_system_likes_are_refused(root: Path, path: str) -> None:
    for call in (storage.resolve_for_reading, storage.open_regular):
        assert refusal(call, path).code == "bad_name"
    assert refusal(storage.write_atomically, path, b"x").code == "bad_name"


def test_a_name_of_150_bytes_can_be_written_and_read(root: Path) -> None:
    storage.write_atomically("é" * 75, b"x")
    assert storage.open_regular("é" * 75) == b"x"


@pytest.mark.parametrize("path", ["", " ", ".", "./"])
def test_a_path_that_names_nothing_is_refused(root: Path, path: str) -> None:
    assert refusal(storage.open_regular, path).code == "no_path"


@given(st.text(alphabet="a./\\*?[]~\x00\ud800é", max_size=12))
def test_no_path_ever_leaves_the_roots(path: str) -> None:
    assert found_or_said(path).endswith(".")


def found_or_said(path: str) -> str:
    try:
        found = storage.resolve_for_reading(path)
    except StorageProblem as problem:
        return problem.message
    return f"Found {', '.join(storage.key_of(each) for each in found)}."


# --- patterns -------------------------------------------------------------------------------


@pytest.fixture
def tree(root: Path) -> Path:
    for name in ("b.md", "a.md", "a.txt", ".hidden.md", "x/c.md", "x/y/d.md", ".git/e.md"):
        put(root / name)
    return root


@pytest.mark.parametrize(
    ("pattern", "keys"),
    [
        ("*.md", ["a.md", "b.md"]),
        ("?.md", ["a.md", "b.md"]),
        ("[!a].md", ["b.md"]),
        ("*", ["a.md", "a.txt", "b.md"]),
        ("*/*.md", ["x/c.md"]),
        ("x/*/*.md", ["x/y/d.md"]),
        ("**/*.md", ["a.md", "b.md", "x/c.md", "x/y/d.md"]),
        ("x/**", ["x/c.md", "x/y/d.md"]),
        ("**/y/*.md", ["x/y/d.md"]),
        (".h*.md", [".hidden.md"]),
        (".git/*.md", [".git/e.md"]),
    ],
)
def test_a_pattern_finds_regular_files_sorted(tree: Path, pattern: str, keys: list[str]) -> None:
    assert [storage.key_of(path) for path in storage.resolve_for_reading(pattern)] == keys


def test_a_pattern_passes_over_links_and_pipes(tree: Path) -> None:
    (tree / "link.md").symlink_to("/etc/passwd")
    (tree / "linked").symlink_to("/etc")
    os.mkfifo(tree / "pipe.md")
    keys = [storage.key_of(path) for path in storage.resolve_for_reading("**/*")]
    assert keys == ["a.md", "a.txt", "b.md", "x/c.md", "x/y/d.md"]


def test_a_name_that_is_not_utf_8_is_passed_over_and_logged(
    tree: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(Path(os.fsdecode(bytes(tree) + b"/\xff.md")))
    keys = [storage.key_of(path) for path in storage.resolve_for_reading("*.md")]
    assert keys == ["a.md", "b.md"]
    assert "file skipped" in caplog.text


def test_a_file_whose_name_looks_like_a_pattern_is_meant_literally(tree: Path) -> None:
    path = put(tree / "notes [1].md")
    assert storage.resolve_for_reading("notes [1].md") == [path]


def test_a_pattern_that_finds_nothing_says_so(tree: Path) -> None:
    problem = refusal(storage.resolve_for_reading, "*.pdf")
    assert problem.code == "missing_file"
    assert problem.message == (
        "No file matches *.pdf below var/files; check the path, or put the file there."
    )


def test_a_pattern_may_go_to_any_depth_once(tree: Path) -> None:
    assert refusal(storage.resolve_for_reading, "**/x/**/*.md").code == "bad_pattern"


def test_a_pattern_that_finds_too_much_is_refused(tree: Path) -> None:
    assert len(storage.resolve_for_reading("*.md", most=2)) == 2
    problem = refusal(partial(storage.resolve_for_reading, most=2), "*")
    assert problem.code == "too_many_files"
    assert "narrow the pattern" in problem.message


def test_a_pattern_that_searches_too_much_is_refused(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_VISITED", 3)
    assert refusal(storage.resolve_for_reading, "**/*.none").code == "too_many_files"


def test_a_folder_that_cannot_be_searched_is_told_and_not_passed_over(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(os, "scandir", refuse)
    problem = refusal(storage.resolve_for_reading, "**/*.md")
    assert problem.code == "unreadable"
    assert problem.message.startswith("**/*.md cannot be read (Permission denied)")


def test_the_first_root_that_has_a_file_gives_it(root: Path, second_root: Path) -> None:
    put(root / "a.md", b"first")
    put(second_root / "a.md", b"second")
    put(second_root / "b.md", b"only")
    assert storage.open_regular("a.md") == b"first"
    assert storage.open_regular("b.md") == b"only"
    assert storage.resolve_for_reading("*.md") == [root / "a.md", second_root / "b.md"]


def test_only_a_file_that_the_pattern_names_is_read_by_its_key(tree: Path) -> None:
    assert storage.read_matching("x/**/*.md", "x/y/d.md") == b"text"
    assert storage.read_matching("a.md", "a.md") == b"text"
    for key in ("a.md", "x/../a.md", "/etc/passwd", "x/c.txt", ""):
        problem = refusal(storage.read_matching, "x/*.md", key)
        assert problem.code == "outside_source"
    assert refusal(storage.read_matching, "x/*.md", "x/gone.md").code == "missing_file"


# --- writing --------------------------------------------------------------------------------


def test_a_file_is_written_with_its_folders_and_nothing_else_is_left(root: Path) -> None:
    text = "quotes \" ' $( ) ` --- {{ }} 👋 שלום".encode()
    written = storage.write_atomically("posts/2026/1.md", text)
    assert written == root / "posts/2026/1.md"
    assert written.read_bytes() == text
    assert everything_below(root) == ["posts", "posts/2026", "posts/2026/1.md"]


def test_a_file_written_again_is_replaced(root: Path) -> None:
    storage.write_atomically("a.md", b"a longer first version")
    storage.write_atomically("a.md", b"second")
    assert (root / "a.md").read_bytes() == b"second"
    assert everything_below(root) == ["a.md"]


def test_a_root_that_is_missing_is_made(root: Path) -> None:
    root.rmdir()
    assert storage.write_atomically("a.md", b"x") == root / "a.md"


def test_an_absolute_path_is_written_below_the_root_that_holds_it(
    root: Path, second_root: Path
) -> None:
    assert storage.write_atomically(str(second_root / "a.md"), b"x") == second_root / "a.md"
    assert everything_below(root) == []


@pytest.mark.parametrize("path", ["/etc/lifecycle-test", "../a.md", "posts/../../a.md"])
def test_nothing_is_written_outside_the_roots(root: Path, path: str) -> None:
    problem = refusal(storage.write_atomically, path, b"x")
    assert (problem.category, problem.code) == ("delivery_error", "outside_roots")
    assert "allowed here (var/files)" in problem.message
    assert everything_below(root.parent) == ["files"]


def test_what_is_not_a_plain_file_is_not_replaced(root: Path) -> None:
    (root / "folder").mkdir()
    os.mkfifo(root / "pipe")
    (root / "link").symlink_to(root.parent / "elsewhere")
    codes = [refusal(storage.write_atomically, n, b"x").code for n in ("folder", "pipe", "link")]
    assert codes == ["is_a_folder", "not_regular", "link"]
    assert everything_below(root) == ["folder", "link", "pipe"]


@pytest.mark.parametrize(
    ("number", "code", "mend"),
    [
        (errno.ENOSPC, "disk_full", "free some space"),
        (errno.EDQUOT, "disk_full", "free some space"),
        (errno.EROFS, "not_permitted", "let this process write there"),
        (errno.EIO, "io_error", "check that the disk is well"),
    ],
)
@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_write_that_fails_half_way_leaves_the_old_file_and_no_other(
    root: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str, mend: str, step: str
) -> None:
    put(root / "a.md", b"old")

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, step, fail)
    problem = refusal(storage.write_atomically, "a.md", b"new")
    assert (problem.category, problem.code) == ("delivery_error", code)
    assert problem.message == (
        f"a.md was not written below var/files ({os.strerror(number)}); {mend}."
    )
    assert (root / "a.md").read_bytes() == b"old"
    assert everything_below(root) == ["a.md"]
