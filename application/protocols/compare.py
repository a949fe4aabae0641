"""Says in words what changed from one protocol to another, for those who are asked to sign the newer one."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from application.changes import Change, Path
from workflows.journey.protocol import EscalationStep, Protocol

Content: TypeAlias = dict[str, Any]


def compare_protocols(old: Protocol, new: Protocol) -> tuple[Change, ...]:
    """Return every difference between two protocols, in the order of the file."""
    return tuple(_changes((), old.model_dump(mode="json"), new.model_dump(mode="json")))


def describe_differences(found: Sequence[Change], old: Protocol, new: Protocol) -> list[str]:
    """Return the differences as sentences. Differences about the same thing become one sentence."""
    return list(dict.fromkeys(_sentence(change, old, new) for change in found))


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


def _sentence(change: Change, old: Protocol, new: Protocol) -> str:
    added = change.then is None
    match change.path:
        case ("escalation_policies", str(name), ("steps" | "acknowledged") as phase, int(n), *_):
            once = "" if phase == "steps" else ", once acknowledged"
            step = f"escalation policy {name}{once}: step {n}"
            before, after = _step_at(old, name, phase, n), _step_at(new, name, phase, n)
            if before is None or after is None:
                return f"{step} {'added' if added else 'removed'}: {describe_step(after or before)}"
            return f"{step} {_step_changed(str(change.path[-1]), before, after)}"
        case ("escalation_policies", name):
            return f"escalation policy {name} {'added' if added else 'removed'}"
        case ("escalation_policies", name, "due_minutes"):
            return f"escalation policy {name}: due after {change.now} min (was {change.then} min)"
        case ("sign_offs", kind, "roles", role):
            return f"sign-off {kind}: {role} {'may now sign too' if added else 'may no longer sign'}"
        case ("sign_offs", kind, "cosigned_by", role):
            return f"sign-off {kind}: {role} {'may now sign' if added else 'may no longer sign'} as the second person"
        case ("exclusions", code) if code != "order":
            item = change.now or change.then
            return f"exclusion `{code}` {'added' if added else 'removed'}: {item['text']} ({item['rule']})"
        case ("exclusions", code, field):
            return f"exclusion `{code}`: {field} {_becomes(change)}"
        case (*_, word) if word in (change.then, change.now) and None in (change.then, change.now):
            place = Change(change.path[:-1], None, None).place
            return f"{place}: `{word}` {'added' if added else 'removed'}"
        case _:
            return f"{change.place}: {_becomes(change)}"


def _becomes(change: Change) -> str:
    return f"{_value(change.then)} becomes {_value(change.now)}"


def _value(value: Any) -> str:
    match value:
        case None:
            return "not set"
        case float() if value.is_integer():
            return str(int(value))
        case list():
            return f"[{', '.join(map(_value, value))}]"
        case dict():
            return f"{{{', '.join(f'{name}: {_value(inner)}' for name, inner in value.items())}}}"
        case bool():
            return str(value).lower()
    return str(value)


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
    return f"{_when(step)} {_describe_action(step)}{flags}{again}"


def _describe_action(step: EscalationStep) -> str:
    return f"{step.action.value} {step.to.value}"


def _step_changed(field: str, before: EscalationStep, after: EscalationStep) -> str:
    match field:
        case "minutes" | "percent":
            return f"now {_when(after)} (was {_when(before)})"
        case "action" | "to":
            return f"now is to {_describe_action(after)} (was {_describe_action(before)})"
        case "hold":
            return "now places a hold" if after.hold else "no longer places a hold"
        case "repeat_minutes" if after.repeat_minutes is None:
            return "is no longer repeated"
        case "repeat_minutes":
            return f"now is repeated every {after.repeat_minutes} min"
    return "now is an alarm" if after.alarm else "no longer is an alarm"
