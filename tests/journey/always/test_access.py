"""Who may look, and breaking the glass: a reason, a review by somebody else, at any time and also after the end."""

from datetime import date, timedelta

import pytest

from tests.journey.play import Play, after, before, course, kinds, one, person, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.access.rules import may_look
from workflows.journey.protocol import SignOffKind
from workflows.journey.views.notices import notices
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.journey.vocabulary.stage import Outcome

BREAK = c.BreakGlass(reason="invented: the emergency room called")
REVIEW = c.ReviewAccess(access="access-1", justified=True, text="invented: it was needed")
STRANGER = person("somebody-else", Role.CLINICIAN, states=("AK",))


def test_the_clinic_and_whom_the_plan_names_may_look() -> None:
    play = after("session.schedule")
    assert may_look(play.journey, "anybody", ("another", play.journey.clinic), play.at)
    for name in (play.journey.coordinator, play.journey.clinician, play.journey.sessions[1].session_monitor):
        assert may_look(play.journey, name, (), play.at)
    assert not may_look(play.journey, STRANGER.id, ("another",), play.at)


def test_a_stand_in_and_who_was_lent_a_right_may_look() -> None:
    play, until = before("plan.record"), before("plan.record").later(days=3).at
    play.do(c.Cover(by="stand-in", until=until, reason="invented"), Role.COORDINATOR)
    assert may_look(play.journey, "stand-in", (), play.at)
    assert may_look(play.journey, "demo-clinician", (), play.at)


@pytest.mark.parametrize(
    "how", ["its time is over", "it is taken back", "its giver's licence ends", "its giver leaves"]
)
def test_who_was_lent_a_right_may_look_as_long_as_it_lasts(how: str) -> None:
    """They went on seeing everything for good."""
    play, outside = before("signoff.sign", 1), "from-outside"
    giver = play.journey.clinician
    until = play.at + timedelta(days=2)
    play.do(c.Delegate(to=outside, sign_offs=(SignOffKind.EVALUATION,), until=until, reason="leave (invented)"))
    assert may_look(play.journey, outside, (), until - timedelta(seconds=1))
    if how == "its time is over":
        play.at = until
    elif how == "it is taken back":
        play.do(c.EndDelegation(delegation="delegation-1"))
    elif how == "its giver leaves":
        gone = [m.model_copy(update={"until": play.at}) for m in play.journey.members if m.id == giver]
        play.do(c.TakeInStaff(members=tuple(gone)), CLOCK)
    else:
        given = play.journey.delegations["delegation-1"]
        over = given.licence.model_copy(update={"expires": date(2026, 1, 1)})
        play = play.changed(delegations={given.id: given.model_copy(update={"licence": over})})
    assert not may_look(play.journey, outside, (), play.at)


def test_who_had_a_part_in_a_session_may_look_until_it_ends_and_something_is_awaited_of_them() -> None:
    play = before("session.observe", 1)
    sessions = {1: play.journey.sessions[1].model_copy(update={"session_monitor": "somebody-who-left"})}
    play = play.changed(sessions=sessions)
    assert may_look(play.journey, "somebody-who-left", (), play.at)
    ended = sessions[1].model_copy(update={"ended_at": play.at})
    play = play.changed(sessions={1: ended}, waiting=type(play.journey.waiting)())
    assert not may_look(play.journey, "somebody-who-left", (), play.at)


def test_acting_or_being_refused_lets_nobody_in() -> None:
    play = started()
    play.do(c.RequestSupport(urgency="routine", text="invented"), STRANGER)
    assert not may_look(play.journey, STRANGER.id, (), play.at)


@pytest.mark.parametrize("where", [started(), before("session.dose"), course("ANXIETY")])
def test_breaking_the_glass_is_reviewed_whatever_the_stage(where: Play) -> None:
    play = Play(where.journey, where.at).later(hours=1)
    assert kinds(play.do(BREAK, STRANGER)) == ["access.glass-broken"]
    waiting = play.waits_for("access_review", "access-1")
    assert waiting is not None
    assert waiting.owner == Role.MEDICAL_DIRECTOR
    assert waiting.deadline > play.at
    assert not may_look(play.journey, STRANGER.id, (), play.at)

    assert kinds(play.do(REVIEW, Role.MEDICAL_DIRECTOR)) == ["access.reviewed"]
    assert play.waits_for("access_review") is None
    play.refused(REVIEW, Role.MEDICAL_DIRECTOR, code=RefusalCode.ALREADY_DONE, field="access")


