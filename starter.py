"""The door for coordinators, clinicians and ops: `python starter.py --help`. Commands are in `door/`."""

from zoneinfo import reset_tzpath

from door.app import app

if __name__ == "__main__":
    # The zone database is the one pinned with this build, never the machine's.
    reset_tzpath(to=())
    app(prog_name="starter.py")
