"""How bad a finding is: the one scale by which everything that is found about a patient is escalated.

Worse is never answered with less: whoever hears of a finding hears of anything worse at least as soon and at least as
hard. So a finding names a severity and nothing else, each severity has one escalation policy, under its own name in
the protocol, and a protocol whose policies do not rise with the severities is refused (`protocol check`).

Sources: Columbia Lighthouse Project (triage of the C-SSRS); CTCAE 5.0 (grade 4 is life-threatening, urgent intervention
indicated); FHIR request priority, whose words rise in the same way.
"""

from enum import StrEnum
from typing import Literal


class Severity(StrEnum):
    """From what a coordinator settles in working hours up to what is about life. The order is that of the words."""

    ROUTINE = "routine"
    CLINICAL = "clinical"
    URGENT = "urgent"
    EMERGENCY = "emergency"


SEVERITIES = tuple(Severity)
"""The scale, rising."""

OF_CRISIS: dict[Literal["low", "moderate", "high"], Severity] = {
    "low": Severity.CLINICAL,
    "moderate": Severity.URGENT,
    "high": Severity.EMERGENCY,
}
"""The severity of suicide risk, by the level of the C-SSRS (Columbia's triage)."""
OF_ITEM_9 = Severity.URGENT
"""Of an item 9 of the PHQ-9 that is not zero, until a clinician has asked the C-SSRS: the risk is not known."""
OF_OBSERVATION: dict[Literal["notify", "emergency"], Severity] = {
    "notify": Severity.URGENT,
    "emergency": Severity.EMERGENCY,
}
"""Of an observation, and of the vital signs before a dose, by what the protocol's limits make of them."""
OF_OTHER_DOSE = Severity.URGENT
"""Of a dose that was released, but of more than planned or by another route, and no overdose; and of one that was,
together with others, beyond a limit."""
OF_DOSE_TOLD_AGAIN = Severity.CLINICAL
"""Of a dose that is recorded, and told again with another count of those left, or with what was not as planned."""
OF_UNWELL = Severity.URGENT
"""Of a check-in in which the patient feels unwell."""
OF_NO_GO: dict[Literal["told", "alarm"], Severity] = {
    "told": Severity.CLINICAL,
    "alarm": Severity.URGENT,
}
"""Of a checklist that does not allow a dose: as such, and by an item of the protocol's ``alarm``. Its vital signs are
as severe as those of an observation."""
OF_PREGNANCY = Severity.CLINICAL
"""Of a pregnancy test that is not negative: no less than a checklist that says so (`OF_NO_GO`)."""
OF_LOST_STAFF = Severity.URGENT
"""Of somebody who is lost to a session that runs, such as the clinician who can be reached."""
OF_WORSENING = Severity.CLINICAL
"""Of a score that worsened beyond the protocol's alert."""


def worst(*found: Severity) -> Severity:
    """Return the worst of these, or routine if there are none."""
    return max(found, key=SEVERITIES.index, default=Severity.ROUTINE)


def is_at_least(severity: Severity, least: Severity) -> bool:
    """Whether a finding is at least as severe as ``least``."""
    return SEVERITIES.index(severity) >= SEVERITIES.index(least)
