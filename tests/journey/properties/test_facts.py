"""Whatever a journey has come to, what happened is recorded and what follows from it is awaited; and no ending, in
whatever order things come, takes anything of the watch away."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from application.pathway.command_catalog import forms_for
from tests.examples import examples
from tests.journey.contacts import answer
from tests.journey.play import Play, course, standing, standing_at
from tests.journey.properties.journeys import draw_command, moments, pauses
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Journey, evolve
from workflows.journey.always.adverse_events.rules import is_reviewed
from workflows.journey.always.death.rules import find_undecided
from workflows.journey.obligations import obligations
from workflows.journey.protocol import Pathway, SignOffKind
from workflows.journey.receipts import add_receipts
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal
from workflows.journey.vocabulary.stage import Outcome, Stage
from workflows.journey.watch import contacts_watched, sessions_watched
from workflows.protocols import list_pathways

TELLERS = (Role.PATIENT, Role.COORDINATOR, Role.SESSION_MONITOR, Role.CLINICIAN, Role.MEDICAL_DIRECTOR)


def _died(play: Play) -> None:
    if not play.journey.died:
        play.do(c.RecordDeath(related="no", reason="invented"), Role.OBSERVER)
        play.sign(SignOffKind.DEATH, list(play.journey.deaths)[-1])


def _reported_dead(play: Play) -> None:
    play.do(c.RecordDeath(related="unknown", reason="invented"), Role.OBSERVER)


def _ended(body: c.CommandBody, by: Role) -> Callable[[Play], None]:
    def end(play: Play) -> None:
        if play.journey.closing is None:
            play.do(body, by)

    return end


def _held(play: Play) -> None:
    if not play.journey.closed:
        play.do(c.PlaceHold(reason="invented"), Role.OBSERVER)


DISTURBANCES: dict[str, Callable[[Play], None]] = {
    "undisturbed": lambda _: None,
    "held": _held,
    "withdrawn": _ended(c.Withdraw(), Role.PATIENT),
    "stopped": _ended(c.StopForSafety(reason="invented", referral="invented"), Role.CLINICIAN),
    "transferred": _ended(c.Transfer(reason="invented", referral="invented"), Role.CLINICIAN),
    "reported dead": _reported_dead,
    "dead": _died,
}


def disturbed(data: st.DataObject, where: tuple[Pathway, int]) -> Play:
    """A moment of a course, closed or not, and what came over it."""
    play = standing_at(*where)
    if data.draw(st.integers(0, 3)) == 0:
        whole = course(where[0])
        play = standing(whole.journey, whole.at, where[0])
    for what in data.draw(st.lists(st.sampled_from(list(DISTURBANCES)), max_size=2)):
        note(what)
        DISTURBANCES[what](play)
        play.at += data.draw(pauses())
    return play


def draw_fact(data: st.DataObject, play: Play) -> c.CommandBody:
    ago = timedelta(minutes=data.draw(st.sampled_from([0, 1, 90, 60 * 5, 60 * 30, 60 * 24 * 10, 60 * 24 * 400])))
    when = play.at - ago
    match data.draw(st.integers(0, 7)):
        case 0:
            return c.RecordDose(
                session=data.draw(st.sampled_from([None, 1, 2, 3, 7])),
                dose_mg=data.draw(st.sampled_from([None, 0.5, 100.0, 1000.0])),
                route=data.draw(st.sampled_from(["sublingual", "snorted"])),
                taken_at=when - timedelta(seconds=7),
                doses_left=data.draw(st.sampled_from([None, 0, 1, 9])),
            )
        case 1:
            return c.ReportAdverseEvent(what="x", grade=data.draw(st.integers(1, 5)), serious=False, onset=when)
        case 2:
            return c.RecordDeath(related=data.draw(st.sampled_from(["yes", "no", "unknown"])), reason="x")
        case 3:
            return c.RequestSupport(urgency=data.draw(st.sampled_from(["urgent", "clinical", "routine"])), text="x")
        case 4:
            return c.ReportCrisis(what="x")
        case 5:
            classes = data.draw(st.sampled_from([(), ("benzodiazepine",), ("other",)]))
            return c.AddMedicine(what="x", classes=classes, dosage="x")
        case 6:
            return c.AskQuestion(text="x")
        case _:
            return c.RecordObservation(
                seen_at=when,
                consciousness=data.draw(st.sampled_from([None, "alert", "unresponsive"])),
                red_flags=data.draw(st.sampled_from([(), ("no_such_flag",)])),
            )


def check_awaited(journey: Journey, bodies: list[e.EventBody]) -> None:
    """What must be awaited after these facts."""
    kinds = {waiting.kind for waiting in obligations(journey)}
    about = {(waiting.kind, waiting.subject) for waiting in obligations(journey)}
    for body in bodies:
        match body:
            case e.DoseRecorded() if journey.died:
                assert "support" in kinds
            case e.DoseRecorded():
                owed = [k for k in journey.contacts.values() if k.dose == body.dose and k.open]
                within = timedelta(hours=journey.protocol.check_ins.owed_hours)
                recent = journey.doses[body.dose].recorded_at - body.taken_at <= within
                assert not recent or owed
                assert all((k.type, k.id) in about for k in owed)
                assert body.released or body.taken_at < journey.started_at or journey.held
            case e.AdverseEventReported():
                assert (
                    is_reviewed(journey, body.adverse_event)
                    or {
                        ("adverse_event", body.adverse_event),
                        ("serious_adverse_event", body.adverse_event),
                    }
                    & about
                )
            case e.DeathReported():
                assert journey.died or ("death", body.death) in about
            case e.SupportRequested():
                assert ("support", body.support) in about
            case e.QuestionAsked():
                assert journey.died or ("question", body.question) in about
            case e.CrisisOpened():
                assert ("crisis", body.crisis) in about or (journey.died and "support" in kinds)


@pytest.mark.requirement("A15")
@pytest.mark.requirement("B30")
@given(st.data(), moments())
def test_what_happened_is_recorded_whatever_the_journey_has_come_to(
    data: st.DataObject, where: tuple[Pathway, int]
) -> None:
    play = disturbed(data, where)
    closed, outcome = play.journey.closed, play.journey.outcome
    fact, by = draw_fact(data, play), data.draw(st.sampled_from(TELLERS))
    note(f"{by} {fact}")
    decided = play.take(play.command(fact, by))
    if isinstance(decided, Refusal):
        pytest.fail(str(decided))
    check_awaited(play.journey, [event.body for event in decided])
    assert (play.journey.closed, play.journey.outcome) == (closed, outcome), "it wakes, and stays as it ended"
    play.go_on(lambda journey: not journey.waiting or journey.closing is None, most=150)


@examples(0.15)
@given(st.data(), moments())
def test_whatever_is_awaited_can_be_done_whatever_the_journey_has_come_to(
    data: st.DataObject, where: tuple[Pathway, int]
) -> None:
    """Somebody of the role that is asked may send the command that does it, in this stage and after every ending."""
    play = disturbed(data, where)
    taken = c.RecordDose(route="sublingual", taken_at=play.at)
    symptoms = dict.fromkeys(play.journey.protocol.symptoms.names, 0)
    for fact in data.draw(st.permutations([taken, draw_fact(data, play)])):
        play.take(play.command(fact, data.draw(st.sampled_from(TELLERS))))
        play.wait(hours=data.draw(st.sampled_from([1, 200])))
    for contact in [k for k in play.journey.contacts.values() if k.open and k.type == "check_in"]:
        play.take(play.command(answer(contact.id).model_copy(update={"symptoms": symptoms}), Role.PATIENT))
    for waiting in obligations(play.journey):
        forms = [kind.model for kind, _ in forms_for(waiting, play.journey)]
        able = [each for each in forms if each.fact or play.journey.stage in each.stages]
        assert able or waiting.sign_off, f"{waiting.id} in {play.journey.stage}: {forms}"
        assert waiting.sign_off or any(waiting.owner in each.roles for each in able), waiting.id


WATCHED = (
    "observation",
    "session_end",
    "crisis",
    "support",
    "adverse_event",
    "serious_adverse_event",
    "death",
    "alarm",
)


def open_watch(journey: Journey) -> list[str]:
    """What of the watch is open."""
    found = [f"session {session.number}" for session in sessions_watched(journey)]
    found += [contact.id for contact in contacts_watched(journey)]
    found += [crisis.id for crisis in journey.open_crises if not crisis.reached]
    found += [support.id for support in journey.support.values() if support.open]
    found += [event.id for event in journey.adverse_events.values() if not is_reviewed(journey, event.id)]
    death = find_undecided(journey)
    return found if death is None else [*found, death.id]


OF_THE_LIVING = ("session", "check-in", "visit", "crisis")


@pytest.mark.requirement("A39")
@given(st.data(), moments())
def test_no_sequence_closes_a_journey_with_an_open_watch(data: st.DataObject, where: tuple[Pathway, int]) -> None:
    play = standing_at(*where)
    for _ in range(data.draw(st.integers(1, 10))):
        play.at += data.draw(pauses())
        if data.draw(st.integers(0, 2)) == 0:
            by = data.draw(st.sampled_from(TELLERS))
            command = play.command(draw_fact(data, play), by)
        else:
            command = draw_command(data, play.journey, play.at)
        decided = play.decide(command)
        note(f"{play.at} {command.actor.role} {command.body.kind}: {decided if isinstance(decided, Refusal) else 'ok'}")
        if isinstance(decided, Refusal):
            continue
        before, journey = play.journey, play.journey
        for event in decided:
            if isinstance(event.body, e.PathwayClosed):
                left = open_watch(journey)
                if journey.died:
                    left = [name for name in left if not name.startswith(OF_THE_LIVING)]
                assert not left, f"closed with {left}"
            journey = evolve(journey, event)
        play.journey = journey
        add_receipts(play.receipts, decided)
        ending = [event.body for event in decided if isinstance(event.body, e.PathwayEnding)]
        handed_over = any(isinstance(event.body, e.WatchHandedOver) for event in decided)
        if ending and ending[0].outcome != Outcome.DECEASED and not handed_over:
            watched = {w.key for w in before.waiting.values() if w.kind in WATCHED}
            contacts = {k.id for k in contacts_watched(before)}
            assert watched <= {w.key for w in journey.waiting.values()}, "the ending took some of the watch away"
            assert contacts <= {k.id for k in contacts_watched(journey)}


@pytest.mark.parametrize("pathway", list_pathways())
def test_a_closed_course_has_no_open_watch(pathway: Pathway) -> None:
    journey = course(pathway).journey
    assert journey.stage == Stage.CLOSED
    assert open_watch(journey) == []
