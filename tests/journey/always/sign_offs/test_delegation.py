"""Standing in: a right lent to a named colleague until a time, and somebody asked in the clinician's place."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from simulation.people import PEOPLE
from tests.journey.elsewhere import merged
from tests.journey.play import Play, after, before, kinds, one, person
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.authorization import delegations_of
from workflows.journey.obligations import next_deadline
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Obligation
from workflows.journey.signing_rights import signing_rights
from workflows.journey.vocabulary.actors import CLINICAL, CLOCK, Actor, Role
from workflows.journey.vocabulary.calendars import working_time_between
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode
from workflows.journey.vocabulary.stage import Stage

CLINICIAN, DIRECTOR = PEOPLE[Role.CLINICIAN], PEOPLE[Role.MEDICAL_DIRECTOR]
ON_CALL = PEOPLE[Role.ON_CALL_CLINICIAN]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def asked() -> Play:
    """A complete evaluation waits to be signed, which only clinicians may."""
    return before("signoff.sign")


def lend(play: Play, to: Actor, by: Actor = CLINICIAN, until: timedelta = DAY, *sign_offs: SignOffKind) -> str:
    body = c.Delegate(
        to=to.id, sign_offs=sign_offs or (SignOffKind.EVALUATION,), until=play.at + until, reason="leave (invented)"
    )
    return str(one(play.do(body, by), e.Delegated).delegation)


# Delegation


def test_colleague_signs_as_themselves_with_a_right_that_was_lent_to_them() -> None:
    play = asked()
    play.refused(
        play.signature(SignOffKind.EVALUATION), ON_CALL, code=RefusalCode.NOT_ALLOWED, says="may not sign this"
    )
    lend(play, ON_CALL)
    play.sign(SignOffKind.EVALUATION, by=ON_CALL)
    assert play.journey.stage == Stage.SCREENING
    assert (play.journey.sign_offs[-1].by, play.journey.sign_offs[-1].role) == (ON_CALL.id, ON_CALL.role)
    assert (play.journey.sign_offs[-1].name, play.journey.sign_offs[-1].licence) == (ON_CALL.name, ON_CALL.licence)


@pytest.mark.parametrize(("after_until", "may"), [(-1, True), (0, False), (1, False)])
def test_right_that_was_lent_ends_exactly_when_it_should(after_until: int, may: bool) -> None:
    play = asked()
    lend(play, ON_CALL, CLINICIAN, HOUR)
    play.at += HOUR + timedelta(microseconds=after_until)
    if may:
        play.sign(SignOffKind.EVALUATION, by=ON_CALL)
    else:
        play.refused(
            play.signature(SignOffKind.EVALUATION), ON_CALL, code=RefusalCode.NOT_ALLOWED, says="may not sign this"
        )


@pytest.mark.parametrize("until", [timedelta(weeks=4, microseconds=1), timedelta(weeks=5), timedelta(days=365)])
def test_a_right_is_lent_for_weeks_at_most(until: timedelta) -> None:
    play = asked()
    body = c.Delegate(to=ON_CALL.id, sign_offs=(SignOffKind.EVALUATION,), until=play.at + until, reason="x")
    play.refused(body, CLINICIAN, code=RefusalCode.OUT_OF_LIMITS, field="until", says="at most 28 days")
    lend(play, ON_CALL, CLINICIAN, timedelta(weeks=4))


def test_a_right_that_was_lent_ends_with_its_givers_licence() -> None:
    play = asked()
    last = play.at.date() + timedelta(days=2)
    lend(play, ON_CALL, person(CLINICIAN.id, Role.CLINICIAN, expires=last), timedelta(weeks=2))
    play.later(days=4)
    play.refused(
        play.signature(SignOffKind.EVALUATION), ON_CALL, code=RefusalCode.NOT_ALLOWED, says="may not sign this"
    )


@pytest.mark.parametrize(("states", "listed"), [(["CA"], True), (["NV", "CA"], True), (["NV"], False)])
def test_lists_name_a_delegate_only_where_the_givers_licence_counts(states: list[str], listed: bool) -> None:
    """As when the patient moved after the right was lent."""
    play = asked()
    name = lend(play, ON_CALL)
    given = play.journey.delegations[name]
    licence = given.licence.model_copy(update={"states": tuple(states)})
    play = play.changed(delegations={name: given.model_copy(update={"licence": licence})})
    named = [person for person, _ in signing_rights(play.journey, SignOffKind.EVALUATION, None).delegates]
    assert (ON_CALL.id in named) is listed
    roles = play.journey.protocol.sign_offs[SignOffKind.EVALUATION].roles
    lent = delegations_of(play.journey, SignOffKind.EVALUATION, roles, ON_CALL.id, play.at)
    assert bool(lent) is listed, "as when it is signed"


def test_a_right_that_was_lent_by_who_turns_out_to_be_the_patient_counts_no_more() -> None:
    """Whoever decides on it would decide in the patient's place."""
    play = asked()
    giver = person("giver", Role.CLINICIAN)
    lend(play, ON_CALL, giver, timedelta(weeks=2))
    assert signing_rights(play.journey, SignOffKind.EVALUATION, None).delegates
    merged(play, giver.id)
    [hold] = play.journey.standing_holds
    play.sign(SignOffKind.SEVERE_HOLD_RELEASE, hold.id)
    assert not signing_rights(play.journey, SignOffKind.EVALUATION, None).delegates
    play.refused(
        play.signature(SignOffKind.EVALUATION), ON_CALL, code=RefusalCode.NOT_ALLOWED, says="may not sign this"
    )


