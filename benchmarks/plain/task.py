"""One queued task per run: a synchronous call, and the run's row written before and after."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.utils import timezone

from automations.models import Run


def work(run_id: int, base_url: str) -> None:
    """Call the model for one run and store its answer."""
    Run.objects.filter(pk=run_id).update(status=Run.Status.RUNNING, started_at=timezone.now())
    run = Run.objects.get(pk=run_id)
    message: Any = {"role": "user", "content": run.input_data["content"]}
    answer = _client(base_url).chat.completions.create(
        model="ok", messages=[message], max_tokens=600
    )
    run.output_data = {"text": answer.choices[0].message.content}
    run.status, run.completed_at = Run.Status.SUCCESS, timezone.now()
    run.save(update_fields=["status", "output_data", "completed_at"])


@cache
def _client(base_url: str) -> Any:
    import openai  # noqa: PLC0415

    return openai.OpenAI(base_url=base_url, api_key="none")
