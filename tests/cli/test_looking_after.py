"""How the service stands may say of a journey of any clinic that something is wrong: for those alone who look after the
service, and kept."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from pydantic import SecretStr

from activities.record import RecordUnavailable
from application.context import Context
from application.errors import FromOutside, NotAllowed
from application.operations.status import show_service
from application.profiles import Profile
from application.reading.access_log import LOOK_AFTER_IT
from application.record.passes import reconcile_now
from application.record.projections import retry_projection, show_projections
from application.record.recover import recover
from application.record.verify import VerificationPart, verify
from deploy.local.postgres import Database
from simulation.people import PEOPLE
from tests.cli.helpers import World
from tests.cli.on_record import as_superuser
from workflows.journey.vocabulary.actors import Role

Ask = Callable[[Context, UUID], Awaitable[object]]
ALL = frozenset(VerificationPart)


async def verify_all(context: Context, _: UUID) -> object:
    return (await verify(context, None, None, ALL, None, lambda _: None)).findings


async def verify_one(context: Context, journey: UUID) -> object:
    return (await verify(context, journey, None, ALL, None, lambda _: None)).findings


THE_SERVICE = "the service"
"""What the console alone shows, and so its role alone may read."""
LOOKS: dict[str, Ask] = {
    "record verify": verify_all,
    "record models": lambda context, _: show_projections(context),
    "record retry": retry_projection,
    THE_SERVICE: lambda context, _: show_service(context),
}
ON_TEMPORAL: dict[str, Ask] = {
    "record reconcile": lambda context, _: reconcile_now(context, repair=False),
    "record reconcile --repair": lambda context, _: reconcile_now(context, repair=True),
    "record recover": lambda context, _: recover(context, apply=False),
    "record recover --apply": lambda context, _: recover(context, apply=True),
}
"""What they show is kept: in tests/faults/reconciliation."""


def somebody(role: Role, *clinics: str) -> Profile:
    return Profile(**{**dict(PEOPLE[role]), "clinics": clinics})


def asked(world: World, person: Profile, journey: UUID, ask: Ask) -> object:
    if ask is LOOKS[THE_SERVICE]:
        world.set(database_url=SecretStr(world.console))

    async def now() -> object:
        async with world.context(person=person) as context:
            return await ask(context, journey)

    return asyncio.run(now())


def spoil(database: Database) -> None:
    as_superuser(database, "UPDATE record.journey_event SET payload = payload || ' ' WHERE version = 1")


@pytest.mark.parametrize("name", [*LOOKS, *ON_TEMPORAL])
def test_how_the_service_stands_is_for_those_who_look_after_it(world: World, journey: UUID, name: str) -> None:
    for role in {*PEOPLE} - {*LOOK_AFTER_IT}:
        with pytest.raises(NotAllowed, match="not for your role"):
            asked(world, Profile(**dict(PEOPLE[role])), journey, {**LOOKS, **ON_TEMPORAL}[name])
    assert world.looks() == []


@pytest.mark.parametrize("role", LOOK_AFTER_IT)
@pytest.mark.parametrize("name", LOOKS)
def test_what_they_see_of_any_clinic_is_kept(
    world: World, journey: UUID, migrated: Database, role: Role, name: str
) -> None:
    world.project()
    spoil(migrated)
    stale = f"VALUES ('{journey}', 1, 1, 'KeyError', 4, now())"
    as_superuser(
        migrated, f"INSERT INTO read_model_1.poisoned (journey_id, version, position, code, attempts, at) {stale}"
    )
    person = somebody(role, "another-clinic")
    shown = asked(world, person, journey, LOOKS[name])
    assert name == "record retry" or str(journey) in str(shown)
    [look] = world.looks()
    assert (look.reader_id, look.shown, look.journeys) == (person.id, True, (journey,))
    assert name in look.command[1]


def test_one_journey_is_verified_for_whoever_may_look_at_it(world: World, journey: UUID) -> None:
    """And told to nobody else: not how many events it has, nor how many of them are decisions."""
    role = Role.COORDINATOR
    assert asked(world, Profile(**dict(PEOPLE[role])), journey, verify_one) == ()
    with pytest.raises(FromOutside):
        asked(world, somebody(role, "another-clinic").model_copy(update={"id": "night"}), journey, verify_one)
    assert [(look.shown, look.journeys) for look in world.looks()] == [(True, (journey,)), (False, (journey,))]


def test_one_that_cannot_be_read_is_verified_for_those_who_look_after_the_service(
    world: World, journey: UUID, migrated: Database
) -> None:
    spoil(migrated)
    assert "content" in str(asked(world, somebody(Role.OPS), journey, verify_one))
    assert [look.journeys for look in world.looks()] == [(journey,)]


def test_where_no_look_can_be_kept_no_journey_is_named(world: World, journey: UUID, migrated: Database) -> None:
    """As in a copy that takes no change."""
    spoil(migrated)
    as_superuser(migrated, f'ALTER DATABASE "{migrated.name}" SET default_transaction_read_only = on')
    found = str(asked(world, somebody(Role.OPS), journey, verify_all))
    assert "content" in found
    assert str(journey) not in found
    with pytest.raises(RecordUnavailable):
        asked(world, somebody(Role.OPS), journey, verify_one)
    for name in ("record models", THE_SERVICE):
        with pytest.raises(RecordUnavailable):
            asked(world, somebody(Role.OPS), journey, LOOKS[name])
