"""Acting in a working session at the terminal: opened once, noticed by nobody, and needed by everybody."""

import json
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from activities.signatures.register_file import RegisterFile
from activities.signatures.sessions import ThisLog, refuse_unproven
from simulation.keys import SERVICE_KEY, Signers
from simulation.people import CLINIC
from tests.cli.conftest import Profiles
from tests.cli.helpers import Answer, World, call
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.proof import Proof
from workflows.journey.vocabulary.refusals import Refusal

MOVE = {"zone": "America/New_York", "state": "NY"}
HOLD = {"reason": "Invented: Robin asked for it"}


@pytest.fixture
def real(world: World, keys: Signers) -> World:
    """A record that is no demonstration, and everybody's key beside their profile."""
    world.set(demonstration=False)
    return world


def act(world: World, profile: str, *words: str, **given: object) -> Answer:
    return call(world, *words, "--profile", profile, "--json", **given)  # type: ignore[arg-type]


def last_proof(world: World) -> Proof | None:
    return world.received[-1].proof


def proof_problem(world: World, signers: Signers, journey: UUID) -> Refusal | None:
    """What a worker would say of the last command that was sent."""
    log = ThisLog(world.on_record(lambda record: record.log_name()))
    register = RegisterFile(signers.register_path, signers.organisation_key).current()
    return refuse_unproven(register, log, CLINIC, journey, world.received[-1], world.at)


def test_everything_is_signed_in_the_session(real: World, journey: UUID, profiles: Profiles, keys: Signers) -> None:
    own = profiles[Role.COORDINATOR]
    before = act(real, own, "pathway", "move", str(journey), given=MOVE)
    assert before.code == 4
    assert "working-session open" in before.error["remedy"]
    assert not real.received

    opened = act(real, own, "working-session", "open")
    assert opened.code == 0, opened.err
    assert "Passphrase" in real.questions[-1]
    asked = len(real.questions)
    assert act(real, own, "pathway", "move", str(journey), given=MOVE).code == 0
    assert proof_problem(real, keys, journey) is None
    assert len(real.questions) == asked
    assert act(real, own, "working-session", "show").json["person"] == opened.json["person"]


def test_without_a_session_nobody_changes_anything_beside_a_journey(
    real: World, journey: UUID, profiles: Profiles
) -> None:
    """What is no command of a journey is an act all the same: under a profile that anybody could write."""
    own, point = profiles[Role.COORDINATOR], {"channel": "email", "address": "pat@home.example"}
    acts = [
        ("contact-point", "add", "--person", "demo-clinician"),
        ("contact-point", "send-link", str(journey)),
        ("message", "handle", str(journey)),
        ("work", "claim", str(journey), "referral_review"),
        ("work", "release", str(journey), "referral_review"),
    ]
    for words in acts:
        answer = act(real, own, *words, given=point)
        assert (answer.code, "working-session open" in answer.error["remedy"]) == (4, True), (words, answer.err)
    assert act(real, own, "working-session", "open").code == 0
    for words in acts:
        assert "working-session open" not in act(real, own, *words, given=point).err, words


def test_a_session_ends_by_itself_or_is_closed(real: World, journey: UUID, profiles: Profiles) -> None:
    own = profiles[Role.COORDINATOR]
    assert act(real, own, "working-session", "open", "--hours", "1").code == 0
    real.at += timedelta(hours=1)
    late = act(real, own, "pathway", "move", str(journey), given=MOVE)
    assert (late.code, "over" in late.error["reason"]) == (4, True)
    assert act(real, own, "working-session", "show").code == 4
    assert act(real, own, "working-session", "open").code == 0
    assert act(real, own, "working-session", "close").json == {"closed": True}
    assert act(real, own, "working-session", "close").json == {"closed": False}
    assert act(real, own, "pathway", "move", str(journey), given=MOVE).code == 4


def test_the_file_is_the_persons_alone(real: World, journey: UUID, profiles: Profiles) -> None:
    own = profiles[Role.COORDINATOR]
    assert act(real, own, "working-session", "open").code == 0
    file = Path(own).with_suffix(".session")
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    shared = act(real, own, "pathway", "move", str(journey), given=MOVE)
    assert (shared.code, "others can read it" in shared.error["reason"]) == (2, True)
    assert not real.received
    other = Path(profiles[Role.THERAPIST]).with_suffix(".session")
    other.write_bytes(file.read_bytes())
    other.chmod(0o600)
    assert act(real, profiles[Role.THERAPIST], "pathway", "move", str(journey), given=MOVE).code == 4
    shown = act(real, profiles[Role.THERAPIST], "working-session", "show")
    assert (shown.code, "somebody else's" in shown.error["reason"]) == (4, True), "it was shown as theirs"
    profile = json.loads(Path(own).read_text())
    Path(own).write_text(json.dumps(profile | {"role": "ops"}))
    file.chmod(0o600)
    shown = act(real, own, "working-session", "show")
    assert (shown.code, "another role" in shown.error["reason"]) == (4, True)


def test_to_stop_nobody_needs_a_session(real: World, journey: UUID, profiles: Profiles) -> None:
    assert act(real, profiles[Role.COORDINATOR], "pathway", "hold", str(journey), given=HOLD).code == 0
    assert last_proof(real) is None


def test_a_patient_is_let_in_by_the_service(real: World, journey: UUID, profiles: Profiles, keys: Signers) -> None:
    words, question = ("support", "request", str(journey)), {"urgency": "routine", "text": "Invented: please call"}
    assert act(real, profiles[Role.PATIENT], *words, given=question).code == 0
    assert last_proof(real) is None
    real.set(service_key_file=keys.register_path.parent / SERVICE_KEY)
    assert act(real, profiles[Role.PATIENT], *words, given=question).code == 0
    proof = last_proof(real)
    assert proof is not None
    assert proof.session.let_in_by == "terminal"
    assert proof_problem(real, keys, journey) is None
    # It lets in none of the staff.
    assert act(real, profiles[Role.COORDINATOR], "pathway", "move", str(journey), given=MOVE).code == 4


def test_a_demonstration_lets_everybody_in(world: World, journey: UUID, profiles: Profiles, keys: Signers) -> None:
    own = profiles[Role.COORDINATOR]
    assert act(world, own, "pathway", "move", str(journey), given=MOVE).code == 0
    assert last_proof(world) is None
    world.set(service_key_file=keys.register_path.parent / SERVICE_KEY)
    assert act(world, own, "pathway", "hold", str(journey), given=HOLD).code == 0
    assert last_proof(world) is not None
