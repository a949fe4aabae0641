"""Two patients who are one, and one who turns out to be two: who signs it, who is told, and what is held."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.people import PEOPLE, checklist, member_of, observation, referral
from tests.journey.elsewhere import ELSEWHERE, MEDICINE, dose, gate, merged, ready, tell_the_other, told
from tests.journey.play import PROTOCOLS, START, Play, after, before, course, kinds, one, person
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.patient.elsewhere import see_elsewhere
from workflows.journey.always.patient.model import KnownRisk
from workflows.journey.decide import decide
from workflows.journey.evidence import current_decision, evidence, is_approved
from workflows.journey.patient_limits import limit_of
from workflows.journey.protocol import DoseLimit, SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.views.notices import notices
from workflows.journey.vocabulary.actors import CLOCK, Actor, Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

SELF = "another-reference"


@pytest.mark.parametrize("known_by", ["own events", "another journey's"])
def test_the_patient_is_nobody_else_of_their_journey_under_another_reference_either(known_by: str) -> None:
    play = before("session.check")
    if known_by == "own events":
        merged(play, SELF)
    else:
        there = merged(after("evaluation.record"), SELF)
        tell_the_other(there, play)
    assert play.journey.is_patient(SELF)
    made = checklist(play.journey, 1, play.at)
    assert made.observer is not None
    alone = made.model_copy(update={"observer": made.observer.model_copy(update={"ref": SELF})})
    monitor, code = Role.SESSION_MONITOR, RefusalCode.NOT_ALLOWED
    play.refused(alone, monitor, code=code, field="observer.ref", says="is the patient")
    play.refused(
        c.UpdatePatient(emergency_contact_ref=SELF, reason="x"),
        Role.COORDINATOR,
        code=RefusalCode.CONTRADICTS,
        field="emergency_contact_ref",
    )
    themselves = person(SELF, Role.MEDICAL_DIRECTOR)
    play.refused(c.Reassign(duty="clinician", to=SELF, reason="x"), Role.COORDINATOR, code=code, field="to")
    for command in (
        c.CancelSession(session=1, reason="x"),
        c.RecordMonitoringCheck(checked_at=play.at, state="CA", concern=False, found="x"),
    ):
        assert isinstance(play.take(play.command(command, themselves)), Refusal)


def test_an_observer_and_an_emergency_contact_who_turn_out_to_be_the_patient_let_nothing_be_released() -> None:
    play = before("session.release")
    made = play.journey.sessions[1].check
    assert made is not None
    assert made.observer is not None
    merged(play, made.observer.ref)
    assert "the observer is the patient" in gate(play)
    play = before("session.release")
    merged(play, play.journey.patient.emergency_contact_ref)
    assert "nobody but the patient is named as their emergency contact" in gate(play)


@pytest.mark.parametrize("known_by", ["own events", "another journey's"])
def test_the_signature_of_who_turns_out_to_be_the_patient_counts_no_more(known_by: str) -> None:
    play, themselves = before("session.release"), PEOPLE[Role.CLINICIAN].id
    assert is_approved(play.journey, SignOffKind.PLAN)
    if known_by == "own events":
        merged(play, themselves)
    else:
        tell_the_other(merged(after("evaluation.record"), themselves), play)
    found = gate(play)
    for kind in (SignOffKind.EVALUATION, SignOffKind.ELIGIBILITY, SignOffKind.PLAN):
        assert f"{kind.value} not signed as it now is" in found or not is_approved(play.journey, kind)
    [hold] = [hold for hold in play.journey.standing_holds if hold.cause == "acted_by_patient"]
    assert hold.severe
    shown = evidence(play.journey, SignOffKind.SEVERE_HOLD_RELEASE, hold.id)["content"]["found"]["signed"]
    assert {each["kind"] for each in shown} >= {"evaluation", "plan"}


def test_a_decline_of_who_turns_out_to_be_the_patient_opens_nothing() -> None:
    """It counts no more, so the matter is asked about again: by nobody's silence is anything approved."""
    play = before("session.release")
    play.journey = play.journey.model_copy(
        update={"sign_offs": tuple(s for s in play.journey.sign_offs if s.kind != SignOffKind.CLEARANCE)}
    )
    play.do(c.UpdatePatient(language="en", reason="invented"), Role.COORDINATOR)
    themselves = person("themselves", Role.CLINICIAN)
    play.sign(SignOffKind.CLEARANCE, "1", by=themselves, decision="decline")
    assert not is_approved(play.journey, SignOffKind.CLEARANCE, "1")
    merged(play, themselves.id)
    assert not is_approved(play.journey, SignOffKind.CLEARANCE, "1")
    [hold] = [hold for hold in play.journey.standing_holds if hold.cause == "acted_by_patient"]
    shown = evidence(play.journey, SignOffKind.SEVERE_HOLD_RELEASE, hold.id)["content"]["found"]["signed"]
    assert [each["kind"] for each in shown] == ["clearance"]
    assert current_decision(play.journey, SignOffKind.CLEARANCE, "1") is None, (
        "somebody else decides, once care goes on"
    )


