"""Structured logs: one JSON object a line, UTC, secrets redacted, no content by default."""

import logging
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied

from automations.redaction import redact


def _redacted(_: Any, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    return {name: _told(value) for name, value in event.items()}


def _told(value: Any) -> Any:
    """Return a value without secrets; an object (a request has its address in it) as its text."""
    if value is None or isinstance(value, (bool, int, float, list, dict)):
        return value
    return redact(str(value))


_SHARED: list[structlog.types.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
]


class Refusals(logging.Filter):
    """Make a refusal one line without a traceback: nothing broke where a person lacks a right."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], PermissionDenied):
            record.exc_info = None
        return True


def json_formatter() -> logging.Formatter:
    """Build the formatter named in `settings.LOGGING` and point structlog at it."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_SHARED, structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _redacted,
            structlog.processors.JSONRenderer(default=str),
        ],
    )
