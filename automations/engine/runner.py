"""One run from claim to end: source, checks, model, checks, delivery; each step commits first."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import structlog

from automations import messages
from automations.engine import delivering
from automations.engine.bench import Bench, Lost, commit, let_go, note
from automations.engine.called import Called
from automations.engine.calling import ask
from automations.engine.faults import ask_in_drill
from automations.engine.held import Held
from automations.engine.outputs import Output, input_verdicts, make_output
from automations.engine.recipes import Recipe
from automations.errors import Problem
from automations.inputs import placed
from automations.models import Run
from automations.redaction import redact
from automations.subjects import source_text
from automations.text import clean_text

log = structlog.get_logger(__name__)
LONG_CHARS = 20_000
T = TypeVar("T")
BROKE = "Lifecycle itself broke while running this, and it is our fault; the traceback is kept."


async def execute(run: Held, bench: Bench) -> None:
    """Drive the run until it ends, returns to the queue or waits for a person.

    Raises:
        Lost: the run's fence moved on.
        asyncio.CancelledError: the pump stops this run; it decides what becomes of the row.
    """
    try:
        recipe = await bench.recipe(run.version_id)
        await _steps(run, recipe, bench)
    except (Lost, asyncio.CancelledError):
        raise
    except Problem as problem:
        await fail(run, bench, problem)
    except Exception as error:  # noqa: BLE001  the last line before the operator
        await _broken(run, bench, error)


async def _steps(run: Held, recipe: Recipe, bench: Bench) -> None:
    if run.deadline_at is None:
        run.deadline_at = bench.now() + timedelta(seconds=recipe.deadline_s)
    if run.step == Run.Step.SOURCE:
        await _read_source(run, recipe, bench)
    if run.step == Run.Step.MODEL and not await _ask_model(run, recipe, bench):
        return
    if run.step == Run.Step.CHECK and not await _check(run, recipe, bench):
        return
    await delivering.deliver(run, recipe, bench)


async def _read_source(run: Held, recipe: Recipe, bench: Bench) -> None:
    if recipe.source is None:
        raise Problem(
            "This automation has no source any more; choose one and run it again.",
            category=Run.ErrorCategory.SOURCE_ERROR,
            code="source_missing",
        )
    started = bench.now()
    loop, read = asyncio.get_running_loop(), recipe.source.read
    data = await loop.run_in_executor(bench.reading, read, run.source_item)
    data = placed(data, recipe.input_schema)
    note(run, "source", started, bench.now(), run.source_item)
    await commit(run, bench, {"input_data": data, "step": Run.Step.MODEL})


async def _ask_model(run: Held, recipe: Recipe, bench: Bench) -> bool:
    """Check the input, call the model, commit the answer; False when the run left this worker."""
    if not run.dialogue:
        judge = partial(input_verdicts, recipe, run.input_data)
        run.verdicts = await _judged(judge, len(source_text(run.input_data)))
        failed = [verdict for verdict in run.verdicts if not verdict["passed"]]
        if failed:
            await _reject(run, bench, failed)
            return False
    started = bench.now()
    boundary = messages.boundary_for(run.id)
    rendered = messages.build(recipe, run.input_data, dialogue=run.dialogue, boundary=boundary)
    way = ask_in_drill if run.fault else ask
    called = await way(run, recipe, rendered, bench)
    note(run, "model", started, bench.now(), called.note)
    if called.failure is None:
        await _keep_answer(run, called, bench)
        return True
    return await _after_failure(run, recipe, called, called.failure, bench)


async def _keep_answer(run: Held, called: Called, bench: Bench) -> None:
    values = {**called.values, "step": Run.Step.CHECK, "verdicts": run.verdicts}
    await commit(run, bench, values, called)


async def _after_failure(
    run: Held, recipe: Recipe, called: Called, failure: Problem, bench: Bench
) -> bool:
    """Return the run to the queue, for a repair of a cut-off answer or another try, or fail it."""
    if called.cut_off and len(run.dialogue) < recipe.max_repairs:
        await _repair(run, bench, called.values["answer"], [called.cut_off], called)
        return False
    if called.again is None:
        await fail(run, bench, failure, called)
        return False
    again = called.again
    values = {
        **called.values,
        "status": Run.Status.QUEUED,
        "available_at": again.available_at,
        "failures": again.failures,
        "postponements": again.postponements,
        "model_index": again.model_index,
        "error_message": failure.message,
    }
    await let_go(run, bench, values, called)
    return False


async def _check(run: Held, recipe: Recipe, bench: Bench) -> bool:
    """Make the output and judge it; True when the run goes on here, to its delivery."""
    started = bench.now()
    turn = len(run.dialogue)
    text = source_text(run.input_data)
    make = partial(make_output, run.answer, recipe, input_text=text, turn=turn)
    output = await _judged(make, len(run.answer) + len(text))
    run.verdicts = [*run.verdicts, *output.verdicts]
    note(run, "check", started, bench.now(), "; ".join(output.complaints))
    if not output.failed:
        return await _accept(run, recipe, output, bench)
    if turn < recipe.max_repairs:
        await _repair(run, bench, run.answer, output.complaints, None)
        return False
    await _reject(run, bench, output.failed)
    return False


async def _judged(judge: Callable[[], T], chars: int) -> T:
    """Check; long texts, which may take a second, while the other runs of this pump go on."""
    return await asyncio.to_thread(judge) if chars > LONG_CHARS else judge()


async def _accept(run: Held, recipe: Recipe, output: Output, bench: Bench) -> bool:
    values = {
        "output_data": output.data,
        "verdicts": run.verdicts,
        "step": Run.Step.DELIVER,
        "error_message": None,
    }
    if run.is_simulated:
        await succeed(run, bench, values)
        return False
    leaves = any(recipe.destinations[d].leaves for d in recipe.active)
    if recipe.approval_required and leaves:
        values["status"] = Run.Status.AWAITING_APPROVAL
        await let_go(run, bench, values)
        return False
    if not recipe.active:
        await succeed(run, bench, values)
        return False
    await delivering.intend(run, recipe, bench, values)
    return True


async def _repair(
    run: Held, bench: Bench, answer: str, complaints: list[str], called: Called | None
) -> None:
    """Queue the run for another call: only a claim keeps to the provider's limits."""
    turn = {"answer": answer, "complaints": complaints}
    values = {
        **(called.values if called else {}),
        "dialogue": [*run.dialogue, turn],
        "verdicts": run.verdicts,
        "step": Run.Step.MODEL,
        "answer": "",
        "status": Run.Status.QUEUED,
        "available_at": bench.now(),
    }
    await let_go(run, bench, values, called)


