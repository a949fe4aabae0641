"""Whether a notice is still to be told, from when, and until when what it tells of is to be done. Pure."""

from datetime import datetime
from typing import Literal, TypeAlias

from activities.notices.links import LINK, LINK_CODE
from activities.notices.queue import QueuedNotice
from activities.privacy.patient_keys import PatientKeys
from workflows.journey.aggregate import Journey
from workflows.journey.events import Event, ObligationEscalated
from workflows.journey.views.notices import ASKS, Notice, notices
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.calendars import after_quiet_hours

CODE = "contact_code"
"""The kind of a message that brings the code of a contact point."""
WAITED_FOR = (CODE, LINK, LINK_CODE)
"""Kinds of messages that somebody asked for and waits for: neither the night nor a wish holds them back."""
Settled: TypeAlias = Literal["taken", "done"]
"""Why nobody is told any more: somebody has taken the alarm, or what it tells of is done."""


def quiet_until(notice: QueuedNotice, event: Event | None, journey: Journey | None) -> datetime | None:
    """When (UTC) the patient may be disturbed again; None: now. The clock of the journey has seen to that for what it
    decides itself; what was held up on its way, or follows from what somebody did at night, waits here. What the
    protocol asks at any hour, such as how the patient is a few hours after a dose, does not wait."""
    if notice.alarm or notice.kind in WAITED_FOR or notice.to != Role.PATIENT or journey is None:
        return None
    if event is not None and isinstance(event.body, ObligationEscalated):
        waiting = journey.waiting.get(event.body.obligation)
        if waiting is not None and not journey.protocol.escalation_policies[waiting.escalation_policy].quiet_hours:
            return None
    then = after_quiet_hours(notice.now, journey.patient.zone, journey.protocol.quiet_hours)
    return then if then > notice.now else None


def settled(event: Event | None, journey: Journey | None, *, wanted: bool = False) -> Settled | None:
    """Why nobody else is told of the alarm that an event raised, or of a reminder: somebody has taken the alarm, or
    what either was about is done, but for who ``wanted`` the message. What is raised after that, because it still is
    not done, is not taken."""
    if event is None or journey is None or not isinstance(event.body, ObligationEscalated):
        return None
    alarm, waiting = event.body.alarm, journey.waiting.get(event.body.obligation)
    if event.version > journey.version or not (alarm or (event.body.action in ASKS and not wanted)):
        return None
    if waiting is None:
        return "done"
    taken = alarm and waiting.acknowledged is not None and waiting.acknowledged.at > event.at
    return "taken" if taken else None


def told_by(keys: PatientKeys, notice: QueuedNotice, event: Event) -> Notice | None:
    """Which of the notices of an event was queued; None for the message that somebody asked for."""
    return next((each for each in notices(event) if keys.of_notice(each) == notice.id), None)


def until(keys: PatientKeys, notice: QueuedNotice, event: Event | None, journey: Journey | None) -> datetime | None:
    """Until when (UTC) the task is to be done, as far as that lies ahead; None where it is not known."""
    if journey is None or event is None:
        return None
    told = told_by(keys, notice, event)
    waiting = journey.waiting.get((told and told.about) or "")
    return waiting.deadline if waiting is not None and waiting.deadline > notice.now else None
