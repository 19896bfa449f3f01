"""Reading for promotions: what the checklist lets pass, where a rollback leads, who is asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.forms import model_to_dict
from django.utils import timezone

from automations.models import AuditEvent, Automation, Version
from lifecycle import phases
from lifecycle.checklists import BoxView, ChecklistView, Owed, PhaseView
from lifecycle.models import Promotion, Prototype, Team

Stage = Automation.Stage
TRACK = (Stage.IDEA, Stage.PROTOTYPE, Stage.PRODUCTION)
# The last phase that may be left before a stage is entered.
NEEDED = {Stage.PROTOTYPE: phases.LEAVES_IDEA, Stage.PRODUCTION: phases.LEAVES_PROTOTYPE}
NAMED = 4  # so many missing boxes are named in a sentence
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
RIGHT = "automations.make_live"


@dataclass(frozen=True, slots=True)
class Gate:
    """What the checklist says of a stage; `phases` are those to be left before, none: no gate.

    `missing` are the boxes in the way, must boxes first.
    """

    stage: str
    phases: tuple[PhaseView, ...]
    missing: tuple[BoxView, ...]
    owed: tuple[Owed, ...]
    objection: str = ""

    @property
    def allowed(self) -> bool:
        return not self.missing and not self.objection

    @property
    def label(self) -> str:
        return Stage(self.stage).label.lower()

    @property
    def count(self) -> str:
        """How many boxes are missing at least, as the beginning of a sentence about them."""
        total = sum(phase.lacking for phase in self.phases)
        number = NUMBERS[total] if total < len(NUMBERS) else str(total)
        if total == len(self.missing):
            return f"{number} box is missing" if total == 1 else f"{number} boxes are missing"
        among = ", among them the musts" if self.missing[0].box.must else ""
        needed = "box is needed" if total == 1 else "boxes are needed"
        return f"at least {number} more {needed}{among}"


def where_it_stands(automation: Automation) -> str:
    """Return its stage; of a retired one the stage that it was retired from."""
    if automation.stage != Stage.RETIRED:
        return automation.stage
    retired = Promotion.objects.filter(
        automation=automation, state=Promotion.State.DONE, to_stage=Stage.RETIRED
    ).first()
    return retired.from_stage if retired else _stage_in_trail(automation)


def _stage_in_trail(automation: Automation) -> str:
    event = _events(automation, "move to stage").first()
    before = event.before.get("stage") if event else None
    return before if before in TRACK else Stage.IDEA


def is_forward(automation: Automation, stage: str) -> bool:
    """Tell whether this stage lies beyond the one where the automation stands.

    Production always does for what is not in it: what was retired from there has to prove itself.
    """
    if stage not in TRACK:
        return False
    if stage == Stage.PRODUCTION:
        return automation.stage != stage
    return TRACK.index(Stage(stage)) > TRACK.index(Stage(where_it_stands(automation)))


def gate_of(automation: Automation, stage: str, view: ChecklistView) -> Gate:
    """Return what the checklist says of moving to a stage: backwards, and "", nothing is asked."""
    needed = NEEDED[Stage(stage)] if is_forward(automation, stage) else 0
    passed = tuple(phase for phase in view.phases if phase.phase.number <= needed)
    missing = (box for phase in passed for box in _in_the_way(phase))
    return Gate(
        stage=stage,
        phases=passed,
        missing=tuple(sorted(missing, key=lambda shown: not shown.box.must)),
        owed=tuple(owed for phase in passed for owed in phase.owed),
        objection=_verdict_against(automation) if needed == phases.LEAVES_PROTOTYPE else "",
    )


def _verdict_against(automation: Automation) -> str:
    """Say that the last verdict on its prototype was not to go on; empty if it was, or is none."""
    decided = Prototype.objects.filter(
        automation=automation, decided_at__isnull=False, is_sample=False
    )
    last = decided.order_by("-decided_at", "-pk").first()
    if last is None or last.verdict == Prototype.Verdict.GO:
        return ""
    verdict = Prototype.Verdict(last.verdict).label.lower()
    return f"the last verdict on its prototype is “{verdict}”; a newer one has to say “go”."


def _in_the_way(view: PhaseView) -> Iterable[BoxView]:
    """Return the boxes without which a phase may not be left: the musts, if they are enough."""
    if view.may_be_left:
        return ()
    with_musts = {box.box.number for box in view.boxes if box.is_satisfied or box.box.must}
    if view.phase.may_be_left(with_musts):
        return view.missing_must
    return [box for box in view.boxes if not box.is_satisfied]


def owed_after(gate: Gate, view: ChecklistView) -> list[tuple[int, date]]:
    """Return the numbers of the boxes that are owed after a move, and until when.

    A box that an override passed over is to be paid like any other, from today on.
    """
    owed = gate.owed if gate.phases else view.owed
    due = timezone.localdate() + timedelta(days=Team.current().owed_days)
    barred = [phase for phase in gate.phases if not phase.may_be_left]
    open_ones = [box for phase in barred for box in phase.boxes if not box.is_satisfied]
    passed_over = [box for box in open_ones if not box.is_later]
    days = {item.view.box.number: item.due_on for item in owed}
    return sorted((days | {box.box.number: due for box in passed_over}).items())


def in_words(boxes: Iterable[BoxView]) -> str:
    """Name boxes in a sentence: `5 “70%+ output quality” and 8 “Error handling implemented”`."""
    names = [f"{box.box.number} “{box.box.title}”" for box in boxes]
    if len(names) > NAMED:
        names = [*names[: NAMED - 1], f"{len(names) - NAMED + 1} more"]
    return " and ".join([", ".join(names[:-1]), names[-1]] if names[1:] else names)


# --- the version that was live before ------------------------------------------------------


def version_before(automation: Automation) -> Version | None:
    """Return the version to roll back to: the one that was live before the one that is.

    By the promotions; where the newest of them does not tell of the live version, by the audit
    trail; only where no version is known to have been live before, the published one before it.
    """
    live, before = automation.live_version, None
    if live is not None:
        before = _before(automation, live)
    return before if before != live else None


def _before(automation: Automation, live: Version) -> Version | None:
    moved = pointer_moves(automation).select_related("from_version", "to_version").first()
    if moved and moved.to_version_id == live.pk:
        return moved.from_version
    published = automation.versions.published()
    event = _events(automation, "make live").first()
    if event and event.after.get("live_version") == live.number:
        return published.filter(number=event.before.get("live_version")).first()
    if moved:
        return moved.to_version
    return published.filter(number__lt=live.number).order_by("-number").first()


def pointer_moves(automation: Automation) -> QuerySet[Promotion]:
    """Return what changed the live version, newest first."""
    return _done(automation).filter(kind__in=(Promotion.Kind.LIVE, Promotion.Kind.ROLLBACK))


def _done(automation: Automation) -> QuerySet[Promotion]:
    done = Promotion.objects.filter(automation=automation, state=Promotion.State.DONE)
    # Not by key: a request may have been granted after a later move.
    return done.order_by(Coalesce("decided_at", "asked_at").desc(), "-pk")


def was_live(version: Version) -> bool:
    """Tell whether it is known that a version was ever live, by the promotions or the trail."""
    moves = _done(version.automation).exclude(kind=Promotion.Kind.REHEARSAL)
    if moves.filter(Q(from_version=version) | Q(to_version=version)).exists():
        return True
    told = Q(before__live_version=version.number) | Q(after__live_version=version.number)
    return _events(version.automation, "make live").filter(told).exists()


def proved_in_production(version: Version) -> bool:
    """Tell whether a version was live in production and was not rolled back from there since."""
    moves = _done(version.automation).filter(is_sample=False)
    moves = moves.filter(Q(from_stage=Stage.PRODUCTION) | Q(to_stage=Stage.PRODUCTION))
    last = moves.filter(Q(from_version=version) | Q(to_version=version)).first()
    if last is None:
        return False
    return last.kind != Promotion.Kind.ROLLBACK or last.to_version_id == version.pk


def _events(automation: Automation, action: str) -> QuerySet[AuditEvent]:
    return AuditEvent.objects.filter(
        object_type="automation", object_id=str(automation.pk), action=action
    )


def recipe_hash(version: Version) -> str:
    """Return the SHA-256 of a version's recipe and checks: what runs, not who made it when."""
    about = ("id", "automation", "number", "created_at", "created_by", "published_at")
    left_out = {*about, "published_by"}
    fields = [f.attname for f in Version._meta.concrete_fields if f.name not in left_out]
    rules = [model_to_dict(rule, exclude=["id", "version"]) for rule in _rules(version)]
    recipe: dict[str, Any] = {name: getattr(version, name) for name in fields}
    text = json.dumps({"recipe": recipe, "rules": rules}, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _rules(version: Version) -> Iterable[Any]:
    return version.validator_rules.order_by("direction", "position", "pk")


# --- a second person -----------------------------------------------------------------------


def waits_for_second(promotion: Promotion, team: Team) -> bool:
    """Tell whether a move has to wait for another approver: what reaches production does.

    A rollback to what has proved itself there does not: in an emergency one person suffices.
    """
    if not team.second_person:
        return False
    if promotion.kind == Promotion.Kind.STAGE:
        return promotion.to_stage == Stage.PRODUCTION
    if promotion.automation.stage != Stage.PRODUCTION:
        return False
    back = promotion.to_version if promotion.kind == Promotion.Kind.ROLLBACK else None
    return back is None or not proved_in_production(back)


def waiting_for(
    user: AbstractBaseUser | AnonymousUser, *, team: Team | None = None
) -> list[Promotion]:
    """Return the requests that this person may decide, the oldest first; two queries."""
    if not getattr(user, "has_perm", lambda _right: False)(RIGHT):
        return []
    waiting = Promotion.objects.filter(state=Promotion.State.WAITING)
    if (team or Team.current()).second_person:
        waiting = waiting.exclude(asked_by_id=user.pk)
    related = ("automation", "asked_by", "from_version", "to_version")
    return list(waiting.select_related(*related).order_by("pk"))


def what_changed(promotion: Promotion, automation: Automation) -> str:
    """Say why a request cannot be granted as it was asked; empty while nothing has changed."""
    if not _may_still_ask(promotion):
        return f"{promotion.asked_by or 'whoever asked'} may no longer ask for this"
    if promotion.kind == Promotion.Kind.STAGE:
        return _changed_stage(promotion, automation)
    if automation.live_version_id != promotion.from_version_id:
        return f"{_live(automation)} is live by now"
    asked = promotion.to_version
    if promotion.is_release and asked and recipe_hash(asked) != promotion.recipe_hash:
        return f"v{asked.number} was edited since"
    return ""


def _may_still_ask(promotion: Promotion) -> bool:
    asker = promotion.asked_by
    if asker is None or not asker.is_active or not asker.has_perm(RIGHT):
        return False
    return not promotion.is_release or asker.has_perm("automations.publish_version")


def _changed_stage(promotion: Promotion, automation: Automation) -> str:
    if automation.stage != promotion.from_stage:
        return f"{automation} is in {automation.stage} by now"
    if automation.live_version_id != promotion.to_version_id:
        return f"{_live(automation)} is live by now"
    return ""


def _live(automation: Automation) -> str:
    return f"v{automation.live_version.number}" if automation.live_version else "no version"
