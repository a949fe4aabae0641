"""Suicide risk: what is found acts, what settles it came after it, and an honest answer always has a way on."""

from datetime import timedelta

import pytest

from tests.journey.contacts import handover
from tests.journey.correcting import amend
from tests.journey.instruments.vectors import c_ssrs, c_ssrs_since
from tests.journey.play import Play, after, before, kinds, one
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.safety.heightened import is_heightened
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode

DIRECTOR = Role.MEDICAL_DIRECTOR
LIFETIME = "nn---yn"
"""An attempt long ago, and nothing since."""


def ask(play: Play, marks: str, by: Role = Role.CLINICIAN, occasion: str = "asked") -> list[e.EventBody]:
    """Ask the screener (seven marks) or the form since the last contact (six)."""
    if len(marks) == 7:
        asked = c.RecordInstrument(instrument=Instrument.C_SSRS, occasion=occasion, answers=c_ssrs(marks))
    else:
        asked = c.RecordInstrument(instrument=Instrument.C_SSRS_SINCE, occasion=occasion, answers=c_ssrs_since(marks))
    return play.do(asked, by)


def item_9(play: Play, answer: int) -> list[e.EventBody]:
    answers = [0] * 8 + [answer]
    return play.do(c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="x", answers=answers), Role.PATIENT)


def reached(crisis: str = "crisis-1", **changed: object) -> c.RecordCrisisContact:
    made = {"crisis": crisis, "reached": True, "assessment": "seen (invented)", "safety_plan": True}
    return c.RecordCrisisContact.model_validate(made | changed)


def settle(play: Play) -> list[str]:
    """What follows from the second of the two signatures, besides itself."""
    followed = kinds(play.sign(SignOffKind.RISK_DECISION, choice="settled"))
    assert followed[:2] == ["signoff.signed"] * 2
    return followed[2:]


def test_a_contact_in_error_after_the_crisis_was_closed_leaves_the_next_one_owed() -> None:
    play = after("session.end")
    ask(play, "yyyyyn")
    ask(play, "nn---n")
    play.reach(reached(next_contact_at=play.at + timedelta(hours=6)))
    settle(play)
    assert play.journey.crises["crisis-1"].closed
    play.do(reached())
    asked = play.signature(SignOffKind.CRISIS_REACHED, "crisis-1")
    play.do(c.MarkInError(version=play.version_of("crisis.contact-recorded"), reason="another patient (invented)"))
    play.refused(asked, DIRECTOR, code=RefusalCode.UNKNOWN, field="request")
    assert play.journey.crises["crisis-1"].next_contact_at is not None


@pytest.mark.requirement("A39")
def test_a_lifetime_attempt_acts_when_it_is_told_and_not_for_ever() -> None:
    play = before("signoff.sign", 2)
    ask(play, LIFETIME)
    assert play.journey.held
    play.reach(reached())
    assert kinds(ask(play, "nn---n")) == ["instrument.recorded"]
    assert settle(play) == ["crisis.closed", "suicide-risk.signed", "hold.released"]
    assert kinds(ask(play, LIFETIME, occasion="again")) == ["instrument.recorded"], "what is known is known"
    assert "crisis.opened" in kinds(ask(play, "yyynyn", occasion="worse")), "what is new acts"


def test_a_lifetime_attempt_is_an_exclusion_to_review_once() -> None:
    play = before("screening.record")
    ask(play, LIFETIME)
    no = c.ScreeningAnswer(answer="no")
    play.refused(
        c.RecordScreening(exclusions={"X13": no}), code=RefusalCode.CONTRADICTS, field="exclusions.X13", says="moderate"
    )
    play.do(c.RecordScreening(exclusions={"X12": no, "X13": c.ScreeningAnswer(answer="yes")}))


