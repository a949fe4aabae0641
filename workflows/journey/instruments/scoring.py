"""`score`: the one way from answers to a result."""

from collections.abc import Sequence

from workflows.journey.instruments.c_ssrs import score_c_ssrs
from workflows.journey.instruments.changes import change_since
from workflows.journey.instruments.definitions import ENDORSED_FROM, Definition, Instrument, definition_of
from workflows.journey.instruments.results import Score, ScoreChange, ScoreFlag
from workflows.journey.instruments.thresholds import Thresholds, missing_thresholds

_NO_THRESHOLDS = Thresholds()


def score(
    instrument: Instrument,
    answers: object,
    thresholds: Thresholds = _NO_THRESHOLDS,
    earlier: Sequence[int] = (),
    *,
    at_end: bool = False,
) -> Score:
    """The result of a set of answers: any JSON value in, a `Score` out, never an exception.

    `answers` is a list in item order (PCL-5 20 of 0-4, GAD-7 7 of 0-3, PHQ-9 9 of 0-3, CADSS-6 6 of 0-4), or
    for the C-SSRS a mapping of q1 to q6 and, in the screener, q6_recent. Only whole numbers count: true, 1.0 and "1"
    do not. A set that is not complete and valid has no total; what it already shows of danger is flagged all the same.

    `earlier` are totals of the same instrument and version (past-week and past-month scores must not be mixed),
    oldest first, from the baseline on; the C-SSRS has no total and ignores them. `at_end` marks the last in-session
    observation.
    """
    definition = definition_of(instrument)
    if definition.questions:
        return score_c_ssrs(answers, instrument)
    readable, problems = _read(answers, definition)
    complete = not problems
    total = sum(readable.values()) if complete else None
    flags = (
        *_suicide_item_flags(readable, definition, aligned=_count(answers) == definition.items),
        *_total_flags(readable, total, definition, thresholds),
        *_observation_flags(readable, total, definition, thresholds, at_end=at_end),
    )
    change: tuple[ScoreChange, ...] | None = None
    if not all(_within(before, definition.total_max) for before in earlier):
        flags = (*flags, ScoreFlag.PREVIOUS_INVALID)
    elif earlier and total is not None:
        change = change_since(earlier, total, definition, thresholds)
        if missing_thresholds(definition, thresholds):
            flags = (*flags, ScoreFlag.THRESHOLDS_MISSING)
    return Score(
        instrument=instrument,
        version=definition.version,
        complete=complete,
        reason="; ".join(problems) or None,
        total=total,
        band=None if total is None else _band(total, definition),
        subscales=_subscales(readable, definition) if complete else {},
        flags=flags,
        change=change,
    )


def _within(answer: object, most: int) -> bool:
    """Whether this is a whole number from 0 to `most`. A boolean is not a number."""
    return type(answer) is int and 0 <= answer <= most


def _count(answers: object) -> int | None:
    return len(answers) if isinstance(answers, list | tuple) else None


def _read(answers: object, definition: Definition) -> tuple[dict[int, int], list[str]]:
    """The valid answers by item number (from 1), and what keeps the set from being complete."""
    if not isinstance(answers, list | tuple):
        return {}, ["answers are not a list"]
    items = tuple(enumerate(answers[: definition.items], start=1))
    readable = {item: answer for item, answer in items if _within(answer, definition.item_max)}
    problems = [
        f"item {item} is not answered"
        if answer is None
        else f"item {item} is not a whole number from 0 to {definition.item_max}"
        for item, answer in items
        if item not in readable
    ]
    if len(answers) != definition.items:
        problems.insert(0, f"{definition.items} answers are needed, {len(answers)} given")
    return readable, problems


def _suicide_item_flags(readable: dict[int, int], definition: Definition, *, aligned: bool) -> tuple[ScoreFlag, ...]:
    """PHQ-9 item 9, also in an incomplete set. With too few or too many answers a 0 may be another item's."""
    if definition.suicide_item is None:
        return ()
    answer = readable.get(definition.suicide_item)
    if answer is not None and answer > 0:
        return (ScoreFlag.ITEM_9,)
    return () if answer == 0 and aligned else (ScoreFlag.ITEM_9_NOT_ANSWERED,)


def _total_flags(
    readable: dict[int, int], total: int | None, definition: Definition, thresholds: Thresholds
) -> tuple[ScoreFlag, ...]:
    if total is None:
        return ()
    clusters_met = definition.clusters and all(
        sum(readable[item] >= ENDORSED_FROM for item in cluster.numbers) >= cluster.endorsed
        for cluster in definition.clusters
    )
    case = thresholds.case_from is not None and total >= thresholds.case_from
    return ((ScoreFlag.DSM_RULE,) if clusters_met else ()) + ((ScoreFlag.CUTOFF,) if case else ())


def _observation_flags(
    readable: dict[int, int],
    total: int | None,
    definition: Definition,
    thresholds: Thresholds,
    *,
    at_end: bool,
) -> tuple[ScoreFlag, ...]:
    """CADSS-6 in a session. Alarms need no complete set, for what is missing only adds; release does."""
    if not definition.observed_in_session:
        return ()
    so_far = sum(readable.values())
    extreme = any(answer == definition.item_max for answer in readable.values())
    note = thresholds.peak_note_at is not None and so_far >= thresholds.peak_note_at
    escalate = thresholds.escalate_at is not None and (so_far >= thresholds.escalate_at or (extreme and at_end))
    release = thresholds.release_max is not None and total is not None and total <= thresholds.release_max
    held = (
        (ScoreFlag.NOTE, note),
        (ScoreFlag.EXTREME_ITEM, extreme),
        (ScoreFlag.ESCALATE, escalate),
        (ScoreFlag.RELEASE_OK, release and not extreme and not note and not escalate),
    )
    return tuple(flag for flag, holds in held if holds)


def _band(total: int, definition: Definition) -> str | None:
    return next((band.name for band in reversed(definition.bands) if total >= band.at_least), None)


def _subscales(readable: dict[int, int], definition: Definition) -> dict[str, int]:
    return {cluster.name: sum(readable[item] for item in cluster.numbers) for cluster in definition.clusters}
