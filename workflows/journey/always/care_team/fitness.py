"""Whether somebody may have a part: asked when they are named, and again at the dose gate.

An entry in the organisation's register says that they work for the clinic at that time, in a role that the part needs,
with a licence where the patient is. The parts that the protocol keeps apart are different people; an adult observer is
a peer of the patient, and none of the staff, whose help they are to call. Sources: care at home is supervised by named
people (B22, "patients are not left on their own"); a peer monitor is present besides them (Hull 2022); a licence counts
where the patient is.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.always.care_team.identity import is_same_person
from workflows.journey.always.care_team.rules import named_in, people_of
from workflows.journey.envelopes import CommandBody
from workflows.journey.protocol import CLINICIANS, HOUSEHOLD, Part
from workflows.journey.stages.sessions.state import Session
from workflows.journey.vocabulary.refusals import RefusalCode, refuse
from workflows.journey.vocabulary.words import in_words


def require_fit(journey: Journey, body: CommandBody, at: datetime) -> None:
    """Refuse a command that names somebody who may not have that part at a moment (UTC).

    Raises:
        RefusalRaised: they are not known, lack what the part needs, or have a part that one person may not have as
            well.
    """
    named = [*named_in(body)]
    if not named:
        return
    begins = body.starts_at if isinstance(body, c.ScheduleSession) else at
    if isinstance(body, c.Cover):
        begins = body.until - timedelta(microseconds=1)  # To the end of it they stand in.
    for part, person, field in named:
        for moment in dict.fromkeys((at, max(at, begins))):
            why = part_objection(journey, part, person, moment)
            if why is not None:
                remedy = "Name somebody else, or have the register corrected (`clinician enter`)"
                refuse(RefusalCode.NOT_ALLOWED, f"whom you name as {in_words(part)} {why}", remedy, field)
    number = getattr(body.correction if isinstance(body, c.Amend) else body, "session", None)
    parts = [part for part, _, _ in named]
    others = people_of(journey.sessions[number]) if number in journey.sessions else ()
    together = [*((part, person) for part, person, _ in named), *(each for each in others if each[0] not in parts)]
    for one, other in _find_confused(journey, together, at):
        if one in parts or other in parts:
            field = next(field for part, _, field in named if part in (one, other))
            why = f"{in_words(one)} and {in_words(other)} may not be one person"
            refuse(RefusalCode.NOT_ALLOWED, why, "Name somebody else", field)


def team_obstacles(journey: Journey, session: Session, at: datetime) -> Iterator[str]:
    """Yield why the people of a session may not do it at a moment (UTC)."""
    people = [*people_of(session)]
    for part, person in people:
        why = part_objection(journey, part, person, at)
        if why is not None:
            yield f"the {in_words(part)} {why}"
    for one, other in _find_confused(journey, people, at):
        yield f"{in_words(one)} and {in_words(other)} are one person"
    if session.number in journey.protocol.sessions.live_clinician_sessions and session.live_clinician is None:
        yield "no live clinician is named"


def part_objection(journey: Journey, part: Part, person: str, at: datetime) -> str | None:
    """Say why somebody may not have a part at a moment (UTC); None when they may."""
    if journey.is_patient(person):
        return "is the patient"
    if part == Part.OBSERVER:
        return None
    here = [m for m in journey.members if m.id == person and m.works_at(journey.clinic, at)]
    if not here:
        return "is not entered in the register as staff of this clinic at that time"
    fitting = [m for m in here if m.role in journey.protocol.care_team.roles[part]]
    if not fitting:
        return f"is none of: {', '.join(role.value for role in journey.protocol.care_team.roles[part])}"
    licences = [m.licence for m in fitting if m.licence is not None]
    if part in CLINICIANS and not any(held.covers(journey.patient.state, at) for held in licences):
        return "has no licence that is valid where the patient is at that time"
    return None


def _find_confused(journey: Journey, people: list[tuple[Part, str]], at: datetime) -> Iterator[tuple[Part, Part]]:
    """Yield the parts that the protocol keeps apart and one person has at a moment (UTC)."""
    everybody = [(Part.COORDINATOR, journey.coordinator), (Part.CLINICIAN, journey.clinician), *people]
    everybody += [(Part.STAFF, person) for part, person in everybody if part not in HOUSEHOLD]
    everybody += [(Part.STAFF, m.id) for m in journey.members if m.works_at(journey.clinic, at)]
    for one, other in journey.protocol.care_team.distinct:
        first = [person for part, person in everybody if part == one]
        second = [person for part, person in everybody if part == other]
        if any(is_same_person(journey, a, b) for a in first for b in second):
            yield one, other
