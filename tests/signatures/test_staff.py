"""The register of the staff: who is known, who is on call, and where the rota has a gap."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from activities.signatures.register_changes import end_entry, enter
from activities.signatures.signer_registry import Register, RegisterError, Shift, StaffEntry
from activities.signatures.staff import (
    AHEAD,
    HOLDERS,
    at_work,
    departed,
    is_entered,
    members,
    on_call,
    refuse_unknown,
    rota_gaps,
    staff_news,
    unknown_actors,
)
from simulation.people import CLINIC, PEOPLE, STAFF, member_of
from tests.journey.play import course, person
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.care_team.model import Left, is_fit
from workflows.journey.commands import Command
from workflows.journey.vocabulary.actors import STAFF_ROLES, Actor, Role
from workflows.journey.vocabulary.refusals import RefusalCode

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 23, 17, tzinfo=UTC)
BY = ("demo-security", "demo-practice-manager")
CLINICIAN, DIRECTOR, ON_CALL = (PEOPLE[r] for r in (Role.CLINICIAN, Role.MEDICAL_DIRECTOR, Role.ON_CALL_CLINICIAN))
OPS = PEOPLE[Role.OPS]


def entry(person: Actor, **changed: Any) -> StaffEntry:
    member = member_of(person).model_copy(update=changed)
    return StaffEntry(member=member, printed_name=person.name or "x", entered_by=BY)


def shift(person: str, stands_in: str, begins: int = 0, ends: int = 24 * 30) -> Shift:
    """A shift from so many hours from now until so many."""
    return Shift(
        clinic=CLINIC,
        person=person,
        stands_in=stands_in,
        begins=NOW + timedelta(hours=begins),
        ends=NOW + timedelta(hours=ends),
    )


def register(*rota: Shift, staff: tuple[StaffEntry, ...] | None = None) -> Register:
    known = tuple(entry(person) for person in STAFF) if staff is None else staff
    empty = Register(organisation="Invented Clinic", version=1, issued_at=LONG_AGO)
    return enter(empty, LONG_AGO, clinics=(CLINIC, "night-clinic"), staff=known, rota=rota)


def sent(actor: Actor, body: Any = None, **more: Any) -> Command:
    return Command(command_id=uuid4(), actor=actor, body=body or c.AskQuestion(text="x"), **more)


@pytest.mark.requirement("A64")
@pytest.mark.parametrize(
    ("changed", "known"),
    [
        ({}, True),
        ({"id": "somebody"}, False),
        ({"role": Role.MEDICAL_DIRECTOR}, False),
        ({"licence": None}, False),
        ({"licence": DIRECTOR.licence}, False),
    ],
)
def test_staff_act_as_the_register_says(changed: dict[str, Any], known: bool) -> None:
    command = sent(CLINICIAN.model_copy(update=changed))
    refusal = refuse_unknown(register(), CLINIC, command, (), NOW)
    assert (refusal is None) is known
    assert refusal is None or refusal.code == RefusalCode.NOT_ALLOWED


def test_a_clinic_is_called_by_its_newest_name_and_no_other_clinic_has_one() -> None:
    named = enter(enter(register(), NOW, clinic_names={CLINIC: "First"}), NOW, clinic_names={CLINIC: "Riverside"})
    assert enter(named, NOW).clinic_names == {CLINIC: "Riverside"}
    assert Register.model_validate_json(named.model_dump_json()) == named
    with pytest.raises(RegisterError, match="names are of clinics that the register lists"):
        enter(named, NOW, clinic_names={"elsewhere": "Nowhere"})


def test_an_entry_counts_for_its_clinics_and_its_time() -> None:
    whole = register()
    assert is_entered(whole, CLINICIAN, CLINIC, NOW)
    assert not is_entered(whole, CLINICIAN, "elsewhere", NOW)
    assert not is_entered(whole, CLINICIAN, CLINIC, LONG_AGO - timedelta(seconds=1))
    gone = end_entry(whole, CLINICIAN.id, Role.CLINICIAN, at=NOW)
    assert is_entered(gone, CLINICIAN, CLINIC, NOW - timedelta(seconds=1))
    assert not is_entered(gone, CLINICIAN, CLINIC, NOW)


def test_what_is_claimed_of_others_is_what_the_register_says() -> None:
    command, true = sent(CLINICIAN), member_of(DIRECTOR)
    assert refuse_unknown(register(), CLINIC, command, (true,), NOW) is None
    for false in (
        true.model_copy(update={"role": Role.CLINICIAN}),
        true.model_copy(update={"licence": CLINICIAN.licence}),
        true.model_copy(update={"id": "somebody"}),
        true.model_copy(update={"clinics": (CLINIC, "elsewhere")}),
    ):
        refusal = refuse_unknown(register(), CLINIC, command, (false,), NOW)
        assert refusal is not None
        assert refusal.code == RefusalCode.STALE
    gone = end_entry(register(), DIRECTOR.id, Role.MEDICAL_DIRECTOR, at=NOW)
    assert refuse_unknown(gone, CLINIC, command, (true,), NOW) is not None


def test_all_that_the_register_says_of_whom_a_command_rests_on_is_claimed() -> None:
    """Else nobody would compare the licences of one person under two ids."""
    command, true = sent(CLINICIAN), member_of(DIRECTOR)
    also = member_of(DIRECTOR.model_copy(update={"role": Role.CLINICIAN}))
    whole = enter(register(), NOW, staff=[entry(DIRECTOR, role=Role.CLINICIAN)])
    for claimed in ((), (true,), (also,)):
        refusal = refuse_unknown(whole, CLINIC, command, claimed, NOW, rests_on=(DIRECTOR.id,))
        assert refusal is not None
        assert (refusal.code, refusal.field) == (RefusalCode.STALE, "named")
    assert refuse_unknown(whole, CLINIC, command, (true, also), NOW, rests_on=(DIRECTOR.id, "observer-1")) is None


def test_only_what_known_staff_did_is_recorded() -> None:
    events = course("PTSD").events
    assert not [*unknown_actors(register(), CLINIC, events)]
    nobody = register(staff=())
    refused = [*unknown_actors(nobody, CLINIC, events)]
    roots = [event for event in events if event.causation_id is None]
    assert len(refused) >= len([event for event in roots if event.actor_role == Role.CLINICIAN])


@pytest.mark.parametrize("body", [e.HoldPlaced(hold="hold-1", cause="x", severe=False, reason="x")])
def test_a_hold_of_nobody_known_is_recorded(body: e.EventBody) -> None:
    event = course("PTSD").events[5]
    held = event.model_copy(update={"body": body, "actor_id": "nobody", "actor_role": Role.CLINICIAN})
    assert not [*unknown_actors(register(staff=()), CLINIC, [held])]


def test_one_licence_is_one_persons() -> None:
    twin = entry(CLINICIAN.model_copy(update={"id": "twin"}))
    with pytest.raises(RegisterError, match="one person's"):
        enter(register(), NOW, staff=[twin])


def test_somebody_is_entered_once_in_a_role_and_by_two_others() -> None:
    with pytest.raises(RegisterError, match="entered already"):
        enter(register(), NOW, staff=[entry(CLINICIAN)])
    with pytest.raises(ValueError, match="two different people"):
        StaffEntry(member=member_of(CLINICIAN), printed_name="x", entered_by=("a", "a"))
    with pytest.raises(RegisterError, match="clinics that the register lists"):
        enter(
            register(),
            NOW,
            staff=[
                entry(
                    CLINICIAN.model_copy(update={"id": "new", "role": Role.OPS, "licence": None}), clinics=("nowhere",)
                )
            ],
        )


def test_who_is_on_call_is_a_person_and_somebody_stands_in() -> None:
    whole = register(shift(ON_CALL.id, DIRECTOR.id, 0, 12), shift(CLINICIAN.id, DIRECTOR.id, 12, 24))
    assert on_call(whole, CLINIC, NOW) == ((ON_CALL.id, DIRECTOR.id), False)
    assert on_call(whole, CLINIC, NOW + timedelta(hours=12)) == ((CLINICIAN.id, DIRECTOR.id), False)


def test_a_later_entry_takes_the_place_of_an_earlier_one() -> None:
    changed = enter(register(shift(ON_CALL.id, DIRECTOR.id)), NOW, rota=[shift(CLINICIAN.id, DIRECTOR.id, 5, 6)])
    assert on_call(changed, CLINIC, NOW + timedelta(hours=5)).people[0] == CLINICIAN.id
    assert on_call(changed, CLINIC, NOW + timedelta(hours=6)).people[0] == ON_CALL.id


def test_where_all_of_the_later_shift_have_left_the_earlier_one_is_on_call() -> None:
    """Its people were not even tried: the medical director was paged as if nobody were on call."""
    night, stand_in = person("night", Role.CLINICIAN), person("stand-in", Role.CLINICIAN)
    staff = tuple(entry(each) for each in (*STAFF, night, stand_in))
    both = register(shift(CLINICIAN.id, ON_CALL.id), shift(night.id, stand_in.id), staff=staff)
    assert on_call(both, CLINIC, NOW) == ((night.id, stand_in.id), False)
    left = both.model_copy(update={"staff": tuple(entry(each) for each in STAFF)})
    assert on_call(left, CLINIC, NOW) == ((CLINICIAN.id, ON_CALL.id), False)
    assert rota_gaps(left, CLINIC, NOW, NOW + AHEAD) == ()


def test_a_gap_pages_the_medical_director_and_never_nobody() -> None:
    assert on_call(register(), CLINIC, NOW) == ((DIRECTOR.id,), True)
    left = end_entry(register(shift(ON_CALL.id, DIRECTOR.id)), ON_CALL.id, Role.ON_CALL_CLINICIAN, at=NOW)
    assert on_call(left, CLINIC, NOW) == ((DIRECTOR.id,), False)
    alone = register(staff=(entry(CLINICIAN),))
    assert on_call(alone, CLINIC, NOW) == ((CLINICIAN.id,), True)


def expired(person: Actor) -> StaffEntry:
    assert person.licence is not None
    last = (NOW - timedelta(days=3)).date()
    return entry(person, licence=person.licence.model_copy(update={"expires": last}))


def elsewhere(known: StaffEntry) -> StaffEntry:
    member = known.member.model_copy(update={"clinics": ("night-clinic",)})
    return known.model_copy(update={"member": member})


ABSENT: dict[str, tuple[tuple[StaffEntry, ...], str]] = {
    "licences have ended, but one": ((expired(ON_CALL), expired(DIRECTOR), entry(CLINICIAN)), CLINICIAN.id),
    "all licences have ended": ((expired(CLINICIAN), entry(PEOPLE[Role.COORDINATOR])), CLINICIAN.id),
    "no clinician is left": ((entry(PEOPLE[Role.COORDINATOR]),), PEOPLE[Role.COORDINATOR].id),
    "nobody is left, elsewhere there is a director": (
        (entry(DIRECTOR, clinics=("night-clinic",)), entry(CLINICIAN, clinics=("night-clinic",))),
        DIRECTOR.id,
    ),
    "nobody is left, elsewhere there is a clinician": ((entry(CLINICIAN, clinics=("night-clinic",)),), CLINICIAN.id),
    "elsewhere only ops are left": ((entry(OPS, clinics=("night-clinic",)),), OPS.id),
    "the director elsewhere has no licence any more": (
        (elsewhere(expired(DIRECTOR)), entry(CLINICIAN, clinics=("night-clinic",))),
        CLINICIAN.id,
    ),
}


@pytest.mark.parametrize("why", ABSENT)
def test_where_everybody_of_the_rota_is_away_somebody_is_paged(why: str) -> None:
    """A clinic of whose staff nobody was left paged nobody."""
    staff, paged = ABSENT[why]
    known = register(shift(ON_CALL.id, DIRECTOR.id)).model_copy(update={"staff": staff})
    assert on_call(known, CLINIC, NOW) == ((paged,), True)
    assert rota_gaps(known, CLINIC, NOW, NOW + AHEAD) == ((NOW, NOW + AHEAD),)
    assert at_work(known, CLINIC, Role.MEDICAL_DIRECTOR, NOW), "with whom every escalation ends"


def test_who_is_on_duty_elsewhere_is_paged_before_all_others() -> None:
    """Where a clinic has a coordinator and no clinician, an alarm is not theirs alone."""
    there = [entry(one, clinics=("night-clinic",)) for one in (CLINICIAN, ON_CALL, DIRECTOR)]
    on_duty = shift(CLINICIAN.id, ON_CALL.id).model_copy(update={"clinic": "night-clinic"})
    known = register(on_duty, staff=(entry(PEOPLE[Role.COORDINATOR]), *there))
    assert on_call(known, CLINIC, NOW) == (
        (CLINICIAN.id, ON_CALL.id, DIRECTOR.id, PEOPLE[Role.COORDINATOR].id),
        True,
    )


def test_a_medical_director_whose_licence_has_ended_is_not_asked() -> None:
    ended = register(staff=(expired(DIRECTOR), entry(CLINICIAN), entry(OPS)))
    assert at_work(ended, CLINIC, Role.MEDICAL_DIRECTOR, NOW) == (CLINICIAN.id,)
    assert at_work(register(), CLINIC, Role.MEDICAL_DIRECTOR, NOW) == (DIRECTOR.id,)


@pytest.mark.parametrize("role", STAFF_ROLES)
@pytest.mark.parametrize("left", STAFF_ROLES)
def test_whoever_is_to_be_told_somebody_is(role: Role, left: Role) -> None:
    """Whichever one role is left in the organisation, at whichever clinic."""
    for clinic in (CLINIC, "night-clinic"):
        one = register(staff=(entry(PEOPLE[left], clinics=(clinic,)),))
        assert at_work(one, CLINIC, role, NOW) == (PEOPLE[left].id,)
        assert on_call(one, CLINIC, NOW).people == (PEOPLE[left].id,)


def test_a_gap_ends_when_the_entry_of_whoever_is_on_call_begins() -> None:
    begins = NOW + timedelta(hours=2)
    people = [entry(one, since=begins) for one in (ON_CALL, CLINICIAN)]
    known = register(shift(ON_CALL.id, CLINICIAN.id), staff=(*people, entry(DIRECTOR)))
    assert on_call(known, CLINIC, begins).people == (ON_CALL.id, CLINICIAN.id)
    assert rota_gaps(known, CLINIC, NOW, NOW + AHEAD) == ((NOW, begins),)


def test_a_licence_that_will_end_is_a_gap_ahead() -> None:
    last = (NOW + timedelta(days=2)).date()
    ends = [
        entry(one, licence=one.licence.model_copy(update={"expires": last}))
        for one in (ON_CALL, CLINICIAN)
        if one.licence is not None
    ]
    known = register(shift(ON_CALL.id, CLINICIAN.id), staff=(*ends, entry(DIRECTOR)))
    [(begins, _)] = rota_gaps(known, CLINIC, NOW, NOW + AHEAD)
    assert timedelta(days=2) < begins - NOW < timedelta(days=4)


def test_gaps_are_found_seven_days_ahead() -> None:
    whole = register(shift(ON_CALL.id, DIRECTOR.id, -5, 48), shift(ON_CALL.id, DIRECTOR.id, 60))
    assert rota_gaps(whole, CLINIC, NOW, NOW + AHEAD) == ((NOW + timedelta(hours=48), NOW + timedelta(hours=60)),)
    assert rota_gaps(register(), CLINIC, NOW, NOW + AHEAD) == ((NOW, NOW + AHEAD),)
    assert rota_gaps(register(shift(ON_CALL.id, DIRECTOR.id)), CLINIC, NOW, NOW + AHEAD) == ()


def test_somebody_who_leaves_leaves_a_gap() -> None:
    """The rota names two people who will have left by then."""
    gone = register(shift(ON_CALL.id, CLINICIAN.id))
    for who in (ON_CALL, CLINICIAN):
        gone = end_entry(gone, who.id, who.role, at=NOW + timedelta(days=3))
    assert rota_gaps(gone, CLINIC, NOW, NOW + AHEAD) == ((NOW + timedelta(days=3), NOW + AHEAD),)


def test_of_whose_tasks_a_journey_has_it_hears_who_left_and_who_is_back() -> None:
    journey, whole = course("PTSD").journey, register()
    assert staff_news(whole, journey, NOW) == ()
    gone = end_entry(whole, CLINICIAN.id, Role.CLINICIAN, at=NOW)
    assert staff_news(gone, journey, NOW - timedelta(seconds=1)) == ()
    [ended] = staff_news(gone, journey, NOW)
    assert (ended.id, ended.until) == (CLINICIAN.id, NOW)
    away = Left(person=CLINICIAN.id, owner=Role.CLINICIAN, roles=(Role.CLINICIAN,))
    told = journey.model_copy(update={"members": (ended,), "left": (away,)})
    assert staff_news(gone, told, NOW) == (), "it knows"
    assert [member.id for member in staff_news(whole, told, NOW)] == [CLINICIAN.id], "is back"


def register_of_returns(who: Actor) -> Register:
    """The register in which somebody was entered and left 40 times, and works there now."""
    days = [LONG_AGO + timedelta(days=day) for day in range(40)]
    past = [entry(who, since=since, until=since + timedelta(hours=1)) for since in days]
    others = [entry(each) for each in STAFF if each.id != who.id]
    return register(staff=(*past, *others, entry(who)))


def test_what_the_register_says_of_somebody_is_told_whole_however_often_they_came_and_went() -> None:
    """The entry that counts now may be the last one."""
    journey, whole = course("PTSD").journey, register_of_returns(CLINICIAN)
    away = Left(person=CLINICIAN.id, owner=Role.CLINICIAN, roles=(Role.CLINICIAN,))
    told = staff_news(whole, journey.model_copy(update={"left": (away,)}), NOW)
    assert is_fit(told, CLINICIAN.id, (Role.CLINICIAN,), CLINIC, NOW)
    named = members(whole, [CLINICIAN.id])
    assert sent(CLINICIAN, named=named).named == named


def test_who_works_there_in_another_role_keeps_no_tasks_of_the_role_that_ended() -> None:
    journey = course("PTSD").journey
    gone = end_entry(register(), CLINICIAN.id, Role.CLINICIAN, at=NOW)
    other = enter(gone, NOW, staff=[entry(person(CLINICIAN.id, Role.COORDINATOR))])
    assert {said.role for said in staff_news(other, journey, NOW)} == {Role.CLINICIAN, Role.COORDINATOR}
    assert (CLINICIAN.id, CLINIC, Role.CLINICIAN) in departed(other, NOW)
    assert (CLINICIAN.id, CLINIC, Role.COORDINATOR) not in departed(other, NOW)


def test_who_was_entered_again_or_works_there_in_another_role_has_not_left() -> None:
    """Reconciliation has every journey with their tasks look again, in each pass: of these it would for ever."""
    gone = end_entry(register(), CLINICIAN.id, Role.CLINICIAN, at=NOW)
    assert departed(gone, NOW - timedelta(seconds=1)) == frozenset()
    everywhere = {(CLINICIAN.id, clinic, owner) for clinic in (CLINIC, "night-clinic") for owner in HOLDERS}
    assert departed(gone, NOW) == everywhere
    coordinates = {(CLINICIAN.id, clinic, Role.COORDINATOR) for clinic in (CLINIC, "night-clinic")}
    assert departed(enter(gone, NOW, staff=[entry(CLINICIAN)]), NOW) == coordinates
    moved = enter(gone, NOW, staff=[entry(CLINICIAN, clinics=("night-clinic",))])
    here = {each for each in everywhere if each[1] == CLINIC}
    assert departed(moved, NOW) == {*here, *coordinates}, "what they have at the other clinic stays theirs"
