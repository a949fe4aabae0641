"""`patient`: what is known of a patient across their journeys."""

from typing import Annotated, Any

import typer

from application.input import forms
from application.pathway.patient import PatientNamed, PatientSeen, question_for, show_patient
from application.pathway.wording import describe_stage
from application.words.codes import say
from cli.output import Output, add_row, facts_box, short_time, table, your_time
from cli.runtime import Call, command


def add_commands(group: typer.Typer) -> None:
    """Give the group its commands."""
    group.command("show")(command(show, to_look=True))


async def show(
    call: Call,
    ref: Annotated[str, typer.Argument(metavar="REF", help="The patient's reference in the organisation.")],
    clinic: Annotated[
        str | None, typer.Option("--clinic", metavar="CLINIC", help="REF is this clinic's own number for the patient.")
    ] = None,
) -> None:
    """Show every dose and every risk that is known of a patient, of all their journeys at any clinic.

    For whoever may look at one of the journeys. The others are not named, nor where they are.
    """
    named = forms.check(PatientNamed, {"ref": ref, "clinic": clinic})
    render_patient(call.output, await show_patient(call.context, await question_for(call.context, named)))


def render_patient(output: Output, seen: PatientSeen) -> None:
    """Show what is known of a patient."""
    doses, found = _doses(seen), _risks(seen)
    if output.json_only:
        output.data(
            {
                "journeys": [_journey(each) for each in seen.journeys],
                "doses": doses,
                "risks": found,
                "also_known_as": _aliases(seen),
                "merges": _merges(seen),
                "not_readable": seen.not_readable,
                "illustrative": any(journey.illustrative for journey in seen.journeys),
            }
        )
        return
    output.illustrative(any(journey.illustrative for journey in seen.journeys))
    known: dict[str, object] = {"patient": seen.journeys[0].patient.ref, "also known as": ", ".join(_aliases(seen))}
    for journey in seen.journeys:
        pathway, medicine = journey.protocol.pathway, journey.protocol.dose.medicine
        known[str(journey.id)] = f"{pathway}, {medicine}: {describe_stage(journey)}"
    for merge in _merges(seen):
        known[f"{merge['merge']} of {merge['journey_id']}"] = f"{merge['other']}: {merge['stands']}"
    if seen.not_readable:
        known["attention"] = "another journey of this patient cannot be read; tell ops"
    output.show(facts_box(known, "patient"))
    given = table(your_time("taken"), "mg", "route", "journey", title="doses known of the patient")
    for dose in doses:
        amount, route = dose["dose_mg"] or "unknown", say(dose["route"] or "")
        add_row(given, short_time(dose["taken_at"]), amount, route, _where(dose))
    at_risk = table(your_time("since"), "risk", "what", "settled", "journey", title="risks known of the patient")
    for risk in found:
        settled = "no" if risk["open"] else "yes"
        add_row(at_risk, short_time(risk["since"]), say(risk["type"]), say(risk["what"]), settled, _where(risk))
    output.show(given, at_risk)


def _journey(journey: Any) -> dict[str, Any]:
    return {
        "journey_id": journey.id,
        "clinic": journey.clinic,
        "pathway": journey.protocol.pathway,
        "medicine": journey.protocol.dose.medicine,
        "stage": journey.stage,
        "outcome": journey.outcome,
    }


def _merges(seen: PatientSeen) -> list[dict[str, Any]]:
    """What was said of who else the patient is, in the journeys that the person may look at."""
    return [
        {
            "journey_id": journey.id,
            "merge": merge.id,
            "other": merge.other,
            "stands": "signed" if merge.merged else "undone" if merge.undone else "not signed",
        }
        for journey in seen.journeys
        for merge in journey.merges.values()
    ]


def _where(row: dict[str, Any]) -> str:
    return "another one" if row["journey_id"] is None else str(row["journey_id"])


def _doses(seen: PatientSeen) -> list[dict[str, Any]]:
    return [dose.model_dump(exclude={"source"}) | {"journey_id": where} for dose, where in seen.doses]


def _risks(seen: PatientSeen) -> list[dict[str, Any]]:
    return [risk.model_dump(exclude={"source"}) | {"journey_id": where} for risk, where in seen.risks]


def _aliases(seen: PatientSeen) -> list[str]:
    merged = (merge.other for journey in seen.journeys for merge in journey.merges.values() if merge.merged)
    numbers = (journey.patient.number for journey in seen.journeys)
    refs = (journey.patient.ref for journey in seen.journeys[1:])
    known = (name for name in (*merged, *refs, *numbers) if name not in (None, seen.journeys[0].patient.ref))
    return list(dict.fromkeys(str(name) for name in known))
