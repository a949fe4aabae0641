"""Every kind of obligation, and all that is asked of a kind, in one record each.

What a journey waits for at a moment is said by its stages; here is what holds of a kind wherever it is waited for.
Requests for sign-offs are obligations too: their kinds are in `sign_off_types`. The clinic's protocol has an
escalation policy under each of the keys named here.

Sources: systems, not patients, carry the burden of follow-up (Zero Suicide, "Transition"); a person at risk is
looked after until a professional has seen them (Columbia Lighthouse Project, triage).
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from workflows.journey.vocabulary.severity import Severity


class MayWaitFor(StrEnum):
    """What a clinic may let the clock of an escalation policy wait for.

    ``NOTHING`` is for safety, for a dose at hand and for appointments. ``QUIET_HOURS`` are the patient's.
    ``WORKING_TIME`` is the clinic's: such a policy may keep the patient's quiet hours instead.
    """

    NOTHING = "nothing"
    QUIET_HOURS = "quiet_hours"
    WORKING_TIME = "working_time"


class Outlasts(IntEnum):
    """What an obligation goes on through. Each one includes those before it.

    An ending pathway closes once nothing is awaited that outlasts the ending. What a later fact brings about is awaited
    in a closed one by the same rule.
    """

    NOTHING = 0
    ENDING = 1
    DEATH = 2


class BeforeDose(StrEnum):
    """When something that is awaited stands before the next dose: no session is released while it does.

    Whatever is open may concern safety, so ``ALWAYS`` is the rule, and a new kind has it without anybody thinking of
    it. ``ONCE_DUE`` is for what is planned ahead, such as the visit of next week. ``NEVER`` is for what comes after the
    release, or is not about the patient.
    """

    ALWAYS = "always"
    ONCE_DUE = "once_due"
    NEVER = "never"


@dataclass(frozen=True, slots=True, eq=False)
class ObligationType:
    """All that is asked of one kind of obligation.

    - ``kind``: its name, in ids, worklists and events.
    - ``policies``: the keys of the escalation policies it may run by, and what each may wait for. None where the
      protocol names the policy itself (check-ins).
    - ``outlasts``: how far it is still awaited once the pathway ends.
    - ``hastened``: whether its steps come faster while the patient's risk is heightened.
    - ``may_be_lost``: whether a step of its policy may ask if the patient is lost to follow-up.
    - ``before_dose``: when it stands before the next dose.
    """

    kind: str
    policies: tuple[tuple[str, MayWaitFor], ...]
    outlasts: Outlasts = Outlasts.NOTHING
    hastened: bool = False
    may_be_lost: bool = False
    before_dose: BeforeDose = BeforeDose.ALWAYS

    def stands_before_dose(self, due: datetime, at: datetime) -> bool:
        """Whether one of this kind, due then (UTC), stands before a dose at a moment (UTC)."""
        planned_ahead = self.before_dose == BeforeDose.ONCE_DUE and due > at
        return self.before_dose != BeforeDose.NEVER and not planned_ahead


def _at_once(
    kind: str, outlasts: Outlasts = Outlasts.NOTHING, before_dose: BeforeDose = BeforeDose.ALWAYS
) -> ObligationType:
    return ObligationType(kind, ((kind, MayWaitFor.NOTHING),), outlasts, before_dose=before_dose)


def _of_patient(kind: str, before_dose: BeforeDose = BeforeDose.ALWAYS) -> ObligationType:
    return ObligationType(kind, ((kind, MayWaitFor.QUIET_HOURS),), before_dose=before_dose)


def _contact(kind: str, *policies: tuple[str, MayWaitFor]) -> ObligationType:
    """What is owed to the patient at a time of its own, known long before."""
    return ObligationType(kind, policies, hastened=True, may_be_lost=True, before_dose=BeforeDose.ONCE_DUE)


def _of_clinic(kind: str) -> ObligationType:
    return ObligationType(kind, ((kind, MayWaitFor.WORKING_TIME),))


EVALUATION = _of_clinic("evaluation")
SCREENING = _of_patient("screening", BeforeDose.ONCE_DUE)
"""Answers that are missing stand before a dose by themselves; the renewal is asked for long before it is due."""
SUICIDE_RISK = ObligationType(
    "suicide_risk",
    (("suicide_risk", MayWaitFor.NOTHING), (Severity.URGENT.value, MayWaitFor.NOTHING)),
    Outlasts.ENDING,
)
"""A C-SSRS that a clinician asks: before a session, or at once after an item 9 of the PHQ-9 that is not zero."""
PLANNING = _of_clinic("planning")
EDUCATION = _of_clinic("education")
ACKNOWLEDGEMENT = _of_patient("acknowledgement")
CONSENT = _of_patient("consent")
QUESTION = ObligationType("question", (("question", MayWaitFor.WORKING_TIME),), Outlasts.ENDING)
"""A question of the patient. It is answered, whatever has ended meanwhile."""
SCHEDULING = _of_clinic("scheduling")
INSTRUCTIONS = _of_patient("instructions")
INSTRUCTIONS_READ = _of_patient("instructions_read")
CHECKLIST = _at_once("checklist")
RELEASE = _at_once("release", before_dose=BeforeDose.NEVER)
DOSE = _at_once("dose", Outlasts.ENDING, before_dose=BeforeDose.NEVER)
OBSERVATION = _at_once("observation", Outlasts.ENDING)
SESSION_END = _at_once("session_end", Outlasts.ENDING)
CHECK_IN = _contact("check_in")
VISIT = _contact("visit", ("visit", MayWaitFor.QUIET_HOURS))
FOLLOW_UP_VISIT = _contact("follow_up_visit", ("follow_up_visit", MayWaitFor.QUIET_HOURS))
MEASURE_ASKED = "measure_asked"
"""The escalation policy of an instrument of the schedule that a clinician asks."""
MEASURE = ObligationType(
    "measure",
    (("measure", MayWaitFor.QUIET_HOURS), (MEASURE_ASKED, MayWaitFor.QUIET_HOURS)),
    hastened=True,
    before_dose=BeforeDose.ONCE_DUE,
)
WITNESS = ObligationType("witness", (("question", MayWaitFor.WORKING_TIME),))
"""A consent on paper, or doses that were disposed of. It waits for the same people as a question."""
PERMISSION = _at_once("permission_end", before_dose=BeforeDose.ONCE_DUE)
"""The end of a permission or a licence. It is warned of long before."""
MONITORING_CHECK = ObligationType(
    "monitoring_check", (("monitoring_check", MayWaitFor.WORKING_TIME),), before_dose=BeforeDose.ONCE_DUE
)
"""The dose gate asks for the check itself; its renewal is asked for long before it is due."""
PREGNANCY_TEST = ObligationType(
    "pregnancy_test", (("pregnancy_test", MayWaitFor.WORKING_TIME),), before_dose=BeforeDose.ONCE_DUE
)
"""The dose gate asks for the test itself; its renewal is asked for before it is due."""
NO_SHOW = _of_patient("no_show")
"""A patient who did not come to a visit. They are reached, and another time is found."""
DISPENSING = _of_clinic("dispensing")
SUPPLY_COUNT = ObligationType("supply_count", ((Severity.CLINICAL.value, MayWaitFor.NOTHING),), Outlasts.DEATH)
"""The doses at home after a session that had been released was cancelled: only a count says whether one was taken."""
LEFTOVERS = ObligationType("leftovers", (("leftovers", MayWaitFor.WORKING_TIME),), Outlasts.DEATH)
"""Doses at home that no session needs any more. They are collected whatever else has ended."""
MEDICINES_REVIEW = _of_clinic("medicines_review")
CORRECTION = ObligationType("correction", (("correction", MayWaitFor.WORKING_TIME),), Outlasts.DEATH)
"""A correction that a second person confirms. It stands before a dose, here and in the patient's next journey."""
IDENTITY_ELSEWHERE = ObligationType("identity_elsewhere", (("correction", MayWaitFor.WORKING_TIME),))
"""Whether another patient is this one, which is asked in another journey. It waits for the same people as what a second
person confirms, and stands before a dose here too."""
LICENCE_THERE = ObligationType("licence_there", (("correction", MayWaitFor.WORKING_TIME),))
"""Somebody licensed where the patient lives now, to decide on a hold that nobody else may release. It waits for the
same people as what a second person confirms."""
RENEWAL = _of_patient("renewal", BeforeDose.ONCE_DUE)
"""What a dose rests on, before it lapses."""
MISSED_CONTACT = _of_clinic("missed_contact")
"""A contact that was answered too late, or not at all. It stands before a dose until a clinician has decided."""
DISPATCH_ADDRESS = _of_clinic("dispatch_address")
PARTICULARS = ObligationType("particulars", ((DISPATCH_ADDRESS.kind, MayWaitFor.WORKING_TIME),))
"""What another journey of the patient says otherwise of where they live, whom to call, how to speak with them, or when
they were born. It waits for the same people as the address, and stands before a dose."""
SUPPORT = ObligationType(
    "support",
    (
        (Severity.EMERGENCY.value, MayWaitFor.NOTHING),
        (Severity.URGENT.value, MayWaitFor.NOTHING),
        (Severity.CLINICAL.value, MayWaitFor.NOTHING),
        (Severity.ROUTINE.value, MayWaitFor.WORKING_TIME),
    ),
    Outlasts.DEATH,
)
CRISIS = ObligationType(
    "crisis",
    (
        (Severity.EMERGENCY.value, MayWaitFor.NOTHING),
        (Severity.URGENT.value, MayWaitFor.NOTHING),
        (Severity.CLINICAL.value, MayWaitFor.NOTHING),
    ),
    Outlasts.ENDING,
)
CRISIS_CONTACT = _at_once("crisis_contact", Outlasts.ENDING, BeforeDose.ONCE_DUE)
"""The next contact after a patient at risk was reached."""
ALARM = ObligationType(
    "alarm",
    ((Severity.EMERGENCY.value, MayWaitFor.NOTHING), (Severity.URGENT.value, MayWaitFor.NOTHING)),
    Outlasts.ENDING,
)
"""An adverse event of which somebody is told in minutes, until it is reviewed."""
ADVERSE_EVENT_OUTCOME = _at_once("adverse_event_outcome", Outlasts.ENDING, BeforeDose.ONCE_DUE)
UNREADABLE_MESSAGE = _at_once("unreadable_message", Outlasts.ENDING)
KEPT_REPORT = ObligationType(
    "kept_report",
    (
        (Severity.EMERGENCY.value, MayWaitFor.NOTHING),
        (Severity.URGENT.value, MayWaitFor.NOTHING),
        (Severity.CLINICAL.value, MayWaitFor.NOTHING),
    ),
    Outlasts.DEATH,
)
"""A report of harm that was kept as it was said. It may be about anything, and so outlasts everything."""
CANCELLATION = ObligationType("cancellation", (("unreadable_message", MayWaitFor.NOTHING),), Outlasts.ENDING)
"""Somebody asked Temporal to end the journey. It waits for the same people as a message that could not be read."""
ACCESS_REVIEW = ObligationType("access_review", (), Outlasts.DEATH, before_dose=BeforeDose.NEVER)
"""Whoever looks in an emergency at what is long over is reviewed all the same. It is about who looked, and not about
the patient's safety."""
RETURNED = ObligationType("returned", (("question", MayWaitFor.WORKING_TIME),))
"""A request for a sign-off that came back with a question. It outlasts what the request itself outlasts."""

