"""The C-SSRS: yes/no questions with branching, the worst yes wins."""

from workflows.journey.instruments.definitions import (
    Definition,
    FormQuestion,
    Instrument,
    Level,
    RiskFinding,
    definition_of,
)
from workflows.journey.instruments.results import Score, ScoreFlag


def score_c_ssrs(answers: object, instrument: Instrument = Instrument.C_SSRS) -> Score:
    """The triage level of a C-SSRS. The screener asks questions 1-5 about the past month, 6 about a lifetime and the
    past 3 months; the other form asks all of them since the last contact.

    `answers` maps q1 to q6, and in the screener q6_recent, to true, false or null (not asked). Triage is Columbia's
    (Columbia Lighthouse Project). A set that is incomplete, contradictory or not readable keeps the worst level its
    readable answers give and is flagged indeterminate. What the branching skips may be left out or be "no".
    """
    definition = definition_of(instrument)
    if not isinstance(answers, dict):
        problems, read = ["answers are not an object of questions"], {}
    else:
        read = {q.key: answers[q.key] for q in definition.questions if isinstance(answers.get(q.key), bool)}
        problems = [
            problem
            for q in definition.questions
            if (problem := _problem(q, answers.get(q.key), read, definition)) is not None
        ]
        if any(all(key != q.key for q in definition.questions) for key in answers):
            problems.append("an answer belongs to no question")
    known = tuple(q for q in definition.questions if q.key in read)
    return Score(
        instrument=instrument,
        version=definition.version,
        complete=not problems,
        reason="; ".join(problems) or None,
        level=_worst(known, read),
        recent_level=_worst(tuple(q for q in known if q.finds != RiskFinding.LIFETIME_BEHAVIOUR), read),
        findings=tuple(dict.fromkeys(q.finds for q in known if read[q.key])),
        flags=(ScoreFlag.INDETERMINATE,) if problems else (),
    )


def _worst(questions: tuple[FormQuestion, ...], read: dict[str, bool]) -> Level | None:
    levels = [q.yes_means if read[q.key] else Level.NONE for q in questions]
    return max(levels, key=lambda level: level.severity, default=None)


def _problem(question: FormQuestion, answer: object, read: dict[str, bool], definition: Definition) -> str | None:
    """What is wrong with this answer given the others that could be read, if anything."""
    if answer is not None and question.key not in read:
        return f"{question.label} is neither yes nor no"
    parent = None if question.asked_if is None else read.get(question.asked_if)
    asked = question.asked_if is None or parent is True
    if asked and answer is None:
        return f"{question.label} is not answered"
    if parent is False and answer is True:
        return f"{question.label} contradicts {_label(question.asked_if, definition)}"
    return None


def _label(key: str | None, definition: Definition) -> str:
    return next(q.label for q in definition.questions if q.key == key)
