"""What the codes and ids of one journey are called: its protocol knows the codes, and its events what each id is of."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import Enum
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, get_args, get_origin

from pydantic import BaseModel

from application.words.codes import say
from application.words.events import title_of_event
from application.words.viewer import on_both_clocks
from workflows.journey import commands as c
from workflows.journey import events as e
from workflows.journey.aggregate import Journey
from workflows.journey.instruments.results import ScoreChange, ScoreFlag
from workflows.journey.protocol import Protocol
from workflows.journey.stages.evaluation.model import BASELINE
from workflows.journey.stages.follow_up.model import Contact
from workflows.journey.vocabulary.refusals import RefusalCode
from workflows.journey.vocabulary.words import name_of

NAMED_BY: Final = {
    "adverse_event": "what",
    "medicine": "what",
    "question": "text",
    "support": "text",
    "report": "said",
}
"""What a thing is called that an event makes, by the field that holds its id: as this other field says."""

CODED: Final = frozenset({"cause"})
"""Fields that always hold a code, which no model and no protocol lists."""


class Terms(NamedTuple):
    """What the codes and ids of a journey are called. ``codes`` are the codes that may stand in it: anything else is
    what a person wrote, and stays as it is. ``known`` are ids and numbers of exclusions with what they are of;
    ``awaited`` the same for what is awaited, which may be called as a part of the evidence is (`suicide_risk`).
    ``called`` gives the name of one of the staff, or of a clinic, for its id. ``with_ids``: ids stand behind what they
    are of, where its name does not tell it from all others."""

    codes: frozenset[str]
    known: Mapping[str, str]
    zone: str
    called: Callable[[str], str] = str
    with_ids: bool = False
    awaited: Mapping[str, str] = MappingProxyType({})

    def find(self, thing: str) -> str | None:
        """Return what an id is of; None where that is not known."""
        return self.known.get(thing) or self.awaited.get(thing)

    def say(self, value: object) -> str:
        """Say a single value."""
        match value:
            case None:
                return "none"
            case bool():
                return "yes" if value else "no"
            case float():
                return f"{value:g}"
            case datetime():
                return on_both_clocks(value, self.zone)[0]
            case date():
                return value.isoformat()
            case Enum():
                return say(value.value)
        text = str(value)
        if text in self.codes:
            return say(text)
        name = self.find(text) or self.called(text)
        told = ":" in text or text in name or name_of(text) in name
        return f"{name} ({text})" if self.with_ids and not told else name

    def spell(self, value: object) -> Any:
        """Say all that a nested value holds. Lists and what has names stay as they were; so does None: "none" is an
        answer."""
        match value:
            case None:
                return None
            case Mapping():
                return {
                    self.known.get(str(name)) or say_name(str(name)): self._spell_named(name, inner)
                    for name, inner in value.items()
                }
            case str():
                return self.say(value)
            case Sequence() | set() | frozenset():
                return [self.spell(inner) for inner in value]
        return self.say(value)

    def _spell_named(self, name: object, value: Any) -> Any:
        if name == "occasion" and isinstance(value, str):
            return describe_occasion(value, self)
        return say(value) if name in CODED else self.spell(value)


def say_name(name: str) -> str:
    """Return what a field is called, or a kind of event: of those it is counted how often each happened."""
    title = title_of_event(name)
    return say(name) if title == name else title[:1].lower() + title[1:]


NO_TERMS: Final = Terms(frozenset(), {}, "UTC")
"""Where there is no journey yet."""


def terms_of(
    events: Iterable[e.Event], zone: str, protocol: Protocol | None = None, *, with_ids: bool = False
) -> Terms:
    """Return what these events of a journey, and their protocol, call things."""
    known: dict[str, str] = {}
    awaited: dict[str, str] = {}
    for event in events:
        match event.body:
            case e.PathwayStarted():
                protocol = protocol or event.body.protocol
            case e.ObligationsUpdated():
                awaited |= {each.id: each.what for each in event.body.opened}
            case e.ContactsScheduled():
                known |= {each.id: describe_contact(each, zone) for each in event.body.contacts}
            case e.HoldPlaced():
                known[event.body.hold] = name_hold(event.body.hold, event.body.reason)
            case e.SessionScheduled():
                known |= _session(event.body.session)
            case e.DoseRecorded():
                known[event.body.dose] = f"dose taken {on_both_clocks(event.body.taken_at, zone)[0]}"
            case body:
                for name, said_by in NAMED_BY.items():
                    if (said := getattr(body, said_by, None)) and (made := getattr(body, name, None)):
                        known.setdefault(made, said)
    if protocol is not None:
        known |= {each.code: f"{each.text} ({each.code})" for each in protocol.exclusions}
    codes = codes_of_models() | (frozenset() if protocol is None else codes_of(protocol))
    return Terms(codes, known, zone, with_ids=with_ids, awaited=awaited)


def terms_of_journey(journey: Journey) -> Terms:
    """Return what a journey as it stands calls things; ids stand behind what they are of."""
    zone = journey.patient.zone
    known = {
        **{each.id: describe_contact(each, zone) for each in journey.contacts.values()},
        **{each.id: name_hold(each.id, each.reason) for each in journey.holds.values()},
        **{name: said for number in journey.sessions for name, said in _session(number).items()},
        **{each.id: each.report.what for each in journey.adverse_events.values()},
        **{each.id: each.text for each in journey.questions.values()},
        **{each.id: each.what for each in journey.medicines.values()},
        **{each.request: f"{say(each.kind)}, signed {on_both_clocks(each.at, zone)[0]}" for each in journey.sign_offs},
    }
    plain = terms_of((), zone, journey.protocol, with_ids=True)
    return plain._replace(
        known={**plain.known, **known}, awaited={each.id: each.what for each in journey.waiting.values()}
    )


def _session(number: int) -> dict[str, str]:
    """Return what a session is called where it is named as a source, or as what a decision is about."""
    return {f"session-{number}": f"session {number}"}


def name_hold(hold: str, reason: str = "") -> str:
    """Say which hold it is: care may be held more than once, and twice for the same reason."""
    return f"{name_of(hold)}: {reason}" if reason else name_of(hold)


def name_contact(contact: Contact) -> str:
    """Say what a contact is for: a visit, a check-in, or which questionnaire."""
    return say(contact.instrument or contact.type)


def describe_contact(contact: Contact, zone: str) -> str:
    """Say which contact it is that is owed to a patient."""
    return f"{name_contact(contact)} due {on_both_clocks(contact.due, zone)[0]}"


def describe_occasion(occasion: str, terms: Terms) -> str:
    """Say on which occasion a questionnaire was, or is to be, filled in."""
    if occasion == BASELINE:
        return "baseline"
    head, _, rest = occasion.partition("-")
    number = rest.partition("-")[0]
    if head == "session" and number.isdecimal():
        return f"before session {number}"
    if occasion in terms.known:
        return terms.known[occasion]
    return "at no planned time" if head in ("asked", "unscheduled") else say(occasion)


def codes_of(protocol: Protocol) -> frozenset[str]:
    """Return the codes of a protocol: the words joined by underscores that stand in it, as a value or a name."""
    return _codes_written(protocol.written)


@lru_cache(maxsize=64)
def _codes_written(protocol: str) -> frozenset[str]:
    """Return the codes of a protocol that is given as JSON. Thousands of journeys pin the same few."""
    return frozenset(each for each in _texts(json.loads(protocol)) if "_" in each and each.isidentifier())


def _texts(value: object) -> Iterable[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for name, inner in value.items():
                yield name
                yield from _texts(inner)
        case list():
            for inner in value:
                yield from _texts(inner)


@cache
def codes_of_models() -> frozenset[str]:
    """Return the codes that commands, events and refusals may hold, whatever the protocol."""
    models = (*get_args(get_args(e.AnyEventBody)[0]), *get_args(get_args(c.AnyBody)[0]))
    found = {code for model in models for code in _codes(model, set())} | {*RefusalCode, *ScoreFlag, *ScoreChange}
    return frozenset(str(code) for code in found if "." not in code)


def _codes(kind: Any, seen: set[type]) -> Iterable[str]:
    if isinstance(kind, type) and issubclass(kind, Enum):
        yield from (str(each.value) for each in kind)
    elif get_origin(kind) is Literal:
        yield from map(str, get_args(kind))
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        if kind not in seen:
            seen.add(kind)
            for field in kind.model_fields.values():
                yield from _codes(field.annotation, seen)
    else:
        for part in get_args(kind):
            yield from _codes(part, seen)