def test_each_id_under_which_the_patient_signed_holds_care_whenever_it_is_found() -> None:
    play = merged(before("session.release"), SELF)
    signed = list(dict.fromkeys(made.by for made in reversed(play.journey.sign_offs)))
    assert len(signed) > 1
    for found in range(1, len(signed) + 1):
        told(play, also_known_as=[play.journey.patient.ref, SELF, *signed[:found]])
    held = [hold.source for hold in play.journey.standing_holds if hold.cause == "acted_by_patient"]
    assert held == signed


def acted_without_signing() -> dict[str, Play]:
    """Journeys in which somebody acted and signed nothing, by who."""
    checked = after("session.check")
    made = checked.journey.sessions[1].check
    assert made is not None
    assert made.observer is not None
    observed = after("session.dose")
    observed.later(minutes=15)
    observer = person(made.observer.ref, Role.OBSERVER)
    observed.do(observation(observed.journey, 1, 15, observed.at), observer)
    return {made.by: checked, checked.journey.coordinator: after("session.schedule"), observer.id: observed}


@pytest.mark.parametrize("known_by", ["own events", "another journey's", "a licence"])
@pytest.mark.parametrize("number", range(3))
def test_who_acted_and_signed_nothing_and_turns_out_to_be_the_patient_holds_care(number: int, known_by: str) -> None:
    """Their checklist and their observation of themselves counted, and nobody looked at it."""
    who, play = [*acted_without_signing().items()][number]
    if known_by == "own events":
        merged(play, who)
    elif known_by == "another journey's":
        tell_the_other(merged(after("evaluation.record"), who), play)
    else:
        merged(play, SELF)
        one_licence = person(SELF, Role.CLINICIAN).licence
        same = (member_of(person(each, Role.CLINICIAN)) for each in (SELF, who))
        play.do(c.TakeInStaff(members=tuple(m.model_copy(update={"licence": one_licence}) for m in same)), CLOCK)
        assert play.journey.is_patient(who)
    [hold] = [hold for hold in play.journey.standing_holds if hold.cause == "acted_by_patient"]
    assert (hold.severe, hold.source) == (True, who)
    found = evidence(play.journey, SignOffKind.SEVERE_HOLD_RELEASE, hold.id)["content"]["found"]
    assert found["signed"] == []
    assert found["did"][who]
    play.do(c.RequestSupport(urgency="routine", text="x"), person(who, Role.COORDINATOR))
    told(play, doses=[dose(START - timedelta(days=300))])
    held = [hold for hold in play.journey.holds.values() if hold.cause == "acted_by_patient"]
    assert len(held) == 1, "what they do as the patient is nobody else's"


