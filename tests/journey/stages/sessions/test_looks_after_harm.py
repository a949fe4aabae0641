"""What clears harm in a session came after it: a look at the patient counts by its own moment, not by its entry."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.people import observation, vitals
from tests.journey.play import Play, after, one
from tests.journey.stages.sessions.helpers import dose, ending, observed_until
from tests.journey.stages.sessions.test_ends import HARM
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode


def look(play: Play, minute: int) -> None:
    """Enter an observation of this minute now."""
    seen_at = play.dosed_at() + timedelta(minutes=minute)
    play.do(observation(play.journey, 1, minute, seen_at), Role.SESSION_MONITOR)


@pytest.mark.requirement("A29")
@pytest.mark.parametrize("what", HARM)
def test_an_observation_of_a_minute_before_the_harm_is_no_look_after_it(what: str) -> None:
    """The seizure was told at minute 130, and somebody entered then how the patient had been at minute 125."""
    play = observed_until(120).later(minutes=10)
    play.do(HARM[what](play), Role.OBSERVER)
    play.later(minutes=2)
    look(play, 125)
    play.refused(
        ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says="since the last"
    )
    look(play, 131)
    play.do(ending(play), Role.SESSION_MONITOR)


@pytest.mark.requirement("A29")
def test_a_correction_of_the_observation_before_the_harm_is_no_look_after_it() -> None:
    play = observed_until(120)
    version = play.version_of("session.observed")
    play.later(minutes=10)
    play.do(HARM["a seizure"](play), Role.OBSERVER)
    again = observation(play.journey, 1, 120, play.dosed_at() + timedelta(minutes=120))
    play.do(c.Amend(version=version, reason="x", correction=again), Role.CLINICIAN)
    for correction in play.journey.unconfirmed:
        play.do(c.ConfirmCorrection(correction=correction, reason="x"), Role.MEDICAL_DIRECTOR)
    play.refused(
        ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says="since the last"
    )


@given(st.sampled_from(sorted(HARM)), st.integers(121, 200), st.integers(121, 200), st.integers(0, 40))
def test_a_session_ends_only_on_a_look_of_a_minute_not_before_the_harm(
    what: str, harm: int, seen: int, later: int
) -> None:
    play = observed_until(120)
    play.at = play.dosed_at() + timedelta(minutes=harm)
    play.do(HARM[what](play), Role.OBSERVER)
    play.at = max(play.at, play.dosed_at() + timedelta(minutes=seen)) + timedelta(minutes=later)
    look(play, seen)
    ended = not isinstance(play.take(play.command(ending(play), Role.SESSION_MONITOR)), Refusal)
    # What was found in one minute counts together, and the worst of it.
    assert ended == (seen > harm if "pressure" in what or what == "unresponsive" else seen >= harm)


@pytest.mark.requirement("A29")
def test_the_end_is_due_counted_from_the_last_dose() -> None:
    play = observed_until(120)
    first = play.waits_for("session_end")
    assert first is not None
    play.do(dose(play, dose_mg=50.0, deviation="invented"), Role.OBSERVER)
    second = play.waits_for("session_end")
    assert second is not None
    assert second.deadline - first.deadline == timedelta(minutes=120)


@pytest.mark.requirement("A29")
def test_the_longest_observation_is_counted_from_the_last_dose() -> None:
    """A clinician decided at once on an end that was not to be decided on before the second dose had worn off."""
    play = observed_until(120)
    play.do(dose(play, dose_mg=50.0, deviation="invented"), Role.OBSERVER)
    longest = play.journey.protocol.sessions.maximum_before_decision_minutes
    body = ending(play, clinician_decision="well (invented)")
    unmet = body.model_copy(update={"criteria": {**body.criteria, "walks_unaided": False}})
    for minute in (15, 40, 120, longest - 1):
        play.at = play.dosed_at() + timedelta(minutes=120 + minute)
        look(play, 120 + minute)
    play.refused(unmet, Role.CLINICIAN, code=RefusalCode.INCOMPLETE, field="criteria", says="not yet met")
    play.later(minutes=1)
    play.do(unmet, Role.CLINICIAN)
    assert play.journey.sessions[1].end_proposed is not None


def test_without_a_second_dose_the_end_is_due_as_before() -> None:
    play = after("session.observe", 3)
    due = play.waits_for("session_end")
    assert due is not None
    longest = play.journey.protocol.sessions.maximum_before_decision_minutes
    assert due.deadline == play.dosed_at() + timedelta(minutes=longest)


@pytest.mark.requirement("A29")
@pytest.mark.parametrize(
    ("sign", "value", "again", "ends"),
    [
        ("oxygen", 91, None, False),
        ("oxygen", 85, None, False),
        ("heart_rate", 145, None, False),
        ("heart_rate", 44, None, False),
        ("oxygen", 91, 97, True),
        ("heart_rate", 145, 80, True),
        ("oxygen", None, None, True),
    ],
)
def test_a_vital_sign_that_alerted_is_measured_again_before_the_end(
    sign: str, value: int | None, again: int | None, ends: bool
) -> None:
    """91 percent at minute 100, and at the end only the blood pressure was measured."""
    play = observed_until(40)
    for minute, measured in ((100, value), (121, again)):
        play.at = play.dosed_at() + timedelta(minutes=minute)
        seen = observation(play.journey, 1, minute, play.at)
        taken = vitals(play.at).model_copy(update={sign: measured})
        play.do(seen.model_copy(update={"vitals": taken}), Role.SESSION_MONITOR)
    if ends:
        play.do(ending(play), Role.SESSION_MONITOR)
    else:
        play.refused(
            ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says="measured again"
        )


@pytest.mark.requirement("A29")
@pytest.mark.parametrize(("again", "measured", "ends"), [(None, 0, False), (97, -50, False), (97, 0, True)])
def test_a_vital_sign_that_alerted_beside_the_session_is_measured_again_before_its_end(
    again: int | None, measured: int, ends: bool
) -> None:
    """Oxygen of 91 percent was told by `observation record`, and no observation of the session knew of it."""
    play = observed_until(120)
    play.later(minutes=1)
    low = vitals(play.at).model_copy(update={"oxygen": 91})
    play.do(c.RecordObservation(seen_at=play.at, vitals=low), Role.OBSERVER)
    play.later(minutes=2)
    taken = vitals(play.at + timedelta(minutes=measured)).model_copy(update={"oxygen": again})
    seen = observation(play.journey, 1, 123, play.at).model_copy(update={"vitals": taken})
    play.do(seen, Role.SESSION_MONITOR)
    if ends:
        play.do(ending(play), Role.SESSION_MONITOR)
    else:
        play.refused(
            ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says="measured again"
        )


@pytest.mark.requirement("A29")
@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize(
    "found",
    [
        {"systolic": 185, "diastolic": 100}, {"systolic": 130, "diastolic": 115}, {"systolic": 80, "diastolic": 50},
        {"systolic": 156, "diastolic": 85}, {"systolic": 95, "diastolic": 95}, {"heart_rate": 145},
        {"heart_rate": 40}, {"oxygen": 91},
    ],
    ids=str,
)  # fmt: skip
def test_no_session_ends_on_a_vital_sign_out_of_range_however_it_was_told(
    found: dict[str, int], *, beside: bool
) -> None:
    """A pressure of 185/100 was told by `observation record`, and the last look had none."""
    play = observed_until(120)
    play.later(minutes=1)
    now = play.dosed_at() + timedelta(minutes=121)
    measured = vitals(now).model_copy(update=found)
    if beside:
        play.do(c.RecordObservation(seen_at=now, vitals=measured), Role.OBSERVER)
    else:
        told = observation(play.journey, 1, 121, now).model_copy(update={"vitals": measured})
        play.do(told, Role.SESSION_MONITOR)
    play.later(minutes=2)
    seen = observation(play.journey, 1, 123, play.at)
    play.do(seen.model_copy(update={"vitals": None}), Role.SESSION_MONITOR)
    play.do(c.RecordObservation(seen_at=play.at, vitals=vitals(play.at)), Role.PATIENT)
    play.refused(ending(play), Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says="121 minutes")
    play.later(minutes=1)
    look(play, 124)
    play.do(ending(play), Role.SESSION_MONITOR)


@pytest.mark.parametrize(("minute", "alert"), [(240, "none"), (241, "notify")])
def test_who_is_drowsy_longer_than_a_dose_lasts_is_told_alike_in_a_session_and_outside(minute: int, alert: str) -> None:
    play = observed_until(120)
    play.at = play.dosed_at() + timedelta(minutes=minute)
    drowsy = observation(play.journey, 1, minute, play.at).model_copy(update={"consciousness": "voice"})
    assert one(play.do(drowsy, Role.OBSERVER), e.SessionObserved).alert == alert
    outside = c.RecordObservation(seen_at=play.at, consciousness="voice")
    assert one(play.do(outside, Role.OBSERVER), e.ObservationRecorded).alert == alert


@pytest.mark.parametrize(("less", "alert"), [(0, "notify"), (1, "none")])
def test_a_rise_in_a_running_session_is_told_alike_however_it_is_recorded(less: int, alert: str) -> None:
    play = observed_until(40).later(minutes=5)
    made = play.journey.sessions[1].check
    assert made is not None
    notify = play.journey.protocol.sessions.vitals.notify
    risen = vitals(play.at, made.vitals.systolic + int(notify.rise_systolic) - less, made.vitals.diastolic)
    seen = observation(play.journey, 1, 45, play.at).model_copy(update={"vitals": risen})
    assert one(play.do(seen, Role.OBSERVER), e.SessionObserved).alert == alert
    outside = c.RecordObservation(seen_at=play.at, vitals=risen)
    assert one(play.do(outside, Role.OBSERVER), e.ObservationRecorded).alert == alert
