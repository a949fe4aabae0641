"""What an event says, in a line: the same for the timeline, the printed record and the command line."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

from pydantic import TypeAdapter

from application.words.changes import Change
from application.words.codes import say
from application.words.terms import CODED, Terms, describe_occasion, name_hold
from application.words.titles import title_of_command
from application.words.viewer import on_both_clocks
from workflows.journey import events as e
from workflows.journey.instruments import Score
from workflows.journey.views.summary import describe_action
from workflows.journey.vocabulary.base import short_code
from workflows.journey.vocabulary.calendars import Instant
from workflows.journey.vocabulary.codes import code_in

LONGEST: Final = 80
"""How much of a text stands in a line (characters)."""
SIGNATURE_BINDING: Final = frozenset({"request", "evidence", "nonce"})
"""What binds a signature to what it is for: nobody reads it to see what changed."""
_INSTANT: Final[TypeAdapter[datetime]] = TypeAdapter(Instant)
LEFT_OUT: Final = frozenset(
    {"kind", "local", "zone", "nonce", "code_key", "log", "protocol_digest", "together", "clearance"}
)
"""What a line leaves out: it says the same again, or is only for programs."""
IDS: Final = frozenset(
    {
        "access", "adverse_event", "check_in", "clearance", "contact", "correction", "crisis", "death", "delegation",
        "disposal", "dose", "medicine", "merge", "message", "observation", "paper", "question", "report",
        "request", "sign_off", "source", "supply", "support", "visit",
    }
)  # fmt: skip
"""Fields that hold an id: a line says what it is of, and leaves it out where nobody can tell."""


def describe_event(body: e.EventBody, terms: Terms) -> str:
    """Describe an event in a line. Long or nested values are left to the whole record."""
    match body:
        case e.PathwayStarted():
            return (
                f"{say(body.pathway)} at {terms.say(body.clinic)}, protocol {body.protocol.title}, "
                f"version {body.protocol.version}"
            )
        case e.InstrumentRecorded():
            occasion = describe_occasion(body.occasion, terms)
            return f"{say(body.instrument)} ({occasion}): {describe_score(body.score)}"
        case e.ObligationsUpdated():
            opened = _counted(f"{each.what} ({say(each.owner.value)})" for each in body.opened)
            closed = _counted(
                f"{terms.awaited.get(each.id) or say(each.id.partition(':')[0])} ({say(each.because)})"
                for each in body.closed
            )
            return ". ".join(
                f"{head}: {'; '.join(each)}"
                for head, each in (("Awaited now", opened), ("No longer awaited", closed))
                if each
            )
        case e.SignedOff():
            chosen = "" if body.choice is None else f" ({say(body.choice)})"
            waits = ", waits for a second person" if body.first_of_two else ""
            by = f"signed by {body.name}, evidence {short_code(code_in(body.request))}"
            return f"{say(body.decision)}{chosen}: {say(body.meaning)}, {by}{waits}"
        case e.CommandRefused():
            return f"{title_of_command(body.command_kind)}: {body.reason}"
        case e.ObligationEscalated():
            what = terms.awaited.get(body.obligation) or say(body.obligation.partition(":")[0])
            held = ", and care is held" if body.hold else ""
            return f"{what}: {describe_action(body.action, body.to)}, {name_step_taken(body)}{held}"
        case e.ContactsScheduled():
            return "; ".join(terms.known.get(each.id) or say(each.type) for each in body.contacts)
        case e.StageEntered():
            return say(body.stage)
        case e.CareTeamUpdated():
            return ", ".join(f"{terms.say(member.id)} ({say(member.role.value)})" for member in body.members)
        case e.FactAmended():
            return f"version {body.version} corrected: {shorten(body.reason)}"
    own = {value for _, value in body if isinstance(value, str)}
    if isinstance(body, e.DoseRecorded):
        own.add(terms.known.get(body.dose, ""))
    return ", ".join(
        said for name, value in body if _is_plain(name, value) for said in _say_field(name, value, own, terms)
    )


def name_step_taken(body: e.ObligationEscalated) -> str:
    """Say which step of an escalation was taken, as people count, and which repeat it is where it was taken again."""
    return f"step {body.step + 1}" + (f", repeat {body.repetition}" if body.repetition else "")


def _say_field(name: str, value: object, own: set[str], terms: Terms) -> Iterable[str]:
    if name == "session":
        yield f"session {value}"
    elif name == "hold":
        number = name_hold(str(value))
        named = terms.known.get(str(value), number)
        yield number if named.removeprefix(f"{number}: ") in own else shorten(named)
    elif name in CODED:
        yield f"{say(name)}: {say(str(value))}"
    elif name in IDS or name == "obligation":
        what = terms.find(str(value))
        if what is not None and what not in own:
            yield f"{say(name)}: {shorten(what)}"
    elif isinstance(value, tuple):
        yield f"{say(name)}: {shorten(', '.join(map(terms.say, value)))}"
    elif isinstance(value, Mapping):
        named = ", ".join(f"{terms.say(each)} {terms.say(said)}" for each, said in value.items())
        yield f"{say(name)}: {shorten(named)}"
    else:
        yield f"{say(name)}: {shorten(terms.say(value))}"


def _counted(said: Iterable[str]) -> list[str]:
    return [one if times == 1 else f"{one}, {times} times" for one, times in Counter(said).items()]


def describe_change(change: Change, terms: Terms) -> str:
    """Say in a sentence what differs, and where."""
    place = " › ".join(describe_place(change, terms))
    then, now = (
        None if side in (None, [], {}) else _quote(terms.spell(filled(side)), terms.zone)
        for side in (change.then, change.now)
    )
    if then is None:
        return f"{place}: now {now}; there was nothing"
    return f"{place}: nothing any more; it was {then}" if now is None else f"{place}: now {now}; it was {then}"


def describe_place(change: Change, terms: Terms) -> tuple[str, ...]:
    """Say where something differs, from the outside in."""
    return tuple(f"no. {part}" if isinstance(part, int) else terms.find(part) or say(part) for part in change.path)


def filled(value: object) -> object:
    """Return a nested value without what is empty in it, and without the ids and hashes that bind signatures."""
    if value in (None, [], {}):
        return "nothing"
    match value:
        case Mapping():
            told = {name: inner for name, inner in value.items() if name not in SIGNATURE_BINDING}
            return {name: filled(inner) for name, inner in told.items() if inner not in (None, [], {})}
        case list():
            return [filled(inner) for inner in value]
    return value


def time_in(text: str) -> datetime | None:
    """Return the time (UTC) that a text of JSON is. None where it is none: what people write may look like one."""
    try:
        return _INSTANT.validate_python(text)
    except ValueError:
        return None


def _quote(spelled: object, zone: str) -> str:
    match spelled:
        case None:
            return "none"
        case str() if (moment := time_in(spelled)) is not None:
            return on_both_clocks(moment, zone)[0]
        case str():
            return spelled if spelled.replace(".", "", 1).isdecimal() else f"“{spelled}”"
        case list():
            return ", ".join(_quote(inner, zone) for inner in spelled) or "nothing"
        case dict():
            return ", ".join(f"{name}: {_quote(inner, zone)}" for name, inner in spelled.items())
    return str(spelled)


def describe_score(score: Score) -> str:
    """Describe a score in a few words."""
    if not score.complete:
        return f"incomplete: {shorten(str(score.reason))}"
    words = [str(score.total) if score.level is None else f"risk: {score.level.value}", score.band or ""]
    change = [] if score.change is None else [f"change: {', '.join(map(say, score.change)) or 'none'}"]
    return ", ".join([*(word for word in words if word), *change])


def _is_plain(name: str, value: object) -> bool:
    if name in LEFT_OUT:
        return False
    if isinstance(value, tuple | Mapping):
        entries = value.values() if isinstance(value, Mapping) else value
        return bool(value) and all(isinstance(entry, str) for entry in entries)
    return isinstance(value, str | int | float | datetime) and value != ""


def shorten(text: str, most: int = LONGEST) -> str:
    """Return as much of a text as stands in a line."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