@pytest.mark.parametrize("who", ["giver", "medical director"])
def test_right_that_was_lent_is_ended_early(who: str) -> None:
    play = asked()
    given, other = lend(play, ON_CALL), lend(play, ON_CALL, person("colleague", Role.CLINICIAN))
    for somebody in (ON_CALL, person("third", Role.CLINICIAN)):
        play.refused(c.EndDelegation(delegation=given), somebody, code=RefusalCode.NOT_ALLOWED, says="whoever gave it")
    play.refused(c.EndDelegation(delegation=given), Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED, says="may not send")
    by = CLINICIAN if who == "giver" else DIRECTOR
    assert kinds(play.do(c.EndDelegation(delegation=given), by)) == ["signoff.delegation-ended"]
    play.refused(c.EndDelegation(delegation=given), by, code=RefusalCode.ALREADY_DONE, field="delegation")
    assert play.journey.delegations[other].until == play.at + DAY, "another's is another matter"
    play.do(c.EndDelegation(delegation=other), DIRECTOR)
    play.refused(
        play.signature(SignOffKind.EVALUATION), ON_CALL, code=RefusalCode.NOT_ALLOWED, says="may not sign this"
    )
    play.refused(c.EndDelegation(delegation="delegation-9"), by, code=RefusalCode.UNKNOWN, field="delegation")


def test_what_was_signed_with_a_lent_right_stays_signed_when_that_ends() -> None:
    play = asked()
    given = lend(play, ON_CALL)
    play.sign(SignOffKind.EVALUATION, by=ON_CALL)
    play.do(c.EndDelegation(delegation=given))
    play.later(days=2)
    play.clock()
    assert play.journey.stage == Stage.SCREENING
    assert not play.asks_for(SignOffKind.EVALUATION)


def test_lent_right_is_for_the_kinds_it_names() -> None:
    play = asked()
    lend(play, ON_CALL, CLINICIAN, DAY, SignOffKind.PLAN, SignOffKind.ELIGIBILITY)
    play.refused(
        play.signature(SignOffKind.EVALUATION), ON_CALL, code=RefusalCode.NOT_ALLOWED, says="may not sign this"
    )


