"""Sign in to look by an organisation's provider of OpenID Connect."""

import structlog
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from application.errors import NotAllowed, NotFound
from application.identity.keyring import require_newest, verified_register
from application.identity.openid.people import not_in_register, who_may_look
from application.identity.openid.provider import NOT_SIGNED_IN, Provider, is_answer_to, not_begun_here
from application.identity.passkeys import WAITS
from console import cookies
from console.limits import count_try
from console.pages import page
from console.sign_ins import Begun, RoleChoice
from console.views.sign_in import hand_over, home_of, own
from console.visits import COOKIE, context_of_nobody, firsts, sent_with, sign_ins_of, zone_sent

router = APIRouter()
FLOW_COOKIE = "__Host-carepath-openid"
"""The cookie by which a browser is known again that comes back from the provider. Only this one is sent along when
another site leads to the console, as the provider does."""
log = structlog.get_logger("console")


@router.get("/sign-in/openid")
async def begin(request: Request, next: str = "") -> Response:  # noqa: A002 - the name in the address
    provider = _provider(request)
    if request.headers.get("sec-fetch-site") == "cross-site":
        raise NotAllowed("another site led here", "Begin on the page to sign in on", state=NOT_SIGNED_IN)
    count_try(request)
    flow = await provider.begin()
    begun = Begun(flow, cookies.sent(request, COOKIE), own(next), zone_sent(request.query_params))
    ticket = sign_ins_of(request).flows.keep(begun)
    answer = RedirectResponse(flow.address, 303)
    cookies.give(request, answer, FLOW_COOKIE, ticket, seconds=int(WAITS.total_seconds()), samesite="lax")
    return answer


@router.get("/sign-in/openid/callback")
async def come_back(request: Request) -> Response:
    provider, sign_ins = _provider(request), sign_ins_of(request)
    count_try(request)
    answered, ticket = dict(request.query_params), cookies.sent(request, FLOW_COOKIE)
    begun = sign_ins.flows.find(ticket)
    if begun is None or not is_answer_to(begun.flow, answered):
        log.warning("openid.refused", code="answer_of_another_sign_in")
        raise not_begun_here()
    sign_ins.flows.take(ticket)
    person = await provider.finish(begun.flow, answered)
    count_try(request, person)
    async with context_of_nobody(request) as context:
        await require_newest(context)
        register = verified_register(context)
    people = who_may_look(register, person, sign_ins.now())
    if not people:
        log.warning("openid.refused", code="nobody_of_the_register")
        raise not_in_register()
    if len(people) > 1:
        choice = RoleChoice(people, begun.before, begun.onward, begun.zone)
        return page(request, "which_role.html", people=people, ticket=sign_ins.choices.keep(choice))
    opened = sign_ins.sign_in_to_look(people[0])
    # A page of our own, and no redirection: the browser still counts that as led here by the provider, and sends along
    # no cookie of a sign-in.
    answer = page(request, "signed_in.html", onward=begun.onward or home_of(opened))
    cookies.take_back(request, answer, FLOW_COOKIE, samesite="lax")
    hand_over(request, answer, opened, begun.before, begun.zone)
    return answer


@router.post("/sign-in/openid/role")
async def choose_role(request: Request) -> Response:
    sent = firsts(await sent_with(request))
    count_try(request)
    sign_ins = sign_ins_of(request)
    choice = sign_ins.choices.take(sent.get("ticket"))
    chosen = None if choice is None else next((p for p in choice.people if p.role.value == sent.get("role")), None)
    if choice is None or chosen is None:
        raise not_begun_here()
    opened = sign_ins.sign_in_to_look(chosen)
    answer = RedirectResponse(choice.onward or home_of(opened), 303)
    hand_over(request, answer, opened, choice.before, choice.zone)
    return answer


def _provider(request: Request) -> Provider:
    found: Provider | None = request.app.state.provider
    if found is None:
        raise NotFound("no sign-in by an organisation is set up here", "Sign in with your passkey", state=NOT_SIGNED_IN)
    return found
