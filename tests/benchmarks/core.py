"""How fast the pure core decides and evolves, without any server: in processor time, which others do not take."""

from collections import defaultdict
from datetime import UTC, datetime
from statistics import mean, median
from time import process_time

from tests.benchmarks.course import Step, course
from tests.benchmarks.report import Aim, Figure, Section
from workflows.journey.aggregate import Journey, fold
from workflows.journey.decide import decide
from workflows.journey.vocabulary.refusals import Refusal
from workflows.protocols import list_pathways

BEGAN = datetime(2026, 11, 23, 17, tzinfo=UTC)
SLOWEST = 6
FAST = Aim(5000, at_least=True)


def core(*, passes: int) -> Section:
    """Take every step of both courses from the beginning, again and again."""
    figures, notes = [], []
    for pathway in list_pathways():
        steps = course(pathway, BEGAN, lambda journey: journey.closed)
        timed = [_timed_pass(steps) for _ in range(passes)]
        deciding = [median(taken[n][0] for taken in timed) for n in range(len(steps))]
        evolving = [median(taken[n][1] for taken in timed) for n in range(len(steps))]
        figures += [
            Figure(
                f"{pathway}: decide and evolve, {len(steps)} commands",
                len(steps) / sum(deciding),
                "per second",
                aim=FAST,
            ),
            Figure(f"{pathway}: evolving alone", 100 * sum(evolving) / sum(deciding), "%"),
        ]
        notes.append(f"{pathway}, slowest to decide: {_slowest(steps, deciding)}")
    return Section(f"The pure core: both courses from referral to discharge, median of {passes} passes", figures, notes)


def _timed_pass(steps: tuple[Step, ...]) -> list[tuple[float, float]]:
    journey: Journey | None = None
    taken = []
    for step in steps:
        began = process_time()
        decided = decide(journey, step.command, step.at)
        assert not isinstance(decided, Refusal)
        after = fold(decided, journey)
        half = process_time()
        fold([*decided], journey)  # As whoever has not decided them does.
        taken.append((half - began, process_time() - half))
        journey = after
    return taken


def _slowest(steps: tuple[Step, ...], seconds: list[float]) -> str:
    by_kind = defaultdict(list)
    for step, spent in zip(steps, seconds, strict=True):
        by_kind[step.command.body.kind].append(1e6 * spent)
    ordered = sorted(by_kind, key=lambda kind: -mean(by_kind[kind]))
    return ", ".join(f"{kind} {mean(by_kind[kind]):,.0f} µs" for kind in ordered[:SLOWEST])