OBLIGATION_TYPES = {
    each.kind: each
    for each in (
        EVALUATION,
        SCREENING,
        SUICIDE_RISK,
        PLANNING,
        EDUCATION,
        ACKNOWLEDGEMENT,
        CONSENT,
        QUESTION,
        SCHEDULING,
        INSTRUCTIONS,
        CHECKLIST,
        RELEASE,
        DOSE,
        OBSERVATION,
        SESSION_END,
        CHECK_IN,
        VISIT,
        FOLLOW_UP_VISIT,
        MEASURE,
        RENEWAL,
        INSTRUCTIONS_READ,
        WITNESS,
        MISSED_CONTACT,
        MEDICINES_REVIEW,
        PERMISSION,
        MONITORING_CHECK,
        CORRECTION,
        IDENTITY_ELSEWHERE,
        LICENCE_THERE,
        PREGNANCY_TEST,
        NO_SHOW,
        DISPENSING,
        LEFTOVERS,
        SUPPLY_COUNT,
        DISPATCH_ADDRESS,
        PARTICULARS,
        SUPPORT,
        CRISIS,
        CRISIS_CONTACT,
        ALARM,
        ADVERSE_EVENT_OUTCOME,
        UNREADABLE_MESSAGE,
        KEPT_REPORT,
        CANCELLATION,
        ACCESS_REVIEW,
        RETURNED,
    )
}
"""Every kind there is, by its name."""

ESCALATION_POLICIES = {key: may for each in OBLIGATION_TYPES.values() for key, may in each.policies}
"""What the policy under each of these keys may wait for; every protocol has all of them."""
