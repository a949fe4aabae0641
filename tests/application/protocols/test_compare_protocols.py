"""Two protocols compared: every difference is told, and only differences are."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from application.protocols.compare import compare_protocols, describe_differences
from workflows.journey.protocol import Protocol
from workflows.protocols import list_shipped, load

OLD = load(list_shipped()[-1])
Edit = Callable[[dict[str, Any]], object]


def edited(edit: Edit) -> Protocol:
    whole = OLD.model_dump(mode="json")
    edit(whole)
    return Protocol.model_validate_json(json.dumps(whole))


def words(edit: Edit) -> list[str]:
    new = edited(edit)
    return describe_differences(compare_protocols(OLD, new), OLD, new)


X02 = "Allergy or hypersensitivity to ketamine or esketamine"
NEW_STEP = {"minutes": 900, "action": "letter", "to": "coordinator", "hold": True}


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (
            lambda p: p["sessions"].update(min_interval_hours=96),
            "sessions › least hours between doses: now 96; it was 72",
        ),
        (lambda p: p["dose"].update(max_single_dose=120), "dose › most in one dose: now 120; there was nothing"),
        (lambda p: p.update(illustrative=False), "illustrative: now “no”; it was “yes”"),
        (lambda p: p["exclusions"].pop(1), f"exclusion X02 removed: {X02} (hard)"),
        (
            lambda p: p["exclusions"].append({"code": "X99", "rule": "review", "text": "Invented"}),
            "exclusion X99 added: Invented (review)",
        ),
        (lambda p: p["exclusions"][1].update(rule="review"), "exclusion X02 › rule: now “review”; it was “hard”"),
        (
            lambda p: p["sign_offs"]["clearance"]["roles"].append("medical_director"),
            "sign-off “clearance”: medical director may now sign too",
        ),
        (
            lambda p: p["sign_offs"]["plan"]["roles"].remove("medical_director"),
            "sign-off “plan”: medical director may no longer sign",
        ),
        (
            lambda p: p["sign_offs"]["plan"].update(cosigned_by=["medical_director"]),
            "sign-off “plan”: medical director may now sign as the second person",
        ),
        (lambda p: p["education_topics"].append("extra"), "education topics: “extra” added"),
        (lambda p: p["education_topics"].remove("process"), "education topics: “process” removed"),
        (lambda p: p["sessions"]["observe_minutes"].pop(), ": now 15, 30, 40, 60, 90; it was 15, 30, 40, 60, 90, 120"),
        (
            lambda p: p["escalation_policies"]["planning"].update(due_minutes=10),
            "escalation policy “planning”: due after 10 min (was 4320 min)",
        ),
        (
            lambda p: p["escalation_policies"]["suicide_risk"]["steps"][2].update(minutes=7),
            "escalation policy “suicide risk”: step 3 now after 7 min (was after 5 min)",
        ),
        (
            lambda p: p["escalation_policies"]["suicide_risk"]["steps"][2].update(minutes=None, percent=90),
            "escalation policy “suicide risk”: step 3 now at 90 % of the time (was after 5 min)",
        ),
        (
            lambda p: p["escalation_policies"]["suicide_risk"]["steps"][2].update(to="medical_director"),
            "escalation policy “suicide risk”: step 3 now is: page the medical director (was: page the clinician)",
        ),
        (
            lambda p: p["escalation_policies"]["suicide_risk"]["steps"][2].update(hold=True),
            "escalation policy “suicide risk”: step 3 now places a hold",
        ),
        (
            lambda p: p["escalation_policies"]["suicide_risk"]["steps"][2].update(alarm=False),
            "escalation policy “suicide risk”: step 3 no longer is an alarm",
        ),
        (
            lambda p: p["escalation_policies"]["suicide_risk"]["steps"].append(NEW_STEP),
            "escalation policy “suicide risk”: step 5 added: after 900 min: "
            "the coordinator writes to the patient (hold)",
        ),
        (
            lambda p: p["escalation_policies"]["suicide_risk"]["steps"].pop(),
            "escalation policy “suicide risk”: step 4 removed: after 10 min: escalate to the medical director (alarm)",
        ),
        (
            lambda p: p["escalation_policies"].update(extra=p["escalation_policies"]["planning"]),
            "escalation policy “extra” added",
        ),
        (lambda p: p["consents"].update(extra="extra-1"), "consents › extra: now “extra-1”; there was nothing"),
        (
            lambda p: p["check_ins"]["after_session"].pop(),
            "check-ins › after session › no. 3: nothing any more; it was hours: 72, "
            "escalation policy: “routine check-in”, window: opens hours before: 12, closes hours after: 72",
        ),
    ],
)
def test_a_change_is_one_sentence(edit: Edit, told: str) -> None:
    [sentence] = words(edit)
    assert sentence.endswith(told)


@pytest.mark.parametrize(
    "edit",
    [
        lambda p: p["education_topics"].reverse(),
        lambda p: p["exclusions"].reverse(),
        lambda p: p["education_topics"].append("process"),
        lambda p: p["sign_offs"]["plan"]["choices"].extend(["yes", "yes"]),
    ],
    ids=["words", "exclusions", "twice", "twice new"],
)
def test_order_and_repetition_are_changes_too(edit: Edit) -> None:
    assert OLD.digest != edited(edit).digest
    assert words(edit)


def test_several_and_none() -> None:
    def both(p: dict[str, Any]) -> None:
        p["education_topics"].reverse()
        p["education_topics"].append("extra")
        p["sessions"]["planned"] = 7

    found = compare_protocols(OLD, edited(both))
    assert [change.place for change in found] == ["education_topics", "sessions.planned"]
    assert found[0].now[-1] == "extra"
    assert compare_protocols(OLD, edited(dict)) == ()
