"""A fact about harm is never lost for its form.

What is wrong with it is told, and what was said is kept: care is held, and a clinician asks what was meant, as soon and
as hard as the worst that it could say would ask for. Said again in the right form, it takes the place of the task.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic_core import from_json

from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Decisions, Journey, Reactions
from workflows.journey.always.adverse_events.rules import severity_of_grade
from workflows.journey.always.care_team.rules import list_observers
from workflows.journey.always.holds.model import place
from workflows.journey.always.reports.model import KeptReport
from workflows.journey.entries import find
from workflows.journey.instruments import C_SSRS_FORMS, Instrument, definition_of
from workflows.journey.obligation_types import KEPT_REPORT
from workflows.journey.requirements import Requirement, each_needs, require
from workflows.journey.stages.sessions.dosing import find_recorded, is_marked
from workflows.journey.stages.sessions.judging import vitals_alert
from workflows.journey.stages.sessions.state import Dose
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.base import canonical
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode, refuse
from workflows.journey.vocabulary.severity import (
    OF_DOSE_TOLD_AGAIN,
    OF_NO_GO,
    OF_OBSERVATION,
    OF_PREGNANCY,
    OF_WORSENING,
    Severity,
    is_at_least,
    worst,
)
from workflows.journey.vocabulary.words import name_of

ABOUT_THE_FORM = (
    RefusalCode.INCOMPLETE,
    RefusalCode.OUT_OF_LIMITS,
    RefusalCode.UNKNOWN,
    RefusalCode.WRONG_TIME,
    RefusalCode.CONTRADICTS,
    RefusalCode.WRONG_STAGE,
)
"""Why a report may be refused for what is in it or for when it comes, and not for who sends it or because it was sent
before."""
ONCE_ONLY = ("visit.record", "session.check", "session.dose")
"""Forms that are taken once for each visit, session and dose, and so refused though they may say something else than
what is recorded."""
KEPT_BYTES = 15_000
"""How much of what was said is kept, in bytes of UTF-8."""
ReportContent = Mapping[str, Any]


def judge_severity(journey: Journey, about: str, said: ReportContent, fields: tuple[str, ...]) -> Severity | None:
    """Return how severe what somebody said is, as far as it can be read; the worst it could be where it cannot. What
    a form says beside its default is read in the ``fields`` that are wrong, too: left out, they would say nothing. None
    for what is not about harm."""
    told = {name: value for name, value in said.items() if name not in fields}
    match about:
        case "pathway.amend":
            return _judge_correction(journey, said.get("correction"))
        case "visit.record":
            return None if _is_calm_visit(journey, said) else OF_WORSENING
        case "therapy.record":
            concern = said.get("concern", "none")
            return None if concern == "none" else Severity.CLINICAL if concern == "clinical" else Severity.URGENT
        case "session.check":
            return _judge_checklist(journey, said)
        case "adverse-event.report" | "adverse-event.regrade":
            grade, serious = told.get("grade"), told.get("serious")
            if type(grade) is not int or not 1 <= grade <= 5 or type(serious) is not bool:
                return Severity.EMERGENCY
            because = told.get("serious_because", ())
            words = isinstance(because, list | tuple) and all(isinstance(reason, str) for reason in because)
            if "serious_because" in fields or not words:
                return Severity.EMERGENCY
            severity = severity_of_grade(journey.protocol, grade, serious, because)
            if about == "adverse-event.regrade":
                return None if severity == Severity.ROUTINE else severity
            return worst(Severity.CLINICAL, severity)
        case "support.request":
            urgency = told.get("urgency")
            known = [each for each in Severity if each == urgency and "text" in told]
            return worst(Severity.CLINICAL, *known) if known else Severity.EMERGENCY
        case "session.observe" | "observation.record" if not _shows_harm(journey, told, fields):
            return None
        case "instrument.record" if not _shows_risk(told):
            return None
        case "check-in.complete" if told.get("feeling") == "well":
            return None if _are_calm(journey, said.get("symptoms", {})) else OF_WORSENING
        case "adverse-event.follow-up" if told.get("outcome") not in (None, "fatal"):
            return None
        case "pregnancy.test":
            return None if told.get("result") == "negative" else OF_PREGNANCY
        case "session.dose" if recorded := _find_recorded(journey, said):
            return None if any(_is_told(dose, said) for dose in recorded) else OF_DOSE_TOLD_AGAIN
    return Severity.EMERGENCY if about in HARM else None


HARM = (
    "adverse-event.report", "crisis.report", "support.request", "pathway.record-death", "session.dose",
    "session.observe", "observation.record", "instrument.record", "check-in.complete", "adverse-event.follow-up",
    "pregnancy.test", "visit.record", "therapy.record", "adverse-event.regrade", "session.check", "pathway.amend",
)  # fmt: skip
"""Commands that may tell of harm."""
NOT_AS_CORRECTION = ("session.dose", "pathway.amend")
"""Forms that tell of no harm as a correction: a dose that was taken is recorded, and its correction is asked for again;
and nobody corrects a correction, however deep somebody nests them."""


def _find_recorded(journey: Journey, said: ReportContent) -> tuple[Dose, ...]:
    """Return the doses that are recorded as somebody says one, unless it is to be found out whether they were taken."""
    try:
        told = c.RecordDose.model_validate_json(canonical(said))
    except ValueError:
        return ()
    recorded = find_recorded(journey, told)
    return () if is_marked(journey, recorded) else recorded


def _is_told(dose: Dose, said: ReportContent) -> bool:
    """Whether it is recorded of a dose how many are left after it, and what was not as planned, as far as it is said
    again."""
    return all(said.get(name) in (None, getattr(dose, name)) for name in ("doses_left", "deviation"))


def _judge_correction(journey: Journey, correction: object) -> Severity | None:
    """Judge what a correction says as what it corrects would be."""
    if not isinstance(correction, Mapping):
        return None
    about = correction.get("kind")
    return None if about in NOT_AS_CORRECTION or about not in HARM else judge_severity(journey, about, correction, ())


def _is_calm_visit(journey: Journey, said: ReportContent) -> bool:
    """Whether a visit says that nothing is to be reviewed: an outcome of the protocol that needs no review, and no
    symptom at the protocol's alert."""
    rules, outcome = journey.protocol.follow_up, said.get("outcome")
    if outcome not in rules.outcomes or outcome in rules.outcomes_to_review:
        return False
    return _are_calm(journey, said.get("symptoms", {}))


