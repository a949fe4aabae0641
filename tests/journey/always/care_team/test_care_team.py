"""Everybody is somebody: who has a part in a journey, and what somebody may do who has none."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.people import PEOPLE, STAFF, checklist, look_up, member_of, person_of, referral
from tests.journey.play import JOURNEY, PROTOCOLS, START, Play, after, before, course, one, person, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.access.rules import may_look
from workflows.journey.always.care_team.rules import list_clinicians, list_people_to_look_up
from workflows.journey.always.sign_offs.model import SignOff
from workflows.journey.authorization import may_decide
from workflows.journey.decide import decide
from workflows.journey.protocol import Part, SignOffKind
from workflows.journey.vocabulary.actors import CLOCK, STAFF_ROLES, Actor, CareTeamMember, Licence, Role, is_one_licence
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

STRANGERS = {
    "another patient": Actor(id="demo-patient-2", role=Role.PATIENT),
    "a passer-by": Actor(id="demo-passer-by", role=Role.OBSERVER),
    "a clinician of another clinic": PEOPLE[Role.CLINICIAN].model_copy(
        update={"id": "other", "clinics": ("night-clinic",)}
    ),
    "a director of no clinic": PEOPLE[Role.MEDICAL_DIRECTOR].model_copy(update={"clinics": ()}),
    "the patient as a clinician": PEOPLE[Role.CLINICIAN].model_copy(update={"id": person_of(JOURNEY, Role.PATIENT).id}),
    "the patient as coordinator": PEOPLE[Role.COORDINATOR].model_copy(
        update={"id": person_of(JOURNEY, Role.PATIENT).id}
    ),
    "the patient as observer": Actor(id=person_of(JOURNEY, Role.PATIENT).id, role=Role.OBSERVER),
}
MAY: dict[str, Callable[[Play], Any]] = {
    "hold": lambda _: c.PlaceHold(reason="they are asleep on the street"),
    "harm": lambda play: c.ReportAdverseEvent(what="a fall", grade=2, serious=False, onset=play.at),
    "help": lambda _: c.RequestSupport(urgency="urgent", text="they do not answer"),
    "dose": lambda play: c.RecordDose(dose_mg=100, route="oral", taken_at=play.at),
}
"""What anybody may send."""


@pytest.mark.requirement("A64")
@pytest.mark.parametrize("who", STRANGERS)
def test_somebody_without_a_part_changes_no_care(who: str) -> None:
    """Consent, answers, withdrawal, observation, staff's own work: none of it by somebody who has no part."""
    play, stranger = after("session.dose"), STRANGERS[who]
    for body in (
        c.WithdrawConsent(consent="treatment"),
        c.Withdraw(),
        c.Move(zone="America/New_York", state="NY"),
        c.Observe(session=1, minute=15, consciousness="alert", breathing_normal=True, vomiting=False),
        c.EndSession(session=1, criteria={}),
        c.Reassign(duty="clinician", to="me", reason="mine"),
        c.AnswerSupport(support="support-1", text="settled"),
        c.Transfer(reason="mine", referral="to me"),
    ):
        if stranger.role in type(body).roles:
            play.refused(body, stranger, code=RefusalCode.NOT_ALLOWED, says="no part in this journey")


@pytest.mark.parametrize("what", MAY)
@pytest.mark.parametrize("who", STRANGERS)
def test_what_a_stranger_reports_counts_and_is_marked(who: str, what: str) -> None:
    play, stranger = before("session.release"), STRANGERS[who]
    body = MAY[what](play)
    if stranger.role not in type(body).roles:
        play.refused(body, stranger, code=RefusalCode.NOT_ALLOWED)
        return
    followed = play.do(body, stranger)
    assert e.StrangerHeard(command_kind=body.kind) in followed
    assert play.journey.strangers_heard == 1


def test_what_somebody_with_a_part_sends_bears_no_mark() -> None:
    play = started()
    play.do(c.PlaceHold(reason="dizzy"), Role.PATIENT)
    play.do(c.PlaceHold(reason="a call from the pharmacy"), Role.OPS)
    assert play.journey.strangers_heard == 0


