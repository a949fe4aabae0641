"""A verification as JSON values, and as a signed report to hand on."""

import tomllib
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.record.verification.anchors import AnchorKeyError, read_key
from activities.record.verification.reports import signed_report
from application.errors import InvalidInput
from application.input.files import refuse_existing, write_new
from application.record.verify import Verification, VerificationPart

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
    "wrong_origin": "The passkey was used on a page of an address that is not the organisation's.",
    "user_not_verified": "The passkey did not verify that its owner was there.",
    "wrong_person": "The key is somebody else's.",
    "wrong_role": "The key is enrolled for another role, or neither role nor delegation let this person decide it.",
    "wrong_name": "The printed name is not the one the key is enrolled under.",
    "wrong_licence": "The licence is not the one the key is enrolled with.",
    "wrong_meaning": "Its meaning is not the one that the protocol gives this kind of sign-off.",
    "wrong_state": "The licence does not cover the state the patient was in.",
    "wrong_evidence": "The signed evidence is not the evidence that the record had at that moment.",
    "wrong_scope": "It was made for another organisation, record, clinic, patient or state, or for a demonstration.",
    "wrong_count": "It counts as the decision of more, or fewer, people than the protocol asks for.",
    "not_theirs": "They wrote it or gave the first signature themselves, or their right came from somebody who did.",
    "not_yet_valid": "It was signed before the key was enrolled, or after it was decided.",
    "expired": "It was decided after the signature had expired.",
    "valid_too_long": "The signature let itself be valid for more than an hour.",
    "licence_expired": "The licence was over when it was decided.",
    "revoked": "The key had been revoked.",
    "ahead_of_clock": "It is dated later than it was recorded.",
    "recorded_after_expiry": "It claims to be decided before its signature expired, and was recorded after that.",
    "recorded_after_revocation": "It claims to be decided before the key was revoked, and was recorded after that.",
    "nonce_reused": "An earlier decision has the same nonce: the signature was used before.",
    "released_unsigned": "A hold or a session was released without the signed decision it needs.",
    "gate_shut": "A session was released although the dose gate was shut for another reason than a signature.",
    "effect_unsigned": "The journey went on, or ended, without the signed decision it needs.",
    "no_command": "There is no command that gave this event: somebody added the event, or removed the command.",
    "command_changed": "The command is not the one that the event names: one of them was changed.",
    "not_derived": "Decided again, the command gives something else: this event was changed, added, or left out.",
    "stray_command": "There is a command at this version of the journey, and no event that it gave.",
    "history_differs": "It took in something else of the patient's other journeys than those said then.",
    "rests_on_less": "A session was planned, cleared or released without all that was known of the patient then.",
    "history_unread": "What it took in of the patient's other journeys could not be checked: one of those cannot be "
    "read.",
    "second_journey": "It began while another journey of the patient with the same medicine was open.",
    "patient_invented": "The record has a key of a patient of whom no event says anything: it was put in.",
    "key_of_another": "It is encrypted under another data key than its patient's, or what comes next would be: keys "
    "were assigned otherwise, and an erasure would reach another patient.",
    "patient_differs": "The record tells patients apart, or takes them for one, other than the journeys' events say.",
    "unproven": "Nothing proves who sent the command that this came of.",
    "session_unknown_key": "The register does not have the key that opened the working session of who acted.",
    "session_forged": "The working session of who acted was not signed with the key it names.",
    "session_of_another": "The working session is another person's, or for another role.",
    "session_elsewhere": "The working session is for another organisation, log or clinic.",
    "session_not_let_in": "The register has no service that lets in this person in this way.",
    "session_at_another_time": "The working session was not open then, or lasted longer than one may.",
    "session_revoked": "The key that opened the working session had been revoked.",
    "proof_forged": "The command was not signed by the key of the working session.",
    "proof_copied": "The proof of who acted was copied from another event.",
    "proof_at_another_time": "The command says that it was sent in the future, or before or after its session.",
    "merged_unsigned": "Two patients were merged, or taken apart, without the signed decision of two people.",
    "protocol_not_approved": "The journey began under a protocol that two people had not approved for that day.",
    "wrong_protocol": "The protocol in the record is not the one the journey says it is under.",
    "register_put_back": "The record has seen a newer register, or another of this version: this one was put back.",
    "anchor_unreadable": "An anchor of this position cannot be read.",
    "anchor_forged": "An anchor of this position is not signed with the key of the anchors.",
    "log_cut": "An anchor says that the log had come this far, and it has not: its end was cut off.",
    "log_rewritten": "The log up to this position is not the one an anchor was signed for.",
    "access_gap": "There is a gap in the chain of the access log before this number: entries were removed.",
    "access_gone": "The entry of the access log that had this number is gone.",
    "access_content": "The entry of the access log is not what was recorded: something in it was changed.",
    "access_chain": "The entry of the access log does not follow from the one before it.",
    "access_clock": "It says it was sealed before the entry of the access log that precedes it.",
    "access_unsealed": "An entry of the access log is older than its seals up to this number: it was put in.",
    "access_cut": "An anchor says that the access log had come further than it has: its end was cut off.",
    "access_rewritten": "The access log is not the one an anchor of this position was signed for.",
    "register_lowered": "An anchor says that a newer register was used than the record knows of: its row was removed "
    "or changed, so that an older one could be put back.",
    "head_differs": "The journey's head has another patient, medicine or status than its events have.",
    "notice_lost": "Somebody was to be told of this event, and the notice is not there: it was removed, or never left.",
    "notice_differs": "A notice of this event is not the one that it gives: it was changed, or put in.",
    "schema_differs": "Triggers, rights, functions or other objects of the database are not as this build makes them.",
    "rows_differ": "Lists show something else of this journey than its record gives: rows were changed, lost or added.",
    "rows_stale": "An event of this journey could not be applied to lists. They show it as it was before.",
    "workflow_lost": "The journey is open, and Temporal does not know it.",
    "workflow_squatted": "Something that is not this journey holds its workflow id in Temporal.",
    "workflow_ended": "The journey is open, and Temporal has ended its run.",
    "workflow_behind": "Temporal runs an older state of the journey than is recorded.",
    "workflow_ahead": "The journey says that more of it was recorded than there is: the record was cut, or put back.",
    "workflow_quarantined": "The journey is quarantined: what it decided is not what is recorded, or was not signed.",
    "workflow_contradicted": "The journey says that other things were recorded than the record has.",
    "workflow_stranded": "The journey waits for a build that no worker runs.",
    "workflow_paused": "Somebody paused the journey in Temporal: its clock stands still.",
    "workflow_stopped": "Something of the journey is overdue that happens by itself: its clock stands still.",
    "workflow_unshown": "The journey's search attributes are missing or wrong.",
    "workflow_lingering": "The journey is closed and waits for nothing, and Temporal runs it.",
    "workflow_silent": "The journey's tasks fail, or Temporal did not answer about it.",
    "workflow_unstarted": "A patient is enrolled, and the journey never began.",
    "workflow_unrecorded": "Temporal runs a journey that nothing is recorded of.",
    "workflow_unparted": "Two people signed that the patient and another one are two, and they still count as one.",
    "workflow_unreviewed": "Somebody looked at the journey in an emergency, and nobody is asked to review that.",
}
"""Every reason a finding can have, and what it means."""


