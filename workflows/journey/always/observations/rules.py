"""Observations at any time, and the watch after a dose outside a session.

The rule: a dose has its observations wherever it was taken. Each that was still to come when the dose was told is made,
or is recorded as missed with the reason; what is seen acts by the same limits as in a session.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.adverse_events.findings import observed_emergencies, open_adverse_event
from workflows.journey.always.holds.model import place
from workflows.journey.always.safety.model import ask_support
from workflows.journey.obligation_types import OBSERVATION
from workflows.journey.requirements import Requirement, require
from workflows.journey.stages.sessions.judging import baseline_at, is_drowsy_without_a_dose, vitals_alert
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.refusals import RefusalCode, refuse
from workflows.journey.vocabulary.severity import OF_OBSERVATION


def record(journey: Journey, command: c.RecordObservation, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record an observation of the past. A red flag that is not the protocol's is kept, and counts as one."""
    if command.seen_at > at:
        refuse(RefusalCode.WRONG_TIME, "this is still to come", "Record it when it was seen", "seen_at")
    known = journey.protocol.sessions.red_flags
    odd = tuple(f"red flag {flag}: not one of the protocol's" for flag in command.red_flags if flag not in known)
    yield e.ObservationRecorded(
        **command.model_dump(exclude={"kind"}),
        observation=f"observation-{len(journey.seen) + journey.count_in_error('observation.recorded') + 1}",
        alert=_judge(journey, command),
        not_understood=odd,
    )


def _judge(journey: Journey, command: c.RecordObservation) -> Literal["none", "notify", "emergency"]:
    unwell = command.consciousness in ("pain", "unresponsive") or command.breathing_normal is False
    if unwell or command.red_flags:
        return "emergency"
    baseline = baseline_at(journey, command.seen_at)
    alert = vitals_alert(journey.protocol.sessions.vitals, command.vitals, baseline)
    drowsy = is_drowsy_without_a_dose(journey, command.consciousness, command.seen_at)
    return "notify" if alert == "none" and drowsy else alert


def react_observation(journey: Journey, body: e.ObservationRecorded, at: datetime) -> Iterator[e.EventBody]:
    """Act as on an observation in a session: the adverse event of an emergency, or a hold and a call for help."""
    emergencies = observed_emergencies(body)
    if emergencies:
        yield open_adverse_event(journey, emergencies, onset=body.seen_at, session=None)
    elif body.alert == "notify":
        what = "an observation met the protocol's rule to tell the clinician"
        yield place(journey, "session_alert", what, source=body.observation)
        yield ask_support(journey, OF_OBSERVATION["notify"], f"{body.observation}: {what}")


def give_up(journey: Journey, command: c.GiveUpObservation, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record that an observation after a dose outside a session was not made, once its time is over."""
    about = (command.dose, command.minute)
    due = next((last for dose, minute, _, last in journey.owed_observations() if (dose, minute) == about), None)
    if due is None:
        refuse(RefusalCode.UNKNOWN, "no such observation is owed", "See `pathway why` for what is", "minute")
    if at <= due + _window(journey):
        refuse(RefusalCode.WRONG_TIME, "this observation can still be made", "Observe the patient now", "minute")
    yield e.ObservationGivenUp(dose=command.dose, minute=command.minute, reason=command.reason)


def _window(journey: Journey) -> timedelta:
    return timedelta(minutes=journey.protocol.sessions.observe_window_minutes)


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask for the observations after doses outside a session."""
    running = [session.dose for session in journey.sessions.values() if session.running]
    for dose, minute, due in journey.unobserved():
        if dose in running:
            continue  # Its session asks for it.
        yield require(
            OBSERVATION,
            subject=f"{dose}-{minute}",
            owner=Role.ON_CALL_CLINICIAN,
            what=f"observe the patient {minute} minutes after {dose}",
            due=due,
            care=False,
        )


DECISIONS: Decisions = {
    c.RecordObservation: record,
    c.GiveUpObservation: give_up,
}
REACTIONS: Reactions = {
    e.ObservationRecorded: react_observation,
}