def test_the_patient_signs_nothing_about_themselves() -> None:
    play = before("signoff.sign")
    patient = STRANGERS["the patient as a clinician"]
    play.refused(play.signature(SignOffKind.EVALUATION), patient, code=RefusalCode.NOT_ALLOWED, says="no part")


def test_a_journey_is_started_in_ones_own_clinic() -> None:
    opening = referral(PROTOCOLS["PTSD"], JOURNEY)
    other = opening.actor.model_copy(update={"clinics": ("night-clinic",)})
    refused = decide(None, opening.model_copy(update={"actor": other}), START)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.reason) == (RefusalCode.NOT_ALLOWED, "you do not work for this clinic")


@pytest.mark.parametrize(
    ("number", "states", "same"),
    [("A1", ("CA",), True), ("A1", ("NY", "CA"), True), ("A1", ("NY",), False), ("A2", ("CA",), False)],
)
def test_one_licence_number_in_one_state_is_one_person(number: str, states: tuple[str, ...], same: bool) -> None:
    until = (started().at + timedelta(days=400)).date()
    one = Licence(number="A1", states=("CA",), expires=until)
    other = Licence(number=number, states=states, expires=until)
    assert is_one_licence(one, other) is is_one_licence(other, one) is same


def entered(name: str, role: Role, **changed: Any) -> CareTeamMember:
    """An entry of the register about somebody in this role, changed where it says so."""
    return member_of(person(name, role)).model_copy(update=changed)


def ready() -> Play:
    """A session is scheduled, and its checklist is due."""
    return before("session.check")


def checked(play: Play, **changed: Any) -> c.CheckSession:
    return checklist(play.journey, 1, play.at).model_copy(update=changed)


def observed_by(ref: str) -> c.Observer:
    return c.Observer(ref=ref, adult=True, physically_present=True, briefed=True)


def moved_to(play: Play, **changed: Any) -> c.ScheduleSession:
    """The session, a day later, with other people."""
    session = play.journey.sessions[1]
    body = c.ScheduleSession(
        session=1,
        starts_at=session.starts_at + timedelta(days=1),
        supervising_clinician=session.supervising_clinician,
        session_monitor=session.session_monitor,
        live_clinician=session.live_clinician,
    )
    return body.model_copy(update=changed)


def named(play: Play, body: c.CommandBody, by: Role, *entries: CareTeamMember) -> Any:
    """Send a command with exactly these entries of the register."""
    return play.take(play.command(body, by).model_copy(update={"named": entries}))


EARLIER, SOON = START - timedelta(days=400), START + timedelta(days=1)
WRONG = {
    "nobody in the register": (),
    "of another clinic": (entered("new", Role.CLINICIAN, clinics=("night-clinic",)),),
    "in no clinical role": (entered("new", Role.THERAPIST),),
    "left since": (entered("new", Role.CLINICIAN, since=EARLIER, until=SOON),),
    "not there yet": (entered("new", Role.CLINICIAN, since=START + timedelta(days=4000)),),
    "licensed elsewhere": (member_of(person("new", Role.CLINICIAN, states=("NY",))),),
    "no longer licensed": (member_of(person("new", Role.CLINICIAN, expires=START.date())),),
    "somebody else": (entered("other", Role.CLINICIAN),),
}


@pytest.mark.requirement("A04", "A28", "A64")
@pytest.mark.parametrize("field", ["supervising_clinician", "live_clinician"])
@pytest.mark.parametrize("why", WRONG)
def test_whoever_is_named_for_a_session_is_known_and_fit(why: str, field: str) -> None:
    play = ready()
    refused = named(play, moved_to(play, **{field: "new"}), Role.COORDINATOR, *WRONG[why])
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.field) == (RefusalCode.NOT_ALLOWED, field)


