"""Reports of gateways that a message came back: signed webhooks, the one address here that is for no person."""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response

from application.errors import InvalidInput, NotAllowed, NotFound, Unavailable, UseCaseError, translate
from application.messages.bounces import take_webhook
from console.limits import TooOften, count_try
from console.visits import context_of_nobody

router = APIRouter()
STATUS: Final = ((TooOften, 429), (NotAllowed, 401), (InvalidInput, 422), (Unavailable, 503))
"""What is answered, without a word: whoever reports is a program, and sends again what was not taken (2xx)."""


@router.post("/messages/bounced")
async def take(request: Request) -> Response:
    key: bytes | None = request.app.state.bounce_key
    if key is None:
        raise NotFound("there is no such page", "Go to the worklist")
    try:
        async with context_of_nobody(request) as context:
            await take_webhook(context, key, request.headers, await request.body())
    except Exception as raised:
        error = translate(raised)
        if isinstance(error, NotAllowed):
            error = _counted(request, error)
        return Response(status_code=next((status for kind, status in STATUS if isinstance(error, kind)), 500))
    return Response(status_code=204)


def _counted(request: Request, error: NotAllowed) -> UseCaseError:
    """Count a report that is signed wrongly, by where it comes from. Others are as many as messages come back."""
    try:
        count_try(request)
    except TooOften as often:
        return often
    return error
