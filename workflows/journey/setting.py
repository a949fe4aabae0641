"""Where a patient's sessions take place now: a signed decision, never a field that somebody fills in.

The choice of eligibility and setting decides it, and a later review may send the patient to the clinic. To decide it
anew, what the screening says is changed first: then the decision is asked for again, and with it the plan and the
clearance that rest on it. The journey, its doses and its limits go on whatever the setting is.
"""

from workflows.journey.aggregate import Journey
from workflows.journey.evidence import current_decision
from workflows.journey.protocol import SettingRules, SignOffKind
from workflows.journey.vocabulary.clinical import IN_CLINIC, Setting

SWITCH = "switch_to_in_clinic"
"""The choice of a review that sends the patient to the clinic."""


def setting_of(journey: Journey) -> Setting | None:
    """Return the setting that was signed last, if its decision stands and the protocol allows it."""
    decided = current_decision(journey, SignOffKind.ELIGIBILITY)
    if decided is None or decided.decision != "approve":
        return None
    allowed = journey.protocol.sessions.settings
    switched = any(
        signed.choice == SWITCH and not (signed.first_of_two or signed.withdrawn) and signed.version > decided.version
        for signed in journey.sign_offs
    )
    if switched and IN_CLINIC in allowed:
        return IN_CLINIC
    return next((setting for setting in allowed if setting == decided.choice), None)


def rules_of(journey: Journey, session: int) -> SettingRules:
    """Return what differs for a session by where it was planned to be."""
    return journey.protocol.sessions.settings[journey.sessions[session].setting]
