"""`make up`: the local stack with its processes and the invented people, kept until Ctrl-C. Its data stays in
`.local/`."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from activities.record.errors import RecordUnavailable
from application.process.exit import begin, leave
from deploy.local.stack import StackError, run_watchdog, run_worker
from deploy.local.web import run_codec_server, run_console, run_mailbox
from simulation.contact_points import giving_contact_points
from simulation.keys import PASSPHRASE
from simulation.people import list_people
from simulation.stack import staffed_stack, write_environment

HOME = Path(".local")


async def _until_stopped() -> None:
    stopped = asyncio.Event()
    for caught in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(caught, stopped.set)
    await stopped.wait()


async def up(directory: Path) -> None:
    """Run the stack until it is told to stop.

    Raises:
        StackError: says which step failed and where its log is.
    """
    async with staffed_stack(directory, keep_data=True, time_skipping=True) as stack:
        environment = write_environment(stack, directory)
        async with (
            await run_mailbox(stack.logs / "mailbox.log") as mailbox,
            giving_contact_points(stack),
            await run_watchdog(stack.watchdog_env, stack.logs / "watchdog.log"),
            await run_console(
                {**environment.variables, **stack.console_env, **mailbox.settings}, stack.logs / "console.log"
            ) as console,
            await run_worker(mailbox.sending(stack.worker_env, console.url), stack.logs / "worker.log"),
            await run_codec_server(stack.env, stack.ui_url or "", stack.logs / "codec-server.log") as codec,
        ):
            print(
                f"""
The stack is up; Ctrl-C stops it, and its data stays in {directory}/.

  console       {console.url}
  mailbox       {mailbox.url} (what was sent to people)
  Temporal UI   {stack.ui_url}
  codec server  {codec.url}/sign-in (docs/how-to/read-payloads.md)
  logs          {stack.logs}/

In the console, sign in as an invented person:

{list_people()}

In another terminal:

  source {environment.path}
  .venv/bin/python starter.py pathway start docs/examples/referral-ptsd.json
  .venv/bin/python starter.py pathway list
  .venv/bin/python starter.py message list      # who was told, and what became of it

Invented clinicians sign with the passphrase: {PASSPHRASE}
""",
                flush=True,
            )
            await _until_stopped()
            print("Stopping; journeys go on where they were at the next `make up`.")


def main() -> int:
    """Exit code 0 after a stop, 1 when a step failed."""
    begin()
    argparse.ArgumentParser(prog="make up", description=__doc__).parse_args()
    os.umask(0o077)
    try:
        asyncio.run(up(HOME))
    except (StackError, RecordUnavailable) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    leave(main())
