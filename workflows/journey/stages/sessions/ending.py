"""The end of a session.

No session ends before its time, while a scheduled observation is neither made nor recorded as missed, or against what
was observed last. What observations tell of the criteria for the end is computed from them.

Sources: at least two hours of observation, until the patient may be left with their observer (esketamine label, 5.1 to
5.3); somebody present throughout.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.adverse_events.rules import severity_of
from workflows.journey.always.corrections.model import CorrectionMade
from workflows.journey.always.observations.model import Seen
from workflows.journey.always.safety.model import ask_support
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import CriterionSource, Sessions
from workflows.journey.stages.sessions.dose_gate import require_scheduled
from workflows.journey.stages.sessions.judging import Readings, find_unsettled
from workflows.journey.stages.sessions.scheduled_minutes import is_measured_then
from workflows.journey.stages.sessions.state import Observation, Session
from workflows.journey.vocabulary.actors import CLINICAL, Actor
from workflows.journey.vocabulary.refusals import RefusalCode, list_some, refuse, require_known
from workflows.journey.vocabulary.severity import OF_OBSERVATION, Severity, is_at_least
from workflows.journey.vocabulary.words import in_words

BESIDE = "observation.recorded"
"""The kind of the event of an observation that was told beside a session."""
Contradiction: TypeAlias = tuple[CriterionSource | None, str]
"""What speaks against an end, in words, after the source of the criteria that it contradicts; none for what stands
against every end."""


def end(journey: Journey, command: c.EndSession, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """End a session once its criteria are met. After the protocol's longest observation a clinician may decide so
    although they are not; the session runs on until that is signed.

    A criterion that observations tell of is computed from them, whatever is answered; a no is always believed. At least
    two hours of observation, until the patient may be left with their observer (esketamine label, 5.1 to 5.3).
    """
    session, rules = require_scheduled(journey, command.session), journey.protocol.sessions
    require_endable(journey, session, at)
    asked = rules.criteria_in(session.setting)
    require_known({**command.criteria}, asked, "criteria")
    if command.clinician_decision is not None and by.role not in CLINICAL:
        refuse(
            RefusalCode.NOT_ALLOWED,
            "a clinician's decision is recorded by the clinician",
            "Have them end the session",
            "clinician_decision",
        )
    contradicted = tuple(contradictions(journey, session, at))
    criteria = computed_criteria(rules, asked, command.criteria, tuple(source for source, _ in contradicted))
    attested = [
        seen
        for source, seen in contradicted
        if any(known == source and command.criteria.get(name) for name, known in rules.criteria_known_from.items())
    ]
    found = [name for name, holds in criteria.items() if not holds] + [seen for _, seen in contradicted]
    overdue = session.dosed_at is not None and at >= end_due(journey, session.dosed_at)
    if overdue and command.clinician_decision and attested:
        refuse(
            RefusalCode.INCOMPLETE,
            f"what was observed last contradicts the criteria: {'; '.join(attested)}",
            "Answer no to what does not hold, or observe again",
            "criteria",
        )
    if found and not (overdue and command.clinician_decision):
        refuse(
            RefusalCode.INCOMPLETE,
            f"not yet met: {'; '.join(found)}",
            "Go on observing; after the protocol's maximum a clinician decides (clinician_decision)",
            "criteria",
        )
    if found and command.clinician_decision is not None:
        yield e.SessionEndProposed(
            session=command.session,
            criteria=criteria,
            clinician_decision=command.clinician_decision,
            against=tuple(found),
        )
    else:
        yield e.SessionEnded(session=command.session, criteria=criteria, clinician_decision=command.clinician_decision)


def require_endable(journey: Journey, session: Session, at: datetime) -> None:
    """Refuse what no decision may do: to end a session before its time after the patient's last dose, while a
    scheduled observation is neither made nor recorded as missed, while nobody has seen the patient since one that was
    missed, or by a correction that nobody has confirmed.

    Raises:
        RefusalRaised: one of these is so.
    """
    rules = journey.protocol.sessions
    if not session.running or session.dosed_at is None:
        refuse(RefusalCode.WRONG_TIME, "the session is not running", "Only a running session ends", "session")
    if at < earliest_end(journey, session.dosed_at):
        refuse(
            RefusalCode.WRONG_TIME,
            f"observation lasts at least {rules.minimum_minutes} minutes after the last dose",
            "Go on observing",
        )
    minutes, dosed_at = journey.awaited_in(session), session.dosed_at
    awaited = [f"{', '.join(map(str, minutes))} minutes"] if minutes else []
    awaited += [
        f"{minute} minutes after {dose}"
        for dose, minute, _ in journey.unobserved()
        if journey.doses[dose].taken_at >= dosed_at
    ]
    if awaited:
        refuse(
            RefusalCode.INCOMPLETE,
            f"neither made nor recorded as missed: observation at {list_some(awaited, ', ')}",
            "Observe now, or say why it was missed (`session miss-observation`, `observation miss`)",
            "session",
        )
    unseen = [minute for minute in session.missed if not journey.is_seen_since(session, minute)]
    if unseen:
        refuse(
            RefusalCode.INCOMPLETE,
            f"nobody has seen the patient since the observation that was missed at {min(unseen)} minutes",
            "Reach whoever is with the patient, and record what they see; until then the alarm goes on",
            "session",
        )
    resting = [v for v, made in journey.unconfirmed.items() if _rests_on(session, made)]
    if resting:
        refuse(
            RefusalCode.INCOMPLETE,
            f"not yet confirmed by a second person: correction {list_some([*map(str, resting)], ', ')}",
            "Go on observing until somebody else confirms it (`pathway confirm-correction`)",
            "session",
        )


def earliest_end(journey: Journey, dosed_at: datetime) -> datetime:
    """Return when (UTC) a session may end in which a dose was taken."""
    return _last_dose(journey, dosed_at) + timedelta(minutes=journey.protocol.sessions.minimum_minutes)


def end_due(journey: Journey, dosed_at: datetime) -> datetime:
    """Return when (UTC) a session is to end in which a dose was taken, and a clinician may decide so."""
    return _last_dose(journey, dosed_at) + timedelta(minutes=journey.protocol.sessions.maximum_before_decision_minutes)


def _last_dose(journey: Journey, dosed_at: datetime) -> datetime:
    """The dose from which the end of a session is counted (UTC). A later one, wherever it came from, begins the time
    anew: its effects are still to come."""
    return max((dosed_at, *(dose.taken_at for dose in journey.known_doses)))


def _rests_on(session: Session, made: CorrectionMade) -> bool:
    """Whether the end of a session rests on what was corrected: when doses were taken, the vital signs before its own,
    and what somebody says was not seen after it. An observation that is amended counts beside the one before."""
    about, number = (made.about.kind, made.about.subject), str(session.number)
    if made.in_error and (about == ("session.observed", number) or made.about.kind == BESIDE):
        return True
    return made.about.kind == "session.dosed" or about == ("session.checked", number)


def computed_criteria(
    rules: Sessions,
    asked: Iterable[str],
    answered: Mapping[str, bool],
    contradicted: tuple[CriterionSource | None, ...],
) -> dict[str, bool]:
    """Return which criteria for the end hold: as answered, and for those that observations tell of, as they tell."""

    def holds(name: str) -> bool:
        source = rules.criteria_known_from.get(name)
        told = source is not None and source != "consciousness"
        return answered.get(name, told) and (source is None or source not in contradicted)

    return {name: holds(name) for name in asked}


def contradictions(journey: Journey, session: Session, at: datetime) -> Iterator[Contradiction]:
    """Find what was observed last and speaks against an end at a moment (UTC).

    All observations of a minute count, and what was told beside them since. A contradiction works one way only: that a
    patient is awake does not show that they are oriented.
    """
    dosed_at = session.dosed_at
    if dosed_at is None:
        return
    yield from _seen_last(journey, session, dosed_at)
    yield from ((None, what) for what in _found_since(journey, session))
    yield from _vomited(journey, session, dosed_at, at)
    # Counted from the last dose, as the end is: what was seen before that time says nothing of it.
    first = earliest_end(journey, dosed_at) - dosed_at
    at_end = [seen for seen in session.observations if timedelta(minutes=seen.minute) >= first]
    yield from _vitals_not_settled(journey, session, dosed_at, at_end)
    yield from _dissociated(journey, session, dosed_at, at_end)


def _seen_last(journey: Journey, session: Session, dosed_at: datetime) -> Iterator[Contradiction]:
    last, when = session.last_observations, f"at {session.observed_until} minutes"
    if any(seen.consciousness != "alert" for seen in last):
        yield "consciousness", f"not alert {when}"
    if not all(seen.breathing_normal for seen in last):
        yield None, f"breathing not normal {when}"
    if any(seen.red_flags for seen in last):
        yield None, f"a red flag {when}"
    since = dosed_at + timedelta(minutes=session.observed_until)
    for seen in _seen_beside(journey, dosed_at):
        if seen.seen_at >= since and seen.consciousness not in (None, "alert"):
            yield "consciousness", f"not alert by {seen.observation}"


def _seen_beside(journey: Journey, dosed_at: datetime) -> tuple[Seen, ...]:
    """Return what was observed since the dose and told beside the session."""
    return tuple(seen for seen in journey.seen if seen.seen_at >= dosed_at and not seen.in_error)


def _vomited(journey: Journey, session: Session, dosed_at: datetime, at: datetime) -> Iterator[Contradiction]:
    minutes = [
        (seen.seen_at - dosed_at) / timedelta(minutes=1) for seen in _seen_beside(journey, dosed_at) if seen.vomiting
    ]
    minutes += [seen.minute for seen in session.observations if seen.vomiting]
    settles_in = journey.protocol.sessions.no_vomiting_minutes
    if minutes and at < dosed_at + timedelta(minutes=max(minutes) + settles_in):
        yield "vomiting", f"vomiting at {max(minutes):.0f} minutes"


def _vitals_not_settled(
    journey: Journey, session: Session, dosed_at: datetime, at_end: Sequence[Observation]
) -> Iterator[Contradiction]:
    rules = journey.protocol.sessions
    if not any(is_measured_then(rules, dosed_at + timedelta(minutes=seen.minute), seen.vitals) for seen in at_end):
        first = earliest_end(journey, dosed_at) - dosed_at
        yield "vitals", f"no vital signs from {first / timedelta(minutes=1):g} minutes on"
    baseline = None if session.check is None else session.check.vitals
    readings, beside = _readings(journey, session, dosed_at)
    for wanted in rules.also_measured:
        if not any(getattr(taken, wanted) is not None for _, taken in readings):
            yield "vitals", f"{in_words(wanted)} not measured since the dose"
    for sign, moment in find_unsettled(rules.vitals, readings, beside, baseline):
        minute = (moment - dosed_at) / timedelta(minutes=1)
        yield "vitals", f"{sign} at {minute:.0f} minutes beyond the rule for the end, and not measured again"


def _readings(journey: Journey, session: Session, dosed_at: datetime) -> tuple[Readings, Readings]:
    """Return every measurement since the dose, those of the session and those that were told beside it."""
    made = ((dosed_at + timedelta(minutes=seen.minute), seen.vitals) for seen in session.observations)
    told = ((seen.seen_at, seen.vitals) for seen in journey.seen if not seen.in_error)
    return (
        tuple((moment, vitals) for moment, vitals in made if vitals is not None),
        tuple((m, v) for m, v in told if v is not None and max(m, v.measured_at) >= dosed_at),
    )


def _dissociated(
    journey: Journey, session: Session, dosed_at: datetime, at_end: Sequence[Observation]
) -> Iterator[Contradiction]:
    """Find dissociation (CADSS-6) above the protocol's limit for the release, or not rated."""
    limits = journey.protocol.instruments.thresholds.get(Instrument.CADSS_6)
    if limits is None or limits.release_max is None:
        return
    rated = [seen for seen in at_end if seen.dissociation is not None]
    if not rated:
        yield "dissociation", "dissociation not rated at the end"
    scores = [("at the end", seen.dissociation) for seen in rated if seen.minute == rated[-1].minute]
    since = dosed_at + timedelta(minutes=session.observed_until)
    scores += [
        (f"by {told.instrument} of {told.occasion}", told.score)
        for told in journey.measurements
        if told.instrument == Instrument.CADSS_6 and told.at >= since
    ]
    for where, rating in scores:
        if rating is not None and rating.total is None:
            yield "dissociation", f"dissociation rated in part {where}, and so without a total"
        elif rating is not None and "release_ok" not in rating.flags:
            yield "dissociation", f"dissociation above the release limit {where}"


