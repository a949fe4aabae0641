"""What every address of the console answers to everybody: by role, in their own clinic and in another one, and to
nobody.

`python -m tests.console.answers` writes the table anew; `test_answers` compares it.
"""

import os
import re
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import TypeAdapter

from activities.record.access_log import NewAccessLogEntry, Purpose, record_access
from activities.record.stored import Opening
from application.pathway.command_catalog import KINDS
from application.pathway.show import ShowJourney
from application.sign_offs.requests import requests
from console.sign_ins import SignIn
from console.visits import COOKIE, FORM_FIELD
from simulation.people import CLINIC, PEOPLE, STAFF, profile
from tests.cli.clinics import AWAITED, Clinics, begun, elsewhere
from tests.cli.helpers import append
from tests.console.addresses import PROTOCOL, TOKEN, routes_of
from tests.console.browser import browser_of
from tests.record.read_models.courses import catch_up
from workflows.journey.aggregate import Journey, fold
from workflows.journey.always.care_team.rules import list_observers
from workflows.journey.commands import Command, PlaceHold
from workflows.journey.decide import decide
from workflows.journey.events import Event
from workflows.journey.vocabulary.actors import Actor, Role
from workflows.journey.vocabulary.refusals import Refusal

TABLE = Path(__file__).parent / "answers.txt"
WRITE = "WRITE_ANSWERS"
"""The variable that has the test write the table, not compare it."""
FORM = "/journeys/{journey_id}/{noun}/{verb}"
FORMS = [FORM.format(journey_id="{journey_id}", noun=kind.noun, verb=kind.verb) for kind in KINDS]
OWN, ELSEWHERE, NO_SUCH, NONE = "own", "elsewhere", "no such", "-"
"""Which journey an address is about: one of the clinic of those who ask, one of another clinic, one that there is not,
or none."""
NOBODY = "nobody"
WIDTH = 72
"""How wide a line is before its answers."""
SENT = {
    "/work/claim": {"journey": "{journey_id}", "obligation": "none"},
    "/work/release": {"journey": "{journey_id}", "obligation": "none"},
    "/messages/claim": {"message": str(UUID(int=1))},
    "/messages/release": {"message": str(UUID(int=1))},
    "/messages/handle": {"message": str(UUID(int=1))},
    "/messages/send-again": {"message": str(UUID(int=1))},
    "/contact-points": {"do": "remove", "point": "none"},
    "/journeys/{journey_id}/contact-points": {"do": "remove", "point": "none"},
    "/ops/retry": {"journey": "{journey_id}"},
}
"""What a form needs so that it is told whose it is to send; nothing of it is there to be changed."""
SIGN_IN = "in"
"""What is written where somebody is asked to sign in."""
IN_SESSION = "observation:2-40"
ONE_TRY = timedelta(seconds=1)
"""After which one more try is taken of somebody who tried often."""
TITLES = {"session_monitor": "monitor", "on_call_clinician": "on-call", "medical_director": "director"}
HEAD = """\
What every address of the console answers to everybody. `python -m tests.console.answers` writes this anew.

own        a journey with a session that runs, held with others; all staff work at its clinic, and nowhere else
elsewhere  the same course with other staff at another clinic
no such    there is no such journey

patient and observer are those of both journeys, stranger and bystander the patient and the observer of others.

GET        200: a page. "in": the page to sign in on
POST       a form from a page of the console, with nothing filled in. 404, 409 and 422: it is theirs to send, but not
           so. 503: it was sent to Temporal, which is away here

What a link in a message opens is not here: see `links/`. All other methods answer 405 to everybody.

"""


class Row(NamedTuple):
    """One method at one address, about a journey."""

    method: str
    path: str
    journey: str

    @property
    def title(self) -> str:
        return f"{self.method:5}{self.path:57}{self.journey:10}"


class Asked(NamedTuple):
    """What is asked of a console, and by whom. ``given`` is what addresses are filled in with, by journey."""

    console: FastAPI
    clinics: Clinics
    rows: tuple[Row, ...]
    people: tuple[str, ...]
    given: dict[str, dict[str, str]]


async def ask_of(console: FastAPI, clinics: Clinics, profiles: Path) -> Asked:
    """Return all that is asked, and have those who ask be people whom a button of the console signs in."""
    course = begun()[AWAITED.index(IN_SESSION)]
    journey = fold(course)
    held, others = uuid4(), uuid4()
    # Under its own id: what is signed there is about this journey.
    await append(clinics.record, journey.id, _held(course, held), opening=_opening(clinics, journey, "invented-1"))
    there = await clinics.add(_of_others(elsewhere(_held(course, others))), medicine="invented-2")
    await catch_up(clinics.record)
    given = {}
    for name, journey_id, together in (
        (OWN, journey.id, held), (ELSEWHERE, there, others), (NO_SUCH, uuid4(), uuid4()), (NONE, uuid4(), uuid4())
    ):  # fmt: skip
        look = await _look_at(clinics, journey_id) if name in (OWN, ELSEWHERE) else uuid4()
        given[name] = {
            "journey_id": str(journey_id), "entry_id": str(look), "together": str(together), "version": "1",
            "request_id": _open_request(fold(_held(course, held))), "token": TOKEN, "name": PROTOCOL,
        }  # fmt: skip
    return Asked(console, clinics, tuple(rows_of(console)), (NOBODY, *_put_people(profiles, journey)), given)


async def answers_to(asked: Asked, person: str, rows: Sequence[Row]) -> list[str]:
    """Return what these rows answer to somebody."""
    return [await _answer(asked, person, row) for row in rows]


