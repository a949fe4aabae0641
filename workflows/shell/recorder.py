"""Keeps a run and its record in agreement.

The record is authoritative: anybody may have started the run with any state, and a reset sets it back.
"""

from contextlib import suppress
from datetime import datetime
from uuid import UUID

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from workflows import messages as m
from workflows.journey.commands import PassDeadline, TakeInHistory
from workflows.journey.decided import Decided, DecidedBy
from workflows.journey.vocabulary.refusals import Refusal
from workflows.shell.activity_calls import ask
from workflows.shell.answers import UpdateRefused
from workflows.shell.decider import Decider


class Recorder:
    """Records what is decided, and reads the record where the run cannot know what it has.

    ``handed`` is the state that the run began with.
    """

    def __init__(self, decider: Decider, handed: m.StateDigest | None) -> None:
        self._decider, self._ledger, self._handed = decider, decider.ledger, handed
        self.caught_up = False
        """Whether the run knows what the record has."""
        self.set_back = False
        """Whether a reset has set the run back, so that it decides nothing before it has caught up."""
        self.mark = ""
        """How far the run is recorded, as `record_mark` writes it."""
        self.unchecked: dict[str, None] = {}
        """The updates, by their ids, that were answered before a reset that they cannot be checked: nothing happened,
        and nothing may happen when the reset applies them again."""
        self.refused: dict[str, Refusal] = {}
        """The updates that were refused before a reset, by their ids, and why: they stay refused, whatever happened
        since."""
        self.taken: dict[str, datetime] = {}
        """When commands were taken (UTC) that were accepted before a reset and are not recorded, by their digests."""
        self._caught_up_in, self._times_set_back = "", 0
        self._told: m.Recorded | None = None
        self._not_taken: dict[UUID, None] = {}
        self._let_pass: dict[UUID, None] = {}
        self._left_out: UUID | None = None
        self._held_up: UUID | None = None
        self._pause = m.MOMENT

    async def follow_record(self) -> None:
        """Catch up with the record, then record events, oldest first, one batch at a time."""
        while True:
            if not self.caught_up:
                await self.catch_up()
            await workflow.wait_condition(lambda: not self.caught_up or self._ledger.may_be_recorded)
            # Append after all else in this task. In a replay an update may come before the end of an earlier append, or
            # after it, and the commands to Temporal must come out in the same order.
            await workflow.wait_condition(lambda: True)
            if self.caught_up:
                await self._append()

    async def catch_up(self) -> None:
        """Compare the state of this run with the record. What the record does not have is decided again after it."""
        handed, self._handed = self._handed or m.StateDigest(journey_id=self._ledger.journey.id), None
        before, reset = self._times_set_back, self.may_be_set_back
        try:
            handed = handed.model_copy(update={"reset": reset})
            read = await ask(m.catch_up_with_record, handed, within=m.READ_BACK, beats=m.SIGN_OF_LIFE)
        except ActivityError:
            # The record has an event that nobody can read. Whatever this run was handed, it decides nothing more; what
            # is due and whom it calls go on, until ops have mended the record or its keys and reset the journey.
            if self._times_set_back == before:
                self._quarantine()
                await workflow.wait_condition(lambda: self._times_set_back != before)
            return
        if self._times_set_back != before:
            return  # This answers what was asked before the reset.
        told, self._told = self._told, None
        self.caught_up, self._caught_up_in, self.mark = True, read.run_id, read.mark
        self.unchecked |= dict.fromkeys(read.answered.unchecked)
        self.refused |= dict(read.answered.refused)
        self.taken |= dict(read.answered.taken)
        self.set_back = self._ledger.diverged = False
        if read.state is not None:
            workflow.logger.warning("journey.read_back")
            left_out, self._left_out = self._left_out, None
            self._decider.restart(read.state, told, left_out)

    async def _append(self) -> None:
        # Not the same in a replay on another build, and nothing that is asked of Temporal depends on it.
        by = workflow.extern_functions().get(m.DECIDED_BY, DecidedBy)()
        batch = self._ledger.outbox.next_batch(self._ledger.journey.id, by)
        try:
            recorded = await ask(m.append_to_record, batch)
        except ActivityError as failed:
            why = failed.cause.type if isinstance(failed.cause, ApplicationError) else None
            if why == m.OPEN_JOURNEY:
                raise UpdateRefused(m.ALREADY_OPEN) from None
            if why in (m.NOT_TAKEN, m.UNPROVEN_RECORD) and self._try_without(batch.commands[0].decided, why):
                return
            # The record holds other events for these versions, or these claim a decision nobody signed. Nothing is
            # overwritten; ops decide, and a reset of the journey is how they tell it to go on from its record.
            if self.caught_up:
                self._quarantine()
        else:
            self._ledger.outbox.mark_recorded(recorded.version)
            if recorded.version < batch.last_version:
                # It is recorded already, or came too late, or rests on less than is known of the patient. All that
                # was decided since is decided again, after what is recorded.
                if recorded.version == batch.expected_version:
                    await self._wait_behind(batch.commands[0].decided)
                if self.caught_up:
                    self._told, self.caught_up = recorded, False
            else:
                self.mark = recorded.mark
                self._decider.take_in(recorded)

    async def _wait_behind(self, first: Decided) -> None:
        """Pause if the same first command was not recorded once more; longer each time, since each attempt makes the
        history longer. Something urgent behind it ends the pause and goes first. A command of the clock is then left
        out, since the clock passes what is due again: without the register nothing is recorded that moves care on."""
        again = first.command.command_id == self._held_up
        self._held_up = first.command.command_id
        self._pause = min(2 * self._pause, m.TRIED_AGAIN) if again else m.MOMENT
        if again:
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: not self.caught_up or bool(self._urgent_behind()), timeout=self._pause
                )
        self._let_pass |= dict.fromkeys(self._urgent_behind())
        if isinstance(first.command.body, PassDeadline) and self._ledger.outbox.urgent_after_first():
            self._left_out = first.command.command_id

    def _urgent_behind(self) -> list[UUID]:
        """Return what is urgent behind the first command and was not let pass before."""
        return [each for each in self._ledger.outbox.urgent_after_first() if each not in self._let_pass]

    def _try_without(self, decided: Decided, why: str) -> bool:
        """Have all that waits decided again after what is recorded, because the record did not take the first command
        of it. Return False where only ops can help.

        The first time, the sender and the signature of that command are checked again; the second time, it is left out.
        If it is the service's own, or the record before it is not proven, this is only done to let something urgent
        behind it go first.
        """
        command_id, body = decided.command.command_id, decided.command.body
        urgent = self._urgent_behind()
        if why == m.NOT_TAKEN and command_id not in self._not_taken:
            self._not_taken[command_id] = None
        elif decided.own or why == m.UNPROVEN_RECORD:
            if not urgent or (decided.own and not isinstance(body, PassDeadline | TakeInHistory)):
                return False
            self._let_pass |= dict.fromkeys(urgent)
            self._left_out = command_id if decided.own else None
        elif decided.refusal is not None:
            return False
        else:
            self._left_out = command_id
        self._told, self.caught_up = None, False
        return True

    def _quarantine(self) -> None:
        self._ledger.diverged = True
        workflow.logger.error("journey.diverged")

    # Resets

    async def until_decidable(self) -> None:
        """Wait until the run knows again where it stands, if a reset has set it back."""
        if self.set_back:
            await workflow.wait_condition(lambda: not self.set_back)

    @property
    def may_be_set_back(self) -> bool:
        """Whether this run is a reset of another one, and has not caught up with the record itself."""
        info = workflow.info()
        return info.run_id not in (info.original_execution_run_id, self._caught_up_in)

    def look_for_reset(self) -> None:
        """Notice a reset that applies messages again: they come before the SDK reports it.

        The part of the history that a reset copies has no such marker, and the first task of the run's own writes it.
        """
        task = f"reset-{workflow.info().get_current_history_length()}"
        if self.may_be_set_back and not self.set_back and workflow.patched(task):
            self.notice_reset()

    def notice_reset(self, _seed: int = 0) -> None:
        """A reset has set this run back to an earlier state. Called by the SDK, and in a replay at the same place."""
        self.set_back, self.caught_up, self._handed = True, False, None
        self._times_set_back += 1
