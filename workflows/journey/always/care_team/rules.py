"""Who has a part in a journey.

Everybody is somebody: the patient is who the referral names, an observer is whom staff named, and staff are those of
the journey's clinic. Nobody else changes care: they may place a hold, report harm, ask for help, and look in an
emergency; what they send is marked. The patient is nobody else of their own journey.
"""

from workflows.journey.actors import Actor, Role
from workflows.journey.aggregate import Journey
from workflows.journey.envelopes import CommandBody
from workflows.journey.refusals import RefusalCode, refuse


def has_part(journey: Journey, actor: Actor) -> bool:
    """Whether somebody has a part in this journey, in the role in which they act."""
    match actor.role:
        case Role.PATIENT:
            return actor.id == journey.patient.ref
        case Role.OBSERVER:
            return actor.id != journey.patient.ref and actor.id in observers(journey)
        case Role.SYSTEM:
            return True
        case _:
            return actor.id != journey.patient.ref and journey.clinic in actor.clinics


def observers(journey: Journey) -> tuple[str, ...]:
    """Return whom staff named as the adult who stays with the patient, in any session."""
    return tuple(session.check.observer.ref for session in journey.sessions.values() if session.check is not None)


def require_part(journey: Journey, body: CommandBody, actor: Actor) -> None:
    """Refuse a command of somebody who has no part in this journey, unless anybody may send it.

    Raises:
        Refused: they have none.
    """
    if not (body.by_anybody or has_part(journey, actor)):
        refuse(
            RefusalCode.NOT_ALLOWED,
            "you have no part in this journey",
            "You may hold care, report harm and ask for help; whoever is responsible for the patient does the rest",
        )
