"""The command for coordinators, clinicians and ops: `python starter.py --help`. Its commands are in `cli/`."""

from cli import app


def main() -> None:
    """Run the command line as a program, and leave with its exit code."""
    app.main()


if __name__ == "__main__":
    main()
