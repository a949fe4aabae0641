"""`record export`, `anchor-key` and `anchor`: what leaves the database, so that others can check what stays in it."""

import os
from pathlib import Path
from typing import Annotated

import typer

from door import shell
from door.access.looking import reader
from door.outcomes import ExitCode, Problem
from door.screen import Screen, facts
from door.signatures import keyring

NewFile = Annotated[Path, typer.Argument(metavar="FILE", help="A file that does not exist yet.", show_default=False)]


def add_commands(group: typer.Typer) -> None:
    """Give the commands to their group."""
    group.command("export")(export_command)
    group.command("anchor-key")(anchor_key_command)
    group.command("anchor")(anchor_command)


def export_command(
    context: typer.Context,
    journey: shell.JourneyId,
    file: NewFile,
    profile: shell.Profile = None,
    purpose: shell.Purpose = None,
    json: shell.Json = False,
) -> None:
    """Write one journey to a ZIP that a stranger can verify with the program in it.

    It holds health data, and is readable by you alone.
    """
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        from activities.record.export import VERIFIER, export

        journey_id = shell.journey_id(journey)
        register = keyring.register_path(None, services.settings())
        content = keyring.content_of(register)
        if content is None:
            raise Problem(ExitCode.USAGE, "there is no register where it should be", "Check CAREPATH_REGISTER_FILE")
        keyring.refuse_existing(file, "nothing is overwritten")
        await reader(context, profile, purpose).events(journey_id)
        async with services.record() as record:
            bundle = await export(record, journey_id, content)
        assert bundle is not None
        write_new(file, bundle)
        if screen.json_only:
            screen.data({"journey_id": str(journey_id), "file": str(file), "bytes": len(bundle)})
        else:
            told = {"file": file, "size": f"{len(bundle)} bytes", "check it": f"python {VERIFIER.name} {file.name} KEY"}
            screen.show(facts(told, "record export: done"))

    shell.run(act, json_only=json)


def anchor_key_command(file: NewFile, json: shell.Json = False) -> None:
    """Make a key: for workers to sign anchors of the record with, or for `record verify --report`."""

    async def act(screen: Screen) -> None:
        from activities.record.verification.anchors import AnchorKeyError, make_key

        try:
            public = make_key(file).hex()
        except AnchorKeyError as error:
            raise keyring.told(error, ExitCode.USAGE) from None
        if screen.json_only:
            screen.data({"file": str(file), "public_key": public})
        else:
            screen.show(facts({"CAREPATH_ANCHOR_KEY_FILE": file}, "for workers"))
            screen.text(f"CAREPATH_ANCHOR_PUBLIC_KEY={public}")

    shell.run(act, json_only=json)


def anchor_command(context: typer.Context, json: shell.Json = False) -> None:
    """Write an anchor of the record now. Workers do so by themselves, on a schedule."""
    services = shell.services(context)

    async def act(screen: Screen) -> None:
        from activities.record.verification.anchors import AnchorKeyError, read_key, write_anchor

        settings = services.settings()
        if settings.anchors_dir is None or settings.anchor_key_file is None:
            raise Problem(
                ExitCode.USAGE,
                "it is not known where anchors are kept, or with which key they are signed",
                "Set CAREPATH_ANCHORS_DIR and CAREPATH_ANCHOR_KEY_FILE; `record anchor-key` makes a key",
            )
        try:
            key = read_key(settings.anchor_key_file)
        except AnchorKeyError as error:
            raise keyring.told(error, ExitCode.USAGE) from None
        async with services.record() as record:
            try:
                anchor = await write_anchor(record, settings.anchors_dir, key)
            except OSError as error:
                raise Problem(
                    ExitCode.UNAVAILABLE, f"the anchor cannot be written ({error.strerror})", "Check the directory"
                ) from None
        position = 0 if anchor is None else anchor.position
        if screen.json_only:
            screen.data({"position": position})
        else:
            screen.note(f"Anchored at position {position}." if position else "Nothing is recorded yet.")

    shell.run(act, json_only=json)


def write_new(file: Path, content: bytes) -> None:
    """Write a file that is not there yet, for its owner to read.

    Raises:
        Problem: it is there, or cannot be written.
    """
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(content)
    except OSError as error:
        raise Problem(
            ExitCode.USAGE, f"the file cannot be written ({error.strerror})", "Choose another place"
        ) from None
