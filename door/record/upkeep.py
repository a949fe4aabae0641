"""`record models`, `record retry` and `record rebuild`: how far what people work from is, what is stuck, and how to
build it anew. `record verify` compares it with the record."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from door import shell
from door.outcomes import ExitCode, Problem
from door.screen import Screen, here, row, table

if TYPE_CHECKING:
    from activities.record.read_models import ProjectionStatus, Stale


def add_commands(group: typer.Typer) -> None:
    """Give the commands to their group."""
    group.command("models")(models_command)
    group.command("retry")(retry_command)
    group.command("rebuild")(rebuild_command)


def models_command(context: typer.Context, json: shell.Json = False) -> None:
    """Show the read models: their builds, how far each is behind the record, and the journeys that are stale."""
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        from activities.record.read_models import read_status, stale

        async with services.record() as record:
            found, stuck = await read_status(record), (await stale(record)).rows
        if screen.json_only:
            screen.data(_for_scripts(found, stuck))
            return
        builds = table("build", "status", "position", "behind by", "since (your time)", "note")
        for build in found.builds:
            told = "" if build.ours else "not of this version or log: nothing is projected into it"
            row(builds, build.id, build.status, build.position, found.head - build.position, here(build.since), told)
        screen.show(builds)
        if stuck:
            waiting = table("journey", "version", "position", "reason", "tried", "last (your time)", title="Stale")
            for each in stuck:
                row(waiting, each.journey_id, each.version, each.position, each.code, each.attempts, here(each.at))
            screen.show(waiting)
            screen.note("An event could not be applied. Once that is mended: `record retry JOURNEY`.")
        if not any(build.ours and build.status == "live" for build in found.builds):
            screen.note("What is live is not this version's. If it is older, a runner of this version builds it anew.")

    shell.run(act, json_only=json)


def _for_scripts(found: "ProjectionStatus", stuck: "tuple[Stale, ...]") -> dict[str, Any]:
    def plain(value: object) -> object:
        return value.isoformat() if isinstance(value, datetime) else value

    return {
        "record": found.head,
        "builds": [
            {**{name: plain(value) for name, value in build._asdict().items()}, "behind": found.head - build.position}
            for build in found.builds
        ],
        "stale": [each.model_dump(mode="json") for each in stuck],
    }


def retry_command(context: typer.Context, journey: shell.JourneyId, json: shell.Json = False) -> None:
    """Apply a stale journey anew, from its first event, and let its lists go on. It may be run at any time."""
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        from activities.record.read_models import retry, stale

        journey_id = shell.journey_id(journey)
        async with services.record() as record:
            await retry(record, journey_id)
            code = next((each.code for each in (await stale(record)).rows if each.journey_id == journey_id), None)
        if code is not None:
            raise Problem(
                ExitCode.REFUSED,
                f"an event of this journey cannot be applied ({code})",
                "See `record models` for which; `record verify JOURNEY` says whether it is as it was recorded",
                state="Nothing was changed: the journey stays stale, and all others go on.",
                ids={"journey_id": str(journey_id)},
            )
        if screen.json_only:
            screen.data({"journey_id": str(journey_id), "stale": False})
        else:
            screen.text("The journey is not stale.")

    shell.run(act, json_only=json)


def rebuild_command(context: typer.Context, json: shell.Json = False) -> None:
    """Build all read models anew from the record and show them in the place of the live ones, while people work."""
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        from activities.record.read_models import BeingRebuilt, BuildFailed, rebuild

        async with services.record() as record:
            try:
                generation = await rebuild(record)
            except (BeingRebuilt, BuildFailed) as refused:
                raise Problem(
                    ExitCode.REFUSED, str(refused), "See `record models`", state="What was shown before still is."
                ) from None
        if screen.json_only:
            screen.data({"live": generation})
        else:
            screen.text(f"Build {generation} is live.")

    shell.run(act, json_only=json)
