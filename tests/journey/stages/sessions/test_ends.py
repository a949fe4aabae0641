"""When somebody may leave, and what a decision to end rests on."""

from datetime import timedelta
from typing import Any

import pytest

from simulation.people import checklist, observation, vitals
from tests.journey.correcting import confirm, mark
from tests.journey.play import Play, after, before, kinds, one
from tests.journey.stages.sessions.helpers import dose, ending, last_dose, observed_until, see
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.patient.model import Elsewhere
from workflows.journey.instruments import Instrument
from workflows.journey.needs import needs
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.clinical import KnownDose
from workflows.journey.vocabulary.refusals import RefusalCode


def test_session_ends_when_everything_is_met() -> None:
    play = observed_until(120)
    assert kinds(play.do(ending(play), Role.SESSION_MONITOR)) == ["session.ended"]
    assert play.waits_for("attestation", "1") is not None


def test_minimum_time_is_kept() -> None:
    play = observed_until(40)
    play.later(minutes=79)
    play.refused(ending(play), Role.SESSION_MONITOR, code=RefusalCode.WRONG_TIME, says="at least 120 minutes")


def test_last_observation_is_needed() -> None:
    play = observed_until(40)
    play.later(minutes=90)
    play.refused(
        ending(play),
        Role.SESSION_MONITOR,
        code=RefusalCode.INCOMPLETE,
        field="session",
        says="observation at 120 minutes",
    )


@pytest.mark.parametrize("criterion", before("session.end").journey.protocol.sessions.release_criteria)
def test_every_criterion_is_met(criterion: str) -> None:
    play = observed_until(120)
    criteria = dict.fromkeys(play.journey.protocol.sessions.release_criteria, True)
    given_no, left_out = criteria | {criterion: False}, {name: True for name in criteria if name != criterion}
    source = play.journey.protocol.sessions.criteria_known_from.get(criterion)
    computed = source is not None and source != "consciousness"
    for given in (given_no,) if computed else (given_no, left_out):
        play.refused(
            ending(play, criteria=given),
            Role.SESSION_MONITOR,
            code=RefusalCode.INCOMPLETE,
            field="criteria",
            says=criterion,
        )


@pytest.mark.requirement("A29")
def test_criteria_that_observations_tell_of_are_computed() -> None:
    play = observed_until(120)
    rules = play.journey.protocol.sessions
    told = [name for name, source in rules.criteria_known_from.items() if source != "consciousness"]
    asked = {name: True for name in rules.release_criteria if name not in told}
    ended = one(play.do(ending(play, criteria=asked), Role.SESSION_MONITOR), e.SessionEnded)
    assert ended.criteria == dict.fromkeys(rules.release_criteria, True)


@pytest.mark.parametrize(("cadss", "leaves"), [((1, 1, 0, 0, 0, 0), True), ((2, 1, 0, 0, 0, 0), False), (None, False)])
def test_dissociation_is_rated_and_over(cadss: tuple[int, ...] | None, leaves: bool) -> None:
    play = observed_until(120, cadss)
    if leaves:
        play.do(ending(play), Role.SESSION_MONITOR)
    else:
        play.refused(
            ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says="dissociation"
        )


CONTRADICTED: dict[str, tuple[dict[str, Any], str | None, str]] = {
    "unresponsive": ({"consciousness": "unresponsive"}, "consciousness", "not alert at 120 minutes"),
    "rousable": ({"consciousness": "voice"}, "consciousness", "not alert at 120 minutes"),
    "breathing": ({"breathing_normal": False}, None, "breathing not normal at 120 minutes"),
    "red flag": ({"red_flags": ("chest_pain",)}, None, "a red flag at 120 minutes"),
    "vomiting": ({"vomiting": True}, "vomiting", "vomiting at 120 minutes"),
    "pressure": ({"vitals": (141, 76)}, "vitals", "blood pressure at 120 minutes"),
    "low pressure": ({"vitals": (85, 55)}, "vitals", "blood pressure at 120 minutes"),
    "no pressure": ({"vitals": None}, "vitals", "no vital signs from 120 minutes on"),
}


