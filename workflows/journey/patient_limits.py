"""The limits on doses that hold for this patient now: the protocol's, for the course or for maintenance, made tighter
for the patient, or wider by a signed override.

Every rule about doses reads its number here, so that none of them can hold another one. What makes a limit tighter
holds at once, also where another journey of the patient made it so; what makes one wider holds only by a signature,
beyond the protocol's own number only where and as far as the protocol lets it.
Sources: safety decisions are individual, in both directions; dosing protocols are clear.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from workflows.journey.aggregate import Journey
from workflows.journey.protocol import HIGHER_IS_TIGHTER, DoseLimit, is_tighter
from workflows.journey.vocabulary.clinical import KnownDose

WEEK = timedelta(days=7)


def limit_of(journey: Journey, name: DoseLimit) -> float | None:
    """Return the number that holds for this patient now. None where the protocol sets none."""
    protocols, own = protocol_limit(journey, name), journey.own_limits.get(name)
    if protocols is None:
        return None
    wide, elsewhere = journey.overridden_limits.get(name, protocols), journey.elsewhere.limits.get(name)
    if name in journey.overridden_limits and elsewhere == journey.overridden_elsewhere.get(name):
        elsewhere = None  # The override was signed over this number.
    if journey.maintenance_since is not None and is_tighter(name, protocols, wide):
        wide = protocols
    numbers = [wide, *(number for number in (own, elsewhere) if number is not None)]
    return max(numbers) if name in HIGHER_IS_TIGHTER else min(numbers)


def required_limit(journey: Journey, name: DoseLimit) -> float:
    """Return the number that holds for this patient now, under a protocol that sets all dose limits."""
    value = limit_of(journey, name)
    assert value is not None
    return value


def limits(journey: Journey) -> Mapping[DoseLimit, float]:
    """Return every number that holds for this patient now."""
    return {name: value for name in DoseLimit if (value := limit_of(journey, name)) is not None}


def protocol_limit(journey: Journey, name: DoseLimit) -> float | None:
    """Return the protocol's number, for the course or for maintenance."""
    return journey.protocol.limit(name, maintenance=journey.maintenance_since is not None)


def is_more(amount: float, than: float) -> bool:
    """Whether an amount is more than another one, to a millionth. Three tenths are no more than the sum of three
    times one, although no tenth is exact in binary."""
    return round(amount - than, 6) > 0


def shortest_interval(journey: Journey) -> timedelta:
    """Return the least time between two doses: the limit, or the spacing of the plan less the protocol's tolerance."""
    shortest = required_limit(journey, DoseLimit.MIN_INTERVAL_HOURS)
    tolerance = journey.protocol.sessions.spacing_tolerance_hours
    spacing = 0 if journey.plan is None else journey.plan.spacing_hours - tolerance
    return timedelta(hours=max(shortest, spacing))


def highest_dose(journey: Journey) -> float:
    """Return the highest dose (mg) that a plan may have and a session may be released with: the starting dose, or one
    titration step above the last dose that was given and signed.

    The signed one counts where more was given, the given one where less was. A plan that was only written counts for
    nothing, and so does a dose that no session was released for. The protocol sets all dose limits.
    """
    released = {number: session for number, session in journey.sessions.items() if session.released_mg is not None}
    given = [
        (dose.taken_at, min(dose.dose_mg, released[dose.session].released_mg or 0))
        for dose in journey.doses.values()
        if dose.session in released and dose.dose_mg is not None
    ]
    if not given:
        return required_limit(journey, DoseLimit.STARTING_DOSE)
    return max(given)[1] * (1 + required_limit(journey, DoseLimit.TITRATION_MAX_STEP_PCT) / 100)


def course_began_at(journey: Journey) -> datetime | None:
    """Return when the course began (UTC), or maintenance where it has."""
    return journey.maintenance_since or journey.course_started_at


def longest_course(journey: Journey) -> timedelta:
    """Return how long doses may go on under one plan, from when the course, or maintenance, began."""
    kept = journey.maintenance_since is not None
    rules = journey.protocol.maintenance if kept else journey.protocol.sessions
    return timedelta(days=rules.course_max_days)


def longest_gap(journey: Journey) -> timedelta:
    """Return the longest time between two doses after which the evaluation is signed again."""
    kept = journey.maintenance_since is not None
    rules = journey.protocol.maintenance if kept else journey.protocol.sessions
    return timedelta(days=rules.max_gap_days)


def find_exceeded(journey: Journey, told: Collection[UUID]) -> tuple[str, ...]:
    """Return the limits that doses which were taken are beyond, where one of these doses (by its source) is among them:
    a dose told late, or at another time, may put that into the past, where no dose to come is judged by it. What was
    taken before this treatment, and has nothing to do with a dose of it, was another treatment's."""
    doses = journey.known_doses
    own = [dose.source for dose in journey.own_doses if dose.taken_at >= journey.started_at]
    found = (
        why
        for number, last in enumerate(doses)
        for why, taken in _beyond(journey, doses[:number], last)
        if all(any(dose.source in among for dose in (*taken, last)) for among in (told, own))
    )
    return tuple(dict.fromkeys(found))


def _beyond(
    journey: Journey, before: tuple[KnownDose, ...], last: KnownDose
) -> Iterator[tuple[str, tuple[KnownDose, ...]]]:
    """Yield each limit that a dose was beyond when it was taken, with the doses before it that count for that. Before
    maintenance the limits of the course held. What was signed beyond these is over by then, so that a dose that rested
    on it is looked at once more if it is told anew in maintenance."""
    kept = journey.maintenance_since
    then = journey if kept is None or kept <= last.taken_at else journey.model_copy(update={"maintenance_since": None})
    number, at, unit = {name: limit_of(then, name) for name in DoseLimit}, last.taken_at, journey.protocol.dose.unit
    least = timedelta(hours=number[DoseLimit.MIN_INTERVAL_HOURS] or 0)
    since = at - longest_course(then)
    since = min(journey.course_started_at or since, since)
    near = tuple(dose for dose in before if at - dose.taken_at < least)
    week = tuple(dose for dose in before if at - dose.taken_at < WEEK)
    course = tuple(dose for dose in before if dose.taken_at >= since)
    most = number[DoseLimit.MAX_IN_ROLLING_7_DAYS]
    if near:
        yield "two doses were taken too close to each other", near
    if most is not None and len(week) + 1 > most:
        yield f"more than {most:g} doses were taken in 7 days", week
    for name, taken, when in ((DoseLimit.MAX_7_DAY, week, "7 days"), (DoseLimit.MAX_COURSE, course, "the course")):
        limit = number[name]
        if limit is not None and is_more(sum(dose.dose_mg or 0 for dose in (*taken, last)), limit):
            yield f"more than {limit} {unit} were taken in {when}", taken
