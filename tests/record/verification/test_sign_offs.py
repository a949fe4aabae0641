"""The record alone tells a signed decision from any other, by code that shares nothing with the signing."""

import ast
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import pytest

from activities.record import Log, Record, StoredEvent
from activities.record.event_codec import to_new
from activities.record.verification import sign_offs as offline
from activities.record.verification.record import verify_record
from activities.record.verification.sign_offs import Reason, RegisterNotVerified, check_event, trusted_keys
from activities.record.verification.verify_export import SessionFault
from activities.signatures.signer_registry import Register, revoke
from simulation.people import CLINIC, PEOPLE, SECOND_CLINIC
from tests.journey.instruments.vectors import c_ssrs
from tests.journey.play import JOURNEY, START, Play, before, course, started
from tests.signatures.recorded import EARLY, LONG_AGO, history, keep, only, rows, sign_offs, signature_of
from tests.signatures.room import CLIO_KEY, KEYS, ORGANISATION, approval, key_of, published
from workflows.journey import events as e
from workflows.journey.actors import Role
from workflows.journey.aggregate import Journey, fold
from workflows.journey.commands import Delegate, RecordInstrument, Withdraw
from workflows.journey.evidence import evidence_of
from workflows.journey.instruments import Instrument
from workflows.journey.protocol import Pathway, SignOffKind
from workflows.journey.refusals import Refusal
from workflows.journey.signed_statement import ProtocolApproval
from workflows.journey.stage import Outcome, Stage
from workflows.protocols import list_pathways

RELEASES = (
    e.CrisisClosed,
    e.CrisisReached,
    e.RiskLevelSigned,
    e.DeathEnteredInError,
    e.HoldReleased,
    e.SessionReleased,
)


async def found(record: Record, whole: Register = EARLY) -> set[tuple[int, str]]:
    examined = await verify_record(record, keys=trusted_keys(published(whole), ORGANISATION.public_key))
    of_decisions = {*get_args(Reason)} - {*get_args(SessionFault)}  # who else acted is tried in test_sessions
    found = [finding for finding in examined.findings if finding.reason in of_decisions]
    return {(finding.version or 0, finding.reason) for finding in found}


def went_on(*, ended: bool = True) -> set[tuple[int, str]]:
    """The stages and the end of the undisturbed course, each as one that no valid sign-off stands behind."""
    kinds = (e.StageEntered, e.PathwayEnding) if ended else e.StageEntered
    return {(each.version, "effect_unsigned") for each in history() if isinstance(each.body, kinds)}


def released(events: Iterable[e.Event] | None = None, *, whatever: bool = False) -> set[tuple[int, str]]:
    """The releases in a history, each as one that no valid sign-off stands behind. A level or a contact that has a
    signature of its own rests on nothing else: it is among them where ``whatever`` was signed does not count."""
    of = [each for each in (history() if events is None else events) if isinstance(each.body, RELEASES)]
    alone = ("risk_level:", "crisis_reached:")
    return {
        (each.version, "released_unsigned")
        for each in of
        if whatever or not getattr(each.body, "sign_off", "").startswith(alone)
    }


async def test_a_signed_course_has_nothing_wrong(record: Record) -> None:
    await keep(record, rows(history()))
    assert len(sign_offs()) > 5
    assert await found(record) == set()


async def test_a_decision_without_a_signature_is_found(record: Record) -> None:
    """It counts as not made: nothing that was released on its strength was released by anybody."""
    await keep(record, rows(history(), signature=lambda _event: None))
    assert released()
    assert len(went_on()) == 5
    assert (
        await found(record)
        == {(event.version, "unsigned") for event in sign_offs()} | released(whatever=True) | went_on()
    )


async def test_an_unsigned_decision_keeps_nothing_after_it_from_being_judged(record: Record) -> None:
    first, *_, last = sign_offs()
    made = rows(
        history(),
        signature=lambda event: None if event is first else signature_of(event),
        body=only(last.version, lambda body: body.update(evidence="0" * 64)),
    )
    await keep(record, made)
    expected = {(first.version, "unsigned"), (last.version, "bad_signature"), (last.version, "wrong_evidence")}
    screening = {(each.version, "effect_unsigned") for each in history() if isinstance(each.body, e.StageEntered)}
    assert await found(record) == expected | released() | {min(screening)}


