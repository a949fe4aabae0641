"""How fast the console answers while twenty people click, on the lists of ten clinics."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter
from uuid import UUID

import httpx2

from console.visits import ZONE
from deploy.local.web import run_console
from tests.benchmarks.clinics import Clinics, clinics
from tests.benchmarks.report import Aim, Figure, Section, percentile
from tests.benchmarks.stage import Servers, processor_seconds
from workflows.journey.vocabulary.actors import CLINICAL, Actor, Role

FAST = Aim(100.0)
ZONE_OF_BROWSERS = "America/Los_Angeles"
PAUSE = (1.0, 2.0)
"""How long people read before they click again (seconds)."""
FLOOD_SECONDS = 10
"""For how long they click without reading, at most."""

WORK = {
    "worklist": "/work",
    "worklist, mine": "/work?mine=yes",
    "worklist, unassigned": "/work?unassigned=yes",
    "worklist, overdue": "/work?overdue=yes",
    "worklist, today": "/work?today=yes",
    "worklist, everybody's": "/work?all=yes",
    "worklist, of a role": "/work?all=yes&role=clinician",
}
CASES = {
    "patients": "/journeys",
    "patients, of a stage": "/journeys?stage=sessions",
    "patients, overdue": "/journeys?overdue=yes",
}
MESSAGES = {"messages": "/messages?undelivered=yes"}
TO_SIGN = {"to sign": "/sign-offs", "to sign, mine": "/sign-offs?mine=yes"}
OPS = {"service": "/ops"}
ATTEMPTS = {"refused attempts": "/ops/attempts"}
ONE = ("a patient", "a timeline")
"""What is no list."""


@dataclass
class Clicked:
    """How long each page took (ms), by its name, and what was no page."""

    took: dict[str, list[float]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def of(self, *, lists: bool) -> list[float]:
        """All times of lists, or of what is none."""
        return list(chain.from_iterable(took for page, took in self.took.items() if (page not in ONE) == lists))


@dataclass
class Clicker:
    """One person at their browser. ``onward`` is where their last list goes on."""

    client: httpx2.AsyncClient
    offered: Mapping[str, str]
    journeys: Sequence[UUID]
    random: Random
    onward: tuple[str, str] | None = None

    async def click(self, clicked: Clicked) -> None:
        page, address = self._next()
        began = perf_counter()
        try:
            answer = await self.client.get(address)
        except httpx2.HTTPError as error:
            clicked.errors.append(f"{page}: {type(error).__name__}")
            return
        clicked.took.setdefault(page, []).append(1000 * (perf_counter() - began))
        if answer.status_code != 200:
            clicked.errors.append(f"{page}: {answer.status_code}")
        more = re.search(r'href="([^"]+)" rel="next"', answer.text)
        list_ = page.partition(",")[0]
        self.onward = (f"{list_}, further", more[1].replace("&amp;", "&")) if more else None

    def _next(self) -> tuple[str, str]:
        if self.onward is not None and self.random.random() < 0.25:
            return self.onward
        chance = self.random.random()
        if chance < 0.3 and self.journeys:
            page = ONE[chance < 0.06]
            return page, f"/journeys/{self.random.choice(self.journeys)}{'/timeline' * (page == ONE[1])}"
        return self.random.choice([*self.offered.items()])


async def clicking(servers: Servers, *, journeys: int, seconds: int) -> Section:
    """Let everybody sign in and click, at the pace of people and then as fast as they are answered."""
    stack = servers.stack
    async with (
        _directory() as directory,
        clinics(servers, directory, journeys=journeys) as made,
        await run_console(made.env, stack.logs / "console.log") as console,
    ):
        people = [await _sign_in(console.url, name, made) for name in made.people]
        await _click(people, 3, (0.1, 0.2))  # what has just started is not yet as people know it

        def used() -> tuple[float, float]:
            return processor_seconds(console.pid), processor_seconds(stack.postgres.pid)

        before = used()
        clicked = await _click(people, seconds, PAUSE)
        spent = [after - earlier for after, earlier in zip(used(), before, strict=True)]
        flooded = await _click(people, min(seconds, FLOOD_SECONDS), (0.0, 0.0))
        for person in people:
            await person.client.aclose()
    lists, others = clicked.of(lists=True), clicked.of(lists=False)
    pages, flood = len(lists) + len(others), flooded.of(lists=True) + flooded.of(lists=False)
    return Section(
        f"The console: {len(people)} people click for {seconds} s, once in {PAUSE[0]:g} to {PAUSE[1]:g} s; "
        f"{journeys:,} journeys",
        [
            Figure("a list, p50", percentile(lists, 50), "ms"),
            Figure("a list, p99", percentile(lists, 99), "ms", aim=FAST),
            Figure("a list, worst", max(lists), "ms"),
            Figure("a patient's page or timeline, p50", percentile(others, 50), "ms"),
            Figure("a patient's page or timeline, p99", percentile(others, 99), "ms"),
            Figure("processor time of the console", 1000 * spent[0] / pages, "ms a page"),
            Figure("processor time of PostgreSQL", 1000 * spent[1] / pages, "ms a page"),
            Figure("without a pause", len(flood) / min(seconds, FLOOD_SECONDS), "pages/s"),
            Figure("without a pause, p50", percentile(flood, 50), "ms"),
            Figure("no page", len(clicked.errors) + len(flooded.errors), "errors"),
        ],
        [*_by_page(clicked), *sorted({*clicked.errors, *flooded.errors})[:5]],
    )


@asynccontextmanager
async def _directory() -> AsyncIterator[Path]:
    with TemporaryDirectory() as directory:
        yield Path(directory)


def _by_page(clicked: Clicked) -> Sequence[str]:
    return [
        f"{page}: {len(took)} times, p50 {percentile(took, 50):.0f}, p99 {percentile(took, 99):.0f}, "
        f"worst {max(took):.0f} ms"
        for page, took in sorted(clicked.took.items())
    ]


async def _sign_in(url: str, name: str, made: Clinics) -> Clicker:
    person = made.people[name]
    client = httpx2.AsyncClient(base_url=url, timeout=30)
    answer = await client.post("/sign-in", data={"person": name, ZONE: ZONE_OF_BROWSERS})
    # The cookie is for secure connections, as which browsers count this machine itself.
    client.headers["Cookie"] = answer.headers["set-cookie"].partition(";")[0]
    journeys = [each for clinic in person.clinics for each in made.journeys[clinic]]
    return Clicker(client, _offered(person), journeys, Random(name))


def _offered(person: Actor) -> dict[str, str]:
    """What a person has in their navigation, and its views."""
    found = {**WORK, **CASES, **MESSAGES}
    if person.role in CLINICAL:
        found |= TO_SIGN
    if person.role in (Role.OPS, Role.MEDICAL_DIRECTOR):
        found |= {**OPS, **ATTEMPTS}
    return found


async def _click(people: Sequence[Clicker], seconds: float, pause: tuple[float, float]) -> Clicked:
    clicked, until = Clicked(), perf_counter() + seconds

    async def one(person: Clicker) -> None:
        await asyncio.sleep(person.random.uniform(*pause))
        while perf_counter() < until:
            await person.click(clicked)
            await asyncio.sleep(person.random.uniform(*pause))

    await asyncio.gather(*map(one, people))
    return clicked
