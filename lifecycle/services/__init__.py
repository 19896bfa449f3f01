"""What people can decide and record: each verb checks the right first."""

from lifecycle.evaluating import evaluate, evaluate_due, mark
from lifecycle.services.criteria import add_criterion, change_criterion, remove_criterion
from lifecycle.services.exemptions import attest, end_exemption, exempt, withdraw_attestation
from lifecycle.services.failure_modes import (
    change_failure_mode,
    remove_failure_mode,
    write_failure_mode,
)
from lifecycle.services.portfolio_reviews import (
    close_review,
    compute_again,
    decide_portfolio,
    open_review,
)
from lifecycle.services.profit import (
    log_effort,
    measure_again,
    measure_open_periods,
    measure_period,
    remove_effort,
    remove_period,
    save_period,
)
from lifecycle.services.promotions import go_live, promote, release, roll_back
from lifecycle.services.prototypes import (
    decide_prototype,
    extend_prototype,
    note_first_runs,
    note_overdue,
    start_prototype,
)
from lifecycle.services.rehearsals import rehearse
from lifecycle.services.scorecards import Details, decide, describe_idea, record_scorecard
from lifecycle.services.second_person import decide_promotion, withdraw_promotion
from lifecycle.services.team import change_team
from lifecycle.services.templates import start_from_template

__all__ = [
    "Details",
    "add_criterion",
    "attest",
    "change_criterion",
    "change_failure_mode",
    "change_team",
    "close_review",
    "compute_again",
    "decide",
    "decide_portfolio",
    "decide_promotion",
    "decide_prototype",
    "describe_idea",
    "end_exemption",
    "evaluate",
    "evaluate_due",
    "exempt",
    "extend_prototype",
    "go_live",
    "log_effort",
    "mark",
    "measure_again",
    "measure_open_periods",
    "measure_period",
    "note_first_runs",
    "note_overdue",
    "open_review",
    "promote",
    "record_scorecard",
    "rehearse",
    "release",
    "remove_criterion",
    "remove_effort",
    "remove_failure_mode",
    "remove_period",
    "roll_back",
    "save_period",
    "start_from_template",
    "start_prototype",
    "withdraw_attestation",
    "withdraw_promotion",
    "write_failure_mode",
]