@pytest.mark.parametrize(
    ("marks", "days", "what"),
    [("yyyynn-", 30, "suicidal intent"), ("yyyyn", 30, ""), ("nn---yy", 90, "suicidal behaviour"), ("nn---y", 90, "x")],
)
def test_what_is_recent_is_not_outweighed_by_a_later_no(marks: str, days: int, what: str) -> None:
    play = after("session.end")
    marks = marks if len(marks) > 5 else f"{marks}n"
    ask(play, marks)
    play.reach(reached())
    ask(play, "nn---n")
    settle(play)
    assert not play.journey.held
    for later, recent in ((days - 1, True), (days, False)):
        gate = dose_gate(play.journey, 2, play.at + timedelta(days=later))
        assert any("days ago" in obstacle for obstacle in gate) is recent, gate
    no = c.RecordScreening(exclusions={"X12": c.ScreeningAnswer(answer="no")})
    play.refused(no, code=RefusalCode.CONTRADICTS, field="exclusions.X12")
    play.later(days=days)
    play.do(no)


def test_a_corrected_older_c_ssrs_does_not_clear_a_newer_item_9() -> None:
    play = after("session.end")
    ask(play, "yn---n")
    asked = play.journey.measurements[-1].version
    item_9(play, 2)
    correction = c.RecordInstrument(
        instrument=Instrument.C_SSRS_SINCE, occasion="asked", answers=c_ssrs_since("nn---n")
    )
    play.do(c.Amend(version=asked, reason="read wrongly", correction=correction))
    assert play.journey.item_9_open
    assert play.waits_for("suicide_risk") is not None
    decision = play.signature(SignOffKind.RISK_DECISION, choice="settled")
    play.refused(decision, DIRECTOR, code=RefusalCode.INCOMPLETE, says="not yet confirmed")
    [unconfirmed] = play.journey.unconfirmed
    play.do(c.ConfirmCorrection(correction=unconfirmed, reason="compared (invented)"), DIRECTOR)
    decision = play.signature(SignOffKind.RISK_DECISION, choice="settled")
    play.refused(decision, DIRECTOR, code=RefusalCode.INCOMPLETE, says="a clinician asks the C-SSRS again")


def test_an_item_9_that_is_corrected_upwards_is_new() -> None:
    play = after("session.end")
    item_9(play, 0)
    was = play.journey.measurements[-1].version
    ask(play, "nn---n")
    correction = c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="x", answers=[0] * 8 + [1])
    assert "hold.placed" in kinds(play.do(c.Amend(version=was, reason="read wrongly", correction=correction)))
    assert play.journey.item_9_open, "the C-SSRS was asked before that was known"


def test_a_questionnaire_can_be_corrected_again_by_either_version() -> None:
    play = after("session.end")
    item_9(play, 0)
    was = play.journey.measurements[-1].version
    for version, total in ((was, 1), (was, 2), (None, 3)):
        correction = c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="x", answers=[total] + [0] * 8)
        now = play.journey.measurements[-1].corrected
        play.do(c.Amend(version=version or now or 0, reason="again", correction=correction))
        newest = play.journey.measurements[-1]
        assert (newest.version, newest.score.total) == (was, total)


def test_a_level_that_answers_an_item_9_counts_once_it_is_signed() -> None:
    play = after("session.end")
    item_9(play, 1)
    ask(play, "nn---n")
    level = level_asked(play)
    assert play.waits_for("suicide_risk") is not None, "nobody has signed it"
    told = play.signature(SignOffKind.RISK_LEVEL, level)
    correction = c.RecordInstrument(
        instrument=Instrument.C_SSRS_SINCE, occasion="asked", answers=c_ssrs_since("yn---n")
    )
    play.do(c.Amend(version=play.journey.measurements[-1].version, reason="misread", correction=correction))
    play.refused(told, code=RefusalCode.UNKNOWN, field="request")
    play.sign(SignOffKind.RISK_LEVEL, level_asked(play), decision="decline", rationale="they would not say")
    assert play.waits_for("suicide_risk") is not None, "declined, it answers nothing"
    ask(play, "nn---n", occasion="once-more")
    play.sign(SignOffKind.RISK_LEVEL, level_asked(play))
    assert play.waits_for("suicide_risk") is None
    item_9(play, 1)
    assert play.waits_for("suicide_risk") is not None, "what is told later is asked about again"


