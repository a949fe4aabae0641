"""A browser without a screen: it keeps one cookie, follows redirects, and reads forms as a browser does."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

import httpx2
from fastapi import FastAPI

from console.visits import ZONE

ADDRESS = "https://localhost"


class Form(HTMLParser):
    """The form of a page that goes to an address, with what its controls hold."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self._action, self._inside, self._choosing = action, False, ""
        self.values: dict[str, list[str]] = {}
        self.found = False

    @classmethod
    def on(cls, page: httpx2.Response, action: str = "") -> dict[str, list[str]]:
        """Return what the controls of the forms hold that go to an address, if not to their own page."""
        form = cls(action)
        form.feed(page.text)
        assert form.found, f"no form for {action or 'this page'}"
        return form.values

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form" and given.get("method") == "post" and given.get("action", "") in ("", self._action):
            self._inside = self.found = True
        if not self._inside:
            return
        name, kind = given.get("name"), given.get("type", "text")
        if tag == "select":
            self._choosing = name or ""
        if tag == "option" and "selected" in given and self._choosing:
            self.values[self._choosing] = [given.get("value") or ""]
        if tag == "input" and name and (kind not in ("radio", "checkbox") or "checked" in given):
            self.values.setdefault(name, []).append(given.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "form"


class Browser:
    """One browser. ``last`` is the page it shows."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client
        self.last: httpx2.Response | None = None

    @property
    def page(self) -> httpx2.Response:
        assert self.last is not None
        return self.last

    async def go(self, address: str) -> httpx2.Response:
        self.last = await self.client.get(urljoin(str(self.page.url) if self.last else ADDRESS, address))
        return self.last

    async def sign_in(self, person: str, zone: str = "", onward: str = "") -> httpx2.Response:
        """Sign in as an invented person. ``zone`` is where the browser says it is, ``onward`` the page that comes."""
        self.last = await self.client.post("/sign-in", data={"person": person, "next": onward, ZONE: zone})
        return self.last

    async def send(self, given: Mapping[str, Any], action: str = "") -> httpx2.Response:
        """Fill in a form of the page, and send it; ``action`` is where it goes, if not to its own page."""
        sent = {
            **Form.on(self.page, action),
            **{name: [value] if isinstance(value, str) else value for name, value in given.items()},
        }
        self.last = await self.client.post(urljoin(str(self.page.url), action or str(self.page.url)), data=sent)
        return self.last


@asynccontextmanager
async def browser_of(app: FastAPI) -> AsyncIterator[Browser]:
    """A browser in front of an application in this process."""
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url=ADDRESS, follow_redirects=True, timeout=60) as client:
        yield Browser(client)
