"""What the demo's team decided, found and spent: data for its sample rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Card:
    """A scorecard of the five factors, in ELPUT's order, and what was decided on it."""

    days_ago: int
    values: tuple[int, int, int, int, int]
    reasons: tuple[str, str, str, str, str]
    decided: str
    why: str = ""
    actual_profit_usd: int | None = None
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mode:
    """A failure mode with its response; what it was seen as."""

    title: str
    response: str
    category: str = ""
    code: str = ""
    review_reason: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """A prototype: when it began, and after how many hours it was decided (None: open)."""

    began_hours_ago: int
    decided_after_h: int | None
    verdict: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both included, in days ago, in which hours were saved at a rate in dollars."""

    first: int
    last: int
    hours: int
    rate: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Runs: how many hours back they begin, how many end how, how many are reviewed and useful.

    `ms` is the usual time of a call, `tokens` the usual tokens in and out.
    """

    hours: int
    outcomes: Mapping[str, int]
    reviewed: int
    useful: int
    origin: str
    ms: int
    tokens: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that is told of one demo automation."""

    card: Card
    criteria: tuple[tuple[str, str, str], ...] = ()
    modes: tuple[Mode, ...] = ()
    effort: tuple[tuple[int, int, str], ...] = ()  # phase, days ago, hours
    trial: Trial | None = None
    in_production_days: int | None = None
    periods: tuple[Period, ...] = ()
    plan: Plan | None = None


CONTENT_REPURPOSER = Story(
    card=Card(
        days_ago=64,
        values=(7, 3, 2, 9, 9),
        reasons=(
            "Saves about ten hours of a copywriter's week; nobody pays for the posts themselves.",
            "Articles and model access are there; three days with the tests.",
            "A bad post is seen before it goes out, and is deleted in a minute.",
            "Ten times the articles cost ten times a cent; nobody has to help.",
            "The same recipe serves every client with another tone of voice.",
        ),
        decided="prototype",
        actual_profit_usd=2400,
        answers={
            "direct_revenue": "no", "measurable_roi": "yes", "new_services": "yes",
            "ship_this_week": "yes", "all_pieces": "yes", "documented_tools": "yes",
            "breaks_others": "no", "customer_facing": "no", "wide_blast_radius": "no",
            "ten_times_volume": "yes", "linear_effort": "no", "sold_as_product": "unknown",
            "other_clients": "yes", "is_template": "yes", "packaged": "unknown",
        },
    ),
    criteria=(
        ("hours_saved", ">=", "30"),
        ("approval_rate", ">", "90"),
        ("execution_time_s", "<=", "30"),
    ),
    modes=(
        Mode(
            "States a number that the article does not have",
            "The grounding check refuses it and asks once more; then the run fails, unsent.",
            category="ai_hallucination",
        ),
        Mode("Longer than a post may be", "One repair with the count; then a person shortens the "
             "source.", category="validation_error"),
        Mode("The provider does not answer in time", "Three tries; the next schedule takes the "
             "article again.", category="timeout"),
        Mode("Sounds like an advertisement", "Two examples in our own voice were added.",
             review_reason="style"),
    ),
    effort=((1, 64, "1.5"), (2, 61, "7"), (2, 60, "6"), (2, 59, "5"), (3, 50, "6.5"),
            (3, 44, "4"), (4, 40, "3"), (6, 12, "2")),
    trial=Trial(61 * 24, 66, "go", "Useful in 8 of 10; the rest needed one sentence changed."),
    in_production_days=40,
    periods=(Period(13, 7, 10, 240),),
    plan=Plan(
        60 * 24,
        {"good": 172, "limited": 6, "stumbled": 3, "repaired": 7, "too_long": 3, "invented": 3,
         "timed_out": 4, "short": 2},
        reviewed=40, useful=34, origin="schedule", ms=6_200, tokens=(640, 210),
    ),
)  # fmt: skip

TICKET_CLASSIFIER = Story(
    card=Card(
        days_ago=62,
        values=(8, 2, 4, 10, 8),
        reasons=(
            "Two people sort tickets for an hour a day; a wrong queue costs a customer a day.",
            "Labels, old tickets and the help desk's API are there.",
            "A wrong label delays a ticket; a person moves it by hand.",
            "A thousand tickets a day are no more work than a hundred.",
            "Every help desk has labels; only the list of them differs.",
        ),
        decided="build",
        why="The adjusted score says build, and the labels are agreed already.",
    ),
    criteria=(
        ("success_rate", ">", "95"), ("approval_rate", ">", "90"), ("runs_per_day", ">=", "3"),
    ),
    modes=(
        Mode("Two topics in one ticket", "The first one wins; support splits such tickets anyway.",
             review_reason="wrong"),
        Mode("A label that does not exist", "The schema refuses it; one repair, then a person.",
             category="validation_error"),
        Mode("The provider does not answer in time", "Three tries, then the ticket stays unsorted.",
             category="timeout"),
    ),
    effort=((1, 62, "1"), (2, 60, "5"), (2, 59, "3.5"), (3, 52, "5"), (4, 45, "2.5")),
    trial=Trial(60 * 24, 41, "go", "19 of 20 as support would have done it."),
    in_production_days=45,
    periods=(Period(44, 15, 22, 35), Period(14, 1, 11, 35)),
    plan=Plan(
        60 * 24,
        {"good": 185, "limited": 8, "stumbled": 2, "mended": 1, "misfit": 2, "timed_out": 1,
         "short": 1},
        reviewed=60, useful=57, origin="api", ms=900, tokens=(310, 18),
    ),
)  # fmt: skip

INVOICE_EXTRACTOR = Story(
    card=Card(
        days_ago=27,
        values=(7, 4, 5, 8, 8),
        reasons=(
            "Some 90 invoices a week are typed in by hand, with mistakes that cost reminders.",
            "Reading PDFs well enough takes a week more.",
            "A wrong amount is paid wrongly; accounting checks above 500.",
            "As many as come; each is read alone.",
            "Order confirmations and delivery notes look much the same.",
        ),
        decided="prototype",
    ),
    criteria=(("success_rate", ">=", "90"),),
    modes=(
        Mode("The date is written in words", "The schema refuses it and asks for YYYY-MM-DD.",
             category="validation_error"),
    ),
    effort=((1, 27, "1"), (2, 25, "6"), (2, 24, "6")),
    trial=Trial(25 * 24, 71, "go", "14 of 20 read without a mistake; foreign dates are the rest."),
    plan=Plan(
        24 * 24,
        {"good": 78, "mended": 4, "misfit": 5, "timed_out": 1, "short": 2},
        reviewed=20, useful=14, origin="api", ms=1_700, tokens=(420, 40),
    ),
)  # fmt: skip

MEETING_NOTES = Story(
    card=Card(
        days_ago=3,
        values=(6, 3, 3, 8, 10),
        reasons=(
            "Twenty minutes after each of twelve meetings a week; to-dos get lost less often.",
            "Notes exist as text; nothing else is needed.",
            "A missed to-do is what happens today as well.",
            "Any number of meetings.",
            "Every team has notes.",
        ),
        decided="prototype",
    ),
    criteria=(("hours_saved", ">=", "10"),),
    effort=((1, 3, "0.5"), (2, 1, "4")),
    trial=Trial(27, None),
    plan=Plan(
        26, {"good": 6, "too_long": 1}, reviewed=4, useful=3, origin="shell",
        ms=3_800, tokens=(380, 120),
    ),
)  # fmt: skip

CLAUSE_NEGOTIATOR = Story(
    card=Card(
        days_ago=20,
        values=(3, 8, 9, 3, 2),
        reasons=(
            "Four contracts a month; the lawyer reads each of them anyway.",
            "Our positions are in heads, not in a document: months.",
            "One wrong clause can cost more than all it saves.",
            "Each answer needs the lawyer's hour.",
            "Only contracts like ours.",
        ),
        decided="skip",
        why="Too much risk for four contracts a month; a checklist for the lawyer does more.",
    ),
)

STORIES: dict[str, Story] = {
    "content_repurposer": CONTENT_REPURPOSER,
    "ticket_classifier": TICKET_CLASSIFIER,
    "invoice_extractor": INVOICE_EXTRACTOR,
    "meeting_notes": MEETING_NOTES,
    "clause_negotiator": CLAUSE_NEGOTIATOR,
}
