"""Make a passkey, and save the request to enrol it. Nobody is signed in for that, and the server keeps none of it."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from application.errors import UseCaseError
from application.identity import passkeys
from application.identity.signers import Applicant, EnrolmentRequest
from application.input import forms
from console.forms import fields_of, read_back
from console.limits import count_try
from console.pages import page
from console.visits import context_of_nobody, firsts, origin_of, sent_with
from workflows.journey.vocabulary.actors import STAFF_ROLES

router = APIRouter()
WITH_KEYS = tuple(role.value for role in STAFF_ROLES)
FIELDS = tuple(field._replace(choices=WITH_KEYS) if field.name == "role" else field for field in fields_of(Applicant))


@router.get("/passkey")
async def show_form(request: Request) -> Response:
    return _shown(request, {})


@router.post("/passkey")
async def make(request: Request) -> Response:
    sent, origin = await sent_with(request), origin_of(request)
    count_try(request, next(iter(sent.get("person", ())), ""))
    try:
        # Only a day is asked for, and it has no zone.
        applicant = forms.check(Applicant, read_back(FIELDS, sent, "UTC"), templated=False)
        if passkeys.ATTESTATION not in sent:
            raise passkeys.ask_to_make(context_of_nobody(request), applicant, origin)
        made = passkeys.request_for(context_of_nobody(request), applicant, firsts(sent), origin)
    except UseCaseError as error:
        return _shown(request, sent, error)
    return page(request, "make_passkey.html", made=made)


@router.post("/passkey/request")
async def save(request: Request) -> Response:
    sent = firsts(await sent_with(request))
    count_try(request)
    asked = forms.check(EnrolmentRequest, forms.read_object(sent.get("request", "").encode()))
    return Response(
        asked.model_dump_json(indent=2) + "\n",
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{asked.person}.enrol.json"'},
    )


def _shown(request: Request, values: Any, error: UseCaseError | None = None) -> Response:
    return page(
        request,
        "make_passkey.html",
        fields=FIELDS,
        values=values,
        made=None,
        error=error,
    )
