"""What gives leave to prescribe, until when: it is warned of long before, and then nothing goes on without it.

The rule: a permission has a last day, which is data; no session whose dose is prescribed without a visit in person is
planned or released for a moment after it, nor any released without a check of the monitoring program that is in force
where the patient is. In the clinic, from the clinic's own stock, nothing rests on the permission. Sources: the
permission to prescribe controlled medicines without a visit in person is temporary and dated (DEA, Federal Register
2025-24123); monitoring programs are checked before the first prescription and again while it goes on (California Health
and Safety Code, 11165.4).
"""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.holds.model import place
from workflows.journey.evidence import sign_off_requirement
from workflows.journey.obligation_types import MONITORING_CHECK, PERMISSION
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Requirement, require
from workflows.journey.setting import setting_of
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.calendars import END, day_begins, local
from workflows.journey.vocabulary.clinical import IN_CLINIC, Setting
from workflows.journey.vocabulary.refusals import RefusalCode, refuse
from workflows.journey.vocabulary.stage import Stage

REMOTE = "remote_prescribing"
CONCERN = "monitoring_program"
"""The cause of the hold that a concern of the monitoring program places."""


def last_day(journey: Journey) -> date:
    """Return the last day, in the clinic's zone, on which the permission covers this journey. A demonstration has one
    of its own, counted from its start."""
    rules = journey.protocol.permissions
    if journey.permission_until is not None:
        return journey.permission_until
    if journey.illustrative:
        began = local(journey.started_at, journey.protocol.working_time.zone).date()
        return began + timedelta(days=rules.remote_prescribing_in_demonstrations_days)
    return rules.remote_prescribing_last_day


def permitted_before(journey: Journey) -> datetime:
    """Return the moment (UTC) from which the permission covers nothing any more: when its last day is over."""
    return day_begins(last_day(journey) + timedelta(days=1), journey.protocol.working_time.zone)


def licensed_before(journey: Journey) -> datetime | None:
    """Return the moment (UTC) from which the clinician's licence for the patient's state covers nothing any more; None
    where none is known."""
    ends = (
        member.licence.ends(journey.patient.state)
        for member in journey.members
        if member.id == journey.clinician
        and member.licence is not None
        and journey.patient.state in member.licence.states
    )
    return max(ends, default=None)


def rests_on_permission(journey: Journey, setting: Setting | None) -> bool:
    """Whether doses in a setting are prescribed without a visit in person: all but those of the clinic's own stock in
    the clinic. As long as no setting is signed, they may be."""
    settings = journey.protocol.sessions.settings
    return setting != IN_CLINIC or setting not in settings or settings[setting].doses_from == "home"


def permission_obstacles(journey: Journey, setting: Setting | None, at: datetime) -> tuple[str, ...]:
    """Return why nobody may prescribe for this patient, for a dose in a setting, at a moment (UTC)."""
    if rests_on_permission(journey, setting) and at >= permitted_before(journey):
        return ("the permission to prescribe without a visit in person has ended",)
    return ()


def monitoring_obstacles(journey: Journey, at: datetime) -> tuple[str, ...]:
    """Return why the check of the monitoring program does not cover a dose at a moment (UTC)."""
    made, days = journey.monitoring_check, journey.protocol.permissions.monitoring_check_valid_days
    if made is None or made.state != journey.patient.state:
        return ("the monitoring program of the patient's state was not checked",)
    return ("the check of the monitoring program is too old",) if at - made.checked_at > timedelta(days=days) else ()


def propose(journey: Journey, command: c.ProposePermission, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Propose another last day, later or earlier. A change of the law reaches a journey, whose protocol is pinned, only
    by a decision that two people made."""
    if command.until == last_day(journey):
        refuse(RefusalCode.ALREADY_DONE, "this is the last day that counts already", "Nothing is left to do", "until")
    yield e.PermissionProposed(until=command.until, source=command.source)


def check_monitoring(
    journey: Journey, command: c.RecordMonitoringCheck, by: Actor, at: datetime
) -> Iterator[e.EventBody]:
    """Record a check that was made, however late it is told."""
    if command.checked_at > at:
        refuse(RefusalCode.WRONG_TIME, "this is still to come", "Give the time of the check", "checked_at")
    yield e.MonitoringChecked(**command.model_dump(exclude={"kind"}))


def react_check(journey: Journey, body: e.MonitoringChecked, at: datetime) -> Iterator[e.EventBody]:
    """A concern holds care until the medical director has looked (exclusion X17), also one that is told late, or beside
    another one: whoever releases the first hold has not looked at the second concern."""
    if body.concern:
        when = f"{body.checked_at:%Y-%m-%d %H:%M} UTC"
        reason = f"the monitoring program of {body.state} raises a concern (X17), checked on {when}"
        yield place(journey, CONCERN, reason, severe=True)


def has_unreviewed_concern(journey: Journey) -> bool:
    """Whether a concern of the monitoring program waits for the medical director."""
    return journey.held_for(CONCERN)


def needs(journey: Journey) -> Iterator[Requirement]:
    """Warn of the end of the permission and of licences, ask for the check, and for the signature under another day."""
    if journey.proposed_permission is not None:
        asked = sign_off_requirement(journey, SignOffKind.PERMISSION)
        if asked:
            yield asked
    if journey.stage not in (Stage.EDUCATION, Stage.SESSIONS):
        return
    renew = "renew the permission to prescribe remotely, or end treatment"
    if rests_on_permission(journey, setting_of(journey)):
        yield from _warning(REMOTE, renew, permitted_before(journey))
    licensed = licensed_before(journey)
    if licensed is not None:
        yield from _warning("licence", "see that the clinician's licence is renewed, or hand over", licensed)
    made, days = journey.monitoring_check, journey.protocol.permissions.monitoring_check_valid_days
    covers = made is not None and made.state == journey.patient.state
    yield require(
        MONITORING_CHECK,
        subject="renewal" if covers else None,
        owner=Role.CLINICIAN,
        person=journey.clinician,
        what="check the monitoring program of the patient's state",
        due=made.checked_at + timedelta(days=days) if covers and made is not None else None,
        care=False,
    )


def _warning(subject: str, what: str, ends: datetime) -> Iterator[Requirement]:
    """Warn of an end (UTC). Of what lasts into the last year of the calendar there is nothing to warn: steps after the
    end would have no date."""
    if ends < END - timedelta(days=366):
        yield require(PERMISSION, subject=subject, owner=Role.MEDICAL_DIRECTOR, what=what, due=ends, care=False)


DECISIONS: Decisions = {
    c.ProposePermission: propose,
    c.RecordMonitoringCheck: check_monitoring,
}
REACTIONS: Reactions = {
    e.MonitoringChecked: react_check,
}