def _are_calm(journey: Journey, symptoms: object) -> bool:
    """Whether the ratings of symptoms can be read, and none is at the protocol's alert."""
    return isinstance(symptoms, Mapping) and all(
        type(rating) is int and rating < journey.protocol.symptoms.alert_at for rating in symptoms.values()
    )


def _judge_checklist(journey: Journey, said: ReportContent) -> Severity | None:
    """Judge what a checklist found, as if it had been whole. No dose follows from one that nobody can read, so that
    only what can be read in it is harm."""
    alarm, items = journey.protocol.sessions.no_go.alarm, said.get("items", {})
    found = []
    if isinstance(items, Mapping) and any(items.get(item) is False for item in alarm):
        found.append(OF_NO_GO["alarm"])
    alert = _judge_vitals(journey, said.get("vitals"))
    if alert in ("notify", "emergency"):
        found.append(OF_OBSERVATION[alert])
    return worst(*found) if found else None


def _judge_vitals(journey: Journey, said: object) -> Literal["none", "notify", "emergency"] | None:
    """Return what the protocol's limits make of vital signs; None where nobody can read them."""
    try:
        vitals = c.Vitals.model_validate_json(canonical(said))
    except ValueError:
        return None
    return vitals_alert(journey.protocol.sessions.vitals, vitals, None)


