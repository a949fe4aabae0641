"""What counts only with a signature gets it here: from its sender's own key, once they have given the passphrase."""

import secrets
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from activities.signatures import keys
from door.outcomes import NOTHING_HAPPENED, refused
from door.services import Services
from door.signatures import keyring
from workflows.journey.actors import Actor
from workflows.journey.aggregate import Journey
from workflows.journey.commands import Command, Delegate, Sign
from workflows.journey.decide import decide
from workflows.journey.refusals import Refusal
from workflows.journey.signed_statement import Signature, of_command


def sealed(
    services: Services, own: Path, signer: Actor, journey: Journey, command_id: UUID, body: Sign | Delegate
) -> Command:
    """The command with the signer's signature. What the journey would not accept is not worth one: that is said before
    the passphrase is asked for.

    Raises:
        Problem: it would be refused, they did not give what a signing asks for, or their key cannot be used.
    """
    refusal = decide(journey, tried(services, signer, command_id, body), services.now())
    if isinstance(refusal, Refusal):
        raise refused(refusal, state=NOTHING_HAPPENED)
    return _with(body, _signature(services, own, signer, journey.id, body), command_id, signer)


def tried(services: Services, signer: Actor, command_id: UUID, body: Sign | Delegate) -> Command:
    """The command as it is only tried, with a signature nobody made. It is never sent."""
    return _with(body, _stand_in(services.now()), command_id, signer)


def _with(body: Sign | Delegate, signature: Signature, command_id: UUID, signer: Actor) -> Command:
    signed = body.model_copy(update={"signature": signature})
    return Command.model_construct(command_id=command_id, actor=signer, body=signed)


def _stand_in(at: datetime) -> Signature:
    return Signature(
        key_id="nobody",
        nonce=secrets.token_hex(16),
        signed_at=at,
        expires_at=at + keys.VALID_FOR,
        value="00" * 64,
    )


def _signature(services: Services, own: Path, signer: Actor, journey_id: UUID, body: Sign | Delegate) -> Signature:
    """With what a signing asks of its signer (21 CFR 11.200(a)(1))."""
    settings = services.settings_without_servers()
    printed = keyring.require_signer(signer)
    window = timedelta(minutes=settings.signing_minutes)
    key = keyring.unlock_for_signing(services, own, printed, window)
    if settings.register_file is not None:
        keyring.require_enrolled(keyring.believed_register(settings), key, printed, services.now())
    seal = keys.new_seal(key.key_id, services.now())
    return keys.sign(key, of_command(journey_id, body, signer, seal))
