"""What `record verify` says: on the screen, to scripts, and in a report that can be handed on."""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from door.outcomes import Problem
from door.screen import Screen, facts, row, table

if TYPE_CHECKING:
    from activities.record.verification.anchors import Anchor
    from activities.record.verification.chains import Finding
    from activities.record.verification.journeys import VerificationResult

FORMAT = "care-pathway/report/1"
PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"

MEANINGS: Mapping[str, str] = {
    "position": "There is a gap in the log before this event: events were removed, or this one was put in.",
    "version": "There is a gap in the journey before this event: events were removed, or this one was put in.",
    "clock": "It says it was recorded before the event that precedes it.",
    "content": "The event is not what was recorded: something in this row was changed.",
    "journey_chain": "The event does not follow from the one before it in its journey.",
    "log_chain": "The event does not follow from the one before it in the log.",
    "head": "The journey's last event is not the one its head names: its end was cut off or added to.",
    "unreadable": "The event cannot be read, or the journey's opening cannot. It counts as not having happened.",
    "mislabelled": "The event says it is of another kind than what it holds.",
    "unsigned": "A decision or delegation without a signature. Nobody made it.",
    "unknown_key": "The register has no such key, or not two people enrolled it.",
    "bad_signature": "The signature was not made with this key over this decision: one of them was changed or copied.",
    "wrong_person": "The key is somebody else's.",
    "wrong_role": "The key is enrolled for another role, or neither role nor delegation let this person decide it.",
    "wrong_name": "The printed name is not the one the key is enrolled under.",
    "wrong_licence": "The licence is not the one the key is enrolled with.",
    "wrong_meaning": "It says it means something else than the protocol gives it.",
    "wrong_state": "The licence does not cover the state the patient was in.",
    "wrong_evidence": "What was signed is not what the record says was there to decide on.",
    "wrong_count": "It counts as the decision of more, or fewer, people than the protocol asks for.",
    "not_theirs": "They wrote it or signed it first themselves, or had their right from who did.",
    "not_yet_valid": "It was signed before the key was enrolled, or after it was decided.",
    "expired": "It was decided after the signature had expired.",
    "valid_too_long": "The signature let itself be valid for more than an hour.",
    "licence_expired": "The licence was over when it was decided.",
    "revoked": "The key had been revoked.",
    "recorded_after_revocation": "It says it was decided before the key was revoked, and was recorded after.",
    "nonce_reused": "The same signature number stands under an earlier decision.",
    "released_unsigned": "A hold or a session was released without the signed decision that needs.",
    "gate_shut": "A session was released though something else than a signature stood in its way.",
    "effect_unsigned": "The journey went on, or ended, without the signed decision that takes.",
    "protocol_not_approved": "The journey began under a protocol that two people had not approved for that day.",
    "wrong_protocol": "The protocol in the record is not the one the journey says it is under.",
    "anchor_unreadable": "An anchor of this position cannot be read.",
    "anchor_forged": "An anchor of this position is not signed with the key of the anchors.",
    "log_cut": "An anchor says that the log had come this far, and it has not: its end was cut off.",
    "log_rewritten": "The log up to this position is not the one an anchor was signed for.",
    "head_differs": "The journey's head has another patient, pathway or status than its events have.",
    "rows_differ": "What lists show of this journey is not what its record gives: rows were changed, lost or put in.",
    "rows_stale": "An event of this journey could not be taken into the lists, which show it as it was before.",
    "workflow_lost": "The journey is open, and Temporal does not know it.",
    "workflow_ended": "The journey is open, and Temporal has ended its run.",
    "workflow_behind": "Temporal runs an older state of the journey than is recorded.",
    "workflow_ahead": "The journey says that more of it was recorded than there is: the record was cut, or put back.",
    "workflow_quarantined": "The journey stands still: what it decided is not what is recorded, or was not signed.",
    "workflow_silent": "The journey runs and does not answer, so it is not known what it takes to be recorded.",
    "workflow_unstarted": "A patient is enrolled, and the journey never began.",
    "workflow_unrecorded": "Temporal runs a journey that nothing is recorded of.",
    "workflow_unreviewed": "Somebody looked at the journey in an emergency, and nobody is asked to review that.",
}
"""Every reason a finding can have, and what it means."""


class Part(StrEnum):
    """What is checked beside the chains, and can be left out."""

    SIGN_OFFS = "sign-offs"
    READ_MODELS = "read-models"
    WORKFLOWS = "workflows"
    ANCHORS = "anchors"