def test_delegate_passes_nothing_on() -> None:
    play, third = asked(), person("third", Role.ON_CALL_CLINICIAN)
    lend(play, ON_CALL)
    passed_on = c.Delegate(to=third.id, sign_offs=(SignOffKind.EVALUATION,), until=play.at + DAY, reason="x")
    play.refused(passed_on, ON_CALL, code=RefusalCode.NOT_ALLOWED, field="sign_offs", says="cannot pass it on")
    mixed = passed_on.model_copy(update={"sign_offs": (SignOffKind.CLEARANCE, SignOffKind.EVALUATION)})
    play.refused(mixed, ON_CALL, code=RefusalCode.NOT_ALLOWED, field="sign_offs")
    play.do(mixed.model_copy(update={"sign_offs": (SignOffKind.CLEARANCE,)}), ON_CALL)
    play.refused(play.signature(SignOffKind.EVALUATION), third, code=RefusalCode.NOT_ALLOWED, says="may not sign this")


@pytest.mark.parametrize(
    ("to", "until", "code", "field"),
    [
        (CLINICIAN.id, DAY, RefusalCode.UNKNOWN, "to"),
        ("colleague", timedelta(0), RefusalCode.WRONG_TIME, "until"),
        ("colleague", -HOUR, RefusalCode.WRONG_TIME, "until"),
    ],
)
def test_delegation_is_to_somebody_else_and_still_to_come(
    to: str, until: timedelta, code: RefusalCode, field: str
) -> None:
    play = asked()
    body = c.Delegate(to=to, sign_offs=(SignOffKind.EVALUATION,), until=play.at + until, reason="x")
    play.refused(body, code=code, field=field)


def test_delegation_needs_a_licence_and_its_end_does_not() -> None:
    play = asked()
    given = lend(play, ON_CALL)
    expired = person(CLINICIAN.id, Role.CLINICIAN, expires=play.at.date() - timedelta(days=3))
    body = c.Delegate(to="x", sign_offs=(SignOffKind.EVALUATION,), until=play.at + DAY, reason="x")
    play.refused(body, expired, code=RefusalCode.NOT_ALLOWED, says="expired")
    play.do(c.EndDelegation(delegation=given), expired)


def test_delegate_needs_a_licence_of_their_own() -> None:
    play = asked()
    away = person("away", Role.ON_CALL_CLINICIAN, states=("NY",))
    lend(play, away)
    play.refused(
        play.signature(SignOffKind.EVALUATION), away, code=RefusalCode.NOT_ALLOWED, says="does not cover the state"
    )


def test_delegation_changes_nobody_who_is_asked_and_no_clock() -> None:
    play = asked()
    was = play.journey.waiting
    lend(play, ON_CALL)
    assert play.journey.waiting == was


# Cover


def clock(waiting: Obligation | None) -> tuple[Any, ...]:
    assert waiting is not None
    return waiting.id, waiting.since, waiting.deadline, waiting.steps, waiting.taken


def cover(play: Play, by: str = "stand-in", until: timedelta = DAY) -> None:
    bodies = play.do(c.Cover(by=by, until=play.at + until, reason="leave (invented)"), Role.COORDINATOR)
    assert kinds(bodies) == ["pathway.covered"]


def test_stand_in_is_asked_on_the_same_clock_and_the_clinician_again_afterwards() -> None:
    play = asked()
    play.wait(hours=30)
    before_it = play.request(SignOffKind.EVALUATION)
    assert before_it.person == CLINICIAN.id
    assert before_it.taken > 0
    cover(play)
    during = play.request(SignOffKind.EVALUATION)
    assert during.person == "stand-in"
    assert clock(during) == clock(before_it)
    play.at += DAY - timedelta(microseconds=1)
    play.do(c.PassDeadline(), CLOCK)
    assert play.journey.clinician == "stand-in"
    last = play.request(SignOffKind.EVALUATION)
    play.at += timedelta(microseconds=1)
    assert kinds(play.do(c.PassDeadline(), CLOCK))[-1] == "pathway.cover-ended"
    afterwards = play.request(SignOffKind.EVALUATION)
    assert afterwards.person == CLINICIAN.id
    assert (afterwards.since, afterwards.deadline, afterwards.steps) == (last.since, last.deadline, last.steps)
    assert play.journey.covered is None


