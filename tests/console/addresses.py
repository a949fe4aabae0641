"""All addresses of the console."""

from uuid import UUID

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.applications import Starlette

BY_OPENID = {"/sign-in/openid", "/sign-in/openid/callback", "/sign-in/openid/role"}
SAVED = "/start/file/template.csv"
"""What a browser saves and shows as no page."""
TOKEN = "x" * 32
PROTOCOL = "ptsd-at-home"
"""A protocol that comes with the service."""
MANY = 50
"""Fewer routes than the console has."""
OPEN = {
    *("/", "/sign-in", "/sign-in/passkey", "/passkey", "/passkey/request", f"/go/{TOKEN}", "/messages/bounced"),
    *BY_OPENID,
}
"""The addresses that need nobody signed in."""


def routes_of(console: Starlette) -> list[APIRoute]:
    """Return every route of the console. FastAPI keeps those of a view within its router."""
    found = [each.original_route for each in iter_route_contexts(console.routes)]
    routes = [route for route in found if isinstance(route, APIRoute)]
    assert len(routes) > MANY, "a walk over few routes shows nothing"
    return routes


def addresses(console: FastAPI, journey: UUID, form: str = "pathway.hold") -> list[tuple[str, str]]:
    """Return every address of the console with its method, about a journey, and of its forms this one."""
    noun, _, verb = form.partition(".")
    given = {"journey_id": str(journey), "noun": noun, "verb": verb, "request_id": "evaluation", "token": TOKEN,
             "name": PROTOCOL, "together": str(journey), "entry_id": str(journey), "version": "1"}  # fmt: skip
    return [
        (method, route.path.format(**given)) for route in routes_of(console) for method in sorted(route.methods or ())
    ]
