"""Decisions that take two people, as tests put them up."""

from typing import Any

import pytest

from simulation.people import PEOPLE
from tests.journey.play import Play, after, before, person, ruled, started
from workflows.journey import commands as c
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Actor, Role


def asked_to_sign(kind: SignOffKind, **rules: dict[str, Any]) -> Play:
    """A journey under a protocol with these rules, up to the first request of this kind."""
    play = started(protocol=ruled(**rules))
    return play.go_on(lambda journey: any(w.sign_off == kind for w in journey.waiting.values()))


def severe_hold() -> Play:
    """A severe hold that only signatures keep: the event behind it has been reviewed."""
    play = after("session.end")
    play.do(c.ReportAdverseEvent(what="x", grade=3, serious=False, onset=play.at), Role.SESSION_MONITOR)
    play.sign(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    return play


def exclusion_review() -> Play:
    play = before("signoff.sign", 2)
    return answered_yes(play)


def answered_yes(play: Play) -> Play:
    code = next(x.code for x in play.journey.protocol.exclusions if x.rule == "review")
    play.do(c.RecordScreening(exclusions={code: c.ScreeningAnswer(answer="yes")}))
    return play


def exception() -> Play:
    """An evaluation that is complete but for standard treatments, with a reason why these are no way on."""
    play = before("signoff.sign")
    play.do(c.RecordEvaluation(treatment_exception="no trauma therapy within reach (invented)"))
    return play


CLINICIAN, DIRECTOR = PEOPLE[Role.CLINICIAN], PEOPLE[Role.MEDICAL_DIRECTOR]
COLLEAGUE = person("colleague", Role.CLINICIAN)
TAKES_TWO = {
    SignOffKind.SEVERE_HOLD_RELEASE: (severe_hold, "hold-1", DIRECTOR, CLINICIAN),
    SignOffKind.EXCLUSION_REVIEW: (exclusion_review, None, CLINICIAN, DIRECTOR),
    SignOffKind.EVALUATION: (exception, None, CLINICIAN, DIRECTOR),
}
each = pytest.mark.parametrize("kind", list(TAKES_TWO))


def standing(kind: SignOffKind) -> tuple[Play, str | None, Actor, Actor]:
    play, subject, first, second = TAKES_TWO[kind]
    return play(), subject, first, second


def half(kind: SignOffKind) -> tuple[Play, str | None, Actor, Actor]:
    """The same, with the first of the two signatures made two hours later."""
    play, subject, first, second = standing(kind)
    play.later(hours=2)
    play.sign_once(kind, subject, first)
    return play, subject, first, second
