"""Files under the allowed roots: nothing outside is reached, no link followed, writes are whole."""

from automations.storage.reading import (
    is_pattern,
    open_regular,
    read_matching,
    resolve_for_reading,
)
from automations.storage.roots import StorageProblem, check_path, key_of, root_names
from automations.storage.writing import write_atomically

__all__ = [
    "StorageProblem",
    "check_path",
    "is_pattern",
    "key_of",
    "open_regular",
    "read_matching",
    "resolve_for_reading",
    "root_names",
    "write_atomically",
]
