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
    only what is urgent is read."""
    inbox, outbox = decider.inbox, decider.ledger.outbox
    while True:
        await workflow.wait_condition(
            lambda: (
                bool(inbox.readable(urgent=outbox.full) or inbox.untold)
                and not recorder.set_back
                and not limits.draining
            )
        )
        recorder.look_for_reset()
        await recorder.until_decidable()
        for signal in inbox.take(urgent=outbox.full):
            decider.read(read_signal(signal), signal.size, authentic=signal.authentic, told=signal.told)
        if inbox.untold:
            inbox.untold = False
            decider.tell_further()
        if inbox.readable(urgent=outbox.full):
            await workflow.sleep(m.MOMENTARY, summary="read on")


async def check_signals(decider: Decider, recorder: Recorder) -> None:
    """Check commands that came as signals, one after the other. Nobody waits, so it tries until it succeeds."""
    inbox, ledger = decider.inbox, decider.ledger
    while True:
        await workflow.wait_condition(lambda: bool(inbox.unchecked) and not recorder.set_back)
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
            if refusal is None and not ledger.counts_still(presented, workflow.now()):
                continue
        inbox.remove_unchecked(waited)
        decider.decide(command, refusal, authentic=waited.authentic, unanswered=True)
