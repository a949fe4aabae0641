"""Makes the databases of the service, and brings them up to date, as their owners."""

from collections.abc import Mapping, Sequence

from asyncpg import InterfaceError, PostgresError

from activities.privacy.errors import KeyringError
from activities.privacy.key_store import prepare_key_store
from activities.privacy.master_keys import Keyring
from activities.record import migrate
from activities.record.migrations import MigrationEdited
from application.context import Context
from application.errors import NOTHING_WRITTEN, Conflict, SettingsError, Unavailable
from application.settings import PREFIX

AGAIN = "Look whether its owner may connect and create roles, and run it again: what was made stays made"


async def migrate_databases(context: Context) -> Mapping[str, Sequence[str]]:
    """Make or bring up to date each database whose owner the settings name, and return what was applied to each.

    A new record is made for a demonstration, or for patients, as the settings say, and stays so. A new key store gets
    its first secret where the keyring is named.

    Raises:
        SettingsError: no owner is named, or the keyring that is named cannot be used.
        Conflict: the record was made from other files than this build has.
        Unavailable: a database cannot be reached, or its owner may not do it. Running it again is safe.
    """
    settings, applied = context.settings, dict[str, Sequence[str]]()
    if settings.owner_url is None and settings.keys_owner_url is None:
        names = ("OWNER_URL", "KEYS_OWNER_URL")
        raise SettingsError([(f"{PREFIX}{name}", "is missing: only an owner may change a database") for name in names])
    try:
        if settings.keys_owner_url is not None:
            masters = None if settings.keyring_file is None else Keyring(settings.keyring_file)
            applied["key_store"] = await prepare_key_store(settings.keys_owner_url.get_secret_value(), masters)
        if settings.owner_url is not None:
            applied["record"] = await migrate(
                settings.owner_url.get_secret_value(), demonstration=settings.demonstration
            )
    except KeyringError as error:
        raise SettingsError([(f"{PREFIX}KEYRING_FILE", f"{error.reason}. {error.remedy}")]) from None
    except MigrationEdited as edited:
        raise Conflict(str(edited), "Take the build that made it, or a newer one", state=NOTHING_WRITTEN) from None
    except (OSError, TimeoutError, PostgresError, InterfaceError) as error:
        which = "key store" if settings.keys_owner_url is not None and not applied else "record"
        raise Unavailable(f"the {which} cannot be changed ({type(error).__name__})", AGAIN) from None
    return applied
