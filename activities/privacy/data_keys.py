"""What a data key is, and where whoever encrypts and decrypts has them from."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from activities.privacy.patient_keys import PatientKeys

SERVICE = "service"
"""The subject of what is nobody's."""
IDENTITY = "identity"
"""The subject of the secret that keys of patients are made with. It never changes: they are compared."""


@dataclass(frozen=True)
class DataKey:
    """A key in clear, in memory only."""

    key_id: UUID
    subject: str
    secret: bytes = field(repr=False)
    cipher: AESGCM = field(repr=False, compare=False)


def subject_of(patient_key: bytes) -> str:
    """Return the subject of a patient's data keys."""
    return f"patient/{patient_key.hex()}"


class DataKeys(Protocol):
    """Where whoever encrypts and decrypts has the keys from.

    All raise `KeysUnavailable` while they cannot say.
    """

    async def assign(self, journey_id: UUID, patient_key: bytes) -> None:
        """Say whose journey it is, before anything of it is encrypted."""

    async def of_journey(self, journey_id: UUID | None) -> DataKey:
        """Return the key for new data of a journey: its patient's, or the service's where it is nobody's."""

    async def find(self, key_id: UUID) -> DataKey | None:
        """Return a key by its id; None when there is none."""

    async def find_all(self, key_ids: Collection[UUID]) -> Mapping[UUID, DataKey | None]:
        """Return those of these keys that there are, by their ids; None for one that does not open here."""

    async def subjects(self, journeys: Collection[UUID]) -> Mapping[UUID, str]:
        """Return of these journeys that are somebody's whose they are, as the store has it now."""

    async def patients(self) -> PatientKeys:
        """Return what makes the keys of patients."""
