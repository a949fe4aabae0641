"""The commands that people send, each with what a way in needs to offer it."""

import inspect
from dataclasses import dataclass
from typing import TypeAlias, get_args

from application.errors import NotAllowed
from application.words.codes import say_all
from workflows.journey import commands as c
from workflows.journey import obligation_types as o
from workflows.journey.aggregate import Journey
from workflows.journey.always.adverse_events.model import SERIOUS
from workflows.journey.instruments import C_SSRS_FORMS, Instrument
from workflows.journey.obligation_types import OBLIGATION_TYPES
from workflows.journey.obligations import obligations
from workflows.journey.protocol.care_plan import DoseLimit
from workflows.journey.requirements import Obligation
from workflows.journey.setting import setting_of
from workflows.journey.stages.evaluation.model import BASELINE, instrument_measured
from workflows.journey.stages.sessions.validity import BASELINE_OF
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.clinical import AT_HOME
from workflows.journey.vocabulary.codes import code_of

SPECIAL = (c.StartPathway, c.Sign, c.BreakGlass)
"""They have commands of their own: `pathway start`, `signoff approve`, `decline` and `return`, `access break-glass`."""


@dataclass(frozen=True, slots=True)
class CommandKind:
    """One kind of command: what people type, who may send it, and when."""

    noun: str
    verb: str
    model: type[c.CommandBody]

    @property
    def name(self) -> str:
        return f"{self.noun}.{self.verb}"

    @property
    def roles(self) -> tuple[Role, ...]:
        return self.model.roles

    @property
    def needs_content(self) -> bool:
        """Whether the command needs a form."""
        return any(field.is_required() for field in self.model.model_fields.values())

    @property
    def summary(self) -> str:
        return inspect.getdoc(self.model) or ""

    @property
    def help(self) -> str:
        """Return the help text: what the command does, who may send it and when, and what its form holds."""
        fields = [
            name + ("" if field.is_required() else " (optional)")
            for name, field in self.model.model_fields.items()
            if name != "kind"
        ]
        stages = say_all(stage.value for stage in self.model.stages)
        when = "any, until the pathway is closed" if self.model.stages == c.OPEN else stages
        return (
            f"{self.summary.replace('``', '`')}\n\nFor: {say_all(self.roles)}.\n\nStages: {when}."
            f"\n\nThe form is JSON with: {', '.join(fields)}."
        )


def _kinds() -> tuple[CommandKind, ...]:
    found = []
    for model in get_args(get_args(c.AnyBody)[0]):
        noun, _, verb = model.model_fields["kind"].default.partition(".")
        if noun != "clock" and model not in SPECIAL:
            found.append(CommandKind(noun, verb, model))
    return tuple(found)


KINDS = _kinds()
BY_MODEL = {kind.model: kind for kind in KINDS}


ALWAYS_ASKED: dict[type[c.CommandBody], dict[str, tuple[str, ...]]] = {
    c.ReportAdverseEvent: {"serious_because": tuple(SERIOUS)},
    c.RegradeAdverseEvent: {"serious_because": tuple(SERIOUS)},
}
"""The coded words that a form asks for whatever the protocol, by field."""


