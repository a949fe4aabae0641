"""Nothing moves by itself on any page, whatever people have told their system."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from console.pages import HERE
from console.sign_ins import LINK_IDLE, SESSION_IDLE

FILES = [path for folder in ("static", "templates") for path in sorted((HERE / folder).iterdir())]
REDUCED = re.compile(r"@media \(prefers-reduced-motion: reduce\) {[^{}]*{[^{}]*} }")
AT_ONCE = re.compile(
    r"@keyframes away { to { visibility: hidden; } }"
    r"|animation: away 0s calc\(\(var\(--tens\) \* 10 \+ var\(--minutes\)\) \* 60s\) forwards !important"
)
MOVES = re.compile(
    r"animation|transition|@keyframes|scroll-behavior|[.]animate[(]|behavior: *[\"']smooth|requestAnimationFrame"
    r"|<marquee|<blink|<video|<audio|<animate|[.]gif",
    re.IGNORECASE,
)


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_nothing_moves(path: Path) -> None:
    text = AT_ONCE.sub("", REDUCED.sub("", path.read_text()))
    assert MOVES.findall(text) == []


def test_what_a_later_rule_would_move_stands_still_for_who_asked_for_that() -> None:
    """On all elements and what stands before and after them."""
    [rule] = REDUCED.findall((HERE / "static" / "console.css").read_text())
    assert rule.startswith("@media (prefers-reduced-motion: reduce) { *, ::before, ::after, ::backdrop {")
    for stopped in ("animation: none !important", "transition: none !important", "scroll-behavior: auto !important"):
        assert stopped in rule


def test_a_form_without_script_is_put_away_after_each_number_of_minutes() -> None:
    """Each digit stands for itself, and there are as many as anybody stays signed in for without doing anything."""
    found = re.findall(r'\[data-(\w+)="(\d)"\] { --(\w+): (\d); }', (HERE / "static" / "away.css").read_text())
    assert all((place, digit) == (sets, to) for place, digit, sets, to in found)
    tens = {int(digit) for place, digit, *_ in found if place == "tens"}
    assert tens == {*range(max(SESSION_IDLE, LINK_IDLE) // timedelta(minutes=10) + 1)}
    assert {int(digit) for place, digit, *_ in found if place == "minutes"} == {*range(10)}
