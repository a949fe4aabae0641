"""Deciding never awaits: from a command to its events, and to what follows at once, there is no pause, so that no two
decisions interleave."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from temporalio import workflow

from workflows import messages as m
from workflows.journey.always.safety.model import FURTHER
from workflows.journey.commands import (
    Command,
    KeepCancellation,
    KeepUnreadable,
    PassDeadline,
    TakeInHistory,
    TakeInStaff,
)
from workflows.journey.decided import Decided, stay_refused
from workflows.journey.events import Event
from workflows.journey.folded import JourneyState
from workflows.journey.obligations import next_deadline
from workflows.journey.receipts import command_digest
from workflows.journey.vocabulary.actors import CLOCK
from workflows.journey.vocabulary.codes import code_of
from workflows.journey.vocabulary.command_ids import own_id
from workflows.journey.vocabulary.refusals import Refusal
from workflows.shell.alarms import Alarms
from workflows.shell.inbox import Inbox
from workflows.shell.ledger import Ledger
from workflows.shell.run_limits import RunLimits
from workflows.signals import keep_further, keep_unreadable


class Decider:
    """Decides commands of people, of the clock and of the run itself, and sends the alarms that follow.

    ``strangers`` are the open tasks from what was sent without the keys, and ``kept`` says how many messages were kept
    that nobody could read.
    """

    def __init__(
        self,
        ledger: Ledger,
        inbox: Inbox,
        alarms: Alarms,
        limits: RunLimits,
        *,
        strangers: Sequence[str] = (),
        kept: int = 0,
    ) -> None:
        self.ledger, self.inbox, self.strangers, self.kept = ledger, inbox, list(strangers), kept
        self.unconfirmed: dict[UUID, m.Receipt] = {}
        """The newest receipts of commands whose senders wait until they are recorded."""
        self._alarms, self._limits = alarms, limits

    # Commands of people

    def decide(
        self,
        command: Command,
        refusal: Refusal | None = None,
        *,
        authentic: bool,
        unanswered: bool = False,
        taken_at: datetime | None = None,
    ) -> m.Receipt:
        """Decide a command, and apply what follows from it. ``taken_at`` is when it was taken in (UTC), if that was
        before now."""
        decided = Decided(
            command=command,
            at=workflow.now(),
            refusal=refusal,
            unanswered=unanswered,
            authentic=authentic,
            taken_at=taken_at,
        )
        receipt, events = self.ledger.decide(decided)
        self._confirm(command, receipt)
        beyond = not events and self.ledger.beyond_bound(command, unanswered=unanswered)
        self._apply(events, decided)
        if receipt.refusal is not None and receipt.refusal != m.QUARANTINED:
            content = command.model_dump_json(exclude={"proof"})
            message = keep_unreadable(f"refused: {command.body.kind}", f"{receipt.refusal}\n{content}")
            if beyond:
                self._count(message, len(content))
            elif events and unanswered and command.body.by_hand:
                # Nobody answers, and it may be about safety: people look at what was wrong with it.
                self.read(message, len(content))
        return receipt

    def hear_stranger(
        self, command: Command, size: int, *, unanswered: bool = False, accepted: bool = False
    ) -> m.Receipt:
        """Decide what anybody may send and somebody sent without the keys, unless so much of it is open that one more
        is only counted, if it was not ``accepted`` before. It holds nobody else up: who sent it is not looked up, and
        its alarms leave in turn."""
        before = self.ledger.journey
        self.strangers = [each for each in self.strangers if each in before.waiting]
        known = accepted or command.command_id in self.ledger.receipts
        if len(self.strangers) >= m.STRANGERS_OPEN and not known:
            content = command.model_dump_json(exclude={"proof"})
            self._count(keep_unreadable(f"one too many: {command.body.kind}", content), size)
            return m.Receipt(version=self.ledger.journey.version, refusal=m.COUNTED, answers=command_digest(command))
        unclaimed = without_claims(command).model_copy(update={"sent_at": None})
        receipt = self.decide(unclaimed, authentic=False, unanswered=unanswered)
        self.strangers += [each for each in self.ledger.journey.waiting if each not in before.waiting]
        return receipt

    def read(
        self,
        message: Command | KeepUnreadable,
        size: int = 0,
        *,
        authentic: bool = False,
        accepted: bool = False,
        told: Refusal | None = None,
        taken_at: datetime | None = None,
    ) -> None:
        """Take in a message of so many bytes. One that was ``accepted`` before is decided, however many others wait;
        one whose sender was ``told`` a refusal stays refused, unless anybody may send it. ``taken_at`` is when it was
        taken in first (UTC), if that was before now."""
        if isinstance(message, KeepUnreadable):
            if len(self.ledger.journey.unhandled) < m.MESSAGES_KEPT:
                self.keep(message)
            else:
                self._count(message, size)
        elif told is not None and not message.body.by_anybody:
            self.decide(message, stay_refused(told), authentic=authentic)
        elif message.body.by_anybody and authentic:
            # At once, and so without a look at the register: a signal proves nobody.
            self.decide(without_claims(message), authentic=True, unanswered=True)
        elif message.body.by_anybody:
            self.hear_stranger(message, size, unanswered=True, accepted=accepted)
        elif not (self.ledger.must_be_checked(message) or self.ledger.needs_proof(message)):
            self.decide(message, authentic=authentic, unanswered=True, taken_at=taken_at)
        elif not self.inbox.add_unchecked(message, size, authentic=authentic, accepted=accepted, taken_at=taken_at):
            content = message.model_dump_json(exclude={"proof"})
            self._count(keep_unreadable(f"not checked: {message.body.kind}", content), size)

    # Commands of the run itself

    def keep(self, message: KeepUnreadable) -> None:
        """Keep a message that nobody could read, for people to look at."""
        # The id has its number: after a reset it is found recorded, and a second message like it is another one.
        said = code_of(self.ledger.journey.code_key, [message.name, message.content])
        self._decide_own(f"unreadable:{self.kept}:{said}", message)
        self.kept += 1

    def keep_cancellation(self, run_id: str, reason: str) -> None:
        """Record that somebody cancelled a run, and change nothing else."""
        if len(self.ledger.journey.unhandled) < m.MESSAGES_KEPT:
            self._decide_own(f"cancellation:{run_id}", KeepCancellation(reason=reason))
        else:
            self._count(keep_unreadable("cancellation", reason), len(reason))

    def tell_further(self) -> None:
        """Tell ops of what found no more room, and hold care: at once if no such message is open, and from time to time
        while more comes."""
        if self.inbox.further.told or not any(kept.name == FURTHER for kept in self.ledger.journey.unhandled):
            self.keep(keep_further(self.inbox.further))

    def take_in(self, told: m.Recorded | m.Others, *, undone: bool = False) -> None:
        """Take in what the patient's other journeys say, up to a position of the record, and who has left."""
        if told.elsewhere is not None:
            body = TakeInHistory(elsewhere=told.elsewhere, position=told.position, undone=undone)
            said = code_of(self.ledger.journey.code_key, body.model_dump(mode="json"))
            self._decide_own(f"history:{said}", body)
        if isinstance(told, m.Others) and told.staff:
            staff = TakeInStaff(members=told.staff)
            said = code_of(self.ledger.journey.code_key, staff.model_dump(mode="json"))
            self._decide_own(f"staff:{self.ledger.journey.version}:{said}", staff)

    def pass_deadlines(self, portions: int) -> bool:
        """Pass what is due, one portion after the other. Return whether all portions were passed, and more may be
        left."""
        for _ in range(portions):
            deadline, version = next_deadline(self.ledger.journey), self.ledger.journey.version
            if deadline is None or deadline > workflow.now():
                return False
            for name in (f"deadline:{version}", f"deadline:{version}:again"):
                if self.ledger.journey.version == version:
                    self._decide_own(name, PassDeadline())
            if self.ledger.journey.version == version:
                workflow.logger.error("journey.deadline_not_passed", extra={"version": version})
                return False
        return True

    # What the record does not have

    def restart(self, state: JourneyState, told: m.Recorded | None = None, left_out: UUID | None = None) -> None:
        """Go on from the state as recorded, and decide again after it what the record does not have, except the
        command that is ``left_out``. Before that, take in what the record has ``told``."""
        decided = self.ledger.restart(state)
        again = [each for each in decided if not (each.own and isinstance(each.command.body, TakeInHistory))]
        # What was taken in is older than what the record has now, so that is looked up.
        self.inbox.look |= len(again) < len(decided)
        if told is not None:
            self.take_in(told, undone=bool(again))
        for each in again:
            command = each.command
            if command.command_id == left_out and not each.own:
                self._leave_out(each)
            elif command.command_id == left_out:
                continue  # The clock passes what is due again, after what follows here.
            elif each.own:
                self._decide_for_run(command)
            elif each.refusal is not None:
                # Whoever sent it was told that it is refused, and it stays refused.
                refused = each.model_copy(update={"at": workflow.now()})
                self._apply(self.ledger.decide(refused)[1], refused)
            else:
                size, taken_at = len(command.model_dump_json()), each.taken_at or each.at
                self.read(command, size, authentic=each.authentic, accepted=True, taken_at=taken_at)

    def _leave_out(self, decided: Decided) -> None:
        """Keep that a command was accepted and is not recorded, for its sender and for ops, and hold care."""
        command = decided.command
        refused = decided.model_copy(update={"at": workflow.now(), "refusal": m.LEFT_OUT, "unanswered": True})
        receipt, events = self.ledger.decide(refused)
        self._confirm(command, receipt)
        self._apply(events, refused)
        content = command.model_dump_json(exclude={"proof"})
        self.read(keep_unreadable(f"not recorded: {command.body.kind}", content), len(content))

    # What follows at once

    def _decide_own(
        self, what: str, body: PassDeadline | KeepUnreadable | KeepCancellation | TakeInHistory | TakeInStaff
    ) -> None:
        """Decide a command of the run itself, under an id that is derived from what it is about."""
        self._decide_for_run(Command(command_id=own_id(self.ledger.journey.id, what), actor=CLOCK, body=body))

    def _decide_for_run(self, own: Command) -> None:
        decided = Decided(command=own, at=workflow.now(), own=True)
        receipt, events = self.ledger.decide(decided)
        if receipt.refusal is not None:
            self._tell_refused(own, receipt.refusal)
        else:
            self._apply(events, decided)

    def _tell_refused(self, own: Command, refusal: Refusal) -> None:
        """Hold care and tell ops that a command of the service's own was refused, once until they have looked. It is
        never as it should be: an alarm may not leave."""
        name = f"refused: {own.body.kind}"
        workflow.logger.error("journey.own_command_refused", extra={"kind": own.body.kind, "code": refusal.code.value})
        told = any(kept.name == name for kept in self.ledger.journey.unhandled)
        if not told and not isinstance(own.body, KeepUnreadable):
            self.keep(keep_unreadable(name, f"The service refused a command of its own. {refusal}"))

    def _apply(self, events: tuple[Event, ...], decided: Decided) -> None:
        """Apply decided events, and take the first portion of the deadlines that have come with them."""
        if not events:
            return
        stage = self.ledger.journey.stage
        self.ledger.apply(events, decided)
        stranger = decided.command.body.by_anybody and not decided.authentic
        self._alarms.send(self.ledger.journey.clinic, events, stranger=stranger)
        if self.ledger.journey.stage != stage:
            workflow.logger.info("journey.stage_entered", extra={"stage": self.ledger.journey.stage.value})
            self._limits.enter_stage()
        if not isinstance(decided.command.body, PassDeadline):
            self.pass_deadlines(portions=1)

    def _confirm(self, command: Command, receipt: m.Receipt) -> None:
        if command.command_id in self.unconfirmed:
            self.unconfirmed[command.command_id] = receipt

    def _count(self, message: KeepUnreadable, size: int) -> None:
        self.inbox.further = self.inbox.further.and_one(message, size)
        self.tell_further()


def without_claims(command: Command) -> Command:
    """Return a command without what it claims of its sender, which nothing has proven."""
    return command.model_copy(update={"actor": command.actor.model_copy(update={"clinics": ()}), "proof": None})