def _shows_harm(journey: Journey, told: ReportContent, fields: tuple[str, ...]) -> bool:
    """Whether what was observed calls for help, or it cannot be read whether it does."""
    if any(name in fields for name in ("consciousness", "breathing_normal", "vitals", "red_flags")):
        return True
    calm = told.get("consciousness", "alert") in (None, "alert") and told.get("breathing_normal", True) in (None, True)
    if not calm or told.get("red_flags"):
        return True
    return told.get("vitals") is not None and _judge_vitals(journey, told["vitals"]) != "none"


def _shows_risk(told: ReportContent) -> bool:
    """Whether the answers show suicide risk, or it cannot be read whether they do."""
    asked, answers = told.get("instrument"), told.get("answers")
    if asked in C_SSRS_FORMS:
        return not isinstance(answers, Mapping) or any(answer not in (False, None) for answer in answers.values())
    if asked not in tuple(Instrument):
        return True
    item = definition_of(Instrument(asked)).suicide_item
    return item is not None and (not isinstance(answers, list) or answers[item - 1 : item] != [0])


def spell(said: ReportContent) -> str:
    """Return what was said as it is kept."""
    return cut_to_kept(canonical(said).decode())


def cut_to_kept(text: str) -> str:
    """Return as much of a text as is kept."""
    return text.encode()[:KEPT_BYTES].decode(errors="ignore")


def dump_said(body: c.CommandBody) -> dict[str, Any]:
    """Return what a command says."""
    return body.model_dump(mode="json", exclude={"kind"}, exclude_none=True)


def keeps(journey: Journey, command: c.Command, refusal: Refusal) -> bool:
    """Whether a command that is refused tells of harm, and is kept as it was said."""
    about = command.body.kind
    again = about in ONCE_ONLY and refusal.code == RefusalCode.ALREADY_DONE
    if about not in HARM or not (again or refusal.code in ABOUT_THE_FORM or _stayed_once(journey, command, refusal)):
        return False
    return judge_severity(journey, about, dump_said(command.body), _wrong(refusal)) is not None


def _stayed_once(journey: Journey, command: c.Command, refusal: Refusal) -> bool:
    """Whether it is refused because somebody else stays with the patient now than its sender: it makes no observation
    that is due, and what they saw is not ignored."""
    actor = command.actor
    theirs = actor.role == Role.OBSERVER and Role.OBSERVER in command.body.roles
    return theirs and refusal.code == RefusalCode.NOT_ALLOWED and actor.id in list_observers(journey)


def keep_refused(journey: Journey, command: c.Command, refusal: Refusal) -> Iterator[e.EventBody]:
    """Keep a refused command as it was said, once."""
    about, said, fields = command.body.kind, dump_said(command.body), _wrong(refusal)
    severity = judge_severity(journey, about, said, fields)
    if severity is not None:
        meant, by = command.command_id, command.actor
        yield from _keep(journey, by, about, spell(said), fields, meant, severity)