def level_asked(play: Play) -> str:
    [asked] = [waiting for waiting in play.journey.waiting.values() if waiting.sign_off == SignOffKind.RISK_LEVEL]
    assert asked.subject is not None
    return asked.subject


def test_a_contact_that_is_not_signed_reaches_nobody() -> None:
    play = after("session.end")
    ask(play, "yyyyyn")
    play.do(reached())
    assert play.waits_for("crisis") is not None
    assert play.waits_for("crisis_contact") is None
    ask(play, "yyyyyn", occasion="later")
    play.sign(SignOffKind.CRISIS_REACHED, "crisis-1")
    assert [crisis.reached for crisis in play.journey.crises.values()] == [True, False], "found after they spoke"
    play.do(reached("crisis-2"))
    play.sign(SignOffKind.CRISIS_REACHED, "crisis-2", decision="decline", rationale="it was their brother")
    assert play.waits_for("crisis", "crisis-2") is not None
    assert not play.asks_for(SignOffKind.CRISIS_REACHED, "crisis-2")
    play.reach(reached("crisis-2"))
    assert play.waits_for("crisis") is None


@pytest.mark.requirement("A39")
def test_after_a_crisis_the_next_contact_is_awaited_until_people_close_it() -> None:
    play = after("session.end")
    ask(play, "yyyyyn")
    play.reach(reached(), Role.ON_CALL_CLINICIAN)
    for _ in range(3):
        owed = play.waits_for("crisis_contact")
        assert owed is not None
        assert owed.deadline - play.at == timedelta(hours=24), "without a time it is owed at the latest moment"
        play.wait(hours=12)
        play.reach(reached())
    owed = play.waits_for("crisis_contact")
    assert owed is not None
    began = owed.deadline
    climbed = [
        body for body in play.wait(hours=27) if isinstance(body, e.ObligationEscalated) and body.obligation == owed.id
    ]
    assert [body.due - began for body in climbed][:4] == [timedelta(minutes=m) for m in (0, 15, 30, 60)]
    assert climbed[1].alarm
    ask(play, "nn---n")
    decision = play.signature(SignOffKind.RISK_DECISION, choice="settled")
    play.refused(decision, DIRECTOR, code=RefusalCode.INCOMPLETE, says="the next contact is agreed on")
    play.reach(reached(next_contact_at=play.at + timedelta(hours=6)))
    settle(play)
    owed = play.waits_for("crisis_contact")
    assert owed is not None, "it was agreed on, so it is owed all the same"
    play.reach(reached())
    assert play.waits_for("crisis_contact") is None


def test_while_a_crisis_is_open_the_next_contact_is_soon() -> None:
    play = after("session.end")
    ask(play, "yyyyyn")
    for hours in (25, 0, -1):
        late = reached(next_contact_at=play.at + timedelta(hours=hours))
        play.refused(late, code=RefusalCode.WRONG_TIME, field="next_contact_at")
    play.reach(reached(next_contact_at=play.at + timedelta(hours=24)))


def test_an_attempt_that_fails_changes_neither_the_ladder_nor_the_next_contact() -> None:
    play = after("session.end")
    ask(play, "yyyyyn")
    play.reach(reached())
    owed = play.waits_for("crisis_contact")
    play.do(reached(reached=False, safety_plan=False))
    assert play.waits_for("crisis_contact") == owed


def test_one_contact_reaches_the_patient_about_all_that_was_found() -> None:
    play = after("session.end")
    ask(play, "yyyyyn")
    ask(play, "yyyyyn", occasion="again")
    assert [crisis.reached for crisis in play.journey.crises.values()] == [False, False]
    play.reach(reached("crisis-2"))
    assert [crisis.reached for crisis in play.journey.crises.values()] == [True, True]
    assert [w.subject for w in play.journey.waiting.values() if w.kind == "crisis_contact"] == ["crisis-2"]