def names_asked_for(kind: CommandKind, journey: Journey) -> dict[str, tuple[str, ...]]:
    """Return the coded words that the journey asks for in this form, by field: those of its protocol, and the names and
    versions that stand in it."""
    p, medicines = journey.protocol, journey.medicines.values()
    tried = p.eligibility.prior_treatments
    unclassed = tuple(medicine.id for medicine in medicines if medicine.taken and not medicine.classes)
    scale = tuple(map(str, range(p.symptoms.highest + 1)))
    ratings = {"symptoms": p.symptoms.names, **{f"symptoms.{name}": scale for name in p.symptoms.names}}
    asked: dict[type[c.CommandBody], dict[str, tuple[str, ...]]] = {
        c.RecordEvaluation: {
            "sections": p.eligibility.evaluation_sections,
            "prior_treatments.type": (*tried.require_all_of, *tried.require_any_of, *tried.record),
            "function": p.eligibility.function,
            **ratings,
        },
        c.RecordScreening: {
            "exclusions": tuple(exclusion.code for exclusion in p.exclusions),
            "criteria": p.eligibility.attest,
            "factors": p.eligibility.factors,
        },
        c.RecordPlan: {
            "plan.components": tuple(dict.fromkeys((*p.care_plan.require_components, p.care_plan.therapy))),
            "plan.sections": p.care_plan.sections,
            "plan.route": p.sessions.route_allowed,
            "reason": tuple(p.care_plan.change_reasons),
        },
        c.ExplainTopics: {"topics": p.education_topics},
        c.ConfirmUnderstanding: {"topics": p.education_topics},
        c.Acknowledge: {"statements": p.acknowledgements},
        c.GiveConsent: {
            "consents": tuple(p.consents),
            **{f"consents.{name}": (version,) for name, version in journey.consent_versions.items()},
        },
        c.EnterPaperConsent: {
            "consents": tuple(p.consents),
            **{f"consents.{name}": (version,) for name, version in journey.consent_versions.items()},
        },
        c.SendReading: {"reading": p.background_reading},
        c.SetLimits: {"limits": tuple(DoseLimit)},
        c.CheckSession: {"items": p.sessions.checklist_in(setting_of(journey) or AT_HOME)},
        c.Observe: {"red_flags": p.sessions.red_flags},
        c.EndSession: {"criteria": p.sessions.criteria_in(setting_of(journey) or AT_HOME)},
        c.AddMedicine: {"classes": p.medicines.classes},
        c.ChangeMedicine: {"classes": p.medicines.classes},
        c.RecordObservation: {"red_flags": p.sessions.red_flags},
        c.ReconcileMedicines: {
            "changes": tuple(journey.unreviewed_medicine_changes),
            "classes": unclassed,
            **{f"classes.{medicine}": p.medicines.classes for medicine in unclassed},
        },
        c.CompleteCheckIn: ratings,
        c.RecordVisit: {
            "assessments": p.follow_up.assessments,
            "answers": p.follow_up.questions,
            **ratings,
            "function": p.eligibility.function,
            "outcome": p.follow_up.outcomes,
        },
    }
    return asked.get(kind.model, {}) | ALWAYS_ASKED.get(kind.model, {})


