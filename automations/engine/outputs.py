"""From a model's answer to an output: parse, compose, check."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from automations import prompts, schemas
from automations.engine.recipes import Recipe
from automations.errors import Problem
from automations.subjects import instructions_of, json_text, of_input, of_output
from automations.text import load_json
from automations.validators.base import Subject, Validator, Verdict

SHOWN = 3


@dataclass(slots=True)
class Output:
    """An answer made into output, with every check's verdict; `data` is what is stored."""

    data: Any = None
    text: str = ""
    verdicts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def failed(self) -> list[dict[str, Any]]:
        return [verdict for verdict in self.verdicts if not verdict["passed"]]

    @property
    def complaints(self) -> list[str]:
        return [f"{verdict['label']}: {verdict['message']}" for verdict in self.failed]


def make_output(answer: str, recipe: Recipe, *, input_text: str, turn: int) -> Output:
    """Parse and compose the answer, then run every output validator on it."""
    output = Output()
    parsed: Any = None
    if recipe.output_schema:
        parsed, problems = _parse(answer, recipe.output_schema)
        output.verdicts.append(_schema_verdict(problems, turn))
        if problems:
            return output
    output.text, output.data = _compose(answer, parsed, recipe)
    instructions = instructions_of(recipe)
    subject = of_output(output.text, parsed, input_text=input_text, instructions=instructions)
    output.verdicts += run_validators(recipe.output_validators, subject, "output", turn)
    return output


def run_validators(
    validators: list[Validator], subject: Subject, direction: str, turn: int
) -> list[dict[str, Any]]:
    """Return one verdict per validator, as stored on the run."""
    return [_as_row(v.label, v.kind, v.check(subject), direction, turn) for v in validators]


def input_verdicts(recipe: Recipe, input_data: dict[str, Any]) -> list[dict[str, Any]]:
    """Check an input against the schema and the input validators; costs no model call."""
    problems = schemas.errors_in(input_data, recipe.input_schema)
    if problems:
        message = _joined(problems)
        shape = Verdict(passed=False, message=message, code="input_schema")
        return [_as_row("Input fields", "schema", shape, "input", 0)]
    return run_validators(recipe.input_validators, of_input(input_data), "input", 0)


def _parse(answer: str, schema: dict[str, Any]) -> tuple[Any, list[str]]:
    try:
        parsed = load_json(answer)
    except (ValueError, RecursionError):
        return None, ["The answer is not JSON."]
    except Problem as problem:
        return None, [problem.message]  # nested too deep, which a model can mend as well
    return parsed, schemas.errors_in(parsed, schema)


def _schema_verdict(problems: list[str], turn: int) -> dict[str, Any]:
    message = _joined(problems) or "Fits the output schema."
    verdict = Verdict(passed=not problems, message=message, code="output_schema")
    return _as_row("Output schema", "schema", verdict, "output", turn)


def _compose(answer: str, parsed: Any, recipe: Recipe) -> tuple[str, Any]:
    if parsed is None:
        return answer, {"text": answer}
    if recipe.output_template:
        text = prompts.render(recipe.output_template, parsed)
        return text, {"text": text, "data": parsed}
    return json_text(parsed), parsed


def _joined(problems: list[str]) -> str:
    rest = len(problems) - SHOWN
    return " ".join(problems[:SHOWN]) + (f" And {rest} more." if rest > 0 else "")


def _as_row(label: str, kind: str, verdict: Verdict, direction: str, turn: int) -> dict[str, Any]:
    return {
        "direction": direction,
        "turn": turn,
        "kind": kind,
        "label": label,
        "passed": verdict.passed,
        "message": verdict.message,
        "code": verdict.code,
        "category": verdict.category,
        **({"warning": verdict.warning} if verdict.warning else {}),
        **({"found": list(verdict.found)} if verdict.found else {}),
    }