def test_what_is_found_after_the_patient_was_reached_is_a_crisis_of_its_own() -> None:
    play = after("session.end")
    ask(play, "yyynnn")
    play.reach(reached())
    assert "crisis.opened" in kinds(ask(play, "yyynnn-", Role.PATIENT, "self")), "nobody was with them"
    assert "crisis.opened" in kinds(ask(play, "yyyynn", occasion="worse"))
    assert play.waits_for("crisis") is not None


def test_care_goes_on_at_moderate_risk_by_two_people_with_a_safety_plan_and_a_next_contact() -> None:
    play = after("session.end")
    ask(play, "yyynnn")
    assert "the latest C-SSRS is moderate" in dose_gate(play.journey, 2, play.at)
    play.reach(reached())
    assert kinds(ask(play, "yyynnn", occasion="again")) == ["instrument.recorded"], "it is what is known"
    play.sign_once(SignOffKind.RISK_DECISION, by=Role.CLINICIAN, choice="settled")
    assert play.journey.open_crises
    again = play.signature(SignOffKind.RISK_DECISION, choice="settled")
    play.refused(again, Role.CLINICIAN, code=RefusalCode.NOT_ALLOWED, says="a second person")
    play.sign_once(SignOffKind.RISK_DECISION, by=DIRECTOR, choice="settled")
    gate = dose_gate(play.journey, 2, play.at)
    assert "the latest C-SSRS is moderate" not in gate
    assert "crisis-1 is open" not in gate
    ask(play, "yyynnn", occasion="next")
    assert "the latest C-SSRS is moderate" in dose_gate(play.journey, 2, play.at), "each time anew"


def test_a_new_finding_between_two_signatures_makes_the_first_stale() -> None:
    play = after("session.end")
    ask(play, "yyynnn")
    play.reach(reached())
    ask(play, "nn---n")
    play.sign_once(SignOffKind.RISK_DECISION, by=Role.CLINICIAN, choice="settled")
    second = play.signature(SignOffKind.RISK_DECISION, choice="settled")
    item_9(play, 1)
    play.refused(second, DIRECTOR, code=RefusalCode.STALE, field="request")
    decision = play.signature(SignOffKind.RISK_DECISION, choice="settled")
    play.refused(decision, DIRECTOR, code=RefusalCode.INCOMPLETE, says="asks the C-SSRS again")


def test_a_patient_is_handed_over_by_two_people_to_whom_they_name() -> None:
    play = after("session.end")
    ask(play, "yyyyyn")
    without = play.signature(SignOffKind.RISK_DECISION, choice="handed_over")
    play.refused(without, code=RefusalCode.INCOMPLETE, field="referral")
    somewhere = play.signature(SignOffKind.RISK_DECISION, choice="handed_over", referral="a hospital (invented)")
    play.refused(somewhere, code=RefusalCode.INCOMPLETE, field="referral", says="nobody has agreed")
    asked = handover(accepted=False, name="Dr. Invented", organisation="x", reached_by="x")
    play.refused(asked, code=RefusalCode.INCOMPLETE, field="receiver.accepted")
    play.do(handover())
    play.refused(somewhere, code=RefusalCode.STALE, field="request", says="")
    assert not play.asks_for(SignOffKind.HANDOVER), "two people decide on the risk, and nothing else is handed over"
    bodies = play.sign(SignOffKind.RISK_DECISION, choice="handed_over", referral="a hospital (invented)")
    assert one(bodies, e.CrisisClosed).to == handover().receiver.called
    assert play.journey.handover is None, "whoever agreed to this has agreed to nothing later"
    assert play.waits_for("crisis") is None
    assert play.journey.held, "care here goes on only when people settle the risk"
    decision = play.signature(SignOffKind.RISK_DECISION, choice="settled")
    play.refused(decision, code=RefusalCode.INCOMPLETE, says="asks the C-SSRS again")
    ask(play, "nn---n")
    assert settle(play) == ["suicide-risk.signed", "hold.released"]


