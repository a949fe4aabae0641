"""What proves who sent a command: a working session of a proven person, and the command signed by the session's key.

A person signs a certificate for a new key with their own (`SessionCertificate`), and for some hours every command they
send is signed with that (`Proof`). A patient or an observer has no key of their own: the service that let them in signs
the certificate, and says by what it knew them. There is no cryptography here, only what is signed;
docs/reference/signatures.md describes the format. What stands in the record proves offline who acted, years later.
"""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import Identifier, InputModel, Short, canonical
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.signed_statement import Sha256, SignatureValue

SESSION = "care-pathway/session/1"
COMMAND = "care-pathway/command/2"
"""The domains: no signature of one kind passes for another, or for a sign-off."""
LONGEST_SESSION = timedelta(hours=12)
"""How long a session lasts at most (NIST SP 800-63B, 4.2.3: authenticate anew at least every twelve hours)."""

COUNTS_FOR = timedelta(minutes=5)
"""How long after it was sent a command is taken. Whoever was told that it is refused, or heard nothing, may have done
something else since, so nobody may hand it in much later. An honest one is on its way for seconds: its sender waits for
15 (`journey_client.submit`), clocks are two minutes apart at most (`AHEAD`), and workers start anew in less than the
rest. What comes later still is sent again by its sender, with a new time."""
AHEAD = timedelta(minutes=2)
"""How far the clock of a sender may be ahead."""

WITHOUT_KEY = (Role.PATIENT, Role.OBSERVER)
"""Who has no key of their own and is of no clinic: a service lets them in, and their part in a journey says the
rest."""
Ed25519 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]
"""A signature: 64 bytes, in hex."""


class SessionStatement(InputModel):
    """Who may act with a session's key, in which role, for which clinics, why, from when until when (UTC), and in which
    log of which organisation. ``key_id`` is the key that signs this: the person's own, or that of a service which let
    them in, and then ``let_in_by`` says by what."""

    organisation: Short
    log: Identifier
    person: Identifier
    role: Role
    clinics: Annotated[tuple[Identifier, ...], Field(max_length=100)]
    purpose: Identifier
    begins: Instant
    ends: Instant
    session_key: Sha256
    key_id: Identifier
    let_in_by: Identifier | None = None

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.ends <= self.begins:
            raise ValueError("ends must be after begins")
        if not self.clinics and self.role not in WITHOUT_KEY:
            raise ValueError("staff act for a clinic")
        return self

    def signed_bytes(self) -> bytes:
        """The bytes that the person, or the service that let them in, signs."""
        return canonical({"domain": SESSION, **spell_session(self)})


class SessionCertificate(SessionStatement, SignatureValue):
    """A session, signed."""

    @property
    def session_id(self) -> str:
        """What tells this session from every other one."""
        return sha256(canonical({**spell_session(self), "value": self.value})).hexdigest()


class Proof(InputModel):
    """A command's signature by the key of a session."""

    session: SessionCertificate
    value: Ed25519


def spell_session(session: SessionStatement) -> dict[str, object]:
    """Return what a session says as it is signed. Times have microseconds and the offset +00:00; what is absent is
    null."""
    return {
        "organisation": session.organisation,
        "log": session.log,
        "person": session.person,
        "role": session.role.value,
        "clinics": list(session.clinics),
        "purpose": session.purpose,
        "begins": session.begins.isoformat(timespec="microseconds"),
        "ends": session.ends.isoformat(timespec="microseconds"),
        "session_key": session.session_key,
        "key_id": session.key_id,
        "let_in_by": session.let_in_by,
    }


def command_bytes(
    session: SessionCertificate, journey_id: UUID, command_id: UUID, command_digest: str, sent_at: datetime
) -> bytes:
    """The bytes that a session's key signs for a command, and for when it was sent. The digest is over the actor and
    the whole body."""
    return canonical(
        {
            "domain": COMMAND,
            "session": session.session_id,
            "journey": str(journey_id),
            "command": str(command_id),
            "digest": command_digest,
            "sent_at": sent_at.isoformat(timespec="microseconds"),
        }
    )
