"""What a protocol file may not be written like, and the mistakes that its schema and its YAML find.

Of each: what is replaced, by what, a text on the line that must be named (the first such line), the field, words of the
rule.
"""

NINES = "9" * 5000
PLAN_RULE = """\
    plan:
      roles: [clinician, medical_director]
      escalation_policy: sign_in_3_days
      meaning: plan_approved
"""
BAD_SHAPES = {
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
}  # fmt: skip
BAD_BY_SCHEMA = {
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
}  # fmt: skip
BAD_YAML = {
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
