"""The service page: what ops see of lists, reconciliation, the watchdog, anchors and verification, and who sees it."""

import asyncio
import re
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from fastapi import FastAPI

from activities.record import Record
from activities.record.event_codec import to_new
from activities.record.reconciliation import Pass, keep_pass
from activities.record.verification.anchors import make_key, read_key, write_anchor
from activities.record.verification.kept import keep_verification, last_verification
from activities.record.watching import Matter, keep_look, keep_matters, keep_paged
from application.errors import SettingsError
from application.operations.status import in_temporal
from application.reading.access_log import LOOK_AFTER_IT
from application.settings import Settings, load_settings
from console.views.operations import MATTERS
from deploy.local.postgres import Database
from tests.cli.conftest import opening
from tests.cli.helpers import OPS, World, call
from tests.console.browser import Browser, browser_of
from tests.console.conftest import console_of
from tests.console.test_messages import said
from tests.fixtures.clear import open_clear
from tests.record.helpers import Connection, event
from tests.record.read_models.courses import catch_up
from workflows.care_journey import workflow_id
from workflows.journey.vocabulary.actors import Role

JOURNEY = opening()[0].journey_id
UI = "https://temporal.example/namespaces/care"


@pytest.fixture
async def world(migrated: Database, record: Record) -> World:
    """A world with one journey, which lists do not show yet."""
    await record.append(JOURNEY, 0, [to_new(each) for each in opening()])
    world = World(migrated, temporal_ui=UI)
    world.at = datetime.now(UTC)
    return world


@pytest.fixture
def console(world: World, tmp_path: Path, exits: AsyncExitStack) -> FastAPI:
    return console_of(world, tmp_path / "profiles", JOURNEY, exits)


async def test_a_new_service_says_what_nobody_did_yet(browser: Browser) -> None:
    await browser.sign_in("ops")
    await browser.go("/ops")
    for words in (
        "never looked", "No worker has reconciled yet", "Last verified never", "name none", f"{len(opening())} behind",
        "On call for Example Day Clinic",
    ):  # fmt: skip
        assert words in said(browser), words


async def test_without_the_register_the_page_says_so(world: World, browser: Browser, tmp_path: Path) -> None:
    await browser.sign_in("ops")
    world.set(register_file=tmp_path / "away.json")
    await browser.go("/ops")
    assert "Who is on call is not known" in said(browser)


async def test_the_page_tells_how_the_service_stands(
    world: World, record: Record, migrated: Database, owner: Connection, browser: Browser, tmp_path: Path
) -> None:
    public = make_key(tmp_path / "key").hex()
    await write_anchor(record, tmp_path / "anchors", read_key(tmp_path / "key"))
    world.set(anchors_dir=tmp_path / "anchors", anchor_public_key=public)
    await keep_pass(record, Pass(world.at, world.at, "build-7", 12, 1, 2, 2, 0, None, -3600))
    await keep_verification(
        record, "build-7", since=0, position=len(opening()), findings=3, unchecked=["workflows"], left_out=["anchors"]
    )
    matter = Matter("step_missed", "x", {"journey_id": str(JOURNEY), "to": "clinician"})
    watching = f"postgresql://carepath_watchdog@127.0.0.1:{migrated.port}/{migrated.name}?sslmode=disable"
    async with open_clear(watching) as watchdog:
        await keep_matters(watchdog, [matter, Matter("reconciliation_late", "never", {"last": None})])
        await keep_paged(watchdog, [matter])
        await keep_look(watchdog, "dog-3", mute=False)
    await owner.execute(
        "INSERT INTO read_model_1.poisoned (journey_id, version, position, code, attempts, at) "
        "VALUES ($1, 1, 1, 'KeyError', 4, now())",
        JOURNEY,
    )
    await browser.sign_in("ops")
    await browser.go("/ops")
    for words in (
        "alive", "dog-3", "Last page:", MATTERS["step_missed"], "1 time, last", "build-7", "KeyError",
        "was 1 hour behind the record's",
        "not verified", "findings: 3; could not be checked: workflows; left out: anchors",
        "agrees with the log", f"Position {len(opening())}, less than a minute old",
    ):  # fmt: skip
        assert words in said(browser), words
    assert f'href="{UI}/workflows/journey%2F{JOURNEY}"' in browser.page.text
    assert f'href="/journeys/{JOURNEY}"' in browser.page.text

    world.at += timedelta(hours=3, minutes=1)
    await browser.sign_in("ops")
    await record.append(JOURNEY, len(opening()), [event()])
    await browser.go("/ops")
    assert f"late Position {len(opening())}, 3 hours old" in said(browser)
    assert "late Look whether workers run" in said(browser)
    next((tmp_path / "anchors").iterdir()).write_text("{}")
    await browser.go("/ops")
    assert "not to be believed" in said(browser)


