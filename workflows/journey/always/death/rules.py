"""A death: reported by anyone, confirmed by a second, clinical person, and corrected where it was wrong.

The rule: nobody's word alone makes a patient dead, or a dead one live. A report holds care and calls clinicians, and
takes nothing of the watch away; that ends with the signed decision of a second, clinical person, and comes back with
another one if it was wrong.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.adverse_events.model import DEATH, SERIOUS
from workflows.journey.always.death.model import Death
from workflows.journey.always.holds.model import place
from workflows.journey.always.safety.model import ask_support
from workflows.journey.evidence import current_decision, sign_off_requirement
from workflows.journey.obligation_types import ALARM
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Requirement, require
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.refusals import RefusalCode, refuse
from workflows.journey.vocabulary.severity import Severity

HOLD = "death"
"""The cause of the hold that a report of a death places."""
LIVES = "something was recorded that only a living patient does: find out whether the recorded death is wrong"
SIGNS_OF_LIFE = (
    e.DoseRecorded,
    e.CrisisOpened,
    e.CheckInCompleted,
    e.SessionObserved,
    e.ObservationRecorded,
    e.InstrumentRecorded,
    e.QuestionAsked,
    e.VisitRecorded,
    e.TherapyRecorded,
    e.TopicsExplained,
    e.UnderstandingConfirmed,
    e.SessionChecked,
    e.SessionEnded,
    e.CrisisContactRecorded,
    e.PregnancyTested,
    e.AdverseEventFollowedUp,
)
"""What is recorded of the living (`shows_life`). Who records late what was before the death is asked once too often,
and no patient who lives is overlooked."""


def shows_life(body: e.EventBody) -> bool:
    """Whether something is recorded only of a patient who lives: not that nobody reached them, that an adverse event
    was fatal or nobody knows how it went on, or that a session ended although its criteria were not met."""
    match body:
        case e.CrisisContactRecorded():
            return body.reached
        case e.AdverseEventFollowedUp():
            return body.outcome not in ("fatal", "unknown")
        case e.SessionEnded():
            return body.clinician_decision is None
    return isinstance(body, SIGNS_OF_LIFE)


def find_standing(journey: Journey) -> Death | None:
    """Return the death that was reported and is neither refuted nor in error, confirmed or not."""
    return next(
        (death for death in journey.deaths.values() if not death.in_error and not is_refuted(journey, death)), None
    )


def is_refuted(journey: Journey, death: Death) -> bool:
    """Whether a clinical person decided that the patient did not die."""
    decided = current_decision(journey, SignOffKind.DEATH, death.id)
    return not death.confirmed and decided is not None and decided.decision == "decline"


def find_undecided(journey: Journey) -> Death | None:
    """Return the death that was reported and waits for the second person, if one does."""
    death = find_standing(journey)
    return None if death is None or death.confirmed else death


def report(journey: Journey, related: str, reason: str) -> e.DeathReported:
    """Return the report of a death. What is said again is added to the report that stands."""
    known = find_standing(journey)
    name = f"death-{len(journey.deaths) + 1}" if known is None else known.id
    return e.DeathReported.model_validate({"death": name, "related": related, "reason": reason})


def record_death(journey: Journey, command: c.RecordDeath, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record that somebody says the patient died. As soon as one person does not say that it is unrelated, the death
    is an adverse event of grade 5 (CTCAE) that is reviewed."""
    known = find_standing(journey)
    may_be_related = known is not None and any(said.related != "no" for said in known.reports)
    yield report(journey, command.related, command.reason)
    if command.related != "no" and not may_be_related:
        yield e.AdverseEventReported(
            adverse_event=f"adverse-event-{len(journey.adverse_events) + 1}",
            what=command.reason,
            grade=SERIOUS[DEATH],
            serious=True,
            serious_because=(DEATH,),
            onset=at,
            session=None,
            causality="probable" if command.related == "yes" else "unknown",
            expected=None,
            action_taken=None,
        )


def react_report(journey: Journey, body: e.DeathReported, at: datetime) -> Iterator[e.EventBody]:
    """Hold care at once. One hold for each death."""
    if not any(hold.source == body.death for hold in journey.holds.values()):
        yield place(journey, HOLD, "the patient was reported dead", severe=True, source=body.death)


def react_adverse_event(
    journey: Journey, body: e.AdverseEventReported | e.AdverseEventRegraded, at: datetime
) -> Iterator[e.EventBody]:
    """An adverse event that was fatal reports a death, and confirms none."""
    event = journey.adverse_events[body.adverse_event]
    if event.fatal and find_standing(journey) is None:
        related = "no" if event.report.causality == "unrelated" else "unknown"
        yield report(journey, related, "reported as an adverse event of grade 5, or that led to death")


def react_doubt(journey: Journey, body: e.DeathDoubted, at: datetime) -> Iterator[e.EventBody]:
    """Call a clinician where a patient who was confirmed dead may live. It is said once, until somebody has
    answered."""
    if journey.died and not _called(journey):
        yield ask_support(journey, "urgent", LIVES, cause="life")


