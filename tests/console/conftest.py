"""A console on a real record, with journeys at many moments, and nobody behind it but what stands in for Temporal."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from activities.record import Record
from application.caches.histories import Histories
from application.caches.proofs import Proofs
from application.caches.registers import Registers
from application.context import Context
from application.settings import Settings
from console.app import create_app
from console.visits import Opened
from simulation.people import CLINIC, PEOPLE, profile
from tests.cli.clinics import Clinics
from tests.cli.helpers import World, write_profiles
from tests.console.browser import Browser, browser_of
from tests.fixtures.keys import SharedKeys
from workflows.journey.vocabulary.actors import Role


@pytest.fixture
async def exits() -> AsyncIterator[AsyncExitStack]:
    """What is closed after a test."""
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
def console(clinics: Clinics, tmp_path: Path, exits: AsyncExitStack, shared_keys: SharedKeys) -> FastAPI:
    """The console of those clinics. Its people are signed out by the clock of their world; all work for both clinics,
    but for the session monitor."""
    return console_of(clinics.world, tmp_path / "profiles", next(iter(clinics.journeys)), exits, shared_keys)


def console_of(
    world: World, profiles: Path, journey: UUID, exits: AsyncExitStack, keys: SharedKeys | None = None
) -> FastAPI:
    """The console of a world. All its requests share one record and what they read of it, as those of a server do.
    With ``keys`` contacts are encrypted with these, though the record is in clear."""
    opened, proofs, histories, registers = Opened(world.settings), Proofs(), Histories(), Registers()
    exits.push_async_callback(opened.close)
    write_profiles(profiles, journey)
    monitor = PEOPLE[Role.SESSION_MONITOR]
    (profiles / f"{monitor.role.value}.json").write_text(profile(monitor, CLINIC))
    world.set(profile=profiles / "coordinator.json")

    def load() -> Settings:
        own = {} if keys is None else {"keys_url": SecretStr(keys.url), "keyring_file": keys.keyring}
        return _by_its_role(world.settings).model_copy(update=own)

    def record(_: Settings) -> AbstractAsyncContextManager[Record]:
        return opened.record(_by_its_role(world.settings))

    def make_context(**who: Any) -> Context:
        shared: dict[str, Any] = {
            "open_record": record,
            "proofs": proofs,
            "histories": histories,
            "registers": registers,
        }
        return Context(now=_clock(world), load=load, connect=world.connect, **shared, **who)

    return create_app(world.settings, make_context=make_context, now=_clock(world))


def _by_its_role(settings: Settings) -> Settings:
    """The settings of the console, which has a database role of its own."""
    address = settings.database_url.get_secret_value().replace("carepath_reader", "carepath_console")
    return settings.model_copy(update={"database_url": SecretStr(address)})


def _clock(world: World) -> Callable[[], datetime]:
    return lambda: world.at


@pytest.fixture
async def browser(console: FastAPI) -> AsyncIterator[Browser]:
    async with browser_of(console) as opened:
        yield opened
