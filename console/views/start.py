"""Start journeys: one from a form, or many from a file."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response

from activities.record import RecordUnavailable
from application.context import Context
from application.errors import InvalidInput, UseCaseError, translate
from application.identity.names import names_in_register
from application.identity.staff import colleagues
from application.input import forms
from application.pathway import referral_files
from application.pathway.command_catalog import require_role
from application.pathway.start import (
    START,
    Referral,
    Started,
    Starter,
    start_one,
)
from application.pathway.start_batch import (
    RowOutcome,
    SameAs,
    start_batch,
)
from application.protocols.files import DEMONSTRATION
from application.protocols.shown import list_protocols
from application.words.codes import say
from console.forms import Field, fields_of, read_back
from console.pages import page
from console.sign_ins import Flash
from console.visits import Acts, Looks, Visit, settings_of
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.clinical import US_STATES, US_ZONES
from workflows.journey.vocabulary.refusals import Refusal
from workflows.protocols import list_pathways

router = APIRouter()
FIELDS = tuple(field for field in fields_of(Referral) if field.name != "request_id")
CALLED = {
    "patient/ref": "reference, an opaque id and no name",
    "patient/number": "number at the clinic",
    "patient/born": "date of birth",
    "patient/zone": "time zone",
    "patient/state": "state they live in",
    "patient/emergency_contact_ref": "reference of the emergency contact",
    "patient/dispatch_address_ref": "reference of the address for emergency services",
    "patient/language": "language, such as en or es",
    "patient/interpreter": "needs an interpreter",
    "reason": "reason for the referral",
    "protocol": "protocol, if not the approved one",
}
"""What people call the fields whose names do not say it."""
_EVERY = {
    "clinic": "demo-clinic",
    "coordinator": "demo-coordinator",
    "clinician": "demo-clinician",
    "protocol": DEMONSTRATION,
}
INVENTED = {
    "ANXIETY": {
        **_EVERY,
        "patient/ref": "demo-patient-2",
        "patient/born": "1991-11-23",
        "patient/zone": "America/New_York",
        "patient/state": "NY",
        "patient/emergency_contact_ref": "demo-contact-2",
        "patient/dispatch_address_ref": "demo-address-2",
        "pathway": "ANXIETY",
        "reason": "Invented: persistent anxiety despite therapy, medication and other treatments.",
    },
    "PTSD": {
        **_EVERY,
        "patient/ref": "demo-patient",
        "patient/born": "1986-04-02",
        "patient/zone": "America/Los_Angeles",
        "patient/state": "CA",
        "patient/emergency_contact_ref": "demo-contact-1",
        "patient/dispatch_address_ref": "demo-address-1",
        "pathway": "PTSD",
        "reason": "Invented: symptoms remain significant despite psychotherapy and medication.",
    },
}
"""Referrals to look at, by pathway, offered in a demonstration only: those of docs/examples."""
MOST_ROWS = 500
AT_ONCE = 8


@router.get("/start")
async def show_form(visit: Looks, example: str = "") -> Response:
    visit.sent = visit.take_draft() or {}
    if example in INVENTED and settings_of(visit.request).demonstration and not visit.sent:
        visit.sent = {name: [value] for name, value in INVENTED[example].items()}
    return await _shown(visit)


@router.post("/start")
async def start(visit: Acts) -> Response:
    try:
        # Only dates are asked for, and they have no zone.
        referral = forms.check(Referral, read_back(FIELDS, visit.sent, "UTC"), templated=False)
        async with visit.context() as context:
            starter = Starter(context, None)
            referral = await starter.identified(referral)
            command = await starter.command(referral)
            if visit.value("try") is not None:
                tried = await starter.try_out(referral, command)
                return await _shown(visit, tried=tried)
            started = await start_one(starter, referral, command)
    except (UseCaseError, RecordUnavailable) as raised:
        return await _shown(visit, translate(raised))
    said = "The journey is started." if started.outcome == "started" else "This referral was sent before."
    visit.signed_in.notice = Flash(said)
    return RedirectResponse(f"/journeys/{started.journey_id}", 303)


async def _shown(
    visit: Visit, error: UseCaseError | None = None, tried: tuple[object, ...] | Started | Refusal | None = None
) -> Response:
    async with visit.context() as context:
        offered = tuple(_offered(context))
    return page(
        visit.request,
        "start.html",
        visit.signed_in,
        fields=offered,
        values=visit.sent,
        error=error,
        refusal=tried if isinstance(tried, Refusal) else None,
        events=len(tried) if isinstance(tried, tuple) else None,
        before=tried if isinstance(tried, Started) else None,
        examples=tuple(INVENTED) if settings_of(visit.request).demonstration else (),
    )


def _offered(context: Context) -> Iterator[Field]:
    """Yield the fields of a referral, with what there is to choose from here.

    Raises:
        NotAllowed: the person may not start journeys.
    """
    require_role(context.actor, START)
    clinics, called = context.person.clinics, names_in_register(context)
    choices: Mapping[str, Mapping[str, str]] = {
        "clinic": {clinic: called(clinic) for clinic in sorted(clinics)},
        "pathway": {pathway: say(pathway) for pathway in list_pathways()},
        "patient/state": {state: state for state in US_STATES},
        "patient/zone": {zone: say(zone) for zone in US_ZONES},
        "coordinator": colleagues(context, Role.COORDINATOR),
        "clinician": colleagues(context, Role.CLINICIAN),
        "protocol": _protocols(context),
    }
    for field in FIELDS:
        named = field._replace(called=CALLED.get(field.name, ""))
        if field.name in choices:
            offered = choices[field.name]
            named = named._replace(control="choice", choices=tuple(offered), labels=offered)
        yield named


def _protocols(context: Context) -> dict[str, str]:
    """Return the protocols that a journey may be started on, by name: the approved ones, and in a demonstration the
    invented one."""
    known = {
        each.name: f"{each.protocol.title}, version {each.protocol.version}"
        for each in list_protocols(context)
        if each.protocol is not None and each.fit
    }
    invented = {DEMONSTRATION: "an invented one, for demonstrations"}
    return {**known, **invented} if context.settings.demonstration else known


class StartedRow(NamedTuple):
    """What became of a row of a file, or would. ``problem`` is why nothing did."""

    number: int
    said: str
    started: Started | SameAs | None = None
    problem: UseCaseError | None = None


@router.get("/start/file")
async def show_file_form(visit: Looks) -> Response:
    async with visit.context() as context:
        require_role(context.actor, START)
    visit.sent = visit.take_draft() or {}
    return _file_shown(visit)


@router.post("/start/file")
async def start_file(visit: Acts) -> Response:
    """Start every row of a file, or say what would become of each. The same file may be sent again at any time."""
    dry_run = visit.value("try") is not None
    rows: Sequence[tuple[int, bytes]] = ()
    found: list[StartedRow] = []
    try:
        async with visit.context() as context:
            require_role(context.actor, START)
        # It takes the processor: others have their turn.
        rows = await asyncio.to_thread(referral_files.read_rows, _given(visit).encode())
        if not 0 < len(rows) <= MOST_ROWS:
            raise InvalidInput(
                f"a file has from 1 to {MOST_ROWS} rows here, one referral on each",
                "Choose a file or enter its rows; larger files are for `pathway start --batch`",
            )
        async with visit.context() as context:
            starting = start_batch(context, Starter(context, None), rows, at_once=AT_ONCE, dry_run=dry_run)
            async for number, outcome in starting:
                found.append(_row(number, outcome, dry_run=dry_run))
    except UseCaseError as error:
        return _file_shown(visit, found, error, of=len(rows))
    return _file_shown(visit, found, of=len(rows), dry_run=dry_run)


def _given(visit: Visit) -> str:
    """Return the rows that were sent: those of the file where one was chosen, and else those that were entered. After a
    trial what stands below the file is what the file said before it was corrected."""
    return next((rows for name in ("file", "rows") for rows in visit.sent.get(name, ()) if rows.strip()), "")


@router.get("/start/file/template.csv")
async def send_template(visit: Looks) -> Response:
    async with visit.context() as context:
        require_role(context.actor, START)
    named = {"Content-Disposition": 'attachment; filename="referrals.csv"'}
    return Response(referral_files.template_file(), media_type="text/csv; charset=utf-8", headers=named)


def _row(number: int, outcome: RowOutcome, *, dry_run: bool) -> StartedRow:
    match outcome:
        case UseCaseError():
            return StartedRow(number, "would be refused" if dry_run else "not started", problem=outcome)
        case SameAs():
            return StartedRow(number, f"same as row {outcome.row}", outcome)
        case Started(outcome="already_started"):
            return StartedRow(number, "started before", outcome)
        case Started(outcome="accepted"):
            return StartedRow(number, "accepted, not yet recorded", outcome)
        case Started():
            return StartedRow(number, "started", outcome)
    return StartedRow(number, "would be started")


def _file_shown(
    visit: Visit,
    found: Iterable[StartedRow] = (),
    error: UseCaseError | None = None,
    *,
    of: int = 0,
    dry_run: bool = False,
) -> Response:
    rows = sorted(found)
    return page(
        visit.request,
        "start_file.html",
        visit.signed_in,
        rows=rows,
        given=_given(visit),
        error=error,
        failed=sum(row.problem is not None for row in rows),
        accepted=sum(isinstance(row.started, Started) and row.started.outcome == "accepted" for row in rows),
        undone=of - len(rows),
        dry_run=dry_run,
    )
