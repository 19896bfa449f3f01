"""What the five roles may do on the two upper floors."""

from typing import Any

from automations import roles

MODELS = (
    "attestation",
    "boxchange",
    "boxstate",
    "checklist",
    "criterion",
    "decision",
    "effort",
    "exemption",
    "extension",
    "failuremode",
    "portfoliodecision",
    "portfolioreview",
    "profitperiod",
    "promotion",
    "prototype",
    "scorecard",
    "team",
)
EDITED = ("criterion", "effort", "failuremode", "profitperiod", "prototype")

VIEW = {f"lifecycle.view_{model}" for model in MODELS} | {"monitoring.view_review"}
REVIEW = {"monitoring.add_review", "monitoring.change_review"}
OPERATE = {"lifecycle.add_effort", *REVIEW}
EDIT = {f"lifecycle.{verb}_{model}" for verb in ("add", "change", "delete") for model in EDITED} | {
    "lifecycle.add_attestation",
    "lifecycle.add_decision",
    "lifecycle.add_scorecard",
    *REVIEW,
}
APPROVE = {
    "lifecycle.add_attestation",
    "lifecycle.add_exemption",
    "lifecycle.add_portfolioreview",
    "lifecycle.change_exemption",
    "lifecycle.change_portfolioreview",
    "lifecycle.change_promotion",
    *REVIEW,
}
ADMINISTER = {"lifecycle.change_team"}

ROLES: dict[str, set[str]] = {
    "Viewers": VIEW,
    "Operators": VIEW | OPERATE,
    "Editors": VIEW | EDIT,
    "Approvers": VIEW | APPROVE,
    "Admins": VIEW | ADMINISTER,
}


def grant(**_: Any) -> None:
    """Give every role its rights on these floors; runs after each migrate."""
    roles.grant_all(ROLES)
