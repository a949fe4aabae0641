"""Sessions in the clinic, in the same journey: what differs there is data of the protocol, and who decides it signs."""

from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from simulation.people import PEOPLE, checklist, plan, revision
from tests.journey.contacts import handover
from tests.journey.play import PROTOCOLS, Play, awaits, kinds, started
from tests.journey.settings import IN_CLINIC_RULES, with_clinic
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.always.supply.rules import balance, may_be_of_any_lot
from workflows.journey.protocol import Pathway, SignOffKind
from workflows.journey.setting import setting_of
from workflows.journey.stages.sessions.dose_gate import dose_gate, interval_obstacles
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.journey.vocabulary.stage import Outcome, Stage
from workflows.protocols.rules import find_broken_rules

ELIGIBILITY, REVIEW = SignOffKind.ELIGIBILITY, SignOffKind.RESPONSE_REVIEW
pytestmark = pytest.mark.requirement("B32")


def opened(pathway: Pathway = "PTSD") -> Play:
    """A journey under a protocol that has sessions in the clinic too."""
    play = started(pathway)
    return play.changed(protocol=with_clinic(play.journey.protocol))


@cache
def _decided(pathway: Pathway) -> Play:
    play = opened(pathway).go_on(awaits(ELIGIBILITY))
    play.sign(ELIGIBILITY, choice="in_clinic")
    return play


def decided(pathway: Pathway = "PTSD") -> Play:
    """The clinician chose the clinic."""
    return _decided(pathway).changed()


def before_release() -> Play:
    return decided().go_on(awaits("release"))


@pytest.mark.long
@pytest.mark.parametrize("pathway", sorted(PROTOCOLS))
def test_a_decision_for_the_clinic_goes_on_in_the_same_journey_to_its_end(pathway: Pathway) -> None:
    play = decided(pathway)
    assert play.journey.closing is None
    assert setting_of(play.journey) == "in_clinic"
    play.go_on(lambda journey: journey.closed)
    journey = play.journey
    assert journey.outcome == Outcome.COMPLETED
    assert len(journey.doses) == journey.protocol.sessions.planned
    assert {session.setting for session in journey.sessions.values()} == {"in_clinic"}
    assert all(dose.released for dose in journey.doses.values())
    assert all(session.check is not None and session.check.observer is None for session in journey.sessions.values())
    assert balance(journey) == 0
    assert journey.supply_movements == 0


def test_where_the_protocol_has_none_it_ends_the_journey() -> None:
    play = started("PTSD").go_on(awaits(ELIGIBILITY))
    play.sign(ELIGIBILITY, choice="in_clinic", referral="the clinic downtown")
    assert play.journey.outcome == Outcome.IN_CLINIC


def test_what_is_not_asked_there_is_not_asked_and_what_is_asked_besides_is() -> None:
    play = decided().go_on(awaits("checklist"))
    play.at = play.journey.sessions[1].starts_at
    whole = checklist(play.journey, 1, play.at)
    assert not {*IN_CLINIC_RULES.not_asked} & {*whole.items}
    assert {*IN_CLINIC_RULES.also_checked} <= {*whole.items}
    for item in whole.items:
        left = {name: answer for name, answer in whole.items.items() if name != item}
        lacking = whole.model_copy(update={"items": left})
        play.refused(lacking, Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="items", says=item)
    assert kinds(play.do(whole, Role.SESSION_MONITOR)) == ["session.checked"]


@pytest.mark.parametrize("item", IN_CLINIC_RULES.also_checked)
def test_a_no_to_an_item_of_the_clinic_is_a_no_go(item: str) -> None:
    play = decided().go_on(awaits("checklist"))
    play.at = play.journey.sessions[1].starts_at
    whole = checklist(play.journey, 1, play.at)
    play.do(whole.model_copy(update={"items": {**whole.items, item: False}}), Role.SESSION_MONITOR)
    assert f"checklist: {item}" in dose_gate(play.journey, 1, play.at)
    assert play.journey.held


