"""Why a use case did not do what it was asked to: typed, and shown by each way in as it shows things.

No error holds what was given: it may be about a patient. Text of other libraries' errors is never passed on.
"""

from collections.abc import Mapping
from typing import NamedTuple

from workflows.journey.refusals import Refusal

NOTHING_HAPPENED = "Nothing was sent or recorded."
NOTHING_WRITTEN = "Nothing was written or changed."


class FieldProblem(NamedTuple):
    """What is wrong with one field. It never repeats what was given."""

    field: str
    problem: str


class UseCaseError(Exception):
    """What went wrong, whether anything is recorded or lost (``state``), and the way out (``remedy``).

    ``ids`` are opaque ids of what it is about.
    """

    def __init__(
        self,
        reason: str,
        remedy: str,
        *,
        state: str = NOTHING_HAPPENED,
        fields: tuple[FieldProblem, ...] = (),
        ids: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy
        self.state = state
        self.fields = fields
        self.ids = dict(ids or {})


class InvalidInput(UseCaseError):
    """What was given, a file or a setting cannot be used."""


class NotFound(UseCaseError):
    """There is nothing of this id or name."""


class NotAllowed(UseCaseError):
    """Whoever asks may not, or is not proven to be who they say."""


class Conflict(UseCaseError):
    """What is asked for does not go with how things stand."""


class Unavailable(UseCaseError):
    """The record or Temporal did not answer. The same again is safe."""


class NotVerified(UseCaseError):
    """A signature, a hash or a register does not prove right. Nothing may rest on it."""


class SteppedBack(UseCaseError):
    """The person did not go on."""


class Fault(UseCaseError):
    """Something is not as this version of the program needs it: a task for ops."""


class Refused(UseCaseError):
    """The journey refused, or would refuse, a command. The core's own refusal says why."""

    def __init__(
        self, refusal: Refusal, *, state: str = NOTHING_HAPPENED, ids: Mapping[str, str] | None = None
    ) -> None:
        fields = () if refusal.field is None else (FieldProblem(refusal.field, refusal.reason),)
        super().__init__(refusal.reason, refusal.remedy, state=state, fields=fields, ids=ids)
        self.refusal = refusal