async def _reject(run: Held, bench: Bench, failed: list[dict[str, Any]]) -> None:
    first = failed[0]
    message = " ".join(f"{verdict['label']}: {verdict['message']}" for verdict in failed)
    problem = Problem(message, category=first["category"], code=first["code"])
    await fail(run, bench, problem)


async def succeed(run: Held, bench: Bench, values: dict[str, Any]) -> None:
    """End the run well."""
    await let_go(run, bench, {**values, "status": Run.Status.SUCCESS, "error_message": None})


async def fail(run: Held, bench: Bench, problem: Problem, called: Called | None = None) -> None:
    """End the run with the problem's category, code and redacted message."""
    values = {
        **(called.values if called else {}),
        "status": Run.Status.FAILED,
        "verdicts": run.verdicts,
        "error_category": problem.category,
        "error_code": problem.code,
        "error_message": clean_text(redact(problem.message)).text,
    }
    await let_go(run, bench, values, called)


async def _broken(run: Held, bench: Bench, error: Exception) -> None:
    log.error("run_broke", run=run.id, exc_info=error)
    trace = clean_text(redact("".join(traceback.format_exception(error)))).text[-8000:]
    values = {
        "status": Run.Status.FAILED,
        "error_category": Run.ErrorCategory.INTERNAL_ERROR,
        "error_code": type(error).__name__.lower(),
        "error_message": BROKE,
        "traceback": trace,
    }
    await let_go(run, bench, values)