FORMS: dict[o.ObligationType, tuple[type[c.CommandBody], str | None]] = {
    o.EVALUATION: (c.RecordEvaluation, None),
    o.SCREENING: (c.RecordScreening, None),
    o.PLANNING: (c.RecordPlan, None),
    o.EDUCATION: (c.ExplainTopics, None),
    o.ACKNOWLEDGEMENT: (c.Acknowledge, None),
    o.CONSENT: (c.GiveConsent, None),
    o.QUESTION: (c.AnswerQuestion, "question"),
    o.SCHEDULING: (c.ScheduleSession, "session"),
    o.INSTRUCTIONS: (c.Instruct, "session"),
    o.INSTRUCTIONS_READ: (c.AcknowledgeInstructions, "session"),
    o.CHECKLIST: (c.CheckSession, "session"),
    o.RELEASE: (c.ReleaseSession, "session"),
    o.DOSE: (c.RecordDose, "session"),
    o.OBSERVATION: (c.Observe, None),
    o.SESSION_END: (c.EndSession, "session"),
    o.CHECK_IN: (c.CompleteCheckIn, "check_in"),
    o.VISIT: (c.RecordVisit, "visit"),
    o.FOLLOW_UP_VISIT: (c.RecordVisit, "visit"),
    o.MEASURE: (c.RecordInstrument, "occasion"),
    o.SUICIDE_RISK: (c.RecordInstrument, None),
    o.MISSED_CONTACT: (c.SettleContact, "contact"),
    o.MEDICINES_REVIEW: (c.ReconcileMedicines, None),
    o.MONITORING_CHECK: (c.RecordMonitoringCheck, None),
    o.PREGNANCY_TEST: (c.RecordPregnancyTest, None),
    o.DISPENSING: (c.MoveSupply, None),
    o.LEFTOVERS: (c.MoveSupply, None),
    o.SUPPLY_COUNT: (c.CountSupply, None),
    o.CORRECTION: (c.ConfirmCorrection, "correction"),
    o.SUPPORT: (c.AnswerSupport, "support"),
    o.CRISIS: (c.RecordCrisisContact, "crisis"),
    o.CRISIS_CONTACT: (c.RecordCrisisContact, "crisis"),
    o.ALARM: (c.AcknowledgeAlarm, "obligation"),
    o.KEPT_REPORT: (c.SettleReport, "report"),
    o.ADVERSE_EVENT_OUTCOME: (c.FollowUpAdverseEvent, "adverse_event"),
    o.UNREADABLE_MESSAGE: (c.HandleMessage, "message"),
    o.CANCELLATION: (c.HandleMessage, "message"),
    o.WITNESS: (c.WitnessConsent, "paper"),
    o.NO_SHOW: (c.MoveVisit, "visit"),
    o.PERMISSION: (c.ProposePermission, None),
    o.DISPATCH_ADDRESS: (c.UpdatePatient, None),
    o.PARTICULARS: (c.UpdatePatient, None),
    o.LICENCE_THERE: (c.Reassign, None),
    o.ACCESS_REVIEW: (c.ReviewAccess, "access"),
    o.RETURNED: (c.AnswerReturned, "request"),
}
"""The command that most often does what is awaited, or takes an alarm, and its field that says what it is about."""


ALSO: dict[o.ObligationType, tuple[type[c.CommandBody], ...]] = {
    o.EVALUATION: (c.AddMedicine, c.ReconcileMedicines),
    o.EDUCATION: (c.ConfirmUnderstanding,),
    o.PREGNANCY_TEST: (c.JudgePregnancy,),
    o.NO_SHOW: (c.RecordNoShow,),
}
"""The further commands of what takes more than one, or has another way."""
RENEWALS: dict[str, type[c.CommandBody]] = {
    "evaluation": c.Amend,
    "plan": c.RecordPlan,
    "weight": c.RecordPlan,
    "education": c.ExplainTopics,
    "acknowledgements": c.Acknowledge,
    "consents": c.GiveConsent,
}
"""The command that renews what a dose rests on, by what that is; questionnaires stand under their own names."""
PARTICULARS: dict[str, type[c.CommandBody]] = {"state": c.Move, "born": c.CorrectBirthDate}
"""The command that settles what another journey says otherwise of the patient, where it is a particular one."""
PreparedForm: TypeAlias = tuple[CommandKind, dict[str, str]]
"""A command, and what is known to fill in, by field."""


def forms_for(waiting: Obligation, journey: Journey) -> tuple[PreparedForm, ...]:
    """Return all forms that do what is awaited, or a part of it, with what is known to fill in; the usual one first."""
    usual = _renewal(waiting.subject) if waiting.kind == o.RENEWAL.kind else _usual_form(waiting)
    if usual is None:
        return ()
    kind, given = usual
    about = OBLIGATION_TYPES[waiting.kind]
    further: tuple[PreparedForm, ...] = tuple((BY_MODEL[model], {}) for model in ALSO.get(about, ()))
    if about == o.NO_SHOW:
        further = tuple((found, given) for found, _ in further)
    if about == o.EVALUATION:
        further += tuple(
            (BY_MODEL[c.RecordInstrument], {"instrument": instrument.value, "occasion": BASELINE})
            for instrument in journey.baselines_lacking
        )
    if about == o.MEASURE and waiting.subject is not None:
        given = {**given, "instrument": instrument_measured(journey, waiting.subject).value}
    if about == o.SUICIDE_RISK:
        given = {**given, "instrument": Instrument.C_SSRS_SINCE.value}
    if about == o.PARTICULARS:
        kind = BY_MODEL[PARTICULARS.get(waiting.subject or "", c.UpdatePatient)]
    if about == o.WITNESS and waiting.subject in journey.disposals:
        kind, given = BY_MODEL[c.WitnessDisposal], {"disposal": str(waiting.subject)}
    return (kind, given), *further


