"""Amounts are compared as people wrote them: no limit is missed, and none is in the way, because of how numbers are
kept."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.journey.always.sign_offs.test_each_fact import SOURCE
from tests.journey.play import Play, before
from tests.journey.stages.sessions.helpers import dose
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.patient_limits import is_more
from workflows.journey.stages.sessions.checklist import vitals_verdict
from workflows.journey.stages.sessions.dose_gate import dose_gate
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.clinical import KnownDose

AMOUNTS = st.decimals(min_value="0.01", max_value="500", places=2)


@given(st.lists(AMOUNTS, min_size=1, max_size=6), st.sampled_from(["-0.01", "0", "0.01"]))
def test_a_sum_of_doses_is_more_than_a_limit_exactly_when_it_is_by_what_was_written(
    doses: list[Decimal], beyond: str
) -> None:
    total, limit = sum(float(each) for each in doses), float(sum(doses) - Decimal(beyond))
    assert is_more(total, limit) is (Decimal(beyond) > 0)


@pytest.mark.requirement("B27")
@pytest.mark.parametrize(("limit", "stands"), [(0.3, False), (0.29, True)])
def test_a_week_of_tenths(limit: float, stands: bool) -> None:
    play = before("session.release").loosely_spaced()
    protocol, plan = play.journey.protocol, play.journey.plan
    assert plan is not None
    sessions = protocol.sessions.model_copy(update={"max_in_rolling_7_days": 9})
    limits = protocol.dose.model_copy(update={"max_7_day": limit})
    doses = tuple(
        KnownDose(source=uuid5(SOURCE, f"{day}"), taken_at=play.at - timedelta(days=day), dose_mg=0.1, route="oral")
        for day in (4, 5)
    )
    week = play.changed(
        protocol=protocol.model_copy(update={"dose": limits, "sessions": sessions}),
        plan=plan.model_copy(update={"dose_mg": 0.1}),
        elsewhere=play.journey.elsewhere.model_copy(update={"doses": doses}),
    )
    assert any("in 7 days" in found for found in dose_gate(week.journey, 1, week.at)) is stands


def percent(play: Play, overdose: int, planned: float) -> Play:
    protocol, plan = play.journey.protocol, play.journey.plan
    assert plan is not None
    events = protocol.adverse_events.model_copy(update={"overdose_from_percent": overdose})
    released = play.journey.sessions[1].model_copy(update={"released_mg": planned})
    return play.changed(
        protocol=protocol.model_copy(update={"adverse_events": events}),
        plan=plan.model_copy(update={"dose_mg": planned}),
        sessions={**play.journey.sessions, 1: released},
    )


@given(AMOUNTS, st.integers(101, 1000))
def test_an_overdose_by_exactly_the_percentage_is_one(planned: Decimal, overdose: int) -> None:
    play = percent(before("session.dose"), overdose, float(planned))
    taken = float(planned * overdose / 100)
    followed = play.do(dose(play, dose_mg=taken, deviation="invented"), Role.SESSION_MONITOR)
    [found] = [body for body in followed if isinstance(body, e.AdverseEventReported)]
    assert found.finding == "overdose"


@pytest.mark.parametrize(("systolic", "diastolic"), [(90, 90), (91, 90), (95, 95), (90, 100), (60, 120), (141, 141)])
def test_a_lower_pressure_that_is_not_below_the_upper_one_is_no_go(systolic: int, diastolic: int) -> None:
    play = before("session.check")
    measured = c.Vitals(systolic=systolic, diastolic=diastolic, measured_at=play.at)
    verdict = vitals_verdict(play.journey.protocol.sessions.vitals, measured)
    assert (verdict == "go") is (diastolic < systolic and diastolic <= 90)
