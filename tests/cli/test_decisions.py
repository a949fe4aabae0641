"""`signoff show`: what has changed since a matter was last decided; what was decided, by whom, when, meaning what."""

import json
from datetime import timedelta
from typing import Any

import pytest

from deploy.local.postgres import Database
from simulation.people import PEOPLE
from tests.cli.helpers import Answer, World, call
from tests.journey.play import JOURNEY, Play, before
from tests.signatures.recorded import history
from workflows.journey import commands as c
from workflows.journey.always.sign_offs.model import SignOff
from workflows.journey.events import SignedOff
from workflows.journey.protocol import SignOffKind
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import digest

OTHERWISE = "one more (invented)"


@pytest.fixture
def world(migrated: Database) -> World:
    return World(migrated)


def put(world: World, play: Play) -> None:
    """Record this play, which began in the undisturbed course, as far as it is not recorded yet."""
    start = play.events[0].version if play.events else play.journey.version + 1
    whole = [event for event in history() if event.version < start] + play.events
    world.put(JOURNEY, whole[len(world.events(JOURNEY)) :])
    assert world.state(JOURNEY) == play.journey


def shown(world: World, play: Play, request: str, *words: str) -> Answer:
    """What is shown of a request in this play."""
    put(world, play)
    return call(world, "signoff", "show", str(JOURNEY), request, *words)


def as_json(world: World, play: Play, request: str) -> Any:
    answer = shown(world, play, request, "--json")
    assert answer.code == 0, answer.err
    return answer.json


def asked() -> Play:
    return before("signoff.sign")


def decided(play: Play, kind: SignOffKind) -> SignOff:
    return next(s for s in reversed(play.journey.sign_offs) if s.kind == kind)


def amend(play: Play, section: str) -> Play:
    correction = c.RecordEvaluation(sections={section: OTHERWISE})
    play.later(minutes=1).do(
        c.Amend(
            version=play.version_of("evaluation.recorded"), reason="letter arrived (invented)", correction=correction
        )
    )
    confirmed = c.ConfirmCorrection(correction=next(iter(play.journey.unconfirmed)), reason="compared (invented)")
    play.do(confirmed, Role.MEDICAL_DIRECTOR)
    return play


def amended() -> Play:
    """Everything was signed, up to the plan; then the evaluation was corrected, and asked for again."""
    return amend(before("session.check"), "past_diagnoses")


def test_a_first_request_has_nothing_before_it(world: World) -> None:
    play = asked()
    found = as_json(world, play, play.request(SignOffKind.EVALUATION).id)
    assert (found["changes"], found["superseded"], found["compared_with"], found["untold"]) == ([], [], None, None)
    assert digest(found["evidence"]) == found["evidence_hash"]


def test_what_changed_since_it_was_asked_for(world: World) -> None:
    play = asked()
    old, was = play.request(SignOffKind.EVALUATION), play.journey.evaluation.sections["overall_needs"]
    play.later(hours=1).do(c.RecordEvaluation(sections={"overall_needs": OTHERWISE}))
    new = play.request(SignOffKind.EVALUATION)
    found = as_json(world, play, new.id)
    changed = {change["path"]: (change["then"], change["now"]) for change in found["changes"]}
    assert changed.pop("evaluation.recorded_at")
    assert changed == {"evaluation.sections.overall_needs": (was, OTHERWISE)}
    assert found["compared_with"] == old.id
    [before_] = found["superseded"]
    assert (before_["request"], before_["evidence_hash"], before_["decided"]) == (old.id, old.evidence, None)
    people = shown(world, play, new.id).out
    assert f"evaluation › sections › overall needs: now “{OTHERWISE}”; it was “{was}”" in people
    printed = people[people.index("\n{") : people.rindex("}") + 1]
    assert digest(json.loads(printed)) == new.evidence


