"""Change over any series: against a plain oracle, for what instruments measure and for what patients rate."""

from hypothesis import given
from hypothesis import strategies as st

from tests.journey.instruments import vectors
from workflows.journey.instruments import Instrument, compare
from workflows.journey.protocol import Symptoms
from workflows.journey.stages.follow_up.trends import find_alerts

RULES = Symptoms(names=("x", "y"), highest=10, alert_at=9, worse_by=3, times_in_a_row=2)


@given(st.lists(st.integers(0, 21), min_size=2, max_size=9))
def test_words_of_change_of_the_gad_7(totals: list[int]) -> None:
    found = compare(totals, Instrument.GAD_7, vectors.GAD_7)
    assert found is not None
    assert found.change is not None
    first, last, earlier = totals[0], totals[-1], totals[:-1]
    assert ("meaningful" in found.change) == (first - last >= 4)
    assert ("reliable" in found.change) == (first - last >= 6)
    assert ("response" in found.change) == (first > 0 and last * 2 <= first)
    assert ("remission" in found.change) == (first >= 10 and last < 5)
    assert ("deterioration" in found.change) == (last - min(earlier) >= 4)
    rose = all(b > a for a, b in zip(totals[-4:], totals[-3:], strict=False))
    assert ("rising" in found.change) == (len(totals) > 3 and rose)


@given(st.lists(st.integers(0, 80), min_size=2, max_size=9))
def test_words_of_change_of_the_pcl_5(totals: list[int]) -> None:
    found = compare(totals, Instrument.PCL_5, vectors.PCL_5)
    assert found is not None
    assert found.change is not None
    first, last, earlier = totals[0], totals[-1], totals[:-1]
    assert ("meaningful" in found.change) == (first - last >= 10)
    assert ("reliable" in found.change) == (first - last >= 15)
    assert ("recovered" in found.change) == (first - last >= 15 and last <= 28 < first)
    assert ("deterioration" in found.change) == (last - min(earlier) >= 10)


@given(st.integers(0, 10), st.lists(st.integers(0, 10), max_size=10), st.integers(0, 10))
def test_ratings_that_stay_worse_always_alert_and_others_never(baseline: int, ratings: list[int], other: int) -> None:
    rated = [(f"contact-{n}", {"x": rating, "y": other}) for n, rating in enumerate(ratings)]
    found = find_alerts({"x": baseline, "y": other}, rated, RULES)
    worse = []
    for n, rating in enumerate(ratings):
        worse.append(rating >= min([baseline, *ratings[:n]]) + 3)
    for n in range(len(ratings)):
        begins = n >= 1 and worse[n] and worse[n - 1] and not (n >= 2 and worse[n - 2])
        if begins:
            assert f"contact-{n}" in found
        if max(ratings[n], other) >= 9:
            assert f"contact-{n}" in found
        elif not worse[n] or sum(worse[: n + 1]) < 2:
            assert f"contact-{n}" not in found


@given(st.lists(st.tuples(st.integers(5, 8), st.lists(st.integers(0, 2), max_size=3)), min_size=2, max_size=5))
def test_ratings_that_are_worse_and_better_in_turn_alert(course: list[tuple[int, list[int]]]) -> None:
    """Whatever comes between them: of two that are worse than the best there ever was, the second is told."""
    ratings = [rating for worse, better in course for rating in (worse, *better)]
    rated = [(f"contact-{n}", {"x": rating}) for n, rating in enumerate(ratings)]
    found = find_alerts({"x": 0}, rated, RULES)
    high = [f"contact-{n}" for n, rating in enumerate(ratings) if rating >= 5]
    assert high[0] not in found
    assert high[1] in found


@given(
    st.lists(st.integers(0, 10), min_size=1, max_size=8),
    st.integers(0, 10),
    st.integers(0, 10),
    st.integers(1, 10),
    st.integers(2, 4),
)
def test_what_alerts_also_alerts_when_it_is_worse(
    before: list[int], last: int, more: int, alert_at: int, times: int
) -> None:
    """Over pairs that differ in the last answer; and the worst answer there is never brings about nothing."""
    rules = RULES.model_copy(update={"alert_at": alert_at, "times_in_a_row": times})

    def alerting(rating: int) -> bool:
        rated = [(f"contact-{n}", {"x": each}) for n, each in enumerate([*before, rating])]
        return rated[-1][0] in find_alerts({"x": before[0]}, rated, rules)

    assert alerting(min(10, last + more)) or not alerting(last)
    assert alerting(10)