def react_life(journey: Journey, body: e.EventBody, at: datetime) -> Iterator[e.EventBody]:
    """Doubt the death where something was recorded after it that only a living patient does."""
    if shows_life(body):
        yield from _doubted(journey)


def _doubted(journey: Journey) -> Iterator[e.EventBody]:
    death = find_standing(journey)
    if death is not None and not _is_doubted(journey, death):
        yield e.DeathDoubted(death=death.id, reason=LIVES, asked=_asked(journey, death))


def doubt_if_patient_acts(
    journey: Journey, command: c.Command, decided: Iterable[e.EventBody]
) -> Iterator[e.EventBody]:
    """Doubt the death where the patient sends something, whatever it is, unless what was ``decided`` on it does so by
    itself. Who decides on the death knows of that."""
    if not (isinstance(command.body, c.RecordDeath | c.DoubtDeath) or any(map(shows_life, decided))):
        yield from doubt_if_patient_sends(journey, command)


def doubt_if_patient_sends(journey: Journey, command: c.Command) -> Iterator[e.EventBody]:
    """Doubt the death where the patient sends something, under whichever of their references, though it is refused: it
    is a sign of life all the same."""
    if command.actor.role == Role.PATIENT and journey.is_patient(command.actor.id):
        yield from _doubted(journey)


def _is_doubted(journey: Journey, death: Death) -> bool:
    """Whether somebody who is to decide on a death sees that the patient may live."""
    if not death.confirmed:
        return bool(death.doubts)
    return _asked(journey, death) and _called(journey)


def _asked(journey: Journey, death: Death) -> bool:
    """Whether a death is doubted and nobody has decided on that."""
    return bool(death.doubts) and current_decision(journey, SignOffKind.DEATH_CORRECTION, death.id) is None


def _called(journey: Journey) -> bool:
    """Whether a clinician was called to find out whether the patient lives, and has not answered."""
    return any(support.open and support.cause == "life" for support in journey.support.values())


def doubt(journey: Journey, command: c.DoubtDeath, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record that somebody says the patient lives. Whoever decides on the death sees it; only what they sign counts."""
    death = journey.deaths.get(command.death)
    if death is None:
        refuse(RefusalCode.UNKNOWN, "no such death was reported", "See `pathway show`", "death")
    if death.in_error or is_refuted(journey, death):
        refuse(RefusalCode.ALREADY_DONE, "this death counts no more", "Nothing is left to doubt", "death")
    yield e.DeathDoubted(death=death.id, reason=command.reason, asked=_asked(journey, death))


def react_error(journey: Journey, body: e.DeathEnteredInError, at: datetime) -> Iterator[e.EventBody]:
    """Hold care, in case nothing does: nobody has looked after a patient who counted as dead."""
    if not any(hold.source == body.death for hold in journey.standing_holds):
        yield place(journey, HOLD, "a recorded death was entered in error", severe=True, source=body.death)


def react_decided(journey: Journey, body: e.SignedOff, at: datetime) -> Iterator[e.EventBody]:
    """Answer the call to find out whether the patient lives, once that is decided, whichever way. Who returns it with a
    question has decided nothing."""
    decided = body.decision != "return" and not body.first_of_two
    if body.sign_off == SignOffKind.DEATH_CORRECTION and decided:
        for support in journey.support.values():
            if support.open and support.cause == "life":
                yield e.SupportAnswered(support=support.id, text=body.rationale or body.meaning)


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask a second, clinical person to confirm or to refute a death that was reported. Until then it is an emergency:
    the patient may live. Ask for a decision, too, where somebody says that a patient who counts as dead lives."""
    doubted = find_standing(journey)
    if doubted is not None and doubted.confirmed and doubted.doubts:
        correction = sign_off_requirement(journey, SignOffKind.DEATH_CORRECTION, doubted.id)
        if correction:
            yield correction
    death = find_undecided(journey)
    if death is None:
        return
    yield require(
        ALARM,
        subject=death.id,
        owner=Role.ON_CALL_CLINICIAN,
        policy=Severity.EMERGENCY.value,
        what="see to the patient: reported dead",
        care=False,
    )
    asked = sign_off_requirement(journey, SignOffKind.DEATH, death.id)
    if asked:
        yield asked


DECISIONS: Decisions = {
    c.RecordDeath: record_death,
    c.DoubtDeath: doubt,
}
REACTIONS: Reactions = {
    e.DeathReported: react_report,
    e.DeathDoubted: react_doubt,
    e.DeathEnteredInError: react_error,
    e.SignedOff: react_decided,
    e.AdverseEventReported: react_adverse_event,
    e.AdverseEventRegraded: react_adverse_event,
    **dict.fromkeys(SIGNS_OF_LIFE, react_life),
}
