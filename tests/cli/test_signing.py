"""Signing: what is shown is what is bound, by whom the profile says, with the protocol's meaning."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.record import StoredEvent
from activities.record.event_codec import apply_stored
from activities.signatures.keys import PrivateKey, session_mark
from activities.signatures.verifying import SignatureProblem, check
from application.caches import histories
from application.reading import history
from cli import signoff
from simulation.keys import Signers
from simulation.people import PEOPLE, scope_of
from tests.cli.conftest import Profiles
from tests.cli.helpers import Answer, World, call
from tests.journey.play import Play
from workflows.journey.aggregate import Journey
from workflows.journey.always.sign_offs.hold_releases import release_obstacles
from workflows.journey.always.sign_offs.statements import of_command
from workflows.journey.commands import Command, Delegate, ReportAdverseEvent, Sign
from workflows.journey.events import Event
from workflows.journey.requirements import Obligation
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import digest

WHY = {"rationale": "Invented: weighed case by case"}
ANOTHER_ID = "6a0a1c8e-3f5e-4b7c-9d5a-222222222222"


def until_asked(world: World, journey: UUID, sign_off: str) -> str:
    """Play the journey, past the command line, until this is to be signed; the request's id."""
    play = Play(world.state(journey), world.at).go_on(lambda state: asked(state, sign_off) is not None)
    world.at = play.at
    world.put(journey, play.events)
    request = asked(play.journey, sign_off)
    assert request is not None
    return request.id


def asked(journey: Journey, sign_off: str) -> Obligation | None:
    return next((waiting for waiting in journey.waiting.values() if waiting.sign_off == sign_off), None)


@pytest.fixture
def request_id(world: World, journey: UUID) -> str:
    return until_asked(world, journey, "eligibility")


@pytest.fixture
def clinician(profiles: Profiles, keys: Signers) -> tuple[str, str]:
    return ("--profile", profiles[Role.CLINICIAN])


def test_list_and_show(world: World, journey: UUID, request_id: str, profiles: Profiles) -> None:
    world.project()
    for of in ((str(journey),), ()):
        [listed] = call(world, "signoff", "list", *of, "--json").json
        assert listed["request"] == request_id
        assert listed["journey_id"] == str(journey)
    for role, count in ((Role.MEDICAL_DIRECTOR, 1), (Role.COORDINATOR, 0)):
        mine = call(world, "signoff", "list", "--mine", "--profile", profiles[role], "--json").json
        assert len(mine) == count
    told = " ".join(call(world, "signoff", "show", str(journey), request_id).out.split())
    assert "to approve What follows depends on your choice." in told
    assert "to choose at home The patient may be treated at home." in told
    shown = call(world, "signoff", "show", str(journey), request_id, "--json").json
    assert digest(shown["evidence"]) == shown["evidence_hash"]
    code = shown["short_code"].replace("-", "")
    assert request_id.endswith(f":{code}")
    assert not shown["evidence_hash"].startswith(code), "who reads the id cannot try a guess at the evidence"
    assert shown["choices"] == ["at_home", "in_clinic", "neither"]
    assert shown["meaning"] == "setting_decided"
    people = call(world, "signoff", "show", str(journey), request_id)
    assert "ILLUSTRATIVE" in people.out
    printed = people.out[people.out.index("\n{") : people.out.rindex("}") + 1]
    assert digest(json.loads(printed)) == shown["evidence_hash"]


def test_a_signature_binds_what_was_shown(
    world: World, journey: UUID, request_id: str, clinician: tuple[str, str], keys: Signers
) -> None:
    shown = call(world, "signoff", "show", str(journey), request_id, "--json").json
    words = ("signoff", "approve", str(journey), request_id, "--choice", "at_home", "--evidence", shown["short_code"])
    answer = call(world, *words, *clinician, given=WHY)
    assert answer.code == 0, answer.err
    assert shown["evidence_hash"] in answer.out
    [command] = world.received
    person = PEOPLE[Role.CLINICIAN]
    assert command.actor.model_copy(update={"clinics": person.clinics}) == person
    assert isinstance(command.body, Sign)
    signature = command.body.signature
    assert signature is not None
    assert command.body == Sign(
        request=request_id,
        decision="approve",
        meaning="setting_decided",
        evidence=shown["evidence_hash"],
        choice="at_home",
        rationale=WHY["rationale"],
        signature=signature,
    )
    statement = of_command(journey, scope_of(journey), command.body, command.actor, signature)
    assert check(statement, signature, keys.register.current(), at=world.at, scope=statement.scope) is None
    [*_, signed] = world.state(journey).sign_offs
    assert (signed.by, signed.name, signed.meaning) == (person.id, person.name, "setting_decided")


