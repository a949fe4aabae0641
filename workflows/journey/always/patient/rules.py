"""The patient beyond this journey: limits and risks belong to the patient, and not to a journey.

Every dose known of the patient, of any journey, open or closed, at any clinic of this record, counts wherever a dose
counts. A journey rests only on what is in its own events: what others say is taken in, and whoever records proves that
it is all there is (`activities.record.patients`).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.adverse_events.findings import open_adverse_event
from workflows.journey.always.holds.model import ACTED_BY_PATIENT, HISTORY, LIMITS, PARTED, place
from workflows.journey.always.patient import particulars
from workflows.journey.always.patient.model import (
    Elsewhere,
    KnownRisk,
    Merge,
)
from workflows.journey.always.safety.model import ask_support
from workflows.journey.evidence import sign_off_requirement
from workflows.journey.obligation_types import IDENTITY_ELSEWHERE
from workflows.journey.patient_limits import find_exceeded
from workflows.journey.protocol import SignOffKind, is_tighter
from workflows.journey.requirements import Requirement, require
from workflows.journey.stages.sessions.dose_gate import is_declined, limit_obstacles
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.refusals import RefusalCode, list_some, refuse
from workflows.journey.vocabulary.severity import OF_OTHER_DOSE, Severity, is_at_least, worst
from workflows.journey.vocabulary.stage import Stage

ELSEWHERE = "from another journey of this patient"
"""How a call for help begins that comes from another journey."""
COUNTS_NO_MORE = (
    "what this care rests on came in part from somebody else, whom two people signed not to be this patient: it counts "
    "no more. See what was decided on it, and what is less now: doses, limits, risks"
)
"""Why care is held after a merge was undone. What rested on it may only become looser by a signature."""


ACTED_THEMSELVES = (
    "somebody who acted here turns out to be the patient: what they signed counts no more. See what they signed and "
    "did, and what was done because of it"
)
"""Why care is held where a patient took part in their own treatment as somebody else."""


def rests_on_patient(body: e.EventBody) -> bool:
    """Whether an event may only follow from all that is known of the patient: a session that is planned, cleared or
    released, and a journey that goes on after a wrong death. Whoever records it proves that it does."""
    cleared = isinstance(body, e.SignedOff) and body.sign_off == SignOffKind.CLEARANCE and body.decision == "approve"
    return cleared or isinstance(body, e.SessionScheduled | e.SessionReleased | e.DeathEnteredInError)


def take_in(journey: Journey, command: c.TakeInHistory, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Take in what the patient's other journeys say, if it is not what this one knows."""
    if command.elsewhere == journey.elsewhere:
        return
    known = {risk.source: risk for risk in journey.elsewhere.risks if risk.open}
    doses = dict.fromkeys(dose.source for dose in journey.elsewhere.doses)
    parted = _find_parted(journey, command.elsewhere)
    writes = not (journey.died or command.elsewhere.died or command.elsewhere.unreadable)
    # Of one parting the patient hears once, whichever of their journeys tells it, and of whoever is one with the other.
    heard = any(
        ref in journey.told_parted or (ref in command.elsewhere.told_parted and not _told_before(journey, ref))
        for ref in parted
    )
    yield e.HistoryTakenIn(
        elsewhere=command.elsewhere,
        position=command.position,
        unsettled=tuple(
            risk.source for risk in command.elsewhere.risks if risk.open and _is_news(risk, known.get(risk.source))
        ),
        doses=tuple(dose.source for dose in command.elsewhere.doses if dose.source not in doses),
        undone=command.undone,
        parted=parted,
        told=writes and ((bool(parted) and not heard) or _is_untold(journey)),
        moved=_moved_to(journey, command.elsewhere),
    )
    if not parted and _parts_late(journey, command.elsewhere):
        yield from hold_after_parting(journey, f"history-{command.position}")


