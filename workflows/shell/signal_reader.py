"""Reads what came by signal, and checks what has to be checked before it is decided."""

from temporalio import workflow

from workflows import messages as m
from workflows.shell.activity_calls import try_to_ask
from workflows.shell.decider import Decider
from workflows.shell.recorder import Recorder
from workflows.shell.run_limits import RunLimits
from workflows.signals import read_signal


async def read_signals(decider: Decider, recorder: Recorder, limits: RunLimits) -> None:
    """Read signals, the urgent ones first and each sender in turn, some at a time. While too much waits for the record,
    only what is urgent is read. In a quarantine nothing is: Temporal has acknowledged it, so it waits until it can be
    decided."""
    inbox, ledger = decider.inbox, decider.ledger

    def readable() -> bool:
        return not ledger.diverged and bool(inbox.readable(urgent=ledger.outbox.full))

    def ready() -> bool:
        return (readable() or inbox.untold) and not recorder.set_back and not limits.draining

    while True:
        await workflow.wait_condition(lambda: inbox.news or ready())
        if inbox.news:
            # Not where a signal is received: a replay may hear of it before an update of the same task, or after it.
            inbox.news = False
            recorder.look_for_reset()
        if not ready():
            continue
        for signal in inbox.take(urgent=ledger.outbox.full) if readable() else ():
            decider.read(
                read_signal(signal),
                signal.size,
                authentic=signal.authentic,
                told=signal.told,
                taken_at=signal.taken_at,
            )
        if inbox.untold:
            inbox.untold = False
            decider.tell_further()
        if readable():
            await workflow.sleep(m.MOMENTARY, summary="read on")


async def check_signals(decider: Decider, recorder: Recorder) -> None:
    """Check commands that came as signals, one after the other. Nobody waits, so it tries until it succeeds."""
    inbox, ledger = decider.inbox, decider.ledger
    while True:
        await workflow.wait_condition(lambda: bool(inbox.unchecked) and not recorder.set_back and not ledger.diverged)
        waited, refusal = inbox.next_unchecked(), None
        command = waited.command
        if ledger.must_be_checked(command) or ledger.needs_proof(command):
            presented = ledger.presented(command, workflow.now())
            result = await try_to_ask(m.verify_signature, presented)
            await recorder.until_decidable()
            if result is None:
                await workflow.sleep(m.TRIED_AGAIN, summary="check again")
                continue
            refusal = result.refusal
            if ledger.diverged or (refusal is None and not ledger.still_counts(presented, workflow.now())):
                continue
        inbox.remove_unchecked(waited)
        decider.decide(command, refusal, authentic=waited.authentic, unanswered=True, taken_at=waited.taken_at)
