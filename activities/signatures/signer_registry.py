"""The organisation's register: its clinics, all their staff, who is on call when, and the public keys of the staff,
each with the person, printed name, role and licence it stands for, and of services that let people in who have none.

It is one JSON file, signed by the organisation's offline key, so that nobody with access to a server or a database can
add a key of their own. Entries are only added and revoked. When something about a person changes (a renewed licence, a
new name, another role), they get a new entry with a new key; what they signed before keeps its entry. Sources: 21 CFR
11.100 (identity), 11.200(a)(3) (misuse takes two people), 11.300 (loss).
"""

import unicodedata
from datetime import datetime
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from activities.signatures.keys import key_id_of
from activities.signatures.passkey_keys import PublicKey, covers, ed25519_in
from workflows.journey.vocabulary.actors import CLINICAL, STAFF_ROLES, CareTeamMember, Licence, Role
from workflows.journey.vocabulary.base import Identifier, InputModel, Short, Whole
from workflows.journey.vocabulary.calendars import Instant

SignerState: TypeAlias = Literal["not_enrolled", "active", "revoked"]

_P = 2**255 - 19
_ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_WEAK = (0, 1, _P - 1, _ORDER_8, _P - _ORDER_8)
"""The y of every point of small order. Anybody can make signatures that are valid under such a key."""


class RegisterError(Exception):
    """The register cannot be trusted, or a change to it is not allowed; ``reason`` says why, ``remedy`` what to do."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason[:1].upper()}{reason[1:]}. {remedy}.")
        self.reason = reason
        self.remedy = remedy


class _KeyEntry(InputModel):
    """One key: since when, who enrolled it, and since when it is revoked."""

    key_id: Identifier
    public_key: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})+$", min_length=64, max_length=154)]
    enrolled_at: Instant
    enrolled_by: tuple[Identifier, Identifier]
    revoked_at: Instant | None = None
    revoked_because: Short | None = None
    revoked_by: Identifier | None = None

    @property
    def owner(self) -> str:
        """Whose key it is."""
        raise NotImplementedError

    @property
    def ed25519(self) -> bytes | None:
        """The public key, 32 bytes, if it is one of Ed25519.

        Raises:
            ValueError: it is no public key.
        """
        public_key = bytes.fromhex(self.public_key)
        if len(public_key) != 32:
            raise ValueError("public_key is not one that generating a key gives")
        return public_key

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if len({self.owner, *self.enrolled_by}) != 3:
            raise ValueError("enrolled_by must be two different people, neither of them the one enrolled")
        public_key = bytes.fromhex(self.public_key)
        ed25519 = self.ed25519
        if ed25519 is not None and int.from_bytes(ed25519, "little") % 2**255 % _P in _WEAK:
            raise ValueError("public_key is not one that generating a key gives")
        if self.key_id != key_id_of(public_key):
            raise ValueError("key_id is not the id of public_key")
        if len({value is None for value in (self.revoked_at, self.revoked_because, self.revoked_by)}) != 1:
            raise ValueError("a revocation says when, why and by whom")
        if self.revoked_at is not None and self.revoked_at < self.enrolled_at:
            raise ValueError("revoked_at is before enrolled_at")
        return self

    def state_at(self, moment: datetime) -> SignerState:
        """Return whether the key was enrolled, active or revoked at a moment."""
        if moment < self.enrolled_at:
            return "not_enrolled"
        return "active" if self.revoked_at is None or moment < self.revoked_at else "revoked"


RpId: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^(localhost|[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z][a-z0-9-]+)$", max_length=253)
]
"""The name that a passkey signs for: that of a host, or of a domain above it. No address of an IP network is one."""
Origin: TypeAlias = Annotated[
    str,
    StringConstraints(
        pattern=r"^(http://localhost|https://(localhost|[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z][a-z0-9-]+))(:[1-9][0-9]{0,4})?$",
        max_length=300,
    ),
]
"""Where the organisation's people use their passkeys, as a browser spells it, such as `https://care.example.org`."""


class Passkey(InputModel):
    """What makes a key a passkey: for which name it signs, and its id there (hex)."""

    rp_id: RpId
    credential_id: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{2})+$", min_length=32, max_length=2046)]


class SignerEntry(_KeyEntry):
    """The key of one of the staff: of a key file, or a passkey, and then ``public_key`` is in COSE. All open their
    working sessions with it; who decides signs decisions with it too, and has a licence."""

    person: Identifier
    role: Role
    printed_name: Short
    licence: Licence | None = None
    passkey: Passkey | None = None

    @property
    def owner(self) -> str:
        return self.person

    @property
    def ed25519(self) -> bytes | None:
        return super().ed25519 if self.passkey is None else ed25519_in(bytes.fromhex(self.public_key))

    @property
    def as_passkey(self) -> PublicKey | None:
        """The public half of the passkey; None for the key of a key file."""
        if self.passkey is None:
            return None
        return PublicKey(bytes.fromhex(self.public_key), bytes.fromhex(self.passkey.credential_id), self.passkey.rp_id)

    @model_validator(mode="after")
    def _licensed(self) -> Self:
        require_fitting(self.role, self.licence)
        return self


