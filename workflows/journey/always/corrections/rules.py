"""Corrections of recorded facts: new events, never edits, with the reason and the version they correct.

A correction is judged like the fact itself, by everything that rests on it, at once; and it opens nothing before a
second, clinical person has confirmed it: no dose is released, no stage is left, no hold released, no plan raised.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey
from workflows.journey.always.care_team.identity import is_same_person
from workflows.journey.always.corrections.entered_in_error import answers_of, is_marked, loosens, void
from workflows.journey.always.corrections.instead import (
    instead_of,
)
from workflows.journey.always.corrections.markable import MARKABLE
from workflows.journey.always.corrections.model import CorrectionMade
from workflows.journey.always.safety.model import ask_support
from workflows.journey.envelopes import CommandBody
from workflows.journey.evidence import evidence_of
from workflows.journey.instruments import Instrument
from workflows.journey.obligation_types import CORRECTION
from workflows.journey.requirements import Requirement, require
from workflows.journey.stages.evaluation import rules as evaluation
from workflows.journey.stages.follow_up import rules as follow_up
from workflows.journey.stages.follow_up.trends import count_worse
from workflows.journey.stages.screening import rules as screening
from workflows.journey.stages.screening.worsening import judge_without
from workflows.journey.stages.sessions import checklist, dosing, observing
from workflows.journey.stages.sessions.reviews import reviews_owed
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.refusals import RefusalCode, refuse
from workflows.journey.vocabulary.severity import Severity


def amend(journey: Journey, command: c.Amend, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Correct a fact, by the same rules as when it was recorded. The time at which it happened stays.

    The earlier record stays beside it with its reason (45 CFR 164.312(c), integrity; 21 CFR 11.10(e), changes do not
    obscure what was recorded before).
    """
    if command.version > journey.version:
        refuse(RefusalCode.UNKNOWN, "the journey has no such version yet", "See `pathway timeline`", "version")
    fact = command.correction
    _require_fact(journey, command)
    corrected: e.EventBody
    match fact:
        case c.RecordEvaluation():
            [corrected] = evaluation.record_evaluation(journey, fact, by, at)
        case c.RecordInstrument():
            corrected = evaluation.correct_instrument(journey, fact, command.version)
        case c.RecordScreening():
            [corrected] = screening.record_screening(journey, fact, by, at)
        case c.CheckSession():
            _require_session(journey, fact.session, "check")
            checklist.require_whole(journey, fact)
            _require_measured_then(journey, fact)
            corrected = checklist.judge_checklist(journey, fact, at)
        case c.RecordDose():
            corrected = dosing.correct_dose(journey, fact, command.version, by, at)
        case c.Observe():
            _require_session(journey, fact.session, "dosed_at")
            observing.require_seen(journey, fact, at)
            corrected = observing.judge_observation(journey, fact, at)
        case _:
            contact = journey.contacts.get(fact.visit or "")
            if contact is None or contact.done_at is None:
                refuse(RefusalCode.UNKNOWN, "no such visit is recorded", "Record it first", "correction.visit")
            corrected = follow_up.make_visit(fact, late=contact.late)
    said = {"version": command.version, "reason": command.reason, "correction": corrected}
    yield e.FactAmended.model_validate(said)
    yield from _ask_after_end(journey, command.version)


def _ask_after_end(journey: Journey, version: int) -> Iterator[e.EventBody]:
    """Ask a clinician about what was signed, in a pathway that is ending or over, on a fact that is another one now or
    counts no more. Before its end a review or a decision is owed anew; after it nothing else would ask."""
    while (made := journey.corrections.get(version)) is not None:
        version = made.version
    if journey.closing is None or journey.died:
        return
    left = journey.model_copy(update=void(journey, version))
    signed = [s for s in journey.sign_offs if s.version > version and s.decision == "approve"]
    if any(evidence_of(journey, s.kind, s.subject) != evidence_of(left, s.kind, s.subject) for s in signed):
        what = f"what was signed rests on version {version}, which is corrected: is the patient to be told, or seen?"
        yield ask_support(journey, Severity.CLINICAL, what)


