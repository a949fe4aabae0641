"""Exit codes, and which error has which."""

from enum import IntEnum

from application.errors import (
    UNKNOWN_STATE,
    Conflict,
    Fault,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotVerified,
    Refused,
    SteppedBack,
    Unavailable,
    UseCaseError,
)
from cli.streams import OutputLost
from workflows.journey.vocabulary.refusals import Refusal, RefusalCode


class ExitCode(IntEnum):
    """How a command ended. Scripts rely on these numbers."""

    OK = 0
    """Done."""
    FAULT = 1
    """A defect, a wrong set-up, or you stepped back."""
    USAGE = 2
    """Wrong arguments, forms, profiles, protocol files or settings. Nothing was recorded."""
    NOT_FOUND = 3
    """No such journey or request. Nothing was recorded."""
    NOT_ALLOWED = 4
    """Role, licence, key or passphrase do not allow it. Nothing was recorded, except an attempt to sign."""
    REFUSED = 5
    """The pathway refused it; in a batch, some row failed. Nothing was recorded, except an attempt to sign, to witness
    a consent or to release a session."""
    UNAVAILABLE = 6
    """Not reached, no answer in time, or accepted and not yet recorded. Nothing that was accepted is lost."""
    UNVERIFIED = 7
    """Verification failed: evidence is not what was asked to be signed, the register or an approval is not as signed,
    or `record verify` found something or could not check all. Nothing was recorded."""


_CODES: dict[type[UseCaseError], ExitCode] = {
    InvalidInput: ExitCode.USAGE,
    NotFound: ExitCode.NOT_FOUND,
    NotAllowed: ExitCode.NOT_ALLOWED,
    Conflict: ExitCode.REFUSED,
    Unavailable: ExitCode.UNAVAILABLE,
    NotVerified: ExitCode.UNVERIFIED,
    SteppedBack: ExitCode.FAULT,
    Fault: ExitCode.FAULT,
}


def exit_code_of(error: UseCaseError) -> ExitCode:
    """Return the exit code of an error."""
    if isinstance(error, Refused):
        return exit_code_of_refusal(error.refusal)
    return next(code for kind, code in _CODES.items() if isinstance(error, kind))


def exit_code_of_refusal(refusal: Refusal) -> ExitCode:
    """Return the exit code of a refusal: the person is not allowed, or not proven, or the pathway refused."""
    denied = refusal.code in (RefusalCode.NOT_ALLOWED, RefusalCode.SIGNATURE)
    return ExitCode.NOT_ALLOWED if denied else ExitCode.REFUSED


def as_json(error: UseCaseError) -> dict[str, object]:
    """Return the error as scripts read it."""
    code = exit_code_of(error)
    found: dict[str, object] = {
        "error": code.name.lower(),
        "exit_code": int(code),
        "reason": error.reason,
        "state": error.state,
        "remedy": error.remedy,
        "fields": [field._asdict() for field in error.fields],
    }
    if isinstance(error, Refused):
        found["refusal"] = error.refusal.model_dump(mode="json")
    return found | error.ids


def interrupted() -> UseCaseError:
    """Return the error for Ctrl-C."""
    return SteppedBack("interrupted", "Look with `pathway show` before sending it again", state=UNKNOWN_STATE)


def unheard(lost: OutputLost) -> UseCaseError:
    """Return the error for an answer that could not be written whole."""
    return Fault(
        f"the answer could not be written: {lost.reason}",
        "Look with `pathway show` before sending a command again; reading again is always safe",
        state="Only the answer is lost, not what was done.",
    )
