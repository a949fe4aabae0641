"""Send a command to a journey, or try it out. The result says whether it is accepted or also recorded.

An answer or a refusal that says something of the journey is a look, and so is a form in the words of its protocol: kept
before it is shown, and shown to those alone who may look or have a part in it.
"""

from datetime import timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from activities.record import NotYetRecorded, Record, RecordFault, RecordUnavailable, patient_index
from activities.record.patients import look_elsewhere
from activities.record.polling import poll
from application.caches.histories import History
from application.context import Context
from application.errors import (
    Conflict,
    Fault,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotRecordedYet,
    Refused,
    Unavailable,
    UseCaseError,
    kept_as_said,
)
from application.identity import keyring, sessions, staff
from application.input.forms import too_large
from application.pathway import command_catalog
from application.pathway.command_catalog import CommandKind
from application.reading.access_log import ActOn, is_theirs, keep_look, may_see
from application.reading.history import follow, load_history, load_journey, read_journey
from application.sign_offs import signing
from application.temporal.journeys import Journeys
from workflows.journey.aggregate import Journey, fold
from workflows.journey.always.care_team.rules import require_part
from workflows.journey.always.death.rules import doubt_if_patient_sends
from workflows.journey.commands import (
    SIGNED,
    AnyBody,
    Command,
    ProposeMerge,
    ReleaseSession,
    ScheduleSession,
    Sign,
    TakeInHistory,
)
from workflows.journey.decide import decide
from workflows.journey.decided import keep_again
from workflows.journey.events import CommandRefused, Event, ReportKept
from workflows.journey.protocol import SignOffKind
from workflows.journey.receipts import CommandReceipt, answer_repeated, command_digest, receipts_of
from workflows.journey.vocabulary.actors import CLOCK
from workflows.journey.vocabulary.command_ids import own_id
from workflows.journey.vocabulary.refusals import Refusal
from workflows.journey.vocabulary.refusals import RefusalRaised as RefusedByCore
from workflows.journey.vocabulary.stage import Stage

ON_THE_PATIENT = (ScheduleSession, Sign, ReleaseSession)
"""Commands that may rest on what the patient's other journeys say, so that recording them may refuse them after all."""
KEPT_AS_REFUSED = "More became known of the patient. It is kept in the record as refused."
LEFT_OUT = "It was accepted, and then refused after all: it did not happen, and that is kept in the record."
REFUSED_KIND = CommandRefused.model_fields["kind"].default
CALL = "If it is not there within a minute, call whoever is to know of it: they may not have heard"
"""What somebody is told to do whose command is accepted and not recorded: until then nobody but Temporal has it."""
RECORDED_WITHIN = timedelta(seconds=5)
"""How long a person waits for "recorded" after "accepted"."""


class Accepted(NamedTuple):
    """A command that Temporal holds: it will happen. ``version`` is the journey's version after it."""

    journey_id: UUID
    command: Command
    version: int

    @property
    def ids(self) -> dict[str, str]:
        """What an error names it by."""
        return {"journey_id": str(self.journey_id), "command_id": str(self.command.command_id)}


class RecordedCommand(NamedTuple):
    """A command that is recorded, at this position. ``journey`` is the state after it, if it could be read; ``theirs``:
    its sender may look at it, and that they do is kept."""

    accepted: Accepted
    position: int
    journey: Journey | None
    theirs: bool = True


async def prepare(
    context: Context, kind: CommandKind, journey_id: UUID, body: AnyBody, command_id: UUID | None = None
) -> tuple[Command, Journey | None]:
    """Make the command of a form, signed if it needs a signature. Also return the journey, if it had to be read.

    Raises:
        NotAllowed: the role may not send it.
        NotFound: it names another patient, and there is none.
        UseCaseError: as `signing.sign`.
    """
    actor = context.actor
    command_catalog.require_role(actor, kind)
    once = command_id or uuid4()
    if isinstance(body, ProposeMerge):
        # Only somebody of the journey learns whether there is a patient with the reference.
        await _require_part(context, journey_id, body)
        record = await context.record()
        if not await patient_index.journeys_of(record, record.patients.of_ref(body.other)):
            # Merged with a reference that nobody has, the patient would later be taken for whoever gets it.
            raise NotFound(
                "there is no patient with this reference", "Give the reference of the other patient's journeys"
            )
    if isinstance(body, SIGNED):
        journey = await load_journey(context, journey_id)
        await keyring.require_newest(context)
        return signing.sign(context, actor, journey, once, body), journey
    return Command.model_construct(command_id=once, actor=actor, body=body), None


