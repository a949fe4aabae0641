"""Settings errors name every variable that is wrong, and no value."""

import os
from pathlib import Path

import pytest

from application.settings import SettingsError, load_settings
from application.temporal.settings import load_temporal_config

SECRET = "pw-4711"
URL = f"postgresql://carepath_app:{SECRET}@db.internal/carepath"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("CAREPATH_", "TEMPORAL_")):
            monkeypatch.delenv(name)
    # The profile of whoever runs the tests must not decide them.
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", os.devnull)


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREPATH_DATABASE_URL", URL)
    settings = load_settings()
    assert settings.database_url.get_secret_value() == URL
    assert settings.owner_url is None
    assert settings.task_queue == "care-pathway"
    assert settings.demonstration is False
    assert settings.log_level == "INFO"
    assert settings.log_format == "console"


def test_no_representation_shows_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREPATH_DATABASE_URL", URL)
    monkeypatch.setenv("CAREPATH_OWNER_URL", URL)
    settings = load_settings()
    for text in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert SECRET not in text


def test_a_missing_variable_is_named() -> None:
    with pytest.raises(SettingsError, match="CAREPATH_DATABASE_URL: is missing") as caught:
        load_settings()
    assert caught.value.variables == ("CAREPATH_DATABASE_URL",)


@pytest.mark.parametrize(
    "name",
    [
        "CAREPATH_DATABASE_URL",
        "CAREPATH_OWNER_URL",
        "CAREPATH_DEMONSTRATION",
        "CAREPATH_PROTOCOLS_DIR",
        "CAREPATH_LOG_LEVEL",
        "CAREPATH_LOG_FORMAT",
    ],
)
def test_a_wrong_variable_is_named_and_its_value_is_not(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("CAREPATH_DATABASE_URL", URL)
    monkeypatch.setenv(name, SECRET)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert caught.value.variables == (name,)
    assert name in str(caught.value)
    assert SECRET not in str(caught.value)
    # A traceback prints what an error came from, too.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_every_wrong_variable_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREPATH_LOG_LEVEL", "loud")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert set(caught.value.variables) == {"CAREPATH_DATABASE_URL", "CAREPATH_LOG_LEVEL"}


def test_a_misspelt_variable_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAREPATH_DATABASE_URL", URL)
    monkeypatch.setenv("CAREPATH_DEMONSTRATON", "true")
    with pytest.raises(SettingsError, match="is CAREPATH_DEMONSTRATION meant"):
        load_settings()


def test_temporal_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.internal:7233")
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "clinic")
    config = load_temporal_config()
    assert (config["target_host"], config["namespace"]) == ("temporal.internal:7233", "clinic")


def test_temporal_address_is_required() -> None:
    with pytest.raises(SettingsError, match="TEMPORAL_ADDRESS: is missing"):
        load_temporal_config()


@pytest.mark.parametrize(
    "name", ["TEMPORAL_TLS", "TEMPORAL_TLS_CLIENT_CERT_PATH", "TEMPORAL_CONFIG_FILE", "TEMPORAL_PROFILE"]
)
def test_a_wrong_temporal_variable_is_named_and_its_value_is_not(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", "temporal.internal:7233")
    monkeypatch.setenv(name, SECRET)
    with pytest.raises(SettingsError) as caught:
        load_temporal_config()
    assert name in caught.value.variables
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None


def test_an_unknown_key_in_temporals_profile_file_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "temporal.toml"
    file.write_text(f'[profile.default]\naddress = "temporal.internal:7233"\napi_ky = "{SECRET}"\n')
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(file))
    with pytest.raises(SettingsError, match="TEMPORAL_CONFIG_FILE") as caught:
        load_temporal_config()
    assert SECRET not in str(caught.value)
