"""Bad protocols, each refused at the right line, with its field and its rule, and without repeating values."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.examples import examples
from workflows.protocols import Problem, ProtocolError, check, find, load
from workflows.protocols.reading import MAX_BYTES, MAX_DEPTH, parse
from workflows.protocols.resolution import SHARED

PTSD = find("PTSD").read_text(encoding="utf-8")
SHARED_FILE = SHARED / "at-home.yaml"
AT_HOME = SHARED_FILE.read_text(encoding="utf-8")

NINES = "9" * 5000
PLAN_RULE = """\
    plan:
      roles: [clinician, medical_director]
      escalation_policy: sign_in_3_days
      meaning: plan_approved
"""

# What is replaced, by what, a text on the line that must be named (the first such line), the field, words of the rule.
BAD = {
    # shape
    "known from two": (
        "{age_over: 65}", "{age_over: 65, age_under: 18}", "X36", "exclusions[36].known_from", "must name one of",
    ),
    "nothing at the worst rating": (
        "alert_at: 9", "alert_at: 11", "alert_at", "symptoms.alert_at", "the worst answer would bring about nothing",
    ),
    "no symptom so much worse": (
        "worse_by: 3", "worse_by: 11", "worse_by", "symptoms.worse_by", "must not be above highest",
    ),
    "red flag nobody knows": (
        "{red_flags: [seizure]}", "{red_flags: [seizures]}", "X21", "exclusions[21].known_from.red_flags[0]",
        "must be one of sessions.red_flags",
    ),
    "unknown field": ("  version: 1\n", "  version: 1\n  vresion: 1\n", "vresion", "vresion", "unknown field"),
    "misspelt field": ("max_course: null", "max_coarse: null", "max_coarse", "dose.max_coarse", "`max_course`"),
    "missing field": ("    max_gap_days: 21\n", "", "  sessions:\n    planned", "sessions.max_gap_days", "missing"),
    "missing dose field": ("    max_7_day: null\n", "", "  dose:\n    unit", "dose.max_7_day", "missing"),
    "missing section": ("  reviews:\n", "  reviewed:\n", "protocol:\n", "reviews", "missing"),
    "text for a number": ("planned: 6", 'planned: "6"', "planned:", "sessions.planned", "whole number"),
    "fraction for a count": ("planned: 6", "planned: 6.5", "planned:", "sessions.planned", "whole number"),
    "truth for a number": ("planned: 6", "planned: true", "planned:", "sessions.planned", "whole number"),
    "null for a number": ("planned: 6", "planned:", "planned:", "sessions.planned", "whole number"),
    "zero sessions": ("planned: 6", "planned: 0", "planned:", "sessions.planned", "greater than or equal to 1"),
    "number for text": ("title: At-home", "title: 17 #", "title:", "title", "must be text"),
    "empty title": (
        "title: At-home ketamine treatment for PTSD (illustrative)", 'title: ""', "title:", "title", "empty",
    ),
    "text for a truth": (
        "illustrative: true", 'illustrative: "true"', "illustrative: ", "illustrative", "true or false",
    ),
    "word for a list": ("[sublingual, oral]", "oral", "route_allowed", "sessions.route_allowed", "a list"),
    "list for fields": (
        '  quiet_hours:\n    start: "21:00"\n    end: "08:00"', "  quiet_hours: [1]", "quiet_hours: [1]",
        "quiet_hours", "fields",
    ),
    "empty list": ("[sublingual, oral]", "[]", "route_allowed", "sessions.route_allowed", "at least 1"),
    "range of three": (
        "{go: [90, 140], recheck: [90, 159]}", "{go: [90, 140, 1], recheck: [90, 159]}", "systolic: {go",
        "sessions.vitals.systolic.go", "at most 2",
    ),
    "unknown status": ("status: draft", "status: signed", "status:", "status", "'draft', 'approved' or 'retired'"),
    "pathway not in capitals": ("pathway: PTSD", "pathway: ptsd", "pathway:", "pathway", "capitals"),
    "pathway of two words": ("pathway: PTSD", "pathway: TWO WORDS", "pathway:", "pathway", "one word"),
    "other unit": ("unit: mg", "unit: ml", "unit:", "dose.unit", "'mg'"),
    "negative dose": ("max_course: null", "max_course: -1", "max_course", "dose.max_course", "greater than 0"),
    "words in a code": ("therapy: psychotherapy", "therapy: talk to me", "talk", "care_plan.therapy", "one word"),
    "unknown instrument": ("      PHQ-9:\n", "      PHQ-8:\n", "PHQ-8", "instruments.thresholds.PHQ-8", "'PHQ-9'"),
    "unknown sign-off": ("    discharge:\n", "    dismissal:\n", "dismissal", "sign_offs.dismissal", "'discharge'"),
    "unknown role": (
        "to: ops, alarm: true}\n        - {percent: 50", "to: janitor}\n        - {percent: 50", "janitor",
        "escalation_policies.unreadable_message.steps[0].to", "must be 'patient'",
    ),
    "neither number nor last": (
        "after_session: [1, 3, last]", "after_session: [1, 3, first]", "[1, 3, first]",
        "clinician_visits.after_session[2]", "'last'",
    ),
    "grade six": (
        "hold_from_grade: 2", "hold_from_grade: 6", "hold_from", "adverse_events.hold_from_grade", "equal to 5",
    ),
    # the schema's own rules
    "step with two times": (
        "{minutes: 5, action: page", "{minutes: 5, percent: 5, action: page", "percent: 5,",
        "escalation_policies.suicide_risk.steps[2]", "either",
    ),
    "patient signs": (
        "roles: [medical_director]", "roles: [patient]", "    severe_hold_release:", "sign_offs.severe_hold_release",
        "may sign",
    ),
    "nobody signs": (PLAN_RULE, "", "  sign_offs:", "sign_offs", "plan"),
    "unknown escalation policy": (
        "escalation_policy: sign_clearance", "escalation_policy: sign_soon", "  escalation_policies:\n",
        "escalation_policies", "sign_soon",
    ),
    "missing escalation policy": (
        "    scheduling:\n", "    planning_of_sessions:\n", "  escalation_policies:\n", "escalation_policies",
        "scheduling",
    ),
    "steps out of order": (
        "[evaluation, screening]", "[screening, evaluation]", "steps_shown", "steps_shown", "in order",
    ),
    "stage not shown": (
        "    - {name: sessions, stages: [sessions]}\n", "", "steps_shown", "steps_shown",
        "each of the five stages once",
    ),
    "one name for two steps": (
        "{name: sessions, stages: [sessions]}", "{name: follow_up, stages: [sessions]}", "steps_shown", "steps_shown",
        "one name",
    ),
    "exclusion twice": ("{code: X04,", "{code: X03,", "protocol:\n", "protocol", "stands twice"),
    "no prior treatment": (
        "require_all_of: [evidence_based_psychotherapy, medication]", "record: [medication]", "    prior_treatments:",
        "eligibility.prior_treatments", "at least one treatment",
    ),
    "no suicide question": ("[PCL-5, PHQ-9, C-SSRS]", "[PCL-5, PHQ-9]", "  instruments:", "instruments", "C-SSRS"),
    "primary not in baseline": ("primary: PCL-5", "primary: GAD-7", "  instruments:", "instruments", "baseline"),
    "observations fall": (
        "[15, 30, 40, 60, 90, 120]", "[15, 40, 30, 60, 90, 120]", "observe_minutes", "sessions.observe_minutes",
        "rise",
    ),
    "spacing below interval": (
        "target_spacing_hours: 168", "target_spacing_hours: 48", "target_spacing", "sessions.target_spacing_hours",
        "below min_interval_hours",
    ),
    "go outside recheck": ("go: [50, 90]", "go: [40, 90]", "diastolic: {go", "sessions.vitals.diastolic.go", "inside"),
    # rules beyond the schema
    "dead threshold": ("cutoff: 10\n", "cutoff: 28\n", "cutoff", "instruments.thresholds.PHQ-9.cutoff", "end at 27"),
    "threshold not for it": (
        "cutoff: 10\n", "release_max: 1\n", "release_max: 1\n", "instruments.thresholds.PHQ-9.release_max",
        "not an in-session",
    ),
    "no deterioration": (
        "        deterioration: 10\n", "", "      PCL-5:", "instruments.thresholds.PCL-5.deterioration", "missing",
    ),
    "no meaningful change": (
        "        meaningful_change: 10\n", "", "      PCL-5:", "instruments.thresholds.PCL-5.meaningful_change",
        "missing",
    ),
    "asked without thresholds": (
        "        deterioration: 5\n", "", "      PHQ-9:", "instruments.thresholds.PHQ-9.deterioration",
        "PHQ-9 is asked",
    ),
    "no alert of a trend": (
        "        deterioration: 10\n        rises_in_a_row: 3\n", "        deterioration: 10\n", "      PCL-5:",
        "instruments.thresholds.PCL-5.rises_in_a_row", "PCL-5 is asked",
    ),
    "review of no outcome": (
        "outcomes_to_review: [worsening]", "outcomes_to_review: [worse]", "outcomes_to_review",
        "follow_up.outcomes_to_review[0]", "one of outcomes",
    ),
    "no release by CADSS-6": (
        "      CADSS-6: {peak_note_at: 12, release_max: 2, escalate_at: 20}\n", "", "    thresholds:",
        "instruments.thresholds.CADSS-6.release_max", "missing",
    ),
    "topic twice": (
        "    - what_to_expect\n", "    - what_to_expect\n    - process\n", "    - process\n    - safety",
        "education_topics[2]", "twice",
    ),
    "checklist item twice": (
        "      - interval_met\n", "      - interval_met\n      - plan_signed\n",
        "      - plan_signed\n      - check_ins", "sessions.checklist[4]", "twice",
    ),
    "criterion twice": (
        "      - oriented\n", "      - oriented\n      - oriented\n", "      - oriented\n      - walks",
        "sessions.release_criteria[2]", "twice",
    ),
    "weeks not rising": ("[1, 2, 4, 8, 12]", "[1, 2, 8, 4, 12]", "weeks:", "follow_up.weeks[3]", "later than"),
    "check-ins not rising": (
        "{hours: 24, escalation_policy", "{hours: 4, escalation_policy", "check_in_24h,", "check_ins.after_session[1]",
        "later",
    ),
    "check-in before the dose": (
        "check_in_4h, window: {opens_hours_before: 1,", "check_in_4h, window: {opens_hours_before: 4,", "check_in_4h,",
        "check_ins.after_session[0].window.opens_hours_before", "not answered before it",
    ),
    "visit before the dose": (
        "{opens_hours_before: 44,", "{opens_hours_before: 48,", "opens_hours_before: 48, closes_hours_after: 48",
        "clinician_visits.window.opens_hours_before", "not held before it",
    ),
    "a no-go of something else": (
        "alarm: [suicide_risk_none_or_low,", "alarm: [suicide_risk,", "alarm: [suicide_risk,",
        "sessions.no_go.alarm[0]", "one of checklist",
    ),
    "a window that never closes": (
        "routine_window: {opens_hours_before: 48, closes_hours_after: 72}",
        "routine_window: {opens_hours_before: 48, closes_hours_after: 0}", "routine_window",
        "check_ins.routine_window.closes_hours_after", "greater than or equal to 1",
    ),
    "sessions that start before they may": (
        'start_hours: ["07:00", "20:00"]', 'start_hours: ["20:00", "07:00"]', "start_hours", "sessions.start_hours",
        "begin before it ends",
    ),
    "session that is not planned": (
        "live_clinician_sessions: [1]", "live_clinician_sessions: [1, 7]", "live_clinician",
        "sessions.live_clinician_sessions[1]", "only 6",
    ),
    "observation too short": (
        "[15, 30, 40, 60, 90, 120]", "[15, 30]", "observe_minutes", "sessions.observe_minutes[1]", "minimum_minutes",
    ),
    "course too short": (
        "course_max_days: 56", "course_max_days: 34", "course_max_days", "sessions.course_max_days", "short",
    ),
    "benefit without its limitation": (
        '        limitation: "Others do not', '        limits: "Others do not',
        "      symptoms:\n        benefit", "patient_texts.topics.symptoms.limitation", "missing",
    ),
    "limitation that is the benefit": (
        '"Others do not respond, and a change may not last. It is not a cure, and nothing is guaranteed."',
        '"Some people notice that their symptoms become easier for a time."', "        limitation: \"Some",
        "patient_texts.topics.symptoms.limitation", "the benefit again",
    ),
    "no disclaimer": (
        "    disclaimer: >-\n", "    disclaims: >-\n", "  patient_texts:", "patient_texts.disclaimer", "missing",
    ),
    "nobody's name on the texts": (
        '    organisation: "Example Behavioral Health (invented)"\n', "", "  patient_texts:",
        "patient_texts.organisation", "missing",
    ),
    "a stage the patient is told nothing of": (
        """      closed:
        where: "Your care on this pathway has ended."
        next: "Nothing is planned on this pathway. You may ask your clinic for help at any time."
