"""What is remembered of a journey is what would be found out anew."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from tests.journey.play import Play, before, course, sealed, standing_at, started
from tests.journey.properties.journeys import draw_command, moments, pauses
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.decide import decide
from workflows.journey.evidence import current_decision, evidence, evidence_of
from workflows.journey.needs import needs
from workflows.journey.protocol import Pathway, SignOffKind
from workflows.journey.recall import ROOM, find_entry, recalled
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.protocols import list_pathways


def anew(journey: Journey) -> Journey:
    """The same state, of which nothing was ever worked out."""
    return Journey.model_construct(**{name: vars(journey)[name] for name in Journey.model_fields})


def assert_remembers_rightly(journey: Journey) -> None:
    fresh = anew(journey)
    assert not vars(fresh).get("memory")
    assert list(needs(journey)) == list(needs(fresh))
    for kind in SignOffKind:
        subjects = dict.fromkeys([None, *(signed.subject for signed in journey.sign_offs if signed.kind == kind)])
        for subject in subjects:
            if subject is None or kind != SignOffKind.CLEARANCE:
                assert evidence(journey, kind, subject) == evidence(anew(journey), kind, subject)
            assert evidence_of(journey, kind, subject) == evidence_of(fresh, kind, subject)
            assert current_decision(journey, kind, subject) == current_decision(fresh, kind, subject)


@pytest.mark.long
@pytest.mark.parametrize("every", [7, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("pathway", list_pathways())
def test_at_the_steps_of_a_course_as_if_asked_for_the_first_time(pathway: Any, every: int) -> None:
    for journey, command, at in course(pathway).moves[::every]:
        assert_remembers_rightly(journey)
        assert decide(journey, command, at) == decide(anew(journey), command, at)


@pytest.mark.long
@given(st.data(), moments())
@examples(0.6)
def test_after_anything_as_if_asked_for_the_first_time(data: st.DataObject, moment: Any) -> None:
    play = standing_at(*moment)
    for _ in range(data.draw(st.integers(1, 6))):
        play.at += data.draw(pauses())
        command = sealed(draw_command(data, play.journey, play.at), play.at)
        assert decide(play.journey, command, play.at) == decide(anew(play.journey), command, play.at)
        play.take(command)
        assert_remembers_rightly(play.journey)


def test_two_futures_of_one_state_do_not_mix() -> None:
    now = before("signoff.sign")
    one, other = (Play(now.journey, now.at + timedelta(minutes=1)) for _ in range(2))
    one.do(c.PlaceHold(reason="one"), Role.CLINICIAN)
    other.do(c.RequestSupport(urgency="routine", text="another"), Role.PATIENT)
    for play in (one, other, one, now):
        assert_remembers_rightly(play.journey)


class Asked:
    """Counts how often a question is really worked out."""

    def __init__(self) -> None:
        self.times = 0

    def version(self, journey: Journey) -> int:
        self.times += 1
        return journey.version

    def holds(self, journey: Journey) -> tuple[str, ...]:
        self.times += 1
        return tuple(journey.holds)

    def held(self, journey: Journey) -> bool:
        self.times += 1
        return journey.held  # a property of the state

    def hold(self, journey: Journey, name: str) -> Any:
        self.times += 1
        return find_entry(journey, "holds", name)

    def copied(self, journey: Journey) -> int:
        self.times += 1
        return journey.model_copy(update={"holds": {}}).version


@pytest.mark.parametrize(
    ("question", "arguments", "changes", "again"),
    [
        ("version", (), {"version": 99}, True),
        ("version", (), {"holds": {}}, False),
        ("holds", (), {"version": 99}, False),
        ("holds", (), {"holds": {}}, True),
        ("held", (), {"holds": {}}, True),
        ("held", (), {"support": {}}, False),
        ("hold", ("hold-1",), {"holds": {}}, True),
        ("hold", ("hold-1",), {"version": 99}, False),
        ("hold", ("other",), {"holds": {}}, False),
        ("copied", (), {"support": {}}, True),
        ("copied", (), {}, False),
    ],
)
def test_only_what_was_looked_at_is_asked_again(
    question: str, arguments: tuple[Any, ...], changes: dict[str, Any], again: bool
) -> None:
    play = started()
    play.do(c.PlaceHold(reason="why"), Role.CLINICIAN)
    asked = Asked()
    ask: Any = recalled(getattr(asked, question))
    before_it = ask(play.journey, *arguments)
    assert ask(play.journey, *arguments) is before_it
    assert asked.times == 1
    changed = play.journey.model_copy(update=changes)
    ask(changed, *arguments)
    assert asked.times == (2 if again else 1)


def test_what_rests_on_an_answer_that_stays_the_same_is_not_asked_again() -> None:
    above = Asked()
    first = recalled(lambda journey: tuple(journey.holds)[:0])

    @recalled
    def second(journey: Journey) -> tuple[str, ...]:
        above.times += 1
        return first(journey)

    play = started()
    second(play.journey)
    play.do(c.PlaceHold(reason="why"), Role.CLINICIAN)
    second(play.journey)
    assert above.times == 1


def test_equal_values_of_another_spelling_are_not_the_same() -> None:
    @recalled
    def spelled(journey: Journey) -> str:
        return repr(journey.own_limits)

    journey = started().journey.model_copy(update={"own_limits": {"planned": 1}})
    assert spelled(journey) == "{'planned': 1}"
    assert spelled(journey.model_copy(update={"own_limits": {"planned": 1.0}})) == "{'planned': 1.0}"


def test_what_is_found_out_for_one_command_is_known_to_the_next() -> None:
    """Else each command works out anew the evidence of every open hold, of which a flood of messages brings many."""
    play = started()
    fresh = anew(play.journey)
    decide(fresh, play.command(c.PlaceHold(reason="invented"), Role.PATIENT), play.at)
    assert vars(fresh).get("memory")


def test_old_answers_are_forgotten() -> None:
    @recalled
    def about(journey: Journey, number: int) -> int:
        return number + len(journey.holds)

    journey = started().journey
    for number in range(10 * ROOM):
        journey = journey.model_copy(update={"holds": {}})
        assert about(journey, number) == number
    assert len(journey.memory) <= 2 * ROOM


def test_answers_that_hold_are_kept() -> None:
    @recalled
    def about(journey: Journey, number: int) -> int:
        return number + len(journey.holds)

    journey = started().journey
    for number in range(10 * ROOM):
        about(journey, number)
    assert len(journey.memory) >= 10 * ROOM


SENT = (
    c.PlaceHold(reason="invented"),
    c.RequestSupport(urgency="urgent", text="invented"),
    c.KeepUnreadable(name="x", content="invented"),
    c.PassDeadline(),
)


@pytest.mark.long
@pytest.mark.parametrize("every", [11, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("pathway", list_pathways())
def test_a_command_that_was_only_tried_changes_no_answer(pathway: Pathway, every: int) -> None:
    """At every moment of a course, or some. What is paused may ask for another evidence at the same time."""
    for number in range(0, len(course(pathway).moves), every):
        play = standing_at(pathway, number)
        for body in SENT:
            command = play.command(
                body, CLOCK if isinstance(body, c.KeepUnreadable | c.PassDeadline) else Role.CLINICIAN
            )
            first = play.decide(command)
            assert play.decide(command) == first
            assert decide(anew(play.journey), command, play.at) == first
