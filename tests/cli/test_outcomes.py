"""Exit codes, profiles, and what people and scripts are told when something does not work."""

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import NoReturn
from uuid import UUID

import pytest
from temporalio.service import RPCError, RPCStatusCode
from typer.testing import CliRunner

from activities.privacy.errors import KeysUnavailable, KeyUnusable
from activities.privacy.master_keys import make_keyring
from activities.record import RecordFault, RecordUnavailable
from application import context
from application.errors import Refused, UseCaseError, translate
from application.pathway import commands
from application.temporal.calls import failed_call
from application.words.viewer import shown_at
from cli import runtime
from cli.app import app
from cli.commands import show_trial
from cli.errors import ExitCode, as_json, exit_code_of
from cli.output import Output, plain
from console.said_here import said_here
from tests.cli.conftest import Profiles
from tests.cli.helpers import EXAMPLES, START, World, call
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode
from workflows.journey.vocabulary.severity import Severity

ROOT = Path(__file__).parents[2]
NOBODY = "00000000-0000-0000-0000-000000000000"
HOLD = {"reason": "Invented: Robin asked for it"}
ONE_ID = "6a0a1c8e-3f5e-4b7c-9d5a-333333333333"


@pytest.fixture
def hold(journey: UUID, profiles: Profiles) -> tuple[str, ...]:
    return ("pathway", "hold", str(journey), "--profile", profiles[Role.COORDINATOR], "--json")


def test_recorded(world: World, journey: UUID, hold: tuple[str, ...]) -> None:
    answer = call(world, *hold, given=HOLD)
    assert answer.code == 0
    assert answer.json["outcome"] == "recorded"
    assert answer.json["position"] == answer.json["version"] == len(world.events(journey))
    assert answer.json["illustrative"] is True
    people = call(world, *hold[:-1], given=HOLD)
    assert "recorded at position" in people.out
    assert "Accepted as version" in people.err
    assert "ILLUSTRATIVE" in people.out


def test_the_same_command_id_happens_once(world: World, hold: tuple[str, ...]) -> None:
    first = call(world, *hold, "--command-id", ONE_ID, given=HOLD)
    again = call(world, *hold, "--command-id", ONE_ID, given=HOLD)
    assert first.json == again.json | {"position": first.json["position"]}
    other = call(world, *hold, "--command-id", ONE_ID, given={"reason": "Invented: another"})
    assert other.code == 5
    assert other.error["refusal"]["code"] == "command_id_reused"


def test_accepted_but_not_recorded(world: World, hold: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    world.asleep = True
    monkeypatch.setattr(commands, "RECORDED_WITHIN", timedelta(milliseconds=50))
    answer = call(world, *hold, given=HOLD)
    assert answer.code == 6
    assert "accepted as version" in answer.error["reason"]
    assert "Accepted is not recorded" in answer.error["state"]
    assert "within a minute, call" in answer.error["remedy"]
    assert "Do not send it again" in answer.error["remedy"]


def test_temporal_down_leaves_reading(world: World, journey: UUID, hold: tuple[str, ...]) -> None:
    world.down = True
    assert call(world, *hold, given=HOLD).code == 6
    assert call(world, "signoff", "list").code == 0
    for verb in ("show", "timeline", "why"):
        assert call(world, "pathway", verb, str(journey)).code == 0


def test_dry_run(world: World, journey: UUID, hold: tuple[str, ...]) -> None:
    world.down = True
    answer = call(world, *hold, "--dry-run", given=HOLD)
    assert answer.code == 0
    assert answer.json["events"][0]["kind"] == "hold.placed"
    wrong = call(world, "session", "release", *hold[2:], "--dry-run", given={"session": 1})
    assert wrong.code == 4
    assert world.received == []


def test_a_refusal_of_the_journey(world: World, journey: UUID, profiles: Profiles) -> None:
    words = ("session", "release", str(journey), "--profile", profiles[Role.SESSION_MONITOR])
    answer = call(world, *words, "--json", given={"session": 1})
    assert answer.code == 5
    assert answer.error["refusal"]["code"] == "wrong_stage"
    people = call(world, *words, given={"session": 1})
    assert "refused (exit 5)" in people.err
    assert people.out == ""


def test_nothing_there(recorded: World, profiles: Profiles) -> None:
    for words in (("pathway", "show"), ("pathway", "timeline"), ("pathway", "why"), ("signoff", "list")):
        assert call(recorded, *words, NOBODY).code == 3
    held = ("pathway", "hold", NOBODY, "--profile", profiles[Role.COORDINATOR])
    assert call(recorded, *held, given=HOLD).code == 3
    assert call(recorded, *held, "--dry-run", given=HOLD).code == 3


def test_a_journey_that_has_ended(world: World, journey: UUID, hold: tuple[str, ...]) -> None:
    assert call(world, "pathway", "withdraw", *hold[2:]).code == 0
    assert "withdrawn" in call(world, "pathway", "show", str(journey)).out
    assert call(world, *hold, given=HOLD).code == 5


def test_ids_as_temporal_spells_them_and_no_ids(world: World, journey: UUID) -> None:
    assert call(world, "pathway", "why", f"journey/{journey}").code == 0
    answer = call(world, "pathway", "why", "Robin-Example", "--json")
    assert answer.code == 2
    assert "Robin" not in answer.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RecordUnavailable("08006"), 6),
        (RecordFault("42P01"), 1),
        (ValueError("Robin has nightmares"), 1),
        (ExceptionGroup("Robin", [RecordUnavailable("08006")]), 6),
    ],
)
def test_failures_never_show_values(world: World, error: Exception, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> NoReturn:
        raise error

    monkeypatch.setattr(context, "open_sealed", failing)
    for more in ((), ("--json",)):
        answer = call(world, "pathway", "show", NOBODY, *more)
        assert answer.code == code
        assert "Robin" not in answer.err + answer.out
        assert "Traceback" not in answer.err


def test_profiles(world: World, journey: UUID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hold(profile: str | None) -> int:
        chosen = () if profile is None else ("--profile", profile)
        return call(world, "pathway", "hold", str(journey), *chosen, given=HOLD).code

    world.set(profile=None)
    assert hold(None) == 2
    assert hold(str(tmp_path / "none.json")) == 2
    file = tmp_path / "own.json"
    for content, code in (
        ({"id": "clock", "role": "system"}, 4),
        ({"id": "demo-ops", "role": "ops"}, 0),
        ({"id": "demo-ops", "role": "queen"}, 2),
        ({"id": "demo-ops"}, 2),
        ({"id": "demo-ops", "role": "ops", "key": "x"}, 2),
        ({"id": "demo ops", "role": "ops"}, 2),
    ):
        file.write_text(json.dumps(content))
        assert hold(str(file)) == code
    file.write_text("{")
    assert hold(str(file)) == 2
    home = tmp_path / "config"
    (home / "carepath" / "profiles").mkdir(parents=True)
    (home / "carepath" / "profiles" / "night.json").write_text(json.dumps({"id": "demo-ops", "role": "ops"}))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home))
    assert hold("night") == 0
    assert hold("day") == 2


