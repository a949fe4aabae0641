"""What a coded word is called for people.

A code is made of plain words, joined by underscores or hyphens, and is read as those. Where they do not say it, `WORDS`
does. A test walks every code of the protocols, of events, of commands and of refusals, and every name of their fields;
another one looks that nobody else makes words of a code.
"""

import re
from collections.abc import Iterable
from typing import Final

from workflows.journey.vocabulary.words import in_words

WORDS: Final = {
    # Names whose words are not enough.
    "ref": "reference",
    "document_ref": "document (reference)",
    "emergency_contact_ref": "emergency contact (reference)",
    "dispatch_address_ref": "address for emergency services (reference)",
    "dose_mg": "dose (mg)",
    "doses_mg": "doses (mg)",
    "systolic": "systolic (mmHg)",
    "diastolic": "diastolic (mmHg)",
    "heart_rate": "heart rate (beats per minute)",
    "oxygen": "oxygen saturation (%)",
    "weight_unit": "unit of the weight",
    "kg": "kg",
    "lb": "lb (pounds)",
    "weight_max_age_days": "most days since the weight was measured",
    "weight_plausible_kg": "plausible weight (kg)",
    "max_mg_per_kg": "most mg per kg",
    "max_single_dose": "most in one dose",
    "max_7_day": "most in 7 days",
    "max_course": "most in the course",
    "max_with_maintenance": "most with maintenance",
    "max_doses_dispensed": "most doses dispensed",
    "planned": "number of planned sessions",
    "max_in_rolling_7_days": "most sessions in any 7 days",
    "min_interval_hours": "least hours between doses",
    "titration_max_step_pct": "largest increase of a dose (%)",
    "at": "when",
    "answered_at": "when it was answered",
    "also_known_as": "also known as (references)",
    "against": "criteria not met",
    "not_understood": "part of the form not understood",
    "because": "why",
    "told_by": "said by",
    "told_over": "how they spoke",
    "counts": "counted at once",
    "doing": "what is done",
    "first_of_two": "first of two signatures",
    "local": "time on the clock there",
    "sign_off": "decision",
    "sign_offs": "decisions",
    "type": "kind",
    # Instruments, clinical shorthand.
    "ANXIETY": "anxiety",
    "C-SSRS-SINCE": "C-SSRS, since the last contact",
    "q1": "question 1",
    "q2": "question 2",
    "q3": "question 3",
    "q4": "question 4",
    "q5": "question 5",
    "q6": "question 6",
    "q6_recent": "question 6, in the last three months",
    "dsm_rule": "pattern of DSM symptoms met",
    "cutoff": "at or above the cut-off",
    "item_9": "PHQ-9 item 9 (thoughts of death or self-harm)",
    "item_9_zero_or_cleared": "PHQ-9 item 9 is zero, or was cleared",
    "cyp3a4_inducer": "CYP3A4 inducer",
    "cyp3a4_inhibitor": "CYP3A4 inhibitor",
    "mao_inhibitor": "MAO inhibitor",
    "off_label_and_fda_warning": "off-label use and the FDA's warning",
    "ae_reviewed": "adverse event reviewed",
    "go": "go",
    "mg": "mg",
    "focal_deficit": "weakness, numbness or trouble speaking that is new (focal deficit)",
    "no_go": "not to go on",
    "no_go_until": "not to go on until",
    "response_pct": "response from a fall of (%)",
    "weight_max_change_pct": "largest change of weight (%)",
    "time_out_done": "time-out done",
    "not-taken": "not taken",
    "on-hold": "on hold",
    "entered-in-error": "entered in error",
    "check_in": "check-in",
    "check_ins": "check-ins",
    "check_ins_complete": "check-ins complete",
    "check_in_4h": "check-in 4 hours after a session",
    "check_in_24h": "check-in 24 hours after a session",
    "check_in_routine": "routine check-in",
    "follow_up": "follow-up",
    "follow_up_visit": "follow-up visit",
    "follow_up_care": "follow-up care",
    "follow_up_appointments": "follow-up appointments",
    "background_reading": "reading",
    # What became of a message.
    "requeued": "to be sent again",
    "asked_again": "another one was asked for",
    "link_code": "code for a link",
    "contact_code": "code for a contact point",
    # What a group of commands is about.
    "instrument": "questionnaire",
    "signoff": "sign-off",
}
"""What these codes are called, in place of their own words."""

_NUMBERED = re.compile(r"\b(X[0-9]+[a-z]?)_(\w+)")
"""A check that answers an exclusion begins with its code."""
_WITHIN = re.compile(r"`[^`]*`|(?<![\w.:+/-])(?:X[0-9]+[a-z]?_)?[a-z][a-z0-9]*(?:_[a-z0-9]+)*(?![\w:+/-]|[.]\w)")
"""What may be a code in a sentence. What is quoted as something to type, ids and names of files are none."""


def say(code: object) -> str:
    """Return what a code is called for people; the number of an exclusion stands behind: `fasted (X35)`."""
    text = str(code)
    return WORDS[text] if text in WORDS else in_words(_NUMBERED.sub(r"\2 (\1)", text))


def say_all(codes: Iterable[object]) -> str:
    """Return what several codes are called, in one line."""
    return ", ".join(map(say, codes))


def with_code(code: object) -> str:
    """Return what a code is called, with the code behind it where it is another word: for whoever has to enter it."""
    said = say(code)
    return said if said == str(code) else f"{said} ({code})"


def say_within(sentence: str) -> str:
    """Return a sentence that names codes, such as a refusal, with what they are called. What has digits may be a name
    that somebody wrote: it stays, unless it is a code that is known."""
    return _WITHIN.sub(_say_found, sentence)


def _say_found(found: re.Match[str]) -> str:
    text = found[0]
    joined = "_" in text and "`" not in text
    return say(text) if joined and (text in WORDS or not re.search(r"\d", text.partition("_")[2])) else text


def say_path(path: str | Iterable[object]) -> str:
    """Return where a field is, from the outside in, such as ``plan.sections.0``; places in a list count from one."""
    parts = path.split(".") if isinstance(path, str) else map(str, path)
    return ": ".join(f"no. {int(part) + 1}" if part.isdecimal() else say(part) for part in parts)
