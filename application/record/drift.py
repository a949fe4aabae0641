"""How Temporal and the record can disagree about a journey, judged by what each of them has of it."""

import shlex
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from activities.record.reconciliation import RecordedHead, mark_version
from application.temporal.journeys import DEPLOYMENT, PolledBuilds, Run

SETTLED = timedelta(minutes=2)
"""How long what has just happened may take to show on the other side. A run says at most once a minute how far it is
recorded."""
OVERDUE = timedelta(minutes=5)
"""How late what happens by itself may be before a journey's clock counts as stopped."""


DAY = timedelta(days=1)


def has_its_turn(journey_id: UUID, after: datetime | None, until: datetime) -> bool:
    """Whether the moment of the day at which a journey is looked at more closely lies between two moments (UTC). Passes
    that follow each other leave none out, and none has to remember which it looked at."""
    if after is None:
        return False
    begins = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=journey_id.int % int(DAY.total_seconds()))
    return (until - begins) // DAY > (after - begins) // DAY


class Drift(StrEnum):
    """How Temporal and the record can disagree about a journey."""

    LOST = "lost"
    SQUATTED = "squatted"
    ENDED = "ended"
    BEHIND = "behind"
    AHEAD = "ahead"
    CONTRADICTED = "contradicted"
    QUARANTINED = "quarantined"
    STRANDED = "stranded"
    PAUSED = "paused"
    STOPPED = "stopped"
    UNSHOWN = "unshown"
    SILENT = "silent"
    UNSTARTED = "unstarted"
    UNRECORDED = "unrecorded"
    LINGERING = "lingering"
    UNREVIEWED = "unreviewed"
    UNPARTED = "unparted"


_BOOK = "See docs/how-to/when-something-is-wrong.md"
MEANINGS = {
    Drift.LOST: "Temporal does not know it",
    Drift.SQUATTED: "something that is not this journey holds its workflow id in Temporal: find out who started it. On "
    "another task queue, or told to begin later, it is left: end it in Temporal, or let workers poll that queue",
    Drift.ENDED: "Temporal has ended its run: terminated, failed, timed out, or completed by something else",
    Drift.BEHIND: "Temporal runs an older state of it: its database was put back",
    Drift.AHEAD: "it says that more is recorded than there is: the record was put back. Find the newest copy of the "
    "record, or see what `record recover` can bring back",
    Drift.CONTRADICTED: "it says that other things were recorded than the record has: treat it as tampering. Run "
    "`record verify` on it and change nothing",
    Drift.QUARANTINED: f"it is quarantined: the record says something else, or did not take what it decided. {_BOOK}",
    Drift.STRANDED: "it waits for a build that no worker of ours runs. Start that build, or set a current one that "
    "runs; if it is nobody's of yours, find out who polls",
    Drift.PAUSED: "somebody paused it in Temporal: its clock stands still, or, if it was an activity, what that is to "
    "record or to tell waits. Find out why, then unpause it",
    Drift.STOPPED: "something is overdue that happens by itself: its clock stands still. Look at its workflow tasks",
    Drift.UNSHOWN: "its search attributes are missing or wrong: it is in no list that chooses by them",
    Drift.SILENT: "its workflow tasks fail or wait, or Temporal did not answer about it: look at it in the Temporal UI",
    Drift.UNSTARTED: "its patient is enrolled and it never began: send its referral again, unchanged",
    Drift.UNRECORDED: "Temporal runs it, and nothing of it is recorded: look whether the record can be reached, and "
    "the register can be read. If the record was put back, see `record recover`",
    Drift.LINGERING: "it is closed and waits for nothing, and Temporal still runs it: look at its workflow tasks",
    Drift.UNREVIEWED: "somebody looked at it in an emergency, and it was not told: nobody is asked to review that",
    Drift.UNPARTED: "two people signed that its patient and another one are two, and they still count as one: another "
    "statement links them, or a journey of theirs cannot be read. `patient show` says by which names",
}


def commands_to_move(builds: PolledBuilds, own: str | None) -> tuple[str, ...]:
    """Return what ops run where journeys are stranded and no pass moves them: runs go to a build that is none of ours,
    as when a stranger has made theirs the current one. The first commands take theirs back; then there is one for each
    build that could be the current one: our ``own`` if it polls, and otherwise each of those that do."""
    taken_back = [_unset(build, ramping=build == builds.ramping) for build in sorted(builds.strangers)]
    ours = sorted(build.partition(":")[2] for build in builds.ours)
    wanted = [own] if own in ours else ours
    made_current = (_set_current(DEPLOYMENT, build) for build in wanted)
    return tuple(dict.fromkeys((*filter(None, taken_back), *made_current)))


def _unset(build: str, *, ramping: bool) -> str | None:
    """Return the command after which runs no longer go to a build, or to workers without one; None where making another
    one current is that."""
    name, _, build_id = build.partition(":")
    if ramping:
        return _deploy("set-ramping-version", name or DEPLOYMENT, build_id, "--delete")
    return None if name in ("", DEPLOYMENT) else _set_current(name, "")


def _set_current(name: str, build_id: str) -> str:
    """Return the command for it. A stranger's build may have polled other queues too, which nobody misses."""
    return _deploy("set-current-version", name, build_id, "--ignore-missing-task-queues")


def _deploy(verb: str, name: str, build_id: str, *options: str) -> str:
    build = ("--build-id", build_id) if build_id else ("--unversioned",)
    return shlex.join(("temporal", "worker", "deployment", verb, "--deployment-name", name, *build, *options, "--yes"))


class Drifted(NamedTuple):
    """A journey about which Temporal and the record disagree, and the version and position up to which it is
    recorded."""

    journey_id: UUID
    drift: Drift
    version: int = 0
    position: int = 0


def judge(
    head: RecordedHead, run: Run | None, recorded: str | None, *, builds: PolledBuilds, now: datetime
) -> Drift | None:
    """Return how a run differs from a journey as recorded at a moment (UTC); None when it does not.

    ``recorded`` is the mark that the record has at the version of the run's mark.
    """
    settled = head.since is None or now - head.since > SETTLED
    if run is not None and not run.ended and run.squats(now) and (head.version or run.squatter != "asleep"):
        return Drift.SQUATTED
    version = 0 if run is None else mark_version(run.mark)
    if version > head.version:
        return Drift.AHEAD
    if head.version == 0 and (run is None or run.ended):
        return Drift.UNSTARTED if settled else None
    if run is None:
        return None if head.status == "closed" and head.awaits is False else Drift.LOST
    if run.ended:
        return None if head.status == "closed" and head.awaits is False else Drift.ENDED
    young = now - run.began <= SETTLED
    hidden = run.shown is None or (head.shown is not None and run.shown != head.shown)
    differing = (
        (Drift.CONTRADICTED, 0 < version <= head.version and run.mark != recorded),
        (Drift.PAUSED, run.state == "paused" or run.activity_paused),
        (Drift.QUARANTINED, run.health == "diverged"),
        (Drift.STRANDED, builds.lack(run.build)),
        (Drift.UNSHOWN, hidden and settled and not young and head.version > 0),
        (Drift.BEHIND, 0 < version < head.version and settled),
        (Drift.LINGERING, head.status == "closed" and head.awaits is False and settled and not young),
        (Drift.SILENT, run.stuck),
        (Drift.STOPPED, head.clock is not None and now - head.clock > OVERDUE and settled and not young),
        (Drift.UNRECORDED, head.version == 0 and settled and not young and not run.squats(now)),
    )
    return next((drift for drift, so in differing if so), None)
