"""The settings of the channels: whole or not at all, never in clear over a network, and nothing secret is shown."""

from typing import Any

import pytest

from activities.notices.contacts import EMAIL, WEBHOOK
from application.errors import SettingsError
from application.messages.channels import open_channels
from application.messages.settings import MessageSettings, load_message_settings
from application.settings import load_settings
from tests.application.watchdog.pager import SECRET

pytestmark = pytest.mark.usefixtures("empty_environment")

MAIL = {"SMTP_HOST": "mail.internal", "SMTP_SENDER": "messages@clinic.example"}
HOOK = {"WEBHOOK_URL": "https://hooks.internal/pw-4711", "WEBHOOK_SECRET": SECRET}


def load(monkeypatch: pytest.MonkeyPatch, **given: str) -> MessageSettings:
    for name, value in given.items():
        monkeypatch.setenv(f"CAREPATH_MESSAGES_{name}", value)
    return load_message_settings()


@pytest.mark.parametrize(
    ("given", "channels"), [({}, set()), (MAIL, {EMAIL}), (HOOK, {WEBHOOK}), ({**MAIL, **HOOK}, {EMAIL, WEBHOOK})]
)
async def test_what_is_named_is_connected(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], channels: set[str]
) -> None:
    async with open_channels(load(monkeypatch, **given)) as opened:
        assert set(opened) == channels


@pytest.mark.parametrize(
    "given",
    [
        {"SMTP_HOST": "mail.internal"},
        {"SMTP_SENDER": "messages@clinic.example"},
        {**MAIL, "SMTP_USER": "somebody"},
        {**MAIL, "SMTP_SECURITY": "none"},
        {**MAIL, "SMTP_SENDER": "a@b.example\nBcc: c@d.example"},
        {**MAIL, "SMTP_SENDER": "A <a@b.example>"},
        {**MAIL, "SMTP_HOST": "mail internal"},
        {**MAIL, "SMTP_SECONDS": "31"},
        {**MAIL, "SMTP_HOST": "mail.internal:587"},
        {**MAIL, "SMTP_HOST": ":"},
        {"WEBHOOK_URL": "https://hooks.internal/"},
        {**HOOK, "WEBHOOK_URL": "https://hooks.internal:99999/pw-4711"},
        {**HOOK, "WEBHOOK_URL": "https://hooks.internal:abc/pw-4711"},
        {**HOOK, "WEBHOOK_URL": "https://hooks.internal/pw-4711\u200b"},
        {**HOOK, "WEBHOOK_URL": "https://[hooks.internal/pw-4711"},
        {"NAME": "\u200b"},
        {"NAME": "Clinic\u200b"},
        {"NAME": "x" * 81},
        {"CALL": "\u2800"},
        {"CONSOLE_URL": "https://console.example:99999"},
        {"CONSOLE_URL": "https://console.example:care"},
        {**HOOK, "WEBHOOK_URL": "http://hooks.internal/"},
        {**HOOK, "WEBHOOK_SECRET": "whsec_short"},
        {"NAME": "Clinic\r\nBcc: c@d.example"},
        {"NAME": "Clinic\u2028Bcc: c@d.example"},
        {"CALL": "\x1b[2J"},
        {"CONSOLE_URL": "javascript:alert(1)"},
        {"CONSOLE_URL": "https://console.example/?q=1"},
        {"CONSOLE_URL": "https://console.example/"},
        {"CONSOLE_URL": "http://console.example"},
        {"SMPT_HOST": "mail.internal"},
    ],
)
def test_what_would_not_work_or_would_leak_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str]
) -> None:
    with pytest.raises(SettingsError) as refused:
        load(monkeypatch, **given)
    assert "4711" not in str(refused.value)
    assert "CAREPATH_MESSAGES_" in str(refused.value)


def test_nothing_shown_of_them_is_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, **MAIL, **HOOK, SMTP_USER="somebody", SMTP_PASSWORD="pw-4711")
    shown: tuple[Any, ...] = (repr(settings), str(settings.model_dump()), settings.model_dump_json())
    for text in shown:
        assert "4711" not in text
        assert SECRET not in text


@pytest.mark.parametrize("address", ["https://console.example", "http://127.0.0.1:8000", "http://[::1]:8000/care"])
def test_links_lead_where_nobody_on_the_network_reads_them(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    assert load(monkeypatch, CONSOLE_URL=address).console_url == address


@pytest.mark.parametrize("host", ["mail.internal", "192.0.2.7", "::1"])
def test_a_server_of_mail_is_a_host_alone(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    assert load(monkeypatch, **MAIL | {"SMTP_HOST": host}).smtp_host == host


def test_the_service_leaves_them_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    load(monkeypatch, **MAIL)
    monkeypatch.setenv("CAREPATH_DATABASE_URL", "postgresql://carepath_reader@db.internal/carepath")
    load_settings()