@given(st.sets(st.sampled_from([*PEOPLE.values()]), min_size=1, max_size=3))
def test_whoever_turns_out_to_be_the_patient_holds_care_exactly_if_they_acted(people: set[Actor]) -> None:
    play = after("session.schedule")
    ids = sorted({each.id for each in people if each.role != Role.PATIENT} | {"nobody-here"})
    acted = {event.actor_id for event in course("PTSD").events if event.version <= play.journey.version}
    told(play, also_known_as=[play.journey.patient.ref, *ids])
    held = {hold.source for hold in play.journey.standing_holds if hold.cause == "acted_by_patient"}
    assert held == acted & {*ids}


def test_nobody_is_their_own_emergency_contact_from_the_beginning() -> None:
    opening = referral(PROTOCOLS["PTSD"], ELSEWHERE)
    assert isinstance(opening.body, c.StartPathway)
    patient = opening.body.patient
    own = patient.model_copy(update={"emergency_contact_ref": patient.ref})
    decided = decide(None, opening.model_copy(update={"body": opening.body.model_copy(update={"patient": own})}), START)
    assert isinstance(decided, Refusal)
    assert decided.field == "patient.emergency_contact_ref"


MERGE = c.ProposeMerge(other="demo-patient-other", reason="the same birth date and address (invented)")


def test_two_people_sign_that_two_patients_are_one() -> None:
    play = after("evaluation.record")
    assert kinds(play.do(MERGE, Role.COORDINATOR)) == ["patient.merge-proposed"]
    assert kinds(play.sign_once(SignOffKind.PATIENT_MERGE, "merge-1")) == ["signoff.signed"]
    followed = play.sign_once(SignOffKind.PATIENT_MERGE, "merge-1")
    assert kinds(followed) == ["signoff.signed", "patient.merged"]
    assert followed[-1].other == MERGE.other
    play.refused(MERGE, Role.COORDINATOR, code=RefusalCode.ALREADY_DONE, field="other")
    assert not play.asks_for(SignOffKind.PATIENT_MERGE, "merge-1")


@pytest.mark.parametrize("ended", ["before", "after"])
def test_no_ending_takes_away_that_somebody_noticed_two_patients_who_are_one(ended: str) -> None:
    """Doses of the one count for the other, who may have a journey elsewhere, only once it is decided."""
    play = after("evaluation.record")
    if ended == "after":
        play.do(MERGE, Role.COORDINATOR)
    play.do(c.Withdraw(), Role.PATIENT)
    assert play.journey.closed is (ended == "before")
    if ended == "before":
        play.do(MERGE, Role.COORDINATOR)
    assert play.asks_for(SignOffKind.PATIENT_MERGE, "merge-1")
    assert "patient.merged" in kinds(play.sign(SignOffKind.PATIENT_MERGE, "merge-1"))
    assert play.journey.closed
    assert not play.journey.waiting


def test_no_dose_before_it_is_decided_whether_two_patients_are_one() -> None:
    play = before("session.release")
    play.do(MERGE, Role.COORDINATOR)
    assert "whether another patient is this one is not decided" in gate(play)
    play.sign_once(SignOffKind.PATIENT_MERGE, "merge-1", decision="decline")
    play.do(c.ReleaseSession(session=1), Role.SESSION_MONITOR)
    play.do(MERGE, Role.COORDINATOR)


def identity_is_asked(there: Play) -> None:
    there.do(MERGE, Role.COORDINATOR)


def identity_is_doubted(there: Play) -> None:
    doubted(merged(there, MERGE.other))