def _require_fact(journey: Journey, command: c.Amend) -> None:
    """Refuse a correction of something else than was recorded at the version it names, or by an earlier correction
    there: by another form, or of another session, visit or questionnaire.

    Raises:
        RefusalRaised: it is.
    """
    made = journey.corrections.get(command.version)
    fact = journey.facts.get(command.version) if made is None or made.in_error else made.about
    kind, subject = _CORRECTED[type(command.correction)]
    about = subject(command.correction)
    if fact is None or fact.kind != kind or (about is not None and fact.subject != about):
        refuse(
            RefusalCode.UNKNOWN,
            "nothing that this form corrects was recorded at this version",
            "See `pathway timeline` for the version of the fact",
            "version",
        )


_CORRECTED: Mapping[type[CommandBody], tuple[str, Callable[[Any], str | None]]] = {
    c.RecordEvaluation: ("evaluation.recorded", lambda _: None),
    c.RecordInstrument: ("instrument.recorded", lambda form: form.occasion),
    c.RecordScreening: ("screening.recorded", lambda _: None),
    c.CheckSession: ("session.checked", lambda form: str(form.session)),
    c.RecordDose: ("session.dosed", lambda _: None),
    c.Observe: ("session.observed", lambda form: str(form.session)),
    c.RecordVisit: ("visit.recorded", lambda form: form.visit),
}
"""The fact that each form corrects, and what it is about, where the form says so."""


def _require_session(journey: Journey, number: int, recorded: str) -> None:
    session = journey.sessions.get(number)
    if session is None or getattr(session, recorded) is None:
        refuse(
            RefusalCode.UNKNOWN, "nothing of this kind is recorded for this session", "Record it first", "correction"
        )


def _require_measured_then(journey: Journey, fact: c.CheckSession) -> None:
    """Refuse vital signs that were not measured shortly before the checklist that is corrected."""
    made = journey.sessions[fact.session].check
    longest = timedelta(minutes=journey.protocol.sessions.vitals.max_age_minutes)
    if made is not None and not timedelta() <= made.at - fact.vitals.measured_at <= longest:
        refuse(
            RefusalCode.WRONG_TIME,
            "these vitals were not measured for the checklist that is corrected",
            "Give when they were measured; what is measured now belongs to a new checklist",
            "correction.vitals.measured_at",
        )


