"""The activity that checks a signature before a journey decides the signed command."""

import structlog
from temporalio import activity

from activities.signatures.register_file import RegisterFile
from activities.signatures.sessions import ThisLog, refuse_unproven
from activities.signatures.staff import refuse_unknown
from activities.signatures.verifying import SignatureProblem, check, may_lend, refusal_of
from workflows.journey.always.sign_offs.statements import of_command
from workflows.journey.commands import SIGNED
from workflows.messages import SignatureCheck, SignatureResult, verify_signature

log = structlog.get_logger("sign_offs")


class SignatureActivities:
    """Checks signatures and working sessions for one log with this register. It is read for each check, so that a
    revocation takes effect at once."""

    def __init__(self, register: RegisterFile, log: ThisLog) -> None:
        self._register, self._log = register, log

    @activity.defn(name=verify_signature.__name__)
    async def verify(self, presented: SignatureCheck) -> SignatureResult:
        """Say whether the sender of a command and the people it names are in the register, and whether the signature of
        a decision is valid, at the moment at which it was handed in.

        Raises:
            RegisterError: nothing can be checked now.
        """
        register, claimed = self._register.current(), presented.claimed
        problem = self._problem(presented)
        refusal = None
        if problem is None:
            refusal = refuse_unknown(
                register, presented.scope.clinic, presented.command, claimed, presented.at, presented.rests_on
            ) or refuse_unproven(
                register, self._log, presented.scope.clinic, presented.journey_id, presented.command, presented.at
            )
        if refusal is not None:
            log.warning("sender.refused", journey_id=str(presented.journey_id), code=refusal.code.value)
            return SignatureResult(refusal=refusal)
        if problem is None:
            return SignatureResult()
        log.warning(
            "signoff.refused",
            journey_id=str(presented.journey_id),
            command_id=str(presented.command.command_id),
            code=problem.value,
        )
        return SignatureResult(refusal=refusal_of(problem))

    def _problem(self, presented: SignatureCheck) -> SignatureProblem | None:
        command, signed = presented.command, presented.command.body
        register = self._register.current()
        if not isinstance(signed, SIGNED) or signed.signature is None:
            return None  # The journey itself refuses a decision that nobody signed.
        try:
            statement = of_command(presented.journey_id, presented.scope, signed, command.actor, signed.signature)
        except ValueError:
            return SignatureProblem.BAD_SIGNATURE
        scope, at = presented.scope, presented.at
        if not self._log.demonstration:
            # A run whose clock is behind would else decide again and again what the record finds expired.
            at = max(at, activity.info().started_time)
        lent = presented.lent
        if lent and not any(may_lend(register, key, clinic=scope.clinic, state=scope.state, at=at) for key in lent):
            return SignatureProblem.NOT_LENT
        problem = check(statement, signed.signature, register, at=at, scope=scope, log=self._log.name)
        revoked = problem is None and register.is_revoked(signed.signature.key_id, at)
        return SignatureProblem.REVOKED if revoked else problem
