"""Turns itself into another program, first making sure that program will not outlive its parent, and that only its
owner reads what it writes.

Run as a script, by path: `launch.py <parent pid> <signal when the parent dies> <uid:gid or -> <program> ...`.
This is a process of its own because the usual place, between fork and exec, is not safe in a parent with
threads, and Temporal's client has many.
"""

import ctypes
import os
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, signal_number, account, *program = sys.argv[1:]
    die_with_parent = _prctl()
    if account != "-":
        uid, gid = map(int, account.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.umask(0o077)
    # After setuid: changing credentials clears it.
    die_with_parent(int(signal_number))
    if os.getppid() != int(parent):
        sys.exit("the parent process ended before this one began")
    os.execv(program[0], program)  # noqa: S606 — replaces this process, with an argument list


def _prctl() -> Callable[[int], object]:
    """The call that asks the kernel for a signal at the parent's death; does nothing where there is none.

    Loaded while still privileged: the library may not be readable to the account we become.
    """
    if sys.platform != "linux":
        return lambda _: None
    libc = ctypes.CDLL(None)
    return lambda signal_number: libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


if __name__ == "__main__":
    main()
