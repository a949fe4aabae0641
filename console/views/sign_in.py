"""Sign in with a passkey, by the provider of an organisation, or in a demonstration by a button; and out."""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from application.errors import NOTHING_HAPPENED, InvalidInput, NotAllowed
from application.identity import passkeys
from application.identity.passkeys import PasskeyAsked
from console import cookies
from console.drafts import COOKIE as DRAFTS_COOKIE
from console.limits import count_try
from console.pages import news, page
from console.sign_ins import SignIn
from console.visits import (
    COOKIE,
    Says,
    agent_of,
    context_of_nobody,
    drafts_of,
    firsts,
    origin_of,
    sent_with,
    sign_ins_of,
    signed_in_with,
    zone_sent,
)
from workflows.journey.vocabulary.actors import Role

router = APIRouter()
HOME = {Role.PATIENT: "/work?mine=yes", Role.OBSERVER: "/work?mine=yes"}
"""Where people begin, where it is not the work of their role."""


@router.get("/")
async def home(request: Request) -> Response:
    signed_in = signed_in_with(request)
    return RedirectResponse("/work" if signed_in is None else home_of(signed_in), 303)


@router.get("/sign-in")
async def choose(request: Request, next: str = "") -> Response:  # noqa: A002 - the name in the address
    people = sign_ins_of(request).people()
    kept = drafts_of(request).has(cookies.sent(request, DRAFTS_COOKIE))
    return page(
        request,
        "sign_in.html",
        signed_in_with(request, does=False),
        people=people,
        onward=own(next),
        kept=kept,
        organisation=request.app.state.provider is not None,
    )


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    sent = firsts(await sent_with(request))
    count_try(request, sent.get("person", ""))
    return _signed_in(request, sign_ins_of(request).sign_in(sent.get("person", "")), sent)


@router.post("/sign-in/passkey")
async def sign_in_with_passkey(request: Request) -> Response:
    """Ask for somebody's passkey, by which of several if they have them; or sign in with what it answered."""
    sent, sign_ins = firsts(await sent_with(request)), sign_ins_of(request)
    count_try(request, "" if "ticket" in sent else sent.get("person", ""))
    if "ticket" in sent:
        offered = sign_ins.offers.take(sent["ticket"])
        if offered is None:
            raise NotAllowed(
                "you are not signed in: the page was open for too long, or was sent twice",
                "Sign in again",
                state=NOTHING_HAPPENED,
            )
        async with context_of_nobody(request) as context:
            opened = await passkeys.accept(context, offered, sent)
        return _signed_in(request, sign_ins.sign_in_with(opened), sent)
    person = sent.get("person", "").strip()
    if not person or len(person) > 100:
        raise InvalidInput("your id is missing", "Give the id under which you are enrolled")
    async with context_of_nobody(request) as context:
        offers = await passkeys.offer(context, person, origin_of(request), sent.get("key_id"))
    if len(offers) == 1:
        raise PasskeyAsked(offers[0].options, {"ticket": sign_ins.offers.keep(offers[0])})
    return page(request, "which_passkey.html", None, offers=offers, person=person, onward=own(sent.get("next", "")))


def _signed_in(request: Request, opened: SignIn, sent: Mapping[str, str]) -> Response:
    answer = RedirectResponse(own(sent.get("next", "")) or home_of(opened), 303)
    hand_over(request, answer, opened, cookies.sent(request, COOKIE), zone_sent(sent))
    return answer


def home_of(signed_in: SignIn) -> str:
    """Return the page on which somebody begins."""
    return HOME.get(signed_in.person.role, "/work")


def hand_over(request: Request, answer: Response, opened: SignIn, before: str | None, zone: ZoneInfo | None) -> None:
    """Give a browser the secret of a new sign-in, and end the one whose secret it had before. ``zone`` is where it says
    that it is."""
    opened.zone, opened.agent = zone, agent_of(request)
    if before is not None:
        sign_ins_of(request).end(before)
        forget_pages(answer)
    cookies.give(request, answer, COOKIE, opened.token)


def forget_pages(answer: Response) -> None:
    """Have a browser forget the pages of a sign-in that ended. For a while it keeps those that it leaves as they were,
    also those that no cache may keep, and the way back would show them."""
    answer.headers["Clear-Site-Data"] = '"cache"'


@router.post("/stay")
async def stay(visit: Says) -> Response:
    """Let somebody say that they are there, where they do nothing else."""
    return news(visit)


@router.post("/sign-out")
async def sign_out(visit: Says) -> Response:
    sign_ins_of(visit.request).end(visit.signed_in.token)
    answer = RedirectResponse("/sign-in", 303)
    forget(visit.request, answer)
    return answer


def forget(request: Request, answer: Response) -> None:
    """Have a browser forget a sign-in that ended, and its pages."""
    cookies.take_back(request, answer, COOKIE)
    forget_pages(answer)


def own(address: str) -> str:
    """Return an address if it is a page of this console, so that a link leads nobody elsewhere."""
    plain = address.startswith("/") and not address.startswith("//") and "\\" not in address
    return address if plain and address.isprintable() else ""
