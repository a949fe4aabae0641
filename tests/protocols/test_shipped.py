"""The shipped protocols can be used for demonstrations, and for nothing else."""

import json
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

from workflows.journey.instruments import Instrument
from workflows.journey.protocol import Pathway, Protocol, SignOffKind
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import canonical
from workflows.protocols import ProtocolError, check, find, list_pathways, list_shipped, load
from workflows.protocols.demonstration import load_demonstration
from workflows.protocols.rules import find_broken_rules
from workflows.protocols.warnings import find_warnings


@pytest.mark.parametrize("path", list_shipped(), ids=lambda path: path.stem)
def test_shipped_files_are_valid_and_may_not_carry_patients(path: Path) -> None:
    assert check(path) == ()
    protocol = load(path)
    assert protocol.id == path.stem
    illustrative, unsigned, doseless = protocol.obstacles()
    assert "illustrative" in illustrative
    assert "draft" in unsigned
    assert all(name in doseless for name in ("starting_dose", "max_single_dose", "max_course"))
    assert all(value is None for name, value in protocol.dose if name not in ("unit", "medicine"))
    assert "not medical advice" in path.read_text(encoding="utf-8").split("protocol:")[0].lower()


def test_both_pathways_are_shipped() -> None:
    assert {load(path).pathway for path in list_shipped()} == set(list_pathways())


@pytest.mark.requirement("A05")
def test_the_files_are_found_by_name_id_and_pathway(tmp_path: Path) -> None:
    assert find("ptsd-at-home").stem == find("PTSD").stem == find("ptsd").stem == "ptsd-at-home"
    assert find("ANXIETY").stem == "anxiety-at-home"
    (tmp_path / "ours.yaml").write_bytes(find("PTSD").read_bytes())
    (tmp_path / "broken.yaml").write_text("protocol: 1\n")
    assert find("ptsd-at-home", tmp_path).stem == "ours"
    (tmp_path / "theirs.yaml").write_bytes(find("PTSD").read_bytes())
    with pytest.raises(ProtocolError, match="more than one"):
        find("PTSD", tmp_path)
    with pytest.raises(ProtocolError, match="no such protocol; name one of: broken, ours, theirs"):
        find("depression", tmp_path)


def test_a_protocol_survives_its_journey_through_json() -> None:
    for path in list_shipped():
        protocol = load(path)
        assert Protocol.model_validate_json(protocol.model_dump_json()) == protocol
        assert Protocol.model_validate(protocol.model_dump(mode="json")).digest == protocol.digest


def test_a_protocol_that_is_read_from_the_record_has_everything_in_the_same_order() -> None:
    for path in list_shipped():
        written = load(path).model_dump_json()
        assert Protocol.model_validate_json(canonical(json.loads(written))).model_dump_json() == written


@pytest.mark.requirement("A43", "B01")
def test_the_pathways_differ_where_the_sources_differ() -> None:
    ptsd, anxiety = load(find("PTSD")), load(find("ANXIETY"))
    assert (len(ptsd.steps_shown), len(anxiety.steps_shown)) == (4, 5)
    assert ptsd.eligibility.prior_treatments.require_all_of == ("evidence_based_psychotherapy", "medication")
    assert anxiety.eligibility.prior_treatments.require_any_of == ("therapy", "medication")
    assert (ptsd.instruments.primary, anxiety.instruments.primary) == (Instrument.PCL_5, Instrument.GAD_7)
    assert (ptsd.sessions.planned, anxiety.sessions.planned) == (6, 4)
    for name in ("exclusions", "escalation_policies", "sign_offs", "dose", "check_ins", "follow_up"):
        assert getattr(ptsd, name) == getattr(anxiety, name)


@pytest.mark.requirement("A36", "B17", "B26")
def test_every_exclusion_of_the_reference_is_asked_once() -> None:
    for path in list_shipped():
        protocol = load(path)
        screened = {exclusion.code[:3] for exclusion in protocol.exclusions}
        on_the_day = {item[:3] for item in protocol.sessions.checklist if item.startswith("X")}
        assert screened | on_the_day == {f"X{number:02}" for number in range(1, 38)}
        assert {"X05", "X32", "X35"} <= on_the_day - screened


