"""Going back to a page that answered a form, and loading it again.

Such a page has no address of its own, and a browser asks whether to send its form once more. So the page's script gives
it one (`static/answered.js`): that of the form, with a key under which what was entered is kept for a while. What was
sent from a list, or from the page of a link, leads back to that. Nothing is sent by going back.
"""

import secrets
from typing import NamedTuple
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request

from console import cookies
from console.drafts import ANSWERED, COOKIE, PERSON, Drafts, Entered
from console.sign_ins import SignIn

KEY = "entered"
"""The part of an address that names what was entered in the form there."""
CAME_BACK = "You came back to this page. Nothing was sent by that: what you entered is in the form."


class AnsweredForm(NamedTuple):
    """Where a page that answers a form is found again, and the secret of the drafts that it takes; None for none."""

    address: str
    token: str | None = None


def place_of(request: Request, key: str = "") -> str:
    """Return where among the drafts is what was entered in the form of an address, by its key if none is given."""
    return f"{request.url.path}?{KEY}={key or request.query_params.get(KEY, '')}"


def keep_answered(request: Request, drafts: Drafts, signed_in: SignIn | None) -> AnsweredForm:
    """Keep what was sent with the form that a page answers to, and say where it is found again."""
    sent: Entered = getattr(request.state, "sent", {})
    if not sent.get(PERSON):
        page = urlsplit(request.headers.get("referer", ""))
        return AnsweredForm(f"{page.path or '/'}{page.query and f'?{page.query}'}")
    key = request.query_params.get(KEY) or secrets.token_urlsafe(8)
    person = None if signed_in is None else signed_in.person.id
    token = drafts.keep(cookies.sent(request, COOKIE), place_of(request, key), sent, ANSWERED, signed_in=person)
    return AnsweredForm(f"{request.url.path}?{urlencode({**request.query_params, KEY: key})}", token)