@pytest.mark.parametrize(
    "change",
    [
        {"request": "plan:9"},
        {"decision": "decline"},
        {"rationale": "another reason"},
        {"rationale": None},
        {"referral": "elsewhere"},
        {"choice": "other"},
    ],
    ids=str,
)
async def test_a_changed_decision_is_found(record: Record, change: dict[str, Any]) -> None:
    last = sign_offs()[-1]
    await keep(record, rows(history(), body=only(last.version, lambda body: body.update(change))))
    # A discharge that was declined ended nothing.
    rested = went_on() if "decision" in change else set()
    assert await found(record) == {(last.version, "bad_signature"), *(one for one in rested if one[0] > last.version)}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"meaning": "plan_approved"}, "wrong_meaning"),
        ({"evidence": "0" * 64}, "wrong_evidence"),
        ({"name": "Mallory Invented, MD"}, "wrong_name"),
        ({"licence": {"number": "1", "states": ["CA"], "expires": "2099-12-31"}}, "wrong_licence"),
        ({"licence": {"number": "1", "states": ["WA"], "expires": "2099-12-31"}}, "wrong_state"),
    ],
    ids=str,
)
async def test_a_change_is_found_by_what_it_contradicts_too(
    record: Record, change: dict[str, Any], reason: str
) -> None:
    last = sign_offs()[-1]
    await keep(record, rows(history(), body=only(last.version, lambda body: body.update(change))))
    assert {(last.version, "bad_signature"), (last.version, reason)} <= await found(record)


async def test_evidence_changed_under_a_signature_is_found(record: Record) -> None:
    """The signature is untouched and right; what it was given for is not what the record now says."""
    evaluated = next(event for event in history() if isinstance(event.body, e.EvaluationRecorded))
    section = next(iter(evaluated.body.sections))  # type: ignore[union-attr]
    forged = only(evaluated.version, lambda body: body["sections"].update({section: "rewritten"}))
    await keep(record, rows(history(), body=forged))
    reasons = await found(record)
    assert {reason for _, reason in reasons} == {"wrong_evidence", "released_unsigned", "effect_unsigned"}
    assert {(sign_offs()[0].version, "wrong_evidence"), *released(), *went_on(ended=False)} <= reasons


async def test_a_decision_in_another_name_is_found(record: Record) -> None:
    last = sign_offs()[-1]
    await keep(
        record,
        rows(history(), columns=lambda event: {"actor_id": "demo-mallory"} if event is last else {}),
    )
    assert await found(record) == {(last.version, "bad_signature"), (last.version, "wrong_person")}


async def test_a_decision_the_protocol_gives_to_others_is_found(record: Record) -> None:
    """Signed by somebody enrolled, with their own key: they are not who the protocol lets decide this."""
    protocol, other = course("PTSD").journey.protocol, PEOPLE[Role.ON_CALL_CLINICIAN]
    event = next(
        event
        for event in sign_offs()
        if isinstance(event.body, e.SignedOff) and other.role not in protocol.sign_offs[event.body.sign_off].roles
    )
    forged = event.model_copy(
        update={
            "actor_id": other.id,
            "actor_role": other.role,
            "body": event.body.model_copy(update={"name": other.name, "licence": other.licence}),
        }
    )
    await keep(record, rows(forged if each is event else each for each in history()))
    assert await found(record) == {(event.version, "wrong_role")}


async def test_a_signature_moved_to_another_journey_is_found(record: Record) -> None:
    version, made, other = sign_offs()[0].version, rows(history()), uuid4()
    await keep(record, made)
    await record.append(other, 0, [row.model_copy(update={"event_id": uuid4()}) for row in made[:version]])
    keys = trusted_keys(published(EARLY), ORGANISATION.public_key)
    checked = await verify_record(record, keys=keys)
    findings = checked.findings
    assert [(f.journey_id, f.version, f.position) for f in findings] == [(other, version, len(made) + version)] * 3
    # Its evidence names the journey it is for.
    assert [finding.reason for finding in findings] == ["bad_signature", "nonce_reused", "wrong_evidence"]
    both = (len(checked.journeys), checked.illustrative, checked.events, checked.position)
    assert both == (2, 2, len(made) + version, len(made) + version)
    alone = await verify_record(record, keys=keys, journey_id=other)
    assert (alone.findings, alone.journeys, alone.events, alone.sign_offs) == (findings, [other], version, 1)
    clean = await verify_record(record, keys=keys, journey_id=JOURNEY)
    assert (clean.findings, clean.sign_offs, clean.position) == ((), len(sign_offs()), len(made))