def _moved_to(journey: Journey, elsewhere: Elsewhere) -> str | None:
    """Return the state in which the patient lives, where that was told elsewhere later than here and is news."""
    if "state" not in particulars.find_differing(journey.model_copy(update={"elsewhere": elsewhere})):
        return None
    now, before = elsewhere.particulars["state"].value, journey.elsewhere.particulars.get("state")
    known = before is not None and before.value == now and "state" in particulars.find_differing(journey)
    return None if known else now


def _parts_late(journey: Journey, elsewhere: Elsewhere) -> bool:
    """Whether a merge was undone here, its hold is released, and only now less is known of the patient: it still
    counted when the release was signed. Where this journey alone knew of the merge, no reference tells that they
    parted. The first history after the undoing does, or the first one after some that could not be read; what is less
    in later ones was corrected there.
    """
    one = _list_merged(journey)
    held = [hold.source for hold in journey.standing_holds if hold.cause == PARTED]
    undone = [
        journey.parted.get(merge.other, 0)
        for merge in journey.merges.values()
        if merge.undone and merge.other not in one and merge.id not in held
    ]
    if not undone or elsewhere.unreadable or not _is_less(journey.elsewhere, elsewhere):
        return False
    # A history by which somebody parted has the version since when they have, itself.
    told = max((version for version, fact in journey.facts.items() if fact.kind == "history.taken-in"), default=0)
    return journey.elsewhere.unreadable or told < max(undone)


def _is_less(before: Elsewhere, now: Elsewhere) -> bool:
    """Whether doses, risks, suicidal intent or behaviour, or limits of others that were known are not any more."""
    doses, risks = dict.fromkeys(dose.source for dose in now.doses), [risk.source for risk in now.risks]
    return (
        any(dose.source not in doses for dose in before.doses)
        or any(risk.source not in risks for risk in before.risks)
        or any(finding not in now.suicidal or now.suicidal[finding] < at for finding, at in before.suicidal.items())
        or any(
            name not in now.limits or is_tighter(name, limit, now.limits[name]) for name, limit in before.limits.items()
        )
    )


def _find_parted(journey: Journey, elsewhere: Elsewhere) -> tuple[str, ...]:
    """Return the references that are not the patient's any more: two people signed that they never were. While a
    journey cannot be read nobody parts: it may be the one that knows the patient by them."""
    if elsewhere.unreadable:
        return ()
    still = (journey.patient.ref, *_list_merged(journey), *elsewhere.also_known_as)
    return tuple(ref for ref in journey.also_known_as if ref not in still)


def _told_before(journey: Journey, ref: str) -> bool:
    """Whether another journey had told of an earlier parting: the two were one patient again since."""
    return ref in journey.elsewhere.told_parted and ref in journey.elsewhere.also_known_as


def _list_merged(journey: Journey) -> tuple[str, ...]:
    return tuple(merge.other for merge in journey.merges.values() if merge.merged)


def _is_untold(journey: Journey) -> bool:
    """Whether a merge was undone here and the patient did not hear of it: somebody who died was taken for them."""
    one = _list_merged(journey)
    return any(merge.undone and not merge.told and merge.other not in one for merge in journey.merges.values())


def _find_undone(journey: Journey, parted: tuple[str, ...]) -> Iterator[Merge]:
    """The merges that were undone here, of these references: what the others say of it is the same fact."""
    return (merge for merge in journey.merges.values() if merge.undone and merge.other in parted)


def _is_news(risk: KnownRisk, known: KnownRisk | None) -> bool:
    """Whether a risk is not known, or not as so bad, or nobody watches it there any more."""
    if known is None:
        return True
    if risk.severity is None:
        return False
    return (risk.ended and not known.ended) or not is_at_least(known.severity or Severity.ROUTINE, risk.severity)


