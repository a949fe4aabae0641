"""The record alone tells a signed decision from any other, by code that shares nothing with the signing."""

import ast
import inspect
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from activities.record import Record
from activities.record.verification import effects
from activities.record.verification import sign_offs as offline
from activities.record.verification.record import verify_record
from activities.record.verification.sign_offs import RegisterNotVerified, trusted_keys
from activities.signatures.register_changes import revoke
from simulation.people import PEOPLE
from tests.journey.play import JOURNEY, course, started
from tests.record.verification.finding import RELEASES, found, released, went_on
from tests.signatures.recorded import EARLY, LONG_AGO, history, keep, only, rows, sign_offs, signature_of
from tests.signatures.room import CLIO_KEY, KEYS, ORGANISATION, key_of, published
from workflows.journey import events as e
from workflows.journey.vocabulary.actors import Role


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


def test_nothing_is_shared_with_what_signs() -> None:
    imported: set[str] = set()
    for node in (node for module in (offline, effects) for node in ast.walk(ast.parse(inspect.getsource(module)))):
        if isinstance(node, ast.ImportFrom):
            imported |= {f"{node.module}.{name.name}" for name in node.names} | {node.module or ""}
        elif isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
    ours = {name for name in imported if name.startswith(("activities", "workflows"))}
    assert not any(name.startswith("activities.signatures") for name in ours)
    assert not any(name.startswith("workflows") and "statement" in name for name in ours)
    assert not any(name.startswith("workflows.journey.vocabulary.base") for name in ours)