@pytest.mark.parametrize("lacking", ["adult", "physically_present", "briefed"])
def test_somebody_who_is_named_all_the_same_is_fit(lacking: str) -> None:
    play = decided().go_on(awaits("checklist"))
    play.at = play.journey.sessions[1].starts_at
    observer = c.Observer(ref="companion-1", adult=True, physically_present=True, briefed=True)
    whole = checklist(play.journey, 1, play.at)
    unfit = observer.model_copy(update={lacking: False})
    play.do(whole.model_copy(update={"observer": unfit}), Role.SESSION_MONITOR)
    assert "no adult, present and briefed observer" in dose_gate(play.journey, 1, play.at)


def test_at_home_nobody_is_left_alone() -> None:
    play = opened().go_on(awaits("checklist"))
    play.at = play.journey.sessions[1].starts_at
    alone = checklist(play.journey, 1, play.at).model_copy(update={"observer": None})
    play.refused(alone, Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="observer")


def test_the_end_asks_what_the_setting_asks() -> None:
    play = decided().go_on(awaits("session_end"))
    session, rules = play.journey.sessions[1], play.journey.protocol.sessions
    assert session.dosed_at is not None
    play.at = max(play.at, session.dosed_at + timedelta(minutes=rules.minimum_minutes))
    asked = dict.fromkeys(rules.criteria_in("in_clinic"), True)
    for name in IN_CLINIC_RULES.also_at_end:
        left = {each: True for each in asked if each != name}
        end = c.EndSession(session=1, criteria=left)
        play.refused(end, Role.SESSION_MONITOR, code=RefusalCode.INCOMPLETE, field="criteria", says=name)
    play.refused(
        c.EndSession(session=1, criteria={**asked, "observer_stays": True}),
        Role.SESSION_MONITOR,
        code=RefusalCode.UNKNOWN,
        field="criteria",
    )
    assert "session.ended" in kinds(play.do(c.EndSession(session=1, criteria=asked), Role.SESSION_MONITOR))


def test_limits_count_doses_of_both_settings() -> None:
    """A dose in the clinic counts for the next one at home, and the other way round."""
    play = opened().go_on(lambda journey: bool(journey.ended_sessions))
    home = play.journey.doses
    switch(play, "in_clinic")
    early = max(dose.taken_at for dose in home.values()) + timedelta(hours=1)
    assert any("after the last dose" in why for why in interval_obstacles(play.journey, early))
    play.go_on(lambda journey: len(journey.ended_sessions) > 1)
    assert [dose.doses_from for dose in play.journey.doses.values()] == ["home", "clinic"]
    switch(play, "at_home")
    last = max(dose.taken_at for dose in play.journey.doses.values())
    assert any("after the last dose" in why for why in interval_obstacles(play.journey, last + timedelta(hours=1)))
    play.go_on(lambda journey: journey.closed)
    assert play.journey.outcome == Outcome.COMPLETED
    assert [session.setting for session in play.journey.sessions.values()][:3] == ["at_home", "in_clinic", "at_home"]


def switch(play: Play, to: str) -> None:
    """Have another setting signed: the screening says something else, and who decides chooses anew."""
    play.do(c.RecordScreening(factors={"personal_circumstances": f"Invented: {to} suits better now"}))
    play.go_on(awaits(ELIGIBILITY))
    play.sign(ELIGIBILITY, choice=to)
    assert setting_of(play.journey) == to
    written = plan(play.journey.protocol, play.at)
    doses = 0 if to == "in_clinic" else written.doses_dispensed
    play.do(revision(play.journey, written.model_copy(update={"setting": to, "doses_dispensed": doses})))


def test_another_setting_stops_what_was_planned_for_the_one_before() -> None:
    play = before_release()
    assert dose_gate(play.journey, 1, play.at) == ()
    play.do(c.RecordScreening(factors={"personal_circumstances": "Invented: lives near now"}))
    assert dose_gate(play.journey, 1, play.at)
    play.go_on(awaits(ELIGIBILITY))
    play.sign(ELIGIBILITY, choice="at_home")
    assert "the plan is for another setting than the one signed" in dose_gate(play.journey, 1, play.at)
    there = plan(play.journey.protocol, play.at).model_copy(update={"setting": "in_clinic"})
    play.refused(revision(play.journey, there), code=RefusalCode.OUT_OF_LIMITS, field="plan.setting")
    play.do(revision(play.journey, plan(play.journey.protocol, play.at)))
    play.sign(SignOffKind.PLAN)
    assert "the session is planned for another setting: move it" in dose_gate(play.journey, 1, play.at)
    play.go_on(lambda journey: bool(journey.ended_sessions))
    assert play.journey.sessions[1].setting == "at_home"


