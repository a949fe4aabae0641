"""The settings of a watchdog on the record of a test."""

import pytest
from pydantic import SecretStr

from application.watchdog.settings import WatchdogSettings
from deploy.local.postgres import Database
from tests.application.watchdog.pager import SECRET, Pager


@pytest.fixture
def settings(migrated: Database, pager: Pager, monkeypatch: pytest.MonkeyPatch) -> WatchdogSettings:
    """Those of a watchdog that waits for nothing, where one at work takes its time."""
    monkeypatch.setattr("application.watchdog.webhook.PAUSES", (0.01, 0.01))
    settings = WatchdogSettings(
        database_url=SecretStr(migrated.watchdog_url),
        webhook_url=SecretStr(f"http://127.0.0.1:{pager.port}/pages"),
        webhook_secret=SecretStr(SECRET),
    )
    hasty = {"every_seconds": 0.05, "late_seconds": 0.1, "away_seconds": 0.1}
    return settings.model_copy(update=hasty)