@pytest.mark.parametrize("file", sorted((EXAMPLES / "profiles").glob("*.json")), ids=lambda path: path.stem)
def test_the_example_profiles(world: World, journey: UUID, file: Path) -> None:
    answer = call(world, "pathway", "hold", str(journey), "--profile", str(file), given=HOLD)
    assert answer.code == 0, answer.err


def test_texts_cannot_steer_a_terminal(world: World, journey: UUID, profiles: Profiles) -> None:
    tricky = "Invented \x1b[2J\x9b1m [bold]\u202e evil"
    words = ("pathway", "hold", str(journey), "--profile", profiles[Role.PATIENT])
    assert call(world, *words, given={"reason": tricky}).code == 0
    for verb in ("show", "timeline"):
        shown = call(world, "pathway", verb, str(journey)).out
        assert not {"\x1b", "\x9b", "\u202e"} & set(shown)
        assert "[bold]" in shown
    [listed] = call(world, "signoff", "list", str(journey), "--json").json
    evidence = call(world, "signoff", "show", str(journey), listed["request"]).out
    assert not {"\x1b", "\x9b", "\u202e"} & set(evidence)
    assert plain("Grüße, Zoë\n") == "Grüße, Zoë\n"


def test_times_in_both_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    shown = shown_at(START, "America/Los_Angeles")
    assert shown == "Mon 2026-03-02 09:00 PST (America/Los_Angeles), for you Mon 2026-03-02 18:00 CET"
    assert "for you" not in shown_at(START, "Europe/Paris")


def test_every_error_has_its_exit_code() -> None:
    refused = Refused(Refusal(code=RefusalCode.SIGNATURE, reason="invented", remedy="None"))
    assert exit_code_of(refused) == ExitCode.NOT_ALLOWED
    for kind in UseCaseError.__subclasses__():
        if kind is not Refused and kind.__module__ == UseCaseError.__module__:
            assert exit_code_of(kind("invented", "None")) in ExitCode
            assert as_json(kind("invented", "None"))["exit_code"] != 0


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("CAREPATH_", "TEMPORAL_"))}
    return subprocess.run(
        [sys.executable, "starter.py", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=ROOT,
        env=bare | environment,
        timeout=60,
        check=False,
    )


def test_a_list_without_its_record_or_within_no_limit(world: World) -> None:
    assert call(world, "pathway", "fly").code == 2
    assert call(world, "pathway", "list").code == 6
    assert call(world, "pathway", "list", "--limit", "0").code == 2


@pytest.mark.usefixtures("empty_environment")
def test_what_settings_lack_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "configure_logging", lambda *_: None)
    form = tmp_path / "hold.json"
    form.write_text(json.dumps(HOLD))
    coordinator = ("--profile", str(EXAMPLES / "profiles" / "coordinator.json"))
    missing = CliRunner().invoke(app, ["pathway", "show", NOBODY, *coordinator])
    assert missing.exit_code == 2
    assert "CAREPATH_DATABASE_URL" in missing.stderr
    env = {"CAREPATH_DATABASE_URL": "postgresql://somebody:hidden@127.0.0.1:1/none"}
    unset = CliRunner().invoke(app, ["pathway", "hold", NOBODY, *coordinator, "--file", str(form)], env=env)
    assert unset.exit_code == 2
    assert "TEMPORAL_ADDRESS" in unset.stderr
    keyring = tmp_path / "keyring.json"
    make_keyring(keyring)
    env |= {"CAREPATH_KEYS_URL": env["CAREPATH_DATABASE_URL"], "CAREPATH_KEYRING_FILE": str(keyring)}
    away = CliRunner().invoke(app, ["pathway", "show", NOBODY, *coordinator], env=env)
    assert away.exit_code == 6
    assert "key store does not answer" in away.stderr
    assert "hidden" not in away.stderr


