"""What is paged: each matter once, again at intervals while it stays, and that it is over."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from activities.record.watching import DueStep, EarlyNotice, KeptMatter, Matter
from application.watchdog.look import drop_told
from application.watchdog.pages import MOST, plan

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
REPEAT = timedelta(minutes=15)
KINDS = ("step_missed", "lists_stand_still")
NAMES = ("a", "b", "c")


class Duty:
    """Somebody on duty, and the matters that a watchdog keeps."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], KeptMatter] = {}
        self.open: set[tuple[str, str]] = set()
        """What they were told is wrong."""
        self.ids: dict[str, bytes] = {}

    def look(self, found: set[tuple[str, str]], at: datetime, *, arrives: bool) -> list[str]:
        """One look of a watchdog; the ids of the pages it makes."""
        for key in found:
            self.kept.setdefault(key, KeptMatter(Matter(*key, {"name": key[1]}), at, None, 0))
        told = plan([*self.kept.values()], found, at, REPEAT, 1)
        for matter in told.forget:
            del self.kept[matter[:2]]
        for page in told.pages:
            assert self.ids.setdefault(page.id, page.body) == page.body
            if not arrives:
                continue
            for matter in page.about:
                key = matter[:2]
                if page.over:
                    del self.kept[key]
                    self.open = {other for other in self.open if other[0] != page.kind}
                else:
                    kept = self.kept[key]
                    self.kept[key] = kept._replace(paged_at=at, times=kept.times + 1)
                    self.open.add(key)
        return [page.id for page in told.pages]


keys = st.tuples(st.sampled_from(KINDS), st.sampled_from(NAMES))


@given(st.lists(st.tuples(st.sets(keys), st.integers(1, 20), st.booleans()), max_size=12))
def test_what_is_wrong_is_known_as_soon_as_pages_arrive(looks: list[tuple[set[tuple[str, str]], int, bool]]) -> None:
    duty, at = Duty(), NOON
    for found, minutes, arrives in looks:
        at += timedelta(minutes=minutes)
        duty.look(found, at, arrives=arrives)
        if arrives:
            assert found <= duty.open
            # Of a kind of which nothing is left, they are told that it is over.
            assert {kind for kind, _ in duty.open} == {kind for kind, _ in found}
            assert {*duty.kept} >= found


@given(st.sets(keys, min_size=1))
def test_what_stays_is_paged_once_and_then_at_intervals(found: set[tuple[str, str]]) -> None:
    duty = Duty()
    kinds = {kind for kind, _ in found}
    paged = [duty.look(found, NOON + timedelta(minutes=minute), arrives=True) for minute in range(46)]
    assert [len(ids) for ids in paged] == [len(kinds) if minute % 15 == 0 else 0 for minute in range(46)]
    assert len({page for ids in paged for page in ids}) == 4 * len(kinds)


def test_what_did_not_arrive_is_sent_again_under_its_id() -> None:
    duty, found = Duty(), {("step_missed", "a")}
    first = duty.look(found, NOON, arrives=False)
    assert duty.look(found, NOON + timedelta(minutes=1), arrives=True) == first
    assert duty.look(found, NOON + timedelta(minutes=2), arrives=True) == []
    over = duty.look(set(), NOON + timedelta(minutes=3), arrives=False)
    assert over != first
    assert duty.look(set(), NOON + timedelta(minutes=4), arrives=True) == over
    # What comes back later is another matter.
    assert duty.look(found, NOON + timedelta(minutes=5), arrives=True) not in (first, over, [])


def test_a_flood_is_one_page_that_counts_all() -> None:
    kept = [KeptMatter(Matter("step_missed", f"{n:04}", {"n": n}), NOON, None, 0) for n in range(3 * MOST)]
    [page] = plan(kept, {each.matter[:2] for each in kept}, NOON, REPEAT, 1).pages
    body = json.loads(page.body)
    assert body["data"]["counted"] == 3 * MOST
    assert len(body["data"]["matters"]) == MOST
    assert len(page.about) == 3 * MOST


JOURNEY = uuid4()


def step(minute: int, *, journey: UUID = JOURNEY, action: str = "page", to: str = "clinician") -> DueStep:
    return DueStep(journey, f"some-{minute}", NOON + timedelta(minutes=minute), action, to)


def notice(minute: int, *, journey: UUID = JOURNEY, kind: str = "page", to: str = "clinician") -> EarlyNotice:
    return EarlyNotice(journey, kind, to, NOON + timedelta(minutes=minute))


def test_an_alarm_that_left_speaks_for_one_step_and_not_for_ever() -> None:
    long_ago = NOON - timedelta(hours=1)
    assert [*drop_told([step(0)], [notice(1)], long_ago)] == []
    assert [*drop_told([step(0), step(1)], [notice(2)], long_ago)] == [step(1)]
    assert [*drop_told([step(0), step(1)], [notice(0), notice(2)], long_ago)] == []
    for other in (notice(-1), notice(1, journey=uuid4()), notice(1, kind="remind"), notice(1, to="ops")):
        assert [*drop_told([step(0)], [other], long_ago)] == [step(0)]
    assert [*drop_told([step(0)], [notice(1)], NOON)] == [step(0)]
