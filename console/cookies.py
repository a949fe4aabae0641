"""The cookies of the console, each with a name for the port that was asked.

Browsers send a cookie to every port of a host: two stacks on one machine would take each other's for theirs, and who
signs in at one would be signed out at the other.
"""

from typing import Literal

from starlette.requests import Request
from starlette.responses import Response

SameSite = Literal["strict", "lax"]


def name_at(request: Request, cookie: str) -> str:
    """Return the name that a cookie has at the address that was asked. A port that cannot be is none."""
    try:
        port = request.url.port
    except ValueError:
        port = None
    return cookie if port is None else f"{cookie}-{port}"


def sent(request: Request, cookie: str) -> str | None:
    """Return the value that the browser sent for this address; None where it has none."""
    return request.cookies.get(name_at(request, cookie))


def give(
    request: Request,
    answer: Response,
    cookie: str,
    value: str,
    *,
    seconds: int | None = None,
    samesite: SameSite = "strict",
) -> None:
    """Have the browser keep a value for so many seconds, or until it is closed."""
    name = name_at(request, cookie)
    answer.set_cookie(name, value, max_age=seconds, secure=True, httponly=True, samesite=samesite, path="/")


def take_back(request: Request, answer: Response, cookie: str, *, samesite: SameSite = "strict") -> None:
    """Have the browser forget a value."""
    answer.delete_cookie(name_at(request, cookie), secure=True, httponly=True, samesite=samesite, path="/")
