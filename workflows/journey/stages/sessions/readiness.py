"""A session that is released and has no dose yet: what is found then stops it.

The rule: what would have prevented the release, had it been known, stops the session, and who is with the patient hears
of it at once. What only time brings (a release that lapses, vital signs that grow old) is judged at the dose. A
question, or a routine request, is answered there and then; what somebody sent by hand past the service stops nothing.
"""

from collections.abc import Iterator
from datetime import datetime

from workflows.journey import events as e
from workflows.journey.aggregate import Journey, Reactions
from workflows.journey.always.care_team.rules import list_left
from workflows.journey.always.holds.model import place
from workflows.journey.needs import wanted_now
from workflows.journey.obligation_types import OBLIGATION_TYPES, QUESTION, BeforeDose
from workflows.journey.requirements import Requirement
from workflows.journey.stages.sessions.dose_gate import session_obstacles
from workflows.journey.vocabulary.refusals import list_some
from workflows.journey.vocabulary.severity import Severity
from workflows.journey.vocabulary.words import in_words

HOLD = "session_stopped"
"""The cause of the hold where nothing else holds care."""


def advance(journey: Journey, at: datetime) -> Iterator[e.EventBody]:
    """Stop the session that is ready for its dose, once."""
    session = journey.sessions.get(journey.next_session)
    if session is None or session.released_at is None or session.dosed_at is not None or session.stopped_at:
        return
    found = tuple(_found(journey, session.number, session.released_at))
    if found:
        yield e.SessionStopped(session=session.number, because=list_some(found)[:4000])


def _found(journey: Journey, number: int, released_at: datetime) -> Iterator[str]:
    """Yield what would have prevented the release. The clearance covers everything that happened, also what prevents no
    dose: that it is not as it was signed says nothing by itself."""
    yield from session_obstacles(journey, number, released_at)
    for part in list_left(journey, journey.sessions[number]):
        yield f"who was named as {in_words(part)} may not do it now"
    yield from (need.what for need in wanted_now(journey).values() if _stands(journey, need, released_at))


def _stands(journey: Journey, need: Requirement, released_at: datetime) -> bool:
    message = journey.messages.get(need.subject or "")
    if message is not None and message.sent_by_hand:
        return False
    if need.kind == QUESTION.kind or need.escalation_policy == Severity.ROUTINE.value:
        return False
    about = OBLIGATION_TYPES.get(need.kind)
    if need.sign_off is not None or about is None:
        return need.sign_off is not None
    # What was due by then was there, and turned out not to be: what only comes due since is judged at the dose.
    stood = need.due is not None and about.stands_before_dose(need.due, released_at)
    return stood or about.before_dose == BeforeDose.ALWAYS


def react_stopped(journey: Journey, body: e.SessionStopped, at: datetime) -> Iterator[e.EventBody]:
    """Hold care, unless it is held or ending already: a dose that is taken all the same is a deviation."""
    if not journey.held and journey.closing is None:
        yield place(journey, HOLD, f"found after the release: {body.because}"[:4000], source=f"session-{body.session}")


REACTIONS: Reactions = {e.SessionStopped: react_stopped}
