"""What a signature will bring about, in a plain sentence: of each kind of sign-off, for each verdict and each choice.

What a signer says by it stands in `application.sign_offs.meanings`. A test plays every decision, and compares what the
core does with its sentence.
"""

from collections.abc import Mapping
from typing import Final, Literal

from workflows.journey.aggregate import Journey
from workflows.journey.authorization import authors, cosigners
from workflows.journey.commands import CommandBody, Delegate
from workflows.journey.evidence import first_approval
from workflows.journey.protocol import SignOffKind
from workflows.journey.sign_off_types import SIGN_OFF_TYPES
from workflows.journey.vocabulary.stage import Outcome

K = SignOffKind

ENDINGS: Final[Mapping[Outcome, str]] = {
    Outcome.INELIGIBLE: "The pathway ends: the patient is not eligible. Say where they are referred to.",
    Outcome.IN_CLINIC: "The pathway ends: the patient is treated in a clinic. Say where they are referred to.",
}
"""Of decisions that end the pathway because of what they say (see `SignOffType.ending`)."""

APPROVED: Final[Mapping[SignOffKind, str]] = {
    K.EVALUATION: "Screening begins, unless it has begun before.",
    K.EXCLUSION_REVIEW: "These answers no longer stand in the way of treatment. Eligibility is decided next.",
    K.PLAN: "Sessions can be scheduled once education and consents are complete. Each takes a clearance of its own.",
    K.CLEARANCE: "The session monitor is asked to release the session, which takes that everything still holds then.",
    K.END_DECISION: "The session ends now, as proposed.",
    K.ATTESTATION: "The record of this session is attested. Nothing else changes.",
    K.HOLD_RELEASE: "This hold is released. Care goes on, unless another hold stands.",
    K.SEVERE_HOLD_RELEASE: "This hold is released. Care goes on, unless another hold stands.",
    K.ADVERSE_EVENT: "The event counts as reviewed, and any alarm about it ends. A hold because of it stays.",
    K.SERIOUS_ADVERSE_EVENT: "The event counts as reviewed, and any alarm about it ends. A hold because of it stays.",
    K.RISK_LEVEL: "This level counts, and answers what it was asked for. A hold because of it stays.",
    K.CRISIS_REACHED: "The patient counts as reached, and that alarm ends. The crisis stays open until its decision.",
    K.PATIENT_LIMITS: "The tighter limits go on, as they have since they were entered.",
    K.LIMIT_OVERRIDE: "These limits hold from now on. What was signed under the old ones is signed anew.",
    K.PERMISSION: "This last day counts from now on.",
    K.CONSENT_VERSION: "The new version counts. The patient is asked for this consent anew, and has no dose before.",
    K.LOST_TO_FOLLOW_UP: "The pathway ends: the patient is lost to follow-up. "
    "Contacts still owed after a dose go to who agreed to take over.",
    K.DISCHARGE: "The pathway ends: it is completed.",
    K.HANDOVER: "What is still watched goes to who agreed to take over, and is no longer watched here.",
    K.PATIENT_MERGE: "The two count as one patient: the doses, risks and death of either count for both.",
    K.PATIENT_UNMERGE: "The two count as two patients again, and a hold is placed until a clinician releases it.",
    K.DEATH: "The patient counts as dead. The pathway ends, if it has not ended before.",
    K.DEATH_CORRECTION: "The patient counts as living again, and care is held until a clinician releases it.",
}
"""Of an approval without a choice that ends nothing by what it says."""

PLAN_NEXT = "Education begins, unless it has begun before, and the plan is written and signed next."
CHOSEN: Final[Mapping[SignOffKind, Mapping[str, str]]] = {
    K.ELIGIBILITY: {
        "at_home": f"The patient may be treated at home. {PLAN_NEXT}",
        "in_clinic": f"The patient may be treated in the clinic. {PLAN_NEXT}",
    },
    K.RESPONSE_REVIEW: {
        "continue": "Treatment goes on as planned: with the next session, or after the last one with follow-up.",
        "adjust": "Another plan is written and signed before the next session.",
        "add_support": "Somebody is asked to arrange more support. Treatment goes on as planned.",
        "pause": "A hold is placed: care waits until a clinician releases it.",
        "switch_to_in_clinic": "Sessions are in the clinic from now on. Another plan is written and signed before.",
        "stop": "There are no more sessions. Follow-up begins, unless it has begun before.",
        "maintenance": "Maintenance begins. Another plan is written and signed before the next session.",
    },
    K.RISK_DECISION: {
        "settled": "Every open crisis is closed, and each hold because of suicide risk is released.",
        "handed_over": "Every open crisis is closed, and the patient goes to who agreed to take over. "
        "Where a hold because of suicide risk stays, this is asked again.",
    },
}
"""Of an approval with this choice, where it does not end the pathway."""

