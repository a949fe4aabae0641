"""Screening: is this safe and appropriate for this person, and where?

Sources: exclusions after the esketamine label and published at-home protocols, split into hard and review by
the clinic's protocol; adults only; four candidate criteria; the setting is a clinical decision over medical,
safety and personal factors. Columbia's triage for suicide risk; PHQ-9 item 9 is acted on whatever the total.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import get_args

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.holds.model import place
from workflows.journey.always.permissions.rules import has_unreviewed_concern
from workflows.journey.always.pregnancy.model import NOT_PREGNANT
from workflows.journey.always.safety.suicide_risk import known_levels, suicide_risk_obstacles, worst_level
from workflows.journey.envelopes import FROM_EDUCATION
from workflows.journey.evidence import current_decision, is_approved, sign_off_requirement
from workflows.journey.instruments import Level
from workflows.journey.obligation_types import SCREENING
from workflows.journey.protocol import Exclusion, SignOffKind
from workflows.journey.recall import recalled
from workflows.journey.requirements import Requirement, require
from workflows.journey.stages.evaluation.rules import find_untreated
from workflows.journey.stages.screening.model import FindingName
from workflows.journey.stages.screening.worsening import react_change
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.calendars import age_on, birthday, local
from workflows.journey.vocabulary.refusals import RefusalCode, list_some, refuse, require_known
from workflows.journey.vocabulary.stage import Stage


def record_screening(journey: Journey, command: c.RecordScreening, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record answers to the protocol's exclusions, criteria and factors."""
    protocol = journey.protocol
    require_known({**command.exclusions}, tuple(x.code for x in protocol.exclusions), "exclusions")
    require_known({**command.criteria}, protocol.eligibility.attest, "criteria")
    require_known({**command.factors}, protocol.eligibility.factors, "factors")
    if not (command.exclusions or command.criteria or command.factors or command.findings):
        refuse(RefusalCode.INCOMPLETE, "the screening form is empty", "Answer at least one question", "exclusions")
    for exclusion in protocol.exclusions:
        given = command.exclusions.get(exclusion.code)
        contrary = None if given is None else contradiction(journey, exclusion, given.answer, at)
        if contrary is not None:
            refuse(
                RefusalCode.CONTRADICTS,
                f"the answer to {exclusion.code} cannot be right: {contrary}",
                "Answer by what is recorded, or with unknown until what is wrong there is corrected",
                f"exclusions.{exclusion.code}",
            )
    for name, holds in command.criteria.items():
        if holds and (contrary := _too_short(journey, name, at)) is not None:
            refuse(
                RefusalCode.CONTRADICTS,
                f"{name} cannot be attested: {contrary}",
                "Attest it with no, or correct since when the symptoms have lasted (`pathway amend`)",
                f"criteria.{name}",
            )
    risk = known_levels(journey, at)
    known = {x.code: _basis(journey, x, risk) for x in protocol.exclusions if x.code in command.exclusions}
    yield e.ScreeningRecorded(
        **command.model_dump(exclude={"kind"}),
        rests_on={code: basis for code, basis in known.items() if basis is not None},
    )