async def try_out(
    context: Context, kind: CommandKind, journey_id: UUID, body: AnyBody, command_id: UUID | None = None
) -> tuple[Event, ...] | Refusal:
    """Return the events that a command would have now. Nothing is sent; the look is recorded.

    Raises:
        NotAllowed: the role may not send it, or the person may not look at the journey.
        NotFound: there is no such journey.
    """
    actor = context.actor
    command_catalog.require_role(actor, kind)
    once = command_id or uuid4()
    if isinstance(body, SIGNED):
        command = signing.unsigned(context, actor, once, body)
    else:
        command = Command.model_construct(command_id=once, actor=actor, body=body)
    require_size(command)
    query = ActOn(action=f"{kind.noun} {kind.verb} --dry-run", journey_id=journey_id)
    history = await read_journey(context, query, journey_id)
    if isinstance(body, ON_THE_PATIENT):
        history = await _knowing_elsewhere(context, history)
    return decide_once(context, history, command)


async def _knowing_elsewhere(context: Context, history: History) -> History:
    """Return a journey as it will be once it has taken in what the patient's other journeys say."""
    seen = await look_elsewhere(await context.record(), history.journey)
    told = TakeInHistory(elsewhere=seen.elsewhere, position=seen.position)
    followed = decide(
        history.journey, Command(command_id=own_id(history.journey.id, "tried"), actor=CLOCK, body=told), context.now()
    )
    events = () if isinstance(followed, Refusal) else followed
    return history._replace(journey=fold(events, history.journey))


def decide_once(context: Context, history: History, command: Command) -> tuple[Event, ...] | Refusal:
    """Return the events that a command would have now; none if it was accepted before."""
    command = staff.add_register_entries(context, history.journey, command)
    repeated = answer_repeated(receipts_of(history.events), command)
    if isinstance(repeated, CommandReceipt):
        return ()
    return repeated or decide(history.journey, command, context.now())


async def submit(context: Context, journey_id: UUID, command: Command, known: Journey | None = None) -> Accepted:
    """Send a command to a journey, ``known`` if it was read before. Some commands open a journey again that has ended.

    Raises:
        NotAllowed: it needs a working session, and the person has none.
        Refused: the journey refused it. Where that says something of a journey that is theirs, the look is kept.
        NotFound, Conflict: there is no such journey, or it has ended.
        Unavailable: whether it arrived is not known, or it is accepted and not recorded. Sending it again is safe.
    """
    require_size(command)
    command = await staff.look_up_named(context, journey_id, command, known)
    command = await sessions.prove_command(context, journey_id, command)
    journeys = await context.journeys()
    try:
        return Accepted(journey_id, command, await _send(context, journeys, journey_id, command))
    except Refused as refused:
        raise await _answer_refusal(context, journey_id, command, refused) from None
    except NotFound:
        pass
    history = await load_history(context, journey_id)
    heard = any(True for _ in doubt_if_patient_sends(history.journey, command))
    if history.journey.closed and (heard or Stage.CLOSED in command.body.stages):
        try:
            return Accepted(journey_id, command, await journeys.reopen(history.events, command))
        except Refused as refused:
            raise await _answer_refusal(context, journey_id, command, refused) from None
    theirs = is_theirs(context, history.journey)
    if theirs:
        await _keep_answer(context, command, journey_id, history.position)
    raise _not_running(history.journey, theirs=theirs)


