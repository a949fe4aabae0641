"""A console on a real record, with journeys at many moments, and nobody behind it but what stands in for Temporal."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from activities.record import Record
from application.context import Context
from console.app import create_app
from deploy.local.postgres import Database
from simulation.people import CLINIC, PEOPLE, profile
from tests.cli.clinics import Clinics
from tests.cli.clinics import clinics as made_clinics
from tests.cli.helpers import World, write_profiles
from tests.console.browser import Browser, browser_of
from workflows.journey.actors import Role


@pytest.fixture
async def clinics(migrated: Database, record: Record) -> Clinics:
    return await made_clinics(migrated, record)


@pytest.fixture
def console(clinics: Clinics, tmp_path: Path) -> FastAPI:
    """The console of those clinics. Its people are signed out by the clock of their world; all work for both clinics,
    but for the session monitor."""
    return console_of(clinics.world, tmp_path / "profiles", next(iter(clinics.journeys)))


def console_of(world: World, profiles: Path, journey: UUID) -> FastAPI:
    write_profiles(profiles, journey)
    monitor = PEOPLE[Role.SESSION_MONITOR]
    (profiles / f"{monitor.role.value}.json").write_text(profile(monitor, CLINIC))
    world.set(profile=profiles / "coordinator.json")

    def make_context(**who: Any) -> Context:
        return Context(now=_clock(world), load=world.load_settings, connect=world.connect, **who)

    return create_app(world.settings, make_context=make_context, now=_clock(world))


def _clock(world: World) -> Callable[[], datetime]:
    return lambda: world.at


@pytest.fixture
async def browser(console: FastAPI) -> AsyncIterator[Browser]:
    async with browser_of(console) as opened:
        yield opened