@pytest.mark.parametrize("case", CONTRADICTED)
@pytest.mark.parametrize("seen_again", [False, True])
def test_no_session_ends_over_what_was_observed_last(case: str, *, seen_again: bool) -> None:
    changed, _, says = CONTRADICTED[case]
    play = observed_until(40)
    last_seen(play, changed)
    if seen_again:  # In the same minute: the worse one counts.
        play.do(observation(play.journey, 1, 120, play.at), Role.OBSERVER)
    if not seen_again or changed.get("vitals", True) is not None:
        play.refused(ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says=says)
    play.later(minutes=30)
    again = observation(play.journey, 1, 150, play.at)
    then = vitals(play.dosed_at() + timedelta(minutes=150))
    play.do(again.model_copy(update={"vitals": then}), Role.SESSION_MONITOR)
    play.do(ending(play), Role.SESSION_MONITOR)


@pytest.mark.parametrize("case", [case for case, (_, criterion, _) in CONTRADICTED.items() if criterion])
def test_no_clinician_decides_on_criteria_that_contradict_what_was_observed(case: str) -> None:
    changed, source, says = CONTRADICTED[case]
    play = observed_until(40)
    last_seen(play, changed)
    play.at = last_dose(play) + timedelta(minutes=240)
    if case == "vomiting":  # Long over by then.
        play.do(observation(play.journey, 1, 240, play.at).model_copy(update=changed), Role.SESSION_MONITOR)
        says = says.replace("120", "240")
    decided = ending(play, clinician_decision="goes to the hospital")
    play.refused(decided, code=RefusalCode.INCOMPLETE, field="criteria", says=says)
    known = play.journey.protocol.sessions.criteria_known_from
    no = {name: False for name in decided.criteria if known.get(name) == source}
    play.do(decided.model_copy(update={"criteria": {**decided.criteria, **no}}))


@pytest.mark.parametrize("minutes", [11, 100, -11, -100])
def test_vital_signs_of_another_time_are_no_measurement_that_is_due(minutes: int) -> None:
    """A reading of an hour ago was told of minute 40, where blood pressure is asked for."""
    play = observed_until(15)
    due = next(minute for minute in play.journey.protocol.sessions.vitals_minutes if minute >= 40)
    play.at = last_dose(play) + timedelta(minutes=due)
    measured = play.at - timedelta(minutes=minutes)
    play.at = max(play.at, measured)
    seen = observation(play.journey, 1, due, play.at).model_copy(update={"vitals": vitals(measured)})
    recorded = one(play.do(seen, Role.SESSION_MONITOR), e.SessionObserved)
    assert recorded.scheduled is None
    assert due in play.journey.sessions[1].awaited(play.journey.protocol.sessions.observe_minutes)
    high = seen.model_copy(update={"vitals": vitals(measured, 215, 135)})
    assert one(play.do(high, Role.SESSION_MONITOR), e.SessionObserved).alert == "emergency", "it is judged all the same"


def test_no_clinician_decides_to_end_a_session_of_a_patient_whom_nobody_saw() -> None:
    """Every observation was missed, and one clinician proposed the end and signed it: nobody had seen the patient."""
    play = after("session.dose")
    left_out(play)
    play.at = last_dose(play) + timedelta(minutes=240)
    decided = ending(play, criteria={}, clinician_decision="the observer does not answer")
    unseen = "nobody has seen the patient since"
    play.refused(decided, code=RefusalCode.INCOMPLETE, field="session", says=unseen)
    seen = {"seen_at": play.at, "consciousness": "alert", "breathing_normal": True, "vomiting": False}
    play.do(c.RecordObservation.model_validate(seen), Role.OBSERVER)
    play.do(decided)
    play.sign(SignOffKind.END_DECISION, "1")
    assert play.journey.sessions[1].ended_at is not None