async def _send(context: Context, journeys: Journeys, journey_id: UUID, command: Command) -> int:
    """Send a command, and return the version of the journey after it. What anybody may send is left with Temporal as a
    message where no answer comes: others may keep every answer out, and without a worker nothing would have it.

    Raises:
        Refused, NotFound, Unavailable: as `submit`. Unavailable also where it is accepted and not recorded yet.
    """
    try:
        return await journeys.submit(journey_id, command)
    except Unavailable as unanswered:
        if not command.body.by_anybody:
            raise
        try:
            await journeys.hand_in(journey_id, command)
        except Unavailable:
            raise unanswered from None
    version = await _find_recorded(context, journey_id, command)
    if version is None:
        ids = {"journey_id": str(journey_id), "command_id": str(command.command_id)}
        again = f"Do not send it again; look with `pathway show`. {CALL}"
        raise NotRecordedYet("accepted, not yet recorded", again, ids=ids)
    return version


async def _find_recorded(context: Context, journey_id: UUID, command: Command) -> int | None:
    """Wait until a command that Temporal holds is recorded, and return the version of the journey after it.

    Raises:
        Refused: it was refused, and that is recorded, or what it said.
    """
    once, digest = command.command_id, command_digest(command)

    async def find() -> int | None:
        history = await load_history(context, journey_id)
        answer = answer_repeated(receipts_of(history.events), command)
        if isinstance(answer, Refusal):
            raise Refused(answer, state=LEFT_OUT, ids={"command_id": str(once)})
        # What is kept as it was said has an id of the service's own: that of the command stays free.
        said = (event.body for event in history.events if event.command_digest == digest)
        kept = next((body for body in said if isinstance(body, ReportKept)), None)
        if answer is None and kept is not None:
            raise kept_as_said(keep_again(kept).model_copy(update={"remedy": "Correct it"}), once)
        return None if answer is None else answer.version

    try:
        return await poll(find, RECORDED_WITHIN)
    except (NotFound, Fault, RecordUnavailable, RecordFault):
        return None


async def _answer_refusal(context: Context, journey_id: UUID, command: Command, refused: Refused) -> UseCaseError:
    """Return what somebody is told of a refusal. It may say something of the journey, and that whoever has a part in it
    sees that is kept. The journey itself tells the others nothing, nor does what is wrong with a form."""
    if refused.refusal.kept:
        return refused
    try:
        history = await load_history(context, journey_id)
        if is_theirs(context, history.journey):
            await _keep_answer(context, command, journey_id, history.position)
    except (InvalidInput, NotAllowed):
        return refused  # a call for help by a link: nobody is let in, and whoever calls must hear that it failed
    except (RecordUnavailable, RecordFault):
        return Unavailable(
            "it was refused; why is shown once the record can be reached",
            f"Run it again with --command-id {command.command_id}",
            state=refused.state,
            ids=refused.ids,
        )
    return refused


async def _keep_answer(context: Context, command: Command, journey_id: UUID, position: int) -> None:
    """Keep that somebody sees something of a journey in the answer to a command."""
    query = ActOn(action=command.body.kind.replace(".", " "), journey_id=journey_id)
    await keep_look(context, query, [journey_id], position)


async def wait_until_recorded(
    context: Context, accepted: Accepted, known: Journey | None = None, *, shown: bool = True
) -> RecordedCommand:
    """Wait until an accepted command is recorded. ``known`` is the journey, if it was read before. Nothing of it is
    seen where it is not ``shown``.

    Raises:
        Refused: the journey refused it after all: more became known of the patient, or the record did not take it.
        Unavailable: it is not recorded yet, or something else is recorded where it should be.
    """
    try:
        record = await context.record()
        position = await record.wait_for(accepted.journey_id, accepted.version, RECORDED_WITHIN)
    except (NotYetRecorded, RecordUnavailable, RecordFault):
        raise NotRecordedYet(
            f"accepted as version {accepted.version}, not yet recorded",
            f"Do not send it again; look with `pathway show`. {CALL}",
            ids=accepted.ids,
        ) from None
    try:
        journey = await _read_after(context, record, accepted, known)
        theirs = shown and may_see(context, journey)
        if theirs:
            await _keep_answer(context, accepted.command, accepted.journey_id, position)
    except RecordUnavailable:
        return RecordedCommand(accepted, position, None, theirs=False)
    return RecordedCommand(accepted, position, journey, theirs)


