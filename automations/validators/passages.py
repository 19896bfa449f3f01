"""The texts of an output that a model wrote itself."""

from collections.abc import Iterator

from automations.validators.base import Subject

MAX_DEPTH = 64


def passages_of(subject: Subject, *, skipped: frozenset[str] = frozenset()) -> list[str]:
    """Return the text, or of structured data every text and number, each by itself.

    What an output template adds around the data was written by people and is left out.
    Values under the names in `skipped` are left out, too.
    """
    if not isinstance(subject.data, (dict, list)):
        return [subject.text]
    return list(_leaves(subject.data, skipped, MAX_DEPTH))


def _leaves(value: object, skipped: frozenset[str], levels: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield repr(value)
    elif levels and isinstance(value, dict):
        for name, part in value.items():
            if name not in skipped:
                yield from _leaves(part, skipped, levels - 1)
    elif levels and isinstance(value, list):
        for part in value:
            yield from _leaves(part, skipped, levels - 1)
