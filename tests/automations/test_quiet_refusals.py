"""Refusals and closed pipes are no faults: one line, no traceback."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from tests.makers import make_automation

MANAGE = Path(settings.BASE_DIR) / "manage.py"


@pytest.mark.django_db
def test_who_lacks_a_right_leaves_one_warning_without_a_traceback(
    client: Client, viewer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    make_automation()
    client.force_login(viewer)
    with caplog.at_level(logging.WARNING):
        assert client.get(reverse("scorecard_new", args=["writer"])).status_code == 403
    (line,) = [one for one in caplog.records if one.name == "django.request"]
    assert line.levelno == logging.WARNING
    assert line.exc_info is None
    assert "Traceback" not in caplog.text


def test_a_reader_that_leaves_early_ends_a_command_quietly() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run(
        [sys.executable, str(MANAGE), "help"],
        stdout=writing, stderr=subprocess.PIPE, check=False, timeout=60,
    )  # fmt: skip
    os.close(writing)
    assert ended.returncode == 141
    assert ended.stderr == b""
