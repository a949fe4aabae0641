"""Whose times are shown: a zone that is named, by the zone data of this build, and never UTC without a word."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from application.errors import InvalidInput, SettingsError
from application.words import viewer
from application.words.viewer import (
    clock_name,
    look_from,
    on_both_clocks,
    one_request,
    place,
    shown_at,
    spell,
    spell_with_place,
    viewers_zone,
    zone_of_browser,
)
from application.work.worklist import midnight_after
from cli.input import moment
from cli.output import local_time
from tests.sources import ROOT, SERVICE, sources
from workflows.journey.vocabulary.calendars import local

WINTER = datetime(2026, 3, 3, 1, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("TZ", "CAREPATH_ZONE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(viewer, "LINK", tmp_path / "localtime")
    monkeypatch.setattr(viewer, "NAMED", tmp_path / "timezone")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("America/Los_Angeles", "Mon 2026-03-02 17:00 PST (America/Los_Angeles)"),
        (":America/Los_Angeles", "Mon 2026-03-02 17:00 PST (America/Los_Angeles)"),
        (" America/Los_Angeles\n", "Mon 2026-03-02 17:00 PST (America/Los_Angeles)"),
        (":/usr/share/zoneinfo/America/Los_Angeles", "Mon 2026-03-02 17:00 PST (America/Los_Angeles)"),
        ("/nowhere/zoneinfo/posix/Asia/Tokyo", "Tue 2026-03-03 10:00 JST (Asia/Tokyo)"),
        ("PST8PDT", "Mon 2026-03-02 17:00 PST (PST8PDT)"),
        ("US/Pacific", "Mon 2026-03-02 17:00 PST (US/Pacific)"),
        ("Etc/GMT+8", "Mon 2026-03-02 17:00 -08 (Etc/GMT+8)"),
        ("America/Sao_Paulo", "Mon 2026-03-02 22:00 -03 (America/Sao_Paulo)"),
        ("Asia/Kolkata", "Tue 2026-03-03 06:30 UTC+0530 (Asia/Kolkata)"),
        ("Asia/Shanghai", "Tue 2026-03-03 09:00 UTC+0800 (Asia/Shanghai)"),
        ("America/Chicago", "Mon 2026-03-02 19:00 CST (America/Chicago)"),
        ("Asia/Kathmandu", "Tue 2026-03-03 06:45 +0545 (Asia/Kathmandu)"),
        ("UTC", "Tue 2026-03-03 01:00 UTC (UTC)"),
    ],
)
@pytest.mark.parametrize("variable", ["TZ", "CAREPATH_ZONE"])
def test_a_zone_that_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, given: str, shown: str) -> None:
    monkeypatch.setenv(variable, given)
    assert local_time(WINTER) == spell_with_place(WINTER) == shown


@pytest.mark.parametrize(
    "given",
    [
        "America",
        "Nonsense/Zone",
        "PST8PDT,M3.2.0,M11.1.0",
        "CET-1CEST",
        "<-03>3",
        "EST5",
        "../../../etc/passwd",
        "/etc/passwd",
        ":/etc/nothing",
        "america/los angeles",
        "America/Los_Angeles\0",
        "tzdata.zi",
        "x" * 5000,
        "Europe/",
        "/",
        ":",
    ],
)
@pytest.mark.parametrize("variable", ["TZ", "CAREPATH_ZONE"])
def test_a_zone_that_is_not_known_is_an_error(monkeypatch: pytest.MonkeyPatch, variable: str, given: str) -> None:
    monkeypatch.setattr(os, "environ", {variable: given})
    for ask in (viewers_zone, lambda: midnight_after(WINTER), lambda: moment("--at", "2026-03-02T09:30")):
        with pytest.raises(SettingsError, match=variable) as caught:
            ask()
        assert "for example America/Los_Angeles" in str(caught.value)
    # What was done is told all the same, and not in silence.
    assert spell(WINTER) == "Tue 2026-03-03 01:00 UTC"
    assert "not known" in place()
    assert shown_at(WINTER, "Asia/Tokyo") == "Tue 2026-03-03 10:00 JST (Asia/Tokyo)"


def test_the_setting_comes_first_then_the_variable_then_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="CAREPATH_ZONE: is missing"):
        viewers_zone()
    viewer.NAMED.write_text("Asia/Tokyo\n")
    assert viewers_zone().key == "Asia/Tokyo"
    viewer.LINK.symlink_to("/usr/share/zoneinfo/Europe/Paris")
    assert viewers_zone().key == "Europe/Paris"
    monkeypatch.setenv("TZ", f":{viewer.LINK}")
    assert viewers_zone().key == "Europe/Paris"
    monkeypatch.setenv("TZ", "")
    assert viewers_zone().key == "Europe/Paris"
    monkeypatch.setenv("TZ", "Asia/Dubai")
    assert viewers_zone().key == "Asia/Dubai"
    monkeypatch.setenv("CAREPATH_ZONE", "Africa/Lagos")
    assert viewers_zone().key == "Africa/Lagos"


def test_whoever_looks_from_a_browser_is_where_it_says_for_one_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREPATH_ZONE", "Africa/Lagos")
    with one_request():
        assert place() == "Africa/Lagos"
        look_from(zone_of_browser("Asia/Tokyo"))
        assert spell_with_place(WINTER) == "Tue 2026-03-03 10:00 JST (Asia/Tokyo)"
        assert midnight_after(WINTER) == datetime(2026, 3, 3, 15, tzinfo=UTC)
        with one_request():
            assert place() == "Africa/Lagos"
        assert place() == "Asia/Tokyo"
        look_from(None)
        assert place() == "Africa/Lagos"
        look_from(zone_of_browser("Asia/Tokyo"))
    assert place() == "Africa/Lagos"


@pytest.mark.parametrize(
    "named",
    [
        "",
        " ",
        "Nonsense/Zone",
        "Etc/Unknown",
        "Asia",
        " Asia/Tokyo",
        ":Asia/Tokyo",
        "/usr/share/zoneinfo/Asia/Tokyo",
        "../zoneinfo/Asia/Tokyo",
        "Asia/Tokyo\0",
        "x" * 5000,
    ],
)
def test_a_browser_names_a_zone_of_this_build_or_none(named: str) -> None:
    assert zone_of_browser(named) is None


@given(
    st.integers(min_value=946_684_800, max_value=3_786_912_000),
    st.sampled_from(["America/Los_Angeles", "Asia/Kolkata"]),
)
def test_a_day_ends_at_midnight_there(seconds: int, zone: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", zone)
        now = datetime.fromtimestamp(seconds, UTC)
        ends = midnight_after(now)
        assert ends > now
        assert local(ends, zone).date() == local(now, zone).date() + timedelta(days=1)
        assert f"{local(ends, zone):%H:%M}" == "00:00"
        assert moment("--at", f"{local(ends, zone):%Y-%m-%d}") == ends


@pytest.mark.parametrize("given", ["2026-03-08T02:30", "2026-11-01T01:30"])
def test_who_names_an_hour_that_is_none_or_two_is_told_what_to_write(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    with pytest.raises(InvalidInput) as caught:
        moment("--at", given)
    assert caught.value.remedy == "Write another time, or this one with its offset"
    assert moment("--at", f"{given}-08:00").utcoffset() == timedelta()


@pytest.mark.program
@pytest.mark.parametrize("zones", ["WRONG", *(pytest.param(none, marks=pytest.mark.soak) for none in ("", "/nowhere"))])
def test_the_zone_data_is_that_of_the_build(zones: str, tmp_path: Path) -> None:
    """Whatever the machine has: nothing, or something else under the same names."""
    if zones == "WRONG":
        zones = str(tmp_path)
        (tmp_path / "America").mkdir()
        tokyo = files("tzdata").joinpath("zoneinfo", "Asia", "Tokyo").read_bytes()
        (tmp_path / "America" / "Los_Angeles").write_bytes(tokyo)
    code = (
        "from datetime import datetime, UTC; from workflows.journey.vocabulary.calendars import local; "
        "from cli.output import local_time; now = datetime(2026, 3, 3, 1, tzinfo=UTC); "
        "print(local(now, 'America/Los_Angeles'), local_time(now))"
    )
    env = {"PYTHONTZPATH": zones, "TZ": "America/Los_Angeles", "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert done.stdout == "2026-03-02 17:00:00-08:00 Mon 2026-03-02 17:00 PST (America/Los_Angeles)\n"


def test_nothing_in_the_service_reads_the_zone_data_of_the_machine() -> None:
    """`ZoneInfo(...)` and `astimezone()` do."""
    for path in sources(*SERVICE):
        source = path.read_text()
        assert "ZoneInfo(" not in source, path
        assert ".astimezone()" not in source, path
        assert "fromtimestamp(" not in source or "tz" in source, path


def test_no_two_clocks_have_one_name() -> None:
    ahead: dict[str, set[timedelta | None]] = {}
    for zone in files("tzdata").joinpath("zones").read_text().split():
        for month in (1, 4, 7, 10):
            there = local(datetime(2026, month, 15, tzinfo=UTC), zone)
            ahead.setdefault(clock_name(there), set()).add(there.utcoffset())
    assert {name: each for name, each in ahead.items() if len(each) > 1} == {}


def test_an_hour_that_comes_twice_is_told_apart() -> None:
    """Python takes the two for equal where both are on the clock of one zone."""
    zone = "America/Los_Angeles"
    twice = [local(datetime(2026, 11, 1, hour, 30, tzinfo=UTC), zone) for hour in (8, 9)]
    assert [spell(each)[-9:] for each in twice] == ["08:30 UTC", "09:30 UTC"]
    assert [on_both_clocks(each, zone)[0][-9:] for each in twice] == ["01:30 PDT", "01:30 PST"]