@pytest.mark.requirement("A10", "B07", "B22", "A59")
@pytest.mark.parametrize("why", WRONG)
def test_the_reachable_clinician_is_known_and_fit(why: str) -> None:
    play = ready()
    refused = named(play, checked(play, reachable_clinician="new"), Role.SESSION_MONITOR, *WRONG[why])
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.field) == (RefusalCode.NOT_ALLOWED, "reachable_clinician")


def test_a_monitor_needs_no_licence_and_a_coordinator_is_none() -> None:
    play = ready()
    refused = named(play, moved_to(play, session_monitor="new"), Role.COORDINATOR, entered("new", Role.COORDINATOR))
    assert isinstance(refused, Refusal)
    play.do(moved_to(play, session_monitor="another-monitor"), Role.COORDINATOR)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (lambda me: c.Reassign(duty="clinician", to=me, reason="x"), "to"),
        (lambda me: c.Reassign(duty="coordinator", to=me, reason="x"), "to"),
        (lambda me: c.Cover(by=me, until=START + timedelta(days=300), reason="x"), "by"),
    ],
)
def test_whoever_is_handed_a_journey_is_known_and_not_the_patient(body: Callable[[str], Any], field: str) -> None:
    play = ready()
    for name, entries in (
        ("new", ()),
        (play.journey.patient.ref, (entered(play.journey.patient.ref, Role.CLINICIAN),)),
    ):
        refused = named(play, body(name), Role.COORDINATOR, *entries)
        assert isinstance(refused, Refusal)
        assert (refused.code, refused.field) == (RefusalCode.NOT_ALLOWED, field)


def test_a_journey_begins_in_known_hands() -> None:
    opening = referral(PROTOCOLS["PTSD"], JOURNEY)
    refused = decide(None, opening.model_copy(update={"named": ()}), START)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.field) == (RefusalCode.NOT_ALLOWED, "coordinator")
    assert isinstance(opening.body, c.StartPathway)
    patient = opening.body.patient.model_copy(update={"ref": opening.body.clinician})
    own = opening.model_copy(update={"body": opening.body.model_copy(update={"patient": patient})})
    refused = decide(None, own, START)
    assert isinstance(refused, Refusal)
    assert (refused.field, refused.reason) == ("clinician", "whom you name as clinician is the patient")


OBSERVERS: dict[str, Callable[[Play], str] | str] = {
    "the patient": lambda play: play.journey.patient.ref,
    "the session monitor": lambda play: play.journey.sessions[1].session_monitor,
    "the clinician": lambda play: play.journey.clinician,
    "the coordinator": lambda play: play.journey.coordinator,
    **{f"any {role.value}": f"some-{role.value}" for role in STAFF_ROLES},
    "one licence": "twin",
}
"""Who may not observe. Those who are named ``some-...`` have no part in the journey so far."""


@pytest.mark.requirement("B22")
@pytest.mark.parametrize("who", OBSERVERS)
def test_the_observer_is_somebody_of_their_own(who: str) -> None:
    """An adult of the patient's own, and nobody whom a session turns to when the observer does not answer: under
    whatever id, when they are named and when the session is released."""
    play, observer = ready(), OBSERVERS[who]
    ref = observer if isinstance(observer, str) else observer(play)
    licence = PEOPLE[Role.CLINICIAN].licence
    elsewhere = entered("twin", Role.CLINICIAN, licence=licence, clinics=("night-clinic",))
    known = [elsewhere, *(entered(f"some-{role.value}", role) for role in STAFF_ROLES)]
    body = checked(play, observer=observed_by(ref))
    assert ref in list_people_to_look_up(play.journey, body), "the register is asked"
    found = (*look_up(play.journey, body), *(member for member in known if member.id == ref))
    refused = named(play, body, Role.SESSION_MONITOR, *found)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.field) == (RefusalCode.NOT_ALLOWED, "observer.ref")


def test_somebody_of_the_household_observes_whatever_the_register_says_of_other_clinics() -> None:
    play, body = ready(), checked(ready(), observer=observed_by("neighbour"))
    nurse = entered("neighbour", Role.THERAPIST, clinics=("night-clinic",))
    gone = entered("neighbour", Role.SESSION_MONITOR, since=EARLIER, until=START)
    assert not isinstance(named(play, body, Role.SESSION_MONITOR, *look_up(play.journey, body), nurse, gone), Refusal)


