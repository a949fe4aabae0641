"""Each fact holds care by itself: a release that was signed before a second fact of the same kind covers none of it."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.people import checklist
from tests.journey.play import Play, after, before
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.always.patient.model import Elsewhere, KnownRisk
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.clinical import KnownDose
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode

Facts = Callable[[Play], Iterator[list[e.EventBody]]]
SOURCE = UUID("33333333-3333-4333-8333-333333333333")


def concerns(play: Play) -> Iterator[list[e.EventBody]]:
    for minutes in (30, 20, 10):
        checked = play.at - timedelta(minutes=minutes)
        form = c.RecordMonitoringCheck(state="CA", checked_at=checked, concern=True, found="invented")
        yield play.do(form, Role.CLINICIAN)


def counts(play: Play) -> Iterator[list[e.EventBody]]:
    for doses in (1, 1, 5):
        yield play.do(c.CountSupply(doses=doses, counted_at=play.at), Role.COORDINATOR)


def losses(play: Play) -> Iterator[list[e.EventBody]]:
    for _ in range(3):
        yield play.do(c.MoveSupply(movement="lost", doses=1, moved_at=play.at), Role.PATIENT)


def take_in(play: Play, **said: object) -> list[e.EventBody]:
    return play.do(c.TakeInHistory(elsewhere=Elsewhere.model_validate(said), position=len(play.events) + 7), CLOCK)


def doses_elsewhere(play: Play) -> Iterator[list[e.EventBody]]:
    known: list[KnownDose] = []
    for hours in (5, 3, 1):
        taken = play.at - timedelta(hours=hours)
        known.append(KnownDose(source=uuid5(SOURCE, f"{hours}"), taken_at=taken, dose_mg=50, route="oral"))
        yield take_in(play, doses=known)


def risks_elsewhere(play: Play) -> Iterator[list[e.EventBody]]:
    known: list[KnownRisk] = []
    for number in range(3):
        source = uuid5(SOURCE, f"risk-{number}")
        known.append(KnownRisk(source=source, type="hold", what="placed_by_hand", since=play.at, open=True))
        yield take_in(play, risks=known)


def partings(play: Play) -> Iterator[list[e.EventBody]]:
    own = play.journey.patient.ref
    take_in(play, also_known_as=["a", "b", "d", own])
    for left in (["b", "d", own], ["d", own], []):
        yield take_in(play, also_known_as=left)


def scores(play: Play) -> Iterator[list[e.EventBody]]:
    """Worse three times in a row, by two questionnaires."""
    for instrument, answers in (("PCL-5", [4] * 20), ("PHQ-9", [3] * 8 + [0]), ("PCL-5", [4] * 20)):
        form = {"instrument": instrument, "occasion": "unscheduled", "answers": answers}
        said = c.RecordInstrument.model_validate(form)
        yield [*play.do(said, Role.PATIENT), *play.do(said, Role.PATIENT)]


FACTS: dict[str, tuple[Callable[[], Play], Facts]] = {
    "a concern of the monitoring program": (lambda: before("session.check"), concerns),
    "a count that does not add up": (lambda: before("session.check"), counts),
    "doses that were lost": (lambda: before("session.check"), losses),
    "a dose elsewhere": (lambda: before("session.check"), doses_elsewhere),
    "a risk elsewhere": (lambda: before("session.check"), risks_elsewhere),
    "a patient who is somebody else": (lambda: after("evaluation.record"), partings),
    "a score that is worse again": (lambda: before("session.check", 2), scores),
}


def prepared(play: Play) -> list[tuple[SignOffKind, str, c.Sign]]:
    """The releases of all holds that stand, each signed over what there is now."""
    kinds = {hold.id: SignOffKind.SEVERE_HOLD_RELEASE if hold.severe else SignOffKind.HOLD_RELEASE
             for hold in play.journey.standing_holds}  # fmt: skip
    return [(kind, name, play.signature(kind, name)) for name, kind in kinds.items()]


@pytest.mark.requirement("A16")
@pytest.mark.parametrize("fact", FACTS)
@given(signed_after=st.integers(1, 2))
def test_a_release_covers_no_fact_that_came_after_it(fact: str, signed_after: int) -> None:
    begin, facts = FACTS[fact]
    play, releases = begin(), []
    for number, followed in enumerate(facts(play), 1):
        seen = [body for body in followed if isinstance(body, e.HoldPlaced | e.SupportRequested)]
        assert seen, f"{fact}, number {number}: seen by nobody"
        if number == signed_after:
            releases = prepared(play)
        if number == signed_after + 1:
            break
    for kind, name, release in releases:
        decided = play.take(play.command(release, Role.MEDICAL_DIRECTOR))
        if not isinstance(decided, Refusal) and play.asks_for(kind, name):
            play.sign_once(kind, name)
    assert play.journey.held, fact


def test_what_was_found_is_named_where_the_release_is_signed() -> None:
    """Two partings at once are one fact of the undoing here; who releases its hold sees all whom they concern."""
    play = after("evaluation.record")
    play.do(c.ProposeMerge(other="b", reason="invented"), Role.COORDINATOR)
    play.sign(SignOffKind.PATIENT_MERGE, "merge-1")
    take_in(play, also_known_as=["b", "c", play.journey.patient.ref])
    play.do(c.ProposeUnmerge(merge="merge-1", reason="invented"), Role.COORDINATOR)
    play.sign(SignOffKind.PATIENT_UNMERGE, "merge-1")
    [hold] = play.journey.standing_holds
    early = play.signature(SignOffKind.SEVERE_HOLD_RELEASE, hold.id)
    take_in(play)
    assert [each.id for each in play.journey.standing_holds] == [hold.id], "the same fact"
    assert {*play.journey.parted} == {"b", "c"}
    assert isinstance(play.take(play.command(early, Role.MEDICAL_DIRECTOR)), Refusal)
    play.sign(SignOffKind.SEVERE_HOLD_RELEASE, hold.id)
    assert not play.journey.held


@pytest.mark.parametrize(("before_", "after_"), [(165, 165), (165, 205), (205, 165)])
def test_a_no_go_is_lifted_over_the_checklist_as_it_was_recorded_last(before_: int, after_: int) -> None:
    play = before("session.check")

    def checked(systolic: int) -> None:
        measured = c.Vitals(systolic=systolic, diastolic=90, measured_at=play.at)
        form = checklist(play.journey, 1, play.at).model_copy(update={"vitals": measured})
        play.do(form, Role.SESSION_MONITOR)

    kinds_of = {False: SignOffKind.HOLD_RELEASE, True: SignOffKind.SEVERE_HOLD_RELEASE}
    checked(before_)
    [hold] = play.journey.standing_holds
    early = play.signature(kinds_of[hold.severe], hold.id)
    play.later(minutes=1)
    checked(after_)
    by = Role.MEDICAL_DIRECTOR if hold.severe else Role.CLINICIAN
    play.refused(early, by, code=RefusalCode.STALE, field="request")
    for each in play.journey.standing_holds:
        play.sign(kinds_of[each.severe], each.id)
    assert not play.journey.held


@pytest.mark.parametrize(("answers", "acts"), [([4] * 6, True), ([4, 4, 4, 4, 4, 0], True), ([2] * 6, False)])
def test_dissociation_acts_by_whatever_form_it_is_told(answers: list[int], acts: bool) -> None:
    play = before("session.check")
    form = c.RecordInstrument.model_validate({"instrument": "CADSS-6", "occasion": "unscheduled", "answers": answers})
    followed = play.do(form, Role.CLINICIAN)
    assert any(isinstance(body, e.HoldPlaced) and body.cause == "session_alert" for body in followed) is acts
    assert any(isinstance(body, e.SupportRequested) and body.urgency == "urgent" for body in followed) is acts
