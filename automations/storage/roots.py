"""The allowed roots, and the only way down from them: one checked name at a time.

Every step is taken from an open directory with O_NOFOLLOW, so that nobody can swap a directory
for a link between a check and its use.
"""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from django.conf import settings

from automations.errors import Problem
from automations.text import one_line

MAX_NAME_BYTES = 150
MAX_PATH_BYTES = 1_000

Parts = tuple[str, ...]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class StorageProblem(Problem):
    """A file cannot be used; the message says why and what to do."""

    def __init__(self, message: str, *, code: str, category: str = "source_error") -> None:
        super().__init__(message, category=category, code=code)


@dataclass(frozen=True, slots=True)
class Root:
    """A directory that the installation allows, and the name by which messages call it."""

    path: Path
    label: str


def roots() -> list[Root]:
    """Return the allowed roots in order of preference, links in their own paths resolved."""
    return [Root(Path(root).resolve(), _label(Path(root))) for root in settings.FILE_ROOTS]


def root_names() -> str:
    """Say which roots are allowed, by names that do not reveal where the installation lies."""
    return ", ".join(root.label for root in roots())


def _label(root: Path) -> str:
    base = Path(settings.BASE_DIR)
    return root.relative_to(base).as_posix() if root.is_relative_to(base) else root.name


def check_path(path: str) -> list[str]:
    """Return a sentence per reason why a path cannot be used, without looking at the disk."""
    try:
        candidates(path)
    except StorageProblem as problem:
        return [problem.message]
    return []


def candidates(path: str) -> list[tuple[Root, Parts]]:
    """Return where a path may lie: (root, names below it), in order of preference.

    A relative path may lie below each root, an absolute one below the root that holds it. Raises
    `StorageProblem` for a path outside the roots or with names that are not allowed.
    """
    pure = PurePosixPath(path)
    _require_inside(path, pure)
    _require_good_names(path, pure)
    if not pure.is_absolute():
        return [(root, pure.parts) for root in roots()]
    found = [
        (root, pure.relative_to(root.path).parts)
        for root in roots()
        if pure.is_relative_to(root.path) and pure != PurePosixPath(root.path)
    ]
    if not found:
        raise _outside(path)
    return found


def key_of(path: Path) -> str:
    """Return the path of a file below its root, the name under which runs record it."""
    return next(
        path.relative_to(root.path).as_posix() for root in roots() if path.is_relative_to(root.path)
    )


def _require_inside(path: str, pure: PurePosixPath) -> None:
    if not path.strip() or not pure.parts:
        raise StorageProblem(f"No file is named; give a path below {root_names()}.", code="no_path")
    if ".." in pure.parts:
        raise _outside(path)


def _outside(path: str) -> StorageProblem:
    return StorageProblem(
        f"{one_line(path)} is outside the folders allowed here ({root_names()}); "
        "put the file there and give its path below that folder.",
        code="outside_roots",
    )


def _require_good_names(path: str, pure: PurePosixPath) -> None:
    names = pure.parts[1:] if pure.is_absolute() else pure.parts
    if any(_is_bad(name) for name in names) or _byte_length(path) > MAX_PATH_BYTES:
        raise StorageProblem(
            f"{one_line(path)} has a name that is not allowed; use names of at most "
            f"{MAX_NAME_BYTES} bytes without control characters.",
            code="bad_name",
        )


def _is_bad(name: str) -> bool:
    return _byte_length(name) > MAX_NAME_BYTES or any(
        ord(char) < 32 or char == "\x7f" for char in name
    )


def _byte_length(text: str) -> int:
    """Return the length in UTF-8; a lone surrogate, which has none, counts as too long."""
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        return MAX_PATH_BYTES + 1


def enter(folder: int, name: str) -> int:
    """Open a directory inside an open one and return its descriptor.

    Raises `FileNotFoundError`, or `StorageProblem` for a link or something that is no directory.
    """
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except NotADirectoryError:
        info = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if stat.S_ISLNK(info.st_mode):
        raise link_problem(name)
    raise StorageProblem(
        f"{one_line(name)} is not a folder; correct the path.", code="not_a_folder"
    )


@contextmanager
def open_folder(root: Root, names: Parts, step: Callable[[int, str], int] = enter) -> Iterator[int]:
    """Go down from a root by `step`, yield the last descriptor. Raises what `step` raises."""
    # The root's own path was resolved: where it lies is the operator's choice.
    folder = os.open(root.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            inner = step(folder, name)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def require_plain(info: os.stat_result, shown: str) -> None:
    """Refuse anything but a regular file with one name. Raises `StorageProblem`."""
    if stat.S_ISLNK(info.st_mode):
        raise link_problem(shown)
    if stat.S_ISDIR(info.st_mode):
        raise StorageProblem(
            f"{shown} is a folder; name a file in it, or a pattern like {shown}/*.md.",
            code="is_a_folder",
        )
    if not stat.S_ISREG(info.st_mode):
        raise StorageProblem(
            f"{shown} is not a regular file but a pipe, socket or device; use a regular file.",
            code="not_regular",
        )
    if info.st_nlink > 1:
        raise StorageProblem(
            f"{shown} has {info.st_nlink} names (hard links), so it may belong elsewhere; "
            "put a copy there instead.",
            code="hard_link",
        )


def link_problem(shown: str) -> StorageProblem:
    """Return the refusal of a link."""
    return StorageProblem(
        f"{one_line(shown)} is a link, and links are not followed; put the file itself there.",
        code="link",
    )


def shown_path(names: Sequence[str]) -> str:
    """Return a path below a root as messages show it."""
    return one_line("/".join(names))
