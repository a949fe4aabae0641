"""Sign in and out. So far only the invented people of a demonstration can be signed in, each by a button."""

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from console.drafts import COOKIE as DRAFTS_COOKIE
from console.pages import page
from console.visits import COOKIE, Acts, drafts_of, sent_with, sign_ins_of, signed_in_with
from workflows.journey.actors import Role

router = APIRouter()
HOME = {Role.PATIENT: "/work?mine=yes", Role.OBSERVER: "/work?mine=yes"}
"""Where people begin, where it is not the work of their role."""


@router.get("/")
async def home() -> Response:
    return RedirectResponse("/work", 303)


@router.get("/sign-in")
async def choose(request: Request, next: str = "") -> Response:  # noqa: A002 - the name in the address
    people = sign_ins_of(request).people()
    kept = drafts_of(request).has(request.cookies.get(DRAFTS_COOKIE))
    return page(request, "sign_in.html", signed_in_with(request), people=people, onward=_own(next), kept=kept)


@router.post("/sign-in")
async def sign_in(request: Request) -> Response:
    sent = await sent_with(request)
    before = signed_in_with(request)
    if before is not None:
        sign_ins_of(request).sign_out(before)
    opened = sign_ins_of(request).sign_in(next(iter(sent.get("person", ())), ""))
    onward = _own(next(iter(sent.get("next", ())), ""))
    answer = RedirectResponse(onward or HOME.get(opened.person.role, "/work"), 303)
    answer.set_cookie(COOKIE, opened.token, secure=True, httponly=True, samesite="strict", path="/")
    return answer


@router.post("/sign-out")
async def sign_out(visit: Acts) -> Response:
    sign_ins_of(visit.request).sign_out(visit.signed_in)
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(COOKIE, secure=True, httponly=True, samesite="strict", path="/")
    return answer


def _own(address: str) -> str:
    """Return an address if it is a page of this console, so that a link leads nobody elsewhere."""
    plain = address.startswith("/") and not address.startswith("//") and "\\" not in address
    return address if plain and address.isprintable() else ""
