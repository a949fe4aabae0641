"""The keys of the invented clinicians, and the register that lets them sign. For demonstrations and tests only.

Their passphrase is in this file: nobody may trust what they sign.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from activities.signatures.keys import PrivateKey, generate, new_seal, sign, unlock
from activities.signatures.signer_registry import (
    Register,
    RegisterFile,
    Shift,
    SignerEntry,
    StaffEntry,
    enrol,
    enter,
    publish,
)
from simulation.people import CLINIC, PEOPLE, SECOND_CLINIC, STAFF, member_of
from workflows.journey.actors import CLINICAL, Actor, Role
from workflows.journey.always.sign_offs.statements import of_command
from workflows.journey.commands import SIGNED, Command
from workflows.journey.signed_statement import signer_of

PASSPHRASE = "invented people only"  # noqa: S105 - of nobody
ENROLLED = datetime(2026, 1, 1, tzinfo=UTC)
COST = 12
"""The cost of scrypt. It is low, because these keys protect nothing."""


@dataclass(frozen=True)
class Signers:
    """The invented clinicians with their unlocked keys, by person, and the register they are enrolled in."""

    register_path: Path
    organisation_key: bytes
    keys: Mapping[str, PrivateKey]

    @property
    def register(self) -> RegisterFile:
        """The register, as a worker reads it."""
        return RegisterFile(self.register_path, self.organisation_key)

    @property
    def env(self) -> dict[str, str]:
        """The variables with which a worker or the command line finds the register."""
        return {
            "CAREPATH_REGISTER_FILE": str(self.register_path),
            "CAREPATH_ORGANISATION_KEY": self.organisation_key.hex(),
        }

    def signed(self, journey_id: UUID, command: Command, at: datetime) -> Command:
        """Return a decision with its signer's signature, made at this moment (UTC), and any other command unchanged."""
        body = command.body
        key = self.keys.get(command.actor.id)
        if not isinstance(body, SIGNED) or body.signature is not None or key is None:
            return command
        signature = sign(key, of_command(journey_id, body, command.actor, new_seal(key.key_id, at)))
        return command.model_copy(update={"body": body.model_copy(update={"signature": signature})})


def invent(directory: Path) -> Signers:
    """Return the invented clinicians' keys from the files in this directory. The files are made the first time."""
    register_path = directory / "register.json"
    if register_path.exists():
        organisation = unlock(directory / "organisation.key", PASSPHRASE)
        keys = {PEOPLE[role].id: unlock(directory / f"{role.value}.key", PASSPHRASE) for role in CLINICAL}
        return Signers(register_path, organisation.public_key, keys)
    directory.mkdir(parents=True, exist_ok=True)
    organisation = generate(directory / "organisation.key", "demo-clinic", PASSPHRASE, cost=COST)
    register = enter(
        Register(organisation="Invented Clinic", version=1, issued_at=ENROLLED),
        ENROLLED,
        clinics=(CLINIC, SECOND_CLINIC),
        staff=[staff_entry(person) for person in STAFF],
        rota=[_shift(clinic) for clinic in (CLINIC, SECOND_CLINIC)],
    )
    keys = {}
    for role in CLINICAL:
        person = PEOPLE[role]
        key = generate(directory / f"{role.value}.key", person.id, PASSPHRASE, cost=COST)
        register = enrol(register, _entry(person, key))
        keys[person.id] = key
    register_path.write_bytes(publish(register, organisation))
    return Signers(register_path, organisation.public_key, keys)


def staff_entry(person: Actor) -> StaffEntry:
    """Return the entry of one of the invented staff in the register."""
    assert person.name is not None
    entered_by = [role for role in (Role.OPS, Role.COORDINATOR, Role.THERAPIST) if PEOPLE[role].id != person.id]
    return StaffEntry(
        member=member_of(person),
        printed_name=person.name,
        entered_by=(PEOPLE[entered_by[0]].id, PEOPLE[entered_by[1]].id),
    )


def _shift(clinic: str) -> Shift:
    """The on-call clinician is always on call, and the medical director stands in: it is a small clinic."""
    return Shift(
        clinic=clinic,
        person=PEOPLE[Role.ON_CALL_CLINICIAN].id,
        stands_in=PEOPLE[Role.MEDICAL_DIRECTOR].id,
        begins=ENROLLED,
        ends=datetime(2100, 1, 1, tzinfo=UTC),
    )


def _entry(person: Actor, key: PrivateKey) -> SignerEntry:
    signer = signer_of(person)
    return SignerEntry(
        person=signer.id,
        role=signer.role,
        printed_name=signer.name,
        licence=signer.licence,
        key_id=key.key_id,
        public_key=key.public_key.hex(),
        enrolled_at=ENROLLED,
        enrolled_by=(PEOPLE[Role.OPS].id, PEOPLE[Role.COORDINATOR].id),
    )