def react_history(journey: Journey, body: e.HistoryTakenIn, at: datetime) -> Iterator[e.EventBody]:
    """Hold care until a clinician has looked: on a risk that became known and is not settled, on another state in which
    the patient lives, on a dose elsewhere that forbids the session planned here, or one now where something was decided
    without knowing of it, and where somebody else's history was taken for the patient's.

    What is to be watched goes on here where the journey that was told of it has ended, and doses that were together
    beyond a limit are seen to, whichever of them became known first.
    """
    if journey.closed:
        return
    if body.parted and not _held_for_parting(journey, body.parted):
        yield from hold_after_parting(journey, f"history-{body.position}")
    yield from _hold_for_acts(journey)
    news = [risk for risk in body.elsewhere.risks if risk.source in body.unsettled]
    planned = journey.sessions.get(journey.next_session)
    obstacles: tuple[str, ...] = ()
    if planned is not None and planned.dosed_at is None:
        obstacles = limit_obstacles(journey, max(at, planned.starts_at))
    elif body.undone:
        obstacles = limit_obstacles(journey, at)
    exceeded = find_exceeded(journey, body.doses)
    # In the evaluation nothing was decided yet for where they lived.
    moved = [] if body.moved is None or journey.stage == Stage.EVALUATION else [f"they live in {body.moved}"]
    if news or moved:
        found = list_some([*(f"{risk.type} {risk.what}" for risk in news), *moved])
        reason = f"known of this patient from elsewhere, and not settled: {found}"
        # Who is dead there, if not somebody else is taken for the patient; or what one person releases there neither.
        severe = any(risk.severe or risk.type == "death" for risk in news)
        yield place(journey, HISTORY, reason[:4000], severe=severe)
    elif (obstacles or exceeded) and (body.doses or not journey.held_for(LIMITS)):
        found = list_some([*obstacles, *exceeded])
        reason = f"what is known of this patient from elsewhere stands before a dose: {found}"
        yield place(journey, LIMITS, reason[:4000])
    if exceeded:
        yield _see_to_doses(journey, body, exceeded, at)
    left = [risk for risk in news if risk.ended and risk.severity is not None]
    if left:
        severity = worst(*(risk.severity for risk in left if risk.severity is not None))
        found = list_some([f"{risk.type} {risk.what}" for risk in left])
        yield ask_support(journey, severity, f"{ELSEWHERE}, which has ended: {found}"[:4000], "elsewhere")


def hold_after_parting(journey: Journey, source: str) -> Iterator[e.EventBody]:
    """Hold care until two people have looked at what rested on somebody else's history. Each parting holds, also beside
    another one: whoever releases that has not looked at this."""
    if not journey.closed:
        yield place(journey, PARTED, COUNTS_NO_MORE, severe=True, source=source)


def _held_for_parting(journey: Journey, parted: tuple[str, ...]) -> bool:
    """Whether care is held already for the same fact: a merge was undone here, and the others say now what that means.
    What is signed to release that hold names all who parted (`holds.sign_offs`), so it covers this."""
    undone = [merge.id for merge in _find_undone(journey, parted)]
    return any(hold.cause == PARTED and hold.source in undone for hold in journey.standing_holds)


def react_merged(journey: Journey, body: e.PatientMerged, at: datetime) -> Iterator[e.EventBody]:
    """Hold care where somebody who acted here turns out to be the patient."""
    yield from _hold_for_acts(journey)


def _hold_for_acts(journey: Journey) -> Iterator[e.EventBody]:
    """Hold care until two people have looked at what the patient themselves did, under each id of somebody else, since
    such a hold was placed for it last. Their signatures count no more; what they brought about at once stands, and so
    does what they recorded: a checklist, an observation."""
    if journey.closed:
        return
    seen = {hold.source: hold.version for hold in journey.holds.values() if hold.cause == ACTED_BY_PATIENT}
    for who, did in journey.acted.items():
        if max(did.values()) > seen.get(who, 0) and journey.is_patient(who):
            yield place(journey, ACTED_BY_PATIENT, ACTED_THEMSELVES, severe=True, source=who)


