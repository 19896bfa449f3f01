"""All URLs."""

from django.contrib import admin
from django.urls import include, path

from lifecycle import (
    api,  # noqa: F401  registered before the addresses below it are built
    jump,
)
from lifecycle.views import (
    accuracy,
    checklists,
    comparing,
    criteria,
    portfolio,
    portfolio_reviews,
    profit,
    promotions,
    prototypes,
    scorecards,
    starting,
    team,
)

A = "automations/<slug:slug>/"

urlpatterns = [
    path("", portfolio.portfolio, name="portfolio"),
    path("automations/", portfolio.automations, name="automations"),
    path("portfolio.csv", portfolio.as_csv, name="portfolio_csv"),
    path("start/", starting.start, name="start"),
    path("start/example/", starting.load_example, name="load_example"),
    path("start/skip/", starting.skip, name="start_skip"),
    path("start/from/<slug:key>/", starting.from_template, name="start_template"),
    path("guide/", portfolio.guide, name="guide"),
    path("compare/", comparing.shown, name="compare"),
    path("accuracy/", accuracy.shown, name="accuracy"),
    path("ideas/new/", scorecards.idea, name="idea_new"),
    path("scorecards/", scorecards.listed, name="scorecards"),
    path("scorecards/preview/", scorecards.preview, name="scorecard_preview"),
    path("scorecards/<int:pk>/", scorecards.shown, name="scorecard"),
    path("scorecards/<int:pk>/decide/", scorecards.decide, name="scorecard_decide"),
    path(f"{A}scorecard/", scorecards.history, name="automation_scorecards"),
    path(f"{A}scorecard/new/", scorecards.new, name="scorecard_new"),
    path("settings/team/", team.edited, name="team_settings"),
    path(f"{A}profit/", profit.shown, name="profit"),
    path(f"{A}profit/new/", profit.new, name="profit_new"),
    path("profit/<int:pk>/", profit.edited, name="profit_period"),
    path("profit/<int:pk>/remove/", profit.remove, name="profit_remove"),
    path(f"{A}effort/", profit.add_effort, name="effort_add"),
    path("effort/<int:pk>/remove/", profit.remove_effort, name="effort_remove"),
    path("portfolio-review/", portfolio_reviews.listed, name="portfolio_review"),
    path("portfolio-review/open/", portfolio_reviews.open_month, name="portfolio_review_open"),
    path("portfolio-review/<str:month>/", portfolio_reviews.shown, name="portfolio_review_month"),
    path(
        "portfolio-review/<str:month>/close/",
        portfolio_reviews.close,
        name="portfolio_review_close",
    ),
    path(
        "portfolio-review/decisions/<int:pk>/",
        portfolio_reviews.decide,
        name="portfolio_review_decide",
    ),
    path(f"{A}checklist/", checklists.shown, name="checklist"),
    path(f"{A}checklist/history/", checklists.history, name="checklist_history"),
    path(f"{A}checklist/<int:number>/exempt/", checklists.exempt, name="box_exempt"),
    path(f"{A}checklist/<int:number>/attest/", checklists.attest, name="box_attest"),
    path(
        "attestations/<int:pk>/withdraw/",
        checklists.withdraw_attestation,
        name="attestation_withdraw",
    ),
    path("exemptions/<int:pk>/end/", checklists.end_exemption, name="exemption_end"),
    path(f"{A}prototype/", prototypes.shown, name="prototype"),
    path(f"{A}prototype/start/", prototypes.start, name="prototype_start"),
    path("prototypes/<int:pk>/extend/", prototypes.extend, name="prototype_extend"),
    path("prototypes/<int:pk>/verdict/", prototypes.decide, name="prototype_verdict"),
    path(f"{A}criteria/", criteria.listed, name="criteria"),
    path("criteria/<int:pk>/", criteria.edited, name="criterion"),
    path("criteria/<int:pk>/remove/", criteria.remove, name="criterion_remove"),
    path(f"{A}failure-modes/", criteria.failure_modes, name="failure_modes"),
    path("failure-modes/<int:pk>/", criteria.edit_failure_mode, name="failure_mode"),
    path(
        "failure-modes/<int:pk>/remove/", criteria.remove_failure_mode, name="failure_mode_remove"
    ),
    path(f"{A}promotions/", promotions.listed, name="promotions"),
    path(f"{A}stage/", promotions.move, name="automation_stage"),
    path(f"{A}rollback/", promotions.roll_back, name="rollback"),
    path(f"{A}rehearse/", promotions.rehearse, name="rehearse"),
    path("versions/<int:pk>/live/", promotions.make_live, name="version_live"),
    path("versions/<int:pk>/release/", promotions.release, name="version_release"),
    path("promotions/<int:pk>/", promotions.shown, name="promotion"),
    path("promotions/<int:pk>/decide/", promotions.decide, name="promotion_decide"),
    path("promotions/<int:pk>/withdraw/", promotions.withdraw, name="promotion_withdraw"),
    path("admin/", admin.site.urls),
    path("jump", jump.entries, name="jump"),
    path("", include("monitoring.urls")),
    path("", include("automations.urls")),
]
