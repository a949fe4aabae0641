"""The codec server as Temporal's interface asks it: clear for who may see it, and encrypted for everybody else."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import httpx2
import pytest
import uvicorn
from google.protobuf.json_format import MessageToDict, ParseDict
from pydantic import SecretStr
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import WorkflowSerializationContext

from activities.payload_codec import SealingCodec
from activities.privacy.key_store import KeyStore
from activities.record import Record, open_record, sealing
from activities.record.access_log import list_access
from activities.record.stored import SeenRegister
from application.context import Context, utc_now
from application.errors import NotAllowed
from application.operations.payloads import make_token
from application.settings import Settings
from console import codec_server
from console.codec_server import COOKIE, PER_MINUTE, create_app
from deploy.local.postgres import Database
from deploy.local.process import free_port
from simulation.keys import Signers
from simulation.people import PEOPLE, profile
from tests.fixtures.everything import everything
from tests.record.helpers import Connection
from tests.record.read_models.courses import put_course
from workflows.journey.vocabulary.actors import Actor, Role

pytestmark = pytest.mark.server

UI = "http://127.0.0.1:8233"
CLEAR = Payload(metadata={"encoding": b"json/plain"}, data=b'"an invented secret"')


class Asked(NamedTuple):
    """A codec server, a journey, and a payload of it as Temporal has it."""

    url: str
    settings: Settings
    directory: Path
    journey_id: UUID
    sealed: Payload

    @property
    def cookie(self) -> str:
        return f"{COOKIE}-{self.url.rpartition(':')[2]}"

    async def token(self, role: Role, *, ago: timedelta = timedelta(), clinics: tuple[str, ...] | None = None) -> str:
        person: Actor = PEOPLE[role]
        if clinics is not None:
            person = person.model_copy(update={"clinics": clinics})
        path = self.directory / f"{role.value}.json"
        path.write_text(profile(person))
        async with Context(profile=str(path), load=lambda: self.settings, now=lambda: utc_now() - ago) as context:
            return await make_token(context)

    async def decode(self, token: str | None = None, *, payload: Payload | None = None, **headers: str) -> Any:
        """Ask as the interface does."""
        given = {"content-type": "application/json", "x-namespace": "default", "origin": UI, **headers}
        if token is not None:
            given["cookie"] = f"{self.cookie}={token}"
        body = {"payloads": [MessageToDict(payload or self.sealed)]}
        async with httpx2.AsyncClient() as client:
            return await client.post(f"{self.url}/decode?preserveStorageRefs=true", json=body, headers=given)


def shown(answer: Any) -> bytes:
    [payload] = Payloads(payloads=[Payload()]).payloads
    return bytes(ParseDict(answer.json()["payloads"][0], payload).data)


@pytest.fixture
async def record(migrated: Database, key_store: KeyStore) -> AsyncIterator[Record]:
    async with open_record(everything(migrated), await sealing(key_store)) as opened:
        yield opened


@pytest.fixture
async def asked(
    migrated: Database,
    record: Record,
    keys_database: Database,
    keyring: Path,
    key_store: KeyStore,
    signers: Signers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Asked]:
    for name, value in signers.env.items():
        monkeypatch.setenv(name, value)
    settings = Settings(
        database_url=SecretStr(migrated.reader_url),
        keys_url=SecretStr(keys_database.keys_url),
        keyring_file=keyring,
        demonstration=True,
        codec_origin=UI,
        codec_port=free_port(),
    )
    journey_id = await put_course(record, 3)
    await key_store.assign(journey_id, bytes(32))
    codec = SealingCodec(key_store).with_context(WorkflowSerializationContext("default", f"journey/{journey_id}"))
    [sealed] = await codec.encode([CLEAR])
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=settings.codec_port, log_config=None))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        assert not serving.done()
        await asyncio.sleep(0.01)
    yield Asked(f"http://127.0.0.1:{settings.codec_port}", settings, tmp_path, journey_id, sealed)
    server.should_exit = True
    await serving


async def test_ops_and_the_medical_director_see_payloads_and_that_is_kept(asked: Asked, record: Record) -> None:
    for role in (Role.OPS, Role.MEDICAL_DIRECTOR):
        token = await asked.token(role)
        answer = await asked.decode(token)
        assert answer.status_code == 200
        assert shown(answer) == CLEAR.data
        assert answer.headers["access-control-allow-origin"] == UI
        assert answer.headers["access-control-allow-credentials"] == "true"
        assert shown(await asked.decode(None, authorization=f"Bearer {token}")) == CLEAR.data
        [last, *_] = await list_access(record, journey_id=asked.journey_id, reader_id=PEOPLE[role].id)
        assert last.command[0] == "temporal decode"
        assert '"payloads": 1' in last.command[1]
        assert last.shown


async def test_nobody_else_sees_anything(asked: Asked, record: Record) -> None:
    for role in (Role.COORDINATOR, Role.CLINICIAN, Role.PATIENT, Role.THERAPIST):
        with pytest.raises(NotAllowed):
            await asked.token(role)
    token = await asked.token(Role.OPS)
    altered = ("A" if token[40] != "A" else "B").join((token[:40], token[41:]))
    old = await asked.token(Role.OPS, ago=timedelta(hours=2))
    for none in (None, "", "x", "..", altered, old, token[:-20], "é".encode().hex(), "A" * 9000):
        answer = await asked.decode(none)
        assert answer.status_code == 401, none
        assert "payloads" not in answer.json()
    assert await list_access(record, journey_id=asked.journey_id) == ()


async def test_by_an_older_register_nobody_sees_anything(asked: Asked, record: Record, signers: Signers) -> None:
    """Whoever was revoked since, and can put it back, would see payloads until their session ends."""
    token = await asked.token(Role.OPS)
    assert shown(await asked.decode(token)) == CLEAR.data
    await record.see_register(SeenRegister(signers.register.current().version + 1, bytes(32)))
    answer = await asked.decode(token)
    assert (answer.status_code, "payloads" in answer.json()) == (503, False)


async def test_of_another_clinic_payloads_stay_as_they_are_and_the_attempt_is_kept(
    asked: Asked, record: Record
) -> None:
    token = await asked.token(Role.OPS, clinics=("another-clinic",))
    answer = await asked.decode(token)
    assert answer.status_code == 200
    assert shown(answer) == asked.sealed.data
    [attempt] = await list_access(record, journey_id=asked.journey_id)
    assert not attempt.shown


async def test_what_nobody_with_the_keys_made_stays_as_it_is(asked: Asked) -> None:
    token = await asked.token(Role.OPS)
    altered = Payload(metadata=asked.sealed.metadata, data=asked.sealed.data[:-1] + b"x")
    foreign = Payload(metadata={**asked.sealed.metadata, "place": b'["default", "elsewhere", ""]'}, data=altered.data)
    for payload in (CLEAR, altered, foreign):
        answer = await asked.decode(token, payload=payload)
        assert (answer.status_code, shown(answer)) == (200, payload.data)


async def test_ops_see_payloads_of_a_journey_of_which_an_event_cannot_be_read(asked: Asked, admin: Connection) -> None:
    token = await asked.token(Role.OPS)
    await admin.execute("ALTER TABLE record.journey_event DISABLE TRIGGER append_only")
    for spoiled, seen in ((2, CLEAR.data), (1, asked.sealed.data)):
        await admin.execute("UPDATE record.journey_event SET payload = 'x' WHERE version = $1", spoiled)
        answer = await asked.decode(token)
        # Without its opening nobody knows whose journey it is.
        assert (answer.status_code, shown(answer)) == (200, seen)


async def test_another_origin_is_refused_and_nothing_is_encrypted(asked: Asked) -> None:
    token = await asked.token(Role.OPS)
    answer = await asked.decode(token, origin="http://127.0.0.1:9999")
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "content-type,x-namespace"}
    async with httpx2.AsyncClient() as client:
        for origin, allowed in ((UI, UI), ("http://evil.example", None)):
            preflight = await client.options(f"{asked.url}/decode", headers={"origin": origin, **asks})
            assert preflight.headers.get("access-control-allow-origin") == allowed
        assert (await client.post(f"{asked.url}/encode", json={"payloads": []})).status_code == 404
        for body in (b"", b"{", b'{"payloads": 1}', b"\xff", b"[" * 10_000, b"x" * 9_000_000):
            answer = await client.post(
                f"{asked.url}/decode", content=body, headers={"cookie": f"{asked.cookie}={token}"}
            )
            assert answer.status_code == 400


async def test_a_person_signs_in_with_a_cookie(asked: Asked) -> None:
    token = await asked.token(Role.OPS)
    async with httpx2.AsyncClient() as client:
        assert "Token" in (await client.get(f"{asked.url}/sign-in")).text
        assert (await client.post(f"{asked.url}/sign-in", data={"token": "none"})).status_code == 401
        answer = await client.post(f"{asked.url}/sign-in", data={"token": token}, follow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, UI)
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        # Cookies know no ports: Temporal's interface, at another one of this machine, is sent none of it.
        assert "path=/decode" in cookie


def test_so_many_requests_are_answered_in_a_minute() -> None:
    moment = 0.0
    allowance = codec_server.Allowance(clock=lambda: moment)
    assert [allowance.allow("somebody") for _ in range(PER_MINUTE + 1)] == [True] * PER_MINUTE + [False]
    assert allowance.allow("another")
    moment = 60.0
    assert allowance.allow("somebody")


@pytest.fixture
def few_in_one_minute(monkeypatch: pytest.MonkeyPatch) -> int:
    """So few requests are answered; and however long the test takes, it is within one minute."""
    few = 5
    monkeypatch.setattr(codec_server, "Allowance", partial(codec_server.Allowance, few, clock=lambda: 0.0))
    return few


async def test_who_asks_too_often_waits(few_in_one_minute: int, asked: Asked) -> None:
    answers = [(await asked.decode("none")).status_code for _ in range(few_in_one_minute + 1)]
    assert answers == [401] * few_in_one_minute + [429]
    # It keeps nobody out who has a token.
    assert (await asked.decode(await asked.token(Role.OPS))).status_code == 200


async def test_without_keys_payloads_stay_encrypted(
    asked: Asked, postgres: Any, keys_database: Database, key_store: KeyStore
) -> None:
    token = await asked.token(Role.OPS)
    await postgres.as_admin(f'ALTER DATABASE "{keys_database.name}" ALLOW_CONNECTIONS false')
    await postgres.as_admin(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{keys_database.name}'"
    )
    answer = await asked.decode(token)
    assert answer.status_code == 503
    assert "payloads" not in answer.json()