def _found_since(journey: Journey, session: Session) -> Iterator[str]:
    """Find what was told beside the observations of a session and since the last of them: whoever told it, the patient
    is looked at once more. A look counts by the minute it is of: one that is entered late is of before."""
    last = max((seen.version for seen in session.last_observations), default=0)
    told = [fact for version, fact in journey.facts.items() if version > last]
    names, kinds = [fact.subject for fact in told], [fact.kind for fact in told]

    def unseen(at: datetime) -> bool:
        return session.dosed_at is not None and at >= session.dosed_at + timedelta(minutes=session.observed_until + 1)

    for seen in journey.seen:
        new = seen.observation in names or unseen(seen.recorded_at)
        if new and not seen.in_error and seen.alert != "none":
            yield f"{seen.observation} was recorded since the last observation"
    for event in journey.adverse_events.values():
        new = event.id in names or ("adverse-event.regraded" in kinds and bool(event.gradings))
        new = new or unseen(event.gradings[-1].at if event.gradings else event.reported_at)
        if new and not event.in_error and is_at_least(severity_of(journey, event), Severity.URGENT):
            yield f"{event.id} was reported or graded since the last observation"
    for asked in journey.support.values():
        new = asked.id in names or unseen(asked.at)
        if new and asked.open and is_at_least(Severity(asked.urgency), Severity.URGENT):
            yield f"{asked.id} was asked for since the last observation"
    for report in journey.reports.values():
        new = "report.kept" in kinds or unseen(report.at)
        if new and not report.settled and is_at_least(report.severity, Severity.URGENT):
            yield f"{report.id} could not be taken in its form, since the last observation"
    for crisis in journey.open_crises:
        if crisis.version > last or unseen(crisis.opened_at):
            yield f"{crisis.id} was opened since the last observation"


def react_corrected(journey: Journey, body: e.CorrectionConfirmed, at: datetime) -> Iterator[e.EventBody]:
    """Have a clinician see to a patient whose session ended on a look at somebody else, while contacts are owed after
    the dose: nobody may have seen how they were."""
    about = journey.corrections[body.correction].about
    if not journey.corrections[body.correction].in_error:
        return
    beside = [seen.seen_at for seen in journey.seen if (about.kind, about.subject) == (BESIDE, seen.observation)]
    for session in journey.sessions.values():
        if session.dosed_at is None or session.ended_at is None:
            continue
        inside = (about.kind, about.subject) == ("session.observed", str(session.number))
        recent = at - session.dosed_at <= timedelta(hours=journey.protocol.check_ins.owed_hours)
        if recent and (inside or any(session.dosed_at <= moment <= session.ended_at for moment in beside)):
            what = f"an observation of session {session.number} was entered in error, and the session is over"
            yield ask_support(journey, OF_OBSERVATION["notify"], what)


DECISIONS: Decisions = {
    c.EndSession: end,
}
REACTIONS: Reactions = {
    e.CorrectionConfirmed: react_corrected,
}