async def test_a_verification_is_kept_and_holds_where_it_cannot_be(
    world: World, record: Record, owner: Connection
) -> None:
    parts = [word for part in ("workflows", "sign-offs", "derivation", "anchors") for word in ("--without", part)]

    async def verify() -> int:
        return (await asyncio.to_thread(call, world, "record", "verify", *parts, "--profile", str(OPS), "--json")).code

    await catch_up(record)
    assert await verify() == 0
    kept = await last_verification(record)
    assert kept is not None
    assert (kept.since, kept.position, kept.findings, kept.unchecked) == (0, len(opening()), 0, [])
    assert kept.left_out == ["anchors", "derivation", "sign-offs", "workflows"]
    assert (await asyncio.to_thread(call, world, "record", "verify", str(JOURNEY), *parts)).code == 0
    copy = await owner.fetchval("SELECT current_database()")
    await owner.execute(f'ALTER DATABASE "{copy}" SET default_transaction_read_only = on')
    assert await verify() == 0
    assert await last_verification(record) == kept, "one journey is not the record, and a copy may take no change"


async def test_a_stale_journey_is_applied_anew(record: Record, browser: Browser, owner: Connection) -> None:
    await catch_up(record)
    await owner.execute(
        "INSERT INTO read_model_1.poisoned (journey_id, version, position, code, attempts, at) "
        "VALUES ($1, 1, 1, 'KeyError', 4, now())",
        JOURNEY,
    )
    await browser.sign_in("ops")
    await browser.go("/ops")
    answer = await browser.send({"journey": str(UUID(int=7))}, "/ops/retry")
    assert answer.status_code == 404
    assert "no journey of this id" in said(browser)
    await browser.go("/ops")
    await browser.send({}, "/ops/retry")
    assert "The journey is not stale any more." in said(browser)
    assert "Stale journeys None." in said(browser)


async def test_only_those_who_look_after_the_service_see_it(record: Record, console: FastAPI) -> None:
    await catch_up(record)
    for role in Role:
        if role == Role.SYSTEM:
            continue
        async with browser_of(console) as browser:
            await browser.sign_in(role.value)
            answer = await browser.go("/ops")
            assert (answer.status_code == 200) == (role in LOOK_AFTER_IT), role
            token = re.findall(r'name="form_token" value="([^"]+)"', browser.page.text)[0]
            sent = {"form_token": token, "journey": str(JOURNEY)}
            assert (await browser.client.post("/ops/retry", data=sent)).is_success == (role in LOOK_AFTER_IT), role


async def test_an_id_of_temporal_leads_to_the_journey_and_back(world: World, record: Record, browser: Browser) -> None:
    await catch_up(record)
    assert in_temporal(world.settings, JOURNEY) == f"{UI}/workflows/{workflow_id(JOURNEY).replace('/', '%2F')}"
    await browser.sign_in("ops")
    for address in (f"/find?journey={workflow_id(JOURNEY)}", f"/find?journey={JOURNEY}", f"/{workflow_id(JOURNEY)}"):
        answer = await browser.go(address)
        assert (answer.status_code, answer.url.path) == (200, f"/journeys/{JOURNEY}"), address
        assert f"{UI}/workflows/journey%2F{JOURNEY}" in answer.text
    for nothing in ("", "journey/", "https://elsewhere.example", str(UUID(int=0))[:-1]):
        assert (await browser.client.get("/find", params={"journey": nothing})).status_code == 422
    await browser.sign_in("coordinator")
    assert UI not in (await browser.go(f"/journeys/{JOURNEY}")).text, "nobody else works there"


@pytest.mark.parametrize(
    "address",
    [
        "temporal.example/namespaces/care", "https://temporal.example", "https://temporal.example/namespaces/",
        "javascript:alert(1)//namespaces/care", "https://temporal.example/namespaces/care?x=1",
        "https://user:secret@temporal.example/namespaces/care", "https://temporal.example/namespaces/care/workflows",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREPATH_DATABASE_URL", "postgresql://nobody@127.0.0.1/nowhere")
    monkeypatch.setenv("CAREPATH_TEMPORAL_UI", UI)
    assert isinstance(load_settings(), Settings)
    monkeypatch.setenv("CAREPATH_TEMPORAL_UI", address)
    with pytest.raises(SettingsError, match="CAREPATH_TEMPORAL_UI"):
        load_settings()