# What the source documents name, each in its own words; a protocol may ask for more.

PTSD, ANXIETY = load(find("PTSD")), load(find("ANXIETY"))
BOTH = pytest.mark.parametrize("protocol", [PTSD, ANXIETY], ids=["PTSD", "ANXIETY"])


@pytest.mark.requirement("A18", "B16")
def test_evaluation_and_screening_are_one_step_for_ptsd_and_two_for_anxiety() -> None:
    assert ("evaluation", "screening") in [step.stages for step in PTSD.steps_shown]
    stages = [step.stages for step in ANXIETY.steps_shown]
    assert stages[:2] == [("evaluation",), ("screening",)]


@pytest.mark.requirement("A20", "A48", "A49", "A50", "B14")
def test_the_evaluation_has_the_sections_that_the_sources_name() -> None:
    assert set(PTSD.eligibility.evaluation_sections) >= {
        "symptom_nature",
        "symptom_duration",
        "mental_health_history",
        "past_diagnoses",
        "prior_treatments",
        "current_medications",
        "medical_context",
        "overall_needs",
    }
    assert set(ANXIETY.eligibility.evaluation_sections) >= {
        "symptoms_and_history",
        "past_treatments_and_responses",
        "medical_history",
        "current_medications",
        "safety_considerations",
    }


@pytest.mark.requirement("A25", "A27", "B03", "B06", "B09", "B56")
@BOTH
def test_the_topics_are_those_that_the_sources_name(protocol: Protocol) -> None:
    assert set(protocol.education_topics) >= {
        "process",
        "what_to_expect",
        "safety_measures",
        "session_structure",
        "monitoring_requirements",
        "follow_up_care",
        "benefits_and_limits",
        "off_label_and_fda_warning",
    }
    assert ("how_it_differs_from_other_medicines" in protocol.education_topics) or protocol is PTSD


@pytest.mark.requirement("A54", "A55", "A56", "A57", "B10", "B45")
def test_the_statements_are_those_that_the_sources_name() -> None:
    assert set(PTSD.acknowledgements) >= {
        "not_a_cure",
        "not_a_replacement_for_therapy",
        "no_guarantee",
        "not_one_size_fits_all",
    }
    assert set(ANXIETY.acknowledgements) >= {"not_a_cure", "no_guarantee", "one_part_of_plan"}


@pytest.mark.requirement("A44", "B33", "B38")
@BOTH
def test_eligibility_weighs_the_factors_that_the_sources_name(protocol: Protocol) -> None:
    assert set(protocol.eligibility.factors) >= {
        "mental_health_history",
        "current_symptoms",
        "medical_considerations",
        "safety_considerations",
        "personal_circumstances",
    }


def test_severe_holds_are_released_by_the_medical_director_alone() -> None:
    for path in list_shipped():
        rule = load(path).sign_offs[SignOffKind.SEVERE_HOLD_RELEASE]
        assert rule.roles == (Role.MEDICAL_DIRECTOR,)


BUSINESS_DAYS = {
    SignOffKind.EVALUATION: 2, SignOffKind.EXCLUSION_REVIEW: 2, SignOffKind.ELIGIBILITY: 2, SignOffKind.PLAN: 3,
    SignOffKind.RESPONSE_REVIEW: 1, SignOffKind.HOLD_RELEASE: 1, SignOffKind.SEVERE_HOLD_RELEASE: 1,
    SignOffKind.PERMISSION: 2, SignOffKind.CONSENT_VERSION: 2,
    SignOffKind.LOST_TO_FOLLOW_UP: 1, SignOffKind.DISCHARGE: 2,
    SignOffKind.PATIENT_LIMITS: 2,
    SignOffKind.LIMIT_OVERRIDE: 1,
}  # fmt: skip
ELAPSED_MINUTES = {
    SignOffKind.CLEARANCE: 20, SignOffKind.ATTESTATION: 1440, SignOffKind.ADVERSE_EVENT: 1440,
    SignOffKind.SERIOUS_ADVERSE_EVENT: 240, SignOffKind.RISK_DECISION: 1440, SignOffKind.DEATH: 60,
    SignOffKind.RISK_LEVEL: 1440, SignOffKind.CRISIS_REACHED: 20,
    SignOffKind.END_DECISION: 20, SignOffKind.DEATH_CORRECTION: 60, SignOffKind.HANDOVER: 20,
    SignOffKind.PATIENT_MERGE: 1440, SignOffKind.PATIENT_UNMERGE: 1440,
}  # fmt: skip


