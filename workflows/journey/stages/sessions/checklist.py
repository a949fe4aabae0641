"""The checklist before a session, and what does not allow a dose: a no-go.

A no-go acts. It holds care and is told to a clinician, and only their signed decision, with a reason, lifts it: never
a second checklist, nor a session that is moved. What needs time stands besides for the protocol's hours.

Sources: blood pressure before a dose (esketamine label); no treatment that day above the range; a little above it,
measured again after rest, at most twice, and then a clinician decides.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.adverse_events.rules import is_reviewed
from workflows.journey.always.holds.model import name_hold, place
from workflows.journey.always.medicines.rules import require_agreement
from workflows.journey.always.pregnancy.rules import require_not_found
from workflows.journey.always.safety.model import ask_support
from workflows.journey.always.safety.suicide_risk import ITEM_9_OPEN, NEVER_ASKED, suicide_risk_obstacles
from workflows.journey.evidence import is_approved
from workflows.journey.obligation_types import CHECK_IN, MISSED_CONTACT, OBLIGATION_TYPES
from workflows.journey.obligations import obligations
from workflows.journey.protocol import SignOffKind, VitalsRules
from workflows.journey.setting import rules_of
from workflows.journey.stages.education.rules import find_unconsented
from workflows.journey.stages.sessions.dose_gate import (
    interval_obstacles,
    is_watched,
    owed_recheck,
    require_scheduled,
)
from workflows.journey.stages.sessions.events import Recheck
from workflows.journey.stages.sessions.judging import LEFT_OUT, vitals_alert
from workflows.journey.stages.sessions.state import Session
from workflows.journey.vocabulary.actors import Actor
from workflows.journey.vocabulary.clinical import state_problem
from workflows.journey.vocabulary.refusals import RefusalCode, list_some, refuse
from workflows.journey.vocabulary.severity import OF_NO_GO, OF_OBSERVATION, Severity, is_at_least, worst

Verdict = Literal["go", "recheck", "no_go"]

NO_GO = "no_go"
"""The cause of a hold that came from a checklist."""
VITAL_SIGNS = "vital_signs"


def check(journey: Journey, command: c.CheckSession, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record the checklist before a dose: every item answered, with recent vital signs. After the release too: what is
    found then holds care, and a dose that is taken all the same is a deviation."""
    session, rules = require_scheduled(journey, command.session), journey.protocol.sessions
    if session.dosed_at is not None:
        refuse(RefusalCode.ALREADY_DONE, "the dose has been taken", "Observe, or correct it with `pathway amend`")
    require_whole(journey, command)
    _require_uncontradicted(journey, session, command.items, at)
    if not timedelta() <= at - command.vitals.measured_at <= timedelta(minutes=rules.vitals.max_age_minutes):
        refuse(
            RefusalCode.WRONG_TIME,
            f"vitals must be measured within the last {rules.vitals.max_age_minutes} minutes",
            "Measure again",
            "vitals.measured_at",
        )
    yield judge_checklist(journey, command, at)


def require_whole(journey: Journey, command: c.CheckSession) -> None:
    """Refuse a checklist with items left out, or that contradict the list of medicines.

    Raises:
        RefusalRaised: an item is missing, or contrary to what is recorded.
    """
    lacking = [item for item in _list_asked(journey, command.session) if item not in command.items]
    if lacking:
        refuse(RefusalCode.INCOMPLETE, f"not answered: {', '.join(lacking)}", "Answer every item", "items")
    if command.observer is None and rules_of(journey, command.session).observer == "adult":
        refuse(RefusalCode.INCOMPLETE, "nobody stays with the patient", "Name the adult who does", "observer")
    require_agreement(journey, command.items)
    require_not_found(journey, command.items)


