"""Whether the clinics of the organisation have the staff that a protocol asks for."""

from application.context import Context
from application.errors import FieldProblem, InvalidInput
from application.identity.keyring import verified_register
from workflows.journey.protocol import Protocol
from workflows.protocols.small_clinics import dead_ends


def require_staff(context: Context, protocol: Protocol) -> None:
    """Require that in no clinic of the register something could wait for somebody whom it does not have now. Nothing
    is required where no register is set, or where it lists no staff.

    Raises:
        InvalidInput: a clinic lacks somebody, with the places in the protocol.
        NotVerified: the register cannot be believed.
    """
    if context.settings.register_file is None or context.settings.organisation_key is None:
        return
    register, now = verified_register(context.settings), context.now()
    problems: list[FieldProblem] = []
    for clinic in register.clinics:
        here = [entry.member for entry in register.staff if entry.member.works_at(clinic, now)]
        found = dead_ends(protocol, [(member.id, member.role) for member in here]) if here else ()
        problems += [FieldProblem(".".join(map(str, at)), f"{clinic}: {rule}") for at, rule in found]
    if problems:
        raise InvalidInput(
            "a clinic could wait for somebody whom it does not have",
            "Name more roles in the protocol, or enter more staff (`clinician enter`)",
            fields=tuple(problems),
        )