def test_what_changed_since_it_was_decided(world: World) -> None:
    """Compared with what somebody decided on, not with a request in between that nobody did."""
    play = amended()
    mine = decided(play, SignOffKind.EVALUATION)
    amend(play, "overall_needs")
    found = as_json(world, play, play.request(SignOffKind.EVALUATION).id)
    assert found["compared_with"] == mine.request
    paths = {change["path"] for change in found["changes"]}
    assert {"evaluation.sections.past_diagnoses", "evaluation.sections.overall_needs"} <= paths
    first, second = found["superseded"]
    assert (first["decided"]["name"], first["decided"]["meaning"]) == (mine.name, mine.meaning)
    assert (first["decided"]["at"], first["decided"]["standing"]) == (mine.at.isoformat(), "superseded")
    assert second["decided"] is None
    people = shown(world, play, play.request(SignOffKind.EVALUATION).id).out
    assert mine.name in people
    assert mine.meaning in people


def test_what_is_named_by_its_hash_is_followed(world: World) -> None:
    """The plan rests on the eligibility, and that on the evaluation: what changed down there is told in words."""
    play = amended()
    play.sign(SignOffKind.EVALUATION)
    play.sign(SignOffKind.ELIGIBILITY, choice="at_home")
    request = play.request(SignOffKind.PLAN)
    found = as_json(world, play, request.id)
    changed = {change["path"]: change["now"] for change in found["changes"]}
    assert changed["eligibility.evaluation.sections.past_diagnoses"] == OTHERWISE
    assert not any(isinstance(now, str) and len(now) == 64 for now in changed.values())
    assert (
        f"eligibility › evaluation › sections › past diagnoses: now “{OTHERWISE}”" in shown(world, play, request.id).out
    )


def test_a_list_that_grew_is_told_by_what_came_to_it(world: World) -> None:
    play = asked()
    play.sign(SignOffKind.EVALUATION, decision="return", rationale="which medicines?")
    returned = decided(play, SignOffKind.EVALUATION)
    play.do(c.AnswerReturned(request=returned.request, text="none (invented)"))
    found = as_json(world, play, play.request(SignOffKind.EVALUATION).id)
    assert found["changes"] == [{"path": "answers", "then": [], "now": ["none (invented)"]}]
    assert found["superseded"][0]["decided"]["decision"] == "return"


def test_a_decided_request_shows_the_decision(world: World) -> None:
    play = asked()
    request = play.request(SignOffKind.EVALUATION)
    play.sign(SignOffKind.EVALUATION)
    mine = decided(play, SignOffKind.EVALUATION)
    play.do(c.AddAddendum(request=request.id, text="see also the letter (invented)"))
    event = next(each for each in play.events if isinstance(each.body, SignedOff))
    assert isinstance(event.body, SignedOff)
    found = as_json(world, play, request.id)
    assert digest(found["evidence"]) == found["evidence_hash"] == request.evidence
    assert found["decided"] == {
        "decision": "approve",
        "choice": None,
        "meaning": mine.meaning,
        "name": mine.name,
        "by": mine.by,
        "role": mine.role.value,
        "at": mine.at.isoformat(),
        "standing": "standing",
        "licence": mine.licence.model_dump(mode="json"),
        "rationale": "because",
        "referral": None,
        "version": mine.version,
        "key_id": event.body.signature.key_id,
        "signed_at": event.body.signature.signed_at.isoformat(),
        "took_effect": False,
        "withdrawn": None,
        "addenda": [found["decided"]["addenda"][0]],
    }
    assert found["decided"]["addenda"][0]["text"] == "see also the letter (invented)"
    assert (found["changes"], found["superseded"]) == ([], [])
    people = shown(world, play, request.id).out
    # 21 CFR 11.50(b): the printed name, the date and time, and the meaning.
    for told in (mine.name, f"{play.at:%Y-%m-%d}", mine.meaning, mine.licence.number, "it is valid", "see also"):
        assert told in people
    assert "ILLUSTRATIVE" in people


