"""A form for each command, made from the core's own model, and what comes of sending it."""

from datetime import timedelta
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode
from uuid import UUID, uuid4

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from application import input as forms
from application.access_log import ActOn
from application.command_catalog import KINDS, CommandKind, names_asked_for, require_role
from application.context import Ask
from application.errors import InvalidInput, NotAllowed, NotFound, UseCaseError
from application.history import read_journey
from application.pathway.as_said import keep_as_said
from application.pathway.commands import prepare, submit, wait_until_recorded
from application.viewer import viewers_zone
from application.wording import route_of
from console.forms import ANSWERS, Content, Field, answers_of, as_said, fields_of, read_back
from console.pages import page, status_of
from console.sign_ins import Notice
from console.visits import Acts, Looks, Visit
from workflows.journey.aggregate import Journey
from workflows.journey.commands import SIGNED, AnyBody, Observe, RecordInstrument
from workflows.journey.instruments import Instrument
from workflows.journey.stages.sessions.model import YEAR

router = APIRouter()
ONCE = "once"
"""The id of the command is in the address of its form: whoever goes back and sends it again sends the same command."""
AFTER = "after"
"""The hidden control that says where somebody goes on: to the session room."""
BY_NAME = {kind.name: kind for kind in KINDS}


class Form(NamedTuple):
    """A form for one command of a journey. ``journey`` is None for somebody who may not look at it: to hold, to report
    harm and to call for help they need not. Times are on the clock of ``zone``."""

    kind: CommandKind
    journey: Journey | None
    fields: tuple[Field, ...]
    zone: str


@router.get("/journeys/{journey_id}/{noun}/{verb}")
async def show_form(visit: Looks, journey_id: UUID, noun: str, verb: str) -> Response:
    given = visit.request.query_params
    once = command_id_of(given.get(ONCE))
    if once is None:
        return RedirectResponse(f"{visit.request.url.path}?{urlencode([*given.multi_items(), (ONCE, uuid4())])}", 303)
    form = await _form(visit, journey_id, noun, verb, given.get("instrument"))
    values = {field.name: [given.get(field.name) or field.default] for field in form.fields}
    if given.get(AFTER):
        values[AFTER] = [given[AFTER]]
    return _shown(visit, journey_id, form, visit.take_draft() or values, once)


@router.post("/journeys/{journey_id}/{noun}/{verb}")
async def send(visit: Acts, journey_id: UUID, noun: str, verb: str) -> Response:
    form = await _form(visit, journey_id, noun, verb, visit.value("instrument"))
    once = _command_id(visit)
    try:
        body = _body(form, visit)
    except InvalidInput as problem:
        async with visit.context() as context:
            said = as_said(form.fields, visit.sent, form.zone)
            problem.state = await keep_as_said(context, form.kind, journey_id, said, problem, once) or problem.state
        return _shown(visit, journey_id, form, visit.sent, once, problem)
    try:
        async with visit.context(answers_from(visit)) as context:
            command, known = await prepare(context, form.kind, journey_id, body, once)
            accepted = await submit(context, journey_id, command)
            recorded = await wait_until_recorded(context, accepted, known)
    except UseCaseError as error:
        # What was entered stays on the page, to be corrected and sent again under the same id.
        return _shown(visit, journey_id, form, visit.sent, once, error)
    more = [("recorded at position", str(recorded.position)), ("version", str(accepted.version))]
    route = None if recorded.journey is None else route_of(recorded.journey, command)
    if route is not None:
        more.insert(0, ("whom to reach now", route))
    visit.signed_in.notice = Notice(f"Done: {form.kind.name.replace('.', ' ')}.", tuple(more))
    if visit.value(AFTER) == "room":
        return RedirectResponse(f"/journeys/{journey_id}/room", 303)
    return RedirectResponse(f"/journeys/{journey_id}" if recorded.theirs else "/work", 303)


def _body(form: Form, visit: Visit) -> AnyBody:
    content = read_back(form.fields, visit.sent, form.zone)
    if form.kind.model is Observe and form.journey is not None:
        _date_vitals(content, form.journey)
    return cast("AnyBody", forms.check(form.kind.model, content, {"kind": form.kind.name}, templated=False))


def _date_vitals(content: Content, journey: Journey) -> None:
    """Put in when vital signs were measured, where nothing else is said: in the minute that was observed."""
    session, vitals = journey.sessions.get(content.get("session", 0)), content.get("vitals")
    if isinstance(vitals, dict) and session is not None and session.dosed_at is not None:
        measured = session.dosed_at + timedelta(minutes=min(content.get("minute", 0), YEAR))
        vitals.setdefault("measured_at", measured.isoformat())


async def _form(visit: Visit, journey_id: UUID, noun: str, verb: str, instrument: str | None) -> Form:
    """Return the form of a command, in the words of the journey's protocol for those who may look at it.

    Raises:
        NotFound, NotAllowed: there is no such command or journey, or it is not theirs to send.
    """
    kind = BY_NAME.get(f"{noun}.{verb}")
    if kind is None:
        raise NotFound("there is no such form", "Choose one on the patient's page")
    journey: Journey | None = None
    async with visit.context() as context:
        require_role(context.actor, kind)
        query = ActOn(action=f"{noun} {verb}", journey_id=journey_id)
        try:
            journey = (await read_journey(context, query, journey_id, part=True)).journey
        except NotAllowed:
            if not kind.model.by_anybody:
                raise
    names: dict[str, tuple[str, ...]] = {} if journey is None else names_asked_for(kind, journey)
    fields = fields_of(kind.model, names)
    if kind.model is RecordInstrument and instrument in tuple(Instrument):
        fields = (*(field for field in fields if field.path[0] != ANSWERS), *answers_of(Instrument(instrument)))
    zone = str(viewers_zone().key) if journey is None else journey.patient.zone
    return Form(kind, journey, fields, zone)


def _shown(
    visit: Visit, journey_id: UUID, form: Form, values: Any, command_id: UUID, error: UseCaseError | None = None
) -> Response:
    choosing = form.kind.model is RecordInstrument and any(field.name == ANSWERS for field in form.fields)
    return page(
        visit.request,
        "form.html",
        visit.signed_in,
        200 if error is None else status_of(error)[0],
        form=form,
        journey_id=journey_id,
        values=values,
        command_id=command_id,
        error=error,
        heading="" if error is None else status_of(error)[1],
        instruments=tuple(Instrument) if choosing else (),
        signed=form.kind.model in SIGNED,
        again=urlencode({name: value for name, value in visit.request.query_params.items() if name != "instrument"}),
    )


def command_id_of(text: str | None) -> UUID | None:
    """Return the id of a command; None where it is none."""
    try:
        return UUID(text or "")
    except ValueError:
        return None


def _command_id(visit: Visit) -> UUID:
    once = command_id_of(visit.value("command_id"))
    if once is None:
        raise InvalidInput("this form is not complete", "Load the page again, and send it from there")
    return once


def answers_from(visit: Visit) -> Ask:
    """Return what answers a use case's questions from the form: the person's id, and their passphrase."""

    def answer(question: str, *, secret: bool = False) -> str:  # noqa: ARG001 - the form of `Ask`
        given = visit.sent.get("passphrase" if secret else "signer", [""])
        return given[0]

    return answer
