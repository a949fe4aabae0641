"""A small clinic is no dead end: from whatever its journeys come to, somebody of its staff brings them to their end, or
the protocol's check refuses that staff."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any
from uuid import uuid5

import pytest
from hypothesis import assume, given, note
from hypothesis import strategies as st

from simulation.people import CLINIC, PEOPLE, referral
from simulation.player import Stuck, at_once
from simulation.player import play as play_on
from tests.examples import examples
from tests.journey.play import JOURNEY, PROTOCOLS, START, Play, sealed
from tests.journey.properties.journeys import draw_command, pauses
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey, fold
from workflows.journey.always.care_team.rules import list_people_to_look_up
from workflows.journey.decide import decide
from workflows.journey.protocol import Pathway
from workflows.journey.receipts import receipts_of
from workflows.journey.vocabulary.actors import CLINICAL, STAFF_ROLES, Actor, CareTeamMember, Licence, Role
from workflows.journey.vocabulary.calendars import LAST_DAY
from workflows.journey.vocabulary.refusals import Refusal
from workflows.protocols.small_clinics import dead_ends

Staff = tuple[frozenset[Role], ...]
"""The roles of each of the staff."""
NEEDED = (Role.COORDINATOR, Role.CLINICIAN, Role.MEDICAL_DIRECTOR)
SMALL: tuple[Staff, ...] = (
    (frozenset({Role.COORDINATOR, Role.CLINICIAN}), frozenset({Role.MEDICAL_DIRECTOR})),
    (frozenset({Role.CLINICIAN}), frozenset({Role.MEDICAL_DIRECTOR}), frozenset({Role.COORDINATOR})),
)
"""The smallest clinics that the shipped protocols are for."""


def members(staff: Staff) -> tuple[tuple[str, Role], ...]:
    return tuple((f"staff-{n}", role) for n, roles in enumerate(staff) for role in sorted(roles))


def actors(staff: Staff) -> tuple[Actor, ...]:
    """Everybody in each of their roles; a clinician has one licence in all of them."""
    return tuple(
        Actor(
            id=name,
            role=role,
            name=f"{name} Invented",
            clinics=(CLINIC,),
            licence=Licence(number=f"INVENTED-{name}", states=("CA", "NY"), expires=LAST_DAY)
            if role in CLINICAL
            else None,
        )
        for name, role in members(staff)
    )


@dataclass
class Clinic(Play):
    """A journey in a clinic of this staff: what somebody is to do, whoever of them may does."""

    staff: Staff = ()
    seen: list[tuple[Journey, Any]] = field(default_factory=list)

    async def submit(self, command: c.Command) -> None:
        if command.actor.role not in STAFF_ROLES:
            await super().submit(self.by(command, command.actor))
            return
        refusals = []
        # First whose role it is: what a clinician asks is not asked by a coordinator.
        role = command.actor.role
        for actor in sorted(actors(self.staff), key=lambda each: (each.role != role, each.role not in CLINICAL)):
            counts = isinstance(command.body, c.CountSupply) and actor.id in self.journey.release_cancelled_by
            if actor.role in command.body.roles and not counts:  # Whoever cancelled the session leaves that to another.
                decided = self.take(self.by(command, actor))
                if not isinstance(decided, Refusal):
                    self.seen.append((self.journey, self.at))
                    return
                refusals.append(f"{actor.id} as {actor.role}: {decided}")
        raise Stuck(f"{command.body.kind} by nobody of the clinic: {refusals}")

    def by(self, command: c.Command, actor: Actor) -> c.Command:
        """The command as one of them sends it, with names of the clinic in place of those it does not have."""
        body = renamed(command.body, self.staff)
        asked = list_people_to_look_up(self.journey, body)
        entered = tuple(entry(each) for each in actors(self.staff) if each.id in asked)
        once = command.command_id if actor == command.actor else uuid5(command.command_id, f"{actor.id}:{actor.role}")
        changed = command.model_copy(update={"command_id": once, "actor": actor, "body": body, "named": entered})
        return sealed(changed, self.at)


def entry(actor: Actor) -> CareTeamMember:
    return CareTeamMember(
        id=actor.id, role=actor.role, clinics=(CLINIC,), licence=actor.licence, since=START.replace(year=2020)
    )


def renamed(body: Any, staff: Staff) -> Any:
    """A form with whom the clinic has in place of whom it names: in their role, or a clinician where nobody is."""
    people = members(staff)
    clinician = next(name for name, role in people if role in CLINICAL)
    names = {
        PEOPLE[role].id: next((name for name, theirs in people if theirs == role), clinician) for role in STAFF_ROLES
    }
    said = body.model_dump_json()
    found = [old for old in names if f'"{old}"' in said]
    if not found:
        return body
    for old in found:
        said = said.replace(f'"{old}"', f'"{names[old]}"')
    return type(body).model_validate_json(said)


def begun(staff: Staff, pathway: Pathway) -> Clinic:
    command = referral(PROTOCOLS[pathway], JOURNEY)
    body = command.body
    assert isinstance(body, c.StartPathway)
    people = members(staff)
    coordinator = next(name for name, role in people if role == Role.COORDINATOR)
    clinician = next(name for name, role in people if role == Role.CLINICIAN)
    everybody = actors(staff)
    command = command.model_copy(
        update={
            "actor": next(each for each in everybody if each.role == Role.COORDINATOR),
            "body": body.model_copy(update={"coordinator": coordinator, "clinician": clinician}),
            "named": tuple(entry(each) for each in everybody if each.id in (coordinator, clinician)),
        }
    )
    decided = decide(None, command, START)
    assert not isinstance(decided, Refusal), str(decided)
    return Clinic(fold(decided), START, list(decided), receipts=receipts_of(decided), staff=staff)


@cache
def course(staff: Staff, pathway: Pathway) -> tuple[tuple[Journey, Any], ...]:
    """The undisturbed course of a journey in a clinic of this staff: its states, with their times."""
    clinic = begun(staff, pathway)
    at_once(play_on(clinic, until=lambda journey: journey.closed))
    return tuple(clinic.seen)


def disturb_and_end(data: st.DataObject, staff: Staff, pathway: Pathway) -> None:
    """Let anybody do anything for a while, and then the people of the clinic bring the journey to its end."""
    states = course(staff, pathway)
    journey, at = states[data.draw(st.integers(0, len(states) - 1))]
    clinic = Clinic(journey, at, staff=staff)
    everybody = actors(staff)
    for _ in range(data.draw(st.integers(1, 4))):
        clinic.at += data.draw(pauses())
        command = draw_command(data, clinic.journey, clinic.at)
        actor = command.actor
        if actor.role in STAFF_ROLES and actor.role != Role.OPS:
            may = [each for each in everybody if each.role in command.body.roles] or everybody
            actor = data.draw(st.sampled_from(may))
        decided = clinic.take(clinic.by(command, actor))
        note(f"{actor.id} {actor.role} {command.body.kind}: {decided if isinstance(decided, Refusal) else 'ok'}")
    if clinic.journey.closing is None:
        clinic.do(c.Withdraw(), Role.PATIENT)
    at_once(play_on(clinic, until=lambda journey: journey.closed and not journey.waiting, most=80))


@pytest.mark.long
@pytest.mark.parametrize("staff", SMALL, ids=["two", "three"])
def test_in_the_smallest_clinics_an_undisturbed_course_comes_to_its_end(staff: Staff) -> None:
    for pathway in PROTOCOLS:
        assert not [*dead_ends(PROTOCOLS[pathway], members(staff))]
    assert course(staff, "ANXIETY")


@pytest.mark.requirement("A17")
@examples(0.5)
@given(st.data(), st.sampled_from(SMALL))
def test_whatever_happens_in_the_smallest_clinics_somebody_brings_it_to_an_end(
    data: st.DataObject, staff: Staff
) -> None:
    disturb_and_end(data, staff, "ANXIETY")


@st.composite
def clinics(draw: st.DrawFn) -> Staff:
    """One to four people, with any roles."""
    size = draw(st.integers(1, 4))
    roles: list[set[Role]] = [set(draw(st.sets(st.sampled_from(STAFF_ROLES), max_size=2))) for _ in range(size)]
    for role in NEEDED:
        if draw(st.integers(0, 9)):
            roles[draw(st.integers(0, size - 1))].add(role)
    return tuple(frozenset(each) for each in roles if each)


@pytest.mark.soak
@given(st.data(), clinics(), st.sampled_from(sorted(PROTOCOLS)))
def test_whatever_clinic_the_check_accepts_brings_every_journey_to_an_end(
    data: st.DataObject, staff: Staff, pathway: Pathway
) -> None:
    assume(staff and not [*dead_ends(PROTOCOLS[pathway], members(staff))])
    disturb_and_end(data, staff, pathway)
