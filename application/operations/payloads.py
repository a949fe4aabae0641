"""Payloads in clear for a person who looks at Temporal's interface: who may, which, and what is kept of the look.

Those may who look after the running of journeys: ops, and the medical director. Of a journey they see what they may see
of it anywhere: they work for its clinic, its plan of care names them, or they broke the glass. Everything else stays
encrypted. Each look is in the access log before anything is shown.
"""

import base64
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, ClassVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import Field, ValidationError
from temporalio.api.common.v1 import Payload

from activities.payload_codec import ABOUT, journey_of, read_payloads
from activities.privacy.data_keys import DataKeys
from activities.privacy.errors import KeysUnavailable
from activities.record import Record
from activities.record.access_log import Purpose
from activities.record.read_models import head
from activities.signatures.sessions import ThisLog, check_session
from application.context import Context
from application.errors import NOTHING_HAPPENED, Fault, NotAllowed, NotFound, Unavailable
from application.identity import keyring
from application.identity.sessions import session_of
from application.profiles import Profile
from application.reading.access_log import Query, keep_look
from application.reading.history import read_stored
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.base import InputModel, canonical
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.proof import Ed25519, SessionCertificate
from workflows.journey.vocabulary.texts import show_hidden

READERS = (Role.OPS, Role.MEDICAL_DIRECTOR)
"""Who may see payloads in clear."""
LASTS = timedelta(hours=1)
"""How long a token counts, and never longer than the working session it was made in."""
TOKEN_LIMIT = 8192
_DOMAIN = "care-pathway/payloads-token/1"


class DecodePayloads(Query):
    """Somebody sees payloads of a workflow in clear, in Temporal's interface."""

    name: ClassVar[str] = "temporal decode"

    workflow_id: str
    payloads: Annotated[int, Field(ge=1)]


class _Token(InputModel):
    session: SessionCertificate
    until: Instant
    value: Ed25519

    def signed_bytes(self) -> bytes:
        return _signed(self.session, self.until)


def _signed(session: SessionCertificate, until: datetime) -> bytes:
    return canonical({"domain": _DOMAIN, "session": session.session_id, "until": until.isoformat()})


async def make_token(context: Context) -> str:
    """Return a token by which the person who acts sees payloads in clear for an hour. Whoever has it is taken for them.

    Raises:
        NotAllowed: they are in no role that may, or have no working session.
    """
    _require_reader(context.actor.role)
    session, key = await session_of(context)
    until = min(context.now() + LASTS, session.ends)
    token = _Token(session=session, until=until, value=key.sign(_signed(session, until)).hex())
    return base64.urlsafe_b64encode(token.model_dump_json().encode()).decode().rstrip("=")


class TokenBearer(Context):
    """A request of somebody who came with a token."""

    def __init__(self, server: Context, session: SessionCertificate) -> None:
        super().__init__(load=lambda: server.settings, registers=server.registers)
        self._server, self._session = server, session

    @cached_property
    def person(self) -> Profile:
        """Return who came, for the clinics of their session."""
        return Profile(id=self._session.person, role=self._session.role, clinics=self._session.clinics)

    @cached_property
    def purpose(self) -> Purpose:
        """Return why they look, as their session says."""
        return Purpose(self._session.purpose)

    async def record(self) -> Record:
        """The record that all requests share."""
        return await self._server.record()


async def admit(server: Context, token: str) -> TokenBearer:
    """Return a request of whoever has a token that counts now. It shares the record and the registers of the server.

    Raises:
        NotAllowed: it does not count, or no longer.
        UseCaseError, RecordUnavailable, RecordFault: that cannot be judged now.
    """
    found, now = _read(token), server.now()
    if found is None:
        raise _no_token("this is no token")
    if found.until <= now or found.until - now > LASTS:
        raise _no_token("the token is over")
    log = ThisLog(*await (await server.record()).log())
    problem = check_session(found.session, keyring.verified_register(server), log, now)
    if problem is not None:
        raise _no_token(f"the session of the token does not count ({problem.value})")
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(found.session.session_key))
        key.verify(bytes.fromhex(found.value), found.signed_bytes())
    except (InvalidSignature, ValueError):
        raise _no_token("this is no token") from None
    _require_reader(found.session.role)
    bearer = TokenBearer(server, found.session)
    await keyring.require_newest(bearer)
    return bearer


async def decode_payloads(context: Context, keys: DataKeys, payloads: Sequence[Payload]) -> list[Payload]:
    """Return payloads, in clear where the person may see them, and as they are otherwise.

    Raises:
        Unavailable: a key cannot be had now, or the look cannot be kept; nothing is shown.
        RecordUnavailable, RecordFault: the same of the record.
    """
    _require_reader(context.actor.role)
    try:
        opened = await read_payloads(keys, payloads)
    except KeysUnavailable as error:
        raise Unavailable(str(error), "Try again", state="Nothing was shown.") from None
    about: dict[str, int] = {}
    for clear in opened:
        if clear is not None:
            name = clear.metadata[ABOUT].decode()
            about[name] = about.get(name, 0) + 1
    seen = {name: await _may_see(context, name, count) for name, count in about.items()}
    return [
        as_shown(clear) if clear is not None and seen[clear.metadata[ABOUT].decode()] else payload
        for payload, clear in zip(payloads, opened, strict=True)
    ]


def as_shown(clear: Payload) -> Payload:
    """Spell out what hides in a payload: Temporal's interface shows what it says as it is."""
    try:
        said = json.loads(clear.data)
        shown = _spelled_out(said)
    except (ValueError, RecursionError):
        return clear
    return clear if shown == said else Payload(metadata=clear.metadata, data=json.dumps(shown).encode())


def _spelled_out(said: Any) -> Any:
    match said:
        case str():
            return show_hidden(said)
        case list():
            return [_spelled_out(each) for each in said]
        case dict():
            return {show_hidden(name): _spelled_out(each) for name, each in said.items()}
    return said


async def _may_see(context: Context, workflow_id: str, count: int) -> bool:
    """Whether the person may see payloads of a workflow. The look is kept, and an attempt too."""
    query = DecodePayloads(workflow_id=workflow_id, payloads=count)
    journey_id = journey_of(workflow_id)
    if journey_id is None:
        await keep_look(context, query, (), await head(await context.record()))
        return True
    try:
        await read_stored(context, query, journey_id)  # also when an event of it cannot be read: ops look for why
    except (NotAllowed, NotFound, Fault):
        return False  # a Fault: without its beginning nobody knows whose it is
    return True


def _read(token: str) -> _Token | None:
    if len(token) > TOKEN_LIMIT:
        return None
    try:
        return _Token.model_validate_json(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValidationError, ValueError):
        return None


def _require_reader(role: Role) -> None:
    if role not in READERS:
        raise NotAllowed(
            "your role does not see what lies in Temporal in clear",
            "Ops and the medical director do. `pathway show` says where a journey stands",
            state=NOTHING_HAPPENED,
        )


def _no_token(reason: str) -> NotAllowed:
    return NotAllowed(reason, "Make a new one with `working-session token`", state=NOTHING_HAPPENED)
