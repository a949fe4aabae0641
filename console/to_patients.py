"""What the form of a command is called, and what it is for: for patients in words that speak to them."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from application.pathway.command_catalog import CommandKind
from application.words.titles import TITLES
from console.said_here import for_people
from workflows.journey.vocabulary.actors import Role


class ForPatients(NamedTuple):
    """What a form is for, and what it is called where the title that staff read does not speak to a patient."""

    summary: str
    title: str = ""


TO_PATIENTS: Final[Mapping[str, ForPatients]] = {
    "support.request": ForPatients("Ask for help, at any time."),
    "crisis.report": ForPatients(
        "Say that you may be at risk of suicide. It counts as a high risk until a clinician has asked you."
    ),
    "adverse-event.report": ForPatients(
        "Say what harmed you: how bad it is, and whether it is serious, which is a different question."
    ),
    "pathway.hold": ForPatients(
        "Nothing goes on until a clinician has signed that it may. What is for your safety goes on.",
        "Put your care on hold",
    ),
    "session.dose": ForPatients(
        "Say that a dose was taken, whenever, wherever and however much. Leave the amount out if you do not know it. "
        "If it is not the dose that was released, care is held.",
        "Say that you took a dose",
    ),
    "pathway.record-death": ForPatients(
        "For somebody else who has this page open: say that the person whose page it is died. Care is held, and "
        "clinicians are told at once."
    ),
    "pathway.doubt-death": ForPatients(
        "Say that a report of your death is wrong. Clinicians are told at once, and one signs whether it was entered "
        "in error. Your care then goes on where it stood, held until a clinician releases it.",
        "Say that you are alive",
    ),
    "report.keep": ForPatients(
        "Say it as you would say it, where the form for it does not fit. Care is held until a clinician has settled it."
    ),
    "instrument.record": ForPatients(
        "Answer a questionnaire. It is scored here; one that is not complete has no score.",
        "Fill in a questionnaire",
    ),
    "education.read": ForPatients("Say that you read what was sent to you, in this version."),
    "education.acknowledge": ForPatients("Acknowledge statements such as “this is not a cure”."),
    "question.ask": ForPatients("Ask us something. Consent waits until your question is answered."),
    "consent.give": ForPatients("Give your consents, each to the version you read."),
    "consent.withdraw": ForPatients("Take back a consent. Sessions stop at once."),
    "session.cancel": ForPatients("Cancel a session whose dose has not been taken."),
    "session.acknowledge-instructions": ForPatients(
        "Acknowledge the instructions for a session, in the version you were given."
    ),
    "check-in.complete": ForPatients(
        "Answer a check-in that is due, or late. If you feel unwell, it asks for urgent support in the same step."
    ),
    "patient.update": ForPatients(
        "Change whom to call in an emergency, the address that emergency services are sent to, your language, or "
        "whether you need an interpreter, with the reason. What you leave empty stays."
    ),
    "medicine.add": ForPatients(
        "Add a medicine to your list. You need not know its classes; the clinician who reviews it does."
    ),
    "medicine.change": ForPatients(
        "Change a medicine of your list: its dosage, its classes or its status, with the reason."
    ),
    "medicine.stop": ForPatients("Say that you no longer take a medicine. It stays on the list as stopped."),
    "observation.record": ForPatients(
        "Say how you were at a time, outside a running session: vital signs, or what was seen. Leave out what nobody "
        "looked at.",
        "Say how you were outside a session",
    ),
    "pregnancy.test": ForPatients(
        "Say when it was made, and its result. It raises an alarm where it must, and clears nothing: a negative test "
        "counts once staff have seen it.",
        "Tell us of a pregnancy test",
    ),
    "supply.move": ForPatients(
        "Say which doses you were given, returned, disposed of, lost or found again. Say those you took with “Say that "
        "you took a dose”. Where the protocol asks for it, somebody else witnesses a disposal before it counts.",
        "Tell us of doses you were given, returned or lost",
    ),
    "supply.count": ForPatients("Say how many doses were counted at your home.", "Tell us how many doses you have"),
    "pathway.withdraw": ForPatients("You may leave at any time, and need not say why."),
}
"""What is said to a patient, by the name of each command that one may send."""


def title_of(kind: CommandKind, role: Role) -> str:
    """Name a command to somebody in this role."""
    said = TO_PATIENTS.get(kind.name) if role == Role.PATIENT else None
    return TITLES[kind.name] if said is None or not said.title else said.title


def summary_of(kind: CommandKind, role: Role) -> str:
    """Say to somebody in this role what a command is for."""
    said = TO_PATIENTS.get(kind.name) if role == Role.PATIENT else None
    return for_people(kind.summary) if said is None else said.summary