async def _read_after(context: Context, record: Record, accepted: Accepted, known: Journey | None) -> Journey:
    """Return the journey after a command that was accepted, once something is recorded at its version.

    Raises:
        Refused, Unavailable: as `wait_until_recorded`; that they see the refusal is kept.
    """
    command = accepted.command
    on_patient = _rests_on_patient(command.body, known)
    if not on_patient and await _is_there(record, accepted):
        return await (load_journey(context, accepted.journey_id) if known is None else follow(context, known))
    history = await load_history(context, accepted.journey_id)
    answer = answer_repeated(receipts_of(history.events), command)
    if isinstance(answer, Refusal):
        await _keep_answer(context, command, accepted.journey_id, history.position)
        state = KEPT_AS_REFUSED if on_patient else LEFT_OUT
        raise Refused(answer, state=state, ids={"command_id": str(command.command_id)})
    if answer is None:
        raise Unavailable(
            f"accepted as version {accepted.version}, and not recorded: something else is recorded there",
            f"Look with `pathway show`. {CALL}",
            state="It is decided again, or was refused after all: nobody may rely on it yet.",
            ids=accepted.ids,
        )
    return history.journey


async def _is_there(record: Record, accepted: Accepted) -> bool:
    """Whether what is recorded at the version of a command came of it."""
    until = accepted.version
    async for page in record.read(accepted.journey_id, after_version=until - 1, until_version=until):
        return page[0].command_id == accepted.command.command_id and page[0].event_type != REFUSED_KIND
    return False


async def asked_words(context: Context, kind: CommandKind, journey_id: UUID) -> dict[str, tuple[str, ...]]:
    """Return the words that a journey's protocol asks for in a form; none to whom it is nothing to do with. That
    somebody was shown them is kept.

    Raises:
        NotFound: there is no such journey.
    """
    history = await load_history(context, journey_id)
    if not is_theirs(context, history.journey):
        return {}
    query = ActOn(action=f"{kind.noun} {kind.verb} --template", journey_id=journey_id)
    await keep_look(context, query, [journey_id], history.position)
    return command_catalog.names_asked_for(kind, history.journey)


async def _require_part(context: Context, journey_id: UUID, body: AnyBody) -> None:
    try:
        require_part(await load_journey(context, journey_id), body, context.actor)
    except RefusedByCore as refused:
        raise Refused(refused.refusal) from None


def _rests_on_patient(body: AnyBody, known: Journey | None) -> bool:
    """Whether a command may rest on what the patient's other journeys say. Of decisions only a clearance and a
    corrected death do."""
    if not isinstance(body, Sign) or known is None:
        return isinstance(body, ON_THE_PATIENT)
    request = known.waiting.get(body.request)
    return request is not None and request.sign_off in (SignOffKind.CLEARANCE, SignOffKind.DEATH_CORRECTION)


def require_size(command: Command) -> None:
    """Require that a command is not too large.

    Raises:
        InvalidInput: it is.
    """
    if command.too_large:
        raise too_large()


def _not_running(journey: Journey, *, theirs: bool) -> UseCaseError:
    """Return the error for a journey that takes no commands: it has ended, or Temporal has lost it."""
    if not theirs and journey.outcome is not None:
        return NotAllowed(
            "this is not taken from somebody who has no part in this journey",
            "Report harm and ask for help as ever; whoever is responsible for the patient does the rest",
        )
    if journey.outcome is not None:
        return Conflict(
            f"this pathway is closed ({journey.outcome.value})",
            "A new referral starts a new journey",
            ids={"journey_id": str(journey.id)},
        )
    return Unavailable(
        "this journey is recorded, but Temporal does not run it",
        "Tell ops at once; it can be taken up again from the record",
        ids={"journey_id": str(journey.id)},
    )