def test_who_agreed_to_take_over_a_risk_that_was_settled_takes_over_no_later_one() -> None:
    play = after("session.end")
    ask(play, "yyyyyn")
    play.reach(reached())
    play.do(handover())
    ask(play, "nn---n")
    settle(play)
    assert play.journey.handover is None
    ask(play, "yyyyyn", occasion="later")
    later = play.signature(SignOffKind.RISK_DECISION, choice="handed_over", referral="a hospital (invented)")
    play.refused(later, code=RefusalCode.INCOMPLETE, field="referral", says="nobody has agreed")


def test_one_persons_correction_of_item_9_stops_no_alarm() -> None:
    play = after("session.end")
    item_9(play, 2)
    asked = play.waits_for("suicide_risk")
    amend(play, "instrument.recorded", c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="x", answers=[0] * 9))
    assert play.waits_for("suicide_risk") == asked, "it goes on as it was"
    assert not play.asks_for(SignOffKind.RISK_LEVEL), "and no C-SSRS from before it settles it"
    amend(
        play,
        "instrument.recorded",
        c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="x", answers=[1] + [0] * 8),
    )
    first, second = play.journey.unconfirmed
    play.do(c.ConfirmCorrection(correction=first, reason="x"), DIRECTOR)
    assert play.waits_for("suicide_risk") == asked
    play.do(c.ConfirmCorrection(correction=second, reason="x"), DIRECTOR)
    assert play.waits_for("suicide_risk") is None


def test_a_c_ssrs_asked_after_item_9_settles_it_though_its_correction_waits() -> None:
    play = after("session.end")
    item_9(play, 2)
    amend(play, "instrument.recorded", c.RecordInstrument(instrument=Instrument.PHQ_9, occasion="x", answers=[0] * 9))
    ask(play, "nn---n")
    play.sign(SignOffKind.RISK_LEVEL, f"version-{play.journey.measurements[-1].version}")
    assert play.waits_for("suicide_risk") is None


def test_suicide_risk_that_somebody_told_hastens_what_is_missed_as_a_c_ssrs_does() -> None:
    play = after("session.end")
    assert not is_heightened(play.journey, play.at)
    play.do(c.ReportCrisis(what="they want to die (invented)"), Role.OBSERVER)
    assert is_heightened(play.journey, play.at + timedelta(days=365)), "until somebody has decided on it"
    play = play.changed(holds={})
    days = timedelta(days=play.journey.protocol.instruments.suicide_risk_heightened_days)
    assert is_heightened(play.journey, play.at + days)
    assert not is_heightened(play.journey, play.at + days + timedelta(seconds=1))


def test_a_contact_about_a_closed_crisis_leaves_the_next_one_of_an_open_crisis_in_its_time() -> None:
    play = after("session.end")
    ask(play, "yyyyyn")
    ask(play, "nn---n")
    play.reach(reached(next_contact_at=play.at + timedelta(hours=6)))
    settle(play)
    play.do(c.ReportCrisis(what="they want to die (invented)"), Role.OBSERVER)
    hours = play.journey.protocol.crises.next_contact_within_hours
    far = reached(next_contact_at=play.at + timedelta(hours=hours, seconds=1))
    play.refused(far, code=RefusalCode.WRONG_TIME, field="next_contact_at")
    play.reach(reached())
    owed = [each.next_contact_at for each in play.journey.crises.values() if each.next_contact_at is not None]
    assert owed == [play.at + timedelta(hours=hours)]


def test_a_further_item_9_rings_anew_though_somebody_has_taken_the_alarm_about_the_first() -> None:
    play = after("session.end")
    for worse in (1, 2, 3):
        item_9(play, worse)
        ringing = [waiting for waiting in play.journey.waiting.values() if waiting.kind == "suicide_risk"]
        assert [waiting for waiting in ringing if waiting.acknowledged is None]
        for waiting in ringing:
            play.do(c.AcknowledgeAlarm(obligation=waiting.id, doing="I call them (invented)"), Role.ON_CALL_CLINICIAN)
    ask(play, "nn---n")
    level = play.waits_for("risk_level")
    assert level is not None
    play.sign(SignOffKind.RISK_LEVEL, level.subject)
    assert play.waits_for("suicide_risk") is None
