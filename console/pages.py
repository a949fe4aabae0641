"""Turns what use cases return into pages, and their errors into pages that say what to do."""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

import structlog
from fastapi import Request
from fastapi.responses import HTMLResponse, JSONResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.compiler import CodeGenerator, Frame
from jinja2.nodes import Expr
from markupsafe import Markup, escape

from activities.record.access_log import AccessLogEntry
from activities.record.read_models import MOST_COUNTED, ListPage
from application.access.break_glass import BREAK
from application.errors import (
    Conflict,
    Fault,
    FromOutside,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotVerified,
    Refused,
    SteppedBack,
    Unavailable,
    UseCaseError,
)
from application.identity.names import names_in_register
from application.messages.wording import IF_NOBODY_DOES, say_owner, say_unseen, say_what
from application.operations.status import in_temporal
from application.pathway.wording import ROTA_UNKNOWN, describe_stage, roster_lines
from application.protocols.compare import describe_step
from application.reading.freshness import TrueUpTo
from application.settings import Settings
from application.words.codes import say, say_all, say_path
from application.words.events import title_of_event
from application.words.lines import (
    describe_change,
    describe_event,
    describe_place,
    describe_score,
    filled,
    time_in,
)
from application.words.quantities import format_dose, format_elapsed, format_time_left
from application.words.rules import title_of_rule
from application.words.sentences import first_sentence
from application.words.terms import describe_occasion, name_hold
from application.words.titles import CONSCIOUSNESS, GROUPS, URGENCIES, title_of_command
from application.words.viewer import clock_name, on_both_clocks, on_viewers_clock, place, shown_at, spell
from application.work.hold_together import LOT_NOT_KNOWN
from application.work.references import ListedPatient
from console import cookies
from console.drafts import COOKIE as DRAFTS
from console.forms import Field
from console.going_back import keep_answered
from console.limits import TooOften, TooSlow
from console.said_here import said_here
from console.sign_ins import LONGEST, Flash, SignIn
from console.to_patients import summary_of, title_of
from console.visits import KEPT, Visit, context_of_nobody, drafts_of, sign_ins_of
from workflows.journey.views.summary import describe_action
from workflows.journey.vocabulary.actors import Role
from workflows.journey.vocabulary.calendars import local
from workflows.journey.vocabulary.proof import WITHOUT_KEY
from workflows.journey.vocabulary.texts import show_hidden

HERE = Path(__file__).parent
STATUS: tuple[tuple[type[UseCaseError], int, str], ...] = (
    (InvalidInput, 422, "This cannot be used as it is"),
    (NotFound, 404, "There is no such thing"),
    (NotAllowed, 403, "This is not allowed"),
    (Refused, 409, "The pathway refused it"),
    (Conflict, 409, "This does not fit any more"),
    (SteppedBack, 409, "You stepped back"),
    (NotVerified, 409, "This cannot be relied on"),
    (TooSlow, 408, "This took too long"),
    (TooOften, 429, "Too often"),
    (Unavailable, 503, "Not possible at this moment"),
    (Fault, 500, "Something is wrong with the service"),
)
"""The status and the heading of each kind of error."""

_NOT_PLAIN = re.compile(r"[^ !#-%(-;=?-~]").search
"""Finds what may hide or is markup in a text: anything but ASCII in one line without `"`, `&`, `'`, `<` and `>`."""
_DAY = len("Mon 2026-03-02 ")
log = structlog.get_logger("console")


class Group(NamedTuple):
    """Fields that stand together in a form; ``name`` is empty for one that stands alone."""

    name: str
    fields: tuple[Field, ...]


def _by_group(fields: Sequence[Field]) -> tuple[Group, ...]:
    return tuple(Group(name, tuple(each)) for name, each in groupby(fields, lambda field: field.group))


def _capitalize_first(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".")


def _wrong_controls(error: UseCaseError | None) -> dict[str, str]:
    """Return what is wrong with the controls of a form, by their names."""
    return {} if error is None else {each.field.replace(".", "/"): each.problem for each in error.fields}


def _about_nothing(fields: Sequence[Field], values: Mapping[str, Sequence[Any]]) -> Field | None:
    """Return what a form is about, where there is nothing of it to choose and nothing was entered: then whatever else
    is filled in could only be refused."""
    chosen = (field for field in fields if field.required and field.control in ("choice", "codes"))
    return next((field for field in chosen if not field.choices and not any(values.get(field.name, ()))), None)


