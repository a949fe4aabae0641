"""Answers agree with what is known: states come from a closed list, exclusions do not contradict the record."""

from collections.abc import Callable
from datetime import date, timedelta
from itertools import product
from string import ascii_uppercase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from simulation.people import no_risk
from tests.cli.valid import FORMS
from tests.examples import examples
from tests.journey.play import PROTOCOLS, Play, before, person
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import KnownFrom, SignOffKind
from workflows.journey.stages.screening.rules import eligibility_obstacles
from workflows.journey.vocabulary.actors import Licence, Role
from workflows.journey.vocabulary.clinical import Patient, UsState
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

# The states, the District of Columbia and the territories people live in, from east to west: written a second time.
_STATES = (
    "CT MA ME NH RI VT NJ NY PA DE DC MD VA WV NC SC GA FL AL TN MS KY OH IN MI IA WI MN SD ND MT IL MO KS NE "
    "LA AR OK TX CO WY ID UT AZ NM NV CA HI OR WA AK PR VI GU AS MP"
)
STATES = set(_STATES.split())
PATIENT = {"ref": "p-1", "born": "1980-01-01", "zone": "America/Los_Angeles", "emergency_contact_ref": "e-1"}
LICENCE = {"number": "INVENTED-1", "expires": "2099-12-31"}
READ: dict[str, tuple[Callable[[str], Any], tuple[str | int, ...]]] = {
    "patient": (lambda state: Patient.model_validate({**PATIENT, "state": state}), ("state",)),
    "licence": (lambda state: Licence.model_validate({**LICENCE, "states": ["CA", state]}), ("states", 1)),
    "move": (lambda state: c.Move.model_validate({**FORMS["pathway.move"], "state": state}), ("state",)),
}
"""How each form that sets a state down is read, and where the state stands in it."""


def known(state: str) -> bool:
    """Whether a state is taken."""
    try:
        return TypeAdapter(UsState).validate_python(state) == state
    except ValidationError:
        return False


def test_of_all_pairs_of_letters_exactly_the_states_are_taken() -> None:
    pairs = {"".join(pair) for pair in product(ascii_uppercase, repeat=2)}
    assert {pair for pair in pairs if known(pair)} == STATES
    assert not any(known(pair.lower()) or known(pair.title()) for pair in pairs)


@pytest.mark.parametrize("form", READ)
@pytest.mark.parametrize("state", ["ZZ", "XX", "ca", "CA ", "", "C", "CAL", "US-CA", "California", "AA", "QC"])
def test_an_invented_state_is_refused_wherever_one_is_given(form: str, state: str) -> None:
    read, at = READ[form]
    read("CA")
    with pytest.raises(ValidationError) as refused:
        read(state)
    (problem,) = refused.value.errors()
    assert problem["loc"] == at
    assert "US state" in problem["msg"]


def test_facts_about_safety_carry_no_state_they_could_be_refused_for() -> None:
    for kind in ("adverse-event.report", "crisis.record-contact", "support.request", "session.observe", "session.dose"):
        assert not [name for name in FORMS[kind] if "state" in name]


def screening_of(**patient: Any) -> Play:
    """A journey that waits for its screening, of somebody of whom this is known. It stands at 23 November 2026."""
    play = before("screening.record")
    return play.changed(patient=play.journey.patient.model_copy(update=patient))


def answer(play: Play, code: str, word: str, contrary: str | None) -> None:
    """Give an answer, on a copy of the journey; ``contrary`` are words of what refuses it."""
    given = c.RecordScreening.model_validate({"exclusions": {code: {"answer": word}}})
    decided = Play(play.journey, play.at).take(play.command(given, Role.CLINICIAN))
    if contrary is None:
        assert not isinstance(decided, Refusal)
        return
    assert isinstance(decided, Refusal)
    assert (decided.code, decided.field) == (RefusalCode.CONTRADICTS, f"exclusions.{code}")
    assert contrary in decided.reason


@pytest.mark.requirement("A36", "B17")
@pytest.mark.parametrize(
    ("years", "code", "word", "contrary"),
    [
        (91, "X36", "no", "the patient is over 65"),
        (91, "X36", "yes", None),
        (91, "X36", "unknown", None),
        (66, "X36", "no", "the patient is over 65"),
        (65, "X36", "no", None),
        (65, "X36", "yes", "the patient is not over 65"),
        (18, "X01", "no", None),
        (18, "X01", "yes", "the patient is not under 18"),
        (17, "X01", "no", "the patient is under 18"),
        (17, "X01", "unknown", None),
    ],
)
def test_an_answer_about_age_agrees_with_the_birth_date(years: int, code: str, word: str, contrary: str | None) -> None:
    play = screening_of()
    today = play.at.date()
    answer(screening_of(born=date(today.year - years, 1, 1)), code, word, contrary)


