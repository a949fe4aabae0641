"""The keys of the invented staff, and the register that lets them act and sign. For demonstrations and tests only.

Their passphrase is in this file: nobody may trust what they sign.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.record.verification.anchors import make_key, read_key
from activities.signatures.keys import PrivateKey, generate, key_id_of, new_seal, sign, unlock
from activities.signatures.register_changes import enrol, enter
from activities.signatures.register_file import RegisterFile, publish
from activities.signatures.sessions import DEMONSTRATION, open_session, prove, session_statement
from activities.signatures.signer_registry import Register, ServiceEntry, Shift, SignerEntry, StaffEntry
from simulation.people import CLINIC, ORGANISATION, PEOPLE, SECOND_CLINIC, STAFF, member_of, scope_of
from workflows.journey.always.sign_offs.statements import of_command
from workflows.journey.commands import SIGNED, Command
from workflows.journey.vocabulary.actors import STAFF_ROLES, Actor, Role
from workflows.journey.vocabulary.proof import LONGEST_SESSION, WITHOUT_KEY, SessionCertificate
from workflows.journey.vocabulary.signed_statement import Scope

PASSPHRASE = "invented people only"  # noqa: S105 - of nobody
ENROLLED = datetime(2026, 1, 1, tzinfo=UTC)
CONSOLE = "http://localhost:8740"
"""Where the console of a local stack is, unless somebody else has its port: passkeys can be tried there."""
SERVICE_KEY = "service.key"
COST = 12
"""The cost of scrypt. It is low, because these keys protect nothing."""


@dataclass(frozen=True)
class Signers:
    """The invented staff with their unlocked keys, by person, the register they are enrolled in, and the key of the
    service that lets in everybody else."""

    register_path: Path
    organisation_key: bytes
    keys: Mapping[str, PrivateKey]
    service_key: PrivateKey

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
            "CAREPATH_SERVICE_KEY_FILE": str(self.register_path.parent / SERVICE_KEY),
        }

    def signed(self, journey_id: UUID, command: Command, at: datetime, scope: Scope | None = None) -> Command:
        """Return a decision with its signer's signature, made at this moment (UTC) for a journey of this scope, and any
        other command unchanged."""
        body = command.body
        key = self.keys.get(command.actor.id)
        if not isinstance(body, SIGNED) or body.signature is not None or key is None or command.actor.licence is None:
            return command
        signature = sign(
            key, of_command(journey_id, scope or scope_of(journey_id), body, command.actor, new_seal(key.key_id, at))
        )
        return command.model_copy(update={"body": body.model_copy(update={"signature": signature})})

    def acting(
        self, log: str, person: Actor, at: datetime, *, way: str | None = None
    ) -> tuple[SessionCertificate, Ed25519PrivateKey]:
        """Open a working session for somebody at this moment (UTC): with their own key, or let in in some way."""
        key = self.keys[person.id] if way is None else self.service_key
        session_key = Ed25519PrivateKey.generate()
        statement = session_statement(
            person,
            organisation=ORGANISATION,
            log=log,
            clinics=person.clinics,
            purpose="TREAT",
            begins=at,
            lasts=LONGEST_SESSION,
            session_key=session_key,
            key_id=key.key_id,
            let_in_by=way,
        )
        return open_session(key.key, statement), session_key

    def proven(self, log: str, journey_id: UUID, command: Command, at: datetime) -> Command:
        """Return a command with the proof of a session that its sender opened at this moment (UTC)."""
        way = "link" if command.actor.role in WITHOUT_KEY else None
        return prove(*self.acting(log, command.actor, at, way=way), journey_id, command, at)


def invent(directory: Path) -> Signers:
    """Return the invented people's keys from the files in this directory. The files are made the first time."""
    register_path = directory / "register.json"
    if register_path.exists():
        organisation = unlock(directory / "organisation.key", PASSPHRASE)
        keys = {PEOPLE[role].id: unlock(directory / f"{role.value}.key", PASSPHRASE) for role in STAFF_ROLES}
        return Signers(register_path, organisation.public_key, keys, _service_key(directory))
    directory.mkdir(parents=True, exist_ok=True)
    organisation = generate(directory / "organisation.key", "demo-clinic", PASSPHRASE, cost=COST)
    register = enter(
        Register(organisation=ORGANISATION, version=1, issued_at=ENROLLED),
        ENROLLED,
        clinics=(CLINIC, SECOND_CLINIC),
        staff=[staff_entry(person) for person in STAFF],
        rota=[_shift(clinic) for clinic in (CLINIC, SECOND_CLINIC)],
        origins=(CONSOLE,),
        clinic_names={CLINIC: "Example Day Clinic (invented)", SECOND_CLINIC: "Example Night Clinic (invented)"},
    )
    keys = {}
    for role in STAFF_ROLES:
        person = PEOPLE[role]
        key = generate(directory / f"{role.value}.key", person.id, PASSPHRASE, cost=COST)
        register = enrol(register, _entry(person, key))
        keys[person.id] = key
    make_key(directory / SERVICE_KEY)
    service = _service_key(directory)
    register = enrol(
        register,
        ServiceEntry(
            service="demo-service",
            ways=(DEMONSTRATION, "link", "terminal"),
            key_id=service.key_id,
            public_key=service.public_key.hex(),
            enrolled_at=ENROLLED,
            enrolled_by=(PEOPLE[Role.OPS].id, PEOPLE[Role.COORDINATOR].id),
        ),
    )
    register_path.write_bytes(publish(register, organisation))
    return Signers(register_path, organisation.public_key, keys, service)


def _service_key(directory: Path) -> PrivateKey:
    key = read_key(directory / SERVICE_KEY)
    return PrivateKey("demo-service", key_id_of(key.public_key().public_bytes_raw()), key)


def staff_entry(person: Actor) -> StaffEntry:
    """Return the entry of one of the invented staff in the register."""
    assert person.name is not None
    return StaffEntry(member=member_of(person), printed_name=person.name, entered_by=_two_others(person))


def _two_others(person: Actor) -> tuple[str, str]:
    others = [role for role in (Role.OPS, Role.COORDINATOR, Role.THERAPIST) if PEOPLE[role].id != person.id]
    return PEOPLE[others[0]].id, PEOPLE[others[1]].id


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
    assert person.name is not None
    return SignerEntry(
        person=person.id,
        role=person.role,
        printed_name=person.name,
        licence=person.licence,
        key_id=key.key_id,
        public_key=key.public_key.hex(),
        enrolled_at=ENROLLED,
        enrolled_by=_two_others(person),
    )
