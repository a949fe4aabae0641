"""The names of the service's own commands are out of reach of everybody else."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.people import referral
from tests.journey.play import JOURNEY, PROTOCOLS, Play, before, ledger_of, standing_at, started
from tests.journey.properties.journeys import draw_command, moments
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.decide import decide
from workflows.journey.decided import Decided
from workflows.journey.obligations import next_deadline
from workflows.journey.protocol import Pathway
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.command_ids import is_own, own_id
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode


def own_names(play: Play) -> list[UUID]:
    """The ids that the shell would give its next commands."""
    version = play.journey.version
    names = [f"deadline:{n}" for n in range(version, version + 5)]
    names += [f"deadline:{version}:again", "unreadable:0:abc", "cancellation:run", "history:7"]
    return [own_id(play.journey.id, name) for name in names]


@given(st.uuids(), st.text(max_size=40))
def test_an_own_id_is_of_the_version_that_only_the_service_gives(of: UUID, what: str) -> None:
    assert is_own(own_id(of, what))
    assert own_id(of, what) == own_id(of, what) != own_id(of, what + "x")
    assert UUID(str(own_id(of, what))) == own_id(of, what)


@given(st.one_of(st.uuids(version=1), st.uuids(version=3), st.uuids(version=4), st.uuids(version=5)))
def test_no_other_id_is(command_id: UUID) -> None:
    assert not is_own(command_id)


@given(st.data(), moments())
def test_nobody_takes_the_name_of_a_later_command_of_the_clock(
    data: st.DataObject, moment: tuple[Pathway, int]
) -> None:
    """Whatever anybody sends under it, as an update or as a signal: the clock's command is decided as if it had not
    been sent."""
    play = standing_at(*moment)
    ledger, names = ledger_of(play), own_names(play)
    for _ in range(data.draw(st.integers(1, 3))):
        drawn = draw_command(data, play.journey, play.at)
        if drawn.actor == CLOCK:
            continue
        taken = drawn.model_copy(update={"command_id": data.draw(st.sampled_from(names))})
        asked = Decided(command=taken, at=play.at, unanswered=data.draw(st.booleans()))
        receipt, events = ledger.decide(asked)
        assert receipt.refusal is not None
        assert receipt.refusal.code == RefusalCode.NOT_ALLOWED
        assert receipt.refusal.field == "command_id"
        if events:
            ledger.apply(events, asked)
    assert not any(name in ledger.receipts for name in names)
    deadline = next_deadline(ledger.journey)
    if deadline is not None:
        own = c.Command(command_id=names[0], actor=CLOCK, body=c.PassDeadline())
        receipt, events = ledger.decide(Decided(command=own, at=max(deadline, play.at), own=True))
        assert receipt.refusal is None
        assert events


def test_a_support_request_under_the_next_deadlines_id_switches_no_escalation_off() -> None:
    play = started()
    play.do(c.RequestSupport(urgency="urgent", text="Invented: please call"), Role.PATIENT)
    ledger = ledger_of(play)
    name = own_id(play.journey.id, f"deadline:{play.journey.version}")
    asked = play.command(c.RequestSupport(urgency="routine", text="Invented"), Role.PATIENT)
    asked = asked.model_copy(update={"command_id": name})
    receipt, events = ledger.decide(Decided(command=asked, at=play.at, unanswered=True))
    assert receipt.refusal is not None
    assert "the service's own" in receipt.refusal.reason
    [kept] = [event for event in events if isinstance(event.body, e.CommandRefused)]
    assert is_own(kept.command_id)
    assert kept.command_id != name


def test_a_journey_does_not_start_under_an_own_id() -> None:
    start = referral(next(iter(PROTOCOLS.values())), JOURNEY)
    own = start.model_copy(update={"command_id": own_id(JOURNEY, "start")})
    decided = decide(None, own, started().at)
    assert isinstance(decided, Refusal)
    assert decided.field == "command_id"


def test_the_clock_bears_no_id_of_somebody_else() -> None:
    play = started()
    own = play.command(c.PassDeadline(), CLOCK)
    for command_id in (UUID(int=0), UUID("4f8c3a52-6c1c-4a53-9a51-0a8e5b3a1f10")):
        decided = play.decide(own.model_copy(update={"command_id": command_id}))
        assert isinstance(decided, Refusal)
        assert decided.field == "command_id"


@pytest.mark.parametrize("body", [c.PlaceHold(reason="Invented"), c.RequestSupport(urgency="urgent", text="Invented")])
def test_what_comes_by_signal_under_a_taken_id_is_kept_once(body: c.CommandBody) -> None:
    play = before("signoff.sign")
    ledger = ledger_of(play)
    first = play.command(c.AskQuestion(text="Invented: what if?"), Role.PATIENT)
    asked = Decided(command=first, at=play.at)
    ledger.apply(ledger.decide(asked)[1], asked)
    second = play.command(body, Role.PATIENT).model_copy(update={"command_id": first.command_id})
    for times in (1, 0):
        sent = Decided(command=second, at=play.at, unanswered=True)
        receipt, events = ledger.decide(sent)
        assert receipt.refusal is not None
        assert receipt.refusal.code == RefusalCode.COMMAND_ID_REUSED
        assert sum(isinstance(event.body, e.CommandRefused) for event in events) == times
        if events:
            ledger.apply(events, sent)


def test_an_own_command_that_is_refused_is_said_and_not_swallowed() -> None:
    play = started()
    wrong = play.command(c.PassDeadline(), CLOCK).model_copy(update={"command_id": UUID(int=7)})
    assert ledger_of(play).decide(Decided(command=wrong, at=play.at, own=True))[0].refusal is not None
