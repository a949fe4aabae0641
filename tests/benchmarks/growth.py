"""What one command costs the pure core when very much is open, and when very much has happened: in processor time."""

from collections.abc import Callable, Sequence
from statistics import median
from time import process_time

from tests.benchmarks.report import Aim, Figure, Section
from tests.journey.crowds import crowd
from tests.journey.play import Play, started
from workflows.journey.commands import AnswerQuestion, AskQuestion, Command, PlaceHold
from workflows.journey.views.summary import details
from workflows.journey.vocabulary.actors import Role

TRIES = 7
TEXT = "what if it rains on the day of the session, and nobody can come? " * 20


def growth(*, opened: Sequence[int], events: Sequence[int]) -> Section:
    """Measure a hold, an answer and the text for the Temporal UI, each with so many open questions, and so many events
    of questions that were asked and answered."""
    figures: list[Figure] = []
    for many in opened:
        play = crowd("questions", max(many, 1))
        play.clock()
        figures += _measure(play, f"{many:,} open", slow=20 if many else None)
    play = started()
    for many in events:
        play = grown(play, many)
        figures += _measure(play, f"{many:,} events")
        size = len(play.journey.model_dump_json().encode()) - len(play.journey.protocol.model_dump_json().encode())
        figures.append(Figure(f"{many:,} events: state but for the protocol, per 1,000", size / many, "KB"))
    return Section("Growth: one command where much is open, or has happened", figures, [])


def grown(play: Play, events: int) -> Play:
    """The same journey after questions that were asked and answered, until it has so many events."""
    while play.journey.version < events:
        play.do(AskQuestion(text=TEXT), Role.PATIENT)
        asked = f"question-{len(play.journey.questions)}"
        play.do(AnswerQuestion(question=asked, text=TEXT), Role.CLINICIAN)
        play.events.clear()
        play.moves.clear()
    return play


def _measure(play: Play, when: str, slow: float | None = None) -> list[Figure]:
    play.do(AskQuestion(text=TEXT), Role.PATIENT)
    question = f"question-{len(play.journey.questions)}"
    hold = play.command(PlaceHold(reason="x"), Role.PATIENT)
    answer = play.command(AnswerQuestion(question=question, text=TEXT), Role.CLINICIAN)
    aim = None if slow is None else Aim(slow)
    return [
        Figure(f"{when}: a hold", _decided(play, hold), "ms", aim=aim),
        Figure(f"{when}: an answer", _decided(play, answer), "ms", aim=aim),
        Figure(f"{when}: details for the UI", _timed(lambda: details(play.journey)), "ms"),
    ]


def _decided(play: Play, command: Command) -> float:
    return _timed(lambda: play.decide(command))


def _timed(work: Callable[[], object]) -> float:
    """Milliseconds of the processor, the median of some tries."""
    taken = []
    for _ in range(TRIES):
        began = process_time()
        work()
        taken.append(1000 * (process_time() - began))
    return median(taken)
