"""Who is signed in, in which browser. The server keeps it, in memory: a restart signs everybody out.

An invented person of a demonstration is signed in by a button. Nobody else can be signed in yet.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from application.errors import NotFound, UseCaseError
from application.profiles import Profile, read_profile

IDLE, LONGEST = timedelta(minutes=15), timedelta(hours=12)
"""How long somebody stays signed in without doing anything, and at most (NIST SP 800-63B, AAL3)."""
MOST = 1000
"""How many browsers are signed in at most; beyond it, whoever did nothing for longest is signed out."""


class Notice(NamedTuple):
    """What is said at the top of the next page."""

    said: str
    more: tuple[tuple[str, str], ...] = ()


@dataclass
class SignIn:
    """One browser in which a person is signed in. ``token`` is its secret, and ``form_token`` is in each form."""

    person: Profile
    profile: Path
    since: datetime
    seen: datetime
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    form_token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    notice: Notice | None = None

    def take_notice(self) -> Notice | None:
        """Return what is to be said, once."""
        notice, self.notice = self.notice, None
        return notice


class SignIns:
    """All that are signed in. ``now`` gives the time (UTC)."""

    def __init__(self, directory: Path, now: Callable[[], datetime]) -> None:
        self._directory = directory
        self._now = now
        self._open: dict[str, SignIn] = {}

    def people(self) -> tuple[tuple[str, Profile], ...]:
        """Return who may be signed in: the name of the profile, and the person."""
        found = []
        for path in sorted(self._directory.glob("*.json")):
            try:
                found.append((path.stem, read_profile(path)))
            except UseCaseError:
                continue  # the register, or a profile that nobody can use
        return tuple(found)

    def sign_in(self, name: str) -> SignIn:
        """Sign a person in.

        Raises:
            NotFound: there is no such person.
        """
        person = dict(self.people()).get(name)
        if person is None:
            raise NotFound("there is nobody of this name to sign in", "Choose one of the people on the page")
        while len(self._open) >= MOST:
            del self._open[min(self._open.values(), key=lambda each: each.seen).token]
        now = self._now()
        opened = SignIn(person, self._directory / f"{name}.json", now, now)
        self._open[opened.token] = opened
        return opened

    def find(self, token: str | None) -> SignIn | None:
        """Return who is signed in with this secret, and note that they did something. It ends here if it was idle."""
        found = None if token is None else self._open.get(token)
        if found is None:
            return None
        now = self._now()
        if now - found.seen > IDLE or now - found.since > LONGEST:
            self.sign_out(found)
            return None
        found.seen = now
        return found

    def sign_out(self, signed_in: SignIn) -> None:
        """End it at once."""
        self._open.pop(signed_in.token, None)
