"""Where no browser is installed, one is, or people are told how; nothing is left out in silence."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.browser import chromium


@pytest.mark.parametrize(
    ("release", "path", "root", "may"),
    [
        ("NAME=Debian\nID=debian\n", "/usr/bin/apt-get", True, True),
        ("ID=debian\n", "/usr/bin/apt-get", False, False),
        ("ID=debian\n", None, True, False),
        ("ID=ubuntu\nID_LIKE=debian\n", "/usr/bin/apt-get", True, False),
        ("ID=alpine\n", None, True, False),
        ("", "/usr/bin/apt-get", True, False),
    ],
)
def test_only_debian_and_root_install_it(release: str, path: str | None, root: bool, may: bool) -> None:
    assert chromium.may_install(release, path, root=root) is may


def test_what_is_there_is_used_and_nothing_is_installed() -> None:
    ran: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> int:
        ran.append(command)
        return 0

    assert chromium.prepare(lambda: "/usr/bin/chromium", run, allowed=True)
    assert ran == []


@pytest.mark.parametrize("fails", [None, 0, 1])
def test_it_is_installed_where_it_may_be(fails: int | None) -> None:
    ran: list[Sequence[str]] = []

    def run(command: Sequence[str]) -> int:
        ran.append(command)
        return 0 if fails is None or len(ran) <= fails else 100

    found = chromium.prepare(
        lambda: "/usr/bin/chromium" if len(ran) == 2 and fails is None else None, run, allowed=True
    )
    assert (found is None) is (fails is not None)
    assert tuple(ran) == chromium.INSTALL[: 2 if fails is None else fails + 1]


def test_without_a_browser_make_says_what_to_install_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(chromium, "ON_A_MAC", ())
    assert chromium.find_browser() is None
    assert chromium.main() == 1
    said = capsys.readouterr().err
    assert "Nothing was tested." in said
    assert "apt-get install chromium" in said