def test_signing_takes_business_days_and_what_is_urgent_takes_hours() -> None:
    for path in list_shipped():
        protocol = load(path)
        day = protocol.working_time.week / len(protocol.working_time.weekdays)
        for kind, rule in protocol.sign_offs.items():
            policy = protocol.escalation_policies[rule.escalation_policy]
            due = timedelta(minutes=policy.due_minutes)
            assert (policy.clock == "working") == (kind in BUSINESS_DAYS)
            assert due == (
                BUSINESS_DAYS[kind] * day if kind in BUSINESS_DAYS else timedelta(minutes=ELAPSED_MINUTES[kind])
            )
            assert [step.percent for step in policy.steps][-4:] == [50, 80, 100, 150]
            assert not policy.quiet_hours
        signing = {rule.escalation_policy for rule in protocol.sign_offs.values()}
        assert {name for name, policy in protocol.escalation_policies.items() if policy.clock == "working"} < {
            *signing,
            "access_review",
            "access_review_of_director",
        }


@pytest.mark.parametrize(
    ("today", "says"),
    [
        (date(2026, 1, 2), None),
        (date(2027, 11, 1), "ends on 2027-12-31, before a journey that starts today does: add those of 2028"),
        (date(2027, 12, 31), "ends on 2027-12-31"),
        (date(2028, 1, 1), "ended on 2027-12-31: nobody is started on it, add those of 2028"),
    ],
)
def test_holidays_that_run_out_are_warned_of_before_they_do(today: date, says: str | None) -> None:
    for path in list_shipped():
        warned = "; ".join(each for each in find_warnings(load(path), today) if "holidays" in each)
        assert says in warned if says else not warned


def test_the_warning_comes_as_early_as_a_journey_is_long() -> None:
    protocol = load_demonstration("PTSD")
    lasts = timedelta(days=protocol.sessions.course_max_days, weeks=max(protocol.follow_up.weeks))
    known = protocol.working_time.holidays_known_until
    later = protocol.permissions.model_copy(update={"remote_prescribing_last_day": known + timedelta(days=365)})
    protocol = protocol.model_copy(update={"permissions": later})
    assert not find_warnings(protocol, known - lasts)
    assert find_warnings(protocol, known - lasts + timedelta(days=1))


def test_a_permission_that_ends_within_a_course_is_warned_of() -> None:
    for path in list_shipped():
        protocol = load(path)
        ends, course = protocol.permissions.remote_prescribing_last_day, protocol.sessions.course_max_days
        for today, says in (
            (ends - timedelta(days=course), None),
            (ends - timedelta(days=course - 1), f"ends on {ends}, before a course that starts today does"),
            (ends, f"ends on {ends}"),
            (ends + timedelta(days=1), f"ended on {ends}"),
        ):
            warned = "; ".join(each for each in find_warnings(protocol, today) if "permission" in each)
            assert says in warned if says else not warned


@pytest.mark.parametrize("pathway", list_pathways())
def test_demonstrations_are_short_complete_and_never_for_patients(pathway: Pathway) -> None:
    protocol = load_demonstration(pathway)
    assert protocol.pathway == pathway
    assert "INVENTED" in protocol.title
    assert protocol.id.endswith("-demonstration")
    assert protocol.dose.unset == ()
    assert list(find_broken_rules(protocol)) == []
    assert any("illustrative" in obstacle for obstacle in protocol.obstacles())
    assert protocol.sessions.planned == {"PTSD": 3, "ANXIETY": 2}[pathway]


@pytest.mark.program
def test_the_core_does_not_load_yaml() -> None:
    program = "import sys, workflows.journey.stages; sys.exit('yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
