"""What is set for signing in by OpenID Connect: whole or not at all, and nothing secret is shown."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from application.errors import SettingsError
from application.identity.openid.provider import Provider
from application.identity.openid.settings import OpenIdSettings, load_openid_settings, read_client_secret
from application.settings import LONGEST_SECRET, load_settings
from tests.console.provider import CLIENT, settings_for

pytestmark = pytest.mark.usefixtures("empty_environment")

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ISSUER = "https://login.example.org"
WHOLE = {
    "ISSUER": ISSUER,
    "CLIENT_ID": CLIENT,
    "CLIENT_SECRET_FILE": "secret-4711",
    "ADDRESS": "https://care.example.org",
}


@pytest.fixture
def settings(tmp_path: Path) -> OpenIdSettings:
    return settings_for(ISSUER, tmp_path)


def environment(monkeypatch: pytest.MonkeyPatch, **given: str) -> None:
    for name, value in given.items():
        monkeypatch.setenv(f"CAREPATH_CONSOLE_OIDC_{name}", value)


def test_without_any_setting_there_is_no_such_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, ISSUER="")
    assert load_openid_settings() is None


def test_the_whole_of_them_is_taken_and_left_alone_by_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(monkeypatch, **WHOLE)
    found = load_openid_settings()
    assert found is not None
    assert found.callback == "https://care.example.org/sign-in/openid/callback"
    assert found.claim == "sub"
    monkeypatch.setenv("CAREPATH_DATABASE_URL", "postgresql://carepath_reader@db.internal/carepath")
    load_settings()


@pytest.mark.parametrize("missing", WHOLE)
def test_half_of_them_is_refused_and_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    environment(monkeypatch, **{name: value for name, value in WHOLE.items() if name != missing})
    with pytest.raises(SettingsError, match=f"CAREPATH_CONSOLE_OIDC_{missing}: is missing"):
        load_openid_settings()


@pytest.mark.parametrize(
    "wrong",
    [
        {"ISSUER": "http://login.example.org"},
        {"ISSUER": "login.example.org"},
        {"ISSUER": "https://somebody:pw-4711@login.example.org"},
        {"ISSUER": "https://login.example.org/?tenant=4711"},
        {"ISSUER": "https://login.example.org/#4711"},
        {"ISSUER": "https://"},
        {"ISSUER": "https://[4711"},
        {"ADDRESS": "http://care.example.org"},
        {"ADDRESS": "https://care.example.org/"},
        {"ADDRESS": "https://care.example.org/4711"},
        {"CLIENT_ID": " "},
        {"CLIENT_SECRET": "pw-4711"},
        {"CLAIM": " "},
        {"CLIENT_SECRET_FILE": "/"},
    ],
)
def test_what_would_not_work_or_would_leak_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str]) -> None:
    environment(monkeypatch, **{**WHOLE, **wrong})
    with pytest.raises(SettingsError) as refused:
        load_openid_settings()
    assert "4711" not in str(refused.value)
    assert f"CAREPATH_CONSOLE_OIDC_{next(iter(wrong))}" in str(refused.value)


@pytest.mark.parametrize("wrong", ["missing", "empty", "open", "bytes", "too large"])
def test_a_secret_that_is_none_or_not_private_is_refused(settings: OpenIdSettings, wrong: str) -> None:
    file = settings.client_secret_file
    match wrong:
        case "missing":
            file.unlink()
        case "empty":
            file.write_text("\n")
        case "open":
            file.chmod(0o644)
        case "too large":
            file.write_text("x" * (LONGEST_SECRET + 1))
        case _:
            file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="CLIENT_SECRET_FILE"):
        read_client_secret(settings)


def test_the_secret_is_shown_nowhere(settings: OpenIdSettings) -> None:
    shown = (settings, read_client_secret(settings), vars(Provider(settings, lambda: NOW)))
    assert "invented-client-secret" not in repr(shown)


@pytest.mark.parametrize("port", ["0", "99999", "abc"])
@pytest.mark.parametrize("name", ["ISSUER", "ADDRESS"])
def test_a_port_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, port: str) -> None:
    environment(monkeypatch, **WHOLE | {name: f"https://login.example.org:{port}"})
    with pytest.raises(SettingsError, match=f"{name}: has a port"):
        load_openid_settings()