def test_everything_that_is_the_clinicians_is_the_stand_ins() -> None:
    play = after("session.end")
    play.do(c.AskQuestion(text="may I drive?"), Role.PATIENT)
    play.do(c.RequestSupport(urgency="clinical", text="worried"), Role.PATIENT)
    was = {w.id: w for w in play.journey.waiting.values() if w.person == CLINICIAN.id}
    assert len(was) >= 3
    cover(play)
    assert {w.id for w in play.journey.waiting.values() if w.person == "stand-in"} == set(was)
    assert not [w for w in play.journey.waiting.values() if w.person == CLINICIAN.id]
    assert [clock(play.journey.waiting[name]) for name in was] == [clock(kept) for kept in was.values()]


def test_stand_in_is_told_of_nothing_twice() -> None:
    """A request that is handed over is the same request: no step is taken again."""
    play = asked()
    passed = play.wait(hours=30)
    cover(play, until=timedelta(days=3))
    passed += play.wait(days=5)
    steps = [(body.obligation, body.step) for body in passed if isinstance(body, e.ObligationEscalated)]
    assert len(steps) == len(dict.fromkeys(steps)) > 2


def test_clock_stands_still_under_a_hold_also_for_the_stand_in() -> None:
    play = asked()
    play.wait(hours=3)
    hours = play.journey.protocol.working_time
    left = working_time_between(play.at, play.request(SignOffKind.EVALUATION).deadline, hours)
    play.do(c.PlaceHold(reason="x"), Role.OBSERVER)
    cover(play)
    play.later(minutes=10)
    play.sign(SignOffKind.HOLD_RELEASE, "hold-1")
    request = play.request(SignOffKind.EVALUATION)
    assert request.person == "stand-in"
    assert working_time_between(play.at, request.deadline, hours) == left


def test_clinician_is_asked_again_when_the_cover_ends_though_nobody_does_anything() -> None:
    play = asked()
    cover(play, until=HOUR)
    play.wait(hours=2)
    assert play.request(SignOffKind.EVALUATION).person == CLINICIAN.id


def test_cover_of_a_cover_keeps_the_clinician_it_is_for() -> None:
    play = asked()
    cover(play, "first", DAY)
    cover(play, "second", 2 * DAY)
    assert play.journey.clinician == "second"
    play.at += DAY
    play.clock()
    assert play.journey.clinician == "second"
    play.at += DAY
    play.clock()
    assert (play.journey.clinician, play.journey.covered) == (CLINICIAN.id, None)


@example([("first", 2), ("second", 2), ("second", 1)])
@given(st.lists(st.tuples(st.sampled_from(["first", "second", CLINICIAN.id]), st.integers(1, 6)), max_size=5))
def test_who_stood_in_before_stands_in_again_until_their_own_time_is_over(named: list[tuple[str, int]]) -> None:
    """Whoever stands in for a stand-in for a day leaves nobody with the tasks of a clinician who is away."""
    play, until = asked(), dict[str, datetime]()
    for by, days in named:
        if by == CLINICIAN.id and play.journey.covered is None:
            continue
        cover(play, by, days * DAY)
        until = {name: end for name, end in until.items() if name != by} | {by: play.at + days * DAY}
    for _ in range(8):
        stands_in = [name for name, end in until.items() if end > play.at]
        assert play.request(SignOffKind.EVALUATION).person == [CLINICIAN.id, *stands_in][-1]
        play.at += DAY
        play.clock()
    assert (play.journey.clinician, play.journey.covered) == (CLINICIAN.id, None)


@pytest.mark.parametrize("until", [2 * DAY, HOUR])
def test_cover_is_made_longer_or_shorter(until: timedelta) -> None:
    play = asked()
    cover(play)
    cover(play, until=until)
    play.at += until - timedelta(microseconds=1)
    play.clock()
    assert play.journey.clinician == "stand-in"
    play.at += timedelta(microseconds=1)
    play.clock()
    assert play.journey.clinician == CLINICIAN.id


