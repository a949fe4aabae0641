"""What is tried next, and when: nobody is forgotten, nothing goes on for ever, alarms go from one to the next."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from activities.notices.delivery_plan import (
    ALARM_PAUSES,
    NEXT_PERSON,
    PAUSES,
    DeliveryFact,
    DeliveryPlan,
    Target,
    Try,
    plan,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ANN, BOB = Target("ann", ("mail", "phone")), Target("bob", ("mail",))


def facts(*states: tuple[str, str, str, float]) -> list[DeliveryFact]:
    """What became of a notice: of whom, where, what, and how many seconds after noon."""
    return [
        DeliveryFact(person, point, state, NOON + timedelta(seconds=after)) for person, point, state, after in states
    ]


def at(seconds: float, told: Sequence[DeliveryFact], *targets: Target, alarm: bool = False) -> DeliveryPlan:
    return plan(targets or (ANN,), told, NOON + timedelta(seconds=seconds), alarm=alarm)


def test_all_are_told_at_once_each_where_they_wish_first() -> None:
    assert at(0, [], ANN, BOB).tries == (Try("ann", "mail"), Try("bob", "mail"))


def test_what_was_deferred_is_tried_there_again_after_a_pause() -> None:
    told = facts(("ann", "mail", "sent", 0), ("ann", "mail", "deferred", 1))
    assert at(2, told) == DeliveryPlan((), NOON + timedelta(seconds=1 + PAUSES[0]), arrived=False)
    assert at(1 + PAUSES[0], told).tries == (Try("ann", "mail"),)


def test_what_is_refused_for_good_goes_to_the_next_point_at_once() -> None:
    told = facts(("ann", "mail", "sent", 0), ("ann", "mail", "bounced", 1))
    assert at(1, told).tries == (Try("ann", "phone"),)


def test_what_was_sent_by_one_who_died_is_sent_again() -> None:
    assert at(60, facts(("ann", "mail", "sent", 0))).tries == (Try("ann", "mail"),)


def test_where_nothing_more_can_be_tried_it_has_failed() -> None:
    told = facts(
        ("ann", "mail", "sent", 0), ("ann", "mail", "bounced", 1),
        ("ann", "phone", "sent", 2), ("ann", "phone", "bounced", 3),
    )  # fmt: skip
    failed = DeliveryPlan((), None, arrived=False)
    assert at(4, told) == failed
    assert at(0, [], Target("ann", ())) == failed
    assert plan((), [], NOON, alarm=True) == failed
    given_up = [*told, *facts(("", "", "failed", 5))]
    assert at(6, given_up).tries == ()
    assert at(7, [*given_up, *facts(("otto", "", "requeued", 6))]).tries == (Try("ann", "mail"),), "a person wants it"


def test_what_failed_is_tried_once_more_at_each_point_that_takes_messages() -> None:
    """A channel that was away for long is back."""
    tried = facts(
        ("ann", "mail", "sent", 0), ("ann", "mail", "bounced", 1),
        *((("ann", "phone", state, after)) for after in (2, 3, 4, 5, 6) for state in ("sent", "deferred")),
        ("", "", "failed", 7),
    )  # fmt: skip
    assert at(8, tried).tries == (Try("ann", "phone"),)
    again = [*tried, *facts(("ann", "phone", "sent", 8), ("ann", "phone", "deferred", 9))]
    assert at(10, again) == DeliveryPlan((), None, arrived=False)
    assert at(10, [*again, *facts(("", "", "failed", 10))]).tries == (Try("ann", "phone"),)


def test_one_who_is_reached_is_enough_and_the_others_are_tried_all_the_same() -> None:
    told = facts(("ann", "mail", "sent", 0), ("ann", "mail", "accepted", 1), ("bob", "mail", "sent", 0))
    then = at(2, told, ANN, BOB)
    assert (then.arrived, then.tries) == (True, (Try("bob", "mail"),))


def test_an_alarm_goes_to_the_next_one_when_the_first_says_nothing() -> None:
    told = facts(("ann", "mail", "sent", 0), ("ann", "mail", "accepted", 1))
    later = NEXT_PERSON.total_seconds()
    assert at(0, [], ANN, BOB, alarm=True).tries == (Try("ann", "mail"),)
    assert at(2, told, ANN, BOB, alarm=True) == DeliveryPlan((), NOON + NEXT_PERSON, arrived=True)
    assert at(later, told, ANN, BOB, alarm=True).tries == (Try("bob", "mail"),)


def test_an_alarm_does_not_wait_for_one_whom_nothing_reaches() -> None:
    told = facts(("bob", "mail", "sent", 0), ("bob", "mail", "bounced", 1))
    assert at(1, told, BOB, ANN, alarm=True).tries == (Try("ann", "mail"),)
    slow = facts(("bob", "mail", "sent", 0), ("bob", "mail", "deferred", 179))
    assert Try("ann", "mail") in at(180, slow, BOB, ANN, alarm=True).tries


def test_an_alarm_that_somebody_has_goes_to_nobody_else() -> None:
    told = facts(("ann", "mail", "sent", 0), ("ann", "mail", "accepted", 1), ("ann", "", "acknowledged", 60))
    assert at(3600, told, ANN, BOB, alarm=True) == DeliveryPlan((), None, arrived=True)


LATER = "came back later"
ANSWERS = st.sampled_from(["accepted", "deferred", "bounced", LATER, None])


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=4),
    st.lists(ANSWERS, max_size=200),
    st.booleans(),
)
def test_everybody_is_tried_until_somebody_is_reached_or_nothing_is_left(
    points: list[int], answers: list[str | None], alarm: bool
) -> None:
    """Whatever each attempt comes to (None: whoever made it died; what is accepted may come back), it ends, everybody
    whose turn came was tried, and it reaches nobody only where every point of everybody was tried in vain."""
    targets = [Target(f"p{n}", tuple(f"{n}.{each}" for each in range(many))) for n, many in enumerate(points)]
    told: list[DeliveryFact] = []
    now = NOON
    then = plan(targets, told, now, alarm=alarm)
    for _ in range(1000):
        for person, point in then.tries:
            told.append(DeliveryFact(person, point, "sent", now))
            answer = answers.pop() if answers else "deferred"
            found = {None: (), LATER: ("accepted", "bounced")}.get(answer, (answer,))
            told += [DeliveryFact(person, point, state or "", now) for state in found]
        if not then.tries:
            if then.again is None:
                break
            assert then.again > now
            now = then.again
        else:
            now += timedelta(seconds=60)
        then = plan(targets, told, now, alarm=alarm)
    assert (then.tries, then.again) == ((), None)
    back = {fact.point for fact in told if fact.state == "bounced"}
    reached = {fact.person for fact in told if fact.state == "accepted" and fact.point not in back}
    assert then.arrived == bool(reached)
    pauses = ALARM_PAUSES if alarm else PAUSES
    for target in targets:
        if target.person in reached:
            continue
        for point in target.points:
            there = [fact.state for fact in told if fact.point == point]
            assert "bounced" in there or there.count("sent") == len(pauses) + 1
