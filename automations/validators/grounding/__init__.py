"""Grounding: does the input support what the output says? Offline, in linear time."""

from automations.validators.grounding.rule import Grounding

__all__ = ["Grounding"]
