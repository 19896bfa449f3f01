"""Another automation's outputs as source."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from automations import connectors
from automations.connectors import Source
from automations.errors import Problem
from automations.models import Run
from tests.makers import make_automation, make_live, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def writer() -> Any:
    return make_live(make_automation("writer"))


def make_source(**settings: Any) -> Source:
    given = {"automation": "writer", **settings}
    return connectors.sources.get("automation")(
        connectors.sources.clean_settings("automation", given)
    )


def made(version: Any, text: str, **values: Any) -> Run:
    return make_run(version, status="success", output_data={"text": text}, **values)


def test_outputs_of_successful_runs_come_newest_first(writer: Any) -> None:
    first, second = made(writer, "first"), made(writer, "second", depth=2)
    make_run(writer, status="failed")
    make_run(writer)
    made(writer, "try", is_simulated=True)
    made(writer, "sample", is_sample=True)
    made(make_live(make_automation("other")), "other")
    items = make_source().items()
    assert [item.data for item in items] == [{"content": "second"}, {"content": "first"}]
    assert [item.caused_by for item in items] == [second.pk, first.pk]
    assert [item.depth for item in items] == [3, 1]
    assert items[0].key == f"run {second.pk}"


def test_a_chain_that_is_too_deep_ends(writer: Any) -> None:
    made(writer, "deep", depth=Run.MAX_DEPTH)
    assert make_source().items() == []


def test_fields_of_the_data_are_mapped(writer: Any) -> None:
    make_run(writer, status="success", output_data={"summary": "short", "score": 3})
    source = make_source(mapping="content = summary\nrating=score\nmissing = none")
    assert source.settings["mapping"] == {
        "content": "summary", "rating": "score", "missing": "none",
    }  # fmt: skip
    assert source.items()[0].data == {"content": "short", "rating": 3}


@pytest.mark.parametrize("line", ["content", "= summary", "content ="])
def test_a_line_that_is_no_pair_is_refused(writer: Any, line: str) -> None:
    with pytest.raises(ValidationError, match="is no pair"):
        make_source(mapping=line)


def test_an_automation_that_does_not_exist_is_refused_naming_the_known(writer: Any) -> None:
    with pytest.raises(ValidationError, match="There is no automation nobody; known: writer"):
        make_source(automation="nobody")


def test_an_automation_that_is_gone_is_a_sentence(writer: Any) -> None:
    source = connectors.sources.get("automation")({"automation": "gone"})
    with pytest.raises(Problem) as caught:
        source.items()
    assert (caught.value.category, caught.value.code) == ("source_error", "no_automation")