def test_each_access_is_reviewed_by_itself() -> None:
    play = started()
    play.do(BREAK, STRANGER)
    play.do(BREAK, STRANGER)
    play.do(REVIEW.model_copy(update={"access": "access-2", "justified": False}), Role.MEDICAL_DIRECTOR)
    assert play.waits_for("access_review", "access-1") is not None
    assert play.waits_for("access_review", "access-2") is None
    assert play.journey.accesses["access-2"].justified is False


def test_nobody_reviews_their_own_access() -> None:
    play, director = started(), person("other-director", Role.MEDICAL_DIRECTOR)
    play.do(BREAK, director)
    play.refused(REVIEW, director, code=RefusalCode.NOT_ALLOWED, says="who looked does not review it")
    play.do(REVIEW, Role.MEDICAL_DIRECTOR)


def test_when_the_director_looked_the_next_role_is_asked_and_told() -> None:
    play = started()
    play.do(BREAK, Role.MEDICAL_DIRECTOR)
    waiting = play.waits_for("access_review", "access-1")
    assert waiting is not None
    assert waiting.owner == Role.CLINICIAN
    assert [(n.kind, n.to) for n in notices(play.events[-1])] == [("glass_broken", Role.CLINICIAN)]
    passed = [body for body in play.wait(days=7) if isinstance(body, e.ObligationEscalated)]
    assert [body.to for body in passed if body.obligation == waiting.id] == [Role.CLINICIAN, Role.CLINICIAN, Role.OPS]
    play.refused(REVIEW, Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED, says="medical_director or clinician")
    play.do(REVIEW, Role.CLINICIAN)
    assert play.waits_for("access_review") is None


def test_the_next_role_reviews_nobody_whom_the_first_can_review() -> None:
    play = started()
    play.do(BREAK, STRANGER)
    assert [(n.kind, n.to) for n in notices(play.events[-1])] == [("glass_broken", Role.MEDICAL_DIRECTOR)]
    play.refused(REVIEW, Role.CLINICIAN, code=RefusalCode.NOT_ALLOWED, says="the protocol asks for medical_director")


def test_who_may_not_and_what_is_not_there() -> None:
    play = started()
    play.refused(BREAK, Role.PATIENT, code=RefusalCode.NOT_ALLOWED)
    play.refused(REVIEW, Role.MEDICAL_DIRECTOR, code=RefusalCode.UNKNOWN, field="access")
    play.do(BREAK, STRANGER)
    play.refused(REVIEW, Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)


def test_a_hold_does_not_stand_in_the_way() -> None:
    play = started()
    play.do(c.PlaceHold(reason="invented"), Role.COORDINATOR)
    play.do(BREAK, STRANGER)
    play.do(REVIEW, Role.MEDICAL_DIRECTOR)
    assert play.journey.held


def test_a_pathway_closes_once_every_access_is_reviewed() -> None:
    play = started()
    play.do(BREAK, STRANGER)
    play.do(c.RecordDeath(related="no", reason="invented"), Role.OBSERVER)
    play.sign(SignOffKind.DEATH, "death-1")
    assert not play.journey.closed
    assert "pathway.closed" in kinds(play.do(REVIEW, Role.MEDICAL_DIRECTOR))
    assert play.journey.outcome == Outcome.DECEASED
    assert play.waits_for("access_review") is None


def test_what_is_over_stays_over() -> None:
    play = Play(course("PTSD").journey, course("PTSD").at)
    outcome = play.journey.outcome
    play.do(BREAK, STRANGER)
    play.refused(c.PlaceHold(reason="invented"), Role.COORDINATOR, code=RefusalCode.CLOSED)
    reminded = play.wait(days=7)
    assert [body for body in reminded if isinstance(body, e.ObligationEscalated)]
    play.do(REVIEW, Role.MEDICAL_DIRECTOR)
    assert (play.journey.outcome, play.journey.closed, dict(play.journey.waiting)) == (outcome, True, {})


def test_the_reason_is_kept() -> None:
    broken = one(started().do(BREAK, STRANGER), e.GlassBroken)
    assert broken.reason == BREAK.reason
