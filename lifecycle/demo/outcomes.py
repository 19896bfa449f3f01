"""How the demo's sample runs may go: the calls they make and how they end."""

from __future__ import annotations

from dataclasses import dataclass

from automations.models import Run

Category = Run.ErrorCategory
PROVIDER = "Sample data"
MODEL = "sample-model"


@dataclass(frozen=True, slots=True)
class Call:
    """One model call: answered where there is no category."""

    category: str = ""
    code: str = ""
    http_status: int | None = 200
    message: str = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an output check says against an answer."""

    kind: str
    label: str
    message: str
    code: str
    category: str = Category.VALIDATION_ERROR


@dataclass(frozen=True, slots=True)
class Outcome:
    """The calls of a run, what its checks refuse in how many answers, and how it fails."""

    calls: tuple[Call, ...] = (Call(),)
    refusal: Refusal | None = None
    refused: int = 0
    category: str = ""
    code: str = ""
    message: str = ""

    @property
    def succeeds(self) -> bool:
        return not self.category


ANSWERED = Call()
LIMITED = Call(
    Category.API_RATE_LIMIT, "api_rate_limit", 429,
    f"{PROVIDER} limits how often it may be called (429); it asked to wait 8 s.",
)  # fmt: skip
BROKEN = Call(
    Category.API_ERROR, "api_server_error", 503,
    f"{PROVIDER} failed with an error of its own (503); try again later.",
)  # fmt: skip
LATE = Call(
    Category.TIMEOUT, "deadline", None, f"{PROVIDER} did not answer within the time limit.",
)  # fmt: skip
TOO_LONG = Refusal("length", "Length", "1,412 characters; at most 1,300 allowed", "too_long")
INVENTED = Refusal(
    "grounding", "Grounding", "The output has numbers that the input does not have: 25.",
    "unsupported_numbers", Category.AI_HALLUCINATION,
)  # fmt: skip
MISFIT = Refusal(
    "schema", "Output schema", "The answer does not fit: a field has a value of another form.",
    "output_schema",
)  # fmt: skip
TOO_SHORT = Refusal(
    "length", "Length", "12 characters after trimming; needs more", "too_short"
)  # fmt: skip


def _rejected(refusal: Refusal) -> Outcome:
    """Return a run whose answer and repair are both refused."""
    return Outcome(
        calls=(ANSWERED, ANSWERED),
        refusal=refusal,
        refused=2,
        category=refusal.category,
        code=refusal.code,
        message=f"{refusal.label}: {refusal.message}",
    )


OUTCOMES = {
    "good": Outcome(),
    "limited": Outcome(calls=(LIMITED, ANSWERED)),
    "stumbled": Outcome(calls=(BROKEN, ANSWERED)),
    "repaired": Outcome(calls=(ANSWERED, ANSWERED), refusal=TOO_LONG, refused=1),
    "mended": Outcome(calls=(ANSWERED, ANSWERED), refusal=MISFIT, refused=1),
    "too_long": _rejected(TOO_LONG),
    "invented": _rejected(INVENTED),
    "misfit": _rejected(MISFIT),
    "timed_out": Outcome(
        calls=(LATE, LATE, LATE), category=LATE.category, code=LATE.code, message=LATE.message
    ),
    "short": Outcome(
        calls=(), category=TOO_SHORT.category, code=TOO_SHORT.code,
        message=f"{TOO_SHORT.label}: {TOO_SHORT.message}",
    ),
}  # fmt: skip
