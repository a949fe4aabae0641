"""How a command can end: its exit code, and the error a person reads."""

from enum import IntEnum

from pydantic import BaseModel, ConfigDict

from workflows.journey.refusals import Refusal, RefusalCode

NOTHING_HAPPENED = "Nothing was sent or recorded."


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
    """The pathway refused it; in a batch, some row failed. Nothing was recorded, except an attempt to sign, to release
    a session or to record a dose."""
    UNAVAILABLE = 6
    """Not reached, no answer in time, or accepted and not yet recorded. Nothing that was accepted is lost."""
    UNVERIFIED = 7
    """Verification failed: evidence is not what was asked to be signed, the register or an approval is not as signed,
    or `record verify` found something or could not check all. Nothing was recorded."""


class FieldProblem(BaseModel):
    """What is wrong with one field. It never repeats what was given."""

    model_config = ConfigDict(frozen=True)

    field: str
    problem: str


class Problem(Exception):
    """Why a command did not do what it was asked to: what, whether anything is recorded or lost, the way out."""

    def __init__(
        self,
        code: ExitCode,
        reason: str,
        remedy: str,
        *,
        state: str = NOTHING_HAPPENED,
        fields: tuple[FieldProblem, ...] = (),
        refusal: Refusal | None = None,
        ids: dict[str, str] | None = None,
    ) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.remedy = remedy
        self.state = state
        self.fields = fields
        self.refusal = refusal
        self.ids = ids or {}

    def as_json(self) -> dict[str, object]:
        """The error as scripts read it."""
        found: dict[str, object] = {
            "error": self.code.name.lower(),
            "exit_code": int(self.code),
            "reason": self.reason,
            "state": self.state,
            "remedy": self.remedy,
            "fields": [field.model_dump() for field in self.fields],
        }
        if self.refusal is not None:
            found["refusal"] = self.refusal.model_dump(mode="json")
        return found | self.ids


def exit_code_of(refusal: Refusal) -> ExitCode:
    """Who asks is not allowed, or not proven to be who they say, or what is asked is refused."""
    return (
        ExitCode.NOT_ALLOWED if refusal.code in (RefusalCode.NOT_ALLOWED, RefusalCode.SIGNATURE) else ExitCode.REFUSED
    )


def refused(refusal: Refusal, *, state: str, ids: dict[str, str] | None = None) -> Problem:
    """The error for a refusal of the journey."""
    fields = () if refusal.field is None else (FieldProblem(field=refusal.field, problem=refusal.reason),)
    return Problem(
        exit_code_of(refusal), refusal.reason, refusal.remedy, state=state, fields=fields, refusal=refusal, ids=ids
    )
