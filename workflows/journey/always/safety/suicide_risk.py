"""Suicide risk: a way through, and no way around.

What settles a finding came after it: a clinician reached the patient and made a safety plan, a clinician asked the
C-SSRS again, a next contact is owed, and people signed exactly that. What is true for ever (an attempt long ago) is
decided once, in the screening; what may be done now is judged by what is recent.

Sources: Columbia Lighthouse Project, triage (intent in the past month and behaviour in the past 3 months are high;
precautions until a professional has seen the person); the versions "recent" and "since last contact" of the C-SSRS;
Zero Suicide, "Engage" and "Transition" (a safety plan, and contact again soon after a crisis).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.always.holds.model import RISK_CAUSES, place
from workflows.journey.always.safety.model import Crisis
from workflows.journey.evidence import sign_off_requirement
from workflows.journey.instruments import C_SSRS_FORMS, Level, RiskFinding
from workflows.journey.obligation_types import CRISIS, CRISIS_CONTACT, SUICIDE_RISK
from workflows.journey.protocol import SignOffKind
from workflows.journey.recall import find_entry, recalled
from workflows.journey.requirements import Requirement, each_needs, require
from workflows.journey.stages.evaluation.model import Measurement
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.refusals import RefusalCode, refuse
from workflows.journey.vocabulary.severity import OF_CRISIS, OF_ITEM_9

BEHAVED = (RiskFinding.BEHAVIOUR, RiskFinding.LIFETIME_BEHAVIOUR)
NEVER_ASKED = "no C-SSRS asked by a clinician"
ITEM_9_OPEN = "PHQ-9 item 9 was not zero, or not answered, after the latest C-SSRS"


def react_risk(journey: Journey, body: e.InstrumentRecorded, at: datetime) -> Iterator[e.EventBody]:
    """Place a hold and open a crisis at once when there is suicide risk, in any stage.

    A lifetime attempt acts when it is first told. While a crisis is open, a clinician who asks again and finds no
    more than is known, and nothing high, adds to it: what they found is what people then decide on.
    """
    source = f"version-{journey.version}"
    if body.score.needs_c_ssrs:
        yield place(
            journey,
            "item_9",
            "PHQ-9 item 9 is not zero, or was not answered: ask the C-SSRS now",
            source=source,
        )
    level = _level_found(journey, body)
    if level in (None, Level.NONE) or _known(journey, body, level):
        return
    crisis = f"crisis-{len(journey.crises) + 1}"
    yield e.CrisisOpened.model_validate({"crisis": crisis, "level": level.value, "source": source})
    if level in (Level.MODERATE, Level.HIGH):
        yield place(
            journey,
            "suicide_risk",
            f"the C-SSRS is {level.value}, or incomplete, which counts as high",
            severe=level == Level.HIGH,
            source=crisis,
        )


def report(journey: Journey, command: c.ReportCrisis, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Open a crisis because of what somebody told. Nobody has asked the C-SSRS, so that it counts as high."""
    crisis, source = f"crisis-{len(journey.crises) + 1}", f"version-{journey.version + 1}"
    yield e.CrisisOpened(crisis=crisis, level="high", source=source, what=command.what)
    yield place(journey, "suicide_risk", "somebody told of suicide risk: it counts as high", severe=True, source=crisis)


def _level_found(journey: Journey, body: e.InstrumentRecorded) -> Level | None:
    return body.score.current_level if _told_before(journey) else body.score.gate_level


def _told_before(journey: Journey) -> bool:
    """Whether a clinician knew of suicidal behaviour before what was recorded just now."""
    return any(
        _behaved(m) and m.found < journey.version for m in journey.measurements if m.by_staff and m.score.complete
    )


def _behaved(measured: Measurement) -> bool:
    return any(finding in measured.score.findings for finding in BEHAVED)


def _known(journey: Journey, body: e.InstrumentRecorded, level: Level) -> bool:
    asked = any(m.version == journey.version and m.by_staff for m in journey.measurements)
    if not asked or not body.score.complete or level == Level.HIGH:
        return False
    return any(Level(crisis.level).severity >= level.severity for crisis in journey.open_crises)


def known_levels(journey: Journey, at: datetime) -> tuple[Level, ...]:
    """Return the levels of suicide risk that are known at a moment (UTC): that of the latest C-SSRS that a clinician
    asked; high while intent or behaviour that a clinician found is recent; moderate for an attempt before that."""
    return _levels(journey, bool(recent_findings(journey, at)))


@recalled
def _levels(journey: Journey, recent: bool) -> tuple[Level, ...]:
    levels = [Level.HIGH] if recent else []
    if journey.asked_risk is not None and journey.asked_risk.score.current_level is not None:
        levels.append(journey.asked_risk.score.current_level)
    if not recent and any(finding in _last_found(journey) for finding in BEHAVED):
        levels.append(Level.MODERATE)
    return tuple(dict.fromkeys(levels))