@pytest.mark.parametrize("asked", [identity_is_asked, identity_is_doubted])
@pytest.mark.parametrize("decision", ["approve", "decline"])
def test_a_merge_that_is_asked_in_one_journey_is_known_and_waited_for_in_the_other(
    asked: Callable[[Play], None], decision: str
) -> None:
    """A dose was given here while it was not decided there whose doses count."""
    there, here = after("evaluation.record"), before("session.release")
    asked(there)
    tell_the_other(there, here)
    assert any("not decided in another journey" in why for why in dose_gate(here.journey, 1, here.at))
    waiting = here.waits_for("identity_elsewhere")
    assert waiting is not None
    assert (waiting.owner, waiting.person) == (Role.CLINICIAN, here.journey.clinician)
    assert waiting.steps
    kind = SignOffKind.PATIENT_MERGE if asked == identity_is_asked else SignOffKind.PATIENT_UNMERGE
    there.sign(kind, "merge-1", decision=decision)
    tell_the_other(there, here)
    assert here.waits_for("identity_elsewhere") is None


def test_a_released_session_is_stopped_when_it_is_asked_elsewhere_who_the_patient_is() -> None:
    there, here = after("evaluation.record"), ready()
    identity_is_asked(there)
    assert one(tell_the_other(there, here), e.SessionStopped).session == 1


def test_a_patient_is_not_merged_with_themselves() -> None:
    play = after("evaluation.record")
    own = MERGE.model_copy(update={"other": play.journey.patient.ref})
    play.refused(own, Role.COORDINATOR, code=RefusalCode.CONTRADICTS, field="other")


# A merge that was wrong
def doubted(play: Play) -> Play:
    play.do(c.ProposeUnmerge(merge="merge-1", reason="two people with one name (invented)"), Role.COORDINATOR)
    return play


def two_taken_for_one() -> tuple[Play, Play]:
    """A journey in which a dose was given and a limit made tighter, and another patient's, merged into it; each has
    taken in what the other says."""
    there, here = merged(after("session.end"), OTHER), before("session.schedule")
    there.do(c.SetLimits(limits={DoseLimit.MAX_SINGLE_DOSE: 40}, reason="faint after the dose (invented)"))
    here.at = max(here.at, there.at)
    there.at = here.at
    here.journey = here.journey.model_copy(update={"patient": here.journey.patient.model_copy(update={"ref": OTHER})})
    told(here, **see_elsewhere([there.journey], MEDICINE).model_dump())
    told(there, **see_elsewhere([here.journey], MEDICINE).model_dump())
    release_all(here)
    release_all(there)
    return there, here


def release_all(play: Play) -> None:
    for hold in tuple(play.journey.standing_holds):
        play.sign(SignOffKind.SEVERE_HOLD_RELEASE if hold.severe else SignOffKind.HOLD_RELEASE, hold.id)


OTHER = "demo-patient-other"


def test_two_people_sign_that_a_merge_was_wrong_and_nothing_is_removed() -> None:
    there, _ = two_taken_for_one()
    doses, taken_in = there.journey.own_doses, there.journey.elsewhere
    assert there.journey.is_patient(OTHER)
    doubted(there)
    assert there.journey.is_patient(OTHER), "nobody has signed it"
    assert kinds(there.sign_once(SignOffKind.PATIENT_UNMERGE, "merge-1")) == ["signoff.signed"]
    assert there.journey.merges["merge-1"].merged
    followed = there.sign_once(SignOffKind.PATIENT_UNMERGE, "merge-1")
    assert one(followed, e.PatientUnmerged).other == OTHER
    assert not there.asks_for(SignOffKind.PATIENT_UNMERGE, "merge-1")
    assert there.journey.own_doses == doses
    assert there.journey.elsewhere == taken_in, "until the record says what counts now"
    there.refused(c.ProposeUnmerge(merge="merge-1", reason="x"), code=RefusalCode.ALREADY_DONE, field="merge")
    told(there)
    assert not there.journey.is_patient(OTHER)
    assert there.journey.known_doses == doses
    there.do(c.ProposeMerge(other=OTHER, reason="they are one after all (invented)"), Role.COORDINATOR)
    assert there.asks_for(SignOffKind.PATIENT_MERGE, "merge-2")