@pytest.mark.requirement("A29")
def test_no_session_ends_without_the_vital_signs_that_the_protocol_has_measured() -> None:
    """Heart rate and oxygen were never measured after the dose, and the session ended."""
    play = after("session.dose")
    asked = {"heart_rate": (40,), "oxygen": (40,)}
    sessions = play.journey.protocol.sessions.model_copy(update={"also_measured": asked})
    play = play.changed(protocol=play.journey.protocol.model_copy(update={"sessions": sessions}))
    play.clock()
    for minute in (15, 40, 120):
        play.at = last_dose(play) + timedelta(minutes=minute)
        pressure = vitals(play.at).model_copy(update={"heart_rate": None, "oxygen": None})
        seen = observation(play.journey, 1, minute, play.at).model_copy(update={"vitals": pressure})
        made = one(play.do(seen, Role.SESSION_MONITOR), e.SessionObserved).scheduled
        assert made == (minute if minute not in asked["oxygen"] else None)
    left_out(play)
    play.later(minutes=1)
    for sign in ("heart_rate", "oxygen"):
        says = f"{sign.replace('_', ' ')} not measured since the dose"
        play.refused(ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says=says)
        pressure = pressure.model_copy(update={sign: getattr(vitals(play.at), sign), "measured_at": play.at})
        again = observation(play.journey, 1, 121, play.at).model_copy(update={"vitals": pressure})
        play.do(again, Role.SESSION_MONITOR)
    play.do(ending(play), Role.SESSION_MONITOR)


def test_what_is_to_be_measured_is_asked_for() -> None:
    play = observed_until(15)
    sessions = play.journey.protocol.sessions.model_copy(update={"also_measured": {"oxygen": (40,)}})
    play = play.changed(protocol=play.journey.protocol.model_copy(update={"sessions": sessions}))
    asked = {need.subject: need.what for need in needs(play.journey) if need.kind == "observation"}
    assert asked == {
        "1-40": "observe session 1 at 40 minutes, and measure oxygen",
        "1-120": "observe session 1 at 120 minutes",
    }


def last_seen(play: Play, changed: dict[str, Any]) -> None:
    play.at = last_dose(play) + timedelta(minutes=120)
    measured = changed.get("vitals")
    if measured is not None:
        changed = {"vitals": vitals(play.at, *measured)}
    play.do(observation(play.journey, 1, 120, play.at).model_copy(update=changed), Role.SESSION_MONITOR)
    left_out(play)


def left_out(play: Play) -> None:
    """Whatever is left is recorded as missed."""
    for minute in play.journey.sessions[1].awaited(play.journey.protocol.sessions.observe_minutes):
        play.later(minutes=max(0.0, minute + 10.1 - (play.at - last_dose(play)).total_seconds() / 60))
        play.do(c.MissObservation(session=1, minute=minute, reason="left out"), Role.SESSION_MONITOR)


@pytest.mark.parametrize(("diastolic", "ends"), [(90, True), (91, False)])
def test_blood_pressure_at_the_end_is_near_the_one_before(diastolic: int, *, ends: bool) -> None:
    play = observed_until(40)
    last_seen(play, {"vitals": (140, diastolic)})
    if ends:
        play.do(ending(play), Role.SESSION_MONITOR)
    else:
        play.refused(
            ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says="blood pressure"
        )


@pytest.mark.parametrize(("systolic", "ends"), [(154, True), (155, False)])
def test_blood_pressure_that_was_high_before_may_stay_so(systolic: int, *, ends: bool) -> None:
    play = before("session.check")
    form = checklist(play.journey, 1, play.at).model_copy(update={"vitals": vitals(play.at, 140, 90)})
    play.do(form, Role.SESSION_MONITOR)
    play.go_on(lambda journey: journey.sessions[1].dosed_at is not None)
    last_seen(play, {"vitals": (systolic, 90)})
    if ends:
        play.do(ending(play), Role.SESSION_MONITOR)
    else:
        play.refused(
            ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says="blood pressure"
        )


def test_worse_rating_of_the_last_minute_counts() -> None:
    play = observed_until(120, (2, 1, 0, 0, 0, 0))
    play.do(observation(play.journey, 1, 120, play.at), Role.OBSERVER)
    play.refused(ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says="dissociation")


def test_after_the_longest_observation_a_clinician_decides() -> None:
    play = observed_until(120, (2, 1, 0, 0, 0, 0))
    unmet = dict.fromkeys(play.journey.protocol.sessions.release_criteria, True) | {"dissociation_settled": False}
    decided = ending(play, criteria=unmet, clinician_decision="stays with the observer, seen by video")
    play.refused(decided, code=RefusalCode.INCOMPLETE, field="criteria")
    play.at = last_dose(play) + timedelta(minutes=240)
    play.refused(ending(play), code=RefusalCode.INCOMPLETE, field="criteria")
    play.refused(decided, Role.SESSION_MONITOR, code=RefusalCode.NOT_ALLOWED, field="clinician_decision")
    assert kinds(play.do(decided)) == ["session.end-proposed"]
    assert play.journey.sessions[1].running, "nobody has signed it"
    assert play.waits_for("session_end") is not None
    play.sign(SignOffKind.END_DECISION, "1")
    assert play.journey.sessions[1].ended_at == play.at


