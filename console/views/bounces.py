"""Reports of gateways that a message came back: signed webhooks, the one address here that is for no person."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from application.errors import NotAllowed, NotFound
from application.messages.bounces import take_webhook
from console.limits import count_try
from console.visits import context_of_nobody

router = APIRouter()


@router.post("/messages/bounced")
async def take(request: Request) -> Response:
    key: bytes | None = request.app.state.bounce_key
    if key is None:
        raise NotFound("there is no such page", "Go to the worklist")
    try:
        async with context_of_nobody(request) as context:
            await take_webhook(context, key, request.headers, await request.body())
    except NotAllowed:
        count_try(request)  # Those that are signed rightly are as many as messages come back.
        raise
    return Response(status_code=204)
