"""A world whose person answers from a list, and what signers have: keys, requests, an organisation, a protocol."""

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

from activities.signatures import register_changes, register_file
from activities.signatures.keys import PrivateKey, unlock
from activities.signatures.signer_registry import Register, RegisterError, SignerEntry
from application.profiles import key_path
from simulation.keys import staff_entry
from simulation.people import CLINIC, PEOPLE, SECOND_CLINIC, STAFF
from tests.cli.helpers import START, Answer, World, call
from tests.signatures.room import entry
from workflows.journey.vocabulary.actors import Role
from workflows.protocols import list_shipped, resolve
from workflows.protocols.demonstration import INVENTED_DOSE

PASSPHRASE = "an invented passphrase"
OFFLINE = "kept in an invented safe"
BY = ("--by", "demo-security", "--by", "demo-practice-manager")


class AtTerminal(World):
    """A world with a person who answers from a list; every question is kept."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        super().__init__(knows_staff=False, demonstration=False, protocols_dir=directory, **settings)
        self.asked: list[tuple[str, bool]] = []

    def ask(self, question: str, *, secret: bool = False) -> str:
        self.asked.append((question, secret))
        return self.answers.pop(0)

    def call(self, *words: str, answers: Sequence[str] = (), given: Any = None) -> Answer:
        """Call the command line; the person gives exactly these answers, unless the call fails before."""
        self.answers, self.asked = list(answers), []
        answer = call(self, *words, given=given)
        assert answer.code or not self.answers, self.asked
        return answer


@cache
def _shipped() -> dict[str, Any]:
    values: dict[str, Any] = resolve(list_shipped()[-1]).value["protocol"]
    return values


class Clinic:
    """Files of one organisation in one directory, made by the command line itself."""

    def __init__(self, directory: Path, profiles: dict[Role, str], *, public: str | None = None) -> None:
        """``public``: the files are there already, with this key of the organisation."""
        self.profiles = profiles
        self.register = directory / "register.json"
        self.key = directory / "organisation.key"
        self.protocol = directory / "protocols" / "ours.yaml"
        self.protocol.parent.mkdir(exist_ok=True)
        self.world = AtTerminal(self.protocol.parent)
        self.public = public or self._make_register()
        self.world.set(register_file=self.register, organisation_key=self.public)
        self.versions = count(9)
        self.write_protocol()

    def _make_register(self) -> str:
        made = self.world.call(
            *("clinician", "register", "--organisation", "Invented Clinic", "--json"),
            *("--register", str(self.register), "--organisation-key", str(self.key)),
            answers=(OFFLINE, OFFLINE),
        )
        assert made.code == 0, made.err
        return str(made.json["public_key"])

    def profile(self, role: Role) -> tuple[str, str]:
        return ("--profile", self.profiles[role])

    def make_key(self, role: Role) -> Path:
        """The enrolment request of somebody's new key."""
        made = self.world.call("clinician", "key", *self.profile(role), answers=(PASSPHRASE, PASSPHRASE))
        assert made.code == 0, made.err
        return Path(self.profiles[role]).with_suffix(".enrol.json")

    def enrol(self, request: Path, *more: str, by: Sequence[str] = BY, answers: Sequence[str] = (OFFLINE,)) -> Answer:
        words = ("clinician", "enrol", str(request), *by, "--organisation-key", str(self.key), *more)
        return self.world.call(*words, "--json", answers=answers)

    def signer(self, role: Role) -> None:
        """Somebody with an enrolled key."""
        answer = self.enrol(self.make_key(role), "--yes")
        assert answer.code == 0, answer.err

    def open_session(self, role: Role) -> None:
        """Somebody at work: with an enrolled key, and a working session that it opened."""
        self.signer(role)
        opened = self.world.call("working-session", "open", *self.profile(role), answers=(PASSPHRASE,))
        assert opened.code == 0, opened.err

    def revoke(self, role: Role, *more: str, answers: Sequence[str] = (OFFLINE, "y")) -> Answer:
        return self.world.call(
            *("clinician", "revoke", self.own(role).key_id, "--because", "computer lost", "--by", "demo-security"),
            *("--organisation-key", str(self.key), "--json", *more),
            answers=answers,
        )

    def own(self, role: Role) -> PrivateKey:
        return unlock(key_path(Path(self.profiles[role])), PASSPHRASE)

    def entries(self) -> tuple[SignerEntry, ...]:
        return register_file.read(self.register, bytes.fromhex(self.public)).entries

    def publish(self, *entries: SignerEntry, at: datetime = START, **changed: Any) -> None:
        """The next register, with the invented staff, truly signed."""
        staff, version = tuple(staff_entry(person) for person in STAFF), next(self.versions)
        whole = {"organisation": "Invented Clinic", "issued_at": at, "entries": entries, "staff": staff}
        organisation = Register(**{**whole, "version": version, "clinics": (CLINIC, SECOND_CLINIC), **changed})
        self.register.write_bytes(register_file.publish(organisation, unlock(self.key, OFFLINE)))

    def enter_staff(self) -> None:
        """Enter the invented staff, once, in a register that is as it should be."""
        with suppress(RegisterError):
            known = register_file.read(self.register, bytes.fromhex(self.public))
            if not known.staff:
                clinics, names = (CLINIC, SECOND_CLINIC), {CLINIC: "Invented Clinic"}
                staff = [staff_entry(person) for person in STAFF]
                whole = register_changes.enter(known, known.issued_at, clinics=clinics, staff=staff, clinic_names=names)
                self.register.write_bytes(register_file.publish(whole, unlock(self.key, OFFLINE)))

    def as_enrolled(self, role: Role, **changed: Any) -> SignerEntry:
        return entry(PEOPLE[role], self.own(role), enrolled_at=START, **changed)

    def write_protocol(self, **changed: Any) -> None:
        """A protocol that could be approved: the shipped one with invented limits, marked fit."""
        fit = {"status": "approved", "illustrative": False, "dose": {**_shipped()["dose"], **INVENTED_DOSE}}
        self.protocol.write_text(json.dumps({"protocol": {**_shipped(), **fit, **changed}}))

    @property
    def approval(self) -> Path:
        return self.protocol.with_suffix(".approval.json")

    def approve(self, role: Role, *more: str, answers: Sequence[str] | None = None) -> Answer:
        said = (PEOPLE[role].id, PASSPHRASE) if answers is None else answers
        return self.world.call("protocol", "approve", "ours", *self.profile(role), "--json", *more, answers=said)
