"""`python -m console`: serve the console until it is told to stop. Settings come from the environment."""

import sys
from collections.abc import Sequence

import uvicorn

from application.context import Context
from application.errors import SettingsError, UseCaseError
from application.identity.keyring import verified_register
from application.identity.openid.settings import OpenIdSettings, load_openid_settings
from application.messages.channels import service_of
from application.messages.settings import load_message_settings
from application.process.exit import begin, keep_loaded, leave, search_rarely
from application.process.logs import configure_logging
from application.settings import OPENID_PREFIX, Settings, key_of, load_settings
from console.app import HOST, create_app

PROXIES = ("127.0.0.1", "::1")
"""Where a proxy on this machine comes from, whatever it takes `localhost` to be: it says where requests come from."""
STOP_WITHIN = 5
"""How long a stop waits for answers that are under way (seconds): a page that shows progress would stay open for long.
"""


def main(argv: Sequence[str] = ()) -> int:
    """Serve the console; the exit code says whether it could start (0, 2 settings or register)."""
    if argv:
        print("usage: python -m console   (settings come from the environment)", file=sys.stderr)
        return 2
    begin()
    try:
        settings, openid = load_settings(), load_openid_settings()
        messages = load_message_settings()
        service, secret = service_of(messages), messages.bounce_secret
        _require_somebody(settings)
        if openid is not None:
            _require_known(settings, openid)
        configure_logging(settings.log_level, settings.log_format)
        app = create_app(
            settings, service=service, openid=openid, bounce_key=None if secret is None else key_of(secret)
        )
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    except UseCaseError as error:
        print(
            f"The console did not start, and nothing was changed: {error.reason}. {error.remedy}, and start it again.",
            file=sys.stderr,
        )
        return 2
    keep_loaded()
    search_rarely()
    # No access log of the server: who looked at what is in the access log of the record.
    uvicorn.run(
        app,
        host=HOST,
        port=settings.console_port,
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        forwarded_allow_ips=[*PROXIES],
        timeout_graceful_shutdown=STOP_WITHIN,
    )
    return 0


def _require_somebody(settings: Settings) -> None:
    """Require that somebody can sign in.

    Raises:
        SettingsError: nobody could.
    """
    if settings.demonstration and settings.profile is None:
        raise SettingsError([("CAREPATH_PROFILE", "is missing; the console offers the people beside it")])
    needed = {"REGISTER_FILE": settings.register_file, "ORGANISATION_KEY": settings.organisation_key}
    missing = [name for name, value in needed.items() if value is None]
    if missing and not settings.demonstration:
        why = "is missing; people sign in with the passkeys that the register lists"
        raise SettingsError([(f"CAREPATH_{name}", why) for name in missing])


def _require_known(settings: Settings, openid: OpenIdSettings) -> None:
    """Require a register that says who the provider's people are, and that lists the address they come back to.

    Raises:
        SettingsError: there is none, or it does not.
    """
    try:
        register = verified_register(Context(load=lambda: settings))
    except UseCaseError as error:
        problem = f"needs a register, for who may look is what it says: {error.reason}. {error.remedy}"
        raise SettingsError([(f"{OPENID_PREFIX}ISSUER", problem)]) from None
    if openid.address not in register.origins:
        problem = "is no address that the register lists; have it entered (`origins` in `clinician enter`)"
        raise SettingsError([(f"{OPENID_PREFIX}ADDRESS", problem)])


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