def test_both_patients_are_held_and_told_and_what_became_looser_waits_for_two_signatures() -> None:
    there, here = two_taken_for_one()
    assert limit_of(here.journey, DoseLimit.MAX_SINGLE_DOSE) == 40
    for play in (there, here):
        known = len(play.events)
        if play is there:
            followed = doubted(play).sign(SignOffKind.PATIENT_UNMERGE, "merge-1") + told(play)
        else:
            followed = told(play)
            assert one(followed, e.HistoryTakenIn).parted == (there.journey.patient.ref,)
        assert one(followed, e.HoldPlaced).severe
        [hold] = play.journey.standing_holds
        assert {notice.to for event in play.events[known:] for notice in notices(event)} >= {
            Role.PATIENT, Role.COORDINATOR, Role.CLINICIAN, Role.ON_CALL_CLINICIAN,
        }  # fmt: skip
        play.sign_once(SignOffKind.SEVERE_HOLD_RELEASE, hold.id)
        assert play.journey.held, "one of two"
        play.sign_once(SignOffKind.SEVERE_HOLD_RELEASE, hold.id)
        assert not play.journey.held
    assert limit_of(here.journey, DoseLimit.MAX_SINGLE_DOSE) != 40
    assert here.journey.known_doses == ()
    assert told(here) == [], "once"


def test_no_dose_while_it_is_not_decided_whether_a_merge_was_wrong() -> None:
    play = before("session.release")
    merged(play, OTHER)
    told(play, also_known_as=[OTHER])
    play.sign(SignOffKind.CLEARANCE, "1")
    doubted(play)
    assert "decide whether a merge was wrong" in gate(play)
    play.sign_once(SignOffKind.PATIENT_UNMERGE, "merge-1", decision="decline")
    assert play.journey.is_patient(OTHER)
    assert not play.asks_for(SignOffKind.PATIENT_UNMERGE, "merge-1")
    told(play, also_known_as=[OTHER], doses=[dose(play.at - timedelta(days=300))])
    assert not play.asks_for(SignOffKind.PATIENT_UNMERGE, "merge-1"), "what was declined is not asked again by itself"
    doubted(play)
    assert play.asks_for(SignOffKind.PATIENT_UNMERGE, "merge-1")


@pytest.mark.parametrize("signed_before", [0, 1], ids=["by the first", "by the second"])
def test_a_doubt_that_was_declined_is_decided_on_anew_also_in_the_same_words(signed_before: int) -> None:
    """It was taken, and nobody was asked."""
    play = doubted(merged(after("evaluation.record"), OTHER))
    for _ in range(signed_before):
        play.sign_once(SignOffKind.PATIENT_UNMERGE, "merge-1")
    play.sign_once(SignOffKind.PATIENT_UNMERGE, "merge-1", decision="decline")
    assert not play.asks_for(SignOffKind.PATIENT_UNMERGE, "merge-1")
    doubted(play)
    play.sign(SignOffKind.PATIENT_UNMERGE, "merge-1")
    assert play.journey.merges["merge-1"].undone


@pytest.mark.parametrize("state", ["nothing", "proposed", "declined"])
def test_what_was_never_merged_is_not_taken_apart(state: str) -> None:
    play = after("evaluation.record")
    if state != "nothing":
        play.do(MERGE, Role.COORDINATOR)
    if state == "declined":
        play.sign_once(SignOffKind.PATIENT_MERGE, "merge-1", decision="decline")
    code = RefusalCode.UNKNOWN if state == "nothing" else RefusalCode.ALREADY_DONE
    play.refused(c.ProposeUnmerge(merge="merge-1", reason="x"), Role.COORDINATOR, code=code, field="merge")


def test_a_merge_can_be_undone_after_the_journey_has_closed() -> None:
    play = merged(after("evaluation.record"), OTHER)
    play.do(c.Withdraw(), Role.PATIENT)
    assert play.journey.closed
    doubted(play)
    play.sign(SignOffKind.PATIENT_UNMERGE, "merge-1")
    assert play.journey.merges["merge-1"].undone


