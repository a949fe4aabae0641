"""A report of harm is never lost for its form: it is told what is wrong, and what was said is kept and acted on."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.people import PEOPLE, person_of
from tests.journey.contacts import answer, visit
from tests.journey.instruments.vectors import c_ssrs
from tests.journey.play import HERE, JOURNEY, Play, after, before, course, ledger_of, started
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.decided import Decided, derive, stay_refused
from workflows.journey.events import Event
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import canonical
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode
from workflows.journey.vocabulary.severity import SEVERITIES, Severity

FAR = timedelta(days=365 * 110)


def _event(play: Play, **changed: Any) -> c.ReportAdverseEvent:
    said = {"what": "invented: fell", "grade": 2, "serious": False, "onset": play.at - timedelta(hours=1)}
    return c.ReportAdverseEvent.model_validate(said | changed)


def _vitals(play: Play, systolic: int) -> c.Vitals:
    return c.Vitals(systolic=systolic, diastolic=90, measured_at=play.at)


def _checklist(play: Play, vitals: c.Vitals, **items: bool) -> c.CheckSession:
    """A checklist of a session that nobody scheduled."""
    said = {"session": 9, "items": items, "vitals": vitals, "reachable_clinician": play.journey.clinician}
    place = {"location_state": play.journey.patient.state, "location_confirmed": True}
    return c.CheckSession.model_validate({**said, **place, "reachable_within_minutes": 5})


def hand_in(play: Play, command: c.Command) -> tuple[Refusal | None, tuple[Event, ...]]:
    """As the shell does it: what is kept of a refusal leaves its trace, and nothing else of one does."""
    ledger = ledger_of(play)
    at_once = ledger.refusal(command, play.at)
    if at_once is not None:
        return at_once, ()
    decided = Decided(command=command, at=play.at)
    receipt, events = ledger.decide(decided)
    play.follow(decided, events)
    return receipt.refusal, events


WRONG: dict[str, Any] = {
    "onset in the future": (lambda play: _event(play, onset=play.at + timedelta(hours=1)), Role.PATIENT),
    "onset before birth": (lambda play: _event(play, onset=play.at - FAR), Role.PATIENT),
    "serious without a reason": (lambda play: _event(play, serious=True), Role.OBSERVER),
    "death without a reason": (lambda play: _event(play, grade=5, serious=True), Role.CLINICIAN),
    "dose of tomorrow": (
        lambda play: c.RecordDose(dose_mg=250, route="oral", taken_at=play.at + timedelta(days=1)),
        Role.PATIENT,
    ),
    "dose before birth": (lambda play: c.RecordDose(dose_mg=250, route="oral", taken_at=play.at - FAR), Role.PATIENT),
    "unresponsive, of tomorrow": (
        lambda play: c.RecordObservation(consciousness="unresponsive", seen_at=play.at + timedelta(days=1)),
        Role.CLINICIAN,
    ),
    "pressure far outside, of tomorrow": (
        lambda play: c.RecordObservation(vitals=_vitals(play, 220), seen_at=play.at + timedelta(days=1)),
        Role.PATIENT,
    ),
    "not breathing, of no session": (
        lambda _: c.Observe(session=9, minute=1, consciousness="alert", breathing_normal=False, vomiting=False),
        Role.CLINICIAN,
    ),
    "outcome fatal, of no event": (
        lambda _: c.FollowUpAdverseEvent(
            adverse_event="adverse-event-9", findings="x", action_taken="x", outcome="fatal"
        ),
        Role.CLINICIAN,
    ),
    "worsening, with an assessment missing": (
        lambda _: visit("x", visit=None, outcome="worsening", assessments={"side_effects": "invented"}),
        Role.CLINICIAN,
    ),
    "worsening, of no visit": (lambda _: visit("follow-up-week-99", outcome="worsening"), Role.CLINICIAN),
    "an outcome that nobody knows": (lambda _: visit("x", visit=None, outcome="terrible"), Role.CLINICIAN),
    "a very high symptom, of no visit": (
        lambda _: visit("follow-up-week-99", symptoms={"mood_instability": 10}),
        Role.CLINICIAN,
    ),
    "a concern of the therapist, of tomorrow": (
        lambda play: c.RecordTherapy(
            held_at=play.at + timedelta(days=1), approach="x", attended=True, summary="invented", concern="urgent"
        ),
        Role.CLINICIAN,
    ),
    "worse, of no event": (
        lambda _: c.RegradeAdverseEvent(adverse_event="adverse-event-9", grade=4, serious=False, reason="invented"),
        Role.CLINICIAN,
    ),
    "a checklist of no session, with a pressure far outside": (
        lambda play: _checklist(play, _vitals(play, 220)),
        Role.SESSION_MONITOR,
    ),
    "a checklist of no session, with a pressure of tomorrow that is far outside": (
        lambda play: _checklist(
            play, _vitals(play, 220).model_copy(update={"measured_at": play.at + timedelta(days=1)})
        ),
        Role.SESSION_MONITOR,
    ),
    "a checklist of no session, with suicide risk": (
        lambda play: _checklist(play, _vitals(play, 120), suicide_risk_none_or_low=False),
        Role.SESSION_MONITOR,
    ),
    "a correction of no fact, to suicide risk": (
        lambda _: c.Amend(
            version=1,
            reason="misheard (invented)",
            correction=c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="x", answers=c_ssrs("yyyyyyy")),
        ),
        Role.CLINICIAN,
    ),
    "a correction of no fact, to unresponsive": (
        lambda _: c.Amend(
            version=1,
            reason="misread (invented)",
            correction=c.Observe(
                session=9, minute=1, consciousness="unresponsive", breathing_normal=True, vomiting=False
            ),
        ),
        Role.CLINICIAN,
    ),
    "unwell, in no check-in": (
        lambda play: c.CompleteCheckIn.model_validate(
            {
                "check_in": "check-in-99",
                "feeling": "unwell",
                "side_effects": "invented",
                "location": {"state": play.journey.patient.state, "confirmed": True},
            }
        ),
        Role.PATIENT,
    ),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("where", ["started", "at a session", "closed"])
def test_a_wrong_field_loses_no_harm(case: str, where: str) -> None:
    play = started() if where == "started" else before("session.check")
    if where == "closed":
        play = after("session.end")
        play.do(c.RecordDeath(related="no", reason="invented"), Role.OBSERVER)
        play.sign(SignOffKind.DEATH, list(play.journey.deaths)[-1])
    make, role = WRONG[case]
    command = play.command(make(play), person_of(JOURNEY, role))
    refusal, events = hand_in(play, command)
    assert refusal is not None
    assert refusal.kept
    assert [body.about for body in (event.body for event in events) if isinstance(body, e.ReportKept)] == [
        command.body.kind
    ]
    assert play.journey.held
    waiting = play.waits_for("kept_report")
    assert waiting is not None
    assert waiting.owner in (Role.ON_CALL_CLINICIAN, Role.CLINICIAN)
    # Sent again, unchanged or as wrong as before, it alarms nobody twice.
    again, further = hand_in(play, command)
    assert again is not None
    assert not further
    anew, further = hand_in(play, command.model_copy(update={"command_id": uuid4()}))
    assert anew is not None
    assert not further


@pytest.mark.parametrize("case", WRONG)
def test_what_was_to_be_kept_as_it_was_said_is_kept_when_it_stays_refused(case: str) -> None:
    """A reset, or a run that is begun anew, hands it in again before anything of it was recorded."""
    play = before("session.check")
    make, role = WRONG[case]
    command = play.command(make(play), person_of(JOURNEY, role))
    ledger = ledger_of(play)
    told = ledger.decide(Decided(command=command, at=play.at))[0].refusal
    assert told is not None
    again = Decided(command=command, at=play.at, refusal=stay_refused(told))
    receipt, events = ledger.decide(again)
    assert receipt.refusal is not None
    assert [event.body.about for event in events if isinstance(event.body, e.ReportKept)] == [command.body.kind]
    assert derive(play.journey, play.receipts, again) == events


def test_said_again_in_the_right_form_it_takes_the_place_of_the_task() -> None:
    play = started()
    wrong = play.command(_event(play, onset=play.at + timedelta(hours=1)), Role.PATIENT)
    hand_in(play, wrong)
    other = play.command(_event(play, what="invented: something else"), Role.PATIENT)
    assert hand_in(play, other)[0] is None
    assert play.waits_for("kept_report") is not None, "it was another event"
    refusal, events = hand_in(play, wrong.model_copy(update={"body": _event(play)}))
    assert refusal is None
    assert e.ReportRepeated(report="report-1") in [event.body for event in events]
    assert play.waits_for("kept_report") is None
    assert len(play.journey.adverse_events) == 2
    assert play.journey.held, "people release what was held"


def test_the_same_words_under_another_id_are_the_same_report() -> None:
    play = started()
    hand_in(play, play.command(_event(play, serious=True), Role.PATIENT))
    hand_in(play, play.command(_event(play, serious=True, serious_because=("hospitalization",)), Role.OBSERVER))
    assert play.waits_for("kept_report") is not None, "somebody else said so"
    hand_in(play, play.command(_event(play, serious=True, serious_because=("hospitalization",)), Role.PATIENT))
    assert play.waits_for("kept_report") is None


@pytest.mark.parametrize("because", [[], ["life threatening"], [4], "life_threatening", None, {}])
def test_why_an_event_is_serious_may_be_the_worst_where_nobody_can_read_it(because: Any) -> None:
    play = started()
    said = canonical({"what": "x", "grade": 1, "serious": True, "serious_because": because}).decode()
    play.do(c.KeepReport(about="adverse-event.report", said=said, fields=("serious_because",)), Role.OBSERVER)
    waiting = play.waits_for("kept_report")
    assert waiting is not None
    assert waiting.escalation_policy == Severity.EMERGENCY.value


def test_a_clinician_settles_what_is_not_said_again() -> None:
    play = started()
    hand_in(play, play.command(_event(play, onset=play.at + timedelta(hours=1)), Role.PATIENT))
    settle = c.SettleReport(report="report-1", text="invented: asked, and recorded")
    play.refused(
        play.signature(SignOffKind.HOLD_RELEASE, "hold-1"),
        code=RefusalCode.INCOMPLETE,
        says="a clinician has settled the report",
    )
    play.refused(settle, Role.COORDINATOR, code=RefusalCode.NOT_ALLOWED)
    play.do(settle, Role.CLINICIAN)
    play.refused(settle, Role.CLINICIAN, code=RefusalCode.ALREADY_DONE, field="report")
    assert play.waits_for("kept_report") is None


@pytest.mark.parametrize(
    ("about", "said", "wrong"),
    [
        ("therapy.record", {"summary": "invented", "concern": "urgnt"}, "concern"),
        ("visit.record", {"outcome": "responding", "symptoms": {"mood_instability": "very bad"}}, "symptoms"),
        ("visit.record", {"outcome": "responding", "symptoms": {"mood_instability": 90}}, "symptoms"),
        ("session.check", {"session": 1, "items": {"suicide_risk_none_or_low": False, "x": "y"}}, "items"),
        ("check-in.complete", {"feeling": "well", "symptoms": {"mood_instability": 90}}, "symptoms"),
        ("check-in.complete", {"feeling": "well", "symptoms": {"mood_instability": "very bad"}}, "symptoms"),
    ],
)
def test_harm_in_the_very_field_that_is_wrong_is_kept(about: str, said: dict[str, Any], wrong: str) -> None:
    play = started()
    kept = c.KeepReport(about=about, said=canonical(said).decode(), fields=(wrong,))
    play.do(kept, Role.CLINICIAN)
    assert play.waits_for("kept_report")


def test_an_alarm_of_a_checklist_is_kept_though_another_item_is_not_answered() -> None:
    play = before("session.check")
    lacking = _checklist(play, _vitals(play, 120), suicide_risk_none_or_low=False)
    refusal, _ = hand_in(play, play.command(lacking.model_copy(update={"session": 1}), Role.SESSION_MONITOR))
    assert refusal is not None
    assert (refusal.code, refusal.field, refusal.kept) == (RefusalCode.INCOMPLETE, "items", True)


@pytest.mark.parametrize("about", ["observation.record", "session.check", "pathway.amend"])
@pytest.mark.parametrize(
    "said",
    [
        '{"vitals": NaN}',
        '{"vitals": {"systolic": 1e999}}',
        '{"vitals": "\\ud800"}',
        '{"vitals": ' + "[" * 950 + "]" * 950 + "}",
        '{"kind": "pathway.amend", "correction": ' * 380 + "1" + "}" * 380,
    ],
    ids=["no number", "too large", "half a character", "lists in lists", "corrections of corrections"],
)
def test_whatever_stands_in_a_report_it_is_taken_or_refused(about: str, said: str) -> None:
    """Anybody may send one, and what raises an error would keep the journey from going on."""
    play = started()
    taken = play.take(play.command(c.KeepReport(about=about, said=said), Role.OBSERVER))
    assert play.waits_for("kept_report") or isinstance(taken, Refusal)


@pytest.mark.parametrize("said", ["", "{broken", "[]", '{"grade": "two"}', "\x00\x01", "[" * 5000])
@pytest.mark.parametrize("about", ["adverse-event.report", "crisis.report", "session.dose", "instrument.record"])
def test_what_nobody_can_read_is_kept_as_the_worst(about: str, said: str) -> None:
    play = started()
    play.do(c.KeepReport(about=about, said=said), Role.OBSERVER)
    waiting = play.waits_for("kept_report")
    assert waiting is not None
    assert waiting.escalation_policy == Severity.EMERGENCY.value


def test_who_has_no_part_is_kept_too_and_marked() -> None:
    play = started()
    stranger = PEOPLE[Role.OBSERVER].model_copy(update={"id": "a-passer-by"})
    refusal, events = hand_in(play, play.command(_event(play, onset=play.at + timedelta(hours=1)), stranger))
    assert refusal is not None
    assert {"report.kept", "hold.placed", "care-team.stranger-heard"} <= {event.body.kind for event in events}


def test_who_has_no_part_learns_how_what_they_measured_is_kept() -> None:
    """An observation is not taken from them; what they say of it is, and is looked at at once."""
    play = started()
    stranger = PEOPLE[Role.OBSERVER].model_copy(update={"id": "a-passer-by"})
    seen = c.RecordObservation(seen_at=play.at, vitals=_vitals(play, 205))
    refusal = play.decide(play.command(seen, stranger))
    assert isinstance(refusal, Refusal)
    assert "`report keep`" in (refusal.remedy or "")
    play.do(c.KeepReport(about="observation.record", said="205 over 132, measured at the door (invented)"), stranger)
    assert play.journey.held
    waiting = play.waits_for("kept_report")
    assert waiting is not None
    assert waiting.owner == Role.ON_CALL_CLINICIAN


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "doses_left": st.integers(0, 4),
            "deviation": st.sampled_from(["it was spat out (invented)", "late"]),
        },
    ),
    st.sampled_from([Role.PATIENT, Role.OBSERVER, Role.COORDINATOR]),
)
def test_what_is_told_of_a_recorded_dose_again_and_is_new_is_kept(told: dict[str, Any], by: Role) -> None:
    """Another count of what is left is a dose to account for; what was not as planned is asked about."""
    play = after("session.dose")
    dose = play.journey.doses["dose-1"]
    again = c.RecordDose(dose_mg=dose.dose_mg, route=dose.route, taken_at=dose.taken_at, **told)
    new = any(told[name] != getattr(dose, name) for name in told)
    command = play.command(again, by)
    refusal, events = hand_in(play, command)
    assert refusal is not None
    assert refusal.code == RefusalCode.ALREADY_DONE
    assert refusal.kept is new
    assert play.journey.held is new
    assert bool(play.waits_for("kept_report")) is new
    assert bool(events) is new
    assert not hand_in(play, command.model_copy(update={"command_id": uuid4()}))[1]


def test_a_risk_whose_form_is_wrong_is_kept() -> None:
    play = started()
    answers = {**c_ssrs("yyyyyyy"), "q9": True}
    body = c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="x", answers=answers)
    refusal, _ = hand_in(play, play.command(body, Role.CLINICIAN))
    assert refusal is None or play.waits_for("kept_report") is not None
    assert play.journey.held


def test_what_tells_of_no_harm_is_refused_as_ever() -> None:
    play = started()
    calm: tuple[c.CommandBody, ...] = (
        c.RecordObservation(consciousness="alert", seen_at=play.at + timedelta(days=1)),
        visit("follow-up-week-99"),
        c.RegradeAdverseEvent(adverse_event="adverse-event-9", grade=1, serious=False, reason="invented"),
        _checklist(play, _vitals(play, 120).model_copy(update={"diastolic": 80})),
        c.RecordTherapy(
            held_at=play.at + timedelta(days=1), approach="x", attended=True, summary="invented", location=HERE
        ),
    )
    for said in calm:
        refusal, events = hand_in(play, play.command(said, Role.CLINICIAN))
        assert refusal is not None
        assert not refusal.kept
        assert not events


def test_worsening_that_is_told_of_a_visit_that_is_recorded_already_is_kept() -> None:
    play = after("session.end")
    play.do(visit("x", visit=None))
    refusal, _ = hand_in(play, play.command(visit("unscheduled-1", outcome="worsening"), Role.CLINICIAN))
    assert refusal is not None
    assert refusal.kept
    assert play.waits_for("kept_report")


def test_a_visit_that_is_told_whole_takes_the_place_of_the_report() -> None:
    play = after("session.end")
    lacking = visit("x", visit=None, outcome="worsening", assessments={"side_effects": "invented"})
    hand_in(play, play.command(lacking, Role.CLINICIAN))
    [report] = play.journey.reports.values()
    assert (report.severity, report.settled) == (Severity.CLINICAL, False)
    whole = visit("x", visit=None, outcome="worsening")
    first = play.command(whole, Role.CLINICIAN).model_copy(update={"command_id": report.meant})
    hand_in(play, first)
    assert play.journey.reports[report.id].settled
    assert play.waits_for("response_review", "unscheduled-1")


JUNK = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=5), st.just([]), st.just({}))
REPORTS: dict[str, tuple[dict[str, Any], Role]] = {
    "adverse-event.report": ({"what": "x"}, Role.PATIENT),
    "crisis.report": ({"what": "x"}, Role.OBSERVER),
    "support.request": ({"text": "x"}, Role.PATIENT),
    "pathway.record-death": ({"related": "unknown", "reason": "x"}, Role.OBSERVER),
    "session.dose": ({"route": "oral"}, Role.PATIENT),
}


@given(st.data())
def test_no_mutation_of_a_report_is_answered_with_less(data: st.DataObject) -> None:
    """What holds, and how hard people are alarmed, is at least as for the report that was meant."""
    kind = data.draw(st.sampled_from(sorted(REPORTS)))
    given_, role = REPORTS[kind]
    where = data.draw(st.integers(0, len(course("PTSD").moves) - 1))
    journey, _, at = course("PTSD").moves[where]
    said: dict[str, Any] = dict(given_)
    if kind == "adverse-event.report":
        said |= {"grade": data.draw(st.integers(1, 5)), "serious": data.draw(st.booleans())}
        said |= {"onset": (at - timedelta(hours=1)).isoformat()}
        said |= {"serious_because": [data.draw(st.sampled_from(["hospitalization", "life_threatening"]))]}
    if kind == "support.request":
        said["urgency"] = data.draw(st.sampled_from([severity.value for severity in SEVERITIES]))
    if kind == "session.dose":
        said |= {"dose_mg": data.draw(st.sampled_from([None, 1.0, 2500.0]))}
        said |= {"taken_at": (at - timedelta(minutes=1)).isoformat()}
    meant, mutated = Play(journey, at), Play(journey, at)
    body = c.Command.model_validate(
        {"command_id": uuid4(), "actor": person_of(journey.id, role), "body": {"kind": kind, **said}}
    ).body
    hand_in(meant, meant.command(body, role))
    field = data.draw(st.sampled_from(sorted(said)))
    wrong = {**said, field: data.draw(JUNK)}
    if data.draw(st.booleans()):
        del wrong[field]
    try:
        command = c.Command.model_validate_json(
            canonical(
                {
                    "command_id": str(uuid4()),
                    "actor": person_of(journey.id, role).model_dump(mode="json"),
                    "body": {"kind": kind, **wrong},
                }
            ),
            strict=True,
        )
    except ValueError:
        kept = c.KeepReport(about=kind, said=canonical(wrong).decode(), fields=(field,))
        command = mutated.command(kept, role)
        hand_in(mutated, command)
        least = _hardest(meant)
        assert SEVERITIES.index(_hardest(mutated)) >= SEVERITIES.index(least)
        assert mutated.journey.held
    else:
        refusal, events = hand_in(mutated, command)
        assert events or (refusal is not None and mutated.journey.held)


def _hardest(play: Play) -> Severity:
    policies = [waiting.escalation_policy for waiting in play.journey.waiting.values()]
    return max((s for s in SEVERITIES if s.value in policies), key=SEVERITIES.index, default=Severity.ROUTINE)


@pytest.mark.parametrize(
    ("wrong", "milder"),
    [
        (
            lambda play: _event(play, what="a seizure (invented)", grade=4, serious=True),
            lambda play: _event(play, what="nothing (invented)", grade=1),
        ),
        (
            lambda _: c.Observe(
                session=1, minute=300, consciousness="unresponsive", breathing_normal=False, vomiting=False
            ),
            lambda _: c.Observe(session=1, minute=0, consciousness="alert", breathing_normal=True, vomiting=False),
        ),
        (
            lambda play: c.ReportAdverseEvent(what="fell", grade=3, serious=False, onset=play.at + timedelta(hours=1)),
            lambda play: c.ReportAdverseEvent(what="fell", grade=1, serious=False, onset=play.at),
        ),
    ],
)
def test_what_says_less_under_the_id_of_a_report_leaves_it_to_a_clinician(wrong: Any, milder: Any) -> None:
    play = after("session.dose")
    by = PEOPLE[Role.SESSION_MONITOR]
    first = play.command(wrong(play), by)
    refusal, _ = hand_in(play, first)
    assert refusal is not None
    assert play.waits_for("kept_report") is not None
    refusal, _ = hand_in(play, play.command(milder(play), by).model_copy(update={"command_id": first.command_id}))
    assert refusal is None
    assert play.waits_for("kept_report") is not None
    play.do(c.SettleReport(report="report-1", text="they are well (invented)"))
    assert play.waits_for("kept_report") is None


RIGHT: dict[str, Any] = {
    "adverse-event.report": lambda play: _event(play, grade=1),
    "session.observe": lambda _: c.Observe(
        session=1, minute=0, consciousness="alert", breathing_normal=True, vomiting=False
    ),
    "pregnancy.test": lambda play: c.RecordPregnancyTest(taken_at=play.at, result="negative"),
}


@pytest.mark.parametrize(
    ("about", "wrong"),
    [
        ("adverse-event.report", {"grade": "nine"}),
        ("adverse-event.report", {"serious": "perhaps"}),
        ("adverse-event.report", {"what": ""}),
        ("session.observe", {"consciousness": "asleep"}),
        ("session.observe", {"breathing_normal": "perhaps"}),
        ("pregnancy.test", {"result": "neg"}),
    ],
)
def test_who_rights_what_was_wrong_under_its_id_settles_the_report(about: str, wrong: dict[str, Any]) -> None:
    """Nobody knew what stood there: it does not say less than it did, however mild it is."""
    play = after("session.dose")
    right, by, meant = RIGHT[about](play), PEOPLE[Role.SESSION_MONITOR], uuid4()
    form = right.model_dump(mode="json", exclude={"kind"}) | wrong | {"spelled": "as the page does"}
    kept = c.KeepReport(about=about, said=canonical(form).decode(), fields=tuple(wrong), meant=meant)
    assert hand_in(play, play.command(kept, by))[0] is None
    assert play.waits_for("kept_report") is not None
    assert hand_in(play, play.command(right, by).model_copy(update={"command_id": meant}))[0] is None
    assert play.waits_for("kept_report") is None


@pytest.mark.parametrize(("rating", "kept"), [(8, False), (9, True), (10, True), (11, True)])
def test_a_symptom_at_the_alert_is_kept_though_whoever_feels_well_leaves_out_another(rating: int, kept: bool) -> None:
    play = before("check-in.complete")
    first, *_ = play.journey.protocol.symptoms.names
    said = answer("check-in-1-4h").model_copy(update={"symptoms": {first: rating}})
    refusal, _ = hand_in(play, play.command(said, Role.PATIENT))
    assert refusal is not None
    assert (play.waits_for("kept_report") is not None) is kept