def test_reassigning_during_a_cover_hands_over_for_good() -> None:
    play = asked()
    cover(play)
    was = play.request(SignOffKind.EVALUATION)
    play.do(c.Reassign(duty="clinician", to="successor", reason="x"), Role.COORDINATOR)
    assert (play.journey.clinician, play.journey.covered) == ("successor", None)
    assert play.request(SignOffKind.EVALUATION).person == "successor"
    assert clock(play.request(SignOffKind.EVALUATION)) == clock(was)
    play.at += 2 * DAY
    assert "pathway.cover-ended" not in kinds(play.clock())
    assert play.journey.clinician == "successor"


def test_reassigning_the_coordinator_leaves_the_cover_alone() -> None:
    play = asked()
    cover(play)
    play.do(c.Reassign(duty="coordinator", to="successor", reason="x"), Role.COORDINATOR)
    play.at += DAY
    play.clock()
    assert play.journey.clinician == CLINICIAN.id


@pytest.mark.parametrize(
    ("by", "until", "code", "field"),
    [
        ("stand-in", timedelta(0), RefusalCode.WRONG_TIME, "until"),
        ("stand-in", -HOUR, RefusalCode.WRONG_TIME, "until"),
        (CLINICIAN.id, DAY, RefusalCode.ALREADY_DONE, "by"),
    ],
)
def test_cover_is_by_somebody_else_and_still_to_come(by: str, until: timedelta, code: RefusalCode, field: str) -> None:
    play = asked()
    play.refused(c.Cover(by=by, until=play.at + until, reason="x"), Role.COORDINATOR, code=code, field=field)


@pytest.mark.parametrize("by", [role for role in PEOPLE if role not in (Role.COORDINATOR, *CLINICAL)])
def test_cover_is_named_by_who_runs_the_journey(by: Role) -> None:
    play = asked()
    play.refused(c.Cover(by="stand-in", until=play.at + DAY, reason="x"), by, code=RefusalCode.NOT_ALLOWED)


def test_standing_in_gives_no_right_to_sign() -> None:
    play = asked()
    cover(play, ON_CALL.id)
    play.refused(
        play.signature(SignOffKind.EVALUATION), ON_CALL, code=RefusalCode.NOT_ALLOWED, says="may not sign this"
    )


@pytest.mark.parametrize(("later", "asked_then"), [(HOUR, "stand-in"), (2 * DAY, CLINICIAN.id)])
def test_what_a_closed_journey_waits_for_is_the_stand_ins_until_their_time_is_over(
    later: timedelta, asked_then: str
) -> None:
    play = asked()
    cover(play)
    play.do(c.Withdraw(), Role.PATIENT)
    assert play.journey.closed
    assert next_deadline(play.journey) is None, "nothing is awaited, and nobody has to wake it"
    play.at += later
    play.do(c.AskQuestion(text="may I drive? (invented)"), Role.PATIENT)
    asked_for = play.waits_for("question")
    assert asked_for is not None
    assert asked_for.person == asked_then


@pytest.mark.parametrize(("hours", "taken"), [(47, True), (48, True), (49, False)])
def test_nobody_stands_in_beyond_their_own_entry(hours: int, taken: bool) -> None:
    """The clinician's tasks would be nobody's from then on."""
    play = asked()
    until = play.at + timedelta(hours=hours)
    command = play.command(c.Cover(by="stand-in", until=until, reason="leave (invented)"), Role.COORDINATOR)
    [member] = command.named
    leaves = member.model_copy(update={"until": play.at + timedelta(hours=48)})
    answer = play.take(command.model_copy(update={"named": (leaves,)}))
    assert isinstance(answer, Refusal) is not taken
    if isinstance(answer, Refusal):
        assert (answer.code, answer.field) == (RefusalCode.NOT_ALLOWED, "by")
