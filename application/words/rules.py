"""What each rule of the core is called that makes events: what it does, for somebody who asks why an event is there."""

from typing import Final

RULES: Final = {
    "what was asked for": "it is what was asked for",
    "obligations.reconcile": "what is awaited follows from where the journey stands",
    # What moves a journey on.
    "evaluation.advance": "screening begins once the evaluation is signed",
    "screening.advance": "education begins once eligibility and setting are signed",
    "education.advance": "sessions begin once the plan is signed, and everything is explained and consented to",
    "sessions.advance": "follow-up begins once every planned session is over and reviewed",
    "pathway.advance": "what was set to end came to its end",
    "screening.reopen": "answers that count no more are asked again",
    # What follows at once from something else.
    "worsening.react_change": "a score that became worse is for a clinician to look at",
    "screening.react_screening": "an exclusion that came up after eligibility was signed holds care",
    "ending.react_corrected": "a patient whose session ended on a look at somebody else is for a clinician to see",
    "observing.react_dissociation": "strong dissociation holds care, and calls for help",
    "observing.react_observation": "what is out of range in an observation holds care, and calls for help",
    "observations.react_observation": "what is out of range in an observation holds care, and calls for help",
    "suicide_risk.react_risk": "a risk of suicide holds care, and opens a crisis",
    "death.react_life": "what only a living patient does makes a reported death doubtful",
    "death.react_report": "the report of a death holds care",
    "death.react_doubt": "a clinician is called where a patient who counts as dead may live",
    "death.react_error": "a death that was entered in error holds care, for nobody looked after the patient meanwhile",
    "death.react_decided": "the call to find out whether the patient lives is answered once that is decided",
    "death.react_adverse_event": "an adverse event that was fatal reports a death",
    "education.react_consent_withdrawn": "a consent that is taken back stops sessions",
    "sessions.react_stage": "sessions that are still planned are cancelled once their stage is over",
    "scheduling.react_stage": "visits and questionnaires of the stage are planned",
    "scheduling.react_measure": "the next questionnaire is planned after the last one",
    "scheduling.react_visit": "the next visit is planned after the last one",
    "scheduling.react_session": "the schedule moves with the sessions",
    "checklist.react_check": "a checklist that does not allow a dose holds care, and tells a clinician",
    "dosing.react_confirmed": "contacts are owed at the times of a dose whose correction is confirmed",
    "dosing.react_dose": "contacts after a dose are planned, and one that was not released holds care",
    "readiness.react_stopped": "a session that is stopped holds care",
    "follow_up.react_check_in": "an answer that gives concern at a check-in is for a clinician to look at",
    "follow_up.react_settled": "what comes after a missed contact is planned as if it had been made",
    "particulars.react_check_in": "a patient who is elsewhere is for a clinician to look at",
    "particulars.react_visit": "a patient who is elsewhere is for a clinician to look at",
    "particulars.react_evaluation": "a patient who is elsewhere is for a clinician to look at",
    "particulars.react_birth_date": "a patient who turns out to be under age holds care",
    "medicines.react_medicine": "a medicine that an exclusion asks about holds care",
    "medicines.react_reconciled": "a medicine that an exclusion asks about holds care",
    "supply.react_moved": "doses that do not add up are for a clinician to look at",
    "supply.react_witnessed": "doses that went and never came are for a clinician to look at",
    "supply.react_counted": "a count that does not add up is for a clinician to look at",
    "supply.react_corrected": "doses that do not add up after a correction are for a clinician to look at",
    "pregnancy.react_test": "a pregnancy test that is not negative holds care",
    "pregnancy.react_corrected": "a pregnancy test that had released care, and counts no more, holds it again",
    "therapy.react_therapy": "a concern in psychotherapy is for a clinician, and who did not come for the coordinator",
    "permissions.react_check": "a concern from prescription monitoring holds care",
    "safety.react_message": "a message that cannot be read holds care, for it may be about safety",
    "reports.react_kept": "a report of harm holds care until a clinician has settled it",
    "adverse_events.react_review": "a lower grade counts once another person has signed the review",
    "adverse_events.react_report": "an adverse event of this grade, or a serious one, holds care",
    "adverse_events.react_regrade": "a new grade of an adverse event brings about what it asks for",
    "adverse_events.react_follow_up": "an adverse event that turned out to be fatal is a death",
    "sign_offs.react_signed": "it is what the signed decision brings about",
    "holds.react_escalation": "what was missed may concern safety, and holds care",
    "holds.react_moved": "a move to another state holds care until a clinician who is licensed there has decided",
    "pathway.react_ending": "planned sessions are cancelled when a pathway ends",
    "patient.react_history": "what became known from another journey holds care until a clinician has looked",
    "patient.react_merged": "care is held where somebody who signed here turns out to be the patient",
    "patient.react_unmerged": "a merge that was undone holds care until what counts is known",
}
"""What the rules do, by their names in the core."""


def title_of_rule(rule: str) -> str:
    """Return what a rule does. One of a later version, which has no words here, is called by its name."""
    return RULES.get(rule, rule)
