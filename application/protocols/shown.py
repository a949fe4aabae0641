"""Protocols as people look at them before they sign: each with its approval, and what changed since another one."""

from typing import NamedTuple

from application.context import Context
from application.errors import InvalidInput, NotFound
from application.protocols.approvals import ApprovalStatus, status_of
from application.protocols.compare import compare_protocols, describe_differences
from application.protocols.files import load_protocol, protocol_files
from application.reading.access_log import require_staff
from workflows.journey.protocol import Protocol
from workflows.journey.vocabulary.calendars import local
from workflows.protocols.warnings import find_warnings


class ListedProtocol(NamedTuple):
    """A protocol by the name of its file. ``protocol`` and ``approval`` are None where the file is not valid. ``told``
    is what keeps it from patients or soon will, and how its approval stands; ``fit``: it may carry patients."""

    name: str
    protocol: Protocol | None
    approval: ApprovalStatus | None
    fit: bool
    told: tuple[str, ...]


class ShownProtocol(NamedTuple):
    """A protocol, the other ones it may be compared with, by name, and the one it is compared with: ``since``.
    ``changes`` are the differences from that one in words. ``same_version``: both say that they are the same version.
    """

    listed: ListedProtocol
    protocol: Protocol
    others: tuple[ListedProtocol, ...]
    since: ListedProtocol | None
    changes: tuple[str, ...]
    same_version: bool


def list_protocols(context: Context) -> tuple[ListedProtocol, ...]:
    """List the protocols of this organisation, or the shipped ones.

    Raises:
        NotAllowed: the person is not of the staff.
    """
    require_staff(context, "protocols")
    found = []
    for file in protocol_files(context):
        try:
            protocol = load_protocol(file)
        except InvalidInput:
            why = f"its file is not valid: `protocol check {file.name}` says why"
            found.append(ListedProtocol(file.stem, None, None, False, (why,)))
            continue
        approval = status_of(context, protocol, file)
        today = local(context.now(), protocol.working_time.zone).date()
        obstacles = protocol.obstacles()
        fit = not obstacles and approval.approval is not None
        told = (*obstacles, *find_warnings(protocol, today), approval.text)
        found.append(ListedProtocol(file.stem, protocol, approval, fit, told))
    return tuple(found)


def show_protocol(context: Context, name: str, since: str = "") -> ShownProtocol:
    """Show a protocol, and what changed in it since the one that is named, or else since the version before it.

    Raises:
        NotAllowed: the person is not of the staff.
        NotFound: there is none of this name that can be read, or none to compare it with.
    """
    listed = list_protocols(context)
    shown = _named(listed, name)
    assert shown.protocol is not None
    others = tuple(each for each in listed if each.name != name and each.protocol is not None)
    before = _named(others, since) if since else _before(shown.protocol, others)
    if before is None or before.protocol is None:
        return ShownProtocol(shown, shown.protocol, others, None, (), False)
    old, new = before.protocol, shown.protocol
    changes = tuple(describe_differences(compare_protocols(old, new), old, new))
    same = bool(changes) and (old.id, old.version) == (new.id, new.version)
    return ShownProtocol(shown, new, others, before, changes, same)


def _named(known: tuple[ListedProtocol, ...], name: str) -> ListedProtocol:
    found = next((each for each in known if each.name == name and each.protocol is not None), None)
    if found is None:
        raise NotFound("there is no protocol of this name that can be read", "Choose one of the list")
    return found


def _before(protocol: Protocol, others: tuple[ListedProtocol, ...]) -> ListedProtocol | None:
    """Return the version before this one: the highest lower one of the same id."""
    earlier = [
        (each.protocol.version, each)
        for each in others
        if each.protocol is not None and each.protocol.id == protocol.id and each.protocol.version < protocol.version
    ]
    return max(earlier, key=lambda found: found[0], default=(0, None))[1]
