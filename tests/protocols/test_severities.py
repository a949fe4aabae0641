"""Worse is never answered with less, as protocol data: a harder severity that tells anybody later is refused."""

import json
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.journey.play import PROTOCOLS
from workflows.journey.protocol import Protocol
from workflows.journey.vocabulary.actors import STAFF
from workflows.journey.vocabulary.severity import SEVERITIES
from workflows.protocols import list_pathways
from workflows.protocols.rules import find_broken_rules
from workflows.protocols.severities import check_severities

PTSD = PROTOCOLS["PTSD"]
NAMES = tuple(severity.value for severity in SEVERITIES)
DAYS = int(timedelta(days=3) / timedelta(minutes=1))


def values() -> dict[str, Any]:
    return json.loads(PTSD.model_dump_json())  # type: ignore[no-any-return]


def read(changed: dict[str, Any]) -> Protocol:
    return Protocol.model_validate_json(json.dumps(changed))


def policy(changed: dict[str, Any], name: str) -> dict[str, Any]:
    return changed["escalation_policies"][name]  # type: ignore[no-any-return]


def graded(changed: dict[str, Any]) -> dict[str, Any]:
    return changed["adverse_events"]["severity_from_grade"]  # type: ignore[no-any-return]


def broken(changed: dict[str, Any]) -> list[str]:
    return [".".join(map(str, at)) for at, _ in check_severities(read(changed))]


@pytest.mark.parametrize("pathway", list_pathways())
def test_the_shipped_severities_rise(pathway: str) -> None:
    assert not list(find_broken_rules(PROTOCOLS[pathway]))


@pytest.mark.parametrize(("milder", "harder"), [*pairwise(NAMES)])
def test_a_harder_severity_that_leaves_somebody_out_is_refused(milder: str, harder: str) -> None:
    changed = values()
    for told in {step["to"] for step in policy(changed, milder)["steps"]}:
        less = values()
        kept = [step for step in policy(less, harder)["steps"] if step["to"] != told]
        policy(less, harder)["steps"] = kept or [{"minutes": 0, "action": "page", "to": "ops"}]
        if policy(less, harder)["steps"][-1].get("repeat_minutes") is None:
            policy(less, harder)["acknowledged"] = []
        assert f"escalation_policies.{harder}" in broken(less), told


@pytest.mark.parametrize(("milder", "harder"), [*pairwise(NAMES)][1:])
@pytest.mark.parametrize("ladder", ["steps", "acknowledged"])
def test_a_harder_severity_that_repeats_less_often_is_refused(milder: str, harder: str, ladder: str) -> None:
    changed = values()
    policy(changed, harder)[ladder][-1]["repeat_minutes"] = policy(changed, milder)[ladder][-1]["repeat_minutes"] + 1
    assert f"escalation_policies.{harder}" in broken(changed)


@pytest.mark.parametrize(
    ("change", "at"),
    [
        (lambda p: policy(p, "emergency").update(due_minutes=60), "escalation_policies.emergency"),
        (
            lambda p: [step.update(alarm=False) for step in policy(p, "emergency")["steps"]],
            "escalation_policies.emergency",
        ),
        (
            lambda p: policy(p, "routine")["steps"][0].update(percent=None, days_before=1),
            "escalation_policies.routine.steps.0.days_before",
        ),
        (lambda p: policy(p, "routine")["steps"][-1].update(hold=True), "escalation_policies.clinical"),
        (lambda p: graded(p).update(urgent=4), "adverse_events.severity_from_grade.urgent"),
        (lambda p: graded(p).update(emergency=1), "adverse_events.severity_from_grade.emergency"),
        (lambda p: p["adverse_events"].update(severity_if_serious="clinical"), "adverse_events.severity_if_serious"),
        (lambda p: p["adverse_events"].update(severe_follow_up_days=8), "adverse_events.severe_follow_up_days"),
        (
            lambda p: p["sign_offs"]["serious_adverse_event"].update(not_author=False),
            "sign_offs.serious_adverse_event.not_author",
        ),
        (
            lambda p: p["sign_offs"]["serious_adverse_event"].update(escalation_policy="sign_in_1_day"),
            "escalation_policies.sign_in_1_day",
        ),
        (
            lambda p: p["sign_offs"]["severe_hold_release"].update(escalation_policy="sign_in_3_days"),
            "escalation_policies.sign_in_3_days",
        ),
    ],
)  # fmt: skip
def test_what_does_not_rise_is_refused(change: Any, at: str) -> None:
    changed = values()
    change(changed)
    assert at in broken(changed)


