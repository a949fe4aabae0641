"""What was decided on a request, by whom, when and with what meaning; and what has changed since it was last decided.

Wherever a decision is shown, its printed name, time and meaning are shown with it (21 CFR 11.50(b)).
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from rich.console import RenderableType

from door.outcomes import ExitCode, Problem
from door.screen import Screen, facts, row, shown_at, table
from workflows.journey import events as e
from workflows.journey.aggregate import Journey, SignOff, fold
from workflows.journey.always.sign_offs import took_effect
from workflows.journey.base import digest
from workflows.journey.evidence import Content, current, evidence, evidence_of, half_signed
from workflows.journey.obligations import Obligation
from workflows.journey.protocol import SignOffKind

Standing = Literal["standing", "waits_for_second", "superseded", "withdrawn"]
Path = tuple[str | int, ...]

STANDS: dict[Standing, str] = {
    "standing": "it stands: the evidence is as it was signed",
    "waits_for_second": "it waits for a second person's signature, and counts for nothing until then",
    "superseded": "it is superseded: the evidence has changed since, or was decided on again",
    "withdrawn": "it was withdrawn by who made it",
}
GONE: tuple[Standing, ...] = ("superseded", "withdrawn")
BY_HASH = ("evaluation", "exclusion_review", "eligibility", "plan")
"""What evidence names by its hash alone: the evidence of another sign-off."""
_AROUND = ("authors", "answers", "declined_before", "withdrawn_before", "first")


class Change(NamedTuple):
    """A part of the evidence that differs. A side that has nothing there is None."""

    path: Path
    then: Any
    now: Any

    @property
    def place(self) -> str:
        """Where it is: ``plan.dose_mg``, ``baseline[2].score.total``; positions count from one."""
        return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in self.path).lstrip(".")

    @property
    def sentence(self) -> str:
        """The change in words."""
        place = " › ".join(f"no. {part}" if isinstance(part, int) else part.replace("_", " ") for part in self.path)
        if self.then in (None, [], {}):
            return f"{place}: now {_told(self.now)}; there was nothing"
        if self.now in (None, [], {}):
            return f"{place}: nothing any more; it was {_told(self.then)}"
        return f"{place}: now {_told(self.now)}; it was {_told(self.then)}"


class Earlier(NamedTuple):
    """An earlier request on a matter, decided or not, the evidence it was for, and the version that was true at."""

    request: str
    evidence: str
    version: int
    at: datetime
    signed: SignOff | None


class Since(NamedTuple):
    """What went before on the same matter and counts no more, and what has changed since the last of it that was
    decided; or, where none was, since the last that was asked. ``untold``: why that cannot be told."""

    earlier: tuple[Earlier, ...]
    compared: Earlier | None = None
    changes: tuple[Change, ...] = ()
    untold: str | None = None


class Decided(NamedTuple):
    """A decision with all that was recorded about it, and its evidence as it was then."""

    signed: SignOff
    event: e.Event
    body: e.SignedOff
    evidence: Content
    standing: Standing
    took_effect: bool
    withdrawn: e.Event | None
    since: Since


def standing(journey: Journey, signed: SignOff) -> Standing:
    """Whether a decision counts now."""
    if signed.withdrawn:
        return "withdrawn"
    if half_signed(journey, signed.kind, signed.subject) == signed:
        return "waits_for_second"
    stands = current(journey, signed.kind, signed.subject)
    if stands is None:
        return "superseded"
    both = [s for s in journey.sign_offs if (s.kind, s.subject) == (signed.kind, signed.subject) and not s.withdrawn]
    # An approval of two people stands as a whole.
    first = both[-2] if len(both) > 1 and both[-2].first_of_two and stands == both[-1] else None
    return "standing" if signed in (stands, first) else "superseded"


def decided(events: Sequence[e.Event], journey: Journey, request: str) -> Decided | None:
    """The last decision on a request; None if there is none.

    Raises:
        Problem: its evidence is not what was signed.
    """
    signed = next((s for s in reversed(journey.sign_offs) if s.request == request), None)
    if signed is None:
        return None
    event = next(event for event in events if event.version == signed.version)
    assert isinstance(event.body, e.SignedOff)
    then = fold(each for each in events if each.version < signed.version)
    first = half_signed(then, signed.kind, signed.subject)
    own = Earlier(request, signed.evidence, then.version, signed.at, signed)
    taken_back = (
        each
        for each in events
        if isinstance(each.body, e.SignOffWithdrawn) and each.body.request == request and signed.withdrawn
    )
    content = _content(own, then, first, signed.kind, signed.subject)
    before = tuple(_earlier(events, journey, signed.kind, signed.subject, up_to=then.version))
    now = _spread(journey, evidence(journey, signed.kind, signed.subject, first))
    changed = tuple(_changes((), _spread(then, content), now))
    return Decided(
        signed=signed,
        event=event,
        body=event.body,
        evidence=content,
        standing=standing(journey, signed),
        took_effect=took_effect(journey, signed),
        withdrawn=next(reversed(tuple(taken_back)), None),
        since=Since(before, own, changed),
    )


def since(events: Sequence[e.Event], journey: Journey, request: Obligation) -> Since:
    """What went before an open request, and what has changed since."""
    assert request.sign_off is not None
    kind, subject, first = request.sign_off, request.subject, half_signed(journey, request.sign_off, request.subject)
    known = _earlier(events, journey, kind, subject, up_to=journey.version)
    before = tuple(each for each in known if each.evidence != request.evidence)
    compared = next((each for each in reversed(before) if each.signed is not None), before[-1] if before else None)
    if compared is None:
        return Since(())
    then = fold(event for event in events if event.version <= compared.version)
    try:
        was = _spread(then, _content(compared, then, half_signed(then, kind, subject), kind, subject))
    except Problem as problem:
        return Since(before, compared, untold=problem.reason)
    now = _spread(journey, evidence(journey, kind, subject, first))
    return Since(before, compared, tuple(_changes((), was, now)))


def _earlier(
    events: Sequence[e.Event], journey: Journey, kind: SignOffKind, subject: str | None, *, up_to: int
) -> list[Earlier]:
    """Every request on a matter up to a version that counts no more, decided or not, oldest first."""
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
    gone = [e_ for e_ in found.values() if e_.signed is None or standing(journey, e_.signed) in GONE]
    return sorted(gone, key=lambda each: each.version)


def _content(earlier: Earlier, then: Journey, first: SignOff | None, kind: SignOffKind, subject: str | None) -> Content:
    content = evidence(then, kind, subject, first)
    if digest(content) != earlier.evidence:
        raise Problem(
            ExitCode.UNVERIFIED,
            f"the evidence as recorded is not what request {earlier.request} was for",
            f"Do not rely on it; tell ops: `record verify {then.id}` says more",
        )
    return content


def _spread(journey: Journey, whole: Content) -> Content:
    """Evidence with what it names by hash put in the place of the hash, and the rest as people would look for it."""

    def beneath(name: str, value: Any) -> Any:
        if name in BY_HASH and isinstance(value, str) and value == evidence_of(journey, SignOffKind(name)):
            return _spread(journey, evidence(journey, SignOffKind(name)))
        return value

    around = {name: whole[name] for name in _AROUND}
    return around | {name: beneath(name, value) for name, value in whole["content"].items()}


def changes(then: Any, now: Any) -> tuple[Change, ...]:
    """Every difference between two JSON values."""
    return tuple(_changes((), then, now))


def _changes(path: Path, then: Any, now: Any) -> Iterator[Change]:
    if then == now:
        return
    if isinstance(then, dict) and isinstance(now, dict):
        for name in dict.fromkeys((*then, *now)):
            # The plan within the evidence of the plan is the plan.
            place = path if path[-1:] == (name,) else (*path, name)
            yield from _changes(place, then.get(name), now.get(name))
    elif isinstance(then, list) and isinstance(now, list) and all(isinstance(item, dict) for item in (*then, *now)):
        for n in range(max(len(then), len(now))):
            old, new = then[n : n + 1] or [None], now[n : n + 1] or [None]
            yield from _changes((*path, n + 1), old[0], new[0])
    else:
        yield Change(path, then, now)


def _told(value: Any) -> str:
    return f"“{value}”" if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def since_for_scripts(journey: Journey, since: Since) -> dict[str, Any]:
    """What has changed and what went before, as part of an answer in JSON."""
    return {
        "untold": since.untold,
        "compared_with": None if since.compared is None else since.compared.request,
        "changes": [{"path": change.place, "then": change.then, "now": change.now} for change in since.changes],
        "superseded": [
            {
                "request": each.request,
                "evidence_hash": each.evidence,
                "at": each.at.isoformat(),
                "decided": None if each.signed is None else _signature_for_scripts(journey, each.signed),
            }
            for each in since.earlier
        ],
    }


def show_since(screen: Screen, journey: Journey, since: Since) -> None:
    """What went before a request and what has changed since, for people."""
    zone = journey.patient.zone
    if since.earlier:
        before = table("request", "at", "decision", "meaning", "by", "", title="Before, on other evidence")
        for each in since.earlier:
            signed = each.signed
            if signed is None:
                row(before, each.request, shown_at(each.at, zone), "none", "", "", "superseded")
            else:
                stands = standing(journey, signed).replace("_", " ")
                row(
                    before,
                    each.request,
                    shown_at(signed.at, zone),
                    _chosen(signed),
                    signed.meaning,
                    f"{signed.name} ({signed.role.value})",
                    stands,
                )
        screen.show(before)
    if since.untold is not None:
        screen.text(f"What has changed since cannot be told: {since.untold}.")
    if since.changes and since.compared is not None:
        screen.text(f"Changed since {since.compared.request}:")
        for change in since.changes:
            screen.text(f"• {change.sentence}")


def decided_for_scripts(journey: Journey, found: Decided) -> dict[str, Any]:
    """A decision, as an answer in JSON."""
    signed, signature = found.signed, found.body.signature
    back = found.withdrawn
    return {
        "journey_id": str(journey.id),
        "illustrative": journey.illustrative,
        "request": signed.request,
        "sign_off": signed.kind.value,
        "subject": signed.subject,
        "evidence_hash": signed.evidence,
        "decided": {
            **_signature_for_scripts(journey, signed),
            "licence": signed.licence.model_dump(mode="json"),
            "rationale": signed.rationale,
            "referral": found.body.referral,
            "version": signed.version,
            "key_id": signature.key_id,
            "signed_at": signature.signed_at.isoformat(),
            "took_effect": found.took_effect,
            "withdrawn": None if back is None else _withdrawal(back),
            "addenda": [added.model_dump(mode="json") for added in signed.addenda],
        },
        **since_for_scripts(journey, found.since),
        "evidence": found.evidence,
    }


def show_decided(screen: Screen, journey: Journey, found: Decided, short_code: str) -> None:
    """A decision, for people: who, when, what it means; then what it was made on."""
    screen.illustrative(journey.illustrative)
    screen.show(*_decision(journey, found, short_code))
    show_since(screen, journey, found.since)
    screen.document(found.evidence)


def _decision(journey: Journey, found: Decided, short_code: str) -> Iterator[RenderableType]:
    signed, signature, zone = found.signed, found.body.signature, journey.patient.zone
    licence, back = signed.licence, found.withdrawn
    yield facts(
        {
            "request": signed.request,
            "decision": _chosen(signed),
            "meaning": signed.meaning,
            "signed by": f"{signed.name} ({signed.role.value} {signed.by})",
            "licence": f"{licence.number}, {', '.join(licence.states)}, until {licence.expires}",
            "decided": shown_at(signed.at, zone),
            "signed": f"{shown_at(signature.signed_at, zone)}, by their clock",
            "rationale": signed.rationale,
            "referral": found.body.referral,
            "now": STANDS[found.standing],
            "withdrawn": None if back is None else shown_at(back.at, zone),
            "because": None if back is None else _withdrawal(back)["reason"],
            "effect": "it has taken effect" if found.took_effect else "nothing was done on its strength yet",
            "key": signature.key_id,
            "evidence hash": signed.evidence,
            "short code": short_code,
        },
        f"Decision in journey {journey.id}",
    )
    if signed.addenda:
        added = table("at", "by", "text", title="Added since")
        for addendum in signed.addenda:
            row(added, shown_at(addendum.at, zone), f"{addendum.name} ({addendum.by})", addendum.text)
        yield added


def _withdrawal(event: e.Event) -> dict[str, Any]:
    assert isinstance(event.body, e.SignOffWithdrawn)
    return {"at": event.at.isoformat(), "by": event.actor_id, "reason": event.body.reason}


def _signature_for_scripts(journey: Journey, signed: SignOff) -> dict[str, Any]:
    return {
        "decision": signed.decision,
        "choice": signed.choice,
        "meaning": signed.meaning,
        "name": signed.name,
        "by": signed.by,
        "role": signed.role.value,
        "at": signed.at.isoformat(),
        "standing": standing(journey, signed),
    }


def _chosen(signed: SignOff) -> str:
    return signed.decision if signed.choice is None else f"{signed.decision}: {signed.choice}"
