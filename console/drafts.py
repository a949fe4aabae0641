"""What somebody sent after their sign-in had ended or was taken the place of by another one in the same browser, or
without a working session: kept in memory, and shown to them again once they can send it. And what they sent with a form
that was answered with a page, for when they go back to that.

Nothing is sent for them. A draft is found by the secret in a cookie of the browser that it came from, and shown to the
person whose form it was, once; what was answered, as often as they go back. What proves who somebody is is not kept.

Anybody can send a form and say whose it is. Only one that bears the token of a sign-in lately counts as that person's;
all others share a place of their own, and take none from anybody who was signed in.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from application.identity.passkeys import ANSWER

Entered: TypeAlias = Mapping[str, Sequence[str]]
COOKIE = "__Host-carepath-drafts"
PERSON = "entered_by"
"""The hidden control that says whose form it is."""
ID = "command_id"
"""The hidden control that tells one form from another."""
LASTS = timedelta(hours=1)
MOST_EACH = 20
"""How many drafts of one browser are kept at most. Beyond it, the oldest is dropped, first what was answered."""
MOST_OF_ONE, MOST_TEXT_OF_ONE, MOST_TEXT = 200, 8 * 1024 * 1024, 64 * 1024 * 1024
"""How many drafts of one person are kept at most in all browsers, and how much text (characters): as much also of all
together who were not signed in. And how much text of all: beyond it, the oldest of whoever has most are dropped, and
those of who was not signed in before all others."""
NOBODY = ""
"""Whose drafts are those that no sign-in speaks for."""
NEVER_KEPT = ("form_token", "passphrase", PERSON)
SIGNED_OUT = "You were signed out before this was sent"
NO_SESSION = "You had no working session when you sent this"
SIGNED_IN_ANEW = "You signed in anew after you opened this page"
OTHER_PERSON = "Somebody else was signed in in this browser when you sent this"
"""Why something was not sent, as it is said with what was entered."""
ANSWERED = ""
"""Nothing: it was sent, and answered with a page."""
SHOWN_AGAIN = "Nothing was sent, and nothing is lost: what you entered is in the form. Look it over, and send it."


class Draft(NamedTuple):
    """What a ``person`` entered in a form, why it was not sent (nothing where it was), when it came (UTC), how long it
    is (characters), and whose sign-in speaks for it."""

    person: str
    entered: Entered
    why: str
    at: datetime
    size: int
    owner: str


class Drafts:
    """The drafts of all browsers, the oldest first, by their browser's secret and the address and the id of their form:
    two that were open at one address are two. ``now`` gives the time (UTC)."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._kept: dict[tuple[str, str, str], Draft] = {}

    def keep(
        self, token: str | None, address: str, sent: Entered, why: str = SIGNED_OUT, *, signed_in: str | None = None
    ) -> str | None:
        """Keep what was sent from the form of an address; the browser's secret. None where it is nobody's form.
        ``signed_in`` is to whom the form was shown, as its sign-in tells."""
        person = next(iter(sent.get(PERSON, ())), "")
        if not person:
            return None
        self._drop_old()
        if token is None or not self._of_browser(token):
            token = secrets.token_urlsafe(32)
        entered = {
            name: tuple(values)
            for name, values in sent.items()
            if name not in NEVER_KEPT and not name.startswith(ANSWER)
        }
        size = sum(len(name) + sum(map(len, values)) for name, values in entered.items())
        form = token, address, next(iter(sent.get(ID, ())), "")
        self._kept.pop(form, None)
        owner = person if person == signed_in else NOBODY
        self._kept[form] = Draft(person, entered, why, self._now(), size, owner)
        self._make_room(token, owner)
        return token

    def _make_room(self, token: str, owner: str) -> None:
        """Drop what is too much of this browser, of this person, and of all."""
        mine = self._of_browser(token)
        if len(mine) > MOST_EACH:
            answered = (form for form, draft in mine.items() if not draft.why)
            del self._kept[next(answered, next(iter(mine)))]
        texts: Counter[str] = Counter()
        for draft in self._kept.values():
            texts[draft.owner] += draft.size
        theirs = [form for form, draft in self._kept.items() if draft.owner == owner]
        while len(theirs) > MOST_OF_ONE or texts[owner] > MOST_TEXT_OF_ONE:
            texts[owner] -= self._kept.pop(theirs.pop(0)).size
        while texts.total() > MOST_TEXT:
            most = NOBODY if texts[NOBODY] else max(texts, key=texts.__getitem__)
            oldest = next(form for form, draft in self._kept.items() if draft.owner == most)
            texts[most] -= self._kept.pop(oldest).size

    def _of_browser(self, token: str | None) -> dict[tuple[str, str, str], Draft]:
        return {form: draft for form, draft in self._kept.items() if form[0] == token}

    def has(self, token: str | None) -> bool:
        """Whether anything is kept for a browser that was not sent."""
        self._drop_old()
        return any(draft.why for draft in self._of_browser(token).values())

    def find(self, token: str | None, address: str, person: str) -> Draft | None:
        """Return what this person entered last in a form of an address."""
        form = self._last(token, address, person)
        return None if form is None else self._kept[form]

    def take(self, token: str | None, address: str, person: str) -> Draft | None:
        """Return the same, once."""
        form = self._last(token, address, person)
        return None if form is None else self._kept.pop(form)

    def _last(self, token: str | None, address: str, person: str) -> tuple[str, str, str] | None:
        self._drop_old()
        mine = self._of_browser(token).items()
        return next((form for form, each in reversed(mine) if (form[1], each.person) == (address, person)), None)

    def _drop_old(self) -> None:
        oldest = self._now() - LASTS
        self._kept = {form: draft for form, draft in self._kept.items() if draft.at > oldest}
