"""Files under the allowed roots: nothing outside is reached, no link followed, writes are whole."""

from automations.storage.reading import (
    MAX_MATCHES,
    MAX_VISITED,
    is_pattern,
    open_regular,
    read_matching,
    resolve_for_reading,
)
from automations.storage.roots import StorageProblem, check_path, key_of, root_names
from automations.storage.writing import try_folder, write_atomically

__all__ = [
    "MAX_MATCHES",
    "MAX_VISITED",
    "StorageProblem",
    "check_path",
    "is_pattern",
    "key_of",
    "open_regular",
    "read_matching",
    "resolve_for_reading",
    "root_names",
    "try_folder",
    "write_atomically",
]
