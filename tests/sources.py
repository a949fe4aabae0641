"""The sources of the service, for tests that look at all of them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("activities", "application", "cli", "console", "deploy", "simulation", "workflows")
PROGRAMS = ("starter.py", "watchdog.py", "worker.py")
SERVICE = (*ROOMS, *PROGRAMS)


def sources(*places: str) -> list[Path]:
    """List every Python file in these folders, and these files, by their places below the root.

    Raises:
        AssertionError: there is none in one of them. It has moved, and a test that looks there sees nothing.
    """
    found = {place: _in(ROOT / place) for place in places}
    assert [place for place, files in found.items() if not files] == []
    return [file for files in found.values() for file in files]


def _in(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(place.rglob("*.py"))
