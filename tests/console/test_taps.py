"""What is tapped twice on one page is done once, and both taps get the same answer."""

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from gc import collect
from pathlib import Path
from weakref import ref

import pytest

from console.taps import Taps
from tests.cli.clinics import Clinics
from tests.console.browser import Form, browser_of
from tests.console.enrolment import BY_KEY, signing_console
from workflows.journey.commands import Sign


class Answer(set[str]):
    """An answer of which one can see whether anybody still has it."""


async def test_a_decision_that_is_signed_with_two_taps_is_signed_once_and_says_so(
    clinics: Clinics, tmp_path: Path, exits: AsyncExitStack
) -> None:
    console, address = await signing_console(clinics, tmp_path / "profiles", exits)
    async with browser_of(console) as browser:
        await browser.sign_in("clinician")
        signed = {"decision": "return", "rationale": "Invented: two answers are missing"}
        shown = {**Form.on(await browser.go(address)), **signed, **BY_KEY}
        taps = await asyncio.gather(*(browser.client.post(address, data=shown) for _ in range(3)))
        assert {(each.status_code, each.url.path) for each in taps} == {(200, address.partition("/sign-offs")[0])}
        assert any("Signed and recorded: return." in each.text for each in taps)
    assert sum(isinstance(sent.body, Sign) for sent in clinics.world.received) == 1


async def test_a_tap_counts_as_the_first_until_that_is_answered() -> None:
    taps, begun, go_on = Taps[int](lambda: datetime(2026, 3, 2, tzinfo=UTC)), list[int](), asyncio.Event()

    async def act() -> int:
        begun.append(len(begun) + 1)
        await go_on.wait()
        return begun[-1]

    left, stays = [asyncio.create_task(taps.answer(("same",), act)) for _ in range(2)]
    await asyncio.sleep(0)
    left.cancel()  # A browser that waits for the second answer does not take the first one.
    await asyncio.sleep(0)
    go_on.set()
    assert (await stays, begun) == (1, [1])
    assert await taps.answer(("same",), act) == 2, "that one was answered"


async def test_what_is_answered_is_kept_no_longer() -> None:
    """It may have what is known of a patient in it."""
    taps = Taps[set[str]](lambda: datetime(2026, 3, 2, tzinfo=UTC))

    async def act() -> set[str]:
        return Answer({"invented"})

    kept = ref(await taps.answer(("same",), act))
    await asyncio.sleep(0)  # The loop itself has it until its next round.
    collect()
    assert kept() is None


async def test_a_tap_that_failed_is_tried_anew() -> None:
    taps, outcomes = Taps[int](lambda: datetime(2026, 3, 2, tzinfo=UTC), timedelta(minutes=1)), [1]

    async def act() -> int:
        if outcomes:
            raise OSError(outcomes.pop())
        return 2

    with pytest.raises(OSError, match="1"):
        await taps.answer(("same",), act)
    assert await taps.answer(("same",), act) == 2
