"""One command looks at each thing once: settings, profile and record, and a journey is read and parsed once."""

import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from activities.record import Record, event_codec
from application import context
from application.caches import histories
from application.process.sealing import open_sealed
from application.profiles import read_profile
from application.reading import history
from application.settings import Settings
from tests.cli.conftest import Profiles
from tests.cli.helpers import World, call
from tests.cli.test_signing import WHY, until_asked
from workflows.journey.vocabulary.actors import Role

ROOT = Path(__file__).parents[2]


@pytest.fixture
def walked(world: World, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each thing is done from now on."""
    steps: Counter[str] = Counter()

    def counted(step: str, act: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*given: Any, **more: Any) -> Any:
            steps[f"{step} again" if more.get("after_version") else step] += 1
            return act(*given, **more)

        return counting

    opened: list[Record] = []
    load_counted = counted("read", Record.load)
    load_plainly = Record.load

    @asynccontextmanager
    async def opening(settings: Settings) -> AsyncIterator[Record]:
        async with open_sealed(settings) as record:
            opened.append(record)
            yield record

    def load(record: Record, *given: Any, **more: Any) -> Any:
        """What stands in for Temporal reads too, on a record of its own."""
        return (load_counted if record in opened else load_plainly)(record, *given, **more)

    monkeypatch.setattr(world, "load_settings", counted("settings", world.load_settings))
    monkeypatch.setattr(context, "read_profile", counted("profile", read_profile))
    monkeypatch.setattr(context, "open_sealed", counted("pool", opening))
    monkeypatch.setattr(Record, "load", load)
    for module in (histories, history):
        monkeypatch.setattr(module, "apply_stored", counted("applied", event_codec.apply_stored))
    return steps


@pytest.mark.usefixtures("keys")
def test_a_signature(world: World, journey: UUID, profiles: Profiles, walked: Counter[str]) -> None:
    request = until_asked(world, journey, "eligibility")
    known = len(world.events(journey))
    walked.clear()
    words = ("signoff", "approve", str(journey), request, "--choice", "at_home", "--profile", profiles[Role.CLINICIAN])
    answer = call(world, *words, given=WHY)
    assert answer.code == 0, answer.err
    taken = dict(walked)
    after = len(world.events(journey))
    assert after > known
    # What was recorded since is read, and applied to what was read before.
    assert taken == {
        "settings": 1,
        "profile": 1,
        "pool": 1,
        "read": 1,
        "read again": 1,
        "applied": after,
    }


def test_a_look(world: World, journey: UUID, walked: Counter[str]) -> None:
    known = len(world.events(journey))
    walked.clear()
    assert call(world, "pathway", "why", str(journey)).code == 0
    assert walked == {"settings": 1, "profile": 1, "pool": 1, "read": 1, "applied": known}


def test_what_needs_no_server_opens_none(world: World, walked: Counter[str]) -> None:
    assert call(world, "protocol", "list").code == 0
    assert walked == {"settings": 1}
    walked.clear()
    assert call(world, "score", "GAD-7", raw=b"[1,1,1,1,1,1,1]\n").code == 0
    assert walked == {}


@pytest.mark.program
def test_no_command_waits_for_what_it_does_not_need() -> None:
    """Neither for Temporal's packages, nor for the checks of passkeys, nor until each of the core's models is built,
    nor for a search for plug-ins among all that is installed."""
    program = (
        "import sys, importlib.metadata; importlib.metadata.entry_points = lambda **_: print('searched') or (); "
        "from application.process.exit import begin; begin(); from cli.app import build; "
        "[build(noun) for noun in ('session', 'pathway', 'signoff', 'work', 'record')]; "
        "from workflows.journey.aggregate import Journey; "
        "print(*{'temporalio', 'webauthn'} & {*sys.modules}, Journey.__pydantic_complete__)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert told == "False\n"