def test_what_is_seen_after_a_decision_to_end_takes_a_new_decision() -> None:
    play = observed_until(120, (2, 1, 0, 0, 0, 0))
    play.at = last_dose(play) + timedelta(minutes=240)
    unmet = dict.fromkeys(play.journey.protocol.sessions.release_criteria, True) | {"dissociation_settled": False}
    decided = ending(play, criteria=unmet, clinician_decision="stays with the observer, seen by video")
    play.do(decided)
    asked = play.signature(SignOffKind.END_DECISION, "1")
    worse = observation(play.journey, 1, 240, play.at).model_copy(update={"consciousness": "unresponsive"})
    play.do(worse, Role.OBSERVER)
    play.refused(asked, code=RefusalCode.UNKNOWN, field="request")
    assert play.journey.sessions[1].running
    known = play.journey.protocol.sessions.criteria_known_from
    unmet |= {name: False for name in unmet if known.get(name) == "consciousness"}
    play.do(ending(play, criteria=unmet, clinician_decision="goes to the hospital"))
    play.sign(SignOffKind.END_DECISION, "1", decision="decline", rationale="stay with them until they are there")
    assert play.journey.sessions[1].running


def end_to_sign(*, missed: bool = False) -> Play:
    """A session whose end a clinician decided and nobody has signed; where so said, its last observation was missed."""
    play = observed_until(40 if missed else 120, (2, 1, 0, 0, 0, 0))
    play.at = last_dose(play) + timedelta(minutes=240)
    if missed:
        play.do(c.MissObservation(session=1, minute=120, reason="x"))
        play.do(observation(play.journey, 1, 240, play.at).model_copy(update={"cadss": (2, 1, 0, 0, 0, 0)}))
    known = play.journey.protocol.sessions.criteria_known_from
    criteria = {name: name not in known for name in play.journey.protocol.sessions.release_criteria}
    play.do(ending(play, criteria=criteria, clinician_decision="stays with the observer, seen by video"))
    return play


def put_in_error(play: Play, kind: str) -> None:
    play.do(c.MarkInError(version=play.version_of(kind), reason="x"))
    for correction in play.journey.unconfirmed:
        play.do(c.ConfirmCorrection(correction=correction, reason="x"), Role.MEDICAL_DIRECTOR)


@pytest.mark.parametrize("kind", ["session.observation-missed", "session.observed", "session.dosed"])
def test_a_decision_to_end_falls_with_what_it_rests_on(kind: str) -> None:
    play = end_to_sign(missed=kind == "session.observation-missed")
    asked = play.signature(SignOffKind.END_DECISION, "1")
    put_in_error(play, kind)
    if kind == "session.dosed":
        play.do(dose(play), Role.OBSERVER)
    play.refused(asked, code=RefusalCode.UNKNOWN, field="request")
    assert not play.asks_for(SignOffKind.END_DECISION, "1")
    assert play.journey.sessions[1].running
    if kind != "session.observed":
        early = "at least" if kind == "session.dosed" else "at 120 minutes"
        code = RefusalCode.WRONG_TIME if kind == "session.dosed" else RefusalCode.INCOMPLETE
        play.refused(ending(play), code=code, field=None if kind == "session.dosed" else "session", says=early)


def test_a_dose_that_is_corrected_to_later_takes_a_new_decision_to_end() -> None:
    play = end_to_sign()
    asked = play.signature(SignOffKind.END_DECISION, "1")
    later = dose(play, taken_at=play.at - timedelta(minutes=5), session=1, deviation="x")
    play.do(c.Amend(version=play.version_of("session.dosed"), reason="x", correction=later))
    for correction in play.journey.unconfirmed:
        play.do(c.ConfirmCorrection(correction=correction, reason="x"), Role.MEDICAL_DIRECTOR)
    play.refused(asked, code=RefusalCode.UNKNOWN, field="request")
    assert play.journey.sessions[1].running