def test_whoever_became_staff_since_they_were_named_observes_no_session() -> None:
    play = before("session.release")
    release, observer = c.ReleaseSession(session=1), person_of(JOURNEY, Role.OBSERVER).id
    assert observer in list_people_to_look_up(play.journey, release)
    found = (*look_up(play.journey, release), entered(observer, Role.COORDINATOR))
    refused = named(play, release, Role.SESSION_MONITOR, *found)
    assert isinstance(refused, Refusal)
    assert "observer and staff are one person" in refused.reason


@pytest.mark.requirement("A10", "A28", "B22")
def test_the_dose_gate_asks_again() -> None:
    """Somebody left, or lost their licence, after they were named: the release says so."""
    play = before("session.release")
    monitor, clinician = play.journey.sessions[1].session_monitor, play.journey.clinician
    for name, role, change in (
        (monitor, Role.SESSION_MONITOR, {"until": play.at}),
        (clinician, Role.CLINICIAN, {"until": play.at}),
        (clinician, Role.CLINICIAN, {"licence": person("x", Role.CLINICIAN, expires=EARLIER.date()).licence}),
    ):
        known = member_of(next(each for each in STAFF if each.id == name)).model_copy(update=change)
        others = [member for member in look_up(play.journey, c.ReleaseSession(session=1)) if member.id != name]
        tried = Play(play.journey, play.at, receipts=dict(play.receipts))
        refused = named(tried, c.ReleaseSession(session=1), Role.SESSION_MONITOR, known, *others)
        assert isinstance(refused, Refusal), (name, role)
        assert refused.code == RefusalCode.INCOMPLETE


def test_what_anybody_may_send_brings_no_news_of_the_register() -> None:
    play = ready()
    bodies = named(play, c.PlaceHold(reason="x"), Role.PATIENT, entered("new", Role.CLINICIAN))
    assert "care-team.updated" not in [event.body.kind for event in bodies]
    assert "new" not in [member.id for member in play.journey.members]


def test_one_licence_under_two_ids_signs_once() -> None:
    """The second of two people is not the first one under another id; nor does an author decide as somebody else."""
    play = before("session.schedule")
    play.do(c.PlaceHold(reason="x"), Role.CLINICIAN)
    play = play.changed(
        holds={name: hold.model_copy(update={"severe": True}) for name, hold in play.journey.holds.items()}
    )
    director = PEOPLE[Role.MEDICAL_DIRECTOR]
    twin = PEOPLE[Role.CLINICIAN].model_copy(update={"id": "twin", "licence": director.licence})
    kind, hold = SignOffKind.SEVERE_HOLD_RELEASE, next(iter(play.journey.holds))
    assert director.licence is not None
    first = may_decide(play.journey, kind, hold, director, play.at)
    assert first is None
    signed = SignOff(
        request="r", kind=kind, subject=hold, decision="approve", meaning="hold_released", evidence="0" * 64,
        by=director.id, role=director.role, name="Dira", licence=director.licence, state="CA", at=play.at,
        version=1, nonce="n", first_of_two=True,
    )  # fmt: skip
    play = play.changed(sign_offs=(signed,))
    objection = may_decide(play.journey, kind, hold, twin, play.at, signed)
    assert objection is not None
    assert "second person" in objection.reason
    assert may_decide(play.journey, kind, hold, PEOPLE[Role.CLINICIAN], play.at, signed) is None


def test_nobody_of_the_staff_starts_a_pathway_for_themselves() -> None:
    command = referral(PROTOCOLS["PTSD"], JOURNEY)
    assert isinstance(command.body, c.StartPathway)
    own = command.body.patient.model_copy(update={"ref": "a-colleague"})
    body = command.body.model_copy(update={"patient": own})
    decided = decide(
        None, command.model_copy(update={"body": body, "actor": person("a-colleague", Role.COORDINATOR)}), START
    )
    assert isinstance(decided, Refusal)
    assert decided.code == RefusalCode.NOT_ALLOWED


