"""Find and read files below the allowed roots."""

import errno
import fnmatch
import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from django.conf import settings

from automations.storage.roots import (
    Parts,
    Root,
    StorageProblem,
    candidates,
    key_of,
    open_folder,
    require_plain,
    root_names,
    shown_path,
)
from automations.text import human_size, one_line

MAX_MATCHES = 10_000
MAX_VISITED = 100_000
ANY_DEPTH = "**"

logger = logging.getLogger(__name__)


def is_pattern(path: str) -> bool:
    """Say whether a path has a wildcard: `*`, `?` or `[`."""
    return any(char in path for char in "*?[")


def resolve_for_reading(path_or_glob: str, *, most: int = MAX_MATCHES) -> list[Path]:
    """Return the regular files that a path or a pattern names, sorted, each as an absolute path.

    `*`, `?` and `[abc]` stay within a name, `**` (once) stands for any folders; neither finds
    hidden files or links. Where two roots hold the same path, the first root's file is meant.
    Raises `StorageProblem` (source_error) when nothing is found, or more than `most` files.
    """
    places = candidates(path_or_glob)
    for root, names in places:
        with _explained(names):
            _require_plain_at(root, names)
            return [root.path.joinpath(*names)]
    found = _found_by_pattern(places, most) if is_pattern(path_or_glob) else []
    if not found:
        raise _missing(path_or_glob)
    return found


def open_regular(path: Path | str, max_bytes: int | None = None) -> bytes:
    """Return the bytes of a regular file below a root; `max_bytes` is MAX_INPUT_BYTES by default.

    Raises `StorageProblem` (source_error) for anything else: missing, outside the roots, a link,
    a pipe, a second name of another file, too large.
    """
    limit = settings.MAX_INPUT_BYTES if max_bytes is None else max_bytes
    for root, names in candidates(str(path)):
        with _explained(names):
            return _read(root, names, limit)
    raise _missing(str(path))


def read_matching(path_or_glob: str, key: str, max_bytes: int | None = None) -> bytes:
    """Return the bytes of the file `key`, if it is one of those that the path or pattern names.

    Raises `StorageProblem` (source_error) as `open_regular` does, and for any other file.
    """
    wanted = PurePosixPath(key).parts
    holders = [root for root, names in candidates(path_or_glob) if _fits(wanted, names)]
    if not holders:
        raise StorageProblem(
            f"{one_line(key)} is not one of this source's files ({one_line(path_or_glob)}); "
            "choose one of those, or change the source's path.",
            code="outside_source",
        )
    limit = settings.MAX_INPUT_BYTES if max_bytes is None else max_bytes
    for root in holders:
        with _explained(wanted):
            return _read(root, wanted, limit)
    raise _missing(key)


@contextmanager
def _explained(names: Parts) -> Iterator[None]:
    """Let a missing file pass, so that the next root can be tried; say anything else properly."""
    try:
        yield
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageProblem(
            f"{shown_path(names)} cannot be read ({os.strerror(error.errno or errno.EIO)}); "
            "check its permissions.",
            code="unreadable",
        ) from error


def _missing(path: str) -> StorageProblem:
    what = "No file matches" if is_pattern(path) else "There is no file"
    return StorageProblem(
        f"{what} {one_line(path)} below {root_names()}; check the path, or put the file there.",
        code="missing_file",
    )


def _require_plain_at(root: Root, names: Parts) -> None:
    with open_folder(root, names[:-1]) as folder:
        info = os.stat(names[-1], dir_fd=folder, follow_symlinks=False)
        require_plain(info, shown_path(names))


def _read(root: Root, names: Parts, limit: int) -> bytes:
    shown = shown_path(names)
    with open_folder(root, names[:-1]) as folder:
        # Looked at before it is opened: opening a device can have effects.
        require_plain(os.stat(names[-1], dir_fd=folder, follow_symlinks=False), shown)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with os.fdopen(os.open(names[-1], flags, dir_fd=folder), "rb") as file:
            info = os.fstat(file.fileno())
            require_plain(info, shown)
            _require_size(info.st_size, limit, shown)
            data = file.read(limit + 1)
    _require_size(len(data), limit, shown)
    return data


