"""What the form of each command is called on its page and on the buttons that lead to it, and some of its fields."""

from collections.abc import Mapping
from typing import Final

TITLES = {
    # What anybody may say at any time, the most urgent first: in this order the buttons stand.
    "support.request": "Ask for help",
    "crisis.report": "Report a crisis",
    "adverse-event.report": "Report harm",
    "pathway.hold": "Hold care",
    "session.dose": "Record a dose",
    "pathway.record-death": "Report a death",
    "pathway.doubt-death": "Say that the patient lives",
    "report.keep": "Report harm in your own words",
    # Everything else, by what it is about.
    "evaluation.record": "Record the evaluation",
    "instrument.record": "Record a questionnaire",
    "screening.record": "Record the screening",
    "plan.record": "Write the plan",
    "education.explain": "Record what was explained",
    "education.confirm": "Confirm what was understood",
    "education.send": "Send something to read",
    "education.read": "Say that you read it",
    "education.acknowledge": "Acknowledge statements",
    "question.ask": "Ask a question",
    "question.answer": "Answer a question",
    "consent.give": "Give consent",
    "consent.withdraw": "Withdraw a consent",
    "consent.enter-paper": "Enter a consent on paper",
    "consent.witness": "Witness a consent on paper",
    "consent.propose-version": "Propose another version of a consent",
    "session.schedule": "Schedule a session",
    "session.cancel": "Cancel a session",
    "session.instruct": "Give instructions for a session",
    "session.acknowledge-instructions": "Acknowledge the instructions",
    "session.check": "Go through the checklist",
    "session.release": "Release a session",
    "session.observe": "Record an observation in a session",
    "session.miss-observation": "Say why an observation in a session was missed",
    "session.end": "End a session",
    "check-in.complete": "Answer a check-in",
    "visit.record": "Record a visit",
    "visit.move": "Move a visit",
    "visit.no-show": "Record that the patient did not come",
    "contact.settle": "Settle a missed contact",
    "patient.update": "Change contacts, address or language",
    "patient.correct-birth-date": "Correct the birth date",
    "patient.merge": "Say that two references are one patient",
    "patient.unmerge": "Say that two patients were merged wrongly",
    "medicine.add": "Add a medicine",
    "medicine.change": "Change a medicine",
    "medicine.stop": "Stop a medicine",
    "medicine.reconcile": "Review the medicines",
    "permission.propose": "Propose until when prescribing is permitted",
    "permission.check-monitoring": "Record a check of prescription monitoring",
    "observation.record": "Record an observation outside a session",
    "observation.miss": "Say why an observation outside a session was missed",
    "pregnancy.test": "Record a pregnancy test",
    "pregnancy.judge": "Record whether pregnancy is possible",
    "therapy.record": "Record psychotherapy",
    "supply.move": "Record doses dispensed, returned or lost",
    "supply.witness": "Witness a disposal of doses",
    "supply.count": "Record a count of doses",
    "adverse-event.regrade": "Grade an adverse event anew",
    "adverse-event.follow-up": "Follow up an adverse event",
    "escalation.acknowledge": "Take an alarm",
    "crisis.record-contact": "Record a contact in a crisis",
    "support.answer": "Answer a request for support",
    "report.settle": "Settle a report of harm",
    "pathway.handle-message": "Handle an unreadable message or a cancellation",
    "pathway.reassign": "Hand a duty to somebody else",
    "pathway.cover": "Name who stands in for the clinician",
    "pathway.move": "Record that the patient moved",
    "pathway.withdraw": "Leave the pathway",
    "pathway.transfer": "Transfer the patient",
    "pathway.stop": "Stop treatment for good",
    "pathway.propose-discharge": "Propose the discharge",
    "pathway.propose-handover": "Propose who takes over",
    "pathway.amend": "Correct a recorded fact",
    "pathway.mark-in-error": "Mark a fact as entered in error",
    "pathway.confirm-correction": "Confirm a correction",
    "pathway.reject-correction": "Reject a correction",
    "pathway.set-limits": "Set dose limits for this patient",
    "signoff.withdraw": "Take back your decision",
    "signoff.addendum": "Add to a decision",
    "signoff.delegate": "Delegate decisions",
    "signoff.end-delegation": "End a delegation",
    "signoff.answer": "Answer a returned request",
    "access.review": "Review an emergency access",
}
"""The title of each command's form, by the command's name."""