class Proof(NamedTuple):
    """What was asked for, looked at and found, oldest first.

    ``anchored`` is the newest anchor that the log agrees with, and ``since`` the one it was read from. ``workflows``
    is how many open journeys were compared. ``unchecked`` is why a part could not be checked, ``left_out`` what was
    not to be.
    """

    at: datetime
    journey_id: UUID | None
    since: "Anchor | None"
    examined: "VerificationResult"
    anchored: "Anchor | None"
    register: bytes | None
    workflows: int | None
    findings: "tuple[Finding, ...]"
    unchecked: Mapping[Part, Problem]
    left_out: frozenset[Part]

    @property
    def holds(self) -> bool:
        """Whether nothing was found and all that was asked for was checked. What could not be is not a pass."""
        return not self.findings and not self.unchecked


def content(proof: Proof) -> dict[str, Any]:
    """The proof as JSON values."""
    examined, since = proof.examined, proof.since
    judged = Part.SIGN_OFFS not in {*proof.unchecked, *proof.left_out}
    return {
        "format": FORMAT,
        "verified": proof.holds,
        "at": proof.at.isoformat(),
        "program": _program(),
        "journey_id": None if proof.journey_id is None else str(proof.journey_id),
        "since": None if since is None else {"position": since.position, "log_hash": since.log_hash},
        "position": examined.position,
        "log_hash": None if examined.log_hash is None else examined.log_hash.hex(),
        "anchored": None if proof.anchored is None else proof.anchored.position,
        "events": examined.events,
        "journeys": len(examined.journeys),
        "illustrative": examined.illustrative if judged else None,
        "sign_offs": examined.sign_offs if judged else None,
        "register": None if proof.register is None else sha256(proof.register).hexdigest(),
        "read_models": None if examined.live is None else examined.live.position,
        "workflows": proof.workflows,
        "left_out": sorted(proof.left_out),
        "not_checked": [
            {"part": part, "reason": problem.reason, "remedy": problem.remedy}
            for part, problem in proof.unchecked.items()
        ],
        "findings": [
            {
                "position": finding.position,
                "journey_id": None if finding.journey_id is None else str(finding.journey_id),
                "version": finding.version,
                "reason": finding.reason,
                "meaning": MEANINGS[finding.reason],
            }
            for finding in proof.findings
        ],
    }


def _program() -> str:
    """The version of this program: of the installed one, or of the checkout it is run from."""
    try:
        return version("carepath")
    except PackageNotFoundError:
        return str(tomllib.loads(PROJECT.read_text())["project"]["version"])


def show(screen: Screen, proof: Proof) -> None:
    """The proof for people."""
    examined, findings = proof.examined, proof.findings
    screen.illustrative(bool(examined.illustrative))

    def checked(part: Part, said: str) -> str:
        if part in proof.left_out:
            return "left out"
        return said if part not in proof.unchecked else f"not checked: {proof.unchecked[part].reason}"

    live = examined.live
    screen.show(
        facts(
            {
                "result": _result(proof),
                "events": examined.events,
                "sign-offs": checked(Part.SIGN_OFFS, str(examined.sign_offs)),
                "lists": checked(Part.READ_MODELS, "" if live is None else f"as of position {live.position}"),
                "open workflows": checked(Part.WORKFLOWS, str(proof.workflows)),
                "journeys": len(examined.journeys),
                "illustrative": f"{examined.illustrative} of them" if examined.illustrative else None,
                "behind position": None if proof.since is None else proof.since.position,
                "up to position": examined.position,
                "hash there": None if examined.log_hash is None else examined.log_hash.hex(),
                "newest anchor": None if proof.anchored is None else f"position {proof.anchored.position}",
            },
            "The record" if proof.journey_id is None else f"The record of journey {proof.journey_id}",
        )
    )
    if findings:
        shown = table("position", "journey", "version", "reason", "what it means", title="Findings")
        for line in findings:
            row(shown, line.position, line.journey_id, line.version, line.reason, MEANINGS[line.reason])
        screen.show(shown)
        screen.note("Nothing was changed by looking. Keep the record as it is; docs/operations.md says what to do.")
    for part, problem in proof.unchecked.items():
        screen.note(f"The {part} were not checked: {problem.reason}. {problem.remedy}.")
    if proof.journey_id is not None:
        screen.note("Only this journey was looked at. Its place in the log is checked when JOURNEY is left out.")
    elif proof.since is not None:
        screen.note(
            f"What lies before position {proof.since.position} is taken as the anchor has it: a change there was not "
            "looked for, but in journeys in which something happened since."
        )
    elif proof.anchored is None:
        screen.note("There was no anchor: newest events that were cut off together with their heads would not show.")


def _result(proof: Proof) -> str:
    if proof.findings:
        return f"NOT VERIFIED: {len(proof.findings)} {'finding' if len(proof.findings) == 1 else 'findings'}"
    if proof.unchecked:
        return f"NOT VERIFIED: the {' and the '.join(proof.unchecked)} were not checked"
    left_out = f"; left out: {', '.join(sorted(proof.left_out))}" if proof.left_out else ""
    return f"everything that was checked is right{left_out}"
