"""What people do at any time: crises, alarms, adverse events, corrections, permissions, messages."""

from datetime import datetime, timedelta

from simulation.moves.situation import PlayedMove, Situation
from simulation.people import PEOPLE, invented
from workflows.journey import commands as c
from workflows.journey.always.patient.particulars import find_other_births
from workflows.journey.always.permissions.rules import REMOTE, last_day
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.clinical import STATE_ZONES


def reach(situation: Situation) -> PlayedMove | None:
    if situation.journey.crises[situation.subject].to_sign is not None:
        return None
    return Role.ON_CALL_CLINICIAN, c.RecordCrisisContact(
        crisis=situation.subject,
        reached=True,
        assessment=invented("seen by video; no intent; safety plan made, means secured"),
        safety_plan=True,
        next_contact_at=situation.at + timedelta(hours=24),
    )


def speak_again(situation: Situation) -> PlayedMove | datetime | None:
    """Speak with the patient when it is due, until people have signed that the crisis is settled."""
    if situation.journey.crises[situation.subject].to_sign is not None:
        return None
    if situation.at < situation.waiting.deadline:
        return situation.waiting.deadline
    return Role.CLINICIAN, c.RecordCrisisContact(
        crisis=situation.subject,
        reached=True,
        assessment=invented("spoken with again; the safety plan holds"),
        safety_plan=True,
    )


def answer_support(situation: Situation) -> PlayedMove:
    return situation.waiting.owner, c.AnswerSupport(support=situation.subject, text=invented("called back and settled"))


def take_alarm(situation: Situation) -> PlayedMove | None:
    """Acknowledge an alarm. What ends it is the review, which is an obligation of its own."""
    if situation.waiting.acknowledged is not None:
        return None
    doing = invented("on the phone with the patient and the observer")
    return Role.ON_CALL_CLINICIAN, c.AcknowledgeAlarm(obligation=situation.waiting.id, doing=doing)


def follow_up_adverse_event(situation: Situation) -> PlayedMove | datetime:
    if situation.at < situation.waiting.deadline:
        return situation.waiting.deadline
    return Role.CLINICIAN, c.FollowUpAdverseEvent(
        adverse_event=situation.subject,
        findings=invented("well again, nothing left of it"),
        action_taken=invented("rested, and was called twice"),
        outcome="recovered",
        ended_at=situation.at,
    )


def confirm_correction(situation: Situation) -> PlayedMove:
    """A second, clinical person confirms a correction."""
    version = int(situation.subject)
    made = situation.journey.corrections[version]
    roles = (Role.CLINICIAN, Role.MEDICAL_DIRECTOR, Role.ON_CALL_CLINICIAN)
    second = next(role for role in roles if PEOPLE[role].id != made.by)
    return second, c.ConfirmCorrection(correction=version, reason=invented("compared with the paper form"))


def read_message(situation: Situation) -> PlayedMove:
    return Role.OPS, c.HandleMessage(message=situation.subject, text=invented("read; a form sent twice"))


def settle_report(situation: Situation) -> PlayedMove:
    return situation.waiting.owner, c.SettleReport(report=situation.subject, text=invented("asked them what happened"))


def review_access(situation: Situation) -> PlayedMove:
    review = c.ReviewAccess(access=situation.subject, justified=True, text=invented("called by the emergency room"))
    return situation.waiting.owner, review


def answer_returned(situation: Situation) -> PlayedMove:
    return Role.CLINICIAN, c.AnswerReturned(request=situation.subject, text=invented("here is what was asked for"))


def record_address(situation: Situation) -> PlayedMove:
    address = f"demo-address-{situation.journey.id.hex[:8]}"
    return Role.COORDINATOR, c.UpdatePatient(dispatch_address_ref=address, reason=invented("told on the phone"))


def ask_particulars(situation: Situation) -> PlayedMove:
    """The patient confirms what they told in another journey last."""
    journey, name = situation.journey, situation.waiting.subject or ""
    because = invented("asked on the phone")
    if name == "born":
        born = min((journey.patient.born, *find_other_births(journey)))
        return Role.COORDINATOR, c.CorrectBirthDate(born=born, reason=because)
    value = journey.elsewhere.particulars[name].value
    if name == "state":
        return Role.COORDINATOR, c.Move(zone=STATE_ZONES[value][0], state=value)
    told = value == "yes" if name == "interpreter" else value
    return Role.COORDINATOR, c.UpdatePatient.model_validate({name: told, "reason": because})


def check_monitoring(situation: Situation) -> PlayedMove | datetime:
    if situation.waiting.subject is not None and situation.at < situation.waiting.deadline - timedelta(days=7):
        return situation.waiting.deadline - timedelta(days=7)
    return Role.CLINICIAN, c.RecordMonitoringCheck(
        state=situation.journey.patient.state, checked_at=situation.at, concern=False, found=invented("nothing")
    )


def renew_permission(situation: Situation) -> PlayedMove | datetime | None:
    """Propose another year once the permission has ended. Licences are renewed in the register."""
    if situation.subject != REMOTE or situation.journey.proposed_permission is not None:
        return None
    if situation.at < situation.waiting.deadline:
        return situation.waiting.deadline
    until = last_day(situation.journey) + timedelta(days=365)
    return Role.CLINICIAN, c.ProposePermission(until=until, source=invented("extended for a year"))


def witness(situation: Situation) -> PlayedMove:
    if situation.subject in situation.journey.disposals:
        return situation.waiting.owner, c.WitnessDisposal(disposal=situation.subject)
    return situation.waiting.owner, c.WitnessConsent(paper=situation.subject)