def answer(journey: Journey, command: c.RecordScreening, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record answers. That a hard exclusion does not hold after all is no new answer: it is a correction, which a
    second, clinical person confirms. Nor is it of one that takes a review, until that is decided."""
    stand, why = list_exclusions(journey, "hard"), "which excludes the patient"
    if not is_approved(journey, SignOffKind.EXCLUSION_REVIEW):
        stand, why = (
            (*stand, *list_exclusions(journey, "review")),
            "which excludes the patient, or is still to be reviewed",
        )
    back = [code for code, given in command.exclusions.items() if code in stand and given.answer != "yes"]
    if back:
        refuse(
            RefusalCode.CONTRADICTS,
            f"{list_some(back, ', ')} was answered yes, {why}",
            "Correct that answer (`pathway amend`); a second, clinical person confirms it",
            f"exclusions.{back[0]}",
        )
    yield from record_screening(journey, command, by, at)


def contradiction(journey: Journey, exclusion: Exclusion, answer: str, at: datetime) -> str | None:
    """Return what is known at a moment (UTC) and speaks against an answer. A yes about suicide risk is never
    contradicted: a clinician may know more than the C-SSRS asks."""
    return _contradiction(journey, exclusion, answer, known_levels(journey, at), _age(journey, at))


def _too_short(journey: Journey, criterion: str, at: datetime) -> str | None:
    """Return why the symptoms have not lasted long enough at a moment (UTC) for a criterion, by the evaluation."""
    least = journey.protocol.eligibility.attest_lasting_days.get(criterion)
    since = journey.evaluation.symptoms_since
    if least is None or since is None or (local(at, journey.patient.zone).date() - since).days >= least:
        return None
    return f"by the evaluation the symptoms have lasted fewer than {least} days"


def _age(journey: Journey, at: datetime) -> int:
    return age_on(journey.patient.born, at, journey.patient.zone)


def _contradiction(
    journey: Journey, exclusion: Exclusion, answer: str, risk: tuple[Level, ...], age: int
) -> str | None:
    known = exclusion.known_from
    if known is None or answer == "unknown":
        return None
    if known.suicide_risk is not None:
        levels = [level.value for level in risk if level in known.suicide_risk]
        if answer == "yes" or not levels:
            return None
        return f"the suicide risk that clinicians found is {' and '.join(levels)} (incomplete counts as high)"
    if known.medicines is not None:
        taken = [each for each in known.medicines if each in journey.medicine_classes]
        return f"the list of medicines has {', '.join(taken)}" if taken and answer == "no" else None
    if known.checklist is not None:
        if known.checklist == NOT_PREGNANT and (journey.pregnancy_found or journey.pregnancy_found_elsewhere):
            return "the latest pregnancy test is not negative" if answer == "no" else None
        speaks = _latest_checklist(journey).get(known.checklist) is False and answer == "no"
        return f"the latest checklist says no to {known.checklist}" if speaks else None
    if known.red_flags is not None:
        seen = [flag for flag in known.red_flags if flag in _red_flags(journey)]
        return f"{', '.join(seen)} was observed" if seen and answer == "no" else None
    if known.recorded is not None:
        return RECORDED[known.recorded](journey) if answer == "no" else None
    if known.age_over is not None:
        holds, limit = age > known.age_over, f"over {known.age_over}"
    else:
        holds, limit = known.age_under is not None and age < known.age_under, f"under {known.age_under}"
    if holds == (answer == "yes"):
        return None
    return f"by the birth date the patient is {'' if holds else 'not '}{limit}"


@recalled
def _red_flags(journey: Journey) -> tuple[str, ...]:
    """The red flags that were observed, in a session or outside."""
    observed = (seen for session in journey.sessions.values() for seen in session.observations)
    in_sessions = (flag for seen in observed for flag in seen.red_flags)
    outside = (flag for seen in journey.seen if not seen.in_error for flag in seen.red_flags)
    return (*in_sessions, *outside)


def _monitoring_concern(journey: Journey) -> str | None:
    return "a concern of the monitoring program is not reviewed" if has_unreviewed_concern(journey) else None


def _no_standard_treatment(journey: Journey) -> str | None:
    lacking = find_untreated(journey)
    return f"the evaluation has no {' and no '.join(lacking)}" if lacking else None


def _not_licensed(journey: Journey) -> str | None:
    """Where licences of the journey's clinician are known, and none of them covers where the patient lives."""
    licences = [m.licence for m in journey.members if m.id == journey.clinician and m.licence is not None]
    covered = any(journey.patient.state in licence.states for licence in licences)
    return f"the clinician has no licence in {journey.patient.state}" if licences and not covered else None


RECORDED = {
    "monitoring_concern": _monitoring_concern,
    "no_standard_treatment": _no_standard_treatment,
    "not_licensed": _not_licensed,
}
"""What the record itself says against an answer, by the names of ``known_from.recorded``."""


@recalled
def _latest_checklist(journey: Journey) -> Mapping[str, bool]:
    said = [session.check for session in journey.sessions.values() if session.check is not None]
    return max(said, key=lambda check: check.at).items if said else {}


def _basis(journey: Journey, exclusion: Exclusion, risk: tuple[Level, ...]) -> str | None:
    """Return what is known of that on which the answer to an exclusion rests, in words. It is part of what is
    signed."""
    known, words = exclusion.known_from, []
    if "state" in exclusion.rests_on:
        words.append(f"lives in {journey.patient.state}")
    if "weight" in exclusion.rests_on and journey.plan is not None:
        words.append(f"weighs {journey.plan.weight_kg:g} kg")
    if known is not None and known.medicines is not None:
        words += [
            f"takes {m.what} ({m.dosage}): {', '.join(m.classes)}"
            for m in journey.medicines.values()
            if m.taken and any(each in known.medicines for each in m.classes)
        ]
    if known is not None and known.suicide_risk is not None:
        words.append(_risk_is(worst_level(risk, known.suicide_risk)))
    return "; ".join(words)[:4000] or None


def _risk_is(level: Level) -> str:
    return f"suicide risk {level.value}"


def find_reopened(journey: Journey, at: datetime) -> dict[str, str]:
    """Return the exclusions whose answers do not count any more at a moment (UTC), each with the reason: what they
    rested on is not as it was, or what is known now speaks against them. Lower suicide risk opens nothing, nor does
    another basis open a yes to a hard exclusion."""
    return dict(_reopening(journey, known_levels(journey, at), _age(journey, at)))


@recalled
def _reopening(journey: Journey, risk: tuple[Level, ...], age: int) -> tuple[tuple[str, str], ...]:
    found, screening = {}, journey.screening
    for exclusion in journey.protocol.exclusions:
        given = screening.exclusions.get(exclusion.code)
        if given is None:
            continue
        contrary = _contradiction(journey, exclusion, given.answer, risk, age)
        rested, now = screening.rests_on.get(exclusion.code), _basis(journey, exclusion, risk)
        if contrary is not None:
            found[exclusion.code] = contrary
        elif rested != now and not (_eased(exclusion, rested, now) or _excludes(exclusion, given.answer)):
            found[exclusion.code] = "what it rested on has changed"
    return tuple(found.items())


def _excludes(exclusion: Exclusion, answer: str) -> bool:
    """Whether an answer excludes the patient. It does whatever becomes of what it rested on, which may come back:
    another risk or another state of residence is a reason to correct the answer, which takes two people."""
    return exclusion.rule == "hard" and answer == "yes"


def _eased(exclusion: Exclusion, rested: str | None, now: str | None) -> bool:
    """Whether only the suicide risk is lower than when the answer was given."""
    rising = [_risk_is(level) for level in Level]
    return rested in rising and now in rising and rising.index(now) < rising.index(rested)


def next_birthday(journey: Journey) -> datetime | None:
    """Return when (UTC) the patient's age next speaks against an answer, if it will: the beginning of a birthday."""
    born, zone = journey.patient.born, journey.patient.zone
    ages = [
        x.known_from.age_over + 1
        for x in journey.protocol.exclusions
        if x.known_from is not None and x.known_from.age_over is not None and _answered_no(journey, x.code)
    ]
    return min((birthday(born, age, zone) for age in ages), default=None)


def _answered_no(journey: Journey, code: str) -> bool:
    given = journey.screening.exclusions.get(code)
    return given is not None and given.answer == "no"


def reopen(journey: Journey, at: datetime) -> Iterator[e.EventBody]:
    """Open the answers again that do not count any more, in every stage and under every hold."""
    found = find_reopened(journey, at)
    if found:
        yield e.AnswersReopened(answers=found)


def list_exclusions(journey: Journey, rule: str) -> tuple[str, ...]:
    """Return the codes of exclusions with this rule (hard, review) that are answered yes, or were before a correction
    that waits for a second person."""
    found = journey.screening.found
    return tuple(x.code for x in journey.protocol.exclusions if x.rule == rule and x.code in found)


def find_unanswered(journey: Journey) -> tuple[str, ...]:
    """Return what the screening still lacks, in words. Unknown is not an answer."""
    answers, eligibility = journey.screening, journey.protocol.eligibility
    known = [code for code, given in answers.exclusions.items() if given.answer != "unknown"]
    lacking = [f"exclusion {x.code}" for x in journey.protocol.exclusions if x.code not in known]
    lacking += [f"criterion {name}" for name in eligibility.attest if name not in answers.criteria]
    lacking += [f"factor {name}" for name in eligibility.factors if name not in answers.factors]
    lacking += [f"finding {name}" for name in get_args(FindingName) if name not in answers.findings]
    return tuple(lacking)


def eligibility_obstacles(journey: Journey, at: datetime) -> tuple[str, ...]:
    """Return why treatment in any setting cannot be approved now. If nothing is returned, a clinician may decide;
    nothing is approved by that."""
    found = list(find_unanswered(journey))
    found += [f"exclusion {code}: {why}" for code, why in find_reopened(journey, at).items()]
    found += [f"hard exclusion {code}" for code in list_exclusions(journey, "hard")]
    if list_exclusions(journey, "review") and not is_approved(journey, SignOffKind.EXCLUSION_REVIEW):
        found.append("review exclusions without a signed decision")
    criteria = journey.screening.criteria
    found += [f"criterion {n} not attested" for n in journey.protocol.eligibility.attest if criteria.get(n) is False]
    short = {name: _too_short(journey, name, at) for name, holds in criteria.items() if holds}
    found += [f"criterion {name}: {why}" for name, why in short.items() if why is not None]
    found += [f"found not to hold: {name}" for name, each in journey.screening.findings.items() if not each.holds]
    if _age(journey, at) < journey.protocol.eligibility.min_age_years:
        found.append("the patient is under age")
    found += suicide_risk_obstacles(journey, at)
    return tuple(found)


def react_screening(journey: Journey, body: e.ScreeningRecorded, at: datetime) -> Iterator[e.EventBody]:
    """Hold care at once when a hard exclusion is answered yes after eligibility was signed, in follow-up too: sessions
    may begin again."""
    if journey.stage in FROM_EDUCATION:
        said = tuple(code for code, given in body.exclusions.items() if given.answer == "yes")
        new = tuple(code for code in list_exclusions(journey, "hard") if code in said)
        if new:
            yield place(journey, "exclusion", f"hard exclusion {', '.join(new)} answered yes")


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask for the screening, its signed decisions and its renewal."""
    eligibility = journey.protocol.eligibility
    if journey.stage not in (Stage.SCREENING, Stage.EDUCATION, Stage.SESSIONS):
        return
    unanswered = find_unanswered(journey)
    if unanswered:
        yield require(
            SCREENING,
            owner=Role.CLINICIAN,
            person=journey.clinician,
            what="answer the screening",
        )
    # A correction to "unknown" takes no review away that was owed.
    if list_exclusions(journey, "review") and (journey.screening.told_yes or not unanswered):
        review = sign_off_requirement(journey, SignOffKind.EXCLUSION_REVIEW)
        if review:
            yield review
            return
    if unanswered:
        return
    if current_decision(journey, SignOffKind.EVALUATION) is not None:
        decision = sign_off_requirement(journey, SignOffKind.ELIGIBILITY)
        if decision:
            yield decision
    if journey.stage == Stage.SESSIONS and journey.screening.completed_at is not None:
        yield require(
            SCREENING,
            subject="renewal",
            owner=Role.CLINICIAN,
            person=journey.clinician,
            what="repeat the whole screening before it expires",
            due=journey.screening.completed_at + timedelta(days=eligibility.screening_valid_days),
        )


def advance(journey: Journey, at: datetime) -> Iterator[e.EventBody]:
    """Begin education once eligibility and setting are signed."""
    if journey.stage == Stage.SCREENING and is_approved(journey, SignOffKind.ELIGIBILITY):
        yield e.StageEntered(stage=Stage.EDUCATION)


DECISIONS: Decisions = {
    c.RecordScreening: answer,
}
REACTIONS: Reactions = {
    e.InstrumentRecorded: react_change,
    e.ScreeningRecorded: react_screening,
}
