"""`python -m console`: serve the console until it is told to stop. Settings come from the environment."""

import sys
from collections.abc import Sequence

import uvicorn

from application.logs import configure_logging
from application.process import begin, leave
from application.settings import SettingsError, load_settings
from console.app import HOST, create_app

NOT_ON_PATIENTS = (
    "The console did not start: it can sign in the invented people of a demonstration only, so far. "
    "Nothing was changed. For patients use the command line; CAREPATH_DEMONSTRATION=true allows invented people."
)


def main(argv: Sequence[str] = ()) -> int:
    """Serve the console; the exit code says whether it could start (0, 2 settings)."""
    if argv:
        print("usage: python -m console   (settings come from the environment)", file=sys.stderr)
        return 2
    begin()
    try:
        settings = load_settings()
        if not settings.demonstration:
            print(NOT_ON_PATIENTS, file=sys.stderr)
            return 2
        if settings.profile is None:
            raise SettingsError([("CAREPATH_PROFILE", "is missing; the console offers the people beside it")])
        configure_logging(settings.log_level, settings.log_format)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2
    # No access log of the server: who looked at what is in the access log of the record.
    uvicorn.run(
        create_app(settings),
        host=HOST,
        port=settings.console_port,
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
    )
    return 0


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
