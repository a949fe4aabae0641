"""The keys that encrypt what lies in Temporal and in the record: opened for a process, and rotated by ops.

All of it may be done while the service runs: what is encrypted stays readable at every step.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from activities.privacy import master_keys
from activities.privacy.errors import KeyringError, KeysUnavailable
from activities.privacy.key_store import KeyStore
from activities.privacy.master_keys import Keyring
from application.context import Context
from application.errors import NOTHING_WRITTEN, Conflict, InvalidInput, Unavailable
from application.process.sealing import open_keys


class MasterKey(NamedTuple):
    """A master key by its id: whether it wraps new data keys, how many it wraps, and whether the keyring has it."""

    id: str
    current: bool
    wraps: int
    here: bool


class Keys(NamedTuple):
    """The master keys; the ids of data keys that do not open with this keyring; and of what stands in their table and
    was never a key: somebody with the role of a process put it there, and nothing waits for it."""

    masters: tuple[MasterKey, ...]
    unusable: tuple[UUID, ...] = ()
    forged: tuple[UUID, ...] = ()


def make_keyring(file: Path) -> str:
    """Make a keyring of one master key in a new file, and return the key's id.

    Raises:
        InvalidInput: the file exists, or cannot be written.
    """
    try:
        return master_keys.make_keyring(file)
    except KeyringError as error:
        raise _unusable(error) from None


def add_master_key(context: Context) -> str:
    """Add a master key to the keyring, and return its id. It wraps nothing yet.

    Raises:
        InvalidInput: the keyring cannot be used.
    """
    try:
        return master_keys.add_master_key(_keyring(context))
    except KeyringError as error:
        raise _unusable(error) from None


def use_master_key(context: Context, master: str) -> None:
    """Wrap new data keys by this master key.

    Raises:
        InvalidInput: it is not in the keyring.
    """
    try:
        master_keys.use_master_key(_keyring(context), master)
    except KeyringError as error:
        raise _unusable(error) from None


async def drop_master_key(context: Context, master: str) -> tuple[UUID, ...]:
    """Drop a master key that wraps nothing any more. Return what its name stands at, among others, and was never a key.

    Raises:
        Conflict: it wraps data keys; or some do not open, and it may be the one that does.
        InvalidInput: it is not in the keyring, or current.
        Unavailable: the key store cannot be reached.
    """
    async with _store(context) as store:
        found = await store.survey()
    if found.unusable:
        raise Conflict(
            f"{len(found.unusable)} data keys do not open with this keyring, such as {found.unusable[0]}",
            "Give the whole keyring, or restore them from a backup of the key store. Only if they are lost for good, "
            "take them out there",
            state=NOTHING_WRITTEN,
        )
    if found.wraps.get(master):
        raise Conflict(f"{master} still wraps data keys", "Run `keys rewrap` first", state=NOTHING_WRITTEN)
    try:
        master_keys.drop_master_key(_keyring(context), master)
    except KeyringError as error:
        raise _unusable(error) from None
    return found.forged


async def list_keys(context: Context) -> Keys:
    """Return all master keys: those of the keyring, and those by which data keys are wrapped; and what does not open.

    Raises:
        InvalidInput: the keyring cannot be used.
        Unavailable: the key store cannot be reached.
    """
    async with _store(context) as store:
        found = await store.survey()
    keyring = _opened_keyring(context)
    current, here = await keyring.current(), await keyring.ids()
    every = (*here, *sorted(set(found.wraps) - set(here)))
    masters = tuple(MasterKey(each, each == current, found.wraps.get(each, 0), each in here) for each in every)
    return Keys(masters, found.unusable, found.forged)


async def rotate(context: Context) -> int:
    """Give the service and every patient a new key for new data, and return how many.

    Raises:
        Unavailable: not all have one yet; run it again.
    """
    async with _store(context) as store:
        return await store.rotate()


async def rewrap(context: Context) -> int:
    """Wrap every data key by the current master key, and return how many were wrapped by another.

    Raises:
        InvalidInput: the role that is connected may not: no process of the service changes a key.
        Unavailable: not all are yet; run it again.
    """
    async with _store(context) as store:
        if not await store.may_rewrap():
            raise InvalidInput(
                "this role of the key store wraps no key anew",
                "Give CAREPATH_KEYS_URL with the role carepath_key_keeper, for this command alone",
                state=NOTHING_WRITTEN,
            )
        return await store.rewrap()


@asynccontextmanager
async def _store(context: Context) -> AsyncIterator[KeyStore]:
    try:
        async with open_keys(context.settings, connections=1) as store:
            yield store
    except KeysUnavailable as error:
        raise Unavailable(str(error), "Run it again: what is done stays done", state="No key is lost.") from None
    except KeyringError as error:
        raise _unusable(error) from None


def _keyring(context: Context) -> Path:
    path = context.settings.keyring_file
    if path is None:
        raise InvalidInput("it is not known where the keyring is", "Set CAREPATH_KEYRING_FILE; `keys make` makes one")
    return path


def _opened_keyring(context: Context) -> Keyring:
    try:
        return Keyring(_keyring(context))
    except KeyringError as error:
        raise _unusable(error) from None


def _unusable(error: KeyringError) -> InvalidInput:
    return InvalidInput(error.reason, error.remedy, state=NOTHING_WRITTEN)
