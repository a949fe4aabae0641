"""Everybody is somebody: people of all kinds, in the journey and out of it, with entries and licences that hold or do
not, against what one would say of them without the rules."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.moves.next_move import next_move
from simulation.people import CLINIC, PEOPLE, SECOND_CLINIC, member_of, person_of
from tests.examples import examples
from tests.journey.play import JOURNEY, course, person, standing_at
from tests.journey.properties.journeys import BODIES, MOMENTS, moments, of_model
from tests.journey.properties.test_strangers import ALLOWED
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.authorization import needs_licence
from workflows.journey.protocol import Pathway
from workflows.journey.vocabulary.actors import ANYONE, CLINICAL, Actor, CareTeamMember, Licence, Role
from workflows.journey.vocabulary.refusals import Refusal

HERE = ZoneInfo("America/Los_Angeles")
PATIENT, OBSERVER = (person_of(JOURNEY, role).id for role in (Role.PATIENT, Role.OBSERVER))
IDS = (PATIENT, OBSERVER, "somebody-else", *(PEOPLE[role].id for role in CLINICAL), PEOPLE[Role.COORDINATOR].id)


def local_day(at: datetime) -> Any:
    return at.astimezone(HERE).date()


def licences(at: datetime) -> st.SearchStrategy[Licence | None]:
    """Licences of all kinds: none, of another state, over since yesterday, on their last day, valid for long."""
    return st.none() | st.builds(
        lambda number, states, days: Licence(
            number=number, states=states, expires=local_day(at) + timedelta(days=days)
        ),
        st.sampled_from(["INVENTED-0001", "INVENTED-0777"]),
        st.sampled_from([("CA",), ("NY",), ("NY", "CA")]),
        st.sampled_from([-400, -1, 0, 400]),
    )


def belongs(journey: Journey, actor: Actor) -> bool:
    """Whether somebody is of the journey, as one would say it."""
    if actor.role == Role.PATIENT:
        return actor.id == PATIENT
    if actor.id == PATIENT:
        return False
    if actor.role == Role.OBSERVER:
        checks = [session.check for session in journey.sessions.values() if session.check is not None]
        return actor.id in [check.observer.ref for check in checks if check.observer is not None]
    return CLINIC in actor.clinics


def licensed(licence: Licence | None, at: datetime) -> bool:
    return licence is not None and "CA" in licence.states and local_day(at) <= licence.expires


@pytest.mark.requirement("A64")
@examples(0.5)
@given(data=st.data(), moment=moments())
def test_no_care_is_changed_by_who_is_not_of_the_journey_or_not_licensed_then(
    data: st.DataObject, moment: tuple[Pathway, int]
) -> None:
    """What would be done next by the right person, what anybody may send, and anything else, by people of all kinds."""
    play = standing_at(*moment)
    before, at = play.journey, play.at
    actor = Actor(
        id=data.draw(st.sampled_from(IDS)),
        role=data.draw(st.sampled_from(ANYONE)),
        name="Somebody Invented",
        licence=data.draw(licences(at)),
        clinics=data.draw(st.sampled_from([(), (CLINIC,), (SECOND_CLINIC,), (CLINIC, SECOND_CLINIC)])),
    )
    move = next_move(before, at)
    body: Any
    if isinstance(move, c.Command) and data.draw(st.booleans()):
        body = move.body
    else:
        kinds = data.draw(st.sampled_from([ALLOWED, tuple(BODIES)]))
        body = data.draw(of_model(data.draw(st.sampled_from(kinds)), before, at))
    decided = play.take(play.command(body, actor))
    if isinstance(decided, Refusal):
        return
    assert belongs(before, actor) or isinstance(body, ALLOWED)
    if actor.role in CLINICAL and needs_licence(body):
        assert licensed(actor.licence, at)


NAMING = [
    (pathway, number)
    for pathway, number in MOMENTS
    if isinstance(course(pathway).moves[number][1].body, c.ScheduleSession | c.CheckSession | c.Reassign | c.Cover)
]
"""Moments of a course at which somebody is named."""
TWIN = "a-twin"
"""Another id under which the register has the licence of the session's clinician."""
NAMED = (PATIENT, OBSERVER, "somebody-else", TWIN, *(PEOPLE[role].id for role in (*CLINICAL, Role.SESSION_MONITOR)))
FIELDS = ("supervising_clinician", "session_monitor", "live_clinician", "reachable_clinician", "to", "by")
NO_CLINICIANS = ("session_monitor",)