async def test_a_nonce_used_twice_is_found_at_its_second_use(record: Record) -> None:
    first, second, *_ = sign_offs()

    def sealed(event: e.Event) -> dict[str, Any]:
        return signature_of(event, nonce="ab" * 16) if event in (first, second) else signature_of(event)

    await keep(record, rows(history(), signature=sealed))
    assert await found(record) == {(second.version, "nonce_reused")}


async def test_times_are_checked(record: Record) -> None:
    early, late, long, backwards, *_ = sign_offs()
    times = {
        early.version: {"signed_at": early.at + timedelta(minutes=3), "expires_at": early.at + timedelta(minutes=9)},
        late.version: {"signed_at": late.at - timedelta(minutes=9), "expires_at": late.at - timedelta(minutes=1)},
        long.version: {"expires_at": long.at + timedelta(hours=2)},
        backwards.version: {"expires_at": backwards.at - timedelta(hours=1)},
    }
    await keep(record, rows(history(), signature=lambda event: signature_of(event, **times.get(event.version, {}))))
    assert await found(record) == {
        (early.version, "not_yet_valid"),
        (late.version, "expired"),
        (long.version, "valid_too_long"),
        (backwards.version, "not_yet_valid"),
        (backwards.version, "expired"),
    }


async def test_a_revocation_is_a_fact_in_time(record: Record) -> None:
    """The journey is still to come, so that the record's own clock is earlier than everything in it."""
    events = course("PTSD", datetime.now(UTC) + timedelta(days=1)).events
    await keep(record, rows(events))
    mine = [event for event in events if isinstance(event.body, e.SignedOff) and event.actor_id == CLIO_KEY.person]
    middle = mine[len(mine) // 2]
    moment = middle.at
    gone = revoke(EARLY, CLIO_KEY.key_id, at=moment, because="computer lost", by="demo-security")
    assert await found(record, gone) == {(event.version, "revoked") for event in mine if event.at >= moment}
    after = revoke(EARLY, CLIO_KEY.key_id, at=mine[-1].at + timedelta(1), because="left", by="demo-security")
    assert await found(record, after) == set()


async def test_a_decision_dated_back_to_before_a_revocation_is_found(record: Record) -> None:
    """The record's own clock is later than all of the journey here: as if it had been written afterwards."""
    first = sign_offs()[0]
    shift = first.at - datetime(2026, 3, 1, tzinfo=UTC)
    earlier = [event.model_copy(update={"at": event.at - shift}) for event in history()[: first.version]]
    await keep(record, rows(earlier))
    at = earlier[-1].at + timedelta(hours=1)
    gone = revoke(
        EARLY.model_copy(update={"issued_at": LONG_AGO}),
        KEYS[first.actor_role].key_id,
        at=at,
        because="computer lost",
        by="demo-security",
    )
    assert (first.version, "recorded_after_revocation") in await found(record, gone)


async def test_who_is_not_in_the_register_did_not_sign(record: Record) -> None:
    await keep(record, rows(history()))
    known = tuple(each for each in EARLY.entries if each.key_id != CLIO_KEY.key_id)
    mine = {event.version for event in sign_offs() if event.actor_id == CLIO_KEY.person}
    assert await found(record, EARLY.model_copy(update={"entries": known})) == {(v, "unknown_key") for v in mine}
    alone = tuple(each.model_copy(update={"enrolled_by": ("one", "one")}) for each in EARLY.entries)
    reasons = {reason for _, reason in await found(record, EARLY.model_copy(update={"entries": alone}))}
    assert reasons == {"unknown_key"}


async def test_an_entry_that_says_otherwise_is_found(record: Record) -> None:
    await keep(record, rows(history()))
    mine = {event.version for event in sign_offs() if event.actor_id == CLIO_KEY.person}

    async def with_entry(**changed: Any) -> set[tuple[int, str]]:
        entries = tuple(
            each.model_copy(update=changed) if each.key_id == CLIO_KEY.key_id else each for each in EARLY.entries
        )
        return await found(record, EARLY.model_copy(update={"entries": entries}))

    for changed, reason in (
        ({"person": "demo-other"}, "wrong_person"),
        ({"printed_name": "Other"}, "wrong_name"),
        ({"role": Role.MEDICAL_DIRECTOR}, "wrong_role"),
        ({"public_key": key_of("x", 99).public_key.hex()}, "bad_signature"),
        ({"enrolled_at": history()[-1].at}, "not_yet_valid"),
    ):
        assert await with_entry(**changed) >= {(version, reason) for version in mine}
    licence = EARLY.entries[0].licence
    assert licence is not None
    over = licence.model_copy(update={"expires": history()[0].at.date() - timedelta(2)})
    assert {reason for _, reason in await with_entry(licence=over)} == {"licence_expired", "wrong_licence"}


@pytest.mark.parametrize(
    "signature",
    [
        {},
        [],
        "signed",
        7,
        {"key_id": []},
        {"key_id": CLIO_KEY.key_id},
        {"key_id": CLIO_KEY.key_id, "nonce": "0", "value": "zz", "signed_at": "now", "expires_at": "never"},
        {
            "key_id": CLIO_KEY.key_id, "nonce": "0", "value": "00",
            "signed_at": "2026-11-23T17:00:00", "expires_at": "2026-11-23T17:00:00",
        },
    ],
    ids=str,
)  # fmt: skip
async def test_forged_rows_are_findings_and_stop_nothing(record: Record, signature: Any) -> None:
    first, last = sign_offs()[0], sign_offs()[-1]
    made = rows(
        history(),
        signature=lambda event: signature if event is first else None if event is last else signature_of(event),
    )
    await keep(record, made)
    assert {(last.version, "unsigned"), (first.version, "unreadable")} <= await found(record)


async def test_what_cannot_be_read_is_a_finding_and_what_rested_on_it_is_not_taken_on_trust(record: Record) -> None:
    broken = next(event for event in history() if isinstance(event.body, e.EvaluationRecorded)).version

    def columns(event: e.Event) -> dict[str, Any]:
        return {"payload": b'{"body":{"kind":"evaluation.recorded"}}'} if event.version == broken else {}

    await keep(record, rows(history(), columns=columns))
    reasons = await found(record)
    assert {(broken, "unreadable"), (sign_offs()[0].version, "wrong_evidence"), *released()} <= reasons
    assert {version for version, reason in reasons if reason == "unreadable"} == {broken}


async def test_a_row_that_cannot_be_read_blinds_nothing_after_it(record: Record) -> None:
    """What it held is needed by none of the decisions: a forged one is still told from the true ones."""
    last = sign_offs()[-1]
    broken = next(event for event in history() if isinstance(event.body, e.ObligationsUpdated)).version
    made = rows(
        history(),
        body=only(last.version, lambda body: body.update(rationale="another reason")),
        columns=lambda event: {"payload": b"\x00"} if event.version == broken else {},
    )
    await keep(record, made)
    assert await found(record) == {(broken, "unreadable"), (last.version, "bad_signature")}


async def test_nothing_can_be_judged_by_an_opening_that_cannot_be_read(record: Record) -> None:
    await keep(record, rows(history(), columns=lambda event: {"payload": b"[]"} if event.version == 1 else {}))
    judged = (e.SignedOff, *RELEASES, e.SessionEnded, e.StageEntered, e.PathwayEnding, e.PathwayClosed)
    unread = {event.version for event in history() if isinstance(event.body, judged)}
    assert await found(record) == {(version, "unreadable") for version in {1} | unread}


async def test_a_decision_under_another_label_is_found_and_judged(record: Record) -> None:
    last = sign_offs()[-1]
    made = rows(
        history(),
        body=only(last.version, lambda body: body.update(rationale="another reason")),
        columns=lambda event: {"event_type": "question.asked"} if event is last else {},
    )
    await keep(record, made)
    assert await found(record) == {(last.version, "mislabelled"), (last.version, "bad_signature")}


def test_without_the_organisations_register_nothing_is_judged() -> None:
    for content in (b"", b"{}", published(EARLY).replace(b"demo-clinician", b"demo-mallory")):
        with pytest.raises(RegisterNotVerified):
            trusted_keys(content, ORGANISATION.public_key)


async def test_an_empty_record_and_a_journey_without_sign_offs_are_fine(record: Record) -> None:
    assert await found(record) == set()
    await keep(record, rows(started("ANXIETY").events))
    assert await found(record) == set()


async def carry(
    record: Record, approval: ProtocolApproval | None, *, illustrative: bool = False, **changed: Any
) -> None:
    """Record the opening of the course's journey, as one that is (or is not) for a patient, in this log."""
    opening = history()[0]
    changed = {"log": await record.log_name(), "approval": approval, **changed}
    body = opening.body.model_copy(update=changed)
    opened = to_new(opening.model_copy(update={"illustrative": illustrative, "body": body}))
    await record.append(JOURNEY, 0, [opened])


def approved(*roles: Role, digest: str | None = None, **changed: Any) -> ProtocolApproval:
    """The approval of the protocol of the course by these two, signed the day before it."""
    opening = history()[0]
    assert isinstance(opening.body, e.PathwayStarted)
    protocol = opening.body.protocol
    given = {"at": opening.at - timedelta(days=1), "protocol": protocol.id, "version": protocol.version, **changed}
    return approval(*roles, digest=digest or opening.body.protocol_digest, **given)


TWO = (Role.MEDICAL_DIRECTOR, Role.CLINICIAN)


async def test_a_journey_on_an_approved_protocol_has_nothing_wrong(record: Record) -> None:
    await carry(record, approved(*TWO))
    assert await found(record) == set()
    left = revoke(EARLY, CLIO_KEY.key_id, at=history()[0].at, because="left", by="demo-security")
    assert await found(record, left) == set()


@pytest.mark.parametrize(
    "given",
    [
        lambda: None,
        lambda: approved(Role.MEDICAL_DIRECTOR),
        lambda: approved(Role.MEDICAL_DIRECTOR, Role.MEDICAL_DIRECTOR),
        lambda: approved(Role.CLINICIAN, Role.ON_CALL_CLINICIAN),
        lambda: approved(*TWO, digest="d" * 64),
        lambda: approved(*TWO, version=9),
        lambda: approved(*TWO, protocol="another"),
        lambda: approved(*TWO, clinics=(SECOND_CLINIC,)),
        lambda: approved(*TWO, clinics=(SECOND_CLINIC,)).model_copy(update={"clinics": (CLINIC,)}),
        lambda: approved(*TWO, at=START - timedelta(days=400)),
        lambda: approved(*TWO, at=START + timedelta(minutes=5)),
        lambda: approved(*TWO, at=LONG_AGO - timedelta(days=1), days=9999),
        lambda: swapped(approved(*TWO)),
        lambda: renamed(approved(*TWO)),
        lambda: approved(*TWO, organisation="Another"),
    ],
    ids=[
        "none", "one", "one twice", "no director", "another text", "another version", "another protocol",
        "another clinic", "moved here", "review passed", "signed later", "before enrolment", "signatures swapped",
        "another name", "another organisation",
    ],
)  # fmt: skip
async def test_a_journey_on_a_protocol_that_is_not_approved_is_found(
    record: Record, given: Callable[[], ProtocolApproval | None]
) -> None:
    await carry(record, given())
    assert await found(record) == {(1, "protocol_not_approved")}


@pytest.mark.parametrize("changed", [{"log": "another"}, {"organisation": "Another"}], ids=str)
async def test_a_journey_that_was_begun_elsewhere_is_found(record: Record, changed: dict[str, Any]) -> None:
    """A journey copied as a whole from another log, or from another organisation, and chained anew."""
    await carry(record, approved(*TWO), **changed)
    assert await found(record) == {(1, "wrong_scope")}


async def test_a_demonstration_in_a_log_of_patients_is_found() -> None:
    opening = to_new(history()[0])
    row = StoredEvent(
        **opening.model_dump(), log_id=1, position=1, journey_id=JOURNEY, version=1,
        recorded_at=opening.occurred_at, content_hash=b"", journey_hash=b"", log_hash=b"",
    )  # fmt: skip
    keys = trusted_keys(published(EARLY), ORGANISATION.public_key)
    assert check_event(None, row, history()[0], keys, Log("a-log", demonstration=True)) == ()
    assert check_event(None, row, history()[0], keys, Log("a-log", demonstration=False)) == ("wrong_scope",)


def swapped(of: ProtocolApproval) -> ProtocolApproval:
    one, two = of.approvals
    pairs = (
        one.model_copy(update={"signature": two.signature}),
        two.model_copy(update={"signature": one.signature}),
    )
    return of.model_copy(update={"approvals": pairs})


def renamed(of: ProtocolApproval) -> ProtocolApproval:
    one, two = of.approvals
    signer = two.signer.model_copy(update={"name": "Mallory Invented, MD"})
    return of.model_copy(update={"approvals": (one, two.model_copy(update={"signer": signer}))})


async def test_signers_who_had_no_right_to_approve_a_protocol_are_found(record: Record) -> None:
    opening = history()[0]
    await carry(record, approved(*TWO))
    before = opening.at - timedelta(days=2)
    early = EARLY.model_copy(update={"issued_at": LONG_AGO})
    gone = revoke(early, CLIO_KEY.key_id, at=before, because="left", by="demo-security")
    unknown = early.model_copy(
        update={"entries": tuple(each for each in EARLY.entries if each.key_id != CLIO_KEY.key_id)}
    )
    for register_ in (gone, unknown):
        assert await found(record, register_) == {(1, "protocol_not_approved")}


async def test_a_protocol_that_is_not_what_it_is_called_is_found_in_any_journey(record: Record) -> None:
    await carry(record, None, illustrative=True, protocol_digest="d" * 64)
    assert await found(record) == {(1, "wrong_protocol")}


async def test_a_release_that_nobody_signed_for_is_found(record: Record) -> None:
    events = severe_hold().events
    without = [each for each in events if not isinstance(each.body, e.SignedOff)]
    renumbered = [each.model_copy(update={"version": n}) for n, each in enumerate(without, start=1)]
    await keep(record, rows(renumbered))
    assert await found(record) == released(renumbered, whatever=True)
    assert len(released(renumbered, whatever=True)) == 4, "who was reached, what was found, the crisis, and the hold"


async def test_a_release_in_the_name_of_another_decision_is_found(record: Record) -> None:
    """The next one with it: what its clearance was signed on shows the session before, and that is not as it was."""
    session, following, _ = (event for event in history() if isinstance(event.body, e.SessionReleased))
    await keep(record, rows(history(), body=only(session.version, lambda body: body.update(clearance="clearance:9"))))
    wrong = {(each.version, "released_unsigned") for each in (session, following)}
    assert wrong == await found(record) & released()


async def test_a_release_through_a_shut_gate_is_found(record: Record) -> None:
    """Everything is signed; it is two days too early."""
    session = next(event for event in history() if isinstance(event.body, e.SessionReleased))
    early = {"occurred_at": session.at - timedelta(days=2)}
    await keep(record, rows(history(), columns=lambda event: early if event is session else {}))
    assert (session.version, "gate_shut") in await found(record)


@pytest.mark.parametrize("pathway", list_pathways())
@pytest.mark.parametrize(
    "ends",
    [
        {"decision": "decline", "referral": "elsewhere"},
        {"choice": "in_clinic", "referral": "elsewhere"},
        {"choice": "neither", "referral": "elsewhere"},
        {},
    ],
    ids=["declined", "in clinic", "neither", "to its end"],
)
async def test_every_way_to_its_end_has_nothing_wrong(record: Record, pathway: Pathway, ends: dict[str, Any]) -> None:
    play = started(pathway)
    if ends:
        play.go_on(lambda journey: any(w.sign_off == SignOffKind.ELIGIBILITY for w in journey.waiting.values()))
        play.sign(SignOffKind.ELIGIBILITY, **ends)
    play.go_on(lambda journey: journey.closed)
    await keep(record, rows(play.events))
    assert await found(record) == set()


@pytest.mark.parametrize(
    "body",
    [
        e.StageEntered(stage=Stage.SESSIONS),
        e.StageEntered(stage=Stage.FOLLOW_UP),
        e.PathwayEnding(outcome=Outcome.COMPLETED, reason="x"),
        e.PathwayEnding(outcome=Outcome.IN_CLINIC, reason="x"),
        e.PathwayEnding(outcome=Outcome.INELIGIBLE, reason="x"),
        e.PathwayEnding(outcome=Outcome.LOST_TO_FOLLOW_UP, reason="x"),
        e.PathwayClosed(outcome=Outcome.WITHDRAWN),
    ],
    ids=lambda body: " ".join(str(value) for value in body.model_dump().values()),
)
async def test_a_step_that_nobody_signed_for_is_found(record: Record, body: e.EventBody) -> None:
    first = sign_offs()[0].version
    forged = history()[first].model_copy(update={"body": body, "event_id": uuid4()})
    await keep(record, rows([*history()[:first], forged]))
    assert await found(record) == {(first + 1, "effect_unsigned")}


async def test_a_course_that_a_review_stops_has_nothing_wrong(record: Record) -> None:
    play = started("PTSD")

    def asked(journey: Journey) -> bool:
        return any(w.sign_off == SignOffKind.RESPONSE_REVIEW for w in journey.waiting.values())

    [review] = [w for w in play.go_on(asked).journey.waiting.values() if w.sign_off == SignOffKind.RESPONSE_REVIEW]
    play.sign(SignOffKind.RESPONSE_REVIEW, review.subject, choice="stop")
    assert play.journey.stage == Stage.FOLLOW_UP
    await keep(record, rows(play.events))
    assert await found(record) == set()


async def test_what_is_ended_by_hand_takes_no_signature(record: Record) -> None:
    play = started("PTSD")
    play.do(Withdraw(reason="x"), Role.PATIENT)
    await keep(record, rows(play.events))
    assert await found(record) == set()


@cache
def severe_hold() -> Play:
    """A journey held because of a high risk, until two people have released it."""
    play = started("PTSD")
    answers = RecordInstrument(instrument=Instrument.C_SSRS, occasion="self", answers=c_ssrs("yyyynn-"))
    play.do(answers, Role.PATIENT)
    return play.go_on(lambda journey: bool(journey.holds) and not journey.held)


def by(event: e.Event, role: Role) -> e.Event:
    """The same decision, as this person's."""
    person = PEOPLE[role]
    body = event.body.model_copy(update={"name": person.name, "licence": person.licence})
    return event.model_copy(update={"actor_id": person.id, "actor_role": person.role, "body": body})


def two_signatures() -> tuple[e.Event, e.Event]:
    [one, two] = [
        each
        for each in severe_hold().events
        if isinstance(each.body, e.SignedOff) and each.body.sign_off == SignOffKind.RISK_DECISION
    ]
    return one, two


async def test_a_decision_of_two_people_has_nothing_wrong(record: Record) -> None:
    one, two = two_signatures()
    assert one.actor_id != two.actor_id
    await keep(record, rows(severe_hold().events))
    assert await found(record) == set()


async def test_a_second_signature_of_the_first_person_is_found(record: Record) -> None:
    one, two = two_signatures()
    forged = by(two, one.actor_role)
    await keep(record, rows(forged if each is two else each for each in severe_hold().events))
    assert await found(record) == {(two.version, "not_theirs")}


async def test_one_signature_that_counts_as_two_is_found(record: Record) -> None:
    one, two = two_signatures()
    alone = [each for each in severe_hold().events if each is not two]
    renumbered = [each.model_copy(update={"version": n}) for n, each in enumerate(alone, start=1)]
    await keep(record, rows(renumbered, body=only(one.version, lambda body: body.update(first_of_two=False))))
    # Only the first is not as it should be: what was released named the second one's request.
    assert await found(record) == {(one.version, "wrong_count"), *released(renumbered)}


async def test_a_second_signature_that_counts_as_a_first_is_found(record: Record) -> None:
    _, two = two_signatures()
    change = only(two.version, lambda body: body.update(first_of_two=True))
    await keep(record, rows(severe_hold().events, body=change))
    assert await found(record) == {(two.version, "wrong_count"), *released(severe_hold().events)}


def delegated(*, until: timedelta = timedelta(days=2), to: Role = Role.ON_CALL_CLINICIAN) -> tuple[list[e.Event], int]:
    """The course up to its first decision, which a colleague makes to whom its clinician delegated it; its version."""
    first = sign_offs()[0]
    assert isinstance(first.body, e.SignedOff)
    play = before("signoff.sign")
    given = play.take(
        play.command(
            Delegate(to=PEOPLE[to].id, sign_offs=(first.body.sign_off,), until=play.at + until, reason="on leave"),
            Role.CLINICIAN,
        )
    )
    assert not isinstance(given, Refusal)
    start = [event for event in history() if event.version < first.version]
    version = first.version + len(given)
    own = by(first, to).model_copy(update={"version": version, "at": play.at + timedelta(hours=1)})
    return [*start, *given, own], version


async def test_a_delegated_decision_has_nothing_wrong_while_it_is_delegated(record: Record) -> None:
    events, _ = delegated()
    await keep(record, rows(events))
    assert await found(record) == set()


async def test_a_decision_after_its_delegation_ended_is_found(record: Record) -> None:
    events, version = delegated(until=timedelta(minutes=30))
    await keep(record, rows(events))
    assert await found(record) == {(version, "wrong_role")}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"to": PEOPLE[Role.MEDICAL_DIRECTOR].id}, {"bad_signature"}),
        ({"reason": "another"}, {"bad_signature"}),
        ({"until": "2029-01-01T00:00:00.000000Z"}, {"bad_signature"}),
        ({"name": "Mallory Invented, MD"}, {"bad_signature", "wrong_name"}),
        ({"licence": {"number": "1", "states": ["WA"], "expires": "2099-12-31"}},
         {"bad_signature", "wrong_licence", "wrong_state"}),
        ({"signature": None}, {"unsigned"}),
    ],
    # Not the sets: their order, and with it the id, differs from process to process.
    ids=lambda case: next(iter(case)) if isinstance(case, dict) else "",
)  # fmt: skip
async def test_a_right_that_nobody_lent_is_found(record: Record, change: dict[str, Any], expected: set[str]) -> None:
    """Without what names them, the colleague had no right to decide either."""
    events, version = delegated()
    given = next(each.version for each in events if isinstance(each.body, e.Delegated))
    await keep(record, rows(events, body=only(given, lambda body: body.update(change))))
    lent = change.keys() & {"to", "signature"}
    decided = {(version, "wrong_role")} if lent else set()
    if "licence" in change:
        decided = {(version, "not_theirs")}  # a right lasts no longer, and goes no further, than its giver's licence
    assert await found(record) == {(given, reason) for reason in expected} | decided