def test_what_was_seen_before_a_dose_told_anew_makes_no_observation_after_it() -> None:
    play = observed_until(120)
    put_in_error(play, "session.dosed")
    play.do(dose(play, taken_at=play.at - timedelta(minutes=2)), Role.OBSERVER)
    session = play.journey.sessions[1]
    assert [seen.minute for seen in session.observations] == [-103, -78, 2]
    assert session.awaited(play.journey.protocol.sessions.observe_minutes) == (15, 40, 120)


def test_an_end_that_all_that_is_observed_agrees_with_takes_no_signature() -> None:
    play = before("session.end")
    assert one(play.do(ending(play, clinician_decision="well")), e.SessionEnded).clinician_decision == "well"


def test_a_session_ends_once_and_what_was_seen_can_be_told_after_it() -> None:
    play = after("session.end")
    play.refused(ending(play), Role.SESSION_MONITOR, code=RefusalCode.ALREADY_DONE, field="session")
    told = observation(play.journey, 1, 110, play.at).model_copy(update={"red_flags": ("seizure",)})
    followed = play.do(told, Role.OBSERVER)
    assert one(followed, e.SessionObserved).alert == "emergency"
    assert play.journey.held


def test_without_a_dose_there_is_no_minute_to_observe() -> None:
    play = before("session.dose")
    seen = observation(play.journey, 1, 0, play.at)
    play.refused(seen, Role.OBSERVER, code=RefusalCode.WRONG_TIME, field="session", says="no dose")


def test_saying_why_nobody_looked_stops_no_ladder() -> None:
    play = after("session.dose")
    play.wait(minutes=26)
    play.do(c.MissObservation(session=1, minute=15, reason="the observer slept (invented)"), Role.SESSION_MONITOR)
    taken = [body.action for body in play.wait(minutes=20) if isinstance(body, e.ObligationEscalated)]
    assert "emergency_services" in taken
    play.do(observation(play.journey, 1, 46, play.at), Role.SESSION_MONITOR)
    assert play.waits_for("observation", "1-15") is None


@pytest.mark.parametrize("where", ["in the session", "outside it", "elsewhere"])
def test_a_second_dose_begins_the_time_anew(where: str) -> None:
    """Two hours after the first dose a session ended, five minutes after a second one."""
    play = observed_until(120)
    second = play.at
    if where == "elsewhere":
        known = KnownDose(source=play.journey.id, taken_at=second, dose_mg=50, route="oral")
        play.do(c.TakeInHistory(elsewhere=Elsewhere(doses=(known,)), position=7), CLOCK)
    else:
        session = 1 if where == "in the session" else None
        play.do(c.RecordDose(session=session, dose_mg=50, route="oral", taken_at=second), Role.OBSERVER)
    play.later(minutes=5)
    play.refused(ending(play), Role.SESSION_MONITOR, code=RefusalCode.WRONG_TIME, says="after the last dose")
    for minute in (15, 40, 120):
        play.at = second + timedelta(minutes=minute)
        see(play)
    play.do(ending(play), Role.SESSION_MONITOR)
    assert not play.journey.sessions[1].running


def test_what_was_seen_soon_after_a_second_dose_ends_no_session() -> None:
    """Ten minutes after it the vital signs were measured, and the session ended on them once its time was over."""
    play = observed_until(40)
    play.at = play.dosed_at() + timedelta(minutes=110)
    play.do(dose(play, dose_mg=50), Role.OBSERVER)
    for minute in (15, 40):
        play.at = play.dosed_at() + timedelta(minutes=110 + minute)
        see(play)
    play.at = play.dosed_at() + timedelta(minutes=241)
    play.do(c.GiveUpObservation(dose="dose-2", minute=120, reason="x"), Role.SESSION_MONITOR)
    play.refused(
        ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says="from 230 minutes on"
    )
    see(play)
    play.do(ending(play), Role.SESSION_MONITOR)


