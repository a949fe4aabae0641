"""The decision on a request: by whom, when, with what meaning; and what has changed since."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias

from application.errors import NotVerified
from application.words.changes import Change, compare
from workflows.journey import events as e
from workflows.journey.aggregate import Journey, fold
from workflows.journey.always.sign_offs.model import SignOff
from workflows.journey.always.sign_offs.rules import took_effect
from workflows.journey.evidence import current_decision, evidence, evidence_of, first_approval
from workflows.journey.protocol import SignOffKind
from workflows.journey.requirements import Obligation
from workflows.journey.sign_off_type import Content
from workflows.journey.sign_off_types import SIGN_OFF_TYPES
from workflows.journey.vocabulary.base import digest

DecisionStatus: TypeAlias = Literal["standing", "waits_for_second", "superseded", "withdrawn"]

GONE: tuple[DecisionStatus, ...] = ("superseded", "withdrawn")
BY_HASH = tuple(below.value for about in SIGN_OFF_TYPES.values() for below in about.rests_on)
"""Fields in which evidence names the evidence of another sign-off by its hash."""
_AROUND = ("scope", "authors", "answers", "declined_before", "withdrawn_before", "first")


class Earlier(NamedTuple):
    """An earlier request on the same matter, decided or not, with its evidence and the version it was true at."""

    request: str
    evidence: str
    version: int
    at: datetime
    signed: SignOff | None


class ChangedSince(NamedTuple):
    """Earlier requests on the same matter that are no longer valid, and what has changed since the last decided one, or
    else since the last one. ``untold`` is why the changes cannot be shown."""

    earlier: tuple[Earlier, ...]
    compared: Earlier | None = None
    changes: tuple[Change, ...] = ()
    untold: str | None = None


class PastDecision(NamedTuple):
    """A decision with all that was recorded about it, and its evidence as it was then."""

    signed: SignOff
    event: e.Event
    body: e.SignedOff
    evidence: Content
    status: DecisionStatus
    took_effect: bool
    withdrawn: e.Event | None
    since: ChangedSince


def status_of(journey: Journey, signed: SignOff) -> DecisionStatus:
    """Return the status of a decision now."""
    if signed.withdrawn:
        return "withdrawn"
    if first_approval(journey, signed.kind, signed.subject) == signed:
        return "waits_for_second"
    stands = current_decision(journey, signed.kind, signed.subject)
    if stands is None:
        return "superseded"
    both = [s for s in journey.sign_offs if (s.kind, s.subject) == (signed.kind, signed.subject) and not s.withdrawn]
    # An approval by two people is valid only as a whole.
    first = both[-2] if len(both) > 1 and both[-2].first_of_two and stands == both[-1] else None
    return "standing" if signed in (stands, first) else "superseded"


def decision_on(events: Sequence[e.Event], journey: Journey, request: str) -> PastDecision | None:
    """Return the last decision on a request; None if there is none.

    Raises:
        NotVerified: its evidence is not what was signed.
    """
    signed = next((s for s in reversed(journey.sign_offs) if s.request == request), None)
    if signed is None:
        return None
    event = next(event for event in events if event.version == signed.version)
    assert isinstance(event.body, e.SignedOff)
    then = fold(each for each in events if each.version < signed.version)
    first = first_approval(then, signed.kind, signed.subject)
    own = Earlier(request, signed.evidence, then.version, signed.at, signed)
    taken_back = (
        each
        for each in events
        if isinstance(each.body, e.SignOffWithdrawn) and each.body.request == request and signed.withdrawn
    )
    content = _content(own, then, first, signed.kind, signed.subject)
    before = tuple(_earlier(events, journey, signed.kind, signed.subject, up_to=then.version))
    now = _spread(journey, evidence(journey, signed.kind, signed.subject, first))
    changed = compare(_spread(then, content), now)
    return PastDecision(
        signed=signed,
        event=event,
        body=event.body,
        evidence=content,
        status=status_of(journey, signed),
        took_effect=took_effect(journey, signed),
        withdrawn=next(reversed(tuple(taken_back)), None),
        since=ChangedSince(before, own, changed),
    )


def changes_since(events: Sequence[e.Event], journey: Journey, request: Obligation) -> ChangedSince:
    """Return the requests before an open one, and what has changed since."""
    assert request.sign_off is not None
    kind, subject, first = request.sign_off, request.subject, first_approval(journey, request.sign_off, request.subject)
    known = _earlier(events, journey, kind, subject, up_to=journey.version)
    before = tuple(each for each in known if each.evidence != request.evidence)
    compared = next((each for each in reversed(before) if each.signed is not None), before[-1] if before else None)
    if compared is None:
        return ChangedSince(())
    then = fold(event for event in events if event.version <= compared.version)
    try:
        was = _spread(then, _content(compared, then, first_approval(then, kind, subject), kind, subject))
    except NotVerified as problem:
        return ChangedSince(before, compared, untold=problem.reason)
    now = _spread(journey, evidence(journey, kind, subject, first))
    return ChangedSince(before, compared, compare(was, now))


def _earlier(
    events: Sequence[e.Event], journey: Journey, kind: SignOffKind, subject: str | None, *, up_to: int
) -> list[Earlier]:
    """Return every request on a matter, up to a version, that is no longer valid, decided or not, the oldest first."""
    made = {signed.version: signed for signed in journey.sign_offs if (signed.kind, signed.subject) == (kind, subject)}
    answered = [signed.request for signed in made.values()]
    found: dict[str, Earlier] = {}
    for event in events:
        if event.version > up_to:
            break
        signed = made.get(event.version)
        if signed is not None:
            found[signed.request] = Earlier(signed.request, signed.evidence, event.version - 1, event.at, signed)
        elif isinstance(event.body, e.ObligationsUpdated):
            for asked in event.body.opened:
                if (asked.sign_off, asked.subject) == (kind, subject) and asked.id not in (*found, *answered):
                    found[asked.id] = Earlier(asked.id, asked.evidence or "", event.version, event.at, None)
    gone = [e_ for e_ in found.values() if e_.signed is None or status_of(journey, e_.signed) in GONE]
    return sorted(gone, key=lambda each: each.version)


def _content(earlier: Earlier, then: Journey, first: SignOff | None, kind: SignOffKind, subject: str | None) -> Content:
    content = evidence(then, kind, subject, first)
    if digest(content) != earlier.evidence:
        raise NotVerified(
            f"the evidence as recorded is not what request {earlier.request} was for",
            f"Do not rely on it; tell ops: `record verify {then.id}` says more",
        )
    return content


def _spread(journey: Journey, whole: Content) -> Content:
    """Return evidence with each hash replaced by the evidence it names, and lists arranged for people to compare."""

    def beneath(name: str, value: Any) -> Any:
        if name in BY_HASH and isinstance(value, str) and value == evidence_of(journey, SignOffKind(name)):
            return _spread(journey, evidence(journey, SignOffKind(name)))
        return value

    around = {name: whole[name] for name in _AROUND}
    return around | {name: beneath(name, value) for name, value in whole["content"].items()}