def worst_level(known: Sequence[Level], among: Sequence[str]) -> Level:
    """Return the worst of the known levels that is among these."""
    return max((level for level in known if level.value in among), key=lambda level: level.severity, default=Level.NONE)


def recent_findings(journey: Journey, at: datetime) -> tuple[str, ...]:
    """Return what a clinician found, in any journey of the patient, so short a time ago that nothing asked since
    outweighs it (Columbia: intent in the past month, behaviour in the past 3 months; the protocol says how many
    days)."""
    return tuple(
        f"{what} was found less than {days} days ago"
        for what, days, last in _last_findings(journey)
        if at - last < timedelta(days=days)
    )


@recalled
def _last_findings(journey: Journey) -> tuple[tuple[str, int, datetime], ...]:
    """What a clinician found, for how many days it is recent, and since when it is (UTC) where it was found last."""
    rules, found = journey.protocol.instruments, _last_found(journey)
    windows = (
        (RiskFinding.INTENT, "suicidal intent", rules.suicidal_intent_recent_days),
        (RiskFinding.BEHAVIOUR, "suicidal behaviour", rules.suicidal_behaviour_recent_days),
    )
    return tuple((what, days, found[finding]) for finding, what, days in windows if finding in found)


@recalled
def _last_found(journey: Journey) -> dict[RiskFinding, datetime]:
    """What clinicians found of the patient, in this journey or in another one, and since when it is recent (UTC)."""
    found = dict(find_suicidal(journey))
    for finding, at in journey.elsewhere.suicidal.items():
        found[finding] = max(at, found.get(finding, at))
    return found


def find_suicidal(journey: Journey) -> Mapping[RiskFinding, datetime]:
    """Return which suicidal intent or behaviour clinicians found in this journey, and since when (UTC) it is recent
    where it was found last."""
    found: dict[RiskFinding, datetime] = {}
    for measured in _asked_by_staff(journey):
        at = found_at(journey, measured)
        for finding in (RiskFinding.INTENT, *BEHAVED):
            if finding in measured.score.findings:
                found[finding] = max(at, found.get(finding, at))
    return found


def found_at(journey: Journey, measured: Measurement) -> datetime:
    """Return since when (UTC) what was found is recent: since it was answered, or since it was entered where that is
    longer ago than answers may be entered, so that a mistyped year hides nothing."""
    entered_at = measured.entered_at or measured.at
    within = timedelta(days=journey.protocol.instruments.answers_entered_within_days)
    return measured.at if entered_at - measured.at <= within else entered_at


@recalled
def _asked_by_staff(journey: Journey) -> tuple[Measurement, ...]:
    return tuple(m for m in journey.measurements if m.by_staff)


def suicide_risk_obstacles(journey: Journey, at: datetime) -> tuple[str, ...]:
    """Return why suicide risk prevents treatment at a moment (UTC). Moderate prevents it until people have decided on
    exactly that, and an attempt long ago does not prevent it by itself."""
    risk = journey.asked_risk
    if risk is None:
        return (NEVER_ASKED,)
    found = []
    if risk.score.current_level == Level.HIGH:
        found.append("the latest C-SSRS is high or incomplete, which counts as high")
    elif risk.score.current_level == Level.MODERATE and not _decided_since(journey, risk):
        found.append("the latest C-SSRS is moderate")
    found += recent_findings(journey, at)
    found += [f"{crisis.id} is open" for crisis in journey.open_crises]
    if journey.item_9_open:
        found.append(ITEM_9_OPEN)
    return tuple(found)


def _decided_since(journey: Journey, risk: Measurement) -> bool:
    return any(
        s.kind == SignOffKind.RISK_DECISION
        and (s.decision, s.choice) == ("approve", "settled")
        and not s.first_of_two
        and s.version > risk.found
        for s in journey.sign_offs
    )