def _called(fields: Sequence[Field]) -> dict[str, str]:
    """Return the controls of a form by their names, each with what it is called if its name does not say it."""
    return {field.name: field.called for field in fields}


def _clock(moment: datetime, zone: str, *, alone: bool = False) -> str:
    """Write a time of day as a wall clock in the patient's zone shows it, and the viewer's where that differs; of the
    patient ``alone`` where a script goes on with it."""
    there, here = local(moment, zone), on_viewers_clock(moment)
    theirs, yours = f"{there:%H:%M} {clock_name(there)}", f"{here:%H:%M} {clock_name(here)}"
    return theirs if alone or there.utcoffset() == here.utcoffset() else f"{theirs} (for you {yours})"


def _told_of_clock(moment: datetime, zone: str | None = None) -> Markup:
    """Tell the script of a page on which clock its times are, in a zone or else the viewer's: what the clock is called,
    and by how many minutes it is ahead of UTC. A browser calls many clocks by a distance that nobody knows."""
    shown = on_viewers_clock(moment) if zone is None else local(moment, zone)
    minutes = int((shown.utcoffset() or timedelta()) / timedelta(minutes=1))
    return Markup('data-clock="{}" data-clock-minutes="{}"').format(clock_name(shown), minutes)


def _ahead(moment: datetime, at: datetime) -> str:
    """Say how far a moment is from another one."""
    seconds = (moment - at).total_seconds()
    minutes = int(seconds // 60)
    if abs(minutes) > 120:
        return f"in {format_elapsed(seconds)}" if minutes > 0 else f"{format_elapsed(-seconds)} ago"
    return f"in {minutes} minutes" if minutes > 0 else "now" if minutes > -2 else f"{-minutes} minutes ago"


def _short(moment: datetime | None, zone: str) -> Markup | str:
    """Write a moment in the patient's zone, and below it in the viewer's where that differs: for pages that say which
    zone the patient's is."""
    if moment is None:
        return ""
    theirs, yours = _on_both(moment, zone)
    said = Markup('<span class="time">{}</span>').format(theirs)
    return said + Markup(' <small class="time">for you {}</small>').format(yours) if yours else said


def _listed(moment: datetime, patient: ListedPatient | None) -> Markup:
    """Write a moment of a list in small print: in the patient's zone, and below it in the viewer's where that differs;
    in the viewer's alone where the patient is not known."""
    theirs, yours = (spell(moment), "") if patient is None else _on_both(moment, patient.zone)
    said = Markup('<small class="time">{}</small>').format(theirs)
    return said + Markup(' <small class="time">for you {}</small>').format(yours) if yours else said


def _on_both(moment: datetime, zone: str) -> tuple[str, str]:
    """Return a moment in the patient's zone, and in the viewer's, whose day is left out where it is the same."""
    theirs, yours = on_both_clocks(moment, zone)
    return theirs, yours[_DAY:] if theirs[:_DAY] == yours[:_DAY] else yours


def on_clocks(moment: datetime | None, zone: str) -> str:
    """Say when something is in the patient's zone, and in the viewer's where that differs: within a sentence of a page
    that says which zone the patient's is."""
    if moment is None:
        return ""
    theirs, yours = on_both_clocks(moment, zone)
    return f"on {theirs} (for you {yours})" if yours else f"on {theirs}"


def _dated(value: object, zone: str) -> object:
    """Write a value of the evidence; a time in the patient's zone, and what is no time as it is."""
    if value is None:
        return "none"
    moment = time_in(value) if isinstance(value, str) else None
    return value if moment is None else shown_at(moment, zone)


def _named(person: str, called: Callable[[str], str]) -> str:
    return called(person)


def _bounds(hint: str) -> str:
    """Say between which numbers a number may be, where that tells people anything."""
    return "" if not hint or re.search(r"\d{5}", hint) else f",{hint}"


def _counted(answer: ListPage[Any], one: str, many: str) -> str:
    """Say how many rows a page of a list has, and of how many it is a part."""
    shown = len(answer.rows)
    if answer.total <= shown:
        return f"{shown} {one if shown == 1 else many}"
    every = f"more than {MOST_COUNTED:,}" if answer.total > MOST_COUNTED else f"{answer.total:,}"
    return f"{shown} of {every} {many}"


def _fresh(true: TrueUpTo) -> str:
    """Say what may be missing in a list; nothing where all that is recorded is in it."""
    said = []
    if true.position < true.record:
        said.append("What was recorded in the last moments is not in it yet: load this page again.")
    if true.stale:
        journeys = "One journey is" if true.stale == 1 else f"{true.stale} journeys are"
        said.append(f"{journeys} stale, and what is awaited there may be missing: tell ops.")
    return " ".join(said)


class AsTyped(str):
    """What somebody typed, put back into its form just as it was."""

    __slots__ = ()


def _written(value: object) -> str:
    """Write a value into a page: nothing in it hides or is markup. Markup itself is left as it is, and what goes back
    into a form is only escaped."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, str) and not isinstance(value, AsTyped):
        # Most texts are plain: a page of a list writes a thousand, and the other way takes four times as long.
        return value if type(value) is str and not _NOT_PLAIN(value) else escape(show_hidden(value))
    return escape(value)


class _Writer(CodeGenerator):
    """Has templates write each value by one call of `_written`, which also escapes it."""

    def _output_child_pre(self, node: Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:  # noqa: ARG002 - the form of Jinja's
        self.write("environment.finalize(")

    def _output_child_post(self, node: Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:  # noqa: ARG002 - the form of Jinja's
        self.write(")")


class _Templates(Environment):
    code_generator_class = _Writer


def _templates() -> Environment:
    environment = _Templates(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_written,
    )
    environment.filters |= {
        "words": say,
        "all_words": say_all,
        "path_words": say_path,
        "title_of_rule": title_of_rule,
        "capitalize_first": _capitalize_first,
        "title_of": title_of,
        "summary_of": summary_of,
        "by_group": _by_group,
        "wrong_controls": _wrong_controls,
        "called": _called,
        "about_nothing": _about_nothing,
        "yours": spell,
        "theirs": shown_at,
        "short": _short,
        "listed": _listed,
        "dated": _dated,
        "bounds": _bounds,
        "fresh": _fresh,
        "counted": _counted,
        "said_here": said_here,
        "named": _named,
        "stage": describe_stage,
        "described": describe_event,
        "hold": name_hold,
        "title_of_event": title_of_event,
        "title_of_command": title_of_command,
        "first_sentence": first_sentence,
        "occasion": describe_occasion,
        "action": describe_action,
        "change_in": describe_change,
        "place_in": describe_place,
        "filled": filled,
        "result": describe_score,
        "amount": format_dose,
        "clock": _clock,
        "told_of_clock": _told_of_clock,
        "ahead": _ahead,
        "as_typed": AsTyped,
        "step": describe_step,
        "what_message": say_what,
        "owner_of_message": say_owner,
    }
    environment.globals |= {
        "place": place,
        "due": format_time_left,
        "elapsed": format_elapsed,
        "roster_lines": roster_lines,
        "say_unseen": say_unseen,
    }
    environment.globals |= {"groups": GROUPS, "urgencies": URGENCIES, "consciousness": CONSCIOUSNESS}
    environment.globals |= {"if_nobody_does": IF_NOBODY_DOES}
    environment.globals |= {"lot_not_known": LOT_NOT_KNOWN, "rota_unknown": ROTA_UNKNOWN}
    return environment


PAGES = _templates()


def page(
    request: Request,
    name: str,
    signed_in: SignIn | None = None,
    status: int = 200,
    *,
    error: UseCaseError | None = None,
    again: AccessLogEntry | None = None,
    **shown: Any,
) -> HTMLResponse:
    """Return a page. ``shown`` are the values of its template. With an ``error``, its status is that of the error.
    ``again`` is the earlier look that it shows again: nothing can be sent from it."""
    heading = ""
    if error is not None:
        status, heading = _status_of(error)
        tell = log.info if status < 500 else log.warning
        tell("page.refused", code=reference_of(request), kind=type(error).__name__)
    notice = None if signed_in is None else signed_in.take_notice()
    settings: Settings = request.app.state.settings
    answered = None
    if request.method == "POST":
        answered = keep_answered(request, drafts_of(request), signed_in)
    called = names_in_register(context_of_nobody(request))
    if "terms" in shown:
        shown["terms"] = shown["terms"]._replace(called=called)
    content = PAGES.get_template(name).render(
        me=signed_in,
        notice=notice,
        here=request.url.path,
        query=dict(request.query_params),
        error=error,
        again=again,
        at_home=signed_in is not None and signed_in.person.role in WITHOUT_KEY,
        help_at=_help_at(request, signed_in),
        heading=heading,
        reference=reference_of(request),
        called=called,
        demonstration=settings.demonstration,
        now=sign_ins_of(request).now(),
        answered=answered,
        **_when_idle(request, signed_in),
        service=request.app.state.service,
        in_temporal=partial(_in_temporal, settings, signed_in),
        **shown,
    )
    wait = {"Retry-After": str(error.seconds)} if isinstance(error, TooOften) else None
    answer = HTMLResponse(content, status, wait)
    if answered is not None and answered.token is not None:
        cookies.give(request, answer, DRAFTS, answered.token)
    return answer


def _when_idle(request: Request, signed_in: SignIn | None) -> dict[str, Any]:
    """Say when a page is put away because whoever looks at it did nothing, and where its browser goes then: nobody who
    comes by later reads it. ``answers_form``: it is shown in answer to a form that was sent."""
    if signed_in is None:
        return {}
    left = min(signed_in.idle_until, signed_in.since + LONGEST) - sign_ins_of(request).now()
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return {
        "idle_seconds": max(int(left.total_seconds()), 0) + 1,
        "onward_after_idle": f"/sign-in?{urlencode({'next': here})}",
        "answers_form": request.method == "POST",
    }


def _help_at(request: Request, signed_in: SignIn | None) -> object:
    """Return the journey in which a patient or an observer calls for help from whatever page they see: that of their
    link or of the page, or else the one that they saw last."""
    if signed_in is None or signed_in.person.role not in WITHOUT_KEY:
        return None
    if signed_in.passage is not None:
        return signed_in.passage.journey_id
    with suppress(KeyError, ValueError):
        signed_in.journey_id = UUID(request.path_params["journey_id"])
    return signed_in.journey_id


def reference_of(request: Request) -> str:
    """Return by what a page that says that something went wrong is found in the log."""
    found: str = request.scope.setdefault("carepath.reference", secrets.token_hex(4))
    return found


def _in_temporal(settings: Settings, signed_in: SignIn | None, journey_id: UUID) -> str | None:
    """Return where ops find a journey in Temporal's interface."""
    return in_temporal(settings, journey_id) if signed_in is not None and signed_in.person.role == Role.OPS else None


def news(visit: Visit, said: str = "") -> JSONResponse:
    """Tell the script of a page what is new, in words for the person; nothing where nothing is. With that comes what it
    needs to send what it kept: who is signed in, whether to look only, and the token of their forms; and when they are
    signed out if they do nothing, or at the latest."""
    by = visit.signed_in
    now = sign_ins_of(visit.request).now()
    who = {"person": by.person.id, "looks_only": by.looks_only, "form_token": by.form_token}
    ends = {"idle_until": by.idle_until.timestamp(), "latest": (by.since + LONGEST).timestamp()}
    return JSONResponse({"now": now.timestamp(), **who, **ends, "news": show_hidden(said)}, media_type=KEPT)


def done(said: Flash, onward: str) -> JSONResponse:
    """Tell the script of a page that what it sent is done, and where the person goes on."""
    more = [tuple(map(show_hidden, each)) for each in said.more]
    return JSONResponse({"onward": onward, "said": show_hidden(said.said), "more": more}, media_type=KEPT)


def error_page(request: Request, error: UseCaseError, signed_in: SignIn | None = None) -> HTMLResponse:
    """Return the page of an error: what happened, whether anything was lost, what to do next."""
    return page(request, "error.html", signed_in, error=error, outside=_from_outside(request, error, signed_in))


def _from_outside(request: Request, error: UseCaseError, signed_in: SignIn | None) -> str | None:
    """Return the journey that somebody may look at by breaking the glass, where that is why they see nothing."""
    staff = signed_in is not None and signed_in.passage is None and signed_in.person.role in BREAK.roles
    return request.path_params.get("journey_id") if staff and isinstance(error, FromOutside) else None


def _status_of(error: UseCaseError) -> tuple[int, str]:
    """Return the HTTP status of an error, and its heading."""
    return next((status, heading) for kind, status, heading in STATUS if isinstance(error, kind))
