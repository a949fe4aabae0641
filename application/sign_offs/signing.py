"""Signs commands that need a signature, with the sender's own key, after they gave its passphrase, or their passkey."""

import secrets
from datetime import datetime
from uuid import UUID

from activities.signatures import keys
from application.context import Context
from application.errors import Refused
from application.identity import keyring, staff
from workflows.journey.aggregate import Journey
from workflows.journey.always.sign_offs.statements import of_command
from workflows.journey.commands import Command, Delegate, Sign
from workflows.journey.decide import decide
from workflows.journey.vocabulary.actors import Actor
from workflows.journey.vocabulary.refusals import Refusal
from workflows.journey.vocabulary.signed_statement import Signature


def sign(context: Context, signer: Actor, journey: Journey, command_id: UUID, body: Sign | Delegate) -> Command:
    """Return the command with the signer's signature. If the journey would refuse it, this is said before the
    passphrase is asked for.

    Raises:
        Refused: the journey would refuse it.
        UseCaseError: they did not identify themselves, or their key cannot be used.
    """
    trial = staff.add_register_entries(context, journey, unsigned(context, signer, command_id, body))
    refusal = decide(journey, trial, context.now())
    if isinstance(refusal, Refusal):
        raise Refused(refusal)
    return _with(body, _signature(context, signer, journey, body), command_id, signer)


def unsigned(context: Context, signer: Actor, command_id: UUID, body: Sign | Delegate) -> Command:
    """Return the command for a trial, with a placeholder as signature. It is never sent."""
    return _with(body, _stand_in(context.now()), command_id, signer)


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


def _signature(context: Context, signer: Actor, journey: Journey, body: Sign | Delegate) -> Signature:
    printed = keyring.require_signer(signer)
    if context.sign_with is not None:
        return context.sign_with(
            lambda header: of_command(journey.id, journey.scope, body, signer, header), context.now()
        )
    key = keyring.unlock_for_signing(context, printed)
    if context.settings.register_file is not None:
        keyring.require_enrolled(keyring.verified_register(context), key.key_id, printed, context.now())
    header = keys.new_seal(key.key_id, context.now())
    return keys.sign(key, of_command(journey.id, journey.scope, body, signer, header))
