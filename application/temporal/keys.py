"""The keys that a process encrypts and decrypts with, as its settings name them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from activities.privacy.key_store import KeyStore, open_key_store
from activities.privacy.master_keys import Keyring
from application.settings import Settings, SettingsError

WHY = "is missing: nothing runs without the keys that encrypt"


@asynccontextmanager
async def open_keys(settings: Settings, *, connections: int = 4) -> AsyncIterator[KeyStore]:
    """Open the keys that the settings name, and make sure that they can be had.

    Raises:
        SettingsError: they are not named.
        KeyringError, KeysUnavailable: they cannot be had.
    """
    if settings.keys_url is None or settings.keyring_file is None:
        named = {"KEYS_URL": settings.keys_url, "KEYRING_FILE": settings.keyring_file}
        raise SettingsError([(f"CAREPATH_{name}", WHY) for name, value in named.items() if value is None])
    masters = Keyring(settings.keyring_file)
    async with open_key_store(settings.keys_url.get_secret_value(), masters, connections=connections) as store:
        yield store