FLAWS: tuple[tuple[str, int], ...] = (
    ("none", 0),
    ("none", 0),
    ("another clinic", 0),
    ("left", -60 * 24),
    ("leaves", 1),
    ("not there yet", 60 * 24 * 900),
)
"""What is wrong with an entry of the register, and how many minutes from now."""


HELD: tuple[int | str, ...] = ("valid", "valid", "another state", -1, 0, 3)


def held(known: Licence | None, which: int | str, at: datetime) -> Licence | None:
    """A licence as it is, of another state, or with its last day so many days from now."""
    if known is None or which == "valid":
        return known
    if isinstance(which, int):
        return known.model_copy(update={"expires": local_day(at) + timedelta(days=which)})
    return known.model_copy(update={"states": ("NY",)})


@st.composite
def entries(draw: st.DrawFn, at: datetime) -> tuple[CareTeamMember, ...]:
    """What a register says of everybody who may be named, rightly or not."""
    found = []
    for name in NAMED[3:]:
        role = next((each for each in PEOPLE if PEOPLE[each].id == name), Role.CLINICIAN)
        known = PEOPLE[Role.CLINICIAN] if name == TWIN else person(name, role)
        which = draw(st.sampled_from(HELD))
        flaw, minutes = draw(st.sampled_from(FLAWS))
        changed: dict[str, object] = {"id": name, "licence": held(known.licence, which, at)}
        if flaw == "another clinic":
            changed["clinics"] = (SECOND_CLINIC,)
        elif flaw in ("left", "leaves"):
            changed["until"] = at + timedelta(minutes=minutes)
        elif flaw == "not there yet":
            changed["since"] = at + timedelta(minutes=minutes)
        found.append(member_of(known).model_copy(update=changed))
    return tuple(found)


@given(data=st.data(), moment=st.sampled_from(NAMING))
def test_no_two_parts_that_must_differ_are_one_person_and_who_is_named_may_do_it_then(
    data: st.DataObject, moment: tuple[Pathway, int]
) -> None:
    play = standing_at(*moment)
    sent = course(moment[0]).moves[moment[1]][1]
    body: Any = sent.body
    names = {
        field: data.draw(st.sampled_from([given_, *NAMED]))
        for field in FIELDS
        if (given_ := getattr(body, field, None)) is not None
    }
    if isinstance(body, c.CheckSession) and body.observer is not None:
        ref = data.draw(st.sampled_from([body.observer.ref, *NAMED]))
        names["observer"] = body.observer.model_copy(update={"ref": ref})
    body = body.model_copy(update=names)
    register = data.draw(entries(play.at))
    decided = play.take(play.command(body, sent.actor).model_copy(update={"named": register}))
    if isinstance(decided, Refusal):
        return
    said = {member.id: member for member in play.journey.members}
    begins = max(play.at, getattr(body, "starts_at", play.at))
    for field, name in names.items():
        if field == "observer":
            assert name.ref != PATIENT
            continue
        assert name != PATIENT
        for at in (play.at, begins):
            assert said[name].works_at(CLINIC, at)
            if field not in NO_CLINICIANS:
                assert said[name].role in CLINICAL
                assert licensed(said[name].licence, at)
    number = getattr(body, "session", None)
    session = play.journey.sessions.get(number) if number is not None else None
    if session is None or session.check is None or session.check.observer is None:
        return
    watching = session.check.observer.ref
    others = {session.supervising_clinician, session.session_monitor, session.live_clinician}
    others.add(session.check.reachable_clinician)
    assert watching not in others
    numbers = {said[name].licence.number for name in others if name in said and said[name].licence is not None}  # type: ignore[union-attr]
    own = said[watching].licence if watching in said else None
    assert own is None or own.number not in numbers