def silent(changed: dict[str, Any], name: str) -> None:
    policy(changed, name)["steps"][-1].pop("repeat_minutes")
    policy(changed, name)["acknowledged"] = []


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_severity_that_falls_silent_is_refused(name: str) -> None:
    changed = values()
    silent(changed, name)
    last = len(policy(changed, name)["steps"]) - 1
    assert f"escalation_policies.{name}.steps.{last}" in broken(changed)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda p: p["steps"][0].update(repeat_minutes=5), "only the last step repeats"),
        (lambda p: p.update(acknowledged=[]), "has `acknowledged`"),
        (lambda p: p["acknowledged"][-1].pop("repeat_minutes"), "silences nothing for ever"),
        (lambda p: p["acknowledged"][0].update(minutes=None, percent=50), "in minutes after the acknowledgement"),
    ],
)
def test_what_repeats_has_its_shape(change: Any, says: str) -> None:
    changed = values()
    change(policy(changed, "emergency"))
    with pytest.raises(ValueError, match=says):
        read(changed)


@pytest.mark.parametrize(
    ("name", "field", "value"), [("emergency", "quiet_hours", True), ("question", "clock", "working")]
)
def test_what_repeats_never_waits(name: str, field: str, value: Any) -> None:
    changed = values()
    ringing = policy(changed, "emergency")
    policy(changed, name).update(steps=ringing["steps"], acknowledged=ringing["acknowledged"], **{field: value})
    found = [at for at, why in find_broken_rules(read(changed)) if "never waits" in why]
    assert ("escalation_policies", name, field) in found


# Any two policies

ROLES = st.sampled_from([role.value for role in STAFF])
TIMES = st.sampled_from([0, 5, 15, 60, 240])


@st.composite
def ladders(draw: st.DrawFn) -> list[dict[str, Any]]:
    times = sorted(draw(st.lists(TIMES, min_size=1, max_size=4)))
    steps = [
        {"minutes": at, "action": "page", "to": draw(ROLES), "alarm": draw(st.booleans()), "hold": draw(st.booleans())}
        for at in times
    ]
    steps[-1]["repeat_minutes"] = draw(st.sampled_from([5, 10, 60]))
    return steps


@st.composite
def policies(draw: st.DrawFn) -> dict[str, Any]:
    return {"due_minutes": draw(TIMES), "steps": draw(ladders()), "acknowledged": draw(ladders())}


def tellings(ladder: list[dict[str, Any]], due: int) -> list[tuple[str, bool, int]]:
    """Who is told, by alarm or not, at which minute, for some days."""
    told = [(step["to"], step["alarm"], due + step["minutes"]) for step in ladder]
    last, first = ladder[-1], due + ladder[-1]["minutes"]
    return told + [(last["to"], last["alarm"], at) for at in range(first, DAYS, last["repeat_minutes"])][1:]


def at_least(milder: dict[str, Any], harder: dict[str, Any], ladder: str) -> bool:
    """Whether whoever hears of the milder hears of the harder by then, and whatever rings, rings as often."""
    (mild, hard) = (tellings(p[ladder], p["due_minutes"] if ladder == "steps" else 0) for p in (milder, harder))
    first: dict[tuple[str, bool], int] = {}
    for to, alarm, at in hard:
        for how in {False, alarm}:
            first[to, how] = min(at, first.get((to, how), at))
    heard = all((to, alarm) in first and first[to, alarm] <= at for to, alarm, at in mild)
    to, alarm, _ = mild[-1]
    late = [at for who, how, at in hard if who == to and how >= alarm and at > DAYS - 120]
    rings = [at for who, how, at in mild if who == to and how == alarm and at > DAYS - 120]
    return heard and len(late) >= len(rings)


@given(policies(), policies())
def test_any_two_policies_that_pass_rise(milder: dict[str, Any], harder: dict[str, Any]) -> None:
    changed = values()
    changed["escalation_policies"] |= {"urgent": milder, "emergency": harder}
    if "escalation_policies.emergency" not in broken(changed):
        assert at_least(milder, harder, "steps")
        assert at_least(milder, harder, "acknowledged")


@given(policies())
def test_a_policy_rises_over_itself(same: dict[str, Any]) -> None:
    changed = values()
    changed["escalation_policies"] |= {"urgent": same, "emergency": same}
    assert "escalation_policies.emergency" not in broken(changed)
