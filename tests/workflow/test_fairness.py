"""What waits is taken in turn: nobody waits longer because another sends much."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.people import PEOPLE
from tests.faults.helpers import command
from workflows import signals
from workflows.fairness import AT_ONCE, Rank, drop_taken, sort_by_turn
from workflows.journey import commands as c
from workflows.journey.vocabulary.actors import Role
from workflows.signals import Signal, Signals, Unchecked, is_crowded, keep_in_short, take_signal

WAITING = st.lists(st.tuples(st.sampled_from(Rank), st.sampled_from(["", "ada", "ben", "cy"])), max_size=60)
MOVE = c.Move(zone="America/New_York", state="NY")


def made(waiting: list[tuple[Rank, str]]) -> list[Signal]:
    return [Signal(name=str(number), size=1, rank=rank, sender=who) for number, (rank, who) in enumerate(waiting)]


@given(WAITING)
def test_each_is_taken_once_urgent_first_and_in_the_order_of_its_sender(waiting: list[tuple[Rank, str]]) -> None:
    signals = made(waiting)
    taken = sort_by_turn(signals)
    assert sorted(int(one.name) for one in taken) == list(range(len(signals)))
    if max(Counter((one.rank, one.sender) for one in signals).values(), default=0) <= AT_ONCE:
        assert [one.rank for one in taken] == sorted(one.rank for one in taken)
    for who in {one.sender for one in signals}:
        for rank in Rank:
            theirs = [int(one.name) for one in taken if (one.sender, one.rank) == (who, rank)]
            assert theirs == sorted(theirs)
    assert drop_taken(signals, taken[:5]) == [one for one in signals if one not in taken[:5]]


@given(WAITING, st.integers(1, 300), st.sampled_from(Rank))
def test_a_flood_delays_others_by_one_turn_each(waiting: list[tuple[Rank, str]], flood: int, rank: Rank) -> None:
    """However much one sender sends before them, what others sent is behind at most one of it for each of theirs."""
    signals, before = made(waiting), made([(rank, "flood")] * flood)
    taken = sort_by_turn([*before, *signals])
    alone = sort_by_turn(signals)
    assert [one for one in taken if one.sender != "flood"] == alone
    turn: dict[tuple[Rank, str], int] = {}
    for one in alone:
        nth = turn[one.rank, one.sender] = turn.get((one.rank, one.sender), 0) + 1
        ahead = sum(each.sender == "flood" for each in taken[: taken.index(one)])
        if nth <= AT_ONCE:
            assert ahead <= (nth if one.rank == rank else AT_ONCE if one.rank > rank else 0)


@given(WAITING, st.integers(0, 300), st.sampled_from(Rank))
def test_who_has_the_keys_goes_before_who_has_not(waiting: list[tuple[Rank, str]], flood: int, rank: Rank) -> None:
    """However many strangers call before them: what the service let in is behind one of theirs less than it is the nth
    of its sender, and the first behind none of its rank."""
    taken = sort_by_turn([*made([(rank, "")] * flood), *made(waiting)])
    turn: Counter[tuple[Rank, str]] = Counter()
    for number, one in enumerate(taken):
        if one.sender and turn[one.rank, one.sender] < AT_ONCE:
            ahead = sum(not each.sender and each.rank == one.rank for each in taken[:number])
            assert ahead <= turn[one.rank, one.sender]
        turn[one.rank, one.sender] += 1


def raw(sent: c.Command | bytes) -> tuple[bytes]:
    return (sent if isinstance(sent, bytes) else sent.model_dump_json().encode(),)


TAKEN: dict[str, tuple[c.Command | bytes, Rank]] = {
    "a hold": (command(c.PlaceHold(reason="invented")), Rank.URGENT),
    "a report of harm": (
        command(c.ReportAdverseEvent(what="invented", grade=4, serious=False, onset=datetime(2026, 3, 2, tzinfo=UTC))),
        Rank.URGENT,
    ),
    "a call for help": (command(c.RequestSupport(urgency="urgent", text="invented")), Rank.URGENT),
    "a move": (command(MOVE), Rank.READABLE),
    "noise": (b"noise", Rank.REST),
    "nothing": (b"", Rank.REST),
}


@pytest.mark.parametrize("what", TAKEN)
@pytest.mark.parametrize("authentic", [True, False])
def test_what_is_urgent_is_seen_as_it_comes_and_who_sent_it_only_with_the_keys(what: str, authentic: bool) -> None:
    sent, rank = TAKEN[what]
    signal = take_signal("command", raw(sent), authentic=authentic, waiting=Signals())
    assert (signal.rank, signal.authentic) == (rank, authentic)
    assert signal.sender == (PEOPLE[Role.COORDINATOR].id if authentic and isinstance(sent, c.Command) else "")


def test_nobody_takes_the_room_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "SENDER_BYTES", 3000)
    monkeypatch.setattr(signals, "SENDER_WAITING", 5)
    waiting = Signals()
    for _ in range(20):
        signal = take_signal("noise", raw(b"x" * 1000), authentic=False, waiting=waiting)
        if not waiting.is_crowded(signal):
            waiting.add(signal)
    assert [one.held for one in waiting.waiting] == [1000] * 3 + [0] * 2
    for sent, authentic in ((command(MOVE), True), (command(MOVE, Role.CLINICIAN), True), (command(MOVE), False)):
        signal = take_signal("command", raw(sent), authentic=authentic, waiting=waiting)
        assert signal.held
        assert not waiting.is_crowded(signal)
    urgent = take_signal("command", raw(TAKEN["a hold"][0]), authentic=False, waiting=waiting)
    assert urgent.held
    assert not waiting.is_crowded(urgent), "strangers who flood keep no hold out"


def test_what_is_beyond_the_room_is_kept_in_short() -> None:
    signal = take_signal("noise", raw(b"noise"), authentic=False, waiting=Signals())
    large = take_signal("noise", raw(b"x" * 100_000), authentic=False, waiting=Signals())
    for one in (signal, large):
        assert f"{one.size} bytes, SHA-256 " in keep_in_short(one).content
    assert keep_in_short(signal) != keep_in_short(large)


def test_who_claims_to_be_another_does_not_delay_them() -> None:
    forged = [Unchecked(command=command(MOVE)) for _ in range(50)]
    genuine = Unchecked(command=command(MOVE), authentic=True)
    assert genuine in sort_by_turn([*forged, genuine])[:2]
    assert not is_crowded(forged, genuine)


def test_what_waits_to_be_checked_is_bounded_by_its_size_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "SENDER_BYTES", 3000)
    forged = [Unchecked(command=command(MOVE), size=1000) for _ in range(2)]
    one, genuine = (Unchecked(command=command(MOVE), size=1001, authentic=authentic) for authentic in (False, True))
    assert is_crowded(forged, one)
    assert not is_crowded(forged, one.model_copy(update={"size": 1000}))
    assert not is_crowded(forged, genuine)


def test_what_is_read_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "SENDER_WAITING", 2)
    one = take_signal("noise", raw(b"noise"), authentic=False, waiting=Signals())
    other = one.model_copy()
    waiting = Signals([one, other])
    assert waiting.is_crowded(one)
    waiting.remove([one])
    assert (waiting.waiting, waiting.is_crowded(one)) == ([other], False)
    waiting.remove([other])
    assert (waiting.bytes, waiting.is_crowded(one)) == (0, False)