def find_contradicted(journey: Journey, session: Session, at: datetime) -> dict[str, Sequence[str]]:
    """Return the items to which no yes can be right at a moment (UTC), each with what is recorded against it. The dose
    gate asks for the same by itself."""
    risk = [why for why in suicide_risk_obstacles(journey, at) if why not in (ITEM_9_OPEN, NEVER_ASKED)]
    known: dict[str, Sequence[str]] = {
        "plan_signed": ()
        if is_approved(journey, SignOffKind.PLAN) and journey.plan_owed_since is None
        else ("plan not signed as it now is",),
        "no_open_hold_or_adverse_event": (*_find_held(journey), *_find_unreviewed(journey)),
        "check_ins_complete": _find_check_ins(journey, at),
        "consents_active_and_current": [f"consent {name} not in force" for name in find_unconsented(journey)],
        "interval_met": interval_obstacles(journey, max(at, session.starts_at)),
        "suicide_risk_none_or_low": risk,
        "item_9_zero_or_cleared": (ITEM_9_OPEN,) if journey.item_9_open else (),
    }
    return {item: against for item, against in known.items() if against}


def _find_held(journey: Journey) -> Iterator[str]:
    """Name the holds that stand. Those that checklists placed before are what this one is recorded for."""
    return (name_hold(hold) for hold in journey.standing_holds if hold.cause != NO_GO)


def _find_unreviewed(journey: Journey) -> Iterator[str]:
    """Name the adverse events that nobody has reviewed."""
    return (f"{name} is not reviewed" for name in journey.adverse_events if not is_reviewed(journey, name))


def _find_check_ins(journey: Journey, at: datetime) -> tuple[str, ...]:
    kinds = (CHECK_IN.kind, MISSED_CONTACT.kind)
    asked = (waiting for waiting in obligations(journey) if waiting.kind in kinds)
    return tuple(w.what for w in asked if OBLIGATION_TYPES[w.kind].stands_before_dose(w.deadline, at))


def _require_uncontradicted(journey: Journey, session: Session, items: dict[str, bool], at: datetime) -> None:
    """Refuse a yes where the record says otherwise. A no is always believed: it acts."""
    for item, against in find_contradicted(journey, session, at).items():
        if items.get(item):
            refuse(
                RefusalCode.CONTRADICTS,
                f"the checklist contradicts what is recorded: {list_some(against)}",
                "Settle it first, or answer no: a clinician then hears of it",
                f"items.{item}",
            )


def _list_asked(journey: Journey, session: int) -> tuple[str, ...]:
    """The items of the checklist where this session takes place."""
    return journey.protocol.sessions.checklist_in(journey.sessions[session].setting)


def judge_checklist(journey: Journey, command: c.CheckSession, at: datetime) -> e.SessionChecked:
    """Return the event of a checklist at a moment (UTC), judged by the protocol, with what in it is a no-go."""
    rules, asked = journey.protocol.sessions, _list_asked(journey, command.session)
    verdict, recheck = _judge_vitals(journey, command.vitals, at)
    found = tuple(_find_no_go(journey, command, verdict))
    waits = any(finding == VITAL_SIGNS or finding in rules.no_go.wait for finding in found)
    return e.SessionChecked(
        **command.model_dump(exclude={"kind", "items"}),
        items={item: command.items[item] for item in asked},
        not_understood=(
            *state_problem(command.location_state, "location_state"),
            *(f"item {item}: not one of the protocol's" for item in command.items if item not in asked),
        ),
        verdict=verdict,
        recheck=recheck,
        no_go=found,
        no_go_until=at + timedelta(hours=rules.no_go.hours) if waits else None,
    )


def _find_no_go(journey: Journey, command: c.CheckSession, verdict: Verdict) -> Iterator[str]:
    yield from (item for item in _list_asked(journey, command.session) if command.items[item] is not True)
    if verdict == "no_go":
        yield VITAL_SIGNS
    if not is_watched(rules_of(journey, command.session), command.observer):
        yield "observer"
    if command.reachable_within_minutes > journey.protocol.sessions.clinician_reachable_minutes:
        yield "clinician_reach"
    if not command.location_confirmed or command.location_state != journey.patient.state:
        yield "location"