def asked_of_patient(journey: Journey) -> tuple[tuple[PreparedForm, ...], ...]:
    """Return for all that is awaited of the patient, by due time, the form that does it, if one does."""
    asked = (waiting for waiting in obligations(journey) if waiting.owner == Role.PATIENT)
    return tuple(forms_for(waiting, journey)[:1] for waiting in asked)


def questionnaires_lacking(journey: Journey) -> tuple[PreparedForm, ...]:
    """Return the forms of the questionnaires that the evaluation lacks and a patient may fill in alone. The C-SSRS is
    asked by a clinician."""
    evaluation = (waiting for waiting in obligations(journey) if waiting.kind == o.EVALUATION.kind)
    forms = (form for waiting in evaluation for form in forms_for(waiting, journey))
    return tuple(
        (kind, given)
        for kind, given in forms
        if kind.model is c.RecordInstrument and Instrument(given["instrument"]) not in C_SSRS_FORMS
    )


TASK = "task"
"""What an address for a patient or an observer names in the place of what is known to fill in."""


def as_task(journey: Journey, form: PreparedForm) -> PreparedForm:
    """Return a form with a code in the place of what is known to fill in. Addresses stay in the history of a phone, and
    whoever reads them there learns of no questionnaire and no occasion."""
    kind, given = form
    return kind, {TASK: code_of(journey.code_key, [TASK, kind.name, given])[:20]} if given else {}


def find_task(journey: Journey, kind: CommandKind, code: str | None) -> dict[str, str]:
    """Return what is known to fill in where an address has this code; nothing where it stands for nothing now."""
    if code is None:
        return {}
    asked = [form for forms in asked_of_patient(journey) for form in forms]
    chosen = [choose_questionnaire(instrument) for instrument in Instrument]
    prepared = (*asked, *questionnaires_lacking(journey), *chosen)
    return next((form[1] for form in prepared if as_task(journey, form) == (kind, {TASK: code})), {})


def choose_questionnaire(instrument: Instrument) -> PreparedForm:
    """Return the form of a questionnaire that nobody asked for."""
    return BY_MODEL[c.RecordInstrument], {"instrument": instrument.value}


def _usual_form(waiting: Obligation) -> PreparedForm | None:
    kind = OBLIGATION_TYPES.get(waiting.kind)
    model, field = FORMS.get(kind, (None, None)) if kind is not None else (None, None)
    if model is None:
        return None
    about = waiting.id if model is c.AcknowledgeAlarm else waiting.subject
    return BY_MODEL[model], {} if field is None or about is None else {field: about}


def _renewal(subject: str | None) -> PreparedForm:
    model = RENEWALS.get(subject or "")
    if model is not None:
        return BY_MODEL[model], {}
    return BY_MODEL[c.RecordInstrument], {"instrument": (subject or "").removeprefix(BASELINE_OF)}


def require_role(actor: Actor, kind: CommandKind) -> None:
    """Require that the actor's role may send this command.

    Raises:
        NotAllowed: it may not. The error says which roles may.
    """
    if actor.role not in kind.roles:
        raise NotAllowed(
            f"a {actor.role.value} may not send {kind.noun} {kind.verb}",
            f"It is for: {', '.join(kind.roles)}. Choose another profile with --profile",
        )