# Whoever leaves


def tasks_of(play: Play, person: Actor) -> list[str]:
    return [waiting.id for waiting in play.journey.waiting.values() if waiting.person == person.id]


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.CLINICIAN])
def test_the_tasks_of_whoever_leaves_go_to_their_role_at_once(role: Role) -> None:
    """They waited for somebody who was not there until they were escalated."""
    play = after("session.end").later(minutes=5)
    play.do(c.AskQuestion(text="x") if role == Role.CLINICIAN else c.Withdraw(), Role.PATIENT)
    gone = PEOPLE[role]
    before_ = {w.key: w.due for w in play.journey.waiting.values() if w.person == gone.id}
    assert before_
    play.do(c.TakeInStaff(members=(member_of(gone).model_copy(update={"until": play.at}),)), CLOCK)
    assert one([event.body for event in play.events[-9:]], e.CareTeamLeft).person == gone.id
    assert not tasks_of(play, gone)
    theirs = {w.key: (w.owner, w.due) for w in play.journey.waiting.values() if w.key in before_}
    assert {key: due for key, (_, due) in theirs.items()} == before_, "on the same clock"
    assert {owner for owner, _ in theirs.values()} == {role}
    colleague = person("colleague", role)
    handed = {"duty": role.value, "to": colleague.id, "reason": "left (invented)"}
    play.do(c.Reassign.model_validate(handed), Role.MEDICAL_DIRECTOR)
    assert {w.key for w in play.journey.waiting.values() if w.person == colleague.id} >= {*before_}


def entries(play: Play, who: str, *roles: Role) -> c.TakeInStaff:
    """Somebody's entries in the register: the ones they had have ended, and these began."""
    had = [m for m in play.journey.members if m.id == who]
    ended = [m.model_copy(update={"until": play.at}) for m in had if m.until is None and m.role not in roles]
    began = [member_of(person(who, role)).model_copy(update={"since": play.at}) for role in roles]
    return c.TakeInStaff(members=(*ended, *began))


HOLDERS: dict[str, tuple[Role, Callable[[Play], str]]] = {
    "coordinator": (Role.COORDINATOR, lambda play: play.journey.coordinator),
    "clinician": (Role.CLINICIAN, lambda play: play.journey.clinician),
    "session_monitor": (Role.SESSION_MONITOR, lambda play: play.journey.sessions[1].session_monitor),
    "covering_clinician": (Role.CLINICIAN, lambda play: play.journey.clinician),
}
"""Of which role somebody with a part has tasks, and who it is."""


@given(
    st.sampled_from(sorted(HOLDERS)),
    st.lists(st.lists(st.sampled_from(STAFF_ROLES), unique=True, max_size=2), min_size=1, max_size=4),
    st.sampled_from([("session.check", 1), ("session.observe", 2), ("session.end", 1)]),
)
def test_somebody_has_the_tasks_that_their_roles_of_the_moment_permit(
    part: str, changes: list[list[Role]], moment: tuple[str, int]
) -> None:
    """A clinician who became a coordinator of the same clinic kept the clinician's tasks."""
    play = before(*moment)
    if part == "covering_clinician":
        stands_in = person("colleague", Role.CLINICIAN)
        cover = c.Cover(by=stands_in.id, until=play.at + timedelta(days=90), reason="leave (invented)")
        play.do(cover, PEOPLE[Role.CLINICIAN])
    owner, who_of = HOLDERS[part]
    who, fit = who_of(play), play.journey.protocol.care_team.roles[Part(part)]
    had = {w.key for w in play.journey.waiting.values() if (w.person, w.owner) == (who, owner)}
    play.do(entries(play, who, fit[0]), CLOCK)
    for roles in changes:
        play.later(minutes=1)
        changed = entries(play, who, *roles)
        if not changed.members:
            continue
        play.do(changed, CLOCK)
        now = {w.key for w in play.journey.waiting.values() if (w.person, w.owner) == (who, owner)}
        may = any(role in fit for role in roles)
        if part == "covering_clinician" and not may:
            assert (play.journey.covered, now) == (None, set())
            return
        assert now == (had if may else set())