def react_team(journey: Journey, body: e.CareTeamUpdated, at: datetime) -> Iterator[e.EventBody]:
    """Hold care where the licence of somebody who acted here turns out to be the patient's."""
    yield from _hold_for_acts(journey)


def react_unmerged(journey: Journey, body: e.PatientUnmerged, at: datetime) -> Iterator[e.EventBody]:
    """Hold care where the merge was. What the other journeys said counts until the record says what counts now."""
    yield from hold_after_parting(journey, body.merge)


def _see_to_doses(journey: Journey, body: e.HistoryTakenIn, exceeded: tuple[str, ...], at: datetime) -> e.EventBody:
    """Open the adverse event of a second dose while the patient was to be observed after the other one; otherwise have
    a clinician look."""
    watched = timedelta(minutes=max(journey.protocol.sessions.observe_minutes))
    together = [
        max(dose.taken_at, own.taken_at)
        for dose in body.elsewhere.doses
        for own in journey.own_doses
        if dose.source in body.doses and abs(dose.taken_at - own.taken_at) <= watched
    ]
    if not together:
        return ask_support(journey, OF_OTHER_DOSE, f"{ELSEWHERE}: {list_some(exceeded)}", "elsewhere")
    onset = max(together)
    recent = at - onset <= timedelta(hours=journey.protocol.check_ins.owed_hours)
    return open_adverse_event(journey, ("second_dose",), onset=onset, session=None, recent=recent)


def propose_merge(journey: Journey, command: c.ProposeMerge, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Say that another reference is this patient too. Two people decide on it."""
    if command.other == journey.patient.ref:
        refuse(RefusalCode.CONTRADICTS, "this is the patient's own reference", "Give the other one", "other")
    said = (merge for merge in journey.merges.values() if merge.other == command.other and not merge.undone)
    if any(not is_declined(journey, merge) for merge in said):
        refuse(RefusalCode.ALREADY_DONE, "this was said before", "See `signoff list`", "other")
    yield e.MergeProposed(merge=f"merge-{len(journey.merges) + 1}", other=command.other, reason=command.reason)


def propose_unmerge(journey: Journey, command: c.ProposeUnmerge, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Say that a merge was wrong. Two people decide on it."""
    merge = journey.merges.get(command.merge)
    if merge is None:
        refuse(RefusalCode.UNKNOWN, "there is no such merge here", "See `patient show` for the merges", "merge")
    if not merge.merged:
        remedy = "Nothing is left to do" if merge.undone else "Decline it (`signoff decline`)"
        refuse(RefusalCode.ALREADY_DONE, "these two do not count as one patient", remedy, "merge")
    if merge.doubt == command.reason:
        refuse(RefusalCode.ALREADY_DONE, "this was said before", "See `signoff list`, or say what is new", "reason")
    yield e.UnmergeProposed(merge=merge.id, reason=command.reason)


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask two people whether another reference is this patient too, and whether that was wrong. Where that is asked in
    another journey of the patient, who is responsible here knows that it waits."""
    for merge in journey.merges.values():
        asked = None
        if merge.proposed:
            asked = sign_off_requirement(journey, SignOffKind.PATIENT_MERGE, merge.id)
        elif merge.doubted:
            asked = sign_off_requirement(journey, SignOffKind.PATIENT_UNMERGE, merge.id)
        if asked:
            yield asked
    yield from particulars.needs(journey)
    if journey.elsewhere.identity_asked:
        yield require(
            IDENTITY_ELSEWHERE,
            owner=Role.CLINICIAN,
            person=journey.clinician,
            what="see that it is decided in another journey whether another patient is this one",
            care=False,
        )


DECISIONS: Decisions = {
    c.ProposeMerge: propose_merge,
    c.ProposeUnmerge: propose_unmerge,
    c.TakeInHistory: take_in,
}
REACTIONS: Reactions = {
    e.CareTeamUpdated: react_team,
    e.HistoryTakenIn: react_history,
    e.PatientMerged: react_merged,
    e.PatientUnmerged: react_unmerged,
}