def content(found: Verification) -> dict[str, Any]:
    """Return a verification as JSON values."""
    examined, since = found.examined, found.since
    judged = VerificationPart.SIGN_OFFS not in {*found.unchecked, *found.left_out}
    return {
        "format": FORMAT,
        "verified": found.holds,
        "at": found.at.isoformat(),
        "program": _program(),
        "journey_id": None if found.journey_id is None else str(found.journey_id),
        "since": None if since is None else {"position": since.position, "log_hash": since.log_hash},
        "position": examined.position,
        "log_hash": None if examined.log_hash is None else examined.log_hash.hex(),
        "anchored": None if found.anchored is None else found.anchored.position,
        "events": examined.events,
        "journeys": len(examined.journeys),
        "illustrative": examined.illustrative if judged else None,
        "sign_offs": examined.sign_offs if judged else None,
        "derived": examined.derived if VerificationPart.DERIVATION not in found.left_out else None,
        "not_derived": [
            {"core": by.core, "zones": by.zones, "events": events}
            for by, events in sorted(examined.others.items(), key=str)
        ],
        "by_builds": [
            {"core": by.core, "zones": by.zones, "events": events}
            for by, events in sorted(examined.by_builds.items(), key=str)
        ],
        "looks": found.looks,
        "late": examined.late,
        "demonstration": examined.demonstration,
        "register": None if found.register is None else sha256(found.register).hexdigest(),
        "schema": [each._asdict() for each in found.schema],
        "read_models": None if examined.live is None else examined.live.position,
        "workflows": found.workflows,
        "left_out": sorted(found.left_out),
        "not_checked": [
            {"part": part, "reason": problem.reason, "remedy": problem.remedy}
            for part, problem in found.unchecked.items()
        ],
        "findings": [
            {
                "position": finding.position,
                "journey_id": None if finding.journey_id is None else str(finding.journey_id),
                "version": finding.version,
                "reason": finding.reason,
                "meaning": MEANINGS[finding.reason],
            }
            for finding in found.findings
        ],
    }


def _program() -> str:
    """Return the version of this program: of the installed package, or of the checkout."""
    try:
        return version("carepath")
    except PackageNotFoundError:
        return str(tomllib.loads(PROJECT.read_text())["project"]["version"])


def report_key(report: Path, key: Path) -> Ed25519PrivateKey:
    """Read the key that signs a report, and require that the report's file is new.

    Raises:
        Conflict: the report's file is there already.
        InvalidInput: the key cannot be used.
    """
    refuse_existing(report, "nothing is overwritten")
    try:
        return read_key(key)
    except AnchorKeyError as error:
        raise InvalidInput(error.reason, error.remedy) from None


def write_report(report: Path, found: Verification, key: Ed25519PrivateKey) -> None:
    """Write a signed report to a new file, whether or not something was found.

    Raises:
        InvalidInput: it cannot be written.
    """
    write_new(report, signed_report(content(found), key))
