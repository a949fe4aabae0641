"""Whatever is sent to the journeys of one patient, no two of their doses are too close, no limit is exceeded, and what
is open in one of them is known in all."""

from datetime import datetime, timedelta
from uuid import UUID, uuid5

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from simulation.moves.next_move import next_move
from simulation.people import referral
from tests.examples import examples
from tests.journey.play import START, Play, standing_at
from tests.journey.properties.journeys import BODIES, draw_command, moments, of_model, pauses
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import fold
from workflows.journey.always.patient.elsewhere import see_elsewhere
from workflows.journey.always.patient.rules import rests_on_patient
from workflows.journey.always.reports.rules import HARM
from workflows.journey.decide import decide
from workflows.journey.patient_limits import WEEK
from workflows.journey.protocol import Pathway, Protocol
from workflows.journey.stages.sessions.dose_gate import limit_obstacles
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.refusals import Refusal
from workflows.journey.vocabulary.severity import Severity, is_at_least, worst
from workflows.protocols.demonstration import load_demonstration


def tight(pathway: Pathway, medicine: str) -> Protocol:
    """The protocol with so low a course limit that it is met, and its own medicine, so that both may be open."""
    protocol = load_demonstration(pathway)
    return protocol.model_copy(
        update={"dose": protocol.dose.model_copy(update={"medicine": medicine, "max_course": 500, "max_7_day": 200})}
    )


class Clinics:
    """The journeys of one patient, each at a clinic of its own, and a record as the real one keeps it: nothing that
    rests on the patient is recorded unless the journey knows what the others say."""

    def __init__(self, *, look: bool) -> None:
        self.look = look
        self.plays: list[Play] = []
        self.given: list[tuple[datetime, float]] = []

    def enrol(self, protocol: Protocol, at: Play | None) -> None:
        medicine = protocol.dose.medicine
        if any(not p.journey.closed and p.journey.protocol.dose.medicine == medicine for p in self.plays):
            return
        number = uuid5(UUID(int=0), f"{len(self.plays)}")
        decided = decide(None, referral(protocol, number), START if at is None else at.at)
        assert not isinstance(decided, Refusal)
        self.plays.append(Play(fold(decided), START if at is None else at.at))
        self.tell(self.plays[-1])

    def tell(self, play: Play) -> bool:
        """Take in what the other journeys say; whether that was more than was known."""
        others = [each.journey for each in self.plays if each is not play]
        seen = see_elsewhere(others, play.journey.protocol.dose.medicine)
        return bool(play.do(c.TakeInHistory(elsewhere=seen, position=1), CLOCK))

    def send(self, play: Play, command: c.Command) -> None:
        decided = play.decide(command)
        if not isinstance(decided, Refusal) and any(rests_on_patient(event.body) for event in decided):
            # As the append does: what rests on less is not recorded, but taken in, and the command decided again.
            self.tell(play)
        before = len(play.events)
        decided = play.take(command)
        note(f"{play.at} {play.journey.id} {command.body.kind}: {decided if isinstance(decided, Refusal) else 'ok'}")
        for event in play.events[before:]:
            if isinstance(event.body, e.DoseRecorded) and event.body.deviation is None:
                self.given.append((event.body.taken_at, event.body.dose_mg or 0))
                self.check(play.journey.protocol)
        for other in self.plays if self.look else ():
            if other is not play and not other.journey.closed:
                other.at = max(other.at, play.at)
                self.tell(other)
                self.check_ready(other)

    def check_ready(self, play: Play) -> None:
        """No session is ready for a dose that the patient's other doses forbid."""
        journey = play.journey
        session = journey.sessions.get(journey.next_session)
        ready = session is not None and session.released_at is not None and session.dosed_at is None
        assert not ready or journey.held or not limit_obstacles(journey, play.at)

    def check(self, protocol: Protocol) -> None:
        """The dose that was given last keeps the limits of its protocol, with all doses before it."""
        rules, dose = protocol.sessions, protocol.dose
        at, _ = self.given[-1]
        assert all(at - when >= timedelta(hours=rules.min_interval_hours) for when, _ in self.given[:-1])
        week = [mg for when, mg in self.given if at - when < WEEK]
        period = [mg for when, mg in self.given if at - when <= timedelta(days=rules.course_max_days)]
        assert len(week) <= rules.max_in_rolling_7_days
        assert sum(week) <= (dose.max_7_day or 0)
        assert sum(period) <= (dose.max_course or 0)


@pytest.mark.requirement("B27")
@examples(0.15)
@given(st.data())
def test_no_two_doses_of_one_patient_are_too_close_in_whatever_journeys(data: st.DataObject) -> None:
    clinics = Clinics(look=data.draw(st.booleans()))
    protocols = [tight("PTSD", "invented-1"), tight("ANXIETY", "invented-2"), tight("ANXIETY", "invented-1")]
    clinics.enrol(protocols[0], None)
    for _ in range(data.draw(st.integers(20, 120))):
        latest = max(clinics.plays, key=lambda each: each.at)
        what = data.draw(st.sampled_from(["act"] * 14 + ["wait", "enrol", "withdraw", "anything"]))
        if what == "enrol":
            clinics.enrol(protocols[data.draw(st.integers(0, len(protocols) - 1))], latest)
            continue
        going_on = [each for each in clinics.plays if not each.journey.closed] or clinics.plays
        play = going_on[data.draw(st.integers(0, len(going_on) - 1))]
        play.wait(seconds=(latest.at - play.at).total_seconds())
        if what == "wait":
            play.wait(hours=data.draw(st.sampled_from([1, 12, 72, 168])))
        elif what == "withdraw":
            clinics.send(play, play.command(c.Withdraw(), Role.PATIENT))
        elif what == "anything":
            clinics.send(play, draw_command(data, play.journey, play.at))
        else:
            # Whoever is awaited acts, several times over, so that some get as far as a dose.
            for _ in range(data.draw(st.integers(1, 25))):
                move = next_move(play.journey, play.at)
                if isinstance(move, c.Command):
                    clinics.send(play, move)
                elif move is None or data.draw(st.booleans()):
                    break
                else:
                    play.wait(seconds=(move - play.at).total_seconds())


OF_HARM = [body for body in BODIES if body.model_fields["kind"].default in HARM]


@pytest.mark.long
@pytest.mark.requirement("A35")
@examples(3)
@given(moments(), st.data())
def test_whatever_somebody_is_called_for_is_as_bad_in_every_journey_of_the_patient(
    moment: tuple[Pathway, int], data: st.DataObject
) -> None:
    play = standing_at(*moment)
    for _ in range(data.draw(st.integers(1, 3))):
        play.at += data.draw(pauses())
        told = data.draw(of_model(data.draw(st.sampled_from(OF_HARM)), play.journey, play.at))
        command = play.command(told, data.draw(st.sampled_from(told.roles)))
        decided = play.take(command)
        if isinstance(decided, Refusal) and decided.kept:
            play.keep(command, decided)
    journey = play.journey
    called = [
        Severity(waiting.escalation_policy)
        for waiting in journey.waiting.values()
        if waiting.escalation_policy in (Severity.URGENT, Severity.EMERGENCY)
        and not (waiting.kind == "support" and journey.support[waiting.subject or ""].cause == "elsewhere")
    ]
    risks = see_elsewhere([journey], "another").risks
    known = (risk.severity for risk in risks if risk.open and risk.severity is not None)
    assert is_at_least(worst(*known), worst(*called))
