"""Who is signed in, in which browser. The server keeps it, in memory: a restart signs everybody out.

People sign in with a passkey, which opens their working session, too; its key is forgotten when they are signed out.
Whom their organisation's provider of OpenID Connect signed in looks, and sends nothing that needs a working session. An
invented person of a demonstration can also be signed in by a button.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from application.context import KeptSession
from application.errors import NotFound, UseCaseError
from application.identity.openid.provider import Flow
from application.identity.passkeys import WAITS, Offered, SignedIn
from application.profiles import Profile, read_profile
from console.tickets import Tickets

IDLE, LONGEST = timedelta(minutes=15), timedelta(hours=12)
"""How long somebody stays signed in without doing anything, and at most (NIST SP 800-63B-4, section 2.3.3, AAL3)."""
SESSION_IDLE = timedelta(hours=1)
"""The same for the people of a session, in its room while it runs: it is entered there only every half an hour what is
seen (section 2.2.3, AAL2: at most an hour)."""
LINK_IDLE = timedelta(hours=1)
"""The same for whom a link let in: they read before they agree, and a new link takes them a while."""
MOST, MOST_TOKENS = 1000, 10_000
"""How many browsers are signed in at most, beyond which whoever did nothing for longest is signed out; and of how many
sign-ins the tokens of forms are remembered."""


class Flash(NamedTuple):
    """What is said at the top of the next page. ``entered``: it has what somebody entered, and could not send."""

    said: str
    more: tuple[tuple[str, str], ...] = ()
    entered: bool = False


@dataclass(frozen=True)
class Passage:
    """What a link opens: of one journey the forms of these commands, and these other pages with what is below them.
    ``home`` is where its person begins; ``routes`` are whom to reach, by how urgent it is."""

    journey_id: UUID
    kinds: frozenset[str]
    pages: frozenset[str]
    home: str
    routes: tuple[tuple[str, str], ...]

    def opens(self, address: str) -> bool:
        """Whether a page is one of these."""
        start, journey, within = (f"{address}/").partition(f"/journeys/{self.journey_id}/")
        if start or not journey:
            return address in ("/sign-out", "/stay")
        page = within.rstrip("/")
        return page.partition("/")[0] in self.pages or page.replace("/", ".") in self.kinds

    def beside(self, earlier: "Passage") -> "Passage":
        """Return this one with what an earlier link opens of the same journey: its form may still stand open."""
        if earlier.journey_id != self.journey_id:
            return self
        return replace(self, kinds=self.kinds | earlier.kinds)


@dataclass
class SignIn:
    """One browser in which a person is signed in. ``token`` is its secret, and ``form_token`` is in each form. Who
    signed in with a passkey has a ``session``; whom a button signed in, the file of a ``profile``; whom a link let in,
    a ``passage`` to what it opens; whom their organisation signed in, ``looks_only`` and has nothing to act with.
    ``in_session``: the room of a session that runs is the page they looked at last, or stands open in another tab, and
    they are named for it. ``zone`` is where their browser says they are; None where it said nothing that is known.
    ``agent`` is which kind of browser it says it is. ``journey_id`` is the journey that a patient or an observer saw
    last."""

    person: Profile
    profile: Path | None
    session: KeptSession | None
    since: datetime
    seen: datetime
    passage: Passage | None = None
    looks_only: bool = False
    in_session: bool = False
    zone: ZoneInfo | None = None
    agent: str = ""
    journey_id: UUID | None = None
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    form_token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    notice: Flash | None = None

    @property
    def key_id(self) -> str | None:
        """The passkey with which they signed in, if it was one."""
        return None if self.session is None else self.session.session.key_id

    @property
    def idle_until(self) -> datetime:
        """Until when they stay signed in without doing anything, unless that is too long altogether (UTC)."""
        idle = LINK_IDLE if self.passage is not None else SESSION_IDLE if self.in_session else IDLE
        return self.seen + idle

    def take_notice(self) -> Flash | None:
        """Return what is to be said, once."""
        notice, self.notice = self.notice, None
        return notice


class Begun(NamedTuple):
    """A sign-in at an organisation's provider. ``before`` is the secret of the sign-in that it takes the place of,
    ``onward`` the page that comes after it, ``zone`` where the browser says it is."""

    flow: Flow
    before: str | None
    onward: str
    zone: ZoneInfo | None


class RoleChoice(NamedTuple):
    """Somebody of several roles, who is known, and not signed in yet."""

    people: tuple[Profile, ...]
    before: str | None
    onward: str
    zone: ZoneInfo | None


class SignIns:
    """All that are signed in. ``directory`` has the profiles of invented people; None where there are patients. ``now``
    gives the time (UTC)."""

    def __init__(self, directory: Path | None, now: Callable[[], datetime]) -> None:
        self._directory = directory
        self.now = now
        self._open: dict[str, SignIn] = {}
        self._shown_to: dict[str, str] = {}
        """To whom forms were shown, by the tokens in them; also of sign-ins that have ended."""
        self.offers: Tickets[Offered] = Tickets(now, WAITS)
        """Working sessions that wait until their passkeys answer."""
        self.flows: Tickets[Begun] = Tickets(now, WAITS)
        """Sign-ins that wait until an organisation's provider answers."""
        self.choices: Tickets[RoleChoice] = Tickets(now, WAITS)
        """Sign-ins that wait until somebody has said in which of their roles."""

    def people(self) -> tuple[tuple[str, Profile], ...]:
        """Return who may be signed in by a button: the name of the profile, and the person."""
        if self._directory is None:
            return ()
        found = []
        for path in sorted(self._directory.glob("*.json")):
            try:
                found.append((path.stem, read_profile(path)))
            except UseCaseError:
                continue  # the register, or a profile that nobody can use
        return tuple(found)

    def sign_in(self, name: str) -> SignIn:
        """Sign an invented person in.

        Raises:
            NotFound: there is no such person.
        """
        person = dict(self.people()).get(name)
        if person is None or self._directory is None:
            raise NotFound("there is nobody of this name to sign in", "Choose one of the people on the page")
        return self._opened(person, self._directory / f"{name}.json", None)

    def sign_in_with(self, passkey: SignedIn) -> SignIn:
        """Sign in who opened a working session with their passkey."""
        return self._opened(passkey.person, None, passkey.session)

    def let_in(self, person: Profile, passage: Passage, before: str | None = None) -> SignIn:
        """Let in whom a link and a code are for, to what the link opens. ``before`` is the secret that their browser
        has: if an earlier link let the same person in, what that one opens stays open."""
        earlier = self.find(before, does=False)
        if earlier is not None and earlier.passage is not None and earlier.person == person:
            passage = passage.beside(earlier.passage)
        return self._opened(person, None, None, passage)

    def sign_in_to_look(self, person: Profile) -> SignIn:
        """Sign in somebody as whom their organisation's provider knows them."""
        return self._opened(person, None, None, looks_only=True)

    def _opened(
        self,
        person: Profile,
        profile: Path | None,
        session: KeptSession | None,
        passage: Passage | None = None,
        *,
        looks_only: bool = False,
    ) -> SignIn:
        while len(self._open) >= MOST:
            del self._open[min(self._open.values(), key=lambda each: each.seen).token]
        now = self.now()
        opened = SignIn(person, profile, session, now, now, passage, looks_only)
        self._open[opened.token] = opened
        self._shown_to[opened.form_token] = person.id
        while len(self._shown_to) > MOST_TOKENS:
            del self._shown_to[next(iter(self._shown_to))]
        return opened

    def shown_to(self, form_token: str) -> str | None:
        """Return the id of whom a form was shown to that bears this token; None where no sign-in had it lately."""
        return self._shown_to.get(form_token)

    def find(self, token: str | None, *, does: bool = True) -> SignIn | None:
        """Return who is signed in with this secret, and note that they did something. It ends here if it was idle."""
        found = None if token is None else self._open.get(token)
        if found is None:
            return None
        now = self.now()
        if now > min(found.idle_until, found.since + LONGEST):
            self.end(token)
            return None
        found.seen = now if does else found.seen
        return found

    def end(self, token: str | None) -> None:
        """End the sign-in of this secret at once, if there is one."""
        self._open.pop(token or "", None)
