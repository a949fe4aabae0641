"""Takes in what the patient's other journeys say, when one of them has gone on."""

from temporalio import workflow

from workflows import messages as m
from workflows.shell.activity_calls import try_to_ask
from workflows.shell.decider import Decider
from workflows.shell.recorder import Recorder


class OtherJourneys:
    """The look at the patient's other journeys, so that nothing here goes on without what they say: also a session that
    was released already is held."""

    def __init__(self, decider: Decider, recorder: Recorder) -> None:
        self._decider, self._recorder = decider, recorder
        self.looking = False

    async def look_when_asked(self) -> None:
        """Look each time that somebody asks for it."""
        decider, recorder, ledger = self._decider, self._recorder, self._decider.ledger
        while True:
            await workflow.wait_condition(
                lambda: (
                    decider.inbox.look and recorder.caught_up and not recorder.set_back and ledger.outbox.recorded > 0
                )
            )
            decider.inbox.look, self.looking = False, True
            known = ledger.journey.elsewhere
            others = await try_to_ask(m.look_at_others, ledger.journey.id)
            await recorder.until_decidable()
            if others is not None and ledger.journey.elsewhere == known:
                decider.take_in(others)
            else:
                decider.inbox.look = True  # An answer may be older than what became known meanwhile.
            self.looking = False
            # However fast the others go on, this one takes it in at its own pace.
            await workflow.sleep(m.TRIED_AGAIN if others is None else m.MOMENT, summary="look again")