def _require_size(size: int, limit: int, shown: str) -> None:
    if size > limit:
        raise StorageProblem(
            f"{shown} has {human_size(size)}; at most {human_size(limit)} are read, so split it.",
            code="too_large",
        )


# --- patterns -------------------------------------------------------------------------------


def _found_by_pattern(places: list[tuple[Root, Parts]], most: int) -> list[Path]:
    found: dict[str, Path] = {}
    for root, pattern in places:
        _require_one_any_depth(pattern)
        with _explained(pattern):
            for path in _matching(root, pattern, most):
                found.setdefault(key_of(path), path)
    return [found[key] for key in sorted(found)]


def _require_one_any_depth(pattern: Parts) -> None:
    if pattern.count(ANY_DEPTH) > 1:
        raise StorageProblem(
            f"{shown_path(pattern)} has `**` more than once; use it once.", code="bad_pattern"
        )


def _matching(root: Root, pattern: Parts, most: int) -> list[Path]:
    fixed = next(i for i, name in enumerate(pattern) if is_pattern(name))
    matching = []
    with open_folder(root, pattern[:fixed]) as folder:
        for visited, names in enumerate(_files_below(folder, pattern[fixed:])):
            if _fits(names, pattern[fixed:]):
                matching.append(root.path.joinpath(*pattern[:fixed], *names))
            if len(matching) > most or visited >= MAX_VISITED:
                raise _too_many(pattern, most)
    return matching


def _too_many(pattern: Parts, most: int) -> StorageProblem:
    return StorageProblem(
        f"{shown_path(pattern)} finds more than {most:,} files, or searches more than "
        f"{MAX_VISITED:,}; narrow the pattern.",
        code="too_many_files",
    )


def _files_below(folder: int, pattern: Parts) -> Iterator[Parts]:
    """Yield the names of the regular files below an open directory, as deep as the pattern goes."""
    deepest = 1_000 if ANY_DEPTH in pattern else len(pattern) - 1
    for path, inner, files, descriptor in os.fwalk(".", dir_fd=folder, onerror=_raise):
        above = PurePosixPath(path).parts
        inner[:] = _findable(inner, pattern) if len(above) < deepest else []
        for name in _findable(files, pattern):
            if _is_regular(name, descriptor):
                yield (*above, name)


def _findable(names: list[str], pattern: Parts) -> list[str]:
    """Leave out hidden names, unless the pattern has one, and names that cannot be recorded."""
    hidden_too = any(part.startswith(".") for part in pattern)
    return [
        name for name in names if (hidden_too or not name.startswith(".")) and _is_recordable(name)
    ]


def _raise(error: OSError) -> None:
    raise error


def _is_regular(name: str, folder: int) -> bool:
    try:
        info = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False  # gone since it was listed
    return stat.S_ISREG(info.st_mode)


def _is_recordable(name: str) -> bool:
    """Say whether a name is text; one in another encoding could not be stored with the run."""
    try:
        name.encode()
    except UnicodeEncodeError:
        logger.warning("file skipped: its name is not UTF-8", extra={"file_name": ascii(name)})
        return False
    return True


def _fits(names: Parts, pattern: Parts) -> bool:
    """Say whether names are those of the pattern, or match it (with at most one `**`)."""
    if names == pattern:
        return True
    if ANY_DEPTH not in pattern:
        return len(names) == len(pattern) and all(map(_fits_name, names, pattern))
    before = pattern.index(ANY_DEPTH)
    after = len(pattern) - before - 1
    free = names[before : len(names) - after]
    return (
        len(names) >= before + after
        and all(map(_fits_name, names[:before], pattern[:before]))
        and all(map(_fits_name, names[len(names) - after :], pattern[before + 1 :]))
        and not any(name.startswith(".") for name in free)
    )


def _fits_name(name: str, pattern: str) -> bool:
    hidden = name.startswith(".") and not pattern.startswith(".")
    return not hidden and fnmatch.fnmatchcase(name, pattern)
