"""Protocols that are well formed and break a rule: of care, of working time, or of a clinic with few people.

Of each: what is replaced, by what, a text on the line that must be named (the first such line), the field, words of the
rule.
"""

BAD_CARE = {
    "nothing to attest": (
        "attest_lasting_days: {persistent_symptoms: 30}\n", "attest_lasting_days: {lasting: 30}\n",
        "attest_lasting_days", "eligibility.attest_lasting_days.lasting", "one of attest",
    ),
    "a vital sign at no minute": (
        "also_measured: {}\n", "also_measured: {oxygen: [15]}\n", "also_measured", "sessions.also_measured.oxygen[0]",
        "one of vitals_minutes",
    ),
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
        "outcomes_to_review: [not_responding, worsening]", "outcomes_to_review: [worse]", "outcomes_to_review",
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
    "weights not rising": (
        "weight_plausible_kg: null", "weight_plausible_kg: [250, 30]", "weight_plausible_kg: [250, 30]",
        "dose.weight_plausible_kg", "lowest, highest",
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
}  # fmt: skip
BAD_TIMES_AND_STAFF = {
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
    "the author gives a patient up": (
        "      roles: [clinician, medical_director]\n      not_author: true\n      escalation_policy: sign_in_1_day\n",
        "      roles: [clinician, medical_director]\n      escalation_policy: sign_in_1_day\n", "protocol:\n  id: ptsd",
        "protocol", "gives the watch away alone",
    ),
    "staff apart from a part of the staff": (
        "- [observer, staff]", "- [observer, staff]\n      - [staff, session_monitor]", "- [staff,",
        "care_team.distinct[1]", "whoever is session_monitor is one of the staff",
    ),
    "apart from itself": (
        "- [observer, staff]", "- [clinician, clinician]", "- [clinician, clinician]", "care_team.distinct[0]",
        "apart from itself",
    ),
    "more people apart than there are": (
        "- [observer, staff]",
        "- [clinician, supervising_clinician]\n      - [clinician, live_clinician]\n"
        "      - [supervising_clinician, live_clinician]",
        "- [supervising_clinician, live_clinician]", "care_team.distinct[2]", "nobody may be left",
    ),
    "holidays that are not listed": (
        'holidays_known_until: "2027-12-31"', 'holidays_known_until: "2029-12-31"', "holidays_known_until:",
        "working_time.holidays_known_until", "no holiday is listed in 2028",
    ),
    "holidays beyond what is known": (
        'holidays_known_until: "2027-12-31"', 'holidays_known_until: "2027-12-30"', "  working_time:",
        "working_time", "after holidays_known_until",
    ),
}  # fmt: skip