@asynccontextmanager
async def client_of(asked: Asked, person: str) -> AsyncIterator[tuple[httpx2.AsyncClient, str]]:
    """A browser in which somebody has just signed in, and the token of their forms."""
    asked.clinics.world.at += ONE_TRY
    async with browser_of(asked.console) as browser:
        if person == NOBODY:
            yield browser.client, ""
            return
        signed_in: SignIn = asked.console.state.sign_ins.sign_in(person)
        signed_in.agent = browser.client.headers["user-agent"]
        browser.client.cookies.set(COOKIE, signed_in.token)
        yield browser.client, signed_in.form_token


async def _answer(asked: Asked, person: str, row: Row) -> str:
    given = asked.given[row.journey]
    path, form = row.path.format(**given), None
    async with client_of(asked, person) as (client, token):
        if row.method == "POST":
            sent = {name: value.format(**given) for name, value in SENT.get(row.path, {}).items()}
            form = {FORM_FIELD: token, "command_id": str(uuid4()), **sent}
        answer = await client.request(row.method, path, data=form, follow_redirects=row.method == "GET")
    there = answer.headers.get("location", answer.url.path).partition("?")[0]
    return SIGN_IN if there == "/sign-in" != path else str(answer.status_code)


def written(table: Mapping[Row, Sequence[str]], people: Sequence[str]) -> str:
    """Return a table as it stands in its file."""
    head = f"{'':{WIDTH}}" + "".join(f"{TITLES.get(person, person):>13}" for person in people)
    lines = [f"{row.title}{''.join(f'{answer:>13}' for answer in answers)}" for row, answers in table.items()]
    return HEAD + "\n".join((head, *lines)) + "\n"


def listed() -> dict[str, list[str]]:
    """Return the answers of the file, by row."""
    lines = TABLE.read_text().removeprefix(HEAD).splitlines()[1:]
    return {line[:WIDTH]: line[WIDTH:].split() for line in lines}


def is_of_form(row: Row) -> bool:
    """Whether a row is of the form of a command."""
    return row.path in FORMS


def rows_of(console: FastAPI) -> Iterator[Row]:
    """Return every row of the table."""
    for route in routes_of(console):
        for path in FORMS if route.path == FORM else [route.path]:
            asks = path + "".join(SENT.get(path, {}).values())
            about = re.search("{(journey_id|entry_id|together)}", asks)
            journeys = (OWN, ELSEWHERE, NO_SUCH) if about else (NONE,)
            yield from (Row(method, path, journey) for method in sorted(route.methods or ()) for journey in journeys)


def _held(events: Sequence[Event], request: UUID) -> tuple[Event, ...]:
    """The same course, held by a request that holds many."""
    body = PlaceHold(reason="Invented: a lot is called back", together=request)
    command = Command(command_id=uuid4(), actor=PEOPLE[Role.MEDICAL_DIRECTOR], body=body)
    decided = decide(fold(events), command, events[-1].at)
    assert not isinstance(decided, Refusal)
    return (*events, *decided)


def _opening(clinics: Clinics, journey: Journey, medicine: str) -> Opening:
    """Return what a journey is known by: all courses are of one patient, who has one open journey on each medicine."""
    return Opening(patient_keys=(clinics.record.patients.of_ref(journey.patient.ref),), medicine=medicine)


def _of_others(events: Sequence[Event]) -> tuple[Event, ...]:
    """The same course with other staff: none of those who ask has a part in it."""
    names = "|".join(re.escape(person.id) for person in STAFF)
    adapter = TypeAdapter(tuple[Event, ...])
    return adapter.validate_json(re.sub(rb'"(%s)"' % names.encode(), rb'"night-\1"', adapter.dump_json(tuple(events))))


def _open_request(journey: Journey) -> str:
    """Return what waits for a signature: the release of the hold."""
    return next(each.id for each in requests(journey))


def _put_people(profiles: Path, journey: Journey) -> tuple[str, ...]:
    """Put the profiles of those who ask where the console finds them, and no others; return what they are called."""
    patient, observer = PEOPLE[Role.PATIENT], PEOPLE[Role.OBSERVER]
    who: dict[str, Actor] = {
        "patient": patient.model_copy(update={"id": journey.patient.ref}),
        "stranger": patient.model_copy(update={"id": "demo-patient-99999999"}),
        "observer": observer.model_copy(update={"id": list_observers(journey)[-1]}),
        "bystander": observer.model_copy(update={"id": "demo-observer-99999999"}),
        **{role.value: person for role, person in PEOPLE.items() if person.clinics},
    }
    for path in profiles.glob("*.json"):
        path.unlink()
    for name, person in who.items():
        (profiles / f"{name}.json").write_text(profile(person, CLINIC))
    return tuple(who)


async def _look_at(clinics: Clinics, journey_id: UUID) -> UUID:
    """Keep that a clinician looked at a journey, and return the id of that look."""
    look, clinician = uuid4(), PEOPLE[Role.CLINICIAN]
    entry = {
        "entry_id": look, "reader_id": clinician.id, "reader_role": clinician.role, "purpose": Purpose.TREATMENT,
        "clock": clinics.world.at, "command": ShowJourney(journey_id=journey_id).as_kept(), "journeys": [journey_id],
        "position": clinics.position,
    }  # fmt: skip
    await record_access(clinics.record, NewAccessLogEntry.model_validate(entry))
    return look


if __name__ == "__main__":
    os.environ[WRITE] = "yes"
    sys.exit(pytest.main(["-q", "-p", "no:xdist", "-k", "whole", str(Path(__file__).parent / "test_answers.py")]))
