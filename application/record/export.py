"""Write what others verify the record with: one journey as a file, and anchors."""

from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.record import export as record_export
from activities.record.verification.anchors import AnchorKeyError, make_key, read_key, write_anchor
from application.context import Context
from application.errors import InvalidInput, Unavailable
from application.identity import keyring
from application.input.files import content_of, refuse_existing, write_new
from application.reading.access_log import ActOn
from application.reading.history import read_journey
from application.settings import Settings

VERIFIER = record_export.VERIFIER.name
"""The program that verifies an export, and is part of it."""


async def export_journey(context: Context, journey_id: UUID, file: Path, key: Path | None) -> int:
    """Write one journey to a ZIP that a stranger can verify with the program in it; return its size in bytes. It is
    signed with the key of the anchors: the one given, or the one that the settings name.

    Raises:
        NotFound, NotAllowed: there is no such journey, or the person may not look at it.
        InvalidInput, Conflict: there is no register to add, or no key to sign with, or the file exists or cannot be
            written.
    """
    signed_with = _key(key or context.settings.anchor_key_file, context.settings)
    register = content_of(keyring.register_path(None, context.settings))
    if register is None:
        raise InvalidInput("there is no register where it should be", "Check CAREPATH_REGISTER_FILE")
    refuse_existing(file, "nothing is overwritten")
    await keyring.require_newest(context)
    await read_journey(context, ActOn(action="record export", journey_id=journey_id), journey_id)
    bundle = await record_export.export(await context.record(), journey_id, register, signed_with)
    assert bundle is not None
    write_new(file, bundle)
    return len(bundle)


def _key(file: Path | None, settings: Settings) -> Ed25519PrivateKey:
    if file is None:
        raise InvalidInput(
            "it is not known with which key an export is signed, and an unsigned one proves nothing",
            "Give --key, or set CAREPATH_ANCHOR_KEY_FILE; `record anchor-key` makes a key",
        )
    try:
        return read_key(file, settings.anchor_public)
    except AnchorKeyError as error:
        raise InvalidInput(error.reason, error.remedy) from None


def make_anchor_key(file: Path) -> bytes:
    """Make a key for anchors or reports in a new file, and return its public half (32 bytes).

    Raises:
        InvalidInput: the file exists, or cannot be written.
    """
    try:
        return make_key(file)
    except AnchorKeyError as error:
        raise InvalidInput(error.reason, error.remedy) from None


async def anchor_record(context: Context) -> int:
    """Write an anchor of the record now; return its position, 0 where nothing is recorded yet.

    Raises:
        InvalidInput: a setting is missing, or the key cannot be used.
        Unavailable: it cannot be written.
    """
    settings = context.settings
    if settings.anchors_dir is None or settings.anchor_key_file is None:
        raise InvalidInput(
            "it is not known where anchors are kept, or with which key they are signed",
            "Set CAREPATH_ANCHORS_DIR and CAREPATH_ANCHOR_KEY_FILE; `record anchor-key` makes a key",
        )
    key = _key(settings.anchor_key_file, settings)
    try:
        anchor = await write_anchor(await context.record(), settings.anchors_dir, key)
    except OSError as error:
        raise Unavailable(f"the anchor cannot be written ({error.strerror})", "Check the directory") from None
    return 0 if anchor is None else anchor.position
