"""Fills in a form of the console as a person would: control by control, with what a command says.

Nothing is sent past the page. What a command says and no control takes fails: then nobody could say it in a browser.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from playwright.async_api import Locator

Path = tuple[str, ...]
CONTROLS = """form => [...form.elements].filter(each => each.name && !each.closest('[hidden]')).map(each => (
  {name: each.name, kind: each.type, value: each.value, label: each.labels?.[0]?.innerText ?? ''}))"""
"""All controls of a form: their names, kinds, values and labels."""


class CannotSay(AssertionError):
    """A form has no control for something that is to be said."""


class Wall(NamedTuple):
    """The clock on the wall of somebody who fills in a form: its zone, and what it shows (UTC)."""

    zone: str
    now: datetime

    def spell(self, moment: datetime) -> str:
        """Write a time to the minute: what is to come not before it, what has been not after it."""
        minute = moment.replace(second=0, microsecond=0)
        minute += timedelta(minutes=int(self.now < moment != minute))
        wall = minute.astimezone(ZoneInfo(self.zone))
        twice = wall.utcoffset() != wall.replace(fold=1 - wall.fold).utcoffset()
        return f"{wall:%Y-%m-%d %H:%M}" + (f"{wall:%z}" if twice else "")


async def fill_in(form: Locator, content: Mapping[str, Any], wall: Wall, *, known: Sequence[str] = ()) -> None:
    """Fill in a form with the content of a command (of Python's own types). ``known`` are names that the console fills
    in itself.

    Raises:
        CannotSay: it has no control for a part of the content, or one for JSON alone.
    """
    for folded in await form.locator("details:not([open]) > summary").all():
        await folded.click()
    controls = await form.evaluate(CONTROLS)
    said: set[str] = set()
    for name in dict.fromkeys(control["name"] for control in controls):
        alike = [control for control in controls if control["name"] == name]
        value = _at(content, tuple(name.split("/")))
        if value is None:
            continue
        said.add(name)
        await _enter(form, alike, value, wall)
    left = [name for name in _names(content) if not any(name == one or name.startswith(f"{one}/") for one in said)]
    if unsaid := sorted({*left} - {*known}):
        raise CannotSay(f"no control takes {unsaid}; there are {sorted({each['name'] for each in controls})}")


async def _enter(form: Locator, alike: list[dict[str, str]], value: Any, wall: Wall) -> None:
    name, kind = alike[0]["name"], alike[0]["kind"]
    control = form.locator(f'[name="{name}"]')
    match kind:
        case "hidden":
            if alike[0]["value"] != _spelled(value, wall):
                raise CannotSay(f"{name} is given by the page, and is not what is to be said")
        case "radio":
            await form.locator(f'[name="{name}"][value="{_spelled(value, wall)}"]').check()
        case "checkbox":
            for each in value:
                await form.locator(f'[name="{name}"][value="{each}"]').check()
        case "select-one":
            await control.select_option(_spelled(value, wall))
        case "textarea" if "as JSON" in alike[0]["label"]:
            raise CannotSay(f"{name} is asked for as JSON")
        case _ if isinstance(value, list | tuple):
            await control.fill("\n".join(_spelled(each, wall) for each in value))
        case _:
            await control.fill(_spelled(value, wall))


def _spelled(value: Any, wall: Wall) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case datetime():
            return wall.spell(value)
        case date():
            return value.isoformat()
        case float() if value.is_integer():
            return str(int(value))
    return str(value)


def _at(content: Any, path: Path) -> Any:
    """What a content has under the path of a control; None where that is nothing."""
    for part in path:
        if isinstance(content, Mapping):
            content = content.get(part)
        elif isinstance(content, list | tuple) and re.fullmatch("[0-9]+", part) and int(part) < len(content):
            content = content[int(part)]
        else:
            return None
    return None if content in ({}, (), []) else content


def _names(content: Any, path: Path = ()) -> Iterator[str]:
    """Yield the name of everything that a content says."""
    match content:
        case Mapping():
            for key, inner in content.items():
                yield from _names(inner, (*path, str(key)))
        case list() | tuple():
            for row, inner in enumerate(content):
                yield from _names(inner, (*path, str(row)))
        case None:
            pass
        case _:
            yield "/".join(path)