WITHOUT_FORM = {
    "pathway.start": "Start a patient",
    "signoff.sign": "Sign a decision",
    "access.break-glass": "Look in an emergency",
    "clock.pass-deadline": "Do what is due",
    "clock.keep-cancellation": "Keep a cancellation",
    "clock.keep-unreadable": "Keep an unreadable message",
    "clock.take-in": "Take in the history of another journey",
    "clock.take-in-staff": "Take in who works at the clinic",
}
"""Commands that have a page of their own, or none."""

GROUPS: Final = {
    "evaluation": "Evaluation",
    "instrument": "Questionnaires",
    "screening": "Screening",
    "plan": "The plan",
    "education": "Explanations and reading",
    "question": "Questions",
    "consent": "Consents",
    "session": "Sessions",
    "check-in": "Check-ins",
    "visit": "Visits",
    "contact": "Missed contacts",
    "patient": "Contacts, address and identity",
    "medicine": "Medicines",
    "permission": "Permission to prescribe",
    "observation": "Observations outside sessions",
    "pregnancy": "Pregnancy",
    "therapy": "Psychotherapy",
    "supply": "Doses at home",
    "adverse-event": "Adverse events",
    "escalation": "Alarms",
    "crisis": "Crises",
    "support": "Requests for help",
    "report": "Reports of harm",
    "pathway": "The course of care",
    "signoff": "Decisions and delegation",
    "access": "Emergency access",
}
"""What commands of each noun are about: the headings under which a page offers them."""

URGENCIES: Final[Mapping[str, str]] = {
    "emergency": "In an emergency",
    "urgent": "If it cannot wait",
    "clinical": "If it is about your health",
    "routine": "For everything else",
}
"""What is said of how urgent something is to whoever looks whom to reach."""

CONSCIOUSNESS: Final[Mapping[str, str]] = {"voice": "answers to a voice", "pain": "answers to pain alone"}
"""What is said of how awake somebody is to whoever observes them, who may be no clinician. Only of that field: in a
report, "pain" is what somebody wrote."""

CHOICES: Final[Mapping[str, Mapping[str, str]]] = {
    "consciousness": CONSCIOUSNESS,
    "urgency": {
        "routine": "it can wait",
        "clinical": "it is about somebody's health",
        "urgent": "it cannot wait",
        "emergency": "an emergency: somebody is in danger",
    },
    "serious_because": {
        "life_threatening": "it threatened life",
        "hospitalization": "a stay in hospital, or a longer one",
        "disability": "lasting harm, or a disability",
        "intervention_to_prevent": "treatment was needed to prevent lasting harm",
    },
    "causality": {
        "unrelated": "no, it is unrelated",
        "unlikely": "unlikely",
        "possible": "possibly",
        "probable": "probably",
        "definite": "certainly",
        "unknown": "not known",
    },
}
"""What the codes to choose from are called in a form, by field, where their own words do not say it to everybody who
may be asked."""

CALLED = {
    ("adverse-event.report", "what"): "what happened",
    ("adverse-event.report", "grade"): "how bad, from 1 (mild) to 5 (death)",
    ("crisis.report", "what"): "what happens",
    ("education.read", "content_version"): "version that you read",
    ("instrument.record", "answered_at"): "when it was answered, if not now",
    ("question.ask", "text"): "your question",
    ("report.keep", "about"): "what it is about",
    ("report.keep", "said"): "what happened, in your own words",
    ("adverse-event.report", "onset"): "onset, since when",
    ("adverse-event.report", "expected"): "to be expected",
    ("pathway.propose-handover", "receiver/person"): "colleague who takes over, or else:",
    ("pathway.propose-handover", "receiver/name"): "name of the clinician elsewhere",
    ("pathway.propose-handover", "receiver/organisation"): "their clinic or hospital",
    ("pathway.propose-handover", "receiver/reached_by"): "how they are reached",
    ("pathway.propose-handover", "receiver/accepted"): "they said that they take over",
    ("adverse-event.report", "causality"): "does it come from the treatment",
    ("adverse-event.report", "serious_because"): "serious because",
    ("session.check", "observer/ref"): "reference, an opaque id and no name",
    ("session.check", "observer/adult"): "is an adult",
    ("session.check", "reachable_within_minutes"): "reachable within how many minutes",
    ("session.acknowledge-instructions", "content_version"): "version that you read",
    ("support.request", "text"): "what you need",
    ("support.request", "urgency"): "how urgent it is",
}
"""What people call the fields of a command whose names do not say it, by the command's name and the field."""


def title_of_command(name: str) -> str:
    """Return what a command is called. One of a later version, which has no title here, is called by its name."""
    return TITLES.get(name) or WITHOUT_FORM.get(name, name)
