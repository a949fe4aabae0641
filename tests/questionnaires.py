"""FHIR files with invented words, which fit their instruments."""

import json
from pathlib import Path
from typing import Any

from application.questionnaires.resource import LOINC
from application.questionnaires.wording import ITEMS, OURS, PANELS
from workflows.journey.instruments import Instrument, definition_of

ORDINAL, WEIGHT = (f"http://hl7.org/fhir/StructureDefinition/{name}" for name in ("ordinalValue", "itemWeight"))
Content = dict[str, Any]


def questionnaire(instrument: Instrument, *, r5: bool = False, **changes: Any) -> Content:
    """The file of an instrument, as R4 or R5 has it."""
    panel = next((code for code, each in PANELS.items() if each == instrument), None)
    definition = definition_of(instrument)
    count = definition.items or len(definition.questions)
    return {
        "resourceType": "Questionnaire",
        "url": f"https://clinic.example.org/Questionnaire/{instrument.value.lower()}",
        "version": "2.1",
        "status": "active",
        "title": f"Invented words, as long as the {instrument}",
        "code": [{"system": OURS, "code": instrument.value} if panel is None else {"system": LOINC, "code": panel}],
        "item": [item(instrument, place, r5=r5) for place in range(count)],
        **changes,
    }


def item(instrument: Instrument, place: int, *, r5: bool = False) -> Content:
    definition, codes = definition_of(instrument), ITEMS.get(instrument, ())
    coded = {"code": [{"system": LOINC, "code": codes[place]}]} if codes else {}
    answers = [option(score, r5=r5) for score in range(definition.item_max + 1)]
    if definition.questions:
        answers = [
            {"valueCoding": {"code": "LA33-6", "display": "Oh yes"}},
            {"valueCoding": {"code": "LA32-8", "display": "Oh no"}},
        ]
    return {
        "linkId": f"item-{place + 1}",
        **coded,
        "type": "coding" if r5 else "choice",
        "text": f"Invented words no. {place + 1}",
        "answerOption": answers,
    }


def option(score: float, *, r5: bool = False) -> Content:
    return {
        "valueCoding": {"display": f"Invented answer {score}"},
        "extension": [{"url": WEIGHT if r5 else ORDINAL, "valueDecimal": score}],
    }


def raw(content: Content) -> bytes:
    return json.dumps(content).encode()


def write(path: Path, content: Content) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(raw(content))
    return path
