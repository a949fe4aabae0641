"""What one run knows of a journey, and how it decides on it. Pure: the workflow brings the time, and waits."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from workflows.journey.aggregate import Journey, fold
from workflows.journey.always.care_team.rules import list_claims, list_people_to_look_up
from workflows.journey.always.sign_offs.rules import lent_keys
from workflows.journey.commands import SIGNED, Command, Sign
from workflows.journey.decide import REFUSALS_KEPT, decide
from workflows.journey.decided import Decided, Judgement, judge, keep, refuse_untimely, screen
from workflows.journey.events import Event
from workflows.journey.folded import JourneyState
from workflows.journey.receipts import CommandReceipt, add_receipts, command_digest
from workflows.journey.vocabulary.refusals import Refusal
from workflows.messages import ATTEMPT, QUARANTINED, Receipt, SignatureCheck
from workflows.shell.outbox import Outbox


class Ledger:
    """The state of a journey, the receipts of its commands, and what the record does not have yet."""

    def __init__(self, journey: Journey, receipts: Mapping[UUID, CommandReceipt], recorded: int) -> None:
        self.journey = journey
        self.receipts = dict(receipts)
        self.outbox = Outbox(recorded)
        self.diverged = False
        """Whether the record says something else, so that nothing is decided before ops have looked."""
        self._judged: tuple[Journey, Decided, Judgement] | None = None
        """What a validator found of a command, for the handler right after it: the same journey, command and moment
        give the same."""

    @classmethod
    def begin(cls, start: Command, at: datetime, taken_at: datetime) -> "tuple[Ledger, tuple[Event, ...]] | Refusal":
        """Begin a journey at a moment (UTC), after Temporal took its start. Return it with its first events, or why
        there is none."""
        decided = Decided(command=start, at=at, taken_at=min(taken_at, at))
        opened = refuse_untimely(decided) or decide(None, start, at)
        if isinstance(opened, Refusal):
            return opened
        ledger = cls(fold(opened), {}, 0)
        ledger.queue(opened, decided)
        return ledger, opened

    @property
    def over(self) -> bool:
        """Whether the journey has ended and waits for nothing."""
        return self.journey.closed and not self.journey.waiting and self.journey.behind is None

    @property
    def may_be_recorded(self) -> bool:
        """Whether there is something to record, and the record takes it."""
        return bool(self.outbox) and not self.diverged

    def refusal(self, command: Command, at: datetime, *, authentic: bool = True) -> Refusal | None:
        """Why a command is refused at a moment (UTC), if that leaves no trace."""
        decided = self._as_it_stands(Decided(command=command, at=at, authentic=authentic))
        judged = judge(self.journey, self.receipts, decided)
        self._judged = self.journey, decided, judged
        if judged == QUARANTINED:
            return QUARANTINED
        if not isinstance(judged, Refusal) or self.beyond_bound(command):
            return None
        return None if keep(self.journey, self.receipts, decided, judged) else judged

    def decide(self, decided: Decided) -> tuple[Receipt, tuple[Event, ...]]:
        """Decide a command, unless it was decided before or its signature is refused. One of the workflow itself has an
        id that is derived from what it is about, so that it happens once.

        A refusal gives the event that keeps it, if it is to be kept: always for a sender who gets no answer.
        """
        decided = self._as_it_stands(decided)
        judged = self._judged_before(decided) or judge(self.journey, self.receipts, decided)
        answers = command_digest(decided.command)
        if isinstance(judged, CommandReceipt):
            return Receipt(version=judged.version, answers=answers), ()
        if isinstance(judged, tuple):
            return Receipt(version=self.journey.version + len(judged), answers=answers), judged
        # What comes in a quarantine is not refused for good: nothing of it may be recorded.
        kept = () if judged == QUARANTINED else keep(self.journey, self.receipts, decided, judged)
        return Receipt(version=self.journey.version + len(kept), refusal=judged, answers=answers), kept

    def _judged_before(self, decided: Decided) -> Judgement | None:
        """Take what was found of exactly this a moment ago, if it was; receipts change only with the journey."""
        before, self._judged = self._judged, None
        if before is None:
            return None
        journey, the_same, judged = before
        if journey is not self.journey or the_same != decided:
            return None
        # What is equal may still be spelled in another way, and so gives other events.
        return judged if the_same.model_dump_json() == decided.model_dump_json() else None

    def beyond_bound(self, command: Command, *, unanswered: bool = False) -> bool:
        """Whether a refusal of this command matters and finds no more room in the record, so that it is counted."""
        known = self.receipts.get(command.command_id)
        if known is not None and known.digest == command_digest(command):
            return False
        full = self.journey.unseen_refusals >= REFUSALS_KEPT and not self.journey.closed
        return full and (unanswered or command.body.attempts_kept)

    def apply(self, events: Sequence[Event], decided: Decided) -> None:
        """Apply the events of a command and queue them for the record."""
        self.journey = fold(events, self.journey)
        self.queue(events, decided)

    def queue(self, events: Sequence[Event], decided: Decided) -> None:
        """Queue events for the record that are applied already."""
        add_receipts(self.receipts, events)
        self.outbox.add(decided, events)

    def restart(self, recorded: JourneyState) -> list[Decided]:
        """Go on from the state as recorded. Return the commands the record does not have, to be decided again. Those
        that were refused say so."""
        self.journey, self.receipts = recorded.journey, dict(recorded.receipts)
        return self.outbox.restart(self.journey.version)

    def must_be_checked(self, command: Command) -> bool:
        """Whether a command has a signature and was not decided before."""
        body = command.body
        return isinstance(body, SIGNED) and body.signature is not None and command.command_id not in self.receipts

    def needs_proof(self, command: Command) -> bool:
        """Whether a command was not decided before and its sender has to be proven. Only what anybody may send needs no
        proof, if its sender claims no clinics and gives no proof."""
        claims = bool(command.actor.clinics) or command.proof is not None
        return (claims or not command.body.by_anybody) and command.command_id not in self.receipts

    def presented(self, command: Command, at: datetime) -> SignatureCheck:
        """Present a command to be checked."""
        body = command.body
        lent = lent_keys(self.journey, command.actor, body.request, at) if isinstance(body, Sign) else ()
        return SignatureCheck(
            journey_id=self.journey.id,
            scope=self.journey.scope,
            command=command,
            claimed=list_claims(self.journey, command),
            rests_on=list_people_to_look_up(self.journey, command.body),
            lent=lent,
            at=at,
        )

    def still_counts(self, checked: SignatureCheck, at: datetime) -> bool:
        """Whether the result of a check is still valid: not expired, recent, and for the journey's present scope."""
        body = checked.command.body
        expired = isinstance(body, SIGNED) and body.signature is not None and body.signature.expires_at < at
        return not expired and at - checked.at <= ATTEMPT and checked.scope == self.journey.scope

    def _as_it_stands(self, decided: Decided) -> Decided:
        """Refuse whatever comes while the journey is quarantined. That is never recorded: it is decided again."""
        screened = decided.refusal or screen(decided.command, authentic=decided.authentic)
        if not self.diverged or decided.own or screened is not None:
            return decided
        return decided.model_copy(update={"refusal": QUARANTINED})