def test_a_review_sends_the_patient_to_the_clinic_within_the_journey() -> None:
    play = opened()
    early = play.journey.protocol.reviews.model_copy(update={"after_session": (1, "last")})
    play = play.changed(protocol=play.journey.protocol.model_copy(update={"reviews": early})).go_on(awaits(REVIEW))
    [asked] = [waiting for waiting in play.journey.waiting.values() if waiting.kind == REVIEW]
    play.sign(REVIEW, asked.subject, choice="switch_to_in_clinic")
    assert play.journey.closing is None
    assert setting_of(play.journey) == "in_clinic"
    number = play.journey.next_session
    assert "a review asked for a new plan" in dose_gate(play.journey, number, play.at)
    play.go_on(lambda journey: journey.stage == Stage.FOLLOW_UP)
    later = [session.setting for session in play.journey.sessions.values() if session.number >= number]
    assert later == ["in_clinic"] * (play.journey.protocol.sessions.planned - 1)


@pytest.mark.parametrize("changed", [{}, {"dose_mg": 1.0}, {"route": "oral"}, {"told_by": Role.PATIENT}])
def test_a_corrected_dose_of_the_clinic_is_none_from_home(changed: dict[str, Any]) -> None:
    play = decided().go_on(lambda journey: bool(journey.doses))
    play.at = max(play.at, play.dosed_at())
    told = play.journey.doses["dose-1"].model_dump(include={"session", "dose_mg", "route", "taken_at"})
    fact = c.RecordDose.model_validate({**told, "deviation": "misread", **changed})
    version = next(v for v, known in play.journey.facts.items() if known.kind == "session.dosed")
    play.do(c.Amend(version=version, reason="x", correction=fact))
    assert play.journey.doses["dose-1"].doses_from == "clinic"
    assert balance(play.journey) == 0


def test_a_session_to_come_in_the_clinic_may_have_a_dose_of_any_lot() -> None:
    """A recall by lot passed over the patient who was to have the first dose of the clinic's stock."""
    play = decided()
    assert may_be_of_any_lot(play.journey)
    play.do(c.Withdraw(), Role.PATIENT)
    assert not may_be_of_any_lot(play.journey), "none was taken, and none will be"


def test_doses_that_are_left_at_home_are_collected_once_sessions_are_in_the_clinic() -> None:
    """Whoever is sent to the clinic because home is not safe kept them."""
    play = opened().go_on(lambda journey: bool(journey.ended_sessions))
    assert balance(play.journey) > 0
    assert play.waits_for("leftovers") is None
    play.do(c.RecordScreening(factors={"personal_circumstances": "Invented: home is not safe"}))
    play.go_on(awaits(ELIGIBILITY))
    play.sign(ELIGIBILITY, choice="in_clinic")
    assert play.waits_for("leftovers") is not None
    play.do(c.MoveSupply(movement="returned", doses=balance(play.journey), moved_at=play.at), Role.COORDINATOR)
    assert play.waits_for("leftovers") is None


@pytest.mark.parametrize("choice", ["at_home", "in_clinic"])
def test_nothing_unsettled_is_approved_for_any_setting(choice: str) -> None:
    play = opened().go_on(awaits(ELIGIBILITY))
    play.do(c.RecordScreening(criteria={"able_to_follow_instructions": False}))
    asked = play.signature(ELIGIBILITY, choice=choice)
    refused = play.refused(asked, code=RefusalCode.INCOMPLETE, field="choice")
    assert "able_to_follow_instructions" in refused.reason


