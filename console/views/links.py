"""The page of a link in a message: a second step, and then the one task that it opens.

To open the address changes nothing: programs that look through mail do that, too. Only what is sent from the page does.
Whoever comes too often from one address waits for a moment, and calls for help all the same.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from secrets import token_urlsafe
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from activities.notices.links import TOKEN
from application.context import Context
from application.errors import UseCaseError
from application.messages.links import (
    LinkEntry,
    LinkStanding,
    acknowledge,
    call_for_help,
    enter,
    look_at_link,
    renew,
    send_code,
)
from application.pathway.command_catalog import KINDS
from application.words.viewer import zone_of_browser
from console import cookies
from console.limits import TooOften, count_try
from console.pages import page
from console.sign_ins import Flash, Passage
from console.taps import Taps
from console.views.sign_in import hand_over
from console.visits import COOKIE, context_of_nobody, firsts, sent_with, sign_ins_of, zone_sent
from workflows.journey.vocabulary.actors import Role

router = APIRouter()
LEAVING = ("pathway.withdraw", "consent.withdraw", "question.ask")
"""What a patient may always send, beside what anybody may: they leave, take an agreement back, or ask something."""
HELP = "help"
"""The button that is never refused for how often somebody comes."""
ASKED = "asked"
"""What the address of a page says after a code was asked for on it."""
DONE = {
    "code": "A code was sent to you, or is on its way. Enter it below.",
    "new": "A message with a new link is on its way to you. You can close this page.",
    "acknowledge": "It is kept that you have it: nobody else is paged for this message.",
    HELP: "Your call for help is sent, and somebody is told now. Do not wait for it: call, if you can.",
}
"""What is said after each button."""
EQUAL = timedelta(seconds=30)
"""How long after a tap an equal one on the same page is the same: what a link opens it opens once."""
SETTLED = "What the message was about is done, or is not asked of you any more. You need do nothing about it."
"""What is said on their own page to a patient whose link was for something that is no longer asked."""
TOO_OFTEN = "too often"
"""How it stands with a link that is not looked at, because too many are from one address."""
STATUS = {"open": 200, "unknown": 404, "later": 503}
OTHERWISE: dict[str, Callable[[Context, str], Awaitable[None]]] = {
    "code": send_code,
    "new": renew,
    "acknowledge": acknowledge,
    HELP: call_for_help,
}


@router.get("/go/{token}")
async def show(request: Request, token: str) -> Response:
    try:
        count_try(request)
    except TooOften as error:
        return await _shown(request, token, error)
    return await _shown(request, token, asked=ASKED in request.query_params)


@router.post("/go/{token}")
async def act(request: Request, token: str) -> Response:
    sent = firsts(await sent_with(request))
    what, code, page_id = sent.get("do", ""), sent.get("code", "")[:100], sent.get("page_id", "")[:100]

    async def answer() -> Response:
        return await _answer(request, token, what, code, zone_sent(sent))

    taps: Taps[Response] = request.app.state.taps
    return await (taps.answer((token, page_id, what, code), answer) if page_id else answer())


async def _answer(request: Request, token: str, what: str, code: str, zone: ZoneInfo | None) -> Response:
    try:
        if what != HELP:
            count_try(request)
        async with context_of_nobody(request) as context:
            if what in OTHERWISE:
                await OTHERWISE[what](context, token)
                if what == "code":
                    # Who leaves to read the code may come back to a page that the phone loads anew.
                    return RedirectResponse(f"/go/{token}?{ASKED}", 303)
                return await _shown(request, token, done=DONE[what])
            entered = await enter(context, token, code)
    except UseCaseError as error:
        return await _shown(request, token, error)
    return _let_in(request, entered, zone)


async def _shown(
    request: Request, token: str, error: UseCaseError | None = None, done: str = "", *, asked: bool = False
) -> Response:
    if isinstance(error, TooOften):
        standing = LinkStanding(TOO_OFTEN)
    else:
        async with context_of_nobody(request) as context:
            standing = await look_at_link(context, token)
    if asked and standing.state == "open" and not standing.alarm:
        done = DONE["code"]
    status = 200 if done else STATUS.get(standing.state, 410)
    return page(
        request,
        "alarm_link.html" if standing.alarm else "link.html",
        status=status,
        standing=standing,
        address=f"/go/{token}" if TOKEN.fullmatch(token) else "",
        error=error,
        done=done,
        page_id=token_urlsafe(16),
    )


def _let_in(request: Request, entered: LinkEntry, zone: ZoneInfo | None) -> Response:
    before = cookies.sent(request, COOKIE)
    opened = sign_ins_of(request).let_in(entered.person, passage_of(entered), before)
    assert opened.passage is not None
    if entered.settled and entered.person.role == Role.PATIENT:
        opened.notice = Flash(SETTLED)
    answer = RedirectResponse(opened.passage.home, 303)
    # Without script a browser does not say where it is: as far as we know, at the patient's place.
    hand_over(request, answer, opened, before, zone or zone_of_browser(entered.zone))
    return answer


def passage_of(entered: LinkEntry) -> Passage:
    """Return what a link opens: its task or session, what may always be sent, and what its person may see. Where they
    are asked for more than one thing they begin on their own page, which leads to each."""
    role, start = entered.person.role, f"/journeys/{entered.journey_id}"
    mine = [kind for kind in KINDS if role in kind.roles]
    kinds = {kind.name for kind in mine if kind.model.by_anybody}
    if role == Role.OBSERVER:
        kinds |= {kind.name for kind in mine if kind.noun == "session"}
        pages, home = ("", "room"), f"{start}/room"
    else:
        kinds |= {*LEAVING}
        pages, home = ("", "patient-view"), start
    kinds |= {kind.name for kind, _ in entered.tasks}
    if len(entered.tasks) == 1:
        kind, known = entered.tasks[0]
        home = f"{start}/{kind.noun}/{kind.verb}" + (f"?{urlencode(known)}" if known else "")
    routes = tuple((severity.value, route) for severity, route in entered.routes.items())
    return Passage(entered.journey_id, frozenset(kinds), frozenset(pages), home, routes)
