"""Whether the clinics of the organisation have the staff that a protocol asks for."""

from application.context import Context
from application.errors import NOTHING_HAPPENED, FieldProblem, InvalidInput, NotAllowed
from application.identity.keyring import verified_register
from workflows.journey.commands import Patient
from workflows.journey.protocol import Protocol
from workflows.protocols.small_clinics import dead_ends, dead_ends_for


def require_staff(context: Context, protocol: Protocol) -> None:
    """Require that in no clinic of the register something could wait for somebody whom it does not have now. Nothing
    is required where no register is set, or where it lists no staff.

    Raises:
        InvalidInput: a clinic lacks somebody, with the places in the protocol.
        NotVerified: the register cannot be believed.
    """
    if context.settings.register_file is None or context.settings.organisation_key is None:
        return
    register, now = verified_register(context), context.now()
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


def require_staff_for(context: Context, protocol: Protocol, clinic: str, patient: Patient) -> None:
    """Require that nothing could wait without end for one patient of a clinic: for themselves, where they are one of
    its staff, or for somebody whose licence does not cover where they live.

    Raises:
        NotAllowed: something could: it would wait as long as their care goes on, with the places in the protocol.
        InvalidInput, NotVerified: the register is missing or cannot be believed.
    """
    now = context.now()
    here = [entry.member for entry in verified_register(context).staff if entry.member.works_at(clinic, now)]
    unlicensed = [each.id for each in here if each.licence is not None and not each.licence.covers(patient.state, now)]
    found = [*dead_ends_for(protocol, [(member.id, member.role) for member in here], patient.ref, unlicensed)]
    if found:
        raise NotAllowed(
            "nobody of the clinic may be left to decide on this patient's care: whoever could is the patient, or has "
            "no licence where the patient lives",
            "Enter more staff or licences (`clinician enter`), or refer the patient to another clinic",
            state=NOTHING_HAPPENED,
            fields=tuple(FieldProblem(".".join(map(str, at)), rule) for at, rule in found),
        )