async def test_a_right_that_was_not_theirs_to_lend_is_found(record: Record) -> None:
    """Truly signed, by an enrolled colleague, whose own role does not sign this."""
    events, version = delegated()
    forged = [by(each, Role.ON_CALL_CLINICIAN) if isinstance(each.body, e.Delegated) else each for each in events]
    await keep(record, rows(forged))
    given = next(each.version for each in events if isinstance(each.body, e.Delegated))
    assert await found(record) == {(given, "wrong_role"), (version, "wrong_role")}


async def test_a_decision_on_ones_own_work_is_found(record: Record) -> None:
    """The protocol says that who wrote the evaluation does not approve it."""
    opening = history()[0]
    assert isinstance(opening.body, e.PathwayStarted)
    rules = opening.body.protocol.sign_offs
    own = {**rules, SignOffKind.EVALUATION: rules[SignOffKind.EVALUATION].model_copy(update={"not_author": True})}
    protocol = opening.body.protocol.model_copy(update={"sign_offs": own})
    body = opening.body.model_copy(update={"protocol": protocol, "protocol_digest": protocol.digest})
    first = sign_offs()[0]
    state = fold([opening.model_copy(update={"body": body}), *history()[1 : first.version - 1]])
    new = {"evidence": evidence_of(state, SignOffKind.EVALUATION)}
    decision = first.model_copy(update={"body": first.body.model_copy(update=new)})
    events = [opening.model_copy(update={"body": body}), *history()[1 : first.version - 1], decision]
    await keep(record, rows(events))
    assert await found(record) == {(first.version, "not_theirs")}


def test_nothing_is_shared_with_what_signs() -> None:
    imported: set[str] = set()
    for node in ast.walk(ast.parse(Path(offline.__file__).read_text())):
        if isinstance(node, ast.ImportFrom):
            imported |= {f"{node.module}.{name.name}" for name in node.names} | {node.module or ""}
        elif isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
    ours = {name for name in imported if name.startswith(("activities", "workflows"))}
    assert not any(name.startswith("activities.signatures") for name in ours)
    assert not any(name.startswith("workflows") and "statement" in name for name in ours)
    assert not any(name.startswith("workflows.journey.base") for name in ours)
