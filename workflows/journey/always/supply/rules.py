"""The supply at the patient's home: every dose is accounted for, and what is left over does not stay.

The rule: dispensed and found doses, less those taken, returned, disposed of and lost, are what must be there. A count
that does not add up, and more than the protocol allows at home, are told to a clinician. Sources: "appropriate use"
(misuse and diversion; Cleveland Clinic, in the second source document); ASA, vigilance for diversion; 21 CFR 1317.95
(two people see a controlled substance destroyed).
"""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.care_team.identity import is_same_person
from workflows.journey.always.holds.model import SUPPLY, place
from workflows.journey.always.safety.model import ask_support
from workflows.journey.evidence import is_approved
from workflows.journey.obligation_types import DISPENSING, LEFTOVERS, SUPPLY_COUNT, WITNESS
from workflows.journey.patient_limits import limit_of
from workflows.journey.protocol import DoseLimit, SignOffKind
from workflows.journey.requirements import Requirement, require
from workflows.journey.setting import rules_of, setting_of
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.refusals import RefusalCode, refuse
from workflows.journey.vocabulary.stage import Stage


def balance(journey: Journey, before: datetime | None = None) -> int:
    """Return how many doses must be at the patient's home. Below zero, more were taken than anybody dispensed. Of those
    that were taken, all count, or only those by a moment (UTC)."""
    own = [dose for dose in journey.doses.values() if dose.doses_from == "home"]
    counted = [dose for dose in own if dose.session is not None or dose.taken_at >= journey.started_at]
    taken = sum(before is None or dose.taken_at <= before for dose in counted)
    return journey.supply_in - journey.supply_out - taken


def may_be_of_any_lot(journey: Journey) -> bool:
    """Whether a dose of the journey may have been, or be, of any lot: some came without theirs, one was or is to be
    taken from the stock of the clinic, or more were taken than ever came."""
    in_clinic = any(dose.doses_from == "clinic" for dose in journey.doses.values())
    to_come = not _has_ended(journey) and _needs_none_at_home(journey)
    return journey.supply_unlabelled or in_clinic or to_come or balance(journey) < 0


def _has_ended(journey: Journey) -> bool:
    """Whether no session is to come."""
    return journey.closing is not None or journey.stage in (Stage.FOLLOW_UP, Stage.CLOSED)


def _needs_none_at_home(journey: Journey) -> bool:
    """Whether sessions are where no dose comes from home."""
    setting = setting_of(journey)
    return setting is not None and journey.protocol.sessions.settings[setting].doses_from != "home"


