"""Who works here, and with which keys they sign."""

from fastapi import APIRouter
from fastapi.responses import Response

from application.identity.people import show_people
from console.pages import page
from console.visits import Looks

router = APIRouter()


@router.get("/people")
async def show(visit: Looks) -> Response:
    async with visit.context() as context:
        found = show_people(context)
    return page(visit.request, "people.html", visit.signed_in, found=found)