def record_contact(journey: Journey, command: c.RecordCrisisContact, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record a contact with a patient at risk. One that reached them ends with a safety plan (Columbia Lighthouse
    Project: precautions until a professional has seen the person) and, while any crisis is open, with a next contact
    (UTC) within the protocol's time."""
    crisis = journey.crises.get(command.crisis)
    if crisis is None:
        refuse(RefusalCode.UNKNOWN, "there is no such crisis", "See `pathway show`", "crisis")
    if command.reached and not command.safety_plan:
        refuse(
            RefusalCode.INCOMPLETE,
            "a contact that reached the patient ends with a safety plan",
            "Make one, or record that the patient was not yet reached",
            "safety_plan",
        )
    if command.next_contact_at is not None and command.next_contact_at <= at:
        refuse(RefusalCode.WRONG_TIME, "this time has passed", "Say when the next contact will be", "next_contact_at")
    planned = command.next_contact_at
    if command.reached and journey.open_crises:
        hours = journey.protocol.crises.next_contact_within_hours
        latest = at + timedelta(hours=hours)
        if planned is not None and planned > latest:
            refuse(
                RefusalCode.WRONG_TIME,
                f"while a crisis is open the next contact is within {hours} hours",
                "Give an earlier time, or leave it out: then it is owed at the latest moment",
                "next_contact_at",
            )
        planned = planned or latest
    yield e.CrisisContactRecorded(**{**command.model_dump(exclude={"kind"}), "next_contact_at": planned})


def settling_obstacles(journey: Journey, at: datetime) -> tuple[str, ...]:
    """Return what must still happen before people can sign that suicide risk is settled, whoever signs."""
    alarms = [(crisis.version, crisis.opened_at) for crisis in journey.open_crises]
    alarms += [(h.version, h.placed_at) for h in journey.standing_holds if h.cause in RISK_CAUSES]
    risk, found = journey.asked_risk, []
    if any(not crisis.reached for crisis in journey.open_crises):
        found.append("a clinician has reached the patient, and signed that")
    if risk is None or not risk.score.complete or not all(risk.follows(*alarm) for alarm in alarms):
        found.append("a clinician asks the C-SSRS again, all of it")
    elif risk.score.current_level == Level.HIGH:
        found.append("a clinician asks the C-SSRS again, and it is not high")
    owed = [x.next_contact_at for x in journey.crises.values() if x.next_contact_at is not None]
    if journey.open_crises and not any(moment > at for moment in owed):
        found.append("a clinician speaks with the patient again, and the next contact is agreed on")
    return tuple(found)


def levels_to_sign(journey: Journey) -> tuple[Measurement, ...]:
    """Return each C-SSRS that a clinician asked and that is to settle something no other signature covers: an item 9,
    or what was owed in follow-up. One of the evaluation, before a session or about a crisis is covered by those
    decisions, whose evidence it is."""
    return tuple(
        m
        for m in _asked_by_staff(journey)
        if m.instrument in C_SSRS_FORMS
        and m.found not in journey.signed_levels
        and (
            find_entry(journey, "contacts", m.occasion) is not None
            or (journey.item_9_open and m is journey.asked_risk and _after_item_9(m, journey))
        )
    )


def _after_item_9(risk: Measurement, journey: Journey) -> bool:
    return all(m.risk_found is None or risk.follows(m.risk_found, m.known_at) for m in journey.measurements)


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask for the C-SSRS after item 9, for patients to be reached and spoken with again, and for what is signed: a
    level, that the patient was reached, and the decision."""
    worsened = max((m.worsened for m in journey.measurements if m.worsened is not None), default=None)
    for subject in _name_item_9(journey):
        yield require(
            SUICIDE_RISK,
            subject=subject,
            owner=Role.ON_CALL_CLINICIAN,
            policy=OF_ITEM_9.value,
            what="ask the C-SSRS now, and sign its level: PHQ-9 item 9",
            care=False,
            worsened=worsened,
        )
    for measured in levels_to_sign(journey):
        level = sign_off_requirement(journey, SignOffKind.RISK_LEVEL, measured.level_name)
        if level:
            yield level
    for crisis in journey.crises.values():
        if crisis.to_sign is not None:
            reached = sign_off_requirement(journey, SignOffKind.CRISIS_REACHED, crisis.id)
            if reached:
                yield reached
    if journey.open_crises or (journey.held_for_risk and journey.closing is None):
        decision = sign_off_requirement(journey, SignOffKind.RISK_DECISION)
        if decision:
            yield decision


def _name_item_9(journey: Journey) -> Iterator[str | None]:
    """Name the item 9 that is to be answered, and the latest one where there are several: it rings anew, though
    somebody has taken the alarm about the first."""
    found = sorted(journey.open_item_9)
    if found:
        yield None
    if len(found) > 1:
        yield f"version-{found[-1]}"


def _reach(crisis: Crisis, clinician: str | None) -> Iterator[Requirement]:
    if not crisis.reached and not crisis.closed:
        yield require(
            CRISIS,
            subject=crisis.id,
            owner=Role.ON_CALL_CLINICIAN if crisis.level == "high" else Role.CLINICIAN,
            person=None if crisis.level == "high" else clinician,
            policy=OF_CRISIS[crisis.level].value,
            what="reach the patient: suicide risk",
            care=False,
        )
    if crisis.next_contact_at is not None:
        yield require(
            CRISIS_CONTACT,
            subject=crisis.id,
            owner=Role.CLINICIAN,
            person=clinician,
            what="speak with the patient again after the crisis",
            due=crisis.next_contact_at,
            care=False,
        )


EACH_NEEDS = (each_needs("crises", _reach, "clinician"),)