def test_a_decision_that_was_superseded_says_by_what(world: World) -> None:
    play = amended()
    mine = decided(play, SignOffKind.PLAN)
    found = as_json(world, play, mine.request)
    assert found["decided"]["standing"] == "superseded"
    changed = {change["path"]: change["now"] for change in found["changes"]}
    assert changed["eligibility.evaluation.sections.past_diagnoses"] == OTHERWISE
    assert found["compared_with"] == mine.request
    assert "it is superseded" in shown(world, play, mine.request).out


def test_a_decision_that_was_withdrawn_says_by_whom_and_why(world: World) -> None:
    play = asked()
    play.sign(SignOffKind.EVALUATION)
    mine = decided(play, SignOffKind.EVALUATION)
    play.later(minutes=2).do(c.WithdrawSignOff(request=mine.request, reason="on reflection (invented)"))
    found = as_json(world, play, mine.request)["decided"]
    assert found["standing"] == "withdrawn"
    assert found["withdrawn"] == {"at": play.at.isoformat(), "by": mine.by, "reason": "on reflection (invented)"}
    assert "on reflection" in shown(world, play, mine.request).out
    again = as_json(world, play, play.request(SignOffKind.EVALUATION).id)
    assert [change["path"] for change in again["changes"]] == ["withdrawn_before"]
    assert again["superseded"][0]["decided"]["standing"] == "withdrawn"


def test_two_signatures_stand_together(world: World) -> None:
    play = before("session.schedule")
    play.do(c.ReportAdverseEvent(what="x (invented)", grade=3, serious=False, onset=play.at), Role.PATIENT)
    play.sign(SignOffKind.SERIOUS_ADVERSE_EVENT, "adverse-event-1")
    play.sign_once(SignOffKind.SEVERE_HOLD_RELEASE, "hold-1")
    first = decided(play, SignOffKind.SEVERE_HOLD_RELEASE)
    assert as_json(world, play, first.request)["decided"]["standing"] == "waits_for_second"
    asked_again = as_json(world, play, play.request(SignOffKind.SEVERE_HOLD_RELEASE, "hold-1").id)
    assert (asked_again["superseded"], asked_again["changes"]) == ([], [])
    assert asked_again["second_person"]
    play.sign_once(SignOffKind.SEVERE_HOLD_RELEASE, "hold-1")
    second = decided(play, SignOffKind.SEVERE_HOLD_RELEASE)
    assert second.by != first.by
    for request in (first.request, second.request):
        made = as_json(world, play, request)["decided"]
        assert made["standing"] == "standing"
    assert as_json(world, play, second.request)["decided"]["took_effect"]
    assert as_json(world, play, second.request)["evidence"]["first"]["by"] == first.by


def test_a_decision_whose_evidence_was_changed_under_it_is_not_shown_as_one(world: World) -> None:
    events = history()
    first = next(event for event in events if isinstance(event.body, SignedOff))
    assert isinstance(first.body, SignedOff)
    forged = first.model_copy(update={"body": first.body.model_copy(update={"evidence": "0" * 64})})
    world.put(JOURNEY, [forged if event is first else event for event in events])
    answer = call(world, "signoff", "show", str(JOURNEY), first.body.request, "--json")
    assert (answer.code, "record verify" in answer.error["remedy"]) == (7, True)
    assert answer.out == ""


@pytest.mark.parametrize("request_id", ["plan:00000000000000000000", "nothing"])
def test_what_was_never_asked_for(world: World, request_id: str) -> None:
    assert shown(world, asked(), request_id, "--json").code == 3


def test_where_a_journey_stands_tells_which_decisions_count(world: World) -> None:
    play = amended()
    play.do(
        c.Delegate(
            to="demo-colleague",
            sign_offs=(SignOffKind.EVALUATION,),
            until=play.at + timedelta(days=14),
            reason="on leave (invented)",
        )
    )
    world.at = play.at
    put(world, play)
    people = call(world, "pathway", "show", str(JOURNEY)).out
    assert "superseded" in people
    assert PEOPLE[Role.CLINICIAN].name in people  # type: ignore[operator]
    assert "demo-colleague" in people
