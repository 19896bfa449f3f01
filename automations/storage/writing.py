"""Write files below the allowed roots, whole or not at all."""

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path

from automations.storage.roots import (
    Parts,
    Root,
    StorageProblem,
    candidates,
    enter,
    open_folder,
    require_plain,
    root_names,
    shown_path,
)

_FULL = ("disk_full", "free some space")
_FORBIDDEN = ("not_permitted", "let this process write there")
_CAUSES = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: _FORBIDDEN,
}
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_atomically(path: str, data: bytes) -> Path:
    """Write a file below the first root (or the one that an absolute path names); return its path.

    Folders are made as needed. Readers see the old content or the new, also after a power cut.
    Raises `StorageProblem` (delivery_error): disk_full, not_permitted or io_error from the disk;
    outside_roots, link, is_a_folder and the like for a path that must not be written.
    """
    try:
        root, names = candidates(path)[0]
        _write(root, names, data)
    except StorageProblem as problem:
        raise StorageProblem(
            problem.message, code=problem.code, category="delivery_error"
        ) from problem
    except OSError as error:
        raise _unwritten(names, error) from error
    return root.path.joinpath(*names)


def try_folder(path: str) -> str:
    """Make and remove a file of another name where `path` would be written; return that folder.

    Folders are not made: where they are missing, the nearest one that is there is tried. Raises
    `StorageProblem` as writing would.
    """
    try:
        root, names = candidates(path)[0]
        depth = next(n for n in range(len(names) - 1, -1, -1) if _is_there(root, names[:n]))
        with open_folder(root, names[:depth]) as folder:
            temporary = f".{secrets.token_hex(8)}.tmp"
            os.close(os.open(temporary, _CREATE, 0o666, dir_fd=folder))
            os.unlink(temporary, dir_fd=folder)
    except OSError as error:
        raise _unwritten(names, error) from error
    return str(root.path.joinpath(*names[:depth]))


def _is_there(root: Root, names: Parts) -> bool:
    if not names:
        return True
    try:
        with open_folder(root, names):
            return True
    except FileNotFoundError:
        return False


def _write(root: Root, names: Parts, data: bytes) -> None:
    root.path.mkdir(parents=True, exist_ok=True)
    with open_folder(root, names[:-1], _enter_or_make) as folder:
        _require_replaceable(folder, names)
        temporary = f".{secrets.token_hex(8)}.tmp"
        try:
            _write_synced(folder, temporary, data)
            os.replace(temporary, names[-1], src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)
        os.fsync(folder)


def _enter_or_make(folder: int, name: str) -> int:
    with suppress(FileExistsError):
        os.mkdir(name, dir_fd=folder)
        os.fsync(folder)
    return enter(folder, name)


def _require_replaceable(folder: int, names: Parts) -> None:
    with suppress(FileNotFoundError):
        require_plain(os.stat(names[-1], dir_fd=folder, follow_symlinks=False), shown_path(names))


def _write_synced(folder: int, name: str, data: bytes) -> None:
    with os.fdopen(os.open(name, _CREATE, 0o666, dir_fd=folder), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _unwritten(names: Parts, error: OSError) -> StorageProblem:
    code, mend = _CAUSES.get(error.errno or 0, ("io_error", "check that the disk is well"))
    reason = os.strerror(error.errno or errno.EIO)
    message = f"{shown_path(names)} was not written below {root_names()} ({reason}); {mend}."
    return StorageProblem(message, code=code, category="delivery_error")
