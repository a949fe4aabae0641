"""The worklist and the caseload."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel

from activities.record.access_log import AccessLogEntry
from application.errors import InvalidInput
from application.input import forms
from application.work.caseload import CasePage, ListJourneys, list_journeys
from application.work.claims import claim_task, release_task
from application.work.references import ListedPatient
from application.work.worklist import ListWork, WorkPage, changes_since, list_work, mark_of, roles_asked
from console.pages import news, page
from console.sign_ins import Flash
from console.visits import Acts, Looks, Visit, references_of
from workflows.journey.vocabulary.actors import ANYONE, Role
from workflows.journey.vocabulary.proof import WITHOUT_KEY
from workflows.journey.vocabulary.stage import Stage

router = APIRouter()
VIEWS = (
    ("", "My role"),
    ("mine=yes", "Mine"),
    ("unassigned=yes", "Unassigned"),
    ("overdue=yes", "Overdue"),
    ("today=yes", "Due today"),
    ("all=yes", "Everybody's"),
)
"""The views of the worklist: their addresses, and what they are called."""


@router.get("/work")
async def show_work(visit: Looks) -> Response:
    query = query_in(ListWork, visit.request.query_params)
    if visit.by_script:
        async with visit.context() as context:
            changes = await changes_since(context, query, visit.seen.split(","))
        return news(visit, _newer(*changes))
    async with visit.context() as context:
        found = await list_work(context, query)
        roles = roles_asked(query, context.person)
        known = await references_of(visit.request).of(context, found.answer.rows)
    return work_page(visit, found, roles, known)


def work_page(
    visit: Visit,
    found: WorkPage,
    roles: Sequence[Role],
    known: Mapping[UUID, ListedPatient] = MappingProxyType({}),
    *,
    again: AccessLogEntry | None = None,
) -> Response:
    """Return a page of the worklist. ``known`` are the references of its patients, by journey."""
    if visit.signed_in.person.role in WITHOUT_KEY and found.answer.rows:
        visit.signed_in.journey_id = found.answer.rows[0].journey_id
    given = visit.request.query_params
    view = urlencode({name: value for name, value in given.items() if name != "after"})
    return page(
        visit.request, "work.html", visit.signed_in, again=again, found=found, known=known, views=VIEWS, roles=roles,
        offered=ANYONE, view=view, more=onward(given, found.answer.next),
        seen=",".join(map(mark_of, found.answer.rows)),
    )  # fmt: skip


def _newer(new: int, gone: int) -> str:
    said = [f"{new} new or changed"] * (new > 0) + [f"{gone} done or changed"] * (gone > 0)
    return f"{', '.join(said)}." if said else ""


@router.post("/work/claim")
async def claim(visit: Acts) -> Response:
    journey, obligation = _task(visit)
    async with visit.context() as context:
        task = await claim_task(context, journey, obligation)
    visit.signed_in.notice = Flash(f"You said that you will {task.what}. What is overdue is escalated all the same.")
    return RedirectResponse(_back(visit), 303)


@router.post("/work/release")
async def release(visit: Acts) -> Response:
    journey, obligation = _task(visit)
    async with visit.context() as context:
        released = await release_task(context, journey, obligation)
    visit.signed_in.notice = Flash(f"Anybody may now {released.task.what}.")
    return RedirectResponse(_back(visit), 303)


@router.get("/journeys")
async def show_caseload(visit: Looks) -> Response:
    query = query_in(ListJourneys, visit.request.query_params)
    async with visit.context() as context:
        found = await list_journeys(context, query)
        assert isinstance(found, CasePage)
        known = await references_of(visit.request).of(context, found.answer.rows)
    return caseload_page(visit, found, known)


def caseload_page(
    visit: Visit,
    found: CasePage,
    known: Mapping[UUID, ListedPatient] = MappingProxyType({}),
    *,
    again: AccessLogEntry | None = None,
) -> Response:
    """Return a page of the caseload, as `work_page`."""
    return page(
        visit.request, "caseload.html", visit.signed_in, again=again, found=found, known=known, stages=tuple(Stage),
        more=onward(visit.request.query_params, found.answer.next),
    )  # fmt: skip


def query_in(model: type[BaseModel], given: Mapping[str, str]) -> Any:
    """Return the query in an address. ``yes`` is how an address says true.

    Raises:
        InvalidInput: it does not fit.
    """
    content: dict[str, Any] = {}
    for name, value in given.items():
        field = model.model_fields.get(name)
        if not value or field is None or name in ("at", "limit"):
            continue
        content[name] = [value] if name == "role" else value == "yes" if field.annotation is bool else value
    try:
        return forms.check(model, content)
    except InvalidInput as problem:
        raise InvalidInput("this view does not exist", "Choose one on the page", fields=problem.fields) from None


def onward(given: Mapping[str, str], after: str | None) -> str | None:
    """Return where a list goes on, seen from its own page; None where it does not."""
    return None if after is None else "?" + urlencode({**given, "after": after})


def _task(visit: Acts) -> tuple[UUID, str]:
    try:
        return UUID(visit.value("journey") or ""), visit.value("obligation") or ""
    except ValueError:
        raise InvalidInput("this is no journey", "Go back to the worklist, and choose a task there") from None


def _back(visit: Acts) -> str:
    query = visit.value("query") or ""
    return f"/work?{query}" if query.isprintable() and "#" not in query else "/work"