def test_who_is_still_one_by_another_merge_parts_from_one_only() -> None:
    play = after("evaluation.record")
    own = play.journey.patient.ref
    told(play, also_known_as=["a", "b", own])
    followed = told(play, also_known_as=["b", own])
    assert one(followed, e.HistoryTakenIn).parted == ("a",)
    assert one(followed, e.HoldPlaced).severe
    assert one(told(play), e.HoldPlaced).severe, "another parting is another fact"
    merged(play, "c")
    told(play, also_known_as=["c", "d"])
    assert one(told(play), e.HistoryTakenIn).parted == ("d",), "c is theirs by this journey's own merge"


@pytest.mark.parametrize("unreadable", [False, True], ids=["not read yet", "unreadable"])
def test_a_parting_that_is_told_after_the_release_holds_again(unreadable: bool) -> None:
    """Known here alone, with no reference to part from: the other one's doses vanished, and nothing was held."""
    play, long_ago = merged(after("evaluation.record"), OTHER), [dose(START - timedelta(days=300))]
    told(play, doses=long_ago)
    doubted(play).sign(SignOffKind.PATIENT_UNMERGE, "merge-1")
    if unreadable:
        told(play, doses=long_ago, unreadable=True)
    release_all(play)
    assert not play.journey.held
    assert play.journey.known_doses
    followed = told(play)
    assert one(followed, e.HoldPlaced).cause == "patients_parted"
    assert one(followed, e.HoldPlaced).severe
    release_all(play)
    assert not play.journey.held
    told(play, doses=long_ago)
    assert kinds(told(play)) == ["history.taken-in"], "a dose that was taken back there is another fact"


def test_a_parting_that_is_told_while_it_is_held_holds_once() -> None:
    play = merged(after("evaluation.record"), OTHER)
    told(play, doses=[dose(START - timedelta(days=300))])
    doubted(play).sign(SignOffKind.PATIENT_UNMERGE, "merge-1")
    told(play)
    assert [hold.source for hold in play.journey.standing_holds] == ["merge-1"]
    release_all(play)
    told(play, doses=[dose(START - timedelta(days=200))])
    assert kinds(told(play)) == ["history.taken-in"]


def patients_told(play: Play, known: int) -> int:
    told_of = [notice for event in play.events[known:] for notice in notices(event)]
    return sum(notice.kind == "patients_parted" and notice.to == Role.PATIENT for notice in told_of)


@pytest.mark.parametrize("chain", [[], ["c"], ["c", "d"]], ids=["two", "three", "four"])
def test_of_a_parting_the_patient_is_told_once_also_in_a_chain(chain: list[str]) -> None:
    """Whoever is one with the other is somebody else too, and that is the same news."""
    play = merged(after("evaluation.record"), OTHER)
    told(play, also_known_as=[OTHER, *chain, play.journey.patient.ref])
    known = len(play.events)
    doubted(play).sign(SignOffKind.PATIENT_UNMERGE, "merge-1")
    told(play)
    assert [hold.cause for hold in play.journey.standing_holds] == ["patients_parted"]
    assert patients_told(play, known) == 1
    merged(play, "e")
    told(play, also_known_as=["f", "e", play.journey.patient.ref])
    told(play, also_known_as=["e", play.journey.patient.ref])
    assert patients_told(play, known) == 2, "that somebody else parted is news"


def test_of_one_parting_the_patient_is_told_once_by_whichever_of_their_journeys() -> None:
    """Each open journey told of it: the patient heard as often as they have medicines."""
    here, beside = merged(after("evaluation.record"), OTHER), after("evaluation.record")
    tell_the_other(here, beside)
    doubted(here).sign(SignOffKind.PATIENT_UNMERGE, "merge-1")
    parted = one(tell_the_other(here, beside), e.HistoryTakenIn)
    assert (parted.parted, parted.told) == ((OTHER,), False), "the journey of the merge has told it"
    assert [hold.cause for hold in beside.journey.standing_holds] == ["patients_parted"]


