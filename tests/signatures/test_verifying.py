"""A signature counts for one decision by one person in their time, and no bytes make an exception."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.signatures.keys import new_seal, sign
from activities.signatures.verifying import LONGEST, SKEW, SignatureProblem, check, check_protocol
from simulation.people import CLINIC, PEOPLE, SECOND_CLINIC
from tests.signatures.room import (
    CLIO,
    CLIO_KEY,
    ENROLLED,
    KEYS,
    LAST_DAY,
    NOW,
    SCOPE,
    approval,
    register,
    revoked,
    signed,
    statement,
)
from workflows.journey.vocabulary.actors import CLINICAL, Role
from workflows.journey.vocabulary.calendars import FIRST_DAY
from workflows.journey.vocabulary.calendars import LAST_DAY as THE_END
from workflows.journey.vocabulary.clinical import US_STATES
from workflows.journey.vocabulary.signed_statement import (
    Meaning,
    ProtocolApproval,
    Scope,
    Signature,
    SignatureHeader,
    Signer,
    Statement,
    signer_of,
)
from workflows.journey.vocabulary.texts import clean_text

REGISTER = register()
DIRECTOR = signer_of(PEOPLE[Role.MEDICAL_DIRECTOR])


def judged(decided: Statement, signature: Signature, **changed: Any) -> SignatureProblem | None:
    arguments: dict[str, Any] = {"register": REGISTER, "at": NOW, "scope": SCOPE} | changed
    return check(decided, signature, arguments.pop("register"), **arguments)


def test_a_signature_counts() -> None:
    assert judged(*signed()) is None


def is_kept(text: str) -> bool:
    """Whether a text is kept just as it is."""
    try:
        return clean_text(text, lines=False) == text
    except ValueError:
        return False


CODES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,63}", fullmatch=True)
TEXTS = st.text(st.characters(categories=("L", "N", "P", "Zs")), min_size=1, max_size=50).filter(
    lambda text: is_kept(text)
)
EVER = st.datetimes(timezones=st.just(UTC))
TIMES = st.datetimes(
    min_value=datetime(1900, 1, 2),  # noqa: DTZ001 - the zone is in the next line
    max_value=datetime(2199, 12, 30),  # noqa: DTZ001
    timezones=st.timezones(),
)
HEX = {length: st.text("0123456789abcdef", min_size=length, max_size=length) for length in (32, 64, 128)}
SCOPES: dict[str, st.SearchStrategy[Any]] = {
    "organisation": TEXTS,
    "log": CODES | st.uuids().map(str),
    "demonstration": st.booleans(),
    "clinic": CODES,
    "patient": CODES,
    "state": st.sampled_from(["CA", "NY", "TX"]),
}
"""Where and for whom something may be signed; the licence of who signs is for each of these states."""
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "journey": st.uuids(),
    **{f"scope.{name}": values for name, values in SCOPES.items()},
    "request": CODES,
    "decision": st.sampled_from(["approve", "decline", "return"]),
    "meaning": st.sampled_from(Meaning),
    "evidence": HEX[64],
    "choice": st.none() | CODES,
    "rationale": st.none() | TEXTS,
    "referral": st.none() | TEXTS,
    "signer.id": CODES,
    "signer.role": st.sampled_from(Role),
    "signer.name": TEXTS,
    "signer.licence.number": TEXTS,
    "signer.licence.states": st.lists(st.sampled_from(sorted(US_STATES))).map(tuple),
    "signer.licence.expires": st.dates(FIRST_DAY, THE_END),
    "seal.key_id": CODES | st.sampled_from([key.key_id for key in KEYS.values()]),
    "seal.nonce": HEX[32],
    "seal.signed_at": TIMES,
    "seal.expires_at": TIMES,
}


def leaves(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in content.items():
        flat |= leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat


def with_field(decided: Statement, field: str, value: Any) -> Statement:
    content = decided.model_dump()
    at, *path = content, *field.split(".")
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return Statement.model_validate(content)


def test_every_field_is_tried() -> None:
    assert set(leaves(statement().model_dump())) == set(FIELDS)


@given(st.sampled_from(sorted(FIELDS)).flatmap(lambda field: st.tuples(st.just(field), FIELDS[field])))
def test_any_change_to_a_signed_decision_breaks_it(change: tuple[str, Any]) -> None:
    decided, signature = signed(choice="at_home", rationale="because", referral="to the clinic")
    altered = with_field(decided, *change)
    unchanged = altered == decided
    assert (altered.signed_bytes() == decided.signed_bytes()) == unchanged
    if not unchanged:
        expected = {SignatureProblem.BAD_SIGNATURE}
        if change[0] == "seal.key_id":
            expected.add(SignatureProblem.UNKNOWN_KEY)
        assert judged(altered, signature) in expected
        # Nor when the seal that goes with it is made to agree.
        resealed = Signature(**altered.seal.model_dump(), value=signature.value)
        assert judged(altered, resealed) in expected


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"journey": UUID(int=1)},
        {"scope": SCOPE.model_copy(update={"patient": "another"})},
        {"request": "plan:2:abc"},
        {"decision": "decline"},
        {"evidence": "f" * 64},
        {"meaning": Meaning.SESSION_CLEARED},
        {"signer": DIRECTOR},
    ],
)
def test_a_copied_signature_is_worth_nothing(elsewhere: dict[str, Any]) -> None:
    decided, signature = signed()
    assert judged(decided.model_copy(update=elsewhere), signature) == SignatureProblem.BAD_SIGNATURE


def judged_there(here: Scope, there: Scope) -> set[SignatureProblem | None]:
    """What is said in the one place of what was signed for the other, of an organisation and a log that both have these
    keys: of the statement as it was signed, and as it would read there."""
    decided, signature = signed(scope=here)
    register = REGISTER.model_copy(update={"organisation": there.organisation})
    as_read = decided.model_copy(update={"scope": there})
    return {judged(each, signature, register=register, scope=there, log=there.log) for each in (decided, as_read)}


@given(*[st.builds(Scope, **SCOPES)] * 2)
def test_no_signature_for_one_scope_is_accepted_in_another(here: Scope, there: Scope) -> None:
    elsewhere = {SignatureProblem.WRONG_SCOPE, SignatureProblem.BAD_SIGNATURE}
    assert judged_there(here, there) == ({None} if here == there else elsewhere)


@given(st.sampled_from(sorted(SCOPES)).flatmap(lambda name: st.tuples(st.just(name), SCOPES[name])))
def test_one_difference_of_scope_is_enough(change: tuple[str, Any]) -> None:
    name, value = change
    there = SCOPE.model_copy(update={name: value})
    assert (None in judged_there(SCOPE, there)) == (there == SCOPE)


@pytest.mark.parametrize("name", ["organisation", "log"])
def test_a_journey_of_another_organisation_or_log_is_signed_for_nowhere_else(name: str) -> None:
    """Its opening says where it is. Copied as a whole to another place, nothing in it counts."""
    there = SCOPE.model_copy(update={name: "another"})
    assert judged(*signed(scope=there), scope=there, log=SCOPE.log) == SignatureProblem.WRONG_SCOPE


@given(HEX[128], st.integers(0, 511))
def test_no_other_bytes_are_a_signature(value: str, bit: int) -> None:
    decided, signature = signed()
    flipped = f"{int(signature.value, 16) ^ 1 << bit:0128x}"
    for forged in (value, flipped):
        assert judged(decided, signature.model_copy(update={"value": forged})) == SignatureProblem.BAD_SIGNATURE


def test_the_other_spelling_of_a_signature_is_refused() -> None:
    """S plus the order of the group satisfies the equation too; who accepts it accepts two values for one signature."""
    decided, signature = signed()
    raw = bytes.fromhex(signature.value)
    order = 2**252 + 27742317777372353535851937790883648493
    other = raw[:32] + (int.from_bytes(raw[32:], "little") + order).to_bytes(32, "little")
    assert judged(decided, signature.model_copy(update={"value": other.hex()})) == SignatureProblem.BAD_SIGNATURE


@pytest.mark.parametrize("value", ["", "zz", "00" * 63, "é" * 128, "\ud800", "0" * 10**6])
def test_values_that_slipped_past_the_form_are_refused_without_a_word(value: str) -> None:
    decided, signature = signed()
    assert judged(decided, signature.model_copy(update={"value": value})) == SignatureProblem.BAD_SIGNATURE
    odd = decided.model_copy(update={"rationale": f"\ud800{value}"})
    assert judged(odd, signature) == SignatureProblem.BAD_SIGNATURE


@given(
    st.builds(
        Statement,
        journey=FIELDS["journey"],
        scope=st.just(SCOPE),
        request=FIELDS["request"],
        decision=FIELDS["decision"],
        meaning=FIELDS["meaning"],
        evidence=FIELDS["evidence"],
        choice=FIELDS["choice"],
        rationale=FIELDS["rationale"],
        signer=st.just(signer_of(CLIO)),
        seal=st.builds(
            SignatureHeader, key_id=st.just(CLIO_KEY.key_id), nonce=HEX[32], signed_at=TIMES, expires_at=TIMES
        ),
    ),
    EVER,
)
def test_whatever_is_signed_is_judged_and_nothing_is_raised(decided: Statement, at: datetime) -> None:
    problem = judged(decided, sign(CLIO_KEY, decided), at=at)
    assert problem != SignatureProblem.BAD_SIGNATURE
    seal = decided.seal
    if problem is None:
        assert seal.signed_at - at <= SKEW
        assert at <= seal.expires_at
        assert ENROLLED <= seal.signed_at < seal.expires_at
        assert seal.expires_at - seal.signed_at <= LONGEST


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"id": "demo-medical-director"}, SignatureProblem.WRONG_PERSON),
        ({"role": Role.MEDICAL_DIRECTOR}, SignatureProblem.WRONG_ROLE),
        ({"name": "Clio Invented"}, SignatureProblem.WRONG_NAME),
        (
            {"licence": signer_of(CLIO).licence.model_copy(update={"expires": date(2199, 1, 1)})},
            SignatureProblem.WRONG_LICENCE,
        ),
    ],
)
def test_a_key_signs_only_for_what_it_is_enrolled_for(changed: dict[str, Any], problem: SignatureProblem) -> None:
    """Whatever the profile says that an actor comes from: signed with the right key, but not in the register."""
    decided = statement(signer=Signer.model_validate(signer_of(CLIO).model_dump() | changed))
    value = CLIO_KEY.key.sign(decided.signed_bytes()).hex()
    assert judged(decided, Signature(**decided.seal.model_dump(), value=value)) == problem


@pytest.mark.parametrize(
    ("signed_at", "lasts", "at", "problem"),
    [
        (NOW, timedelta(minutes=10), NOW + timedelta(minutes=10), None),
        (NOW, timedelta(minutes=10), NOW + timedelta(minutes=10, microseconds=1), SignatureProblem.EXPIRED),
        (NOW, timedelta(minutes=10), NOW - SKEW, None),
        (NOW, timedelta(minutes=10), NOW - SKEW - timedelta(microseconds=1), SignatureProblem.NOT_YET_VALID),
        (NOW, timedelta(0), NOW, SignatureProblem.NOT_YET_VALID),
        (NOW, -timedelta(minutes=1), NOW - timedelta(minutes=1), SignatureProblem.NOT_YET_VALID),
        (NOW, LONGEST, NOW, None),
        (NOW, LONGEST + timedelta(microseconds=1), NOW, SignatureProblem.VALID_TOO_LONG),
        (ENROLLED, timedelta(minutes=10), ENROLLED, None),
        (ENROLLED - timedelta(microseconds=1), timedelta(minutes=10), ENROLLED, SignatureProblem.NOT_YET_VALID),
    ],
)
def test_a_signature_has_its_time(
    signed_at: datetime, lasts: timedelta, at: datetime, problem: SignatureProblem | None
) -> None:
    seal = new_seal(CLIO_KEY.key_id, signed_at, lasts)
    assert judged(*signed(seal=seal), at=at) == problem


def test_a_revocation_takes_effect_at_once_and_not_before() -> None:
    decided, signature = signed()
    later = revoked(NOW + timedelta(minutes=1))
    assert judged(decided, signature, register=later, at=NOW) is None
    assert judged(decided, signature, register=later, at=NOW + timedelta(minutes=1)) == SignatureProblem.REVOKED
    assert judged(decided, signature, register=revoked(NOW), at=NOW) == SignatureProblem.REVOKED
    # A clock set back does not help: what counts is when it is decided.
    backdated = signed(seal=new_seal(CLIO_KEY.key_id, NOW - timedelta(minutes=1)))
    assert judged(*backdated, register=revoked(NOW), at=NOW) == SignatureProblem.REVOKED


@pytest.mark.parametrize(
    ("at", "problem"),
    [
        (datetime.fromisoformat("2026-11-23T23:59:00-08:00"), None),
        (datetime.fromisoformat("2026-11-24T00:00:00-08:00"), SignatureProblem.LICENCE_EXPIRED),
    ],
)
def test_a_licence_ends_with_its_last_day(at: datetime, problem: SignatureProblem | None) -> None:
    licence = signer_of(CLIO).licence.model_copy(update={"expires": LAST_DAY})
    signer = signer_of(CLIO).model_copy(update={"licence": licence})
    decided, signature = signed(signer=signer, seal=new_seal(CLIO_KEY.key_id, at))
    assert judged(decided, signature, register=register(licence=licence), at=at) == problem


def test_a_licence_counts_where_it_is_valid() -> None:
    for state, problem in (("NY", None), ("WA", SignatureProblem.WRONG_STATE)):
        there = SCOPE.model_copy(update={"state": state})
        assert judged(*signed(scope=there), scope=there) == problem


@pytest.mark.parametrize(
    "changed",
    [{"nonce": "0" * 32}, {"key_id": "other"}, {"signed_at": NOW + timedelta(1)}, {"expires_at": NOW + timedelta(1)}],
    ids=str,
)
def test_a_signature_goes_with_the_seal_that_was_signed(changed: dict[str, Any]) -> None:
    decided, signature = signed()
    assert judged(decided, signature.model_copy(update=changed)) == SignatureProblem.BAD_SIGNATURE


def test_a_key_nobody_enrolled_signs_nothing() -> None:
    none = REGISTER.model_copy(update={"entries": REGISTER.entries[1:]})
    assert judged(*signed(), register=none) == SignatureProblem.UNKNOWN_KEY


# Protocols

BOTH = (Role.MEDICAL_DIRECTOR, Role.CLINICIAN)


def approved(given: ProtocolApproval, **changed: Any) -> SignatureProblem | None:
    arguments: dict[str, Any] = {"digest": "d" * 64, "register": REGISTER, "at": NOW} | changed
    return check_protocol(given, **arguments)


def test_a_protocol_is_approved_by_the_director_and_one_more() -> None:
    assert approved(approval(*BOTH)) is None
    assert approved(approval(*reversed(BOTH))) is None
    assert approved(approval(Role.ON_CALL_CLINICIAN, Role.CLINICIAN)) == SignatureProblem.WRONG_ROLE
    assert approved(approval(Role.MEDICAL_DIRECTOR, Role.MEDICAL_DIRECTOR)) == SignatureProblem.NOT_TWO_PEOPLE


@pytest.mark.requirement("A17")
def test_a_protocol_approval_is_for_the_clinics_of_its_director() -> None:
    given = approval(*BOTH)
    assert approved(given, clinic=CLINIC) is None
    assert approved(given, clinic=SECOND_CLINIC) == SignatureProblem.OTHER_CLINIC
    moved = given.model_copy(update={"clinics": (SECOND_CLINIC,)})
    assert approved(moved, clinic=SECOND_CLINIC) == SignatureProblem.BAD_SIGNATURE
    both = approval(*BOTH, clinics=(CLINIC, SECOND_CLINIC))
    assert approved(both, clinic=SECOND_CLINIC) is None
    for changed in ({"clinics": (SECOND_CLINIC,)}, {"since": NOW + timedelta(days=1)}, {"until": NOW}):
        staff = tuple(
            each.model_copy(update={"member": each.member.model_copy(update=changed)})
            if each.member.role == Role.MEDICAL_DIRECTOR
            else each
            for each in REGISTER.staff
        )
        other = REGISTER.model_copy(update={"staff": staff})
        assert approved(given, register=other, clinic=CLINIC) == SignatureProblem.OTHER_CLINIC
        assert approved(both, register=other, clinic=SECOND_CLINIC) == SignatureProblem.OTHER_CLINIC
    assert approved(given, register=REGISTER.model_copy(update={"staff": ()})) == SignatureProblem.OTHER_CLINIC


def test_a_protocol_approval_is_for_one_organisation() -> None:
    assert approved(approval(*BOTH, organisation="Another")) == SignatureProblem.WRONG_SCOPE
    moved = approval(*BOTH).model_copy(update={"organisation": "Another"})
    assert approved(moved) == SignatureProblem.WRONG_SCOPE
    another = REGISTER.model_copy(update={"organisation": "Another"})
    assert approved(moved, register=another) == SignatureProblem.BAD_SIGNATURE


def test_a_protocol_approval_is_for_one_content() -> None:
    given = approval(*BOTH)
    assert approved(given, digest="e" * 64) == SignatureProblem.WRONG_PROTOCOL
    moved = given.model_copy(update={"digest": "e" * 64})
    assert approved(moved, digest="e" * 64) == SignatureProblem.BAD_SIGNATURE
    assert approved(given.model_copy(update={"version": 4})) == SignatureProblem.BAD_SIGNATURE
    assert approved(given.model_copy(update={"protocol": "anxiety-at-home"})) == SignatureProblem.BAD_SIGNATURE


@pytest.mark.parametrize("which", [0, 1])
def test_both_signatures_are_checked(which: int) -> None:
    given = approval(*BOTH)
    broken = list(given.approvals)
    signature = broken[which].signature
    broken[which] = broken[which].model_copy(update={"signature": signature.model_copy(update={"value": "0" * 128})})
    assert approved(given.model_copy(update={"approvals": tuple(broken)})) == SignatureProblem.BAD_SIGNATURE
    without = REGISTER.model_copy(
        update={"entries": tuple(e for e in REGISTER.entries if e.key_id != signature.key_id)}
    )
    assert approved(given, register=without) == SignatureProblem.UNKNOWN_KEY


def test_one_person_with_two_keys_is_one_person() -> None:
    given = approval(*BOTH)
    director, other = given.approvals
    twice = other.model_copy(update={"signer": director.signer})
    assert approved(given.model_copy(update={"approvals": (director, twice)})) == SignatureProblem.NOT_TWO_PEOPLE


def test_a_protocol_approval_has_its_time() -> None:
    given = approval(*BOTH, days=365)
    assert approved(given, at=NOW + timedelta(days=365)) is None
    assert approved(given, at=NOW + timedelta(days=365, seconds=1)) == SignatureProblem.EXPIRED
    assert approved(given, at=NOW - timedelta(days=1)) == SignatureProblem.NOT_YET_VALID
    assert approved(given, register=revoked(NOW + timedelta(1)), at=NOW + timedelta(2)) is None
    assert approved(given, register=revoked(NOW), at=NOW + timedelta(2)) == SignatureProblem.REVOKED


def test_a_sign_off_is_no_protocol_approval_and_the_other_way_round() -> None:
    given = approval(*BOTH)
    clinician = given.approvals[1]
    decided = statement(seal=clinician.signature.seal)
    assert judged(decided, clinician.signature) == SignatureProblem.BAD_SIGNATURE
    stated = given.statement(clinician)
    signature = sign(CLIO_KEY, statement(seal=stated.seal))
    other = given.model_copy(
        update={"approvals": (given.approvals[0], clinician.model_copy(update={"signature": signature}))}
    )
    assert approved(other) == SignatureProblem.BAD_SIGNATURE


def test_only_clinical_roles_have_keys() -> None:
    assert set(KEYS) == set(CLINICAL)
    assert {entry.role for entry in REGISTER.entries} == set(CLINICAL)
