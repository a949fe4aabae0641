"""A command as it was decided: all that it takes to decide it again and get the same events.

The run decides with it, the record decides again before it keeps anything, and so does whoever verifies the record
years later.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from itertools import accumulate
from typing import TypeAlias
from uuid import UUID

from workflows.journey.aggregate import Journey
from workflows.journey.commands import SIGNED, Command
from workflows.journey.decide import decide, keep_refusal
from workflows.journey.events import CommandRefused, Event, ReportKept
from workflows.journey.receipts import CommandReceipt, answer_repeated
from workflows.journey.vocabulary.actors import CLOCK, Role
from workflows.journey.vocabulary.base import ImmutableModel, canonical
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.command_ids import id_objection
from workflows.journey.vocabulary.proof import AHEAD, COUNTS_FOR
from workflows.journey.vocabulary.refusals import UNPROVEN, Refusal, RefusalCode


class Decided(ImmutableModel):
    """A command and what else decided it: when (UTC), a refusal that was found before the journey was asked (a
    signature that does not count), whether its sender gets no answer, whether it is the journey's own, and whether it
    came with the keys of the service (``authentic``) and not by hand. ``taken_at`` is when it was taken in first, if it
    is decided later: after an outage, or again."""

    command: Command
    at: Instant
    refusal: Refusal | None = None
    unanswered: bool = False
    own: bool = False
    authentic: bool = True
    taken_at: Instant | None = None


FOUND_BEFORE = (RefusalCode.NOT_ALLOWED, RefusalCode.SIGNATURE, RefusalCode.STALE)
"""Why a command may be refused before the journey is asked. It only ever keeps an attempt."""


class DecidedBy(ImmutableModel):
    """Which rules decided: the digest of the core's source, and that of the zone data, in hex. Empty where a run could
    not tell."""

    core: str = ""
    zones: str = ""


class DecidedCommand(ImmutableModel):
    """A command as a run decided it, and what it gave there: how many events, and the digest over them."""

    decided: Decided
    events: int
    digest: str


class Batch(ImmutableModel):
    """Commands to record at the end of a journey, with the events that the record derives from them. Nothing is
    recorded of what does not come out the same there. Notices leave once their events are recorded."""

    journey_id: UUID
    expected_version: int
    commands: tuple[DecidedCommand, ...]
    by: DecidedBy = DecidedBy()

    @property
    def last_version(self) -> int:
        """The version of the journey after all of it."""
        return self.expected_version + sum(each.events for each in self.commands)

    def until(self, version: int) -> "Batch":
        """Return the same with its first commands only: those whose events are no later than a version."""
        reached = accumulate((each.events for each in self.commands), initial=self.expected_version)
        first = sum(1 for each in reached if each <= version) - 1
        return self.model_copy(update={"commands": self.commands[: max(first, 0)]})


TOO_OLD = Refusal(
    code=RefusalCode.NOT_ALLOWED,
    reason="this was sent too long ago, and came only now: it was on its way for long, or somebody hands in an old one",
    remedy="If you still want it, look at the journey, and send it again: the same command id will do",
    field=UNPROVEN,
)
"""What is said of a command that came too late."""
Judgement: TypeAlias = CommandReceipt | Refusal | tuple[Event, ...]
"""What becomes of a command: its receipt if it was decided before, a refusal, or the events that follow."""


def judge(journey: Journey | None, receipts: Mapping[UUID, CommandReceipt], decided: Decided) -> Judgement:
    """Return what becomes of a command: the events that follow, its receipt if it was decided before, or a refusal."""
    command = decided.command
    screened = None if decided.own else decided.refusal or screen(command, authentic=decided.authentic)
    return (
        screened
        or answer_repeated(receipts, command)
        or refuse_untimely(decided)
        or decide(journey, command, decided.at)
    )


def keep(
    journey: Journey, receipts: Mapping[UUID, CommandReceipt], decided: Decided, refusal: Refusal
) -> tuple[Event, ...]:
    """Return the event that keeps a refusal, if it is to be kept. What the journey refuses itself leaves no trace."""
    if decided.own:
        return ()
    return keep_refusal(journey, receipts, decided.command, refusal, decided.at, unanswered=decided.unanswered)


def derive(journey: Journey | None, receipts: Mapping[UUID, CommandReceipt], decided: Decided) -> tuple[Event, ...]:
    """Return the events that a command gives by the rules of this build; none where it gives none."""
    if decided.own and decided.command.actor != CLOCK:
        return ()
    if decided.refusal is not None and (decided.own or decided.refusal.code not in FOUND_BEFORE):
        return ()
    if decided.taken_at is not None and decided.taken_at > decided.at:
        return ()
    judged = judge(journey, receipts, decided)
    if isinstance(judged, Refusal):
        return () if journey is None else keep(journey, receipts, decided, judged)
    return judged if isinstance(judged, tuple) else ()


def refuse_again(refused: CommandRefused) -> Refusal:
    """Return what is said of a command that was refused before and is decided again, on other grounds perhaps: whoever
    sent it was told, so it stays refused."""
    return _again(RefusalCode(refused.code), refused.reason)


def keep_again(kept: ReportKept) -> Refusal:
    """Return what is said of a report that was kept as it was said and is decided again, when its form may have become
    right: whoever sent it was told to send it again, and that takes the place of this."""
    again = _again(RefusalCode.STALE, "its form could not be taken")
    return again.model_copy(update={"kept": True, "field": next(iter(kept.fields), None)})


def stay_refused(refusal: Refusal) -> Refusal:
    """Return what is said of a command whose sender was told this refusal, and that is handed in again: by a reset, or
    when a run is begun anew. What was to be kept as it was said is kept."""
    again = _again(refusal.code, str(refusal))
    return again.model_copy(update={"kept": refusal.kept, "field": refusal.field})


def _again(code: RefusalCode, reason: str) -> Refusal:
    return Refusal(
        code=code if code in FOUND_BEFORE else RefusalCode.STALE,
        reason=f"this was refused before: {reason.rstrip('.')[:2000]}",
        remedy="Send it again under a new id once that is settled",
    )


def events_digest(events: Iterable[Event]) -> str:
    """Return SHA-256 over events, with all that they say, in hex: the same for events as decided and as recorded."""
    seen = sha256()
    for event in events:
        spelled = canonical(event.model_dump(mode="json"))
        seen.update(len(spelled).to_bytes(8) + spelled)
    return seen.hexdigest()


def refuse_by_hand(command: Command) -> Refusal | None:
    """Return why a command is not taken that came past the service, without its key; None if it is: a signed decision,
    a hold, a report of harm, a call for help."""
    body = command.body
    if body.by_hand or (isinstance(body, SIGNED) and body.signature is not None):
        return None
    return Refusal(
        code=RefusalCode.NOT_ALLOWED,
        reason="this was sent by hand, past the service: so only a signed decision, a hold, a report of harm or a call "
        "for help is taken",
        remedy="Nothing happened; send it with `starter.py`, by your own profile",
    )


def refuse_untimely(decided: Decided) -> Refusal | None:
    """Return why a command is not taken at the time at which it came, by when it says that it was sent: in most cases
    somebody held it back, or hands in again what its sender was told is refused. What anybody may send is taken all the
    same, and is marked as late; a decision has times of its own.

    This is the one place where that is asked: of all that comes, however it comes, and again of what is recorded.
    """
    command, taken_at = decided.command, decided.taken_at or decided.at
    if command.sent_at is None or decided.own or command.body.by_anybody or isinstance(command.body, SIGNED):
        return None
    if command.sent_at - taken_at > AHEAD:
        return Refusal(
            code=RefusalCode.NOT_ALLOWED,
            reason="by the time it bears, this is sent in the future",
            remedy="Check the clock of the computer that you send from, and send it again",
            field=UNPROVEN,
        )
    return TOO_OLD if taken_at - command.sent_at > COUNTS_FOR else None


def screen(command: Command, *, authentic: bool = True) -> Refusal | None:
    """Return why a command is refused whoever sends it, before the journey decides: one that was sent by hand (not
    ``authentic``), for most kinds."""
    if not authentic and (refusal := refuse_by_hand(command)) is not None:
        return refusal
    if command.actor.role == Role.SYSTEM:
        return Refusal(
            code=RefusalCode.NOT_ALLOWED,
            reason="nobody acts as the clock",
            remedy="Use your own profile",
            field="actor.role",
        )
    objection = id_objection(command.command_id, command.actor)
    if objection is not None:
        return objection
    if command.too_large:
        return Refusal(
            code=RefusalCode.OUT_OF_LIMITS,
            reason=f"a command takes at most {command.limit} bytes",
            remedy="Send less text; documents belong elsewhere, by reference",
        )
    return None
