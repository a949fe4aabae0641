"""What somebody sent after their sign-in had ended or was taken the place of by another one in the same browser, or
without a working session: kept in memory, and shown to them again once they can send it. And what they sent with a form
that was answered with a page, for when they go back to that.

Nothing is sent for them. A draft is found by the secret in a cookie of the browser that it came from, and shown to the
person whose form it was, once; what was answered, as often as they go back. What proves who somebody is is not kept.
"""

import secrets
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
MOST, MOST_EACH, MOST_TEXT = 1000, 20, 64 * 1024 * 1024
"""How many browsers' drafts are kept at most, how many of each, and how much text of all (characters). Beyond it, the
oldest are dropped; of one browser's first those that were answered."""
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
    """What a person entered in a form, why it was not sent (nothing where it was), and when it came (UTC)."""

    person: str
    entered: Entered
    why: str
    at: datetime

    @property
    def size(self) -> int:
        """How long it is (characters)."""
        return sum(len(name) + sum(map(len, values)) for name, values in self.entered.items())


class Drafts:
    """The drafts of all browsers, by their secrets, and each by the address and the id of its form: two that were open
    at one address are two. ``now`` gives the time (UTC)."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._kept: dict[str, dict[tuple[str, str], Draft]] = {}

    def keep(self, token: str | None, address: str, sent: Entered, why: str = SIGNED_OUT) -> str | None:
        """Keep what was sent from the form of an address; the browser's secret. None where it is nobody's form."""
        person = next(iter(sent.get(PERSON, ())), "")
        if not person:
            return None
        self._drop_old()
        token = token if token in self._kept else secrets.token_urlsafe(32)
        entered = {
            name: tuple(values)
            for name, values in sent.items()
            if name not in NEVER_KEPT and not name.startswith(ANSWER)
        }
        mine = self._kept[token] = self._kept.pop(token, {})
        form = address, next(iter(sent.get(ID, ())), "")
        mine.pop(form, None)
        mine[form] = Draft(person, entered, why, self._now())
        if len(mine) > MOST_EACH:
            answered = (form for form, draft in mine.items() if not draft.why)
            del mine[next(answered, next(iter(mine)))]
        while len(self._kept) > MOST or self._size() > MOST_TEXT:
            del self._kept[next(iter(self._kept))]
        return token

    def _size(self) -> int:
        return sum(draft.size for drafts in self._kept.values() for draft in drafts.values())

    def has(self, token: str | None) -> bool:
        """Whether anything is kept for a browser that was not sent."""
        self._drop_old()
        return any(draft.why for draft in self._kept.get(token or "", {}).values())

    def find(self, token: str | None, address: str, person: str) -> Draft | None:
        """Return what this person entered last in a form of an address."""
        self._drop_old()
        mine = self._kept.get(token or "", {})
        found = [draft for form, draft in mine.items() if (form[0], draft.person) == (address, person)]
        return found[-1] if found else None

    def take(self, token: str | None, address: str, person: str) -> Draft | None:
        """Return the same, once."""
        draft = self.find(token, address, person)
        if draft is not None:
            del self._kept[token or ""][address, next(iter(draft.entered.get(ID, ())), "")]
        return draft

    def _drop_old(self) -> None:
        oldest = self._now() - LASTS
        self._kept = {
            token: left
            for token, drafts in self._kept.items()
            if (left := {form: draft for form, draft in drafts.items() if draft.at > oldest})
        }
