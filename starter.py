"""The door for coordinators, clinicians and ops: `python starter.py --help`. Commands are in `door/`."""

from zoneinfo import reset_tzpath

from application.process_exit import leave
from door.app import app

if __name__ == "__main__":
    # The zone database is the one pinned with this build, never the machine's.
    reset_tzpath(to=())
    try:
        app(prog_name="starter.py")
    except SystemExit as end:
        leave(end.code if isinstance(end.code, int) else int(end.code is not None))