def move(journey: Journey, command: c.MoveSupply, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record doses that came or went. What is dispensed and returned, staff record."""
    _require_past(command.moved_at, at, "moved_at")
    if by.role in (Role.PATIENT, Role.OBSERVER) and command.movement in ("dispensed", "returned"):
        refuse(
            RefusalCode.NOT_ALLOWED,
            f"who gave or took back doses records that they were {command.movement}",
            "Ask the coordinator to record it",
            "movement",
        )
    yield e.SupplyMoved(
        supply=f"supply-{journey.supply_movements + 1}",
        counts=command.movement != "disposed" or not journey.protocol.supply.witness_disposal,
        **command.model_dump(exclude={"kind"}),
    )


def witness(journey: Journey, command: c.WitnessDisposal, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Let a disposal count: two different people saw it, the patient is not the second, and one of them is staff. The
    patient and who stays with them at home could divert a dose together."""
    disposal = journey.disposals.get(command.disposal)
    if disposal is None or disposal.witnessed:
        refuse(RefusalCode.UNKNOWN, "no such disposal waits for a witness", "See `pathway show`", "disposal")
    if journey.is_patient(by.id) or is_same_person(journey, by.id, disposal.by, by.licence):
        refuse(RefusalCode.NOT_ALLOWED, "who recorded a disposal does not witness it", "Have somebody else witness it")
    if by.role == Role.OBSERVER and not disposal.by_staff:
        refuse(
            RefusalCode.NOT_ALLOWED,
            "a disposal that the patient or an observer recorded is witnessed by staff",
            "Have somebody of the clinic see it, by video if need be, and witness it",
        )
    yield e.DisposalWitnessed(disposal=disposal.id, doses=disposal.doses)


def count(journey: Journey, command: c.CountSupply, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record a count, beside what the ledger says of then."""
    _require_past(command.counted_at, at, "counted_at")
    yield e.SupplyCounted(
        doses=command.doses,
        expected=balance(journey, command.counted_at),
        counted_at=command.counted_at,
        answers=not any(is_same_person(journey, by.id, each, by.licence) for each in journey.release_cancelled_by),
    )


def _require_past(moment: datetime, at: datetime, field: str) -> None:
    if moment > at:
        refuse(RefusalCode.WRONG_TIME, "this is still to come", "Give the time at which it happened", field)


def react_moved(journey: Journey, body: e.SupplyMoved, at: datetime) -> Iterator[e.EventBody]:
    """Tell a clinician of doses that were lost, that cannot have been there, that nobody prescribed, or that are more
    than may be at home."""
    left, most, found = balance(journey), _most_at_home(journey), list[str]()
    if left < 0:
        found.append("more doses went than ever came")
    if body.movement in ("lost", "found"):
        found.append(f"doses were {body.movement}")
    if body.movement == "dispensed":
        found += (f"doses were dispensed, and {why}" for why in _why_none_is_taken(journey, body.moved_at))
    if body.movement in ("dispensed", "found") and most is not None and left > most:
        found.append(f"{left} doses are at the patient's home, and at most {most} may be")
    if found:
        yield from _finding(journey, f"{body.supply}: {'; '.join(found)}")


def _most_at_home(journey: Journey) -> int | None:
    """Return how many doses may be at home: the limit that holds for this patient, or what the plan says where that is
    less. None where there is neither."""
    limit, plan = limit_of(journey, DoseLimit.MAX_DOSES_DISPENSED), journey.plan
    numbers = (None if limit is None else int(limit), None if plan is None else plan.doses_dispensed)
    return min((number for number in numbers if number is not None), default=None)


def _why_none_is_taken(journey: Journey, moved_at: datetime) -> Iterator[str]:
    """Yield why no dose that came at a moment (UTC) was to be taken then."""
    signed = (s for s in journey.sign_offs if s.kind == SignOffKind.PLAN and not (s.withdrawn or s.first_of_two))
    if not any(s.decision == "approve" for s in signed):
        yield "nobody has signed a plan"
    if any(hold.placed_at <= moved_at for hold in journey.standing_holds):
        yield "care is held"
    if journey.closing is not None and journey.closing.at <= moved_at:
        yield "the pathway is ending, or has ended"


def react_witnessed(journey: Journey, body: e.DisposalWitnessed, at: datetime) -> Iterator[e.EventBody]:
    """Tell a clinician of doses that cannot have been there, once their disposal counts."""
    if balance(journey) < 0:
        yield from _finding(journey, f"{body.disposal}: more doses went than ever came")


def react_counted(journey: Journey, body: e.SupplyCounted, at: datetime) -> Iterator[e.EventBody]:
    """Tell a clinician of a count that does not add up, or is of before doses came or went: what should have been there
    then, the ledger does not say."""
    if journey.supply_moved_at is not None and journey.supply_moved_at > body.counted_at:
        yield from _finding(journey, f"{body.doses} doses were counted before others came or went: count them again")
    elif body.doses != body.expected:
        yield from _finding(journey, f"{body.doses} doses were counted where {body.expected} should be")


def react_corrected(journey: Journey, body: e.CorrectionConfirmed, at: datetime) -> Iterator[e.EventBody]:
    """Tell a clinician where a movement, its witness, or a dose that was taken counts no more, and so more went than
    ever came, or more is at home than may be."""
    made = journey.corrections[body.correction]
    moved, taken = made.fact in ("supply.moved", "supply.witnessed"), made.fact == "session.dosed" and made.in_error
    what, left, most = "a dose" if taken else "a movement", balance(journey), _most_at_home(journey)
    if moved and left < 0:
        yield from _finding(journey, "more doses went than ever came, since a movement counts no more")
    elif (moved or taken) and most is not None and left > most:
        home = f"{left} doses are at the patient's home, and at most {most} may be"
        yield from _finding(journey, f"{home}, since {what} counts no more")


def _finding(journey: Journey, what: str) -> Iterator[e.EventBody]:
    """Hold care, and ask a clinician about each finding: a dose that is not accounted for may be taken by anybody, at
    any time. One hold stands for all that was found, and whoever releases it signs all of it (`holds.sign_offs`)."""
    if not journey.held_for(SUPPLY):
        yield place(journey, SUPPLY, what)
    yield ask_support(journey, "clinical", what, "supply")


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask for the doses of the next session, for the witness of each disposal, and for what is left over: in the end,
    and once sessions are where no dose comes from home."""
    ended = _has_ended(journey)
    if (ended or _needs_none_at_home(journey)) and balance(journey) > 0:
        yield require(
            LEFTOVERS,
            owner=Role.COORDINATOR,
            person=journey.coordinator,
            what="see that the doses left over are returned or disposed of",
            care=False,
        )
    if journey.to_count_since is not None and journey.count_made is None:
        yield require(
            SUPPLY_COUNT,
            owner=Role.CLINICIAN,
            person=None if journey.clinician in journey.release_cancelled_by else journey.clinician,
            what="have the doses at home counted by somebody else than who cancelled a session after its release",
            care=False,
        )
    for disposal in journey.disposals.values():
        if disposal.witnessed:
            continue
        colleague = disposal.by != journey.coordinator
        yield require(
            WITNESS,
            subject=disposal.id,
            owner=Role.COORDINATOR if colleague else Role.CLINICIAN,
            person=journey.coordinator if colleague else journey.clinician,
            what="witness that doses were disposed of",
            care=False,
        )
    if ended or journey.stage != Stage.SESSIONS or journey.plan is None or not is_approved(journey, SignOffKind.PLAN):
        return
    session = journey.sessions.get(journey.next_session)
    if session is None or rules_of(journey, session.number).doses_from != "home":
        return
    if session.dosed_at is None and balance(journey) < 1:
        yield require(
            DISPENSING,
            owner=Role.COORDINATOR,
            person=journey.coordinator,
            what="have the doses of the plan dispensed, and record it",
        )


DECISIONS: Decisions = {
    c.MoveSupply: move,
    c.WitnessDisposal: witness,
    c.CountSupply: count,
}
REACTIONS: Reactions = {
    e.SupplyMoved: react_moved,
    e.DisposalWitnessed: react_witnessed,
    e.SupplyCounted: react_counted,
    e.CorrectionConfirmed: react_corrected,
}
