"""What to do about an event that was wrong and cannot be marked as entered in error."""

from collections.abc import Mapping

INSTEAD: Mapping[str, str] = {
    "pathway.started": "Withdraw the pathway, or correct the patient's particulars",
    "plan.recorded": "Write the plan anew (`plan record`)",
    "consent.withdrawn": "The patient gives the consent again (`consent give`)",
    "education.sent": "Send the right version (`education send`)",
    "consent.witnessed": "The patient withdraws the consent (`consent withdraw`)",
    "consent.version-proposed": "Propose another version, or decline it (`signoff decline`)",
    "pregnancy.judged": "Judge it again (`pregnancy judge`)",
    "visit.moved": "Move it again (`visit move`)",
    "permission.proposed": "Propose another day, or decline it (`signoff decline`)",
    "patient.birth-date-corrected": "Correct it again (`patient correct-birth-date`)",
    "patient.merge-proposed": "Decline it (`signoff decline`)",
    "patient.merged": "Say that it was wrong (`patient unmerge`)",
    "patient.unmerge-proposed": "Decline it (`signoff decline`)",
    "patient.unmerged": "Say again that they are one (`patient merge`)",
    "handover.proposed": "Decline it (`signoff decline`)",
    "death.reported": "A second, clinical person decides on it; say that the patient lives (`pathway doubt-death`)",
    "death.confirmed": "Say that the patient lives (`pathway doubt-death`)",
    "crisis.opened": "People decide on the risk (`signoff approve`), with what was found out since",
    "session.scheduled": "Move the session (`session schedule`) or cancel it",
    "session.cancelled": "Schedule the session again (`session schedule`)",
    "session.released": "Cancel the session (`session cancel`), or place a hold",
    "session.ended": "Place a hold, ask for support, or record what was seen as an adverse event",
    "contact.settled": "Hold the contact and record it, or ask for support",
    "patient.updated": "Send the right particulars (`patient update`)",
    "patient.moved": "Send where the patient lives (`pathway move`)",
    "medicine.recorded": "Record the medicine with the status entered-in-error, or as it is (`medicine change`)",
    "medicines.reconciled": "Reconcile the list again (`medicine reconcile`)",
    "adverse-event.regraded": "Grade it again (`adverse-event regrade`)",
    "adverse-event.followed-up": "Follow it up again (`adverse-event follow-up`)",
    "hold.placed": "A clinician decides on the hold (`signoff approve`)",
    "pathway.reassigned": "Hand it over again (`pathway reassign`)",
    "pathway.covered": "Name who covers, again (`pathway cover`)",
    "discharge.proposed": "Propose it again, or decline it (`signoff decline`)",
    "signoff.signed": "Take the decision back (`signoff withdraw`), or add to it (`signoff addendum`)",
    "signoff.delegated": "End the delegation (`signoff end-delegation`)",
    "signoff.answered": "Answer again, or add to the decision (`signoff addendum`)",
    "access.glass-broken": "Say so when the look is reviewed (`access review`)",
    "fact.amended": "Correct the fact again (`pathway amend`)",
    "fact.entered-in-error": "Record the fact again, as it was",
    "limits.tightened": "Propose the wider limit (`pathway set-limits`)",
    "limits.override-proposed": "Propose another one, or decline it (`signoff decline`)",
    "pathway.ending": "Say what is right in a new referral; a reported death is decided on by a second person",
}
"""What to do about a decision or a particular that was wrong. About all other events, nobody entered them."""

BY_RULE = "Nobody entered this: it followed by rule, or is a decision that stands. Place a hold if care must stop"


def instead_of(kind: str) -> str:
    """Return what to do about an event that cannot be marked."""
    return INSTEAD.get(kind, BY_RULE)