@pytest.mark.program
def test_as_a_program(tmp_path: Path) -> None:
    assert b"pathway" in run("--help").stdout
    assert run("pathways").returncode == 2
    coordinator = ("--profile", "docs/examples/profiles/coordinator.json")
    nobody_there = "postgresql://somebody:hidden@127.0.0.1:1/none"
    keyless = run("pathway", "show", NOBODY, *coordinator, CAREPATH_DATABASE_URL=nobody_there)
    assert keyless.returncode == 2
    assert b"CAREPATH_KEY" in keyless.stderr
    keyring = tmp_path / "keyring.json"
    make_keyring(keyring)
    keys = {"CAREPATH_KEYS_URL": nobody_there, "CAREPATH_KEYRING_FILE": str(keyring)}
    form = tmp_path / "hold.json"
    form.write_text(json.dumps(HOLD))
    hold = ("pathway", "hold", NOBODY, *coordinator, "--file", str(form))
    reached = {"TEMPORAL_ADDRESS": "127.0.0.1:1", "CAREPATH_DEMONSTRATION": "true"}
    gone = run(*hold, CAREPATH_DATABASE_URL=nobody_there, **reached, **keys)
    assert gone.returncode == 6
    assert b"Traceback" not in gone.stderr
    assert gone.stdout == b""


@pytest.mark.requirement("B30")
def test_who_asks_for_help_is_told_whom_to_reach(world: World, journey: UUID, profiles: Profiles) -> None:
    asked = ("support", "request", str(journey), "--profile", profiles[Role.COORDINATOR])
    said = {"urgency": "urgent", "text": "Invented: please call"}
    route = world.state(journey).protocol.contact_routes[Severity.URGENT]
    assert call(world, *asked, "--json", given=said).json["whom_to_reach"] == route
    shown = call(world, *asked, given=said).out
    assert "whom to reach" in shown
    assert "988" in shown
    told = ("crisis", "report", str(journey), "--profile", profiles[Role.COORDINATOR], "--json")
    assert "911" in call(world, *told, given={"what": "Invented"}).json["whom_to_reach"]
    other = ("pathway", "hold", str(journey), "--profile", profiles[Role.COORDINATOR], "--json")
    assert call(world, *other, given=HOLD).json["whom_to_reach"] is None


@pytest.mark.parametrize(
    "away",
    [
        RecordUnavailable("08006"),
        RecordUnavailable("KeysUnavailable"),
        KeysUnavailable("refused"),
        failed_call(RPCError("invented", RPCStatusCode.UNAVAILABLE, b"")),
    ],
)
def test_an_outage_says_what_is_lost_and_what_comes_next(away: Exception) -> None:
    told = translate(away)
    assert exit_code_of(told) == ExitCode.UNAVAILABLE
    # A change may have been under way: that nothing was recorded is not known.
    assert (
        told.state == "Nothing that was recorded is lost. If something was being sent, whether it arrived is not known."
    )
    assert re.search("run it again; that is safe.*tell ops", told.remedy)
    assert said_here(told.remedy) == told.remedy.replace("run it again", "try again")


@pytest.mark.parametrize(
    ("kind", "said"), [(KeysUnavailable, "the key store does not answer"), (KeyUnusable, "the keyring lacks a key")]
)
def test_a_record_that_lacks_a_key_is_not_said_to_be_away(kind: type[Exception], said: str) -> None:
    assert said in translate(RecordUnavailable(kind.__name__)).reason


def test_what_a_trial_would_refuse_is_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    """It named codes, which the same refusal in earnest does not."""
    refusal = Refusal(
        code=RefusalCode.NOT_ALLOWED, reason="a session_monitor may not", remedy="Ask the on_call_clinician"
    )
    show_trial(Output(json_only=False), refusal)
    said = capsys.readouterr().out
    assert "a session monitor may not" in said
    assert "Ask the on-call clinician" in said


def test_the_help_of_a_command_names_no_codes_of_roles(world: World) -> None:
    for noun, verb in (("session", "release"), ("protocol", "approve"), ("work", "hold")):
        said = call(world, noun, verb, "--help").out
        assert said
        assert not re.search(r"\b(on_call_clinician|session_monitor|medical_director)\b", said)
