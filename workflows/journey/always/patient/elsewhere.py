"""What a journey says to the patient's other ones: doses, released sessions, risks and tightened limits."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import uuid5

from workflows.journey.aggregate import Journey
from workflows.journey.always.adverse_events.model import FINAL
from workflows.journey.always.adverse_events.rules import is_reviewed, severity_of
from workflows.journey.always.death.rules import is_refuted
from workflows.journey.always.holds.model import HISTORY, LIMITS, PARTED
from workflows.journey.always.patient.model import (
    CONFIRMED,
    Elsewhere,
    KnownRisk,
    Merge,
    ReleasedSession,
)
from workflows.journey.always.patient.particulars import tell_births, tell_particulars
from workflows.journey.always.safety.suicide_risk import find_suicidal
from workflows.journey.instruments import RiskFinding
from workflows.journey.protocol import DoseLimit, is_tighter
from workflows.journey.stages.screening.rules import list_exclusions
from workflows.journey.stages.sessions.dose_gate import is_declined
from workflows.journey.stages.sessions.events import join_rechecks
from workflows.journey.vocabulary.clinical import KnownDose
from workflows.journey.vocabulary.severity import OF_CRISIS, OF_ITEM_9, Severity, is_at_least
from workflows.journey.vocabulary.stage import NOT_SAFE, Stage

KEPT = 300
"""How many doses, sessions and risks of other journeys are told one by one."""
TOLD = ("session.dosed", "session.checked", "instrument.recorded", "screening.recorded")
"""The kinds of facts that other journeys count as they are corrected, before anybody has confirmed that."""


def see_elsewhere(
    journeys: Iterable[Journey],
    medicine: str,
    clinic: str | None = None,
    *,
    unreadable: bool = False,
    asked: bool = False,
) -> Elsewhere:
    """Return what these journeys say to another one of their patient, with this medicine, at this clinic. It does not
    depend on the order of the journeys. ``unreadable``: there are others that cannot be read. ``asked``: in the journey
    of another patient it is to be decided if this one is the same. However much there is, it has room in one event:
    what is long ago or alike is said in one."""
    others = tuple(journeys)
    return Elsewhere(
        doses=_sum_up_doses(
            sorted((d for each in others for d in each.own_doses), key=lambda d: (d.taken_at, d.source))
        ),
        released=_keep_released(
            sorted((r for each in others for r in _find_released(each)), key=lambda r: (r.released_at, r.source))
        ),
        risks=_sum_up_risks(sorted((r for each in others for r in risks(each)), key=lambda r: (r.since, r.source))),
        unreadable=unreadable,
        unconfirmed=any(made.about.kind in TOLD for each in others for made in each.unconfirmed.values()),
        same_medicine_open=any(not each.closed and each.protocol.dose.medicine == medicine for each in others),
        no_go_until=max((each.no_go_until for each in others if each.no_go_until is not None), default=None),
        pregnancy_found_at=max(
            (each.pregnancy_test.taken_at for each in others if each.pregnancy_test and each.pregnancy_found),
            default=None,
        ),
        recheck=join_rechecks(each.recheck for each in others if each.recheck is not None),
        limits=_find_tightest(others, medicine),
        also_known_as=_references(others),
        suicidal=_find_latest(found for each in others for found in find_suicidal(each).items()),
        identity_asked=asked or any(True for each in others for _ in (*find_asked(each), *_find_doubted(each))),
        told_parted=tuple(sorted(dict.fromkeys(ref for each in others for ref in each.told_parted))),
        particulars=tell_particulars(others, clinic),
        born=tell_births(others),
    )


def find_asked(journey: Journey) -> Iterator[Merge]:
    """Yield whom two people are to decide on: whether they are this patient too."""
    return (merge for merge in journey.merges.values() if merge.proposed and not is_declined(journey, merge))


def _find_doubted(journey: Journey) -> Iterator[Merge]:
    return (merge for merge in journey.merges.values() if merge.doubted)


def _find_tightest(others: tuple[Journey, ...], medicine: str) -> dict[DoseLimit, float]:
    """Return the limits that were made tighter for the patient: of time and number whatever the medicine, and of
    amounts for this one."""
    found: dict[DoseLimit, float] = {}
    for each in others:
        for name, value in each.own_limits.items():
            of_any = name in (DoseLimit.MIN_INTERVAL_HOURS, DoseLimit.MAX_IN_ROLLING_7_DAYS)
            same = of_any or each.protocol.dose.medicine == medicine
            if same and (name not in found or is_tighter(name, value, found[name])):
                found[name] = value
    return found


def _find_latest(found: Iterable[tuple[RiskFinding, datetime]]) -> dict[RiskFinding, datetime]:
    latest: dict[RiskFinding, datetime] = {}
    for finding, at in found:
        latest[finding] = max(at, latest.get(finding, at))
    return latest


def _references(others: tuple[Journey, ...]) -> tuple[str, ...]:
    """Return the references that two people signed to be of one patient; none where there is only the one."""
    merged = (merge.other for each in others for merge in each.merges.values() if merge.merged)
    found = sorted(dict.fromkeys((*(each.patient.ref for each in others), *merged)))
    return tuple(found) if len(found) > 1 else ()


def _sum_up_doses(doses: list[KnownDose]) -> tuple[KnownDose, ...]:
    """Return the latest doses, and all those before them as one, which counts as taken when the last of them was: never
    less, and never longer ago."""
    long_ago, latest = doses[:-KEPT], doses[-KEPT:]
    if not long_ago:
        return tuple(latest)
    known = [dose.dose_mg for dose in long_ago if dose.dose_mg is not None]
    together = sum(known) if len(known) == len(long_ago) else None
    return (long_ago[-1].model_copy(update={"dose_mg": together}), *latest)


def _keep_released(released: list[ReleasedSession]) -> tuple[ReleasedSession, ...]:
    """Return the latest released sessions, and before all others those of which a dose may still be taken."""
    kept = sorted(released, key=lambda session: session.open)[-KEPT:]
    return tuple(session for session in released if session in kept) if len(kept) < len(released) else tuple(released)


def _sum_up_risks(found: list[KnownRisk]) -> tuple[KnownRisk, ...]:
    """Return all risks, or, where there are too many, the latest of each kind: settled and not, of each severity, of a
    journey that has ended and not. Nobody sees to what is open in one that has. What stands before a dose, and what is
    open, comes before all that was settled."""
    if len(found) <= KEPT:
        return tuple(found)
    alike = {(risk.type, risk.what, risk.open, risk.severity, risk.severe, risk.ended): risk for risk in found}
    kept = sorted(alike.values(), key=lambda risk: (risk.unsettled, risk.open))[-KEPT:]
    return tuple(risk for risk in alike.values() if risk in kept)


def _find_released(journey: Journey) -> Iterator[ReleasedSession]:
    """Find the sessions of which a dose may have been taken that nobody has recorded: released ones, and those that
    somebody cancelled after their release, until somebody else has found out."""
    for session in journey.sessions.values():
        if session.released_at is not None and session.dosed_at is None:
            yield _may_be_dose(journey, f"session-{session.number}", session.released_at)
    if journey.to_count_since is not None and journey.count_made is None:
        yield _may_be_dose(journey, "count", journey.to_count_since)
    for support in journey.support.values():
        if support.open and support.cause == "dose":
            yield _may_be_dose(journey, support.id, support.at)


def _may_be_dose(journey: Journey, name: str, until: datetime) -> ReleasedSession:
    return ReleasedSession(source=uuid5(journey.id, name), released_at=until, open=not journey.closed)


def risks(journey: Journey) -> Iterator[KnownRisk]:
    """Find the risks that a journey knows of its patient, settled or not."""
    for hold in journey.holds.values():
        if hold.cause not in (HISTORY, LIMITS, PARTED):
            found = _risk(journey, "hold", hold.id, hold.cause, hold.placed_at, unsettled=not hold.released)
            yield found.model_copy(update={"severe": hold.severe})
    for crisis in journey.crises.values():
        severity = OF_CRISIS[crisis.level]
        yield _risk(journey, "crisis", crisis.id, crisis.level, crisis.opened_at, severity, unsettled=not crisis.closed)
    for measured in journey.measurements:
        if measured.risk_found in journey.open_item_9:
            since, name = measured.known_at, f"item-9-{measured.risk_found}"
            yield _risk(journey, "item_9", name, "open", since, OF_ITEM_9, unsettled=True)
    for report in journey.reports.values():
        if not report.settled:
            what, name = report.severity.value, f"kept-{report.id}"
            yield _risk(journey, "report", name, what, report.at, report.severity, unsettled=True)
    for event in journey.adverse_events.values():
        settled, severity = is_reviewed(journey, event.id), severity_of(journey, event)
        # What nobody could ask about at the end is asked about where the patient is in treatment again.
        settled = settled and not (journey.closed and event.outcome not in FINAL and not event.in_error)
        what, onset = f"grade {event.grade}", event.report.onset
        yield _risk(journey, "adverse_event", event.id, what, onset, severity, unsettled=not settled)
    for death in journey.deaths.values():
        if not (death.in_error or is_refuted(journey, death)):
            what = CONFIRMED if death.confirmed else "reported"
            calls = None if death.confirmed else Severity.EMERGENCY
            yield _risk(journey, "death", death.id, what, death.reported_at, calls, unsettled=True)
    for support in journey.support.values():
        urgency = Severity(support.urgency)
        if support.open and is_at_least(urgency, Severity.CLINICAL) and support.cause != "elsewhere":
            yield _risk(journey, "support", support.id, support.urgency, support.at, urgency, unsettled=True)
    # The list that the evaluation begins with is reviewed with it, there as here.
    changes = journey.unreviewed_medicine_changes if journey.stage != Stage.EVALUATION else {}
    for change in changes.values():
        yield _risk(journey, "medicine", change.id, "not_reviewed", change.at, unsettled=True)
    for code in list_exclusions(journey, "hard"):
        since = journey.screening.recorded_at or journey.started_at
        yield _risk(journey, "exclusion", code, code, since, unsettled=True)
    ended = journey.closing
    if ended is not None and ended.outcome in NOT_SAFE:
        yield _risk(journey, "ending", "ending", ended.outcome.value, ended.at, unsettled=True)


def _risk(
    journey: Journey,
    kind: str,
    name: str,
    what: str,
    since: datetime,
    severity: Severity | None = None,
    *,
    unsettled: bool,
) -> KnownRisk:
    return KnownRisk.model_validate(
        {
            "source": uuid5(journey.id, name),
            "type": kind,
            "what": what,
            "since": since,
            "open": unsettled,
            "severity": severity,
            "ended": journey.closed,
        }
    )