def test_who_wrote_what_was_returned_has_no_question_once_they_have_left() -> None:
    play = before("signoff.sign", 1)
    evaluator = play.journey.evaluation.evaluator
    play.do(c.Reassign(duty="clinician", to="colleague", reason="x"), Role.MEDICAL_DIRECTOR)
    play.sign_once(SignOffKind.EVALUATION, by=person("colleague", Role.CLINICIAN), decision="return", rationale="x")
    assert evaluator in {w.person for w in play.journey.waiting.values()}
    play.do(entries(play, str(evaluator), Role.COORDINATOR), CLOCK)
    assert evaluator not in {w.person for w in play.journey.waiting.values()}


@pytest.mark.parametrize("part", ["coordinator", "clinician", "session_monitor"])
def test_whoever_lost_the_role_for_a_part_may_not_look_because_of_it(part: str) -> None:
    play = before("session.observe", 2)
    who = HOLDERS[part][1](play)
    assert may_look(play.journey, who, (), play.at)
    play.do(entries(play, who, Role.THERAPIST), CLOCK)
    assert not may_look(play.journey, who, (), play.at)


def test_an_end_that_is_to_come_hands_the_tasks_over_when_it_has() -> None:
    play = after("session.end")
    clinician, ends = PEOPLE[Role.CLINICIAN], play.at + timedelta(days=2)
    play.do(c.TakeInStaff(members=(member_of(clinician).model_copy(update={"until": ends}),)), CLOCK)
    play.wait(days=1, hours=23)
    assert tasks_of(play, clinician)
    assert one(play.wait(hours=2), e.CareTeamLeft).person == clinician.id
    assert not tasks_of(play, clinician)
    play.do(c.TakeInStaff(members=(member_of(clinician),)), CLOCK)
    assert tasks_of(play, clinician), "who is back has them again"


SPANS = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 200) | st.none()), min_size=1, max_size=3)
"""From which hour on entries of the register count, and how long."""


@pytest.mark.long
@given(SPANS)
def test_tasks_follow_the_entries_of_the_register_as_they_begin_and_end(spans: list[tuple[int, int | None]]) -> None:
    """An entry that began later gave no tasks back, and between two entries nobody noticed that somebody was away."""
    play, clinician = after("session.end").later(minutes=5), PEOPLE[Role.CLINICIAN]
    found = tuple(during(clinician, play, *span) for span in spans)
    play.do(c.TakeInStaff(members=found), CLOCK)
    changes = {moment for entry in found for moment in (entry.since, entry.until) if moment is not None}
    for change in sorted(changes):
        play.wait(hours=(change - play.at) / timedelta(hours=1))
        works = any(member.works_at(play.journey.clinic, play.at) for member in found)
        assert play.journey.has_left(clinician.id, Role.CLINICIAN) != works
        assert bool(tasks_of(play, clinician)) == works


def during(who: Actor, play: Play, since: int, lasts: int | None) -> CareTeamMember:
    """An entry that begins so many hours from now and lasts so long."""
    begins = play.at + timedelta(hours=since)
    until = None if lasts is None else begins + timedelta(hours=lasts)
    return member_of(who).model_copy(update={"since": begins, "until": until})


def test_who_is_handed_a_journey_long_after_an_entry_of_theirs_ended_has_its_tasks() -> None:
    play, colleague = after("session.end").later(minutes=5), person("colleague", Role.CLINICIAN)
    entries_ = (during(colleague, play, 0, 2), during(colleague, play, 24, None))
    play.do(c.TakeInStaff(members=entries_), CLOCK)
    play.wait(days=2)
    handed = c.Reassign(duty="clinician", to=colleague.id, reason="x")
    assert not isinstance(named(play, handed, Role.MEDICAL_DIRECTOR, *entries_), Refusal)
    play.wait(hours=3)
    assert tasks_of(play, colleague)


