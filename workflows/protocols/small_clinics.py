"""Whether the staff of a clinic could come to a point at which something waits for somebody whom they do not have.

Whoever wrote what is decided on, whoever signs first and whoever looked in an emergency: somebody who may is left. A
protocol says how small a clinic may be (`care_team.smallest_clinic`), and `protocol check` refuses one that would leave
such a clinic without a way on. Where another person must decide, the protocol names who else may, as further roles.
Delegated rights do not help: two signatures on one person's right are one person's decision.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from workflows.journey.always.pathway.model import Reassign
from workflows.journey.always.safety.model import HandleMessage
from workflows.journey.envelopes import CommandBody
from workflows.journey.protocol import HOUSEHOLD, CareTeam, Part, Protocol, SignOffKind, SignOffRule
from workflows.journey.sign_off_types import SIGN_OFF_TYPES
from workflows.journey.vocabulary.actors import Role
from workflows.protocols.reading import FieldPath

Member = tuple[str, Role]
"""One of the staff in one role. Somebody with two roles is there twice, under one id."""
LEFT = "in a clinic of this staff nobody may be left to sign: name one more role"
FOR_FEW: Mapping[type[CommandBody], str] = {
    HandleMessage: "say what was done about a message that the service could not read",
    Reassign: "hand a part over when somebody leaves",
}
"""What a journey may wait for and not every clinician may do, whatever the protocol says, in words."""


def smallest_clinic(care_team: CareTeam) -> tuple[Member, ...]:
    """Return the staff of the smallest clinic that a protocol is for, everybody in one role."""
    counted = care_team.smallest_clinic.items()
    return tuple((f"{role.value}-{number}", role) for role, count in counted for number in range(count))


def dead_ends(protocol: Protocol, staff: Sequence[Member]) -> Iterator[tuple[FieldPath, str]]:
    """Find what could wait for ever in a clinic of this staff, by place in the protocol."""
    yield from _find_unsigned(protocol, staff)
    # Of the staff, and somebody in any role from outside.
    lookers = [*staff, *(("outside", role) for role in Role)]
    if not all(_can_review(protocol, who, role, staff) for who, role in lookers):
        yield ("access_reviewers",), "who looked does not review it: name one more role, for when it was theirs"
    yield from _find_confused(protocol.care_team, staff)
    for command, what in FOR_FEW.items():
        if not any(role in command.roles for _, role in staff):
            able = " or ".join(role.value for role in command.roles)
            yield ("care_team", "smallest_clinic"), f"in a clinic of this staff nobody may {what}: add {able}"
    for part, roles in protocol.care_team.roles.items():
        if not any(role in roles for _, role in staff):
            yield ("care_team", "roles", part.value), "in a clinic of this staff nobody may be this: name one more role"


def _find_unsigned(protocol: Protocol, staff: Sequence[Member]) -> Iterator[tuple[FieldPath, str]]:
    """Find the sign-offs for which nobody of this staff may be left."""
    exception = protocol.eligibility.prior_treatments.exception_cosigned_by
    asked: list[tuple[FieldPath, SignOffKind, tuple[Role, ...]]] = [
        (("sign_offs", kind.value), kind, rule.cosigned_by) for kind, rule in protocol.sign_offs.items()
    ]
    if exception:
        asked.append((("eligibility", "prior_treatments", "exception_cosigned_by"), SignOffKind.EVALUATION, exception))
    for at, kind, seconds in asked:
        rule = protocol.sign_offs[kind]
        if not all(_can_sign(rule.roles, seconds, wrote, staff) for wrote in _authors(kind, rule, staff)):
            yield at, LEFT


def dead_ends_for(
    protocol: Protocol, staff: Sequence[Member], patient: str, unlicensed: Collection[str] = ()
) -> Iterator[tuple[FieldPath, str]]:
    """Find what could wait for ever for one patient, and not for every one: nobody has a part in their own care, and
    who has no licence where the patient lives signs nothing."""
    anyway = [*dead_ends(protocol, staff)]
    others = [(who, role) for who, role in staff if who != patient]
    able = [(who, role) for who, role in others if who not in unlicensed]
    found = dict.fromkeys([*dead_ends(protocol, others), *_find_unsigned(protocol, able)])
    yield from (each for each in found if each not in anyway)


def _find_confused(care_team: CareTeam, staff: Sequence[Member]) -> Iterator[tuple[FieldPath, str]]:
    """Find the first pair of parts from which on nobody could be named: a part with itself, staff with a part that
    only staff have, or more different people than there are."""
    pairs = list[tuple[Part, Part]]()
    for position, (one, other) in enumerate(care_team.distinct):
        at = ("care_team", "distinct", position)
        apart = [part for part in (one, other) if part != Part.STAFF and part not in HOUSEHOLD]
        if one == other:
            yield at, "a part cannot be kept apart from itself: nobody could be named"
        elif Part.STAFF in (one, other) and apart:
            yield at, f"whoever is {apart[0].value} is one of the staff: nobody could be named"
        elif len(apart) == 2:
            pairs.append((one, other))
            if not _can_be_apart(care_team, pairs, staff):
                yield at, "in a clinic of this staff nobody may be left for one of these: name more roles for it"
                return


def _can_be_apart(care_team: CareTeam, pairs: Sequence[tuple[Part, Part]], staff: Sequence[Member]) -> bool:
    """Whether each of these parts can be had by one of the staff, and the two of each pair by two."""
    parts = list(dict.fromkeys(part for pair in pairs for part in pair))

    def fill(given: dict[Part, str]) -> bool:
        if len(given) == len(parts):
            return True
        part = parts[len(given)]
        taken = [given[other] for pair in pairs if part in pair for other in pair if other in given]
        able = dict.fromkeys(who for who, role in staff if role in care_team.roles[part] and who not in taken)
        # More people than parts are alike: who of them it is makes no difference to the others.
        return any(fill({**given, part: who}) for who in [*able][: len(parts)])

    return fill({})


def _authors(kind: SignOffKind, rule: SignOffRule, staff: Sequence[Member]) -> Iterator[set[str]]:
    """List who of the staff may have written what they are asked about, where that matters."""
    yield set()
    if rule.not_author and SIGN_OFF_TYPES[kind].written_by != "nobody":
        yield from ({who} for who, _ in staff)
        if SIGN_OFF_TYPES[kind].written_by == "several":
            yield {who for who, _ in staff}


def _can_sign(roles: Sequence[Role], seconds: Sequence[Role], wrote: set[str], staff: Sequence[Member]) -> bool:
    """Whether somebody may sign, and, whoever of them does, somebody else after them where it takes two."""
    firsts = [who for who, role in staff if role in roles and who not in wrote]
    others = [who for who, role in staff if role in seconds and who not in wrote]
    return bool(firsts) and all(not seconds or any(who != first for who in others) for first in firsts)


def _can_review(protocol: Protocol, looked: str, role: Role, staff: Sequence[Member]) -> bool:
    """Whether somebody may review the look of somebody in this role: as `always.access.rules` says who is asked."""
    named = [reviewer.by for reviewer in protocol.access_reviewers]
    others = (place for place, by in enumerate(named, start=1) if by != role)
    asked = named[: next(others, len(named))]
    return any(theirs in asked and who != looked for who, theirs in staff)