def _judge_vitals(journey: Journey, vitals: c.Vitals, at: datetime) -> tuple[Verdict, Recheck | None]:
    """Judge vital signs beside those that are to be measured again; return also what is to be measured again then.

    What is measured before the rest is over counts as one with the measurement before, however good it is. Rest counts
    from when that was recorded, so that no times somebody writes down make three measurements of one. The last recheck
    that is no better is a no-go.
    """
    rules, before = journey.protocol.sessions, owed_recheck(journey, vitals.measured_at)
    verdict = vitals_verdict(rules.vitals, vitals)
    if verdict == "no_go":
        return "no_go", None
    signs = _signs_to_repeat(rules.vitals, vitals, () if before is None else before.signs)
    if before is None:
        return verdict, Recheck(since=at, signs=signs) if verdict == "recheck" else None
    if vitals.measured_at - before.since < timedelta(minutes=rules.vitals.recheck_rest_minutes):
        return "recheck", before.model_copy(update={"signs": tuple(dict.fromkeys((*before.signs, *signs)))})
    if verdict == "go":
        return ("recheck", before) if signs else ("go", None)
    made = before.count + 1
    if made >= rules.vitals.rechecks:
        return "no_go", None
    return "recheck", Recheck(since=at, count=made, signs=signs)


def _signs_to_repeat(rules: VitalsRules, vitals: c.Vitals, before: tuple[str, ...]) -> tuple[str, ...]:
    """The vital signs that a measurement may lack, and the next one may not: those out of range now, and those that
    were out of range before and are left out now."""
    found = []
    for sign in LEFT_OUT:
        value, (lowest, highest) = getattr(vitals, sign), getattr(rules, sign).go
        owed = sign in before if value is None else not lowest <= value <= highest
        if owed:
            found.append(sign)
    return tuple(found)


def vitals_verdict(rules: VitalsRules, vitals: c.Vitals) -> Verdict:
    """Return the worst verdict on a single vital sign. Limits are inclusive. Where the lower pressure is not below the
    upper one, nobody's pressure was written down: it is measured again."""
    verdict: Verdict = "go" if vitals.plausible else "recheck"
    measured = (
        (rules.systolic, vitals.systolic),
        (rules.diastolic, vitals.diastolic),
        (rules.heart_rate, vitals.heart_rate),
        (rules.oxygen, vitals.oxygen),
    )
    for limits, value in measured:
        if value is None or limits.go[0] <= value <= limits.go[1]:
            continue
        if not limits.recheck[0] <= value <= limits.recheck[1]:
            return "no_go"
        verdict = "recheck"
    return verdict


def react_check(journey: Journey, body: e.SessionChecked, at: datetime) -> Iterator[e.EventBody]:
    """Hold care on a no-go, and tell a clinician of it, and of vital signs at the protocol's limits as an observation
    would: nobody is less ill before a dose. The one on call hears of those, and of the protocol's alarm. What is told
    already is told again only if it is worse than what is open."""
    rules, alert = journey.protocol.sessions, vitals_alert(journey.protocol.sessions.vitals, body.vitals, None)
    if not body.no_go and alert == "none":
        return
    found = OF_NO_GO["told"]
    if any(finding in rules.no_go.alarm for finding in body.no_go):
        found = OF_NO_GO["alarm"]
    if alert != "none":
        found = worst(found, OF_OBSERVATION[alert])
    what = f"does not allow a dose: {', '.join(body.no_go)}" if body.no_go else "found vital signs at the limits"
    reason = f"the checklist of session {body.session} {what}"[:4000]
    severe = alert == "emergency"
    alike = (hold for hold in journey.standing_holds if (hold.cause, hold.reason) == (NO_GO, reason))
    known = any(hold.severe >= severe for hold in alike)
    told = (support for support in journey.support.values() if support.open and support.text == reason)
    open_now = [Severity(support.urgency) for support in told]
    if body.no_go and not known:
        yield place(journey, NO_GO, reason, severe=severe, source=f"session-{body.session}")
    elif (known and found == OF_NO_GO["told"]) or any(is_at_least(severity, found) for severity in open_now):
        return
    yield ask_support(journey, found, reason)


DECISIONS: Decisions = {
    c.CheckSession: check,
}
REACTIONS: Reactions = {
    e.SessionChecked: react_check,
}