DECLINED: Final[Mapping[SignOffKind, str]] = {
    K.EXCLUSION_REVIEW: "The exclusions stand. Eligibility is decided next, and treatment here cannot be approved.",
    K.PLAN: "Another plan is written and signed before any session.",
    K.CLEARANCE: "The session is not released: the coordinator is asked to move it.",
    K.END_DECISION: "The session goes on and is observed. Its end can be proposed again.",
    K.ATTESTATION: "The record of this session is not attested, and this is asked again.",
    K.RESPONSE_REVIEW: "Nothing is decided: there is no next session before it is, and this is asked again.",
    K.HOLD_RELEASE: "This hold stays, and this is asked again.",
    K.SEVERE_HOLD_RELEASE: "This hold stays, and this is asked again.",
    K.ADVERSE_EVENT: "The event counts as not reviewed. Any alarm about it goes on, and this is asked again.",
    K.SERIOUS_ADVERSE_EVENT: "The event counts as not reviewed. Any alarm about it goes on, and this is asked again.",
    K.RISK_LEVEL: "This level does not count. What it was asked for stays open: ask the patient once more.",
    K.CRISIS_REACHED: "The patient does not count as reached, and the alarm goes on until they are.",
    K.RISK_DECISION: "Nothing is settled: open crises and holds stay, and this is asked again.",
    K.PATIENT_LIMITS: "The tighter limits go on all the same. Only a signed override makes them wider.",
    K.LIMIT_OVERRIDE: "The limits stay as they are.",
    K.PERMISSION: "The proposal is dropped. The last day stays as it was.",
    K.CONSENT_VERSION: "The proposal is dropped. The version in force stays.",
    K.LOST_TO_FOLLOW_UP: "The patient is sought further, and this is asked again.",
    K.DISCHARGE: "The proposal is dropped. Follow-up goes on.",
    K.HANDOVER: "The proposal is dropped. The watch goes on here.",
    K.PATIENT_MERGE: "They stay two patients.",
    K.PATIENT_UNMERGE: "They stay one patient, and the doubt is dropped.",
    K.DEATH: "The patient counts as living, and the alarm about it ends. A hold because of the report stays.",
    K.DEATH_CORRECTION: "The patient still counts as dead, and the call about the doubt is answered.",
}
"""Of declining, where that does not end the pathway."""

BY_CHOICE = "What follows depends on your choice."
TO_AUTHOR = "Its author is asked your question. Once they have answered, or corrected it, it is to be signed again."
TO_CLINICIAN = "The patient's clinician is asked your question. Once it is answered, this is to be signed again."
BY_TWO = "Nothing follows yet: a second person signs as well. After that:"

SIGNED_FORMS: Final[Mapping[type[CommandBody], str]] = {
    Delegate: "Once you have signed, they may decide these in your place until then, and sign as themselves. "
    "You may go on deciding, and may end this at any time.",
}
"""Of other commands that are signed. What the approval of a protocol brings about, its own page says."""


def say_what_follows(
    journey: Journey,
    kind: SignOffKind,
    subject: str | None,
    decision: Literal["approve", "decline", "return"],
    choice: str | None = None,
) -> str:
    """Return what a decision on an open request would bring about, if it was signed now. Where two people sign, what
    is said of a choice comes with the second signature."""
    about = SIGN_OFF_TYPES[kind]
    if decision == "return":
        return TO_AUTHOR if about.returns_to_author and authors(journey, kind, subject) else TO_CLINICIAN
    ending = about.ending(journey, decision, choice)
    if ending is not None:
        follows = ENDINGS[ending]
    elif decision == "decline":
        follows = DECLINED[kind]
    elif kind not in CHOSEN:
        follows = APPROVED[kind]
    else:
        follows = BY_CHOICE if choice is None else CHOSEN[kind][choice]
    if decision != "approve" or choice or not cosigners(journey, kind) or first_approval(journey, kind, subject):
        return follows
    return f"{BY_TWO} {follows[:1].lower()}{follows[1:]}"
