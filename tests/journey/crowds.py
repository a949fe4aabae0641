"""Journeys in which very much is open: one thing of each kind that people or the shell brought about, many times."""

from collections.abc import Callable
from typing import Any

from tests.journey.play import Play, after, before, started
from workflows.journey import commands as c
from workflows.journey.entries import Entries
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.base import ImmutableModel


def ask(urgency: str) -> Callable[[Play], object]:
    return lambda play: play.do(c.RequestSupport.model_validate({"urgency": urgency, "text": "x"}), Role.PATIENT)


def report_event(grade: int) -> Callable[[Play], object]:
    return lambda play: play.do(c.ReportAdverseEvent(what="x", grade=grade, serious=False, onset=play.at), Role.PATIENT)


def mark_answers(play: Play) -> object:
    version = next(number for number, fact in play.journey.facts.items() if fact.kind == "screening.recorded")
    return play.do(c.MarkInError(version=version, reason="x"), Role.CLINICIAN)


CROWDS: dict[str, tuple[Callable[[], Play], str, Callable[[Play], object]]] = {
    "questions": (started, "questions", lambda play: play.do(c.AskQuestion(text="x"), Role.PATIENT)),
    "emergencies": (started, "support", ask("emergency")),
    "urgent requests": (started, "support", ask("urgent")),
    "clinical requests": (started, "support", ask("clinical")),
    "routine requests": (started, "support", ask("routine")),
    "holds": (started, "holds", lambda play: play.do(c.PlaceHold(reason="x"), Role.PATIENT)),
    "unreadable messages": (started, "messages", lambda play: play.do(c.KeepUnreadable(name="x", content="x"), CLOCK)),
    "cancellations": (started, "messages", lambda play: play.do(c.KeepCancellation(), CLOCK)),
    "crises": (started, "crises", lambda play: play.do(c.ReportCrisis(what="x"), Role.COORDINATOR)),
    "accesses": (started, "accesses", lambda play: play.do(c.BreakGlass(reason="x"), Role.ON_CALL_CLINICIAN)),
    "serious events": (started, "adverse_events", report_event(4)),
    "events": (started, "adverse_events", report_event(2)),
    "merges": (
        started,
        "merges",
        lambda play: play.do(c.ProposeMerge(other="somebody-else", reason="x"), Role.COORDINATOR),
    ),
    "corrections": (lambda: after("screening.record"), "corrections", mark_answers),
    "contacts": (lambda: after("session.end"), "contacts", lambda _: None),
    "questions before a dose": (
        lambda: before("session.release", 2),
        "questions",
        lambda play: play.do(c.AskQuestion(text="x"), Role.PATIENT),
    ),
}
"""Where each begins, where the state keeps it, and how one comes about."""


def crowd(kind: str, many: int) -> Play:
    """A journey with as many open things of a kind. What they bring about is still left for the clock."""
    begin, field, bring = CROWDS[kind]
    play = begin()
    bring(play)
    known: dict[Any, ImmutableModel] = dict(getattr(play.journey, field))
    last = next(reversed(known))
    copies: dict[Any, ImmutableModel]
    if isinstance(last, int):
        copies = {last + 10_000 + n: known[last] for n in range(1, many)}
    else:
        stem = last.rpartition("-")[0]
        copies = {
            name: known[last].model_copy(update={"id": name})
            for name in (f"{stem}-{len(known) + n}" for n in range(1, many))
        }
    play.journey = play.journey.model_copy(update={field: Entries({**known, **copies}), "behind": play.at})
    return play