def require_fitting(role: Role, licence: Licence | None) -> None:
    """Require that a key can be enrolled for this role, and with this licence.

    Raises:
        ValueError: it cannot.
    """
    if role not in STAFF_ROLES:
        raise ValueError(f"only {', '.join(STAFF_ROLES)} have a key")
    if (licence is not None) != (role in CLINICAL):
        raise ValueError(f"a licence is of {', '.join(CLINICAL)}, and each of them has one")


class ServiceEntry(_KeyEntry):
    """The key by which a service says whom it let in who has no key of their own: patients and observers. ``ways`` are
    those by which it lets them in, such as `link` or `terminal`."""

    service: Identifier
    ways: Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=20)]

    @property
    def owner(self) -> str:
        return self.service


class StaffEntry(InputModel):
    """One of the staff: in which role, for which clinics, under which licence, from when until when, and who entered
    them. Somebody with two roles has two entries."""

    member: CareTeamMember
    printed_name: Short
    entered_by: tuple[Identifier, Identifier]

    @model_validator(mode="after")
    def _by_two(self) -> Self:
        if len({self.member.id, *self.entered_by}) != 3:
            raise ValueError("entered_by must be two different people, neither of them the one entered")
        return self


class Shift(InputModel):
    """Who is on call for a clinic from a moment until another (UTC), and who stands in when they do not answer."""

    clinic: Identifier
    person: Identifier
    stands_in: Identifier
    begins: Instant
    ends: Instant

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.ends <= self.begins:
            raise ValueError("ends must be after begins")
        if self.person == self.stands_in:
            raise ValueError("stands_in must be somebody else")
        return self


class Register(InputModel):
    """The clinics, everybody there ever was, every shift and every key. ``version`` counts the changes, so that an
    older register is recognised. One licence number in one state stands for one person. Passkeys are used at the
    ``origins`` only. ``clinic_names`` are what clinics are called where people read of them; others are shown by id."""

    organisation: Short
    version: Annotated[Whole, Field(ge=1)]
    issued_at: Instant
    entries: tuple[SignerEntry, ...] = ()
    services: tuple[ServiceEntry, ...] = ()
    clinics: tuple[Identifier, ...] = ()
    staff: tuple[StaffEntry, ...] = ()
    rota: tuple[Shift, ...] = ()
    origins: Annotated[tuple[Origin, ...], Field(max_length=100)] = ()
    clinic_names: dict[Identifier, Short] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_entry_per_key(self) -> Self:
        entries = (*self.entries, *self.services)
        passkeys = [entry.passkey.credential_id for entry in self.entries if entry.passkey is not None]
        ed25519 = [entry.ed25519 for entry in entries if entry.ed25519 is not None]
        for each in ([entry.key_id for entry in entries], passkeys, ed25519):
            if len({*each}) != len(each):
                raise ValueError("a key is enrolled once")
        return self

    @model_validator(mode="after")
    def _passkeys_have_a_place(self) -> Self:
        for entry in self.entries:
            if entry.passkey is not None and not any(covers(entry.passkey.rp_id, each) for each in self.origins):
                raise ValueError("passkeys are for an origin that the register lists")
        return self

    @model_validator(mode="after")
    def _whole(self) -> Self:
        named = [*(clinic for entry in self.staff for clinic in entry.member.clinics), *(s.clinic for s in self.rota)]
        if not {*named, *self.clinic_names} <= {*self.clinics}:
            raise ValueError("staff, shifts and names are of clinics that the register lists")
        holders: dict[tuple[str, str], str] = {}
        held = [(entry.person, entry.licence) for entry in self.entries if entry.licence is not None]
        held += [(entry.member.id, entry.member.licence) for entry in self.staff if entry.member.licence is not None]
        for person, licence in held:
            for state in licence.states:
                if holders.setdefault((licence.plain_number, state), person) != person:
                    raise ValueError("one licence number in one state is one person's")
        return self

    def no_earlier(self, at: datetime) -> datetime:
        """Return a moment (UTC), or when the register was issued, where a clock says that this is still to come: by a
        clock that is behind, whoever was revoked could look on for as long."""
        return max(at, self.issued_at)

    def is_revoked(self, key_id: str, at: datetime) -> bool:
        """Whether a key counts no more when something is handed in, at a moment (UTC): also by a clock that is behind,
        such as Temporal's."""
        entry = self.entry(key_id) or self.service(key_id)
        return entry is not None and entry.state_at(self.no_earlier(at)) == "revoked"

    def entry(self, key_id: str) -> SignerEntry | None:
        """Return the entry of a key, if there is one."""
        return next((entry for entry in self.entries if entry.key_id == key_id), None)

    def service(self, key_id: str) -> ServiceEntry | None:
        """Return the entry of a service's key, if there is one."""
        return next((entry for entry in self.services if entry.key_id == key_id), None)


def namesakes(register: Register, person: str, printed_name: str) -> tuple[str, ...]:
    """Return the ids of all others in a register, whoever they were, whose printed name reads the same."""
    pairs = [*((entry.person, entry.printed_name) for entry in register.entries)]
    pairs += ((entry.member.id, entry.printed_name) for entry in register.staff)
    wanted = _as_read(printed_name)
    return tuple(sorted({other for other, name in pairs if other != person and _as_read(name) == wanted}))


def _as_read(name: str) -> str:
    """A name without what tells nobody apart: case, spaces, points."""
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", name).casefold()))
