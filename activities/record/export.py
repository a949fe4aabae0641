"""Writes one journey to a file that a stranger can verify: its events as stored, their commands in clear, the evidence
of every decision, the register of who may sign, a signature over all of it, and the program that checks them
(verification/verify_export.py).
"""

import base64
import json
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from importlib.resources import files
from io import BytesIO
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.record.event_codec import from_stored
from activities.record.store import Record
from activities.record.stored import SealedEvent, StoredCommand, StoredEvent
from workflows.journey.aggregate import Journey, begin, evolve
from workflows.journey.events import SignedOff
from workflows.journey.evidence import evidence, first_approval
from workflows.journey.vocabulary.base import canonical
from workflows.journey.vocabulary.texts import show_hidden

FORMAT = "care-pathway/export/3"
VERIFIER = files("activities.record") / "verification" / "verify_export.py"
README = """One patient's journey, as it was recorded. It holds health data: keep it as you keep a chart.

Whoever has this file can read all of it: what happened stands in it with the keys that open it, and what people sent
in clear, word for word, with who they are, also what was refused. Nothing is left out, or it could not be verified.
Give it only to who may read the whole chart. It opens nothing else: no other patient's data, nothing recorded later.

  journey.json       the events, oldest first, as they are stored and with the key that opens each of them, the commands
                     they followed from, and the evidence of each decision
  register.json      who may sign, signed by the organisation
  signature.json     which log this is of, how far the journey had come, and the service's signature over the above
  verify_export.py   checks all of it: python verify_export.py THIS_FILE.zip ORGANISATION_KEY ANCHOR_KEY

Get the organisation's two public keys from the organisation, not from where you got this file.
"""


async def export(record: Record, journey_id: UUID, register: bytes, key: Ed25519PrivateKey) -> bytes | None:
    """Return the file, a ZIP; None when nothing is recorded under this id. ``register`` is the content of its file.

    ``key`` is the key of the anchors. Whoever has no such key can make all of a chain anew, but no export of it.

    Raises:
        RecordUnavailable, RecordFault: as the record does.
        UnreadableEvent: one of its events cannot be read.
    """
    sealed = await record.load_sealed(journey_id)
    if not sealed:
        return None
    stored = [each.event for each in sealed]
    log = await record.log_name()
    content = {
        "format": FORMAT,
        "log": log,
        "journey_id": str(journey_id),
        "exported_at": datetime.now(UTC).isoformat(),
        "demonstration": (await record.log()).demonstration,
        "events": [_row(each) for each in sealed],
        "commands": [_command(each) for each in await record.commands(journey_id, until_version=stored[-1].version)],
        "evidence": _evidence(stored),
    }
    exported = {
        "journey.json": spell(content),
        "register.json": register,
    }
    last = stored[-1]
    head = {
        "log": log,
        "journey_id": str(journey_id),
        "exported_at": content["exported_at"],
        "version": last.version,
        "position": last.position,
        "journey_hash": last.journey_hash.hex(),
        "files": {name: sha256(written).hexdigest() for name, written in exported.items()},
    }
    value = key.sign(canonical({"domain": FORMAT, "head": head})).hex()
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("README.txt", README)
        for name, written in exported.items():
            bundle.writestr(name, written)
        bundle.writestr("signature.json", json.dumps({"head": head, "signature": value}, indent=1))
        bundle.writestr(VERIFIER.name, VERIFIER.read_bytes())
    return file.getvalue()


def spell(content: object) -> bytes:
    """Return JSON in which nothing hides from whoever opens it in an editor. Read as JSON it says the same."""
    return show_hidden(json.dumps(content, indent=1, ensure_ascii=False)).encode()


def _row(each: SealedEvent) -> dict[str, object]:
    stored = each.event
    fields = stored.model_dump(mode="json", exclude={"payload", "content_hash", "journey_hash", "log_hash"})
    hashes = {name: getattr(stored, name).hex() for name in ("content_hash", "journey_hash", "log_hash")}
    return {**fields, "payload": base64.b64encode(each.sealed).decode(), "key": each.key.hex(), **hashes}


def _command(stored: StoredCommand) -> dict[str, object]:
    return {
        "version": stored.version,
        "events": stored.events,
        "payload": base64.b64encode(stored.payload).decode(),
    }


def _evidence(stored: Sequence[StoredEvent]) -> dict[str, str]:
    """Return the evidence of each decision, by version, spelled exactly as it was hashed."""
    found: dict[str, str] = {}
    journey: Journey | None = None
    for event in map(from_stored, stored):
        body = event.body
        if journey is not None and isinstance(body, SignedOff):
            first = first_approval(journey, body.sign_off, body.subject)
            content = evidence(journey, body.sign_off, body.subject, first)
            found[str(event.version)] = canonical(content).decode()
        journey = begin(event) if journey is None else evolve(journey, event)
    return found