def test_whose_stand_in_leaves_has_their_tasks_back_and_they_go_to_the_role_if_both_have() -> None:
    play = after("session.end")
    colleague, clinician = person("colleague", Role.CLINICIAN), PEOPLE[Role.CLINICIAN]
    play.do(c.Cover(by=colleague.id, until=play.at + timedelta(days=9), reason="leave (invented)"), clinician)
    assert tasks_of(play, colleague)
    play.do(c.TakeInStaff(members=(member_of(colleague).model_copy(update={"until": play.at}),)), CLOCK)
    assert (play.journey.clinician, play.journey.covered) == (clinician.id, None)
    assert tasks_of(play, clinician)
    play.do(c.TakeInStaff(members=(member_of(clinician).model_copy(update={"until": play.at}),)), CLOCK)
    assert not tasks_of(play, clinician)


def test_when_a_stand_in_leaves_whoever_stood_in_before_them_does_again() -> None:
    play = after("session.end")
    first, second = (person(name, Role.CLINICIAN) for name in ("first", "second"))
    for days, stands_in in ((9, first), (5, second)):
        play.do(c.Cover(by=stands_in.id, until=play.at + timedelta(days=days), reason="leave (invented)"))
    play.do(c.TakeInStaff(members=(member_of(second).model_copy(update={"until": play.at}),)), CLOCK)
    assert play.journey.clinician == first.id
    assert tasks_of(play, first)


def test_a_clinician_who_turns_out_to_be_the_patient_has_no_tasks_here() -> None:
    clinician = PEOPLE[Role.CLINICIAN]
    play = after("session.end")
    play.do(c.ProposeMerge(other=clinician.id, reason="x"), Role.COORDINATOR)
    play.sign(SignOffKind.PATIENT_MERGE, "merge-1")
    assert not tasks_of(play, clinician)


def test_whoever_has_left_is_told_once_and_closes_no_journey() -> None:
    play = after("session.end")
    gone = member_of(PEOPLE[Role.CLINICIAN]).model_copy(update={"until": play.at})
    play.do(c.TakeInStaff(members=(gone,)), CLOCK)
    assert play.do(c.TakeInStaff(members=(gone,)), CLOCK) == []
    play.wait(days=3)
    assert sum(isinstance(event.body, e.CareTeamLeft) for event in play.events) == 1
    assert not play.journey.closed


def schedule(play: Play, **people: str) -> None:
    """Plan the next session, with these people of it."""
    command = next(move[1] for move in course("PTSD").moves if isinstance(move[1].body, c.ScheduleSession))
    play.do(command.body.model_copy(update=people), command.actor)


CLINICAL_PARTS: dict[str, Callable[[Play], object]] = {
    "clinician": lambda play: play.do(c.Reassign(duty="clinician", to="somebody", reason="x"), Role.COORDINATOR),
    "evaluator": lambda play: play.do(c.Reassign(duty="evaluator", to="somebody", reason="x"), Role.COORDINATOR),
    "stand-in": lambda play: play.do(
        c.Cover(by="somebody", until=play.at + timedelta(days=1), reason="x"), Role.COORDINATOR
    ),
    "supervising clinician": lambda play: schedule(play, supervising_clinician="somebody"),
    "live clinician": lambda play: schedule(play, live_clinician="somebody"),
    "delegate": lambda play: play.do(
        c.Delegate(to="somebody", sign_offs=(SignOffKind.PLAN,), until=play.at + timedelta(days=1), reason="x")
    ),
}


@pytest.mark.parametrize("part", CLINICAL_PARTS)
def test_everybody_with_a_clinical_part_is_found_when_their_journeys_are_held(part: str) -> None:
    """Only who had signed was, or whose the journey is: not who supervises a session."""
    play = before("session.schedule")
    assert "somebody" not in list_clinicians(play.journey)
    CLINICAL_PARTS[part](play)
    assert "somebody" in list_clinicians(play.journey)
    play.do(c.Reassign(duty="coordinator", to="another", reason="x"), Role.COORDINATOR)
    assert "another" not in list_clinicians(play.journey)