def keep_report(journey: Journey, command: c.KeepReport, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Keep a report that never became a command. What nobody can read may be the worst that its form tells of."""
    said = _read(command.said)
    severity = judge_severity(journey, command.about, said, command.fields)
    if severity is None and command.about in HARM and not said:
        severity = Severity.URGENT
    if severity is None:
        refuse(RefusalCode.UNKNOWN, "this tells of no harm", "Send it in its own form, or ask for support", "said")
    told = [*_keep(journey, by, command.about, cut_to_kept(command.said), command.fields, command.meant, severity)]
    if not told:
        refuse(RefusalCode.ALREADY_DONE, "this is kept already", "Send it in its own form", "said")
    yield from told


def _keep(
    journey: Journey,
    by: Actor,
    about: str,
    said: str,
    fields: tuple[str, ...],
    meant: UUID | None,
    severity: Severity,
) -> Iterator[e.EventBody]:
    for report in _open(journey, by, about):
        known = report.said == said or _is_meant(report, meant) or _same(report, _read(said), fields)
        if known and is_at_least(report.severity, severity):
            return
    yield e.ReportKept(
        report=f"report-{len(journey.reports) + 1}",
        about=about,
        said=said,
        fields=fields,
        meant=meant,
        severity=severity,
    )


def settle_repeated(journey: Journey, command: c.Command) -> Iterator[e.EventBody]:
    """Settle the kept reports that a command says again, by the same person and in the right form. What says less than
    the report, but where that was wrong, settles it under its id only if nobody could read it: a clinician asks what
    was meant."""
    about = command.body.kind
    if about not in HARM:
        return
    said = dump_said(command.body)
    severity = judge_severity(journey, about, said, ())
    for report in _open(journey, command.actor, about):
        first = _read(report.said)
        righted = {**first, **{name: said[name] for name in report.fields if name in said}}
        told = judge_severity(journey, about, righted, ()) if first else None
        as_severe = told is None or (severity is not None and is_at_least(severity, told))
        if (_is_meant(report, command.command_id) and as_severe) or _same(report, said, ()):
            yield e.ReportRepeated(report=report.id)


def _open(journey: Journey, by: Actor, about: str) -> tuple[KeptReport, ...]:
    return tuple(each for each in find(journey.reports, _unsettled) if (each.by, each.about) == (by.id, about))


def _unsettled(reports: Mapping[str, KeptReport]) -> tuple[KeptReport, ...]:
    return tuple(report for report in reports.values() if not report.settled)


def _is_meant(report: KeptReport, meant: UUID | None) -> bool:
    """Whether a report came under this id."""
    return meant is not None and report.meant == meant


def _same(report: KeptReport, said: ReportContent, fields: tuple[str, ...]) -> bool:
    """Whether a report is said again with the same words, but where they were wrong."""
    if said and _read(report.said) == said:
        return True
    first, again = _without(_read(report.said), report.fields, fields), _without(said, report.fields, fields)
    return bool(first) and first == again


def _without(said: ReportContent, *fields: tuple[str, ...]) -> dict[str, Any]:
    wrong = tuple(name for names in fields for name in names)
    return {name: value for name, value in said.items() if name not in wrong and value is not None}


def _read(said: str) -> ReportContent:
    """Read what was said; nothing where nobody can, such as a number that is none, or lists in lists without end."""
    try:
        read = from_json(said, allow_inf_nan=False)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _wrong(refusal: Refusal) -> tuple[str, ...]:
    return () if refusal.field is None else (refusal.field.partition(".")[0].partition("[")[0],)


def react_kept(journey: Journey, body: e.ReportKept, at: datetime) -> Iterator[e.EventBody]:
    """Hold care until a clinician has settled the report: nobody knows yet what happened."""
    yield place(
        journey,
        "kept_report",
        "a report of harm could not be taken in its form, and was kept as it was said",
        severe=body.severity != Severity.CLINICAL or _read(body.said).get("serious") is True,
        source=body.report,
    )


def settle(journey: Journey, command: c.SettleReport, by: Actor, at: datetime) -> Iterator[e.EventBody]:
    """Record what a clinician did about a kept report."""
    report = journey.reports.get(command.report)
    if report is None:
        refuse(RefusalCode.UNKNOWN, "there is no such report", "See `pathway show`", "report")
    if report.settled:
        refuse(RefusalCode.ALREADY_DONE, "this report is settled", "Nothing is left to do", "report")
    yield e.ReportSettled(report=report.id, text=command.text)


def _ask(report: KeptReport, clinician: str | None) -> Iterator[Requirement]:
    if not report.settled:
        soon = is_at_least(report.severity, Severity.URGENT)
        yield require(
            KEPT_REPORT,
            subject=report.id,
            owner=Role.ON_CALL_CLINICIAN if soon else Role.CLINICIAN,
            person=None if soon else clinician,
            policy=report.severity.value,
            what=f"ask what {name_of(report.id)} of harm meant, and record it",
            care=False,
        )


EACH_NEEDS = (each_needs("reports", _ask, "clinician"),)
DECISIONS: Decisions = {
    c.KeepReport: keep_report,
    c.SettleReport: settle,
}
REACTIONS: Reactions = {
    e.ReportKept: react_kept,
}
