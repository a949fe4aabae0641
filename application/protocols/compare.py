"""Says in words what changed from one protocol to another, for those who are asked to sign the newer one."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias

from workflows.journey.protocol import EscalationStep, Protocol

Path: TypeAlias = tuple[str | int, ...]
Content: TypeAlias = dict[str, Any]


class ProtocolChange(NamedTuple):
    """A difference. A side that has nothing at this place, or where it is not set, is None."""

    path: Path
    old: Any
    new: Any

    @property
    def place(self) -> str:
        """Return where it is, as people write it: ``escalation_policies.consent.steps[3]``. Positions count from
        one."""
        shown = ""
        for part in self.path:
            if isinstance(part, int):
                shown += f"[{part}]"
            else:
                shown += f".{part}" if shown else part
        return shown


def compare_protocols(old: Protocol, new: Protocol) -> tuple[ProtocolChange, ...]:
    """Return every difference between two protocols, in the order of the file."""
    return tuple(_changes((), old.model_dump(mode="json"), new.model_dump(mode="json")))


def in_words(found: Sequence[ProtocolChange], old: Protocol, new: Protocol) -> list[str]:
    """Return the differences as sentences. Differences about the same thing become one sentence."""
    return list(dict.fromkeys(_sentence(change, old, new) for change in found))


def _changes(path: Path, old: Any, new: Any) -> Iterator[ProtocolChange]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        yield from _by_name(path, old, new)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _in_list(path, old, new)
    else:
        yield ProtocolChange(path, old, new)


def _by_name(path: Path, old: Content, new: Content) -> Iterator[ProtocolChange]:
    for name in dict.fromkeys((*old, *new)):
        yield from _changes((*path, name), old.get(name), new.get(name))


def _in_list(path: Path, old: list[Any], new: list[Any]) -> Iterator[ProtocolChange]:
    items = [*old, *new]
    if all(isinstance(item, dict) and "code" in item for item in items):
        before, after = ({item["code"]: item for item in side} for side in (old, new))
        yield from _by_name(path, before, after)
        if not _same_order([*before], [*after]):
            yield ProtocolChange((*path, "order"), [*before], [*after])
    elif all(isinstance(item, dict) for item in items):
        for n in range(max(len(old), len(new))):
            yield from _changes((*path, n + 1), old[n] if n < len(old) else None, new[n] if n < len(new) else None)
    elif all(isinstance(item, str) for item in items) and set(old) != set(new) and _same_order(old, new):
        yield from (ProtocolChange((*path, word), word, None) for word in old if word not in new)
        yield from (ProtocolChange((*path, word), None, word) for word in new if word not in old)
    else:
        yield ProtocolChange(path, old, new)


def _same_order(old: list[str], new: list[str]) -> bool:
    """Whether the names that both have come in the same order."""
    return [word for word in old if word in new] == [word for word in new if word in old]


def _sentence(change: ProtocolChange, old: Protocol, new: Protocol) -> str:
    added = change.old is None
    match change.path:
        case ("escalation_policies", str(name), "steps", int(n), *_):
            step = f"escalation policy {name}: step {n}"
            before, after = _step_at(old, name, n), _step_at(new, name, n)
            if before is None or after is None:
                return f"{step} {'added' if added else 'removed'}: {_described(after or before)}"
            return f"{step} {_step_changed(str(change.path[-1]), before, after)}"
        case ("escalation_policies", name):
            return f"escalation policy {name} {'added' if added else 'removed'}"
        case ("escalation_policies", name, "due_minutes"):
            return f"escalation policy {name}: due after {change.new} min (was {change.old} min)"
        case ("sign_offs", kind, "roles", role):
            return f"sign-off {kind}: {role} {'may now sign too' if added else 'may no longer sign'}"
        case ("sign_offs", kind, "cosigned_by", role):
            return f"sign-off {kind}: {role} {'may now sign' if added else 'may no longer sign'} as the second person"
        case ("exclusions", code) if code != "order":
            item = change.new or change.old
            return f"exclusion `{code}` {'added' if added else 'removed'}: {item['text']} ({item['rule']})"
        case ("exclusions", code, field):
            return f"exclusion `{code}`: {field} {_becomes(change)}"
        case (*_, word) if word in (change.old, change.new) and None in (change.old, change.new):
            place = ProtocolChange(change.path[:-1], None, None).place
            return f"{place}: `{word}` {'added' if added else 'removed'}"
        case _:
            return f"{change.place}: {_becomes(change)}"


def _becomes(change: ProtocolChange) -> str:
    return f"{_value(change.old)} becomes {_value(change.new)}"


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


def _step_at(protocol: Protocol, policy: str, n: int) -> EscalationStep | None:
    steps = protocol.escalation_policies[policy].steps if policy in protocol.escalation_policies else ()
    return steps[n - 1] if n <= len(steps) else None


def _when(step: EscalationStep) -> str:
    return f"after {step.minutes} min" if step.percent is None else f"at {step.percent} % of the time"


def _described(step: EscalationStep | None) -> str:
    assert step is not None
    return f"{_when(step)} {_deed(step)}{' (hold)' if step.hold else ''}{' (alarm)' if step.alarm else ''}"


def _deed(step: EscalationStep) -> str:
    return f"{step.action.value} {step.to.value}"


def _step_changed(field: str, before: EscalationStep, after: EscalationStep) -> str:
    match field:
        case "minutes" | "percent":
            return f"now {_when(after)} (was {_when(before)})"
        case "action" | "to":
            return f"now is to {_deed(after)} (was {_deed(before)})"
        case "hold":
            return "now places a hold" if after.hold else "no longer places a hold"
    return "now is an alarm" if after.alarm else "no longer is an alarm"