def test_the_other_patient_is_told_once_too_and_again_of_another_parting() -> None:
    first, second = after("evaluation.record"), after("evaluation.record")
    for times in (1, 2):
        for each in (first, second):
            told(each, also_known_as=[OTHER, each.journey.patient.ref])
        told(first)
        assert one(tell_the_other(first, second), e.HistoryTakenIn).parted == (OTHER,)
        assert (patients_told(first, 0), patients_told(second, 0)) == (times, 0)


def test_a_parting_after_another_merge_is_told_again() -> None:
    """What the patient heard of an earlier parting of the same two says nothing of this one."""
    play = merged(after("evaluation.record"), OTHER)
    one_patient = [OTHER, play.journey.patient.ref]
    told(play, also_known_as=one_patient)
    doubted(play).sign(SignOffKind.PATIENT_UNMERGE, "merge-1")
    told(play)
    for times in (2, 3):
        told(play, also_known_as=one_patient)
        assert one(told(play), e.HistoryTakenIn).told, "merged again by another journey, and parted there"
        assert patients_told(play, 0) == times


def test_what_another_journey_told_of_an_earlier_parting_is_not_this_one() -> None:
    play = after("evaluation.record")
    one_patient = [OTHER, play.journey.patient.ref]
    told(play, also_known_as=one_patient)
    assert not one(told(play, told_parted=[OTHER]), e.HistoryTakenIn).told
    told(play, also_known_as=one_patient, told_parted=[OTHER])
    assert one(told(play, told_parted=[OTHER]), e.HistoryTakenIn).told


@pytest.mark.parametrize("named", [True, False], ids=["known by both", "known here alone"])
@pytest.mark.parametrize("where", ["here", "elsewhere", "with the other"])
def test_nobody_writes_to_a_patient_who_died_and_a_living_one_is_told(where: str, named: bool) -> None:
    play = merged(after("evaluation.record"), OTHER)
    names = [OTHER, play.journey.patient.ref] if named else []
    died = KnownRisk(source=ELSEWHERE, type="death", what="confirmed", since=play.at, open=True)
    elsewhere = [] if where == "here" else [died]
    told(play, also_known_as=names, risks=elsewhere)
    if where == "here":
        play.do(c.RecordDeath(related="no", reason="invented"), Role.OBSERVER)
        play.sign(SignOffKind.DEATH, "death-1")
        assert play.journey.died
    known = len(play.events)
    doubted(play).sign(SignOffKind.PATIENT_UNMERGE, "merge-1")
    told(play, risks=elsewhere if where == "elsewhere" else [])
    told(play, doses=[dose(play.at - timedelta(days=300))], risks=elsewhere if where == "elsewhere" else [])
    assert patients_told(play, known) == (where == "with the other")


def test_who_cannot_be_read_now_parts_from_nobody() -> None:
    """The patient was told that somebody else had been taken for them, and two people had to release care."""
    play = after("evaluation.record")
    own = play.journey.patient.ref
    told(play, also_known_as=["a", own])
    known = len(play.events)
    for _ in range(2):
        assert one(told(play, unreadable=True), e.HistoryTakenIn).parted == ()
        assert play.journey.is_patient("a")
        assert one(told(play, also_known_as=["a", own]), e.HistoryTakenIn).parted == ()
    assert [hold.cause for hold in play.journey.standing_holds] == []
    assert patients_told(play, known) == 0
    told(play, unreadable=True)
    assert one(told(play), e.HistoryTakenIn).parted == ("a",), "two people signed it meanwhile"
    assert play.journey.held
    assert patients_told(play, known) == 1
