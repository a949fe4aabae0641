"""`keys`: make and rotate the keys that encrypt what lies in Temporal and in the record."""

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import typer

from application.operations import keys
from application.words.codes import say
from cli.output import add_row, table
from cli.runtime import Call, NewFileArgument, command

ODD = 20
"""How many data keys are listed that do not open."""
Master = Annotated[str, typer.Argument(metavar="ID", help="The id of a master key.", show_default=False)]


def add_commands(group: typer.Typer) -> None:
    """Give the group its commands."""
    group.command("make")(command(make))
    group.command("list")(command(list_))
    group.command("add")(command(add))
    group.command("use")(command(use))
    group.command("rewrap")(command(rewrap))
    group.command("drop")(command(drop))
    group.command("rotate")(command(rotate))


async def make(call: Call, file: NewFileArgument) -> None:
    """Make a keyring: a file with one master key, that only its owner can read. Keep a copy apart from the database."""
    _tell(call, {"file": str(file), "master_key": keys.make_keyring(file)})


async def list_(call: Call) -> None:
    """List the master keys by their ids: how many data keys each wraps, and which data keys do not open. No key is
    shown."""
    listed = await keys.list_keys(call.context)
    if call.output.json_only:
        call.output.data({**listed._asdict(), "masters": [key._asdict() for key in listed.masters]})
        return
    shown = table("master key", "wraps", "is")
    for key in listed.masters:
        is_ = "not in the keyring" if not key.here else "current" if key.current else ""
        add_row(shown, key.id, str(key.wraps), is_)
    call.output.show(shown)
    _tell_odd(call, "Do not open with this keyring", listed.unusable)
    _tell_odd(call, "Were never a key, and nothing waits for them", listed.forged)


async def add(call: Call) -> None:
    """Add a master key to the keyring. Copy the file to wherever the service runs, then `keys use` it."""
    _tell(call, {"master_key": keys.add_master_key(call.context)})


async def use(call: Call, master: Master) -> None:
    """Wrap new data keys by this master key. The service sees it at once, and runs on."""
    keys.use_master_key(call.context, master)
    _tell(call, {"current": master})


async def rewrap(call: Call) -> None:
    """Wrap every data key by the current master key, with the role carepath_key_keeper. Data keys, and what they
    encrypted, stay the same. The service runs on; run it until it says 0."""
    _tell(call, {"wrapped_anew": await keys.rewrap(call.context)})


async def drop(call: Call, master: Master) -> None:
    """Drop a master key that wraps no data key any more. Old backups of the key store, which need it, cannot be read
    then."""
    forged = await keys.drop_master_key(call.context, master)
    _tell(call, {"dropped": master, **({"forged": [str(each) for each in forged]} if forged else {})})


async def rotate(call: Call) -> None:
    """Give the service and every patient a new data key for what is new. It is used within five minutes; what was
    written before stays under the older ones, which still open it."""
    _tell(call, {"new_keys": await keys.rotate(call.context)})


def _tell_odd(call: Call, what: str, keys_: Sequence[UUID]) -> None:
    if keys_:
        call.output.text(
            f"{what}: {', '.join(map(str, keys_[:ODD]))}{f' ({len(keys_)} in all)' if keys_[ODD:] else ''}"
        )


def _tell(call: Call, said: dict[str, object]) -> None:
    if call.output.json_only:
        call.output.data(said)
    else:
        call.output.text("\n".join(f"{say(name)}: {value}" for name, value in said.items()))