@pytest.mark.requirement("B40")
def test_symptoms_are_persistent_only_if_they_have_lasted() -> None:
    """Symptoms since yesterday were attested to be persistent."""
    play = screening_of()
    least = play.journey.protocol.eligibility.attest_lasting_days["persistent_symptoms"]
    said = c.RecordScreening(criteria={"persistent_symptoms": True})
    for days, holds in ((1, False), (least - 1, False), (least, True)):
        since = play.at.date() - timedelta(days=days)
        evaluated = play.journey.evaluation.model_copy(update={"symptoms_since": since})
        here = play.changed(evaluation=evaluated)
        if holds:
            here.do(said)
        else:
            refused = f"fewer than {least} days"
            here.refused(said, code=RefusalCode.CONTRADICTS, field="criteria.persistent_symptoms", says=refused)
            here.do(c.RecordScreening(criteria={"persistent_symptoms": False}))


def test_nobody_is_eligible_whose_symptoms_turn_out_to_be_of_yesterday() -> None:
    play = before("session.release")
    evaluated = play.journey.evaluation.model_copy(update={"symptoms_since": play.at.date() - timedelta(days=1)})
    found = eligibility_obstacles(play.changed(evaluation=evaluated).journey, play.at)
    assert [why for why in found if "persistent_symptoms" in why]


@pytest.mark.requirement("A36", "B17")
@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({}, {}),
        ({"q1": True}, {"X13": "is low"}),
        ({"q1": True, "q2": True, "q3": True, "q4": False, "q5": False}, {"X13": "is moderate"}),
        ({"q6": True, "q6_recent": True}, {"X12": "is high"}),
        ({"q1": None}, {"X12": "counts as high"}),
    ],
)
def test_no_suicide_risk_is_not_answered_beside_a_c_ssrs_that_found_it(
    changed: dict[str, Any], refused: dict[str, str]
) -> None:
    play = screening_of()
    asked = c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers={**no_risk(), **changed})
    play.do(asked, Role.CLINICIAN)
    for code in ("X12", "X13"):
        answer(play, code, "no", refused.get(code))
        answer(play, code, "yes", None)
        answer(play, code, "unknown", None)


def test_a_patient_s_own_answers_do_not_settle_the_clinician_s() -> None:
    play = screening_of()
    play.do(
        c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers={**no_risk(), "q1": True}),
        Role.CLINICIAN,
    )
    play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="self", answers=no_risk()), Role.PATIENT)
    answer(play, "X13", "no", "is low")


EVERYWHERE = person("licensed-everywhere", Role.CLINICIAN, states=("CA", "NV"))


def taken(medicine_class: str) -> Callable[[Play], None]:
    def add(play: Play) -> None:
        play.do(c.AddMedicine(what="x", classes=(medicine_class,), dosage="x"), Role.PATIENT)

    return add


def concern(play: Play, **changed: Any) -> None:
    told = {"state": "CA", "checked_at": play.at, "concern": True, "found": "x", **changed}
    play.do(c.RecordMonitoringCheck.model_validate(told), EVERYWHERE)


def late_concern(play: Play) -> None:
    """A concern that is told after a later check without one."""
    concern(play, concern=False)
    concern(play, checked_at=play.at - timedelta(days=2))


def seizure(play: Play) -> None:
    play.do(c.RecordObservation(seen_at=play.at, red_flags=("seizure",)), Role.SESSION_MONITOR)


def asked_c_ssrs(**answers: bool | None) -> Callable[[Play], None]:
    def ask(play: Play) -> None:
        told = {**no_risk(), **answers}
        play.do(c.RecordInstrument(instrument=Instrument.C_SSRS, occasion="asked", answers=told), EVERYWHERE)

    return ask


def pregnancy(result: str) -> Callable[[Play], None]:
    return lambda play: record(play, c.RecordPregnancyTest.model_validate({"taken_at": play.at, "result": result}))


def record(play: Play, fact: c.CommandBody) -> None:
    play.do(fact, EVERYWHERE)


def untreated(play: Play) -> None:
    evaluation = play.journey.evaluation.model_copy(update={"prior_treatments": ()})
    play.journey = play.journey.model_copy(update={"evaluation": evaluation})


def unlicensed(play: Play) -> None:
    """The patient lives where the journey's clinician has no licence; whoever answers has one."""
    elsewhere = play.journey.patient.model_copy(update={"state": "NV"})
    play.journey = play.journey.model_copy(update={"patient": elsewhere})


def born(year: int) -> Callable[[Play], None]:
    def change(play: Play) -> None:
        patient = play.journey.patient.model_copy(update={"born": date(year, 1, 1)})
        play.journey = play.journey.model_copy(update={"patient": patient})

    return change


