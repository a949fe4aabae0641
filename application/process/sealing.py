"""The keys that a process encrypts and decrypts with, and the record that is encrypted with them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from activities.privacy.errors import KeyringError, KeysUnavailable
from activities.privacy.key_store import KeyStore, open_key_store
from activities.privacy.master_keys import Keyring
from activities.record import PayloadCodec, Record, RecordUnavailable, open_record, sealing
from application.errors import SettingsError
from application.settings import PREFIX

WHY = "is missing: nothing runs without the keys that encrypt"

NOT_ITS_KEYS = (
    "is not the key store of this record: by it everybody would be a new patient, of whom no dose is known. Nothing "
    "was changed. Name the record's own key store, or restore it"
)


class NamesKeys(Protocol):
    """Settings that name the record and its keys."""

    @property
    def database_url(self) -> SecretStr: ...
    @property
    def keys_url(self) -> SecretStr | None: ...
    @property
    def keyring_file(self) -> Path | None: ...


@asynccontextmanager
async def open_keys(settings: NamesKeys, *, connections: int = 4) -> AsyncIterator[KeyStore]:
    """Open the keys that the settings name, and make sure that they can be had.

    Raises:
        SettingsError: they are not named.
        KeyringError, KeysUnavailable: they cannot be had.
    """
    url, keyring = named_keys(settings)
    async with open_key_store(url.get_secret_value(), Keyring(keyring), connections=connections) as store:
        yield store


def named_keys(settings: NamesKeys) -> tuple[SecretStr, Path]:
    """Return where the key store is, and the keyring.

    Raises:
        SettingsError: they are not named.
    """
    if settings.keys_url is None or settings.keyring_file is None:
        named = {"KEYS_URL": settings.keys_url, "KEYRING_FILE": settings.keyring_file}
        raise SettingsError([(f"{_prefix_of(settings)}{name}", WHY) for name, value in named.items() if value is None])
    return settings.keys_url, settings.keyring_file


@asynccontextmanager
async def open_sealed(settings: NamesKeys, url: str | None = None, *, connections: int = 8) -> AsyncIterator[Record]:
    """Open the record at an address, which is that of the settings unless another is given.

    Raises:
        SettingsError: its keys are not named, or are another record's, or the keyring cannot be used.
        RecordUnavailable, RecordFault: the record or its keys cannot be reached.
    """
    address = settings.database_url.get_secret_value() if url is None else url
    again = partial(open_sealed, settings, url)
    async with AsyncExitStack() as exits:
        codec = await codec_of(settings, exits)
        record = await exits.enter_async_context(open_record(address, codec, connections=connections, reopen=again))
        if not await record.has_own_keys():
            raise not_its_keys(settings)
        yield record


def not_its_keys(settings: NamesKeys) -> SettingsError:
    """Return what to raise where the key store is another record's."""
    return SettingsError([(f"{_prefix_of(settings)}KEYS_URL", NOT_ITS_KEYS)])


async def codec_of(settings: NamesKeys, exits: AsyncExitStack) -> PayloadCodec:
    """Return what encrypts the record of these settings.

    Raises:
        SettingsError: its keys are not named, or the keyring cannot be used.
        RecordUnavailable: they cannot be had.
    """
    try:
        return await sealing(await exits.enter_async_context(open_keys(settings, connections=2)))
    except KeysUnavailable as away:
        raise RecordUnavailable(type(away).__name__) from None
    except KeyringError as error:
        raise SettingsError([(f"{_prefix_of(settings)}KEYRING_FILE", f"{error.reason}. {error.remedy}")]) from None


def _prefix_of(settings: NamesKeys) -> str:
    """Return how the variables of these settings begin."""
    config = getattr(settings, "model_config", {})
    return str(config.get("env_prefix", PREFIX))
