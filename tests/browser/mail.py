"""A patient or an observer in front of their mail: they open a link there, and enter the code that comes by text
message."""

import re
from urllib.parse import urlencode

from playwright.async_api import Page, expect

from tests.helpers import eventually

ROWS, LINK = "a[href^='/messages/']", "a[href*='/go/']"
"""The messages of the mailbox's list, and the link in one."""


def mail_of(name: str) -> str:
    """The address of e-mail that somebody of a local stack has."""
    return f"{name}@invented.example"


async def newest(page: Page, mailbox: str, to: str) -> int:
    """Look at what was sent to somebody; the number of the newest message, and 0 where there is none."""
    await page.goto(f"{mailbox}/?{urlencode({'to': to})}")
    rows = page.locator(ROWS)
    if not await rows.count():
        return 0
    return int(str(await rows.first.get_attribute("href")).rpartition("/")[2])


async def open_newest(page: Page, mailbox: str, to: str, *, after: int = 0) -> None:
    """Wait for a message that is newer than the one of a number, and open the newest."""

    async def has_come() -> bool:
        return await newest(page, mailbox, to) > after

    await eventually(has_come)
    await page.locator(ROWS).first.click()


TWICE = """button => {
  button.click();
  setTimeout(() => button.click(), 60);
}"""
"""Presses a button once more while what it sent is on its way."""


async def let_in(page: Page, mailbox: str, name: str, *, twice: bool = False) -> None:
    """On the page of a link: have a code sent, read it where text messages are, and enter it. ``twice``: each button is
    pressed twice."""

    async def press(name: str) -> None:
        button = page.get_by_role("button", name=re.compile(f"^{name}"))
        await (button.evaluate(TWICE) if twice else button.click())

    texts = await page.context.new_page()
    before = await newest(texts, mailbox, f"sms:{name}")
    await press("Send me a code")
    await expect(page.get_by_role("status")).to_contain_text("A code was sent to you, or is on its way.")
    await open_newest(texts, mailbox, f"sms:{name}", after=before)
    found = re.search("code is ([0-9]{6})", await texts.locator("body").inner_text())
    assert found is not None
    await texts.close()
    await page.get_by_label("Your code").fill(found[1])
    await press("Go on")
    await expect(page).not_to_have_url(re.compile("/go/"))
