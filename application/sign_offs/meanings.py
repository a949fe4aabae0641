"""What somebody says by approving: what each meaning of a signature is in a plain sentence."""

from collections.abc import Mapping
from typing import Final

from workflows.journey.vocabulary.signed_statement import Meaning

MEANINGS: Final[Mapping[str, str]] = {
    Meaning.EVALUATION_AUTHORED: "I have written this evaluation",
    Meaning.ELIGIBILITY_APPROVED: "I have found the patient eligible",
    Meaning.SETTING_DECIDED: "I have decided where the patient may be treated, if anywhere",
    Meaning.PLAN_APPROVED: "I approve this plan",
    Meaning.SESSION_CLEARED: "I clear the patient for this session",
    Meaning.SESSION_END_DECIDED: "I have decided how this session ends",
    Meaning.SESSION_ATTESTED: "I attest what is recorded of this session",
    Meaning.AMENDMENT_AUTHORED: "I answer for this change as its author",
    Meaning.HOLD_RELEASED: "I release what holds care",
    Meaning.RISK_LEVEL_FOUND: "I have found this level of suicide risk",
    Meaning.PATIENT_REACHED: "The patient was reached",
    Meaning.RISK_DECIDED: "I have decided on this suicide risk",
    Meaning.AE_REVIEWED: "I have reviewed this adverse event",
    Meaning.DISCHARGE_APPROVED: "I approve that the pathway ends for this patient",
    Meaning.IDENTITY_CONFIRMED: "I have confirmed who this patient is",
    Meaning.DEATH_CONFIRMED: "I confirm that the patient died",
    Meaning.DEATH_CORRECTED: "I confirm that this death was entered in error",
    Meaning.WATCH_HANDED_OVER: "I approve that the watch is handed over as it says here",
    Meaning.LIMITS_SET: "I set these dose limits for this patient",
}
"""The sentences, by what is signed. It is the meaning itself that is signed, so it stands beside its sentence."""


def spell(meaning: str) -> str:
    """Return the sentence of a meaning, and beside it the word that is signed."""
    return f"“{MEANINGS[meaning]}” ({Meaning(meaning).value})" if meaning in MEANINGS else meaning