KNOWN: dict[str, dict[str, Callable[[Play], None]]] = {
    "X01": {"a birth date": born(2015)},
    "X12": {
        "C-SSRS high": asked_c_ssrs(q6=True, q6_recent=True),
        "C-SSRS incomplete": asked_c_ssrs(q1=None),
    },
    "X13": {
        "C-SSRS low": asked_c_ssrs(q1=True),
        "an attempt long ago": asked_c_ssrs(q6=True, q6_recent=False),
    },
    "X17": {"a concern": concern, "a concern told late": late_concern},
    "X18": {"a positive test": pregnancy("positive"), "an unclear test": pregnancy("unclear")},
    "X21": {"a seizure": seizure},
    **{
        code: {medicine: taken(medicine) for medicine in named}
        for code, named in (
            ("X28", ("benzodiazepine", "opioid", "other_sedative")),
            ("X29", ("mao_inhibitor", "psychostimulant")),
            ("X30", ("lamotrigine", "cyp3a4_inhibitor", "cyp3a4_inducer", "theophylline", "memantine")),
        )
    },
    "X33": {"no treatment": untreated},
    "X34": {"no licence": unlicensed},
    "X36": {"a birth date": born(1935)},
}
"""What is recorded that contradicts a no, by exclusion."""


def test_the_table_has_every_exclusion_that_something_recorded_tells() -> None:
    for protocol in PROTOCOLS.values():
        assert {x.code for x in protocol.exclusions if x.known_from is not None} == {*KNOWN}


@pytest.mark.requirement("A36", "B17")
@examples(0.5)
@given(st.data())
def test_no_exclusion_is_answered_no_beside_what_is_recorded(data: st.DataObject) -> None:
    """Whatever is recorded, in any order: a no that it contradicts is refused, every other answer is taken; and a no
    that was given before is open again, before and after the eligibility was signed."""
    code = data.draw(st.sampled_from(sorted(KNOWN)))
    answered_before = data.draw(st.booleans())
    first = before("screening.record") if not answered_before else before("session.release")
    play = Play(first.journey, first.at, receipts=dict(first.receipts))
    others = [each for each in sorted(KNOWN) if each != code]
    for each in (*data.draw(st.lists(st.sampled_from(others), max_size=2)), code):
        KNOWN[each][data.draw(st.sampled_from(sorted(KNOWN[each])))](play)
    if answered_before:
        play.do(c.RequestSupport(urgency="routine", text="x"), Role.PATIENT)
        assert code not in play.journey.screening.exclusions, "the earlier no is open again"
    for word, refused in (("no", True), ("yes", False), ("unknown", False)):
        given_ = c.RecordScreening.model_validate({"exclusions": {code: {"answer": word}}})
        decided = Play(play.journey, play.at).take(play.command(given_, EVERYWHERE))
        assert isinstance(decided, Refusal) is refused, decided
        if refused:
            assert isinstance(decided, Refusal)
            assert (decided.code, decided.field) == (RefusalCode.CONTRADICTS, f"exclusions.{code}")


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=5))
def test_a_check_of_the_monitoring_program_is_taken_however_late_it_is_told(told: list[tuple[int, bool]]) -> None:
    """In whatever order they are told: each is on record with its own time, the latest one counts, and any concern
    holds care."""
    start = before("session.release")
    play = Play(start.journey, start.at, receipts=dict(start.receipts))
    for days, found in told:
        concern(play, concern=found, checked_at=play.at - timedelta(days=days))
    checks = [event.body for event in play.events if isinstance(event.body, e.MonitoringChecked)]
    assert [(play.at - check.checked_at).days for check in checks] == [days for days, _ in told]
    assert play.journey.monitoring_check is not None
    assert start.journey.monitoring_check is not None
    latest = max(start.journey.monitoring_check.checked_at, *(check.checked_at for check in checks))
    assert play.journey.monitoring_check.checked_at == latest
    assert play.journey.held is any(found for _, found in told)


def test_a_concern_that_was_reviewed_may_be_answered_no() -> None:
    play = before("screening.record")
    late_concern(play)
    [hold] = play.journey.standing_holds
    play.sign(SignOffKind.SEVERE_HOLD_RELEASE, hold.id)
    answer(play, "X17", "no", None)


def test_a_correction_of_the_screening_agrees_with_what_is_known_too() -> None:
    play = screening_of(born=date(1935, 1, 1))
    play.do(c.RecordScreening.model_validate({"exclusions": {"X01": {"answer": "no"}}}))
    fact = c.RecordScreening.model_validate({"exclusions": {"X36": {"answer": "no"}}})
    amend = c.Amend(version=play.version_of("screening.recorded"), reason="invented", correction=fact)
    play.refused(amend, code=RefusalCode.CONTRADICTS, field="exclusions.X36")


@pytest.mark.parametrize(
    "given", [{}, {"age_over": 65, "age_under": 18}, {"suicide_risk": []}, {"suicide_risk": ["none"]}, {"weight": 1}]
)
def test_an_exclusion_is_known_from_one_thing(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        KnownFrom.model_validate(given)
