"""The demo automations as data: prompts, schemas, checks and where their output goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from automations.models.automation import plain_text_input


def _text(least: int, most: int) -> dict[str, Any]:
    return {"type": "string", "minLength": least, "maxLength": most}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


@dataclass(frozen=True, slots=True)
class DemoAutomation:
    """One automation of the demo, with its first published version; an idea has none."""

    slug: str
    name: str
    summary: str
    stage: str
    version: dict[str, Any] = field(default_factory=dict)
    rules: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    input_schema: dict[str, Any] = field(default_factory=plain_text_input)
    destination: tuple[str, str, dict[str, Any]] = ("Kept here", "store_only", {})


CONTENT_REPURPOSER = DemoAutomation(
    slug="content_repurposer",
    name="Content repurposer",
    summary="Turns a long article into a LinkedIn post.",
    stage="production",
    version={
        "note": "First recipe: fields with limits, composed into a post.",
        "system_prompt": (
            "You turn articles into LinkedIn posts that people want to read to the end. "
            "The whole post stays under 1300 characters. Use at most two emoji, better none. "
            "Use only facts and numbers that stand in the article."
        ),
        "user_prompt": (
            "{{ content }}\n\n"
            "Write a LinkedIn post about this article.\n"
            "hook: the most surprising fact of the article, in one sentence.\n"
            "problem: what went wrong before, in one or two sentences with a number.\n"
            "change: what they did about it, in one or two sentences.\n"
            "result: what came of it, in one or two sentences with a number.\n"
            "question: one short question to the reader, ending with a question mark."
        ),
        "temperature": 0.0,
        "max_output_tokens": 500,
        "call_timeout_s": 240,
        "parameters": {"seed": 7},
        "output_schema": _object(
            hook=_text(40, 180),
            problem=_text(40, 280),
            change=_text(40, 280),
            result=_text(40, 280),
            question=_text(15, 140),
        ),
        "output_template": (
            "{{ hook }}\n\n{{ problem }}\n\n{{ change }}\n\n{{ result }}\n\n{{ question }}"
        ),
    },
    rules=[
        ("input", "length", {"min_stripped": 100, "max_raw": 50_000}),
        ("output", "length", {"min_stripped": 50, "max_raw": 1_300}),
        ("output", "grounding", {}),
    ],
    destination=("Posts folder", "file", {"path": "posts/run-{{ run_id }}.md"}),
)

TICKET_CLASSIFIER = DemoAutomation(
    slug="ticket_classifier",
    name="Support ticket classifier",
    summary="Gives each support ticket one label and an urgency, as JSON.",
    stage="production",
    version={
        "note": "Four worked examples; the small model needs them.",
        "system_prompt": (
            "You sort support tickets of a software company. Labels: billing (money, invoices, "
            "refunds), technical (something is broken), account (log-in, password, profile data), "
            "question (how to do something). Urgency is high when the customer cannot work."
        ),
        "user_prompt": "Subject: {{ subject }}\n\n{{ body }}",
        "examples": [
            {
                "input": {"subject": "Refund", "body": "You took the yearly fee though I left."},
                "output": {"label": "billing", "urgency": "normal"},
            },
            {
                "input": {"subject": "Error 500", "body": "The editor crashes, nobody can work."},
                "output": {"label": "technical", "urgency": "high"},
            },
            {
                "input": {"subject": "Locked out", "body": "The password reset does not work."},
                "output": {"label": "account", "urgency": "high"},
            },
            {
                "input": {"subject": "Dark mode", "body": "How do I switch the colours?"},
                "output": {"label": "question", "urgency": "normal"},
            },
        ],
        "temperature": 0.0,
        "max_output_tokens": 60,
        "output_schema": _object(
            label={"type": "string", "enum": ["billing", "technical", "account", "question"]},
            urgency={"type": "string", "enum": ["normal", "high"]},
        ),
    },
    rules=[("input", "length", {"min_stripped": 20, "max_raw": 10_000})],
    input_schema={
        "type": "object",
        "properties": {
            "subject": {"type": "string", "title": "Subject", "maxLength": 200},
            "body": {"type": "string", "title": "Message", "format": "textarea"},
        },
        "required": ["subject", "body"],
    },
)

INVOICE_EXTRACTOR = DemoAutomation(
    slug="invoice_extractor",
    name="Invoice field extractor",
    summary="Reads sender, date and amount from an invoice text, checked by a JSON schema.",
    stage="prototype",
    version={
        "note": "One worked example.",
        "system_prompt": (
            "You read invoices. Give the sender's name, the invoice date as YYYY-MM-DD and the "
            "total amount as a number without a currency sign."
        ),
        "user_prompt": "{{ content }}",
        "examples": [
            {
                "input": "Invoice 88 from Blue Kiln Pottery, 3 May 2026. Total due: EUR 87.60",
                "output": {"sender": "Blue Kiln Pottery", "date": "2026-05-03", "amount": 87.6},
            }
        ],
        "temperature": 0.0,
        "max_output_tokens": 120,
        "output_schema": _object(
            sender=_text(1, 120),
            date={"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
            amount={"type": "number", "minimum": 0},
        ),
    },
    rules=[("input", "length", {"min_stripped": 20, "max_raw": 20_000})],
)

MEETING_NOTES = DemoAutomation(
    slug="meeting_notes",
    name="Meeting notes summariser",
    summary="Turns raw notes of a meeting into decisions and to-dos with names.",
    stage="prototype",
    version={
        "note": "First try: two lists, nothing else.",
        "system_prompt": (
            "You summarise notes of meetings. Use only names, dates and numbers that stand in the "
            "notes. Leave small talk out."
        ),
        "user_prompt": "{{ content }}",
        "temperature": 0.0,
        "max_output_tokens": 300,
        "output_schema": _object(
            decisions=_text(10, 400),
            to_dos=_text(10, 400),
        ),
        "output_template": "Decided\n{{ decisions }}\n\nTo do\n{{ to_dos }}",
    },
    rules=[
        ("input", "length", {"min_stripped": 100, "max_raw": 50_000}),
        ("output", "length", {"min_stripped": 50, "max_raw": 1_300}),
    ],
)

CLAUSE_NEGOTIATOR = DemoAutomation(
    slug="clause_negotiator",
    name="Contract clause negotiator",
    summary="Would answer the other side's contract clauses with our own wording.",
    stage="idea",
)

PORTFOLIO = (
    CONTENT_REPURPOSER,
    TICKET_CLASSIFIER,
    INVOICE_EXTRACTOR,
    MEETING_NOTES,
    CLAUSE_NEGOTIATOR,
)
