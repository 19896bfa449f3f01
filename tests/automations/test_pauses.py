"""Retry-After in all its forms."""

from datetime import UTC, datetime

import pytest

from automations.pauses import pause_asked

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": "900"}, 900),
        ({"retry-after": "901"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "x", "retry-after": "9"}, 9),
        ({"retry-after": "Sat, 31 Jan 2026 12:00:30 GMT"}, 30),
        ({"retry-after": "Sat, 31 Jan 2026 12:00:30"}, 30),
        ({"retry-after": "Sat, 31 Jan 2026 11:59:00 GMT"}, None),
        ({"retry-after": "Sat, 31 Jan 99999 12:00:00 GMT"}, None),
    ],
)
def test_the_pause_is_read_or_left_to_us(headers: dict[str, str], seconds: float | None) -> None:
    assert pause_asked(headers, now=NOW) == seconds
