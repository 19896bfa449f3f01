"""Two people at once: on one scorecard, on one automation, on one short name."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from automations.errors import WrongState
from automations.models import Automation
from automations.services import SYSTEM
from lifecycle import services
from lifecycle.models import Decision, Scorecard
from tests.lifecycle.makers import PUBLISHED, make_scorecard
from tests.makers import make_automation, make_provider

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*verbs: Callable[[], Any]) -> list[Any]:
    """Do all at the same time, each on its own connection; return results or what was raised."""
    barrier = Barrier(len(verbs))

    def done(verb: Callable[[], Any]) -> Any:
        barrier.wait(20)
        try:
            return verb()
        except (WrongState, ValidationError) as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(verbs)) as pool:
        return [future.result(60) for future in [pool.submit(done, verb) for verb in verbs]]


def test_of_two_decisions_at_once_one_stands_and_the_other_is_told() -> None:
    row = make_scorecard(make_automation())
    results = at_once(
        lambda: services.decide(row, "prototype", by=SYSTEM, seen=0),
        lambda: services.decide(row, "build", by=SYSTEM, reason="Sure.", seen=0),
    )
    assert Decision.objects.count() == 1
    (refused,) = [result for result in results if isinstance(result, WrongState)]
    assert "decided meanwhile" in str(refused)


def test_a_decision_and_a_new_scorecard_at_once_never_leave_a_decision_unseen() -> None:
    automation = make_automation()
    row = make_scorecard(automation)
    results = at_once(
        lambda: services.decide(row, "prototype", by=SYSTEM, seen=0),
        lambda: services.record_scorecard(automation, PUBLISHED, by=SYSTEM),
    )
    assert Scorecard.objects.count() == 2
    assert not isinstance(results[1], Exception)
    if isinstance(results[0], Exception):
        assert "newer scorecard" in str(results[0])


def test_two_ideas_of_one_name_at_once_become_one() -> None:
    make_provider()
    results = at_once(
        *(lambda: services.describe_idea(Automation(name="R", slug="reader"), by=SYSTEM),) * 2
    )
    assert Automation.objects.filter(slug="reader").count() == 1
    (refused,) = [result for result in results if isinstance(result, ValidationError)]
    assert set(refused.message_dict) == {"slug"}
