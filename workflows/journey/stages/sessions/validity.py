"""What a dose rests on counts for so long, and that is judged at the dose: not only when it was signed or said.

The rule: an evaluation, a plan, a weight, a baseline, what was explained, acknowledged and agreed to carry a dose until
they lapse; then each is renewed by whoever made it. Only the first dose of a course rests on the baseline, and no dose
that was taken without a release counts as that one. The screening and the C-SSRS have validities of their own
(`dose_gate`). Source: "safety depends on proper screening, dosing, and medical supervision", at every session.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from workflows.journey.aggregate import Journey
from workflows.journey.evidence import current_decision
from workflows.journey.instruments import C_SSRS_FORMS, Instrument
from workflows.journey.obligation_types import RENEWAL
from workflows.journey.protocol import SignOffKind
from workflows.journey.recall import recalled
from workflows.journey.requirements import Requirement, require
from workflows.journey.stages.evaluation.model import Measurement, measure_name, scheduled_instruments
from workflows.journey.stages.sessions.reviews import is_looked_at_in_maintenance
from workflows.journey.vocabulary.actors import Role

BASELINE_OF = "baseline-"
"""The beginning of the name of an instrument of the baseline, as something that lapses."""


@dataclass(frozen=True, slots=True)
class Lapse:
    """Until when (UTC) something carries a dose, and how it is renewed, by whom."""

    name: str
    until: datetime
    renewed: str
    owner: Role = Role.CLINICIAN


def lapses(journey: Journey) -> Iterator[Lapse]:
    """List what a dose rests on that is there and lapses. What is not there is an obstacle of its own."""
    valid, plan = journey.protocol.validity, journey.plan
    evaluated, planned = current_decision(journey, SignOffKind.EVALUATION), current_decision(journey, SignOffKind.PLAN)
    if evaluated is not None:
        yield Lapse(
            "evaluation", evaluated.at + timedelta(days=valid.evaluation_days), "amend and sign the evaluation again"
        )
    if planned is not None:
        yield Lapse("plan", planned.at + timedelta(days=valid.plan_days), "write and sign the plan again")
    if plan is not None and journey.protocol.dose.weight_max_age_days:
        weighed = timedelta(days=journey.protocol.dose.weight_max_age_days)
        yield Lapse("weight", plan.weighed_at + weighed, "weigh the patient, and write the plan with it")
    if not any(session.released_at is not None and session.dosed_at for session in journey.sessions.values()):
        for instrument in journey.protocol.instruments.baseline:
            measured = None if instrument == Instrument.C_SSRS else journey.latest(instrument)
            if measured is not None:
                until = measured.at + timedelta(days=valid.baseline_days)
                yield Lapse(f"{BASELINE_OF}{instrument}", until, f"fill in {instrument} again", Role.PATIENT)
    told = journey.education
    consented = {name: at for name, at in journey.consented_at.items() if name in journey.consents}
    for name, times, days, renewed, owner in (
        ("education", told.explained_at, valid.education_days, "explain the topics again", Role.CLINICIAN),
        ("acknowledgements", told.acknowledged_at, valid.education_days, "acknowledge again", Role.PATIENT),
        ("consents", consented, valid.consent_days, "decide about the consents again", Role.PATIENT),
    ):
        if times:
            yield Lapse(name, min(times.values()) + timedelta(days=days), renewed, owner)


def find_lapsed(journey: Journey, at: datetime) -> tuple[str, ...]:
    """Return what no longer carries a dose at a moment (UTC), and how it is renewed."""
    return tuple(f"{lapse.name} has lapsed: {lapse.renewed}" for lapse in lapses(journey) if at > lapse.until)


def find_measurement_before(journey: Journey, number: int, instrument: Instrument) -> Measurement | None:
    """Return the answers that are those before a session: what was filled in before the last dose is not."""
    last = journey.last_dose_at
    measured = journey.latest(instrument, occasion=measure_name(journey, f"session-{number}", instrument))
    return None if measured is None or (last is not None and measured.at < last) else measured


def is_measured_before(journey: Journey, number: int) -> bool:
    """Whether questionnaires are filled in before a session."""
    scheduled = journey.protocol.instrument_schedule.before_session
    return number in scheduled or is_looked_at_in_maintenance(journey, number)


def measure_obstacles(journey: Journey, number: int, at: datetime) -> tuple[str, ...]:
    """Return why the questionnaires before a session do not count at a moment (UTC)."""
    if not is_measured_before(journey, number):
        return ()
    counts, found = timedelta(days=journey.protocol.validity.before_session_days), []
    for instrument in scheduled_instruments(journey):
        if instrument in C_SSRS_FORMS:
            continue
        measured = find_measurement_before(journey, number, instrument)
        if measured is None:
            found.append(f"{instrument} before session {number} is not filled in")
        elif at - measured.at > counts:
            found.append(f"{instrument} before session {number} has lapsed: fill it in again")
    return tuple(found)


def needs(journey: Journey) -> Iterator[Requirement]:
    """Ask for the renewal of what lapses first, before it does."""
    first = _first_lapse(journey)
    if first is not None:
        yield require(
            RENEWAL,
            subject=first.name,
            owner=first.owner,
            person=journey.clinician if first.owner == Role.CLINICIAN else None,
            what=f"{first.renewed}, before it lapses for the next dose",
            due=first.until,
        )


@recalled
def _first_lapse(journey: Journey) -> Lapse | None:
    return min(lapses(journey), key=lambda lapse: (lapse.until, lapse.name), default=None)
