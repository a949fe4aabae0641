"""What the terminal shows of whole courses, and of protocols, is in words: only ids are as they are, to be copied."""

import re
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from rich.console import Console

from application.pathway.commands import Accepted, RecordedCommand
from application.pathway.patient import PatientSeen
from application.pathway.show import Compared, Explained, JourneyAt, Timeline
from application.protocols.compare import compare_protocols, describe_differences
from application.words.changes import compare
from cli import pathway as cli_pathway
from cli.commands import show_recorded
from cli.output import Output
from cli.patient import render_patient
from simulation.demonstration import timeline_table
from tests.journey.play import PROTOCOLS, Play, after, course
from workflows.journey import commands as c
from workflows.journey.aggregate import fold
from workflows.journey.always.pathway.model import Closing
from workflows.journey.always.patient.model import Elsewhere
from workflows.journey.protocol import Pathway
from workflows.journey.views.patient_view import patient_summary
from workflows.journey.views.provenance import explain
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.stage import Outcome
from workflows.protocols import list_pathways

T = TypeVar("T")
CODE = re.compile(r"(?<![\w:])[a-z]+(?:_[a-z0-9]+)+(?![\w:])")
"""Words joined by underscores. Where a colon stands beside them it is an id, which people copy."""


def states(play: Play, every: int) -> Iterator[tuple[Play, int]]:
    """Yield a journey as it stood after every so many events, and the version of that moment."""
    for version in range(1, play.journey.version, every):
        events = [event for event in play.events if event.version <= version]
        yield Play(fold(events), events[-1].at), version
    yield play, play.journey.version


def shown(capture: pytest.CaptureFixture[str], show: Callable[[Output, T], None], what: T) -> str:
    capture.readouterr()
    show(Output(json_only=False), what)
    told = capture.readouterr()
    return told.out + told.err


@pytest.mark.long
@pytest.mark.parametrize("every", [37, pytest.param(7, marks=pytest.mark.soak)])
@pytest.mark.parametrize("pathway", list_pathways())
def test_a_whole_course_is_shown_in_words(pathway: Pathway, every: int, capsys: pytest.CaptureFixture[str]) -> None:
    play, found = course(pathway), set[str]()
    before = None
    for state, version in states(play, every):
        journey = state.journey
        explained = Explained(explain(play.events, version), journey, frozenset())
        texts = [
            shown(capsys, cli_pathway.render_journey, JourneyAt(journey, state.at, frozenset())),
            shown(capsys, cli_pathway.render_explanation, explained),
            shown(capsys, cli_pathway.render_patient_view, patient_summary(journey)),
            shown(capsys, cli_pathway.render_reasons, JourneyAt(journey, state.at, frozenset())),
        ]
        if before is not None:
            changes = compare(before.model_dump(mode="json"), journey.model_dump(mode="json"))
            wanted = tuple(change for change in changes if change.path[0] in ("plan", "sessions", "doses", "contacts"))
            seen = Compared(before, journey, wanted, frozenset())
            texts.append(shown(capsys, cli_pathway.render_comparison, seen))
        before = journey
        found |= {code for text in texts for code in CODE.findall(text)} - {*journey.waiting}
    whole = Timeline(tuple(play.events), play.journey.patient.zone, frozenset(), True)
    found |= set(CODE.findall(shown(capsys, cli_pathway.render_timeline, whole)))
    table = Console(width=200)
    with table.capture() as captured:
        table.print(timeline_table(play.journey))
    found |= set(CODE.findall(captured.get()))
    assert found == set()


@pytest.mark.parametrize("outcome", Outcome)
def test_how_a_journey_stands_and_ends_is_said_in_words(outcome: Outcome, capsys: pytest.CaptureFixture[str]) -> None:
    play = after("session.end")
    command = play.command(c.PlaceHold(reason="Invented"), Role.PATIENT)
    play.take(command)
    holds = {name: hold.model_copy(update={"cause": "missed_deadline"}) for name, hold in play.journey.holds.items()}
    ending = play.changed(holds=holds, closing=Closing(at=play.at, outcome=outcome, reason="Invented"))
    assert ending.journey.held
    for state in (ending, play.changed(outcome=outcome)):
        journey = state.journey
        recorded = RecordedCommand(Accepted(journey.id, command, journey.version), 1, journey)
        texts = [
            shown(capsys, cli_pathway.render_reasons, JourneyAt(journey, state.at, frozenset())),
            shown(capsys, render_patient, PatientSeen((journey,), Elsewhere(), not_readable=False)),
            shown(capsys, show_recorded, recorded),
        ]
        assert {code for text in texts for code in CODE.findall(text)} - {*journey.waiting} == set()


def test_what_differs_between_protocols_is_said_in_words() -> None:
    old, new = (PROTOCOLS[pathway] for pathway in list_pathways()[:2])
    told = describe_differences(compare_protocols(old, new), old, new)
    assert told
    assert [each for each in told if CODE.search(each)] == []
