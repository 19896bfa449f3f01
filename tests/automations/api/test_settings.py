"""System checks of the API's settings."""

from __future__ import annotations

from typing import Any

import pytest

from automations.checks import check_api_limits


@pytest.mark.once
@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("API_REQUESTS_PER_MINUTE", 1, []),
        ("API_REQUESTS_PER_MINUTE", 0, ["automations.E010"]),
        ("PROXY_HOPS", 0, []),
        ("PROXY_HOPS", -1, ["automations.E011"]),
    ],
)
def test_limits_that_make_no_sense_are_refused(
    settings: Any, name: str, value: int, found: list[str]
) -> None:
    setattr(settings, name, value)
    assert [problem.id for problem in check_api_limits()] == found
