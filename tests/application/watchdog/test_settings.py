"""The watchdog's own settings, and what it is made of."""

import subprocess
import sys
from pathlib import Path

import pytest

from application.errors import SettingsError
from application.settings import load_settings
from application.watchdog.settings import load_watchdog_settings
from tests.application.watchdog.pager import SECRET

ROOT = Path(__file__).parents[3]
URL = "postgresql://carepath_watchdog:pw-4711@db.internal/carepath"
GIVEN = {
    "DATABASE_URL": URL,
    "KEYS_URL": "postgresql://carepath_keys:pw-4711@keys.internal/keys",
    "KEYRING_FILE": "keyring.json",
    "WEBHOOK_URL": "https://pages.internal/pw-4711",
    "WEBHOOK_SECRET": SECRET,
}


@pytest.fixture(autouse=True)
def environment(empty_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GIVEN.items():
        monkeypatch.setenv(f"CAREPATH_WATCHDOG_{name}", value)


def test_nothing_shown_of_them_is_secret() -> None:
    settings = load_watchdog_settings()
    for text in (repr(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert "4711" not in text
        assert SECRET not in text


def test_the_service_leaves_them_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREPATH_DATABASE_URL", URL)
    load_settings()
    load_watchdog_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEBHOOK_URL", "http://pages.internal/pw-4711"),
        ("WEBHOOK_URL", "https:///pw-4711"),
        ("WEBHOOK_URL", "ftp://pages.internal/pw-4711"),
        ("WEBHOOK_URL", "https://pages.internal/pw 4711"),
        ("WEBHOOK_URL", ""),
        ("WEBHOOK_SECRET", "pw-4711"),
        ("WEBHOOK_SECRET", "whsec_cHctNDcxMQ=="),
        ("WEBHOOK_SECRET", ""),
        ("DATABASE_URL", "mysql://pw-4711"),
        ("KEYS_URL", ""),
        ("KEYRING_FILE", ""),
        ("EVERY_SECONDS", "0"),
        ("EVERY_SECOND", "30"),
        ("LOG_ONLY", "true"),
    ],
)
def test_what_cannot_be_used_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"CAREPATH_WATCHDOG_{name}", value)
    with pytest.raises(SettingsError, match="CAREPATH_WATCHDOG_") as caught:
        load_watchdog_settings()
    assert "4711" not in str(caught.value)
    assert caught.value.__context__ is None


def test_it_starts_only_with_a_channel(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WEBHOOK_URL", "WEBHOOK_SECRET"):
        monkeypatch.delenv(f"CAREPATH_WATCHDOG_{name}")
    with pytest.raises(SettingsError, match="WEBHOOK_URL"):
        load_watchdog_settings()
    monkeypatch.setenv("CAREPATH_WATCHDOG_LOG_ONLY", "true")
    assert load_watchdog_settings().webhook_url is None


@pytest.mark.program
def test_nothing_of_temporal_is_in_its_process() -> None:
    program = "import sys, watchdog; sys.exit(any(name.partition('.')[0] == 'temporalio' for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