""",
        "", "    stages:\n      evaluation", "patient_texts.stages", "closed",
    ),
    "gap below spacing": ("max_gap_days: 21", "max_gap_days: 6", "max_gap_days", "sessions.max_gap_days", "shorter"),
    "no emergency limit": (
        "        oxygen_below: 90\n", "", "emergency:\n", "sessions.vitals.emergency.oxygen_below", "missing",
    ),
    "no notice of a rise": (
        "        rise_diastolic: 25\n", "", "notify:\n", "sessions.vitals.notify.rise_diastolic", "missing",
    ),
    "notice above emergency": (
        "        systolic: 160\n", "        systolic: 190\n", "systolic: 190", "sessions.vitals.notify.systolic",
        "above the emergency",
    ),
    "lower notice below emergency": (
        "oxygen_below: 94", "oxygen_below: 89", "oxygen_below: 89", "sessions.vitals.notify.oxygen_below",
        "below the emergency",
    ),
    "lower notice above the upper one": (
        "heart_rate_below: 50", "heart_rate_below: 120", "heart_rate_below: 120",
        "sessions.vitals.notify.heart_rate_below", "must be below heart_rate",
    ),
    "dose limits contradict": (
        "starting_dose: null\n    max_single_dose: null", "starting_dose: 200\n    max_single_dose: 100",
        "max_single_dose", "dose.max_single_dose", "below starting_dose",
    ),
    "severe below hold": (
        "severe_from_grade: 3", "severe_from_grade: 1", "severe_from", "adverse_events.severe_from_grade",
        "below hold_from_grade",
    ),
    "invented meaning": (
        "meaning: plan_approved", "meaning: looks_good", "looks_good", "sign_offs.plan.meaning",
        "must be 'evaluation_authored'",
    ),
    "no rationale": (
        "meaning: setting_decided\n      choices: [at_home, in_clinic, neither]\n      rationale: true",
        "meaning: setting_decided\n      choices: [at_home, in_clinic, neither]", "    eligibility:\n      roles",
        "sign_offs.eligibility.rationale", "must be true",
    ),
    "choice without effect": (
        "[at_home, in_clinic, neither]", "[at_home, elsewhere]", "elsewhere", "sign_offs.eligibility.choices[1]",
        "one of at_home",
    ),
    "no home to choose": (
        "[at_home, in_clinic, neither]", "[in_clinic, neither]", "[in_clinic, neither]",
        "sign_offs.eligibility.choices", "offer at_home",
    ),
    "reviews disagree": (
        "decisions: [continue, adjust,", "decisions: [continue,", "decisions:", "reviews.decisions", "same",
    ),
    "escalation policy not sorted": (
        "{minutes: 30, action: remind, to: patient}", "{minutes: 75, action: remind, to: patient}",
        "        - {minutes: 60, action: call_patient, to: coordinator}\n        - {minutes: 60",
        "escalation_policies.check_in_4h.steps[2]", "sorted",
    ),
    "percent after minutes": (
        "{minutes: 15, action: escalate, to: clinician}", "{percent: 90, action: escalate, to: clinician}",
        "percent: 90", "escalation_policies.release.steps[2]", "sorted",
    ),
    "percent beyond due beside minutes": (
        "{percent: 50, action: remind, to: session_monitor}", "{percent: 120, action: remind, to: session_monitor}",
        "percent: 120", "escalation_policies.release.steps[0]", "exceed 100",
    ),
    "a window longer than to the next step": (
        "{percent: 80, action: remind, to: clinician, spread_minutes: 30}",
        "{percent: 80, action: remind, to: clinician, spread_minutes: 193}",
        "spread_minutes: 193", "escalation_policies.sign_in_2_days.steps[1].spread_minutes", "time to the next step",
    ),
    "a window on the last step": (
        "{percent: 150, action: escalate, to: medical_director}",
        "{percent: 150, action: escalate, to: medical_director, spread_minutes: 1}",
        "spread_minutes: 1}", "escalation_policies.sign_in_1_day.steps[3].spread_minutes", "time to the next step",
    ),
    "a window on an alarm": (
        "{percent: 1, action: page, to: on_call_clinician, alarm: true}",
        "{percent: 1, action: page, to: on_call_clinician, alarm: true, spread_minutes: 1}",
        "spread_minutes: 1}", "escalation_policies.sign_serious_adverse_event.steps[0].spread_minutes", "for reminders",
    ),
    "a window on a step in minutes": (
        "{minutes: 15, action: call_patient, to: session_monitor}",
        "{minutes: 15, action: call_patient, to: session_monitor, spread_minutes: 1}",
        "spread_minutes: 1}", "escalation_policies.checklist.steps[1].spread_minutes", "is for reminders",
    ),
    "a window below nothing": (
        "to: clinician, spread_minutes: 30}", "to: clinician, spread_minutes: -1}",
        "spread_minutes: -1}", "escalation_policies.sign_in_1_day.steps[0].spread_minutes", "greater than",
    ),
    "escalation policy ends with a reminder": (
        "        - {minutes: 30, action: escalate, to: clinician}\n",
        "        - {minutes: 30, action: remind, to: clinician}\n",
        "        - {minutes: 30, action: remind, to: clinician}", "escalation_policies.checklist.steps[2]", "hand over",
    ),
    "escalation policy ends with the patient": (
        "        - {minutes: 30, action: escalate, to: clinician}\n",
        "        - {minutes: 30, action: ask, to: patient}\n", "        - {minutes: 30, action: ask, to: patient}",
        "escalation_policies.checklist.steps[2]", "hand over",
    ),
    "patient is paged": (
        "{minutes: 30, action: remind, to: patient}", "{minutes: 30, action: page, to: patient}", "page, to: patient",
        "escalation_policies.check_in_4h.steps[1].to", "only asked",
    ),
    "safety waits for the morning": (
        "    suicide_risk:\n", "    suicide_risk:\n      quiet_hours: true\n", "quiet_hours: true\n      due_minutes",
        "escalation_policies.suicide_risk.quiet_hours", "never waits",
    ),
    "first check-in waits": (
        "{hours: 4, escalation_policy: check_in_4h,", "{hours: 4, escalation_policy: check_in_routine,", "hours: 4",
        "check_ins.after_session[0].escalation_policy", "quiet hours",
    ),
    "lost without a contact": (
        "{percent: 100, action: escalate, to: clinician}", "{percent: 100, action: lost_to_follow_up, to: clinician}",
        "action: lost_to_follow_up", "escalation_policies.scheduling.steps[2].action", "check-ins and visits",
    ),
    "longer than ten years": (
        "[1, 2, 4, 8, 12]", "[1, 2, 4, 8, 99999999]", "weeks:", "follow_up.weeks[4]", "ten years",
    ),
    "escalation policy longer than ten years": (
        "due_minutes: 14400", "due_minutes: 99999999", "99999999", "escalation_policies.evaluation.due_minutes",
        "ten years",
    ),
    # working time
    "clinic without a place": (
        "zone: America/Los_Angeles", "zone: UTC", "zone: UTC", "working_time.zone", "name the place",
    ),
    "clinic in no zone": (
        "zone: America/Los_Angeles", "zone: America/Springfield", "Springfield", "working_time.zone",
        "not an IANA time zone",
    ),
    "clinic without a zone": (
        "    zone: America/Los_Angeles\n", "", "  working_time:", "working_time.zone", "missing",
    ),
    "clinic without a working day": (
        "weekdays: [1, 2, 3, 4, 5]", "weekdays: []", "weekdays", "working_time.weekdays", "at least 1",
    ),
    "an eighth day": (
        "weekdays: [1, 2, 3, 4, 5]", "weekdays: [1, 8]", "weekdays", "working_time.weekdays[1]", "equal to 7",
    ),
    "a weekday twice": (
        "weekdays: [1, 2, 3, 4, 5]", "weekdays: [1, 2, 1]", "weekdays", "working_time.weekdays[2]", "twice",
    ),
    "weekdays in words": (
        "weekdays: [1, 2, 3, 4, 5]", "weekdays: [Monday]", "weekdays", "working_time.weekdays[0]", "whole number",
    ),
    "hours that end first": (
        'hours: ["09:00", "17:00"]', 'hours: ["17:00", "09:00"]', "    hours: [",
        "working_time.hours", "before it ends",
    ),
    "no hours at all": (
        'hours: ["09:00", "17:00"]', 'hours: ["09:00", "09:00"]', "    hours: [",
        "working_time.hours", "before it ends",
    ),
    "bare hours": (
        'hours: ["09:00", "17:00"]', "hours: [9, 17:00]", "    hours: [", "working_time.hours[1]",
        "in quotes",
    ),
    "hours as a number": (
        'hours: ["09:00", "17:00"]', 'hours: [9, "17:00"]', "    hours: [", "working_time.hours[0]", "time of day",
    ),
    "hours with a zone": (
        'hours: ["09:00", "17:00"]', 'hours: ["09:00Z", "17:00"]', "    hours: [",
        "working_time.hours[0]", "time of day",
    ),
    "only an opening": (
        'hours: ["09:00", "17:00"]', 'hours: ["09:00"]', "    hours: [", "working_time.hours[1]", "missing",
    ),
    "no such day": ('"2026-12-25"', '"2026-02-30"', "2026-02-30", "working_time.holidays[10]", "must be a day"),
    "a bare day": ('"2026-12-25"', "2026-12-25", "- 2026-12-25", "working_time.holidays[10]", "quotes"),
    "a holiday twice": (
        '"2027-01-01"', '"2026-12-25"', '"2026-12-25"\n      - "2027-01-18"', "working_time.holidays[11]", "twice",
    ),
    "hours too short for the deadlines": (
        'hours: ["09:00", "17:00"]', 'hours: ["09:00", "09:01"]', "  escalation_policies:\n", "escalation_policies",
        "more than a year",
    ),
    "unknown clock": (
        "      clock: working", "      clock: business", "clock: business", "escalation_policies.sign_in_1_day.clock",
        "'working'",
    ),
    "safety waits for opening hours": (
        "    suicide_risk:\n", "    suicide_risk:\n      clock: working\n", "clock: working\n      due_minutes",
        "escalation_policies.suicide_risk.clock", "do not wait",
    ),
    "patients wait for opening hours": (
        "    check_in_24h:\n", "    check_in_24h:\n      clock: working\n", "clock: working\n      due_minutes",
        "escalation_policies.check_in_24h.clock", "do not wait",
    ),
    "a serious event waits for opening hours": (
        "    sign_serious_adverse_event:\n", "    sign_serious_adverse_event:\n      clock: working\n",
        "clock: working\n      due_minutes: 240", "escalation_policies.sign_serious_adverse_event.clock", "do not wait",
    ),
    "two calendars at once": (
        "      clock: working", "      clock: working\n      quiet_hours: true", "quiet_hours: true\n      steps",
        "escalation_policies.sign_in_1_day.quiet_hours", "patient's",
    ),
    # a clinic with one person in each role
    "one reviewer of looks": (
        "    - {by: clinician, escalation_policy: access_review_of_director}\n", "", "access_reviewers",
        "access_reviewers", "name one more role",
    ),
    "a patient reviews": (
        "{by: clinician, escalation_policy: access_review", "{by: patient, escalation_policy: access_review",
        "{by: patient", "access_reviewers[1]", "may review",
    ),
    "the same person twice": (
        "cosigned_by: [clinician, on_call_clinician, medical_director]", "cosigned_by: [medical_director]",
        "    severe_hold_release:", "sign_offs.severe_hold_release", "nobody may be left to sign",
    ),
    "nobody but the author": (
        "roles: [on_call_clinician, medical_director, clinician]", "roles: [medical_director]",
        "    serious_adverse_event:",
        "sign_offs.serious_adverse_event", "nobody may be left to sign",
    ),
    "nobody second but the author": (
        "      not_author: true\n",
        "      not_author: true\n      cosigned_by: [on_call_clinician, medical_director]\n",
        "    serious_adverse_event:", "sign_offs.serious_adverse_event", "nobody may be left to sign",
    ),
    "all may have written it": (
        "      meaning: setting_decided\n", "      meaning: setting_decided\n      not_author: true\n",
        "    eligibility:\n      roles", "sign_offs.eligibility", "nobody may be left to sign",
    ),
    "holidays that are not listed": (
        'holidays_known_until: "2027-12-31"', 'holidays_known_until: "2029-12-31"', "holidays_known_until:",
        "working_time.holidays_known_until", "no holiday is listed in 2028",
    ),
    "holidays beyond what is known": (
        'holidays_known_until: "2027-12-31"', 'holidays_known_until: "2027-12-30"', "  working_time:",
        "working_time", "after holidays_known_until",
    ),
    # YAML
    "field twice": (
        "  pathway: PTSD\n", "  pathway: PTSD\n  version: 2\n", "version: 2", "version", "first in line",
    ),
    "escalation policy twice": (
        "    planning:\n", "    consent:\n", "    consent:\n      due_minutes: 4320\n      quiet_hours",
        "escalation_policies.consent", "first in line",
    ),
    "bare time": ('start: "21:00"', "start: 21:00", "start: 21", "quiet_hours.start", "times in quotes"),
    "no such time": ('start: "21:00"', 'start: "24:00"', "start:", "quiet_hours.start", "time of day"),
    "time with offset": ('start: "21:00"', 'start: "21:00Z"', "start:", "quiet_hours.start", "time of day"),
    "time as seconds": ('start: "21:00"', "start: 75600", "start:", "quiet_hours.start", "time of day"),
    "a yes": ("illustrative: true", "illustrative: yes", "illustrative: ", "illustrative", "true or false"),
    "a no among words": (
        "at_home, in_clinic, neither]", "at_home, in_clinic, no]", "in_clinic, no]",
        "sign_offs.eligibility.choices[2]", "quotes",
    ),
    "octal": ("planned: 6", "planned: 010", "planned:", "sessions.planned", "plain digits"),
    "hexadecimal": ("planned: 6", "planned: 0x6", "planned:", "sessions.planned", "plain digits"),
    "underscored": ("planned: 6", "planned: 6_0", "planned:", "sessions.planned", "plain digits"),
    "endless digits": ("planned: 6", f"planned: {NINES}", "planned:", "sessions.planned", "plain digits"),
    "not a number": ("max_course: null", "max_course: .nan", "max_course", "dose.max_course", "plain digits"),
    "infinity": ("max_course: null", "max_course: .inf", "max_course", "dose.max_course", "plain digits"),
    "a date": ("treatment: treatment-1", "treatment: 2026-11-21", "2026-11-21", "consents.treatment", "quotes"),
    "a field that is no text": (
        "    treatment: treatment-1\n", "    no: treatment-1\n", "no: treat", "consents", "text",
    ),
    "merge": ("  pathway: PTSD\n", "  pathway: PTSD\n  <<: {version: 2}\n", "<<", "protocol", "text"),
    "unprintable text": ("title: At-home", 'title: "\\u202E" #', "title:", "title", "printed"),
    "half a character": ("title: At-home", 'title: "\\uD800" #', "title:", "file", "Unicode"),
    "anchor": ("planned: 6", "planned: &six 6", "planned:", "file", "anchors"),
    "alias": ("planned: 6", "planned: *six", "planned:", "file", "aliases"),
    "tag": ("planned: 6", "planned: !!python/object/apply:os.system [id]", "planned:", "file", "tags"),
    "plain tag": ("planned: 6", "planned: !!int 6", "planned:", "file", "tags"),
    "open bracket": ("[sublingual, oral]", "[sublingual, oral", "live_clinician_sessions", "file", "YAML"),
    "tab": ("  version: 1\n", "\tversion: 1\n", "\tversion", "file", "YAML"),
    "control character": ("  version: 1\n", "  version: 1\n  # \x07\n", "\x07", "file", "not allow"),
    "two documents": (
        "  quiet_hours:\n    start", "---\nother: 1\n...\n  quiet_hours:\n    start", "---", "file", "YAML",
    ),
    "two tops": ("protocol:\n", "comment: mine\nprotocol:\n", "comment:", "comment", "unknown field"),
    "no top": ("protocol:\n", "protokoll:\n", "# ILLUSTRATIVE", "protocol", "at the top"),
}  # fmt: skip


def write(directory: Path, own: str = PTSD, shared: str = AT_HOME) -> Path:
    """A protocol file, and beside it the one it extends."""
    assert own.count("extends: at-home\n") <= 1
    (directory / "shared.yaml").write_text(shared, encoding="utf-8")
    path = directory / "protocol.yaml"
    path.write_text(own.replace("extends: at-home\n", "extends: shared.yaml\n"), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", BAD)
def test_a_bad_protocol_is_refused_where_it_is_bad(name: str, tmp_path: Path) -> None:
    old, new, at, field, words = BAD[name]
    assert old in PTSD or old in AT_HOME, "the shipped files no longer hold what this case replaces"
    own, shared = (PTSD.replace(old, new, 1), AT_HOME) if old in PTSD else (PTSD, AT_HOME.replace(old, new, 1))
    file, text = (None, own) if at in own else ("shared.yaml", shared)
    place = (file, text.count("\n", 0, text.index(at)) + 1)
    problems = check(write(tmp_path, own, shared))
    assert any((p.file, p.line) == place and p.field == field and words in p.rule for p in problems), (place, problems)


def test_the_review_of_a_severe_adverse_event_never_waits_for_opening_hours(tmp_path: Path) -> None:
    waiting = AT_HOME.replace("sign_in_24_hours:\n", "sign_in_24_hours:\n      clock: working\n")
    assert check(write(tmp_path, shared=waiting)) == ()
    [problem] = check(write(tmp_path, shared=waiting.replace("severe_from_grade: 3", "severe_from_grade: 4")))
    assert problem.field == "escalation_policies.sign_in_24_hours.clock"


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "protocol.yaml"
    text = (
        PTSD.replace("planned: 6", "planned: none").replace("unit: mg", "unit: g").replace("status: draft", "status: x")
    )
    path.write_text(text, encoding="utf-8")
    problems = check(path)
    assert [p.field for p in problems] == ["status", "sessions.planned", "dose.unit"]
    assert [p.line for p in problems] == sorted(p.line or 0 for p in problems)
    with pytest.raises(ProtocolError) as refused:
        load(path)
    assert refused.value.problems == problems
    assert all(str(problem) in str(refused.value) for problem in problems)


def test_values_of_a_file_are_never_repeated(tmp_path: Path) -> None:
    path = tmp_path / "secrets.yaml"
    for text in (
        "password: hunter2\n",
        "hunter2\n",
        "protocol: hunter2\n",
        "protocol: {hunter2 hunter2: 1}\n",
        "- hunter2\n",
        '"hunter2',
        "a: 'hunter2' hunter2\n",
        "a: %hunter2\n",
        "a: *hunter2\n",
        "a: !hunter2!x 1\n",
        "%TAG !hunter2 hunter2\n--- 1\n",
        "%YAML hunter2\n--- 1\n",
        "a: |hunter2\n",
        'a: "\\xhunter2"\n',
        "extends: hunter2\nprotocol: {id: x}\n",
        "extends: hunter2.yaml\nprotocol: {id: x}\n",
        "extends: ../hunter2\nprotocol: {id: x}\n",
        PTSD.replace("status: draft", "status: hunter2").replace("unit: mg", "unit: hunter2"),
        PTSD.replace("planned: 6", "planned: hunter2"),
    ):
        path.write_text(text, encoding="utf-8")
        problems = check(path)
        assert problems
        assert "hunter2" not in repr(problems)
    for shared in (
        "password: hunter2\n",
        "shared: hunter2\n",
        "shared: {hunter2 hunter2: 1}\n",
        "extends: hunter2\nshared: {}\n",
        AT_HOME.replace('"21:00"', '"hunter2"'),
        AT_HOME.replace("to: ops", "to: hunter2").replace("treatment: treatment-1", "treatment: hunter2 hunter2"),
    ):
        problems = check(write(tmp_path, shared=shared))
        assert problems
        assert "hunter2" not in repr(problems)


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"", 1, "empty"),
        (b"# only a comment\n", 1, "empty"),
        (b"protocol:\n", 1, "at the top"),
        (b"[]\n", 1, "at the top"),
        (b"protocol: {}\nnote: \xff\n", 2, "UTF-8"),
        ("protocol: {}".encode("utf-16"), 1, "UTF-8"),
        (b"a\n" * MAX_BYTES, None, "too large: at most 256 kB"),
        (b"protocol: " + b"[" * (MAX_DEPTH + 1), 1, "nested too deeply"),
        (b"[" * (MAX_BYTES - 1), 1, "nested too deeply"),
        (b"- " * (MAX_BYTES // 2), 1, "nested too deeply"),
        (b"? " * (MAX_BYTES // 2), 1, "nested too deeply"),
        (b"a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n", 1, "anchors"),
    ],
)
def test_files_that_are_no_protocols(content: bytes, line: int | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "protocol.yaml"
    path.write_bytes(content)
    [problem] = check(path)
    assert problem.line == line
    assert words in problem.rule


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    [problem] = check(tmp_path / "missing.yaml")
    assert (problem.line, problem.field) == (None, "file")
    assert "No such file" in problem.rule
    [problem] = check(tmp_path)
    assert "regular file" in problem.rule
    assert str(Problem(None, "file", "x")) == "file: x"
    assert str(Problem(3, "dose", "x")) == "line 3, dose: x"


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "protocol.yaml"
    path.write_text("\ufeff" + PTSD, encoding="utf-8")
    assert check(path) == ()


@examples(2.5)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_with_a_line(text: str) -> None:
    problems: tuple[Problem, ...] = ()
    try:
        assert parse(text).lines[()] >= 1
    except ProtocolError as refused:
        problems = refused.problems
    last = text.count("\n") + text.count("\r") + 3
    for problem in problems:
        assert problem.line is not None
        assert 1 <= problem.line <= last


LINES = [*PTSD.splitlines(keepends=True), *AT_HOME.splitlines(keepends=True)]
OWN = PTSD.count("\n")


@examples(0.5)
@given(st.integers(0, len(LINES) - 1), st.sampled_from(["drop", "twice", "null", "word", "indent"]))
def test_a_damaged_line_is_accepted_or_refused_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, number: int, how: str
) -> None:
    line = LINES[number]
    head = line.partition(":")[0]
    damaged = {"drop": "", "twice": line + line, "null": f"{head}:\n", "word": f"{head}: word\n", "indent": f" {line}"}
    texts = [*LINES[:number], damaged[how], *LINES[number + 1 :]]
    path = write(tmp_path_factory.getbasetemp(), "".join(texts[:OWN]), "".join(texts[OWN:]))
    problems = check(path)
    if problems:
        with pytest.raises(ProtocolError):
            load(path)
    else:
        load(path)
