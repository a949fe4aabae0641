"""Temporal's own settings, which all its clients read. They are apart from ours: they import Temporal's client."""

import os
from collections.abc import Iterator, Sequence

from temporalio.envconfig import ClientConfig, ClientConnectConfig

from application.addresses import TEMPORAL_EXAMPLE, is_file, temporal_problem
from application.settings import SettingsError


def load_temporal_config() -> ClientConnectConfig:
    """Read Temporal's own settings (`TEMPORAL_ADDRESS`, `TEMPORAL_NAMESPACE`, TLS, API key, profile file).

    Strict where Temporal itself is silent: an unknown key in the profile file, a file that is not there, a
    `TEMPORAL_TLS` that is neither true nor false and a missing address are errors.

    Raises:
        SettingsError: the variables or the profile file cannot be used.
    """
    given = sorted(name for name in os.environ if name.startswith("TEMPORAL_"))
    if problems := list(_temporal_problems(given)):
        raise SettingsError(problems)
    try:
        config = ClientConfig.load_client_connect_config(config_file_strict=True)
    except (RuntimeError, ValueError, OSError):
        # What Temporal says may quote the file or the value, so it is not passed on.
        config = None
    if config is None:
        problem = "this, or what Temporal's profile file says, is unknown or malformed"
        raise SettingsError([(name, problem) for name in given] or [("TEMPORAL_CONFIG_FILE", problem)])
    if "target_host" not in config:
        raise SettingsError([("TEMPORAL_ADDRESS", f"is missing; {TEMPORAL_EXAMPLE}")])
    if (wrong := temporal_problem(config["target_host"])) is not None:
        raise SettingsError([("TEMPORAL_ADDRESS", wrong)])
    return config


def _temporal_problems(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        value = os.environ[name]
        if name == "TEMPORAL_CONFIG_FILE" or name.endswith("_PATH"):
            if not is_file(value):
                yield name, "is not a file that can be read"
        elif name == "TEMPORAL_TLS" and value.lower() not in {"true", "false", "1", "0"}:
            yield name, "must be true or false"
        elif name == "TEMPORAL_NAMESPACE" and (not value.strip() or value != value.strip()):
            yield name, "is empty or has a space around it; for example default"