@pytest.mark.parametrize(
    ("setting", "changed", "says"),
    [
        ("at_home", {"observer": "session_monitor"}, "an adult stays"),
        ("at_home", {"doses_from": "clinic"}, "an adult stays"),
        ("in_clinic", {"not_asked": ("nothing_there_is",)}, "must be one of"),
        ("in_clinic", {"not_asked": ("suicide_risk_none_or_low",)}, "asked in every setting"),
        ("in_clinic", {"not_asked": ("vitals_within_rule",)}, "asked in every setting"),
        ("in_clinic", {"also_checked": ("time_out_done",)}, "asked already"),
        ("in_clinic", {"also_at_end": ("oriented",)}, "asked already"),
    ],
)
def test_a_setting_that_asks_too_little_is_refused(setting: str, changed: dict[str, Any], says: str) -> None:
    protocol = with_clinic(PROTOCOLS["PTSD"])
    assert broken(protocol) == []
    settings: Any = protocol.sessions.settings
    other = {**settings, setting: settings[setting].model_copy(update=changed)}
    sessions = protocol.sessions.model_copy(update={"settings": other})
    found = broken(protocol.model_copy(update={"sessions": sessions}))
    assert found
    assert says in found[0]


def broken(protocol: Any) -> list[str]:
    found: Iterable[Any] = find_broken_rules(protocol)
    return [rule for _, rule in found]


def test_a_setting_that_nobody_may_choose_is_refused() -> None:
    protocol = with_clinic(PROTOCOLS["PTSD"])
    rule = protocol.sign_offs[ELIGIBILITY].model_copy(update={"choices": ("at_home", "neither")})
    changed = protocol.model_copy(update={"sign_offs": {**protocol.sign_offs, ELIGIBILITY: rule}})
    assert any("must offer in_clinic" in each for each in broken(changed))


def test_a_plan_for_a_setting_that_there_is_not_is_refused() -> None:
    journey: Journey = started("PTSD").go_on(awaits("planning")).journey
    play = started("PTSD").go_on(awaits("planning"))
    written = plan(journey.protocol, play.at).model_copy(update={"setting": "in_clinic"})
    play.refused(c.RecordPlan(plan=written), code=RefusalCode.OUT_OF_LIMITS, field="plan.setting")


def test_a_session_cancelled_after_its_release_is_looked_into_by_a_colleague_where_no_dose_is_at_home() -> None:
    play = decided().go_on(awaits("dose"))
    monitor = play.changed()
    monitor.do(c.CancelSession(session=1, reason="none was taken, they say (invented)"), Role.SESSION_MONITOR)
    asked = monitor.waits_for("support")
    assert monitor.waits_for("supply_count") is None
    assert asked is not None
    assert (asked.escalation_policy, asked.person) == ("clinical", play.journey.clinician)

    play.do(c.CancelSession(session=1, reason="none was taken, I say (invented)"))
    asked = play.waits_for("support")
    assert asked is not None
    assert (asked.owner, asked.person) == (Role.CLINICIAN, None)
    answer = c.AnswerSupport(support="support-1", text="none was taken (invented)")
    clinician = PEOPLE[Role.CLINICIAN]
    for who in (clinician, clinician.model_copy(update={"id": "twin", "role": Role.MEDICAL_DIRECTOR})):
        play.refused(answer, who, code=RefusalCode.NOT_ALLOWED, says="what you did")
    play.do(answer, Role.MEDICAL_DIRECTOR)
    assert play.waits_for("support") is None


def test_a_session_that_is_handed_over_after_its_release_is_looked_into_too() -> None:
    """Whoever takes over the watch was not there either."""
    play = decided().go_on(awaits("dose"))
    play.do(c.Transfer(reason="x", referral="y"))
    play.do(handover())
    play.sign(SignOffKind.HANDOVER)
    assert play.waits_for("support") is not None
    assert not play.journey.closed
    answer = c.AnswerSupport(support="support-1", text="none was taken (invented)")
    play.refused(answer, code=RefusalCode.NOT_ALLOWED, says="what you did")
    play.do(answer, Role.MEDICAL_DIRECTOR)
    assert play.journey.closed
