"""The command for coordinators, clinicians and ops: `python starter.py --help`. Its commands are in `cli/`."""

from importlib import import_module

from application.process import loading


def main() -> None:
    """Run the command line as a program, and leave with its exit code."""
    with loading():
        app = import_module("cli.app")
    app.main()


if __name__ == "__main__":
    main()
