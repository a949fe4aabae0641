"""Says in words what changed from one protocol to another, for those who are asked to sign the newer one."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from application.words.changes import Change, Path
from application.words.codes import say
from application.words.lines import describe_change, describe_place
from application.words.terms import NO_TERMS, Terms, codes_of
from workflows.journey.protocol import EscalationStep, Protocol
from workflows.journey.views.summary import describe_action

Content: TypeAlias = dict[str, Any]


def compare_protocols(old: Protocol, new: Protocol) -> tuple[Change, ...]:
    """Return every difference between two protocols, in the order of the file."""
    return tuple(_changes((), old.model_dump(mode="json"), new.model_dump(mode="json")))


def describe_differences(found: Sequence[Change], old: Protocol, new: Protocol) -> list[str]:
    """Return the differences as sentences. Differences about the same thing become one sentence."""
    terms = NO_TERMS._replace(codes=codes_of(old) | codes_of(new))
    return list(dict.fromkeys(_sentence(change, old, new, terms) for change in found))


def _changes(path: Path, old: Any, new: Any) -> Iterator[Change]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _by_name(path, old, new)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _in_list(path, old, new)
    else:
        yield Change(path, old, new)


def _by_name(path: Path, old: Content, new: Content) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        yield from _changes((*path, name), old.get(name), new.get(name))


def _in_list(path: Path, old: list[Any], new: list[Any]) -> Iterator[Change]:
    items = [*old, *new]
    if all(isinstance(item, dict) and "code" in item for item in items):
        before, after = ({item["code"]: item for item in side} for side in (old, new))
        yield from _by_name(path, before, after)
        if not _same_order([*before], [*after]):
            yield Change((*path, "order"), [*before], [*after])
    elif all(isinstance(item, dict) for item in items):
        for n in range(max(len(old), len(new))):
            yield from _changes((*path, n + 1), old[n] if n < len(old) else None, new[n] if n < len(new) else None)
    elif all(isinstance(item, str) for item in items) and set(old) != set(new) and _same_order(old, new):
        yield from (Change((*path, word), word, None) for word in old if word not in new)
        yield from (Change((*path, word), None, word) for word in new if word not in old)
    else:
        yield Change(path, old, new)


def _same_order(old: list[str], new: list[str]) -> bool:
    """Whether the names that both have come in the same order."""
    return [word for word in old if word in new] == [word for word in new if word in old]


def _sentence(change: Change, old: Protocol, new: Protocol, terms: Terms) -> str:
    added = change.then is None
    match change.path:
        case ("escalation_policies", str(name), ("steps" | "acknowledged") as phase, int(n), *_):
            once = "" if phase == "steps" else ", once acknowledged"
            step = f"{_policy(name)}{once}: step {n}"
            before, after = _step_at(old, name, phase, n), _step_at(new, name, phase, n)
            if before is None or after is None:
                return f"{step} {_came(added=added)}: {describe_step(after or before)}"
            return f"{step} {_step_changed(str(change.path[-1]), before, after)}"
        case ("escalation_policies", name):
            return f"{_policy(name)} {_came(added=added)}"
        case ("escalation_policies", name, "due_minutes"):
            return f"{_policy(name)}: due after {change.now} min (was {change.then} min)"
        case ("sign_offs", kind, "roles", role):
            return f"sign-off “{say(kind)}”: {say(role)} {'may now sign too' if added else 'may no longer sign'}"
        case ("sign_offs", kind, "cosigned_by", role):
            may = "may now sign" if added else "may no longer sign"
            return f"sign-off “{say(kind)}”: {say(role)} {may} as the second person"
        case ("exclusions", code) if code != "order":
            item = change.now or change.then
            return f"exclusion {code} {_came(added=added)}: {item['text']} ({say(item['rule'])})"
        case ("exclusions", code, field):
            return describe_change(Change((f"exclusion {code}", field), change.then, change.now), terms)
        case (*_, word) if word in (change.then, change.now) and None in (change.then, change.now):
            place = " › ".join(describe_place(Change(change.path[:-1], None, None), terms))
            return f"{place}: “{terms.say(word)}” {_came(added=added)}"
    return describe_change(change, terms)


def _came(*, added: bool) -> str:
    return "added" if added else "removed"


def _policy(name: object) -> str:
    return f"escalation policy “{say(name)}”"


def _step_at(protocol: Protocol, policy: str, phase: str, n: int) -> EscalationStep | None:
    known = protocol.escalation_policies.get(policy)
    steps = () if known is None else known.steps_when(acknowledged=phase == "acknowledged")
    return steps[n - 1] if n <= len(steps) else None


def _when(step: EscalationStep) -> str:
    if step.days_before is not None:
        return f"{step.days_before} days before"
    return f"after {step.minutes} min" if step.percent is None else f"at {step.percent} % of the time"


def describe_step(step: EscalationStep | None) -> str:
    """Say in words what a step of an escalation policy does, and when."""
    assert step is not None
    again = "" if step.repeat_minutes is None else f", again every {step.repeat_minutes} min"
    flags = f"{' (hold)' if step.hold else ''}{' (alarm)' if step.alarm else ''}"
    return f"{_when(step)}: {describe_action(step.action, step.to)}{flags}{again}"


def _step_changed(field: str, before: EscalationStep, after: EscalationStep) -> str:
    match field:
        case "minutes" | "percent":
            return f"now {_when(after)} (was {_when(before)})"
        case "action" | "to":
            then, now = (describe_action(step.action, step.to) for step in (before, after))
            return f"now is: {now} (was: {then})"
        case "hold":
            return "now places a hold" if after.hold else "no longer places a hold"
        case "repeat_minutes" if after.repeat_minutes is None:
            return "is no longer repeated"
        case "repeat_minutes":
            return f"now is repeated every {after.repeat_minutes} min"
    return "now is an alarm" if after.alarm else "no longer is an alarm"