def test_one_walk_reads_each_thing_once(
    world: World, journey: UUID, request_id: str, clinician: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the command to what is shown at its end: settings, record and Temporal once, and each event once."""
    opened: Counter[str] = Counter()
    parsed: list[int] = []

    def count(name: str) -> None:
        of_world = getattr(world, name)

        def counted(*given: Any) -> Any:
            opened[name] += 1
            return of_world(*given)

        monkeypatch.setattr(world, name, counted)

    def parse(stored: StoredEvent, before: Journey | None) -> tuple[Event, Journey]:
        parsed.append(stored.version)
        return apply_stored(stored, before)

    for name in ("load_settings", "record", "connect"):
        count(name)
    for module in (histories, history):
        monkeypatch.setattr(module, "apply_stored", parse)
    words = ("signoff", "approve", str(journey), request_id, "--choice", "at_home", *clinician, "--json")
    answer = call(world, *words, given=WHY)
    assert answer.code == 0, answer.err
    assert opened == {"load_settings": 1, "record": 1, "connect": 1}
    assert parsed == [event.version for event in world.events(journey)]


@pytest.mark.parametrize(
    ("form", "more", "code", "field"),
    [
        (WHY, (), 5, "choice"),
        (WHY | {"choice": "moon"}, (), 5, "choice"),
        ({"choice": "at_home"}, (), 5, "rationale"),
        (WHY | {"choice": "in_clinic"}, (), 5, "referral"),
        (WHY | {"choice": "at_home"}, ("--choice", "neither"), 2, "choice"),
        (WHY | {"meaning": "setting_decided"}, (), 2, "meaning"),
        (WHY | {"signer": "demo-clinician"}, (), 2, "signer"),
        (WHY | {"choice": 7}, (), 2, "choice"),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    world: World,
    journey: UUID,
    request_id: str,
    clinician: tuple[str, str],
    form: dict[str, object],
    more: tuple[str, ...],
    code: int,
    field: str,
) -> None:
    answer = call(world, "signoff", "approve", str(journey), request_id, *more, *clinician, "--json", given=form)
    assert answer.code == code
    assert field in answer.fields


def test_other_evidence_than_read(world: World, journey: UUID, request_id: str, clinician: tuple[str, str]) -> None:
    words = ("signoff", "approve", str(journey), request_id, "--evidence", "0" * 20, *clinician, "--json")
    answer = call(world, *words, given=WHY | {"choice": "at_home"})
    assert answer.code == 5
    assert world.received == []


@pytest.mark.parametrize("role", [Role.COORDINATOR, Role.PATIENT, Role.OPS, Role.ON_CALL_CLINICIAN])
def test_only_who_the_protocol_names(
    world: World, journey: UUID, request_id: str, profiles: Profiles, role: Role
) -> None:
    words = ("signoff", "approve", str(journey), request_id, "--profile", profiles[role], "--json")
    answer = call(world, *words, given=WHY | {"choice": "at_home"})
    assert answer.code == 4
    assert "clinician" in answer.error["reason"] + answer.error["remedy"]
    assert world.received == []


@pytest.mark.parametrize("decision", ["decline", "return"])
def test_declining_and_returning(
    world: World, journey: UUID, request_id: str, clinician: tuple[str, str], decision: str
) -> None:
    words = ("signoff", decision, str(journey), request_id, *clinician, "--json")
    assert call(world, *words).code == 5
    form = WHY | ({"referral": "Invented: the clinic downtown"} if decision == "decline" else {})
    assert call(world, *words, given=form).code == 0
    assert world.state(journey).sign_offs[-1].decision == decision


def test_decided_superseded_and_unknown_requests(
    world: World, journey: UUID, request_id: str, clinician: tuple[str, str]
) -> None:
    unknown = call(world, "signoff", "show", str(journey), "plan:00000000000000000000", "--json")
    assert unknown.code == 3
    superseded = call(world, "signoff", "show", str(journey), "eligibility:00000000000000000000", "--json")
    assert superseded.code == 5
    assert request_id in superseded.error["remedy"]
    words = ("signoff", "approve", str(journey), request_id, *clinician, "--json")
    once = (*words, "--command-id", ANOTHER_ID)
    assert call(world, *once, given=WHY | {"choice": "at_home"}).code == 0
    assert call(world, *words, given=WHY | {"choice": "at_home"}).code == 5
    again = call(world, *once, given=WHY | {"choice": "at_home"})
    assert (again.code, again.json["outcome"]) == (0, "recorded")
    reused = call(world, "signoff", "decline", *words[2:], "--command-id", ANOTHER_ID, given=WHY)
    assert reused.code == 5
    assert len(world.received) == 1


@pytest.mark.parametrize(("said", "code"), [("y", 0), ("n", 1), ("", 1)], ids=["yes", "no", "nothing"])
def test_a_person_at_a_terminal_is_asked(
    world: World,
    journey: UUID,
    request_id: str,
    clinician: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
    code: int,
) -> None:
    monkeypatch.setattr(signoff, "at_terminal", lambda: True)
    form = tmp_path / "form.json"
    form.write_text("{}")
    words = ("signoff", "approve", str(journey), request_id, *clinician, "--file", str(form))
    world.answers = ["at_home", "Invented: weighed case by case", said]
    answer = call(world, *words)
    assert answer.code == code
    assert "setting_decided" in answer.out
    assert "Clio Invented, MD (clinician demo-clinician) signs: approve" in world.questions[2]
    assert bool(world.received) == (code == 0)
    world.questions.clear()
    quick = call(world, *words, "--yes", "--choice", "at_home")
    assert quick.code == 5
    assert world.questions == []


def test_a_dry_run_signs_nothing(world: World, journey: UUID, request_id: str, clinician: tuple[str, str]) -> None:
    words = ("signoff", "approve", str(journey), request_id, *clinician, "--dry-run", "--json")
    answer = call(world, *words, given=WHY | {"choice": "at_home"})
    assert answer.code == 0
    assert answer.json["events"][0]["kind"] == "signoff.signed"
    assert call(world, *words, given=WHY).code == 5
    assert world.received == []


def test_a_session_of_signing_asks_for_everything_once(
    world: World, journey: UUID, request_id: str, clinician: tuple[str, str]
) -> None:
    words = ("signoff", "sign", str(journey), request_id, "--decision", "return", "--print", *clinician)
    asked = []
    for minutes in (0, 9, 9, 11):
        world.at += timedelta(minutes=minutes)
        world.questions.clear()
        assert call(world, *words, given=WHY).code == 0
        asked.append([question for question in world.questions if "id" in question or "Passphrase" in question])
    everything, passphrase = asked[0], asked[1]
    assert (len(everything), len(passphrase)) == (2, 1)
    assert asked == [everything, passphrase, passphrase, everything]
    world.person, world.at = "somebody-else", world.at + timedelta(hours=1)
    assert call(world, *words, "--json", given=WHY).code == 1


def test_a_printed_decision_counts_for_what_it_says(
    world: World, journey: UUID, request_id: str, clinician: tuple[str, str], keys: Signers
) -> None:
    words = ("signoff", "sign", str(journey), request_id, "--decision", "approve", "--choice", "at_home", "--print")
    printed = call(world, *words, *clinician, given=WHY)
    assert printed.code == 0
    assert world.received == []
    command = Command.model_validate(printed.json)
    assert isinstance(command.body, Sign)
    assert command.body.signature is not None
    statement = of_command(journey, scope_of(journey), command.body, command.actor, command.body.signature)
    register = keys.register.current()
    assert check(statement, command.body.signature, register, at=world.at, scope=statement.scope) is None
    other = statement.model_copy(update={"choice": "neither"})
    assert (
        check(other, command.body.signature, register, at=world.at, scope=statement.scope)
        == SignatureProblem.BAD_SIGNATURE
    )


def test_nobody_signs_without_their_key(
    world: World, journey: UUID, request_id: str, profiles: Profiles, keys: Signers
) -> None:
    profile = Path(profiles[Role.CLINICIAN])
    words = ("signoff", "return", str(journey), request_id, "--profile", str(profile), "--json")
    profile.with_suffix(".key").rename(profile.with_suffix(".hidden"))
    assert call(world, *words, given=WHY).code == 2
    Path(profiles[Role.MEDICAL_DIRECTOR]).with_suffix(".key").rename(profile.with_suffix(".key"))
    somebodys = call(world, *words, given=WHY)
    assert (somebodys.code, world.received) == (4, [])
    assert "another person" in somebodys.error["reason"]


def test_a_second_person_signs_the_first_ones_approval(
    world: World, journey: UUID, profiles: Profiles, keys: Signers
) -> None:
    play = Play(world.state(journey), world.at)
    fainted = ReportAdverseEvent(what="Invented: fainted", grade=3, serious=False, onset=play.at)
    play.do(fainted, Role.PATIENT)
    play.go_on(lambda journey: not release_obstacles(journey, journey.holds["hold-1"]))
    world.put(journey, play.events)
    world.at = play.at
    [asked] = call(world, "signoff", "list", str(journey), "--json").json

    def approve(role: Role, request: str) -> Answer:
        world.person = PEOPLE[role].id
        words = ("signoff", "approve", str(journey), request, "--profile", profiles[role], "--json")
        return call(world, *words, given=WHY)

    assert approve(Role.CLINICIAN, asked["request"]).code == 4
    assert approve(Role.MEDICAL_DIRECTOR, asked["request"]).code == 0
    assert world.state(journey).held
    [second] = call(world, "signoff", "list", str(journey), "--json").json
    assert (second["second_person"], "clinician" in second["roles"]) == (True, True)
    shown = call(world, "signoff", "show", str(journey), second["request"], "--json").json
    assert shown["evidence"]["first"]["name"] == PEOPLE[Role.MEDICAL_DIRECTOR].name
    alone = approve(Role.MEDICAL_DIRECTOR, second["request"])
    assert (alone.code, "second person" in alone.error["reason"]) == (4, True)
    assert approve(Role.CLINICIAN, second["request"]).code == 0
    assert not world.state(journey).held


def test_a_right_is_lent_with_a_signature(
    world: World, journey: UUID, clinician: tuple[str, str], keys: Signers
) -> None:
    words = ("signoff", "delegate", str(journey), *clinician, "--json")
    assert "signature" not in call(world, "signoff", "delegate", "--template").json
    form = {
        "to": "demo-clinician-2",
        "sign_offs": ["plan"],
        "until": "2026-03-16T12:00:00Z",
        "reason": "Invented: on leave",
    }
    assert call(world, *words, "--dry-run", given=form).code == 0
    assert world.received == []
    late = call(world, *words, given=form | {"until": "2026-01-31T12:00:00Z"})
    assert (late.code, world.questions) == (5, []), "nobody is asked for a passphrase for what is refused"
    assert call(world, *words, given=form).code == 0
    [command] = world.received
    assert isinstance(command.body, Delegate)
    signature = command.body.signature
    assert signature is not None
    statement = of_command(journey, scope_of(journey), command.body, command.actor, signature)
    assert check(statement, signature, keys.register.current(), at=world.at, scope=statement.scope) is None
    [given] = world.state(journey).delegations.values()
    assert (given.by, given.to) == (PEOPLE[Role.CLINICIAN].id, "demo-clinician-2")


PLANTED: dict[str, Callable[[datetime, PrivateKey], str]] = {
    "as it was written once": lambda at, _: at.isoformat(),
    "without a mark": lambda at, _: json.dumps({"at": at.isoformat()}),
    "with a mark of another key": lambda at, key: json.dumps({"at": at.isoformat(), "mark": session_mark(key, at)}),
    "with a mark of nothing": lambda at, _: json.dumps({"at": at.isoformat(), "mark": "0" * 128}),
    "no text": lambda *_: "\x00",
}


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_signing_session_skips_no_question(
    world: World, journey: UUID, request_id: str, clinician: tuple[str, str], keys: Signers, planted: str
) -> None:
    session = Path(clinician[1]).with_suffix(".signed")
    other = PrivateKey(PEOPLE[Role.CLINICIAN].id, "other", Ed25519PrivateKey.generate())
    session.touch(0o600)
    session.write_text(PLANTED[planted](world.at, other))
    world.person = "somebody-else"
    world.questions.clear()
    words = ("signoff", "sign", str(journey), request_id, "--decision", "return", "--print", "--json", *clinician)
    answer = call(world, *words, given=WHY)
    assert any("enter your id" in question for question in world.questions)
    assert answer.code == 1, answer.err
    assert world.received == []


def test_a_signing_session_of_a_moved_clock_or_a_link_skips_no_question(
    world: World, journey: UUID, request_id: str, clinician: tuple[str, str], keys: Signers, tmp_path: Path
) -> None:
    own, session = keys.keys[PEOPLE[Role.CLINICIAN].id], Path(clinician[1]).with_suffix(".signed")
    genuine = json.dumps({"at": world.at.isoformat(), "mark": session_mark(own, world.at)})
    changed = json.loads(genuine) | {"at": (world.at + timedelta(minutes=1)).isoformat()}
    aside = tmp_path / "aside"
    for content, linked in ((json.dumps(changed), False), (genuine, True)):
        session.unlink(missing_ok=True)
        aside.write_text(content)
        aside.chmod(0o600)
        if linked:
            session.symlink_to(aside)
        else:
            aside.rename(session)
        world.at += timedelta(minutes=2)
        world.questions.clear()
        world.person = "somebody-else"
        words = ("signoff", "sign", str(journey), request_id, "--decision", "return", "--print", "--json", *clinician)
        assert call(world, *words, given=WHY).code == 1
        assert any("enter your id" in question for question in world.questions)
    assert world.received == []
