"""What people do before treatment: evaluation, screening, plan, education, consents."""

from datetime import datetime, timedelta

from application.words.codes import say
from simulation.moves.situation import PlayedMove, Situation, interpreter
from simulation.people import invented, no_risk, plan, revision
from workflows.journey import commands as c
from workflows.journey.aggregate import Journey
from workflows.journey.always.medicines.rules import medicine_obstacles
from workflows.journey.always.safety.suicide_risk import levels_to_sign
from workflows.journey.instruments import C_SSRS_FORMS, Instrument, definition_of
from workflows.journey.setting import setting_of
from workflows.journey.stages.evaluation.model import BASELINE
from workflows.journey.stages.screening.rules import contradiction
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.clinical import AT_HOME


def evaluate(situation: Situation) -> PlayedMove | None:
    found, protocol = situation.journey.evaluation, situation.journey.protocol
    tried = protocol.eligibility.prior_treatments
    if not found.sections:
        return Role.CLINICIAN, c.RecordEvaluation(
            sections={name: invented(say(name)) for name in protocol.eligibility.evaluation_sections},
            function={name: invented(f"{say(name)} worse on most days") for name in protocol.eligibility.function},
            symptoms=dict.fromkeys(protocol.symptoms.names, 6),
            symptoms_since=situation.at.date() - timedelta(days=900),
            prior_treatments=tuple(
                c.PriorTreatment(type=kind, what=invented(say(kind)), duration="12 weeks", response="partial")
                for kind in (*tried.require_all_of, *tried.require_any_of, *tried.record)
            ),
            location=at_home(situation.journey),
        )
    if not situation.journey.medicines:
        return Role.CLINICIAN, c.AddMedicine(
            what=invented("an antidepressant"), classes=protocol.medicines.classes[-1:], dosage=invented("daily")
        )
    if medicine_obstacles(situation.journey):
        return reconcile(situation)
    lacking = situation.journey.baselines_lacking
    return fill_in(situation.journey, lacking[0], BASELINE) if lacking else None


def fill_in(journey: Journey, instrument: Instrument, occasion: str) -> PlayedMove:
    """Fill in a questionnaire, with milder answers each time. A clinician asks the C-SSRS."""
    if instrument in C_SSRS_FORMS:
        return Role.CLINICIAN, c.RecordInstrument(
            instrument=instrument,
            occasion=occasion,
            answers=no_risk(instrument),
            interpreter=interpreter(journey),
        )
    before = sum(measured.instrument == instrument for measured in journey.measurements)
    definition = definition_of(instrument)
    asked = definition.items - (definition.suicide_item is not None)
    total = max(asked // 2, definition.total_max * 6 // 10 - before * asked // 3)
    answers = [total // asked + (item < total % asked) for item in range(asked)]
    if definition.suicide_item is not None:
        answers.insert(definition.suicide_item - 1, 0)
    return Role.PATIENT, c.RecordInstrument(instrument=instrument, occasion=occasion, answers=answers)


def ask_about_suicide(situation: Situation) -> PlayedMove | datetime | None:
    if situation.waiting.subject is not None:
        shortly_before = situation.waiting.deadline - timedelta(hours=2)
        if situation.at < shortly_before:
            return shortly_before
    elif levels_to_sign(situation.journey):
        return None
    return fill_in(situation.journey, Instrument.C_SSRS_SINCE, f"asked-{situation.journey.version}")


def screen(situation: Situation) -> PlayedMove | datetime:
    if situation.waiting.subject is not None:
        week_before = situation.waiting.deadline - timedelta(days=7)
        if situation.at < week_before:
            return week_before
    protocol = situation.journey.protocol
    known = {x.code for x in protocol.exclusions if contradiction(situation.journey, x, "no", situation.at)}
    return Role.CLINICIAN, c.RecordScreening(
        exclusions={
            exclusion.code: c.ScreeningAnswer(answer="yes" if exclusion.code in known else "no")
            for exclusion in protocol.exclusions
        },
        criteria=dict.fromkeys(protocol.eligibility.attest, True),
        factors={name: invented(f"{say(name)} looked at") for name in protocol.eligibility.factors},
        findings={
            "appropriateness": c.Finding(holds=True, because=invented("standard treatments did not help enough")),
            "safety": c.Finding(holds=True, because=invented("nothing that speaks against it")),
        },
    )


def write_plan(situation: Situation) -> PlayedMove:
    journey = situation.journey
    kept = journey.maintenance_since is not None
    written = plan(journey.protocol, situation.at, maintenance=kept)
    setting = setting_of(journey) or AT_HOME
    if journey.protocol.sessions.settings[setting].doses_from != "home":
        written = written.model_copy(update={"doses_dispensed": 0})
    written = written.model_copy(update={"setting": setting})
    return Role.CLINICIAN, (c.RecordPlan(plan=written) if journey.plan is None else revision(journey, written))


def explain(situation: Situation) -> PlayedMove:
    explained = situation.journey.education.explained
    topics = tuple(topic for topic in situation.journey.protocol.education_topics if topic not in explained)
    if not topics:
        understood = c.ConfirmUnderstanding(
            topics=dict.fromkeys(situation.journey.protocol.education_topics, "understood"),
            in_their_words=invented("told it back, with what to do if they feel unwell"),
            location=at_home(situation.journey),
            interpreter=interpreter(situation.journey),
        )
        return Role.CLINICIAN, understood
    return Role.CLINICIAN, explaining(situation.journey, topics)


def explaining(journey: Journey, topics: tuple[str, ...]) -> c.ExplainTopics:
    return c.ExplainTopics(topics=topics, content_version="demo-1", location=at_home(journey))


def acknowledge(situation: Situation) -> PlayedMove:
    return Role.PATIENT, c.Acknowledge(statements=situation.journey.protocol.acknowledgements)


def consent(situation: Situation) -> PlayedMove:
    return Role.PATIENT, c.GiveConsent(consents=situation.journey.consent_versions)


def answer_question(situation: Situation) -> PlayedMove:
    return Role.CLINICIAN, c.AnswerQuestion(question=situation.subject, text=invented("explained, in plain words"))


def reconcile(situation: Situation) -> PlayedMove:
    journey = situation.journey
    unclassed = [m.id for m in journey.medicines.values() if m.taken and not m.classes]
    return Role.CLINICIAN, c.ReconcileMedicines(
        changes=tuple(journey.unreviewed_medicine_changes),
        classes=dict.fromkeys(unclassed, journey.protocol.medicines.classes[-1:]),
        assessment=invented("gone through with the patient"),
    )


def at_home(journey: Journey) -> c.Location:
    return c.Location(state=journey.patient.state, confirmed=True)