def mark_in_error(journey: Journey, command: c.MarkInError, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Mark a fact as entered in error. It stays in the record (21 CFR 11.10(e)), and counts until a second, clinical
    person has confirmed it, unless nothing can become possible by it."""
    fact = journey.facts.get(command.version)
    if command.version > journey.version:
        refuse(RefusalCode.UNKNOWN, "the journey has no such version yet", "See `pathway timeline`", "version")
    if fact is None or fact.kind not in MARKABLE:
        kind = "this" if fact is None else fact.kind
        remedy = instead_of("" if fact is None else fact.kind)
        refuse(RefusalCode.UNKNOWN, f"{kind} is not a fact that somebody entered", remedy, "version")
    if is_marked(journey, command.version):
        refuse(RefusalCode.ALREADY_DONE, "this fact is marked already", "See `pathway timeline`", "version")
    opens = _opens(journey, command.version)
    yield e.EnteredInError(version=command.version, fact=fact.kind, reason=command.reason, to_confirm=opens)
    if not opens:
        yield from _ask_after_end(journey, command.version)


def _opens(journey: Journey, version: int) -> bool:
    """Whether something may become possible when the fact of this version counts no more: by its kind, because a
    review is then owed no more, or because a symptom was worse by it, which counts towards one."""
    without = journey.model_copy(update=void(journey, version))
    left = reviews_owed(without)
    ends_review = any(review not in left for review in reviews_owed(journey))
    return ends_review or count_worse(without) < count_worse(journey) or loosens(journey, journey.facts[version])


def confirm(journey: Journey, command: c.ConfirmCorrection, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Confirm a colleague's correction: what it loosens counts from here on."""
    made = journey.corrections.get(command.correction)
    if made is None:
        refuse(RefusalCode.UNKNOWN, "there is no such correction", "See `pathway why`", "correction")
    if not made.to_confirm:
        refuse(RefusalCode.ALREADY_DONE, "this correction needs no confirmation any more", "Nothing is left to do")
    if is_same_person(journey, by.id, made.by, by.licence):
        refuse(RefusalCode.NOT_ALLOWED, "who corrected it does not confirm it", "Have a colleague confirm")
    if made.in_error and _corrected_since(journey, made.version, command.correction):
        refuse(
            RefusalCode.CONTRADICTS,
            "the fact was corrected since it was marked: somebody says that it happened",
            "Reject the mark; mark the fact again if it was entered in error all the same",
            "correction",
        )
    yield e.CorrectionConfirmed(correction=command.correction, reason=command.reason)
    if made.in_error:
        yield from _ask_after_end(journey, made.version)
    if made.in_error and made.about.kind == "instrument.recorded":
        left = journey.model_copy(update=void(journey, made.version))
        yield from judge_without(journey, left, Instrument(made.about.parts[0]))


def _corrected_since(journey: Journey, fact: int, mark: int) -> bool:
    """Whether a fact, or a correction of it, was amended after it was marked as entered in error."""
    of_it = [fact]
    for version, other in journey.corrections.items():
        if other.version in of_it and not other.in_error:
            of_it.append(version)
    return of_it[-1] > mark


def reject(journey: Journey, command: c.RejectCorrection, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Reject a correction that waits for a second person. It may be one's own: nothing becomes possible by it. What was
    amended counts already, so it is first corrected again; that correction waits for a second person in its turn."""
    made = journey.corrections.get(command.correction)
    if made is None:
        refuse(RefusalCode.UNKNOWN, "there is no such correction", "See `pathway why`", "correction")
    if not made.to_confirm:
        refuse(RefusalCode.ALREADY_DONE, "this correction does not wait any more", "Correct the fact again")
    of_it = (made.version, command.correction)
    later = (
        _says_as_much(other, made)
        for version, other in journey.corrections.items()
        if version > command.correction and other.version in of_it
    )
    if not made.in_error and not any(later) and _counts(journey, command.correction, made):
        refuse(
            RefusalCode.INCOMPLETE,
            "the fact counts as this correction says",
            "Correct it first as it should be (`pathway amend`), then reject this one",
        )
    yield e.CorrectionRejected(correction=command.correction, reason=command.reason)


def _counts(journey: Journey, version: int, made: CorrectionMade) -> bool:
    """Whether what was amended is still what counts: a checklist is gone once its session was cancelled or checked
    anew, and another fact once it was entered in error."""
    match made.about.kind:
        case "session.checked":
            session = journey.sessions.get(int(made.about.subject or 0))
            return session is not None and session.check is not None and session.check.version == version
        case "instrument.recorded":
            return any(measured.corrected == version for measured in journey.measurements)
        case "session.dosed":
            return made.about.subject in journey.doses
        case "visit.recorded":
            contact = journey.contacts.get(made.about.subject or "")
            return contact is not None and contact.record is not None
    return True


def _says_as_much(later: CorrectionMade, earlier: CorrectionMade) -> bool:
    """Whether a later correction amends all that an earlier one did. The version it names does not say that: whoever
    corrects one thing, or one answer of a form, may name the version of another."""
    same = (later.about.kind, later.about.subject) == (earlier.about.kind, earlier.about.subject)
    return same and not later.in_error and all(part in later.about.parts for part in answers_of(earlier.about))


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask a second, clinical person to confirm each correction that waits for one."""
    for version, made in journey.unconfirmed.items():
        yield require(
            CORRECTION,
            subject=str(version),
            owner=Role.CLINICIAN,
            person=None if made.by == journey.clinician else journey.clinician,
            what=f"confirm the correction of version {made.version}, as a second person",
            care=False,
        )


DECISIONS: Decisions = {
    c.Amend: amend,
    c.MarkInError: mark_in_error,
    c.ConfirmCorrection: confirm,
    c.RejectCorrection: reject,
}