def test_no_session_ends_by_a_second_dose_that_one_person_says_was_earlier() -> None:
    play = observed_until(120)
    play.do(dose(play, dose_mg=50), Role.OBSERVER)
    play.later(minutes=5)
    earlier = dose(play, dose_mg=50, taken_at=play.dosed_at() + timedelta(minutes=1), deviation="x")
    play.do(c.Amend(version=play.version_of("session.dosed"), reason="x", correction=earlier))
    see(play)
    play.refused(ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="session", says="dose-2")
    confirm(play)
    play.do(ending(play), Role.SESSION_MONITOR)


def test_no_session_ends_on_an_observation_that_somebody_says_was_not_made() -> None:
    """It counts until a second person has confirmed that, and was enough to leave the patient."""
    play = observed_until(120)
    mark(play, "session.observed", by=Role.SESSION_MONITOR)
    play.refused(ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="session", says="confirmed")
    [correction] = play.journey.unconfirmed
    play.do(c.RejectCorrection(correction=correction, reason="it was made"), Role.CLINICIAN)
    play.do(ending(play), Role.SESSION_MONITOR)


HARM: dict[str, Any] = {
    "unresponsive": lambda play: c.RecordObservation(seen_at=play.at, consciousness="unresponsive"),
    "a red flag": lambda play: c.RecordObservation(seen_at=play.at, red_flags=("seizure",)),
    "pressure": lambda play: c.RecordObservation(seen_at=play.at, vitals=vitals(play.at, 200, 130)),
    "pressure to be told": lambda play: c.RecordObservation(seen_at=play.at, vitals=vitals(play.at, 165, 92)),
    "seen before it was told": lambda play: c.RecordObservation(
        seen_at=play.at - timedelta(minutes=30), breathing_normal=False
    ),
    "a seizure": lambda play: c.ReportAdverseEvent(
        what="seizure (invented)", grade=4, serious=True, serious_because=("life_threatening",), onset=play.at
    ),
    "a second dose": lambda play: c.RecordDose(dose_mg=50, route="oral", taken_at=play.dosed_at()),
    "a call for help": lambda _: c.RequestSupport(urgency="urgent", text="they cannot stand (invented)"),
    "a form nobody could take": lambda _: c.KeepReport(about="support.request", said="{}", fields=("text",)),
    "a threat": lambda _: c.ReportCrisis(what="they want to die (invented)"),
}


@pytest.mark.parametrize("decided", [False, True])
@pytest.mark.parametrize("what", HARM)
def test_no_session_ends_before_the_patient_was_seen_after_what_was_told_last(what: str, decided: bool) -> None:
    """The observer said that the patient was not responsive, and the session was ended the same minute."""
    play = observed_until(120)
    play.do(HARM[what](play), Role.OBSERVER)
    play.later(minutes=150 if decided else 1)
    body = ending(play, clinician_decision="well" if decided else None)
    if decided:
        awake = dict.fromkeys(("oriented", "walks_unaided"), what != "unresponsive")
        said = {**body.criteria, **awake, "vitals_within_rule": "pressure" not in what}
        body = body.model_copy(update={"criteria": said})
        one(play.do(body, Role.CLINICIAN), e.SessionEndProposed)
    else:
        play.refused(body, Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says="since the last")
    see(play)
    play.do(ending(play), Role.SESSION_MONITOR)
    assert not play.journey.sessions[1].running


BESIDE: dict[str, tuple[Any, Role, str]] = {
    "vomited": (lambda play: c.RecordObservation(seen_at=play.at, vomiting=True), Role.PATIENT, "vomiting"),
    "vomited a little before": (
        lambda play: c.RecordObservation(seen_at=play.at - timedelta(minutes=5), vomiting=True),
        Role.OBSERVER,
        "vomiting",
    ),
    "drowsy": (lambda play: c.RecordObservation(seen_at=play.at, consciousness="voice"), Role.OBSERVER, "not alert"),
    "dissociated": (
        lambda _: c.RecordInstrument(instrument=Instrument.CADSS_6, occasion="now", answers=[2, 2, 2, 2, 2, 2]),
        Role.SESSION_MONITOR,
        "dissociation above",
    ),
    "dissociation rated in part": (
        lambda _: c.RecordInstrument(instrument=Instrument.CADSS_6, occasion="now", answers=[0, 0, 0, 0, 0, None]),
        Role.SESSION_MONITOR,
        "without a total",
    ),
}
"""What speaks against a criterion for the end and was told beside the session's observations: what, by whom."""


