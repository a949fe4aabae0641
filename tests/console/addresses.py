"""All addresses of the console."""

from uuid import UUID

from fastapi import FastAPI
from fastapi.routing import APIRoute

BY_OPENID = {"/sign-in/openid", "/sign-in/openid/callback", "/sign-in/openid/role"}
SAVED = "/start/file/template.csv"
"""What a browser saves and shows as no page."""
TOKEN = "x" * 32
PROTOCOL = "ptsd-at-home"
"""A protocol that comes with the service."""
OPEN = {"/", "/sign-in", "/sign-in/passkey", "/passkey", "/passkey/request", f"/go/{TOKEN}", *BY_OPENID}
"""The addresses that need nobody signed in."""


def addresses(console: FastAPI, journey: UUID, form: str = "pathway.hold") -> list[tuple[str, str]]:
    """Return every address of the console with its method, about a journey, and of its forms this one."""
    noun, _, verb = form.partition(".")
    given = {"journey_id": str(journey), "noun": noun, "verb": verb, "request_id": "evaluation", "token": TOKEN,
             "name": PROTOCOL, "together": str(journey), "entry_id": str(journey), "version": "1"}  # fmt: skip
    routes = [route for route in console.routes if isinstance(route, APIRoute)]
    return [(method, route.path.format(**given)) for route in routes for method in sorted(route.methods or ())]
