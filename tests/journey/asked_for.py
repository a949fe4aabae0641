"""A journey that waits for a sign-off, for every kind there is."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import NamedTuple

from tests.journey.contacts import handover, in_week_one
from tests.journey.cosigning import asked_to_sign, exclusion_review, severe_hold
from tests.journey.elsewhere import merged
from tests.journey.instruments.vectors import c_ssrs_since
from tests.journey.play import PROTOCOLS, Play, after, awaits, before, started
from tests.journey.stages.sessions.helpers import ending, last_dose, observed_until
from workflows.journey import commands as c
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import DoseLimit, SignOffKind
from workflows.journey.vocabulary.actors import Role

OTHER = "demo-patient-other"


class Asked(NamedTuple):
    """A journey that waits for a sign-off on this subject."""

    play: Play
    subject: str | None


def _up_to(kind: SignOffKind, subject: str | None = None) -> Callable[[], Asked]:
    return lambda: Asked(asked_to_sign(kind), subject)


def _review() -> Asked:
    """A review after a session that is not the last one."""
    reviews = PROTOCOLS["PTSD"].reviews.model_copy(update={"after_session": (1, "last")})
    play = started(protocol=PROTOCOLS["PTSD"].model_copy(update={"reviews": reviews}))
    return Asked(play.go_on(awaits(SignOffKind.RESPONSE_REVIEW)), "session-1")


def _harmed(grade: int) -> Asked:
    play = after("session.end")
    play.do(c.ReportAdverseEvent(what="x", grade=grade, serious=False, onset=play.at), Role.SESSION_MONITOR)
    return Asked(play, "adverse-event-1")


def _held() -> Asked:
    play = after("session.end")
    play.do(c.PlaceHold(reason="invented"), Role.OBSERVER)
    return Asked(play, "hold-1")


def _asked_again(play: Play, marks: str) -> Play:
    """A clinician asks what has happened since the last time."""
    answers = c_ssrs_since(marks)
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS_SINCE, occasion="asked", answers=answers))
    return play


def _level() -> Asked:
    play = after("session.end")
    item_9 = c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="x", answers=[0] * 8 + [1])
    play.do(item_9, Role.PATIENT)
    _asked_again(play, "nn---n")
    [asked] = [waiting for waiting in play.journey.waiting.values() if waiting.sign_off == SignOffKind.RISK_LEVEL]
    return Asked(play, asked.subject)


def _in_crisis() -> Play:
    """A crisis in which the patient was reached, which is still to be signed."""
    play = _asked_again(after("session.end"), "yyyyyn")
    _asked_again(play, "nn---n")
    contact = {"crisis": "crisis-1", "reached": True, "assessment": "seen (invented)", "safety_plan": True}
    play.do(c.RecordCrisisContact.model_validate({**contact, "next_contact_at": play.at + timedelta(hours=6)}))
    return play


def _risk() -> Asked:
    """Somebody has agreed to take over, too."""
    play = _in_crisis()
    play.sign(SignOffKind.CRISIS_REACHED, "crisis-1")
    play.do(handover())
    return Asked(play, None)


def _end() -> Asked:
    play = observed_until(120, (2, 1, 0, 0, 0, 0))
    play.at = last_dose(play) + timedelta(minutes=240)
    unmet = dict.fromkeys(play.journey.protocol.sessions.release_criteria, True) | {"dissociation_settled": False}
    play.do(ending(play, criteria=unmet, clinician_decision="stays with the observer, seen by video"))
    return Asked(play, "1")


def _override() -> Asked:
    play = before("plan.record")
    widest = {"dose_overrides": {DoseLimit.MAX_SINGLE_DOSE: 250.0}}
    play = play.changed(protocol=play.journey.protocol.model_copy(update=widest))
    play.do(c.SetLimits(limits={DoseLimit.MAX_SINGLE_DOSE: 250}, reason="invented"))
    return Asked(play, None)


def _own_limits() -> Asked:
    play = before("plan.record")
    play.do(c.SetLimits(limits={DoseLimit.MAX_SINGLE_DOSE: 80}, reason="invented"))
    return Asked(play, None)


def _permission() -> Asked:
    play = before("session.release")
    play.do(c.ProposePermission(until=date(2036, 1, 1), source="invented"))
    return Asked(play, None)


def _consent() -> Asked:
    play = before("session.check")
    play.do(c.ProposeConsentVersion(consent="treatment", version="treatment-2", reason="a new warning (invented)"))
    return Asked(play, "treatment")


def _lost() -> Asked:
    play = in_week_one()
    play.wait(days=30)
    play.do(handover())
    return Asked(play, "follow-up-week-1")


def _handover() -> Asked:
    play = after("session.end")
    play.do(c.Withdraw(), Role.PATIENT)
    play.do(handover())
    return Asked(play, None)


def _merge() -> Asked:
    play = after("evaluation.record")
    play.do(c.ProposeMerge(other=OTHER, reason="x"), Role.COORDINATOR)
    return Asked(play, "merge-1")


def _unmerge() -> Asked:
    play = merged(after("evaluation.record"), OTHER)
    play.do(c.ProposeUnmerge(merge="merge-1", reason="x"), Role.COORDINATOR)
    return Asked(play, "merge-1")


def _death() -> Asked:
    play = after("session.end")
    play.do(c.RecordDeath(related="no", reason="invented"), Role.OBSERVER)
    return Asked(play, "death-1")


def _doubted() -> Asked:
    play = _death().play
    play.sign(SignOffKind.DEATH, "death-1", by=Role.ON_CALL_CLINICIAN)
    play.do(c.DoubtDeath(death="death-1", reason="they called"), Role.COORDINATOR)
    return Asked(play, "death-1")


ASKED_FOR: Mapping[SignOffKind, Callable[[], Asked]] = {
    SignOffKind.EVALUATION: _up_to(SignOffKind.EVALUATION),
    SignOffKind.EXCLUSION_REVIEW: lambda: Asked(exclusion_review(), None),
    SignOffKind.ELIGIBILITY: _up_to(SignOffKind.ELIGIBILITY),
    SignOffKind.PLAN: _up_to(SignOffKind.PLAN),
    SignOffKind.CLEARANCE: _up_to(SignOffKind.CLEARANCE, "1"),
    SignOffKind.END_DECISION: _end,
    SignOffKind.ATTESTATION: _up_to(SignOffKind.ATTESTATION, "1"),
    SignOffKind.RESPONSE_REVIEW: _review,
    SignOffKind.HOLD_RELEASE: _held,
    SignOffKind.SEVERE_HOLD_RELEASE: lambda: Asked(severe_hold(), "hold-1"),
    SignOffKind.ADVERSE_EVENT: lambda: _harmed(1),
    SignOffKind.SERIOUS_ADVERSE_EVENT: lambda: _harmed(3),
    SignOffKind.RISK_LEVEL: _level,
    SignOffKind.CRISIS_REACHED: lambda: Asked(_in_crisis(), "crisis-1"),
    SignOffKind.RISK_DECISION: _risk,
    SignOffKind.PATIENT_LIMITS: _own_limits,
    SignOffKind.LIMIT_OVERRIDE: _override,
    SignOffKind.PERMISSION: _permission,
    SignOffKind.CONSENT_VERSION: _consent,
    SignOffKind.LOST_TO_FOLLOW_UP: _lost,
    SignOffKind.DISCHARGE: _up_to(SignOffKind.DISCHARGE),
    SignOffKind.HANDOVER: _handover,
    SignOffKind.PATIENT_MERGE: _merge,
    SignOffKind.PATIENT_UNMERGE: _unmerge,
    SignOffKind.DEATH: _death,
    SignOffKind.DEATH_CORRECTION: _doubted,
}
"""How each kind comes to be asked for, by people and the clock."""
