"""Costs come from the shipped price list, and are unknown rather than wrong."""

import socket
from decimal import Decimal
from typing import Any

import pytest

from automations.engine.pricing import cost_of, warm_up

OPENAI = "https://api.openai.com/v1"


def cost(
    model: str = "gpt-4o-mini",
    base_url: str = OPENAI,
    given: int | None = 1_000,
    made: int | None = 100,
    cached: int = 0,
) -> Decimal | None:
    """Ask for a cost with the usual numbers."""
    return cost_of(
        model, base_url=base_url, input_tokens=given, output_tokens=made, cached_tokens=cached
    )


def test_a_known_model_costs_what_the_list_says() -> None:
    assert cost() == Decimal("0.00021")


def test_cached_tokens_are_cheaper() -> None:
    assert cost(cached=800) == Decimal("0.00015")


def test_a_snapshot_of_a_model_costs_the_same() -> None:
    assert cost("gpt-4o-mini-2024-07-18") == cost()


def test_more_cached_than_given_tokens_are_no_error() -> None:
    assert cost(cached=5_000) == cost(cached=1_000)


def test_no_tokens_cost_nothing() -> None:
    assert cost(given=0, made=0) == Decimal(0)


@pytest.mark.parametrize(
    "unknown",
    [
        {"model": "nobody-made-this"},
        {"model": ""},
        {"base_url": "https://models.example.com/v1"},
        {"base_url": "http://127.0.0.1:8080/v1"},
        {"base_url": ""},
        {"given": None},
        {"made": None},
    ],
)
def test_what_is_not_known_has_no_cost(unknown: dict[str, Any]) -> None:
    assert cost(**unknown) is None


def test_no_network_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a price was looked up in the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    warm_up()
    assert cost() is not None
