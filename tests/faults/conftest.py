"""One local stack for all fault tests. Each test leaves both servers running for the next one."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from pydantic import SecretStr
from temporalio.client import Client

from activities.record.store import Record
from application.context import Context
from application.settings import Settings
from application.temporal.namespace import (
    register_search_attributes,
)
from simulation.keys import PASSPHRASE, Signers
from simulation.people import CLINIC, PEOPLE, profile
from simulation.stack import StaffedStack
from tests.faults.helpers import As, answers, findings
from tests.fixtures.everything import everything, open_stack
from tests.helpers import eventually
from workflows.journey.vocabulary.actors import Role
from workflows.temporal_plugin import CarePathwayPlugin, PathwayCodec


@pytest_asyncio.fixture(scope="session")
async def ground(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StaffedStack]:
    """Both servers, on files that survive their kills."""
    directory = tmp_path_factory.mktemp("faults")
    async with open_stack(directory, keep_data=False, time_skipping=True, headless=True) as stack:
        client = await Client.connect(stack.temporal.address)
        await register_search_attributes(client)
        yield stack


@pytest_asyncio.fixture(scope="module")
async def verified(ground: StaffedStack) -> AsyncIterator[None]:
    """Whatever the tests of a file do, the whole log must verify after them."""
    yield
    assert await findings(ground) == ()


@pytest.fixture
async def stack(ground: StaffedStack, verified: None) -> AsyncIterator[StaffedStack]:
    """The stack, all of it running before and after."""
    yield ground
    for server in (ground.postgres, ground.temporal):
        if not server.running:
            await server.start()
    await eventually(lambda: answers(ground))


@pytest.fixture(scope="session")
def signers(ground: StaffedStack) -> Signers:
    """Those whom the workers of this stack know."""
    return ground.signers


@pytest_asyncio.fixture(scope="session")
async def codec(ground: StaffedStack) -> AsyncIterator[PathwayCodec]:
    """What the workers of this stack encrypt with."""
    async with ground.codec() as opened:
        yield opened


@pytest.fixture
async def client(stack: StaffedStack, codec: PathwayCodec) -> Client:
    return await Client.connect(
        stack.temporal.address, namespace=stack.temporal.namespace, plugins=[CarePathwayPlugin(codec)]
    )


@pytest.fixture
async def record(stack: StaffedStack) -> AsyncIterator[Record]:
    async with stack.open_record(everything(stack.postgres)) as opened:
        yield opened


@pytest.fixture
def task_queue() -> str:
    return f"faults-{uuid4()}"


@pytest.fixture
def as_(stack: StaffedStack, signers: Signers, task_queue: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> As:
    """A request of the invented person of a role, who knows their id and passphrase."""
    monkeypatch.setenv("TEMPORAL_ADDRESS", stack.temporal.address)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", stack.temporal.namespace)
    settings = Settings(
        database_url=SecretStr(everything(stack.postgres)),
        keys_url=SecretStr(stack.postgres.keys.keys_url),
        keyring_file=stack.keyring,
        task_queue=task_queue,
        register_file=signers.register_path,
        organisation_key=signers.organisation_key.hex(),
        demonstration=True,
    )

    def request(role: Role) -> Context:
        file = tmp_path / f"{role.value}.json"
        file.write_text(profile(PEOPLE[role], CLINIC))
        key = signers.register_path.with_name(f"{role.value}.key")
        if key.exists():
            shutil.copy(key, file.with_suffix(".key"))

        def ask(question: str, *, secret: bool = False) -> str:
            return PASSPHRASE if secret else PEOPLE[role].id

        return Context(profile=str(file), ask=ask, load=lambda: settings)

    return request