@pytest.mark.requirement("A29")
@pytest.mark.parametrize("what", BESIDE)
def test_a_criterion_counts_what_was_told_beside_the_observations(what: str) -> None:
    """The last observation was well, and then the patient vomited; "no vomiting for 30 minutes" was believed."""
    play = observed_until(120).later(minutes=2)
    told, by, says = BESIDE[what]
    play.do(told(play), by)
    play.refused(ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says=says)
    play.later(minutes=31)
    see(play)
    play.do(ending(play), Role.SESSION_MONITOR)


def test_no_session_ends_before_the_patient_was_seen_after_harm_turned_out_to_be_worse() -> None:
    play = observed_until(40)
    play.do(c.ReportAdverseEvent(what="a fall (invented)", grade=1, serious=False, onset=play.at), Role.OBSERVER)
    play.at = last_dose(play) + timedelta(minutes=120)
    see(play)
    [event] = play.journey.adverse_events
    worse = c.RegradeAdverseEvent(
        adverse_event=event, grade=4, serious=True, serious_because=("life_threatening",), reason="a seizure (invented)"
    )
    play.do(worse, Role.CLINICIAN)
    play.later(minutes=1)
    play.refused(
        ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says="since the last"
    )
    see(play)
    play.do(ending(play), Role.SESSION_MONITOR)


def test_an_end_that_was_declined_is_not_asked_about_again() -> None:
    """Whatever was told next asked for a signature under the same end."""
    play = end_to_sign()
    play.sign(SignOffKind.END_DECISION, "1", decision="decline", rationale="stay with them")
    play.do(c.RequestSupport(urgency="clinical", text="how long still? (invented)"), Role.PATIENT)
    assert not play.asks_for(SignOffKind.END_DECISION, "1")
    known = play.journey.protocol.sessions.criteria_known_from
    criteria = {name: name not in known for name in play.journey.protocol.sessions.release_criteria}
    play.do(ending(play, criteria=criteria, clinician_decision="goes home with the observer"))
    play.sign(SignOffKind.END_DECISION, "1")
    assert not play.journey.sessions[1].running


@pytest.mark.parametrize("what", HARM)
def test_what_is_told_after_a_decision_to_end_takes_a_new_one(what: str) -> None:
    play = observed_until(120)
    play.at = last_dose(play) + timedelta(minutes=240)
    unmet = dict.fromkeys(play.journey.protocol.sessions.release_criteria, True) | {"walks_unaided": False}
    play.do(ending(play, criteria=unmet, clinician_decision="well (invented)"), Role.CLINICIAN)
    early = play.signature(SignOffKind.END_DECISION, "1")
    play.do(HARM[what](play), Role.OBSERVER)
    play.refused(early, Role.MEDICAL_DIRECTOR, code=RefusalCode.STALE, field="request")
    assert play.journey.sessions[1].running


def test_what_is_mild_and_what_was_told_before_the_last_observation_keeps_no_session() -> None:
    play = observed_until(40)
    play.do(c.ReportAdverseEvent(what="nausea (invented)", grade=1, serious=False, onset=play.at), Role.OBSERVER)
    play.at = last_dose(play) + timedelta(minutes=120)
    play.do(observation(play.journey, 1, 120, play.at), Role.SESSION_MONITOR)
    play.do(c.RecordObservation(seen_at=play.at, consciousness="alert"), Role.OBSERVER)
    play.do(c.ReportAdverseEvent(what="headache (invented)", grade=1, serious=False, onset=play.at), Role.OBSERVER)
    play.do(ending(play), Role.SESSION_MONITOR)


@pytest.mark.parametrize(("systolic", "diastolic", "made"), [(118, 76, True), (95, 96, False), (96, 96, False)])
def test_a_pressure_that_is_nobodys_makes_no_measurement_that_is_due(systolic: int, diastolic: int, made: bool) -> None:
    play = after("session.dose").later(minutes=40)
    seen = observation(play.journey, 1, 40, play.at)
    measured = vitals(play.at, systolic, diastolic)
    play.do(seen.model_copy(update={"vitals": measured}), Role.SESSION_MONITOR)
    awaited = play.journey.sessions[1].awaited(play.journey.protocol.sessions.observe_minutes)
    assert (40 not in awaited) is made
