"""Why a command was not accepted, in words for the person who sent it."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NoReturn

from workflows.journey.vocabulary.base import ImmutableModel


class RefusalCode(StrEnum):
    """The reasons a journey can refuse for. ``NOT_ALLOWED`` is about who asks, the others about what."""

    NOT_ALLOWED = "not_allowed"
    """The role, the licence or the person's part in the journey does not allow it."""
    ALREADY_STARTED = "already_started"
    """The journey has been started, or the patient has an open one."""
    NOT_STARTED = "not_started"
    """There is no journey yet."""
    CLOSED = "closed"
    """The pathway is closed or ending."""
    WRONG_STAGE = "wrong_stage"
    """The command does not belong to the present stage."""
    HELD = "held"
    """Care is on hold, or the request waits until the hold is released."""
    UNKNOWN = "unknown"
    """The protocol or the journey has nothing with this name or id."""
    INCOMPLETE = "incomplete"
    """Something is missing, in the form or before this step."""
    OUT_OF_LIMITS = "out_of_limits"
    """A value is outside the protocol's limits."""
    CONTRADICTS = "contradicts"
    """It is contrary to what is recorded."""
    WRONG_TIME = "wrong_time"
    """A time is too early, too late, still to come or past."""
    STALE = "stale"
    """The evidence has changed, or something newer has replaced it."""
    ALREADY_DONE = "already_done"
    """It has been done."""
    COMMAND_ID_REUSED = "command_id_reused"
    """The command id was used for another command."""
    PROTOCOL = "protocol"
    """The protocol may not be used for this patient."""
    SIGNATURE = "signature"
    """The signature is missing, not valid, too late or used before."""


UNPROVEN = "proof"
"""The field that a refusal names when nothing proves now that its sender sent it now."""


class Refusal(ImmutableModel):
    """A refusal: what is wrong, which field it concerns, and the way out. It never repeats a given value."""

    code: RefusalCode
    reason: str
    remedy: str
    field: str | None = None
    kept: bool = False
    """Whether what was said is kept all the same, because it tells of harm: care is held until a clinician asked."""

    def __str__(self) -> str:
        where = f" ({self.field})" if self.field else ""
        return f"{self.reason}{where}. {self.remedy}."


class RefusalRaised(Exception):
    """Leaves a stage's decision early; `decide` turns it into the `Refusal` it carries."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


def list_some(what: Sequence[str], separator: str = "; ", *, most: int = 20) -> str:
    """Put these into words: all of them, or the first and how many more there are, so that no text grows with what is
    open."""
    more = len(what) - most
    return separator.join(what) if more <= 0 else f"{separator.join(what[:most])}{separator}and {more} more"


def refuse(code: RefusalCode, reason: str, remedy: str, field: str | None = None) -> NoReturn:
    """Refuse the command being decided.

    Raises:
        RefusalRaised: always.
    """
    raise RefusalRaised(Refusal(code=code, reason=reason, remedy=remedy, field=field))


def require_known(given: "dict[str, object] | tuple[str, ...]", known: tuple[str, ...], field: str) -> None:
    """Refuse names the protocol does not have.

    Raises:
        RefusalRaised: a name is not in ``known``.
    """
    for name in given:
        if name not in known:
            refuse(RefusalCode.UNKNOWN, f"the protocol has no '{name}'", f"Use: {', '.join(known)}", field)
