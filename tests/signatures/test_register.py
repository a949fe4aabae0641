"""The register is the organisation's, takes two people, only grows, and is believed as it is now."""

import json
import os
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from structlog.testing import capture_logs

from activities.record.verification.sign_offs import RegisterNotVerified, trusted_keys
from activities.signatures.keys import key_id_of
from activities.signatures.register_changes import enrol, revoke
from activities.signatures.register_file import RegisterFile, content_hash, parse, publish, read, require_newest
from activities.signatures.signer_registry import Register, RegisterError, namesakes
from tests.signatures.room import (
    CLIO,
    CLIO_KEY,
    ENROLLED,
    NOW,
    ORGANISATION,
    empty,
    entry,
    key_of,
    published,
    register,
    revoked,
)
from workflows.journey.vocabulary.actors import Role

PUBLIC = ORGANISATION.public_key
OTHER = key_of(CLIO.id, 77)


def refused_by_both(content: bytes, match: str, organisation: bytes = PUBLIC) -> None:
    with pytest.raises(RegisterError, match=match):
        parse(content, organisation)
    with pytest.raises(RegisterNotVerified):
        trusted_keys(content, organisation)


def test_what_is_published_is_read_back() -> None:
    assert parse(published(register()), PUBLIC) == register()
    assert set(trusted_keys(published(register()), PUBLIC)) == {known.key_id for known in register().entries}


def changed(path: tuple[Any, ...], value: Any) -> bytes:
    file: Any = json.loads(published(register()))
    at = file
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return json.dumps(file).encode()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("register", "entries", 0, "public_key"), OTHER.public_key.hex()),
        (("register", "entries", 0, "printed_name"), "Mallory Invented, MD"),
        (("register", "entries", 0, "licence", "expires"), "2199-12-31"),
        (("register", "entries", 0, "role"), "medical_director"),
        (("register", "entries", 0, "revoked_at"), "2026-01-01T00:00:00Z"),
        (("register", "entries"), []),
        (("register", "version"), 99),
        (("register", "more"), 1),
        (("signature",), "00" * 64),
        (("signature",), ""),
    ],
)
def test_any_change_breaks_the_organisations_signature(path: tuple[Any, ...], value: Any) -> None:
    refused_by_both(changed(path, value), "not signed by this organisation")


def test_a_register_signed_by_another_key_is_refused() -> None:
    refused_by_both(publish(register(), OTHER), "not signed by this organisation")
    refused_by_both(published(register()), "not readable", organisation=b"short")


@given(
    st.binary() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_no_bytes_are_taken_for_a_register(content: bytes) -> None:
    refused_by_both(content, "not readable")


@pytest.mark.parametrize(
    "content",
    [
        b'{"register": ' + b"[" * 100_000,
        b'{"register": {"a": "\\ud800"}, "signature": "00"}',
        b'{"register": {"a": NaN}, "signature": "00"}',
        b'{"register": ' + b"9" * 5000 + b', "signature": "00"}',
        b'{"register": {}, "signature": 7}',
        b'{"register": {}}',
    ],
)
def test_awkward_json_is_refused_like_any_other(content: bytes) -> None:
    refused_by_both(content, "not readable")


def test_a_signed_register_still_has_to_keep_its_rules() -> None:
    twice = register().model_copy(update={"entries": register().entries * 2})
    with pytest.raises(RegisterError, match="breaks its own rules"):
        parse(published(twice), PUBLIC)
    with pytest.raises(RegisterNotVerified):
        trusted_keys(published(twice), PUBLIC)


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"enrolled_by": ("demo-security", "demo-security")}, "two different people"),
        ({"enrolled_by": (CLIO.id, "demo-security")}, "neither of them the one enrolled"),
        ({"enrolled_by": ("demo-security",)}, "enrolled_by"),
        ({"role": Role.COORDINATOR}, "a licence is of clinician"),
        ({"licence": None}, "each of them has one"),
        ({"role": Role.PATIENT, "licence": None}, "have a key"),
        ({"key_id": "0" * 32}, "not the id"),
        ({"public_key": OTHER.public_key.hex()}, "not the id"),
        ({"revoked_at": NOW}, "when, why and by whom"),
        (
            {"revoked_at": ENROLLED - timedelta(1), "revoked_because": "lost", "revoked_by": "demo-security"},
            "before enrolled_at",
        ),
    ],
)
def test_an_entry_keeps_the_rules(fields: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValidationError, match=rule):
        entry(CLIO, CLIO_KEY, **fields)


P = 2**255 - 19
ORDER_8 = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826


@pytest.mark.parametrize("sign_bit", [0, 1])
@pytest.mark.parametrize("y", [0, 1, P - 1, P, P + 1, ORDER_8, P - ORDER_8])
def test_a_key_under_which_anybody_can_sign_is_not_enrolled(y: int, sign_bit: int) -> None:
    weak = (y | sign_bit << 255).to_bytes(32, "little")
    with pytest.raises(ValidationError, match="generating a key"):
        entry(CLIO, CLIO_KEY, public_key=weak.hex(), key_id=key_id_of(weak))


def test_why_weak_keys_are_refused() -> None:
    """Under the neutral element, R = B and S = 1 sign every message there is."""
    base = (4 * pow(5, -1, P) % P).to_bytes(32, "little")
    one = (1).to_bytes(32, "little")
    Ed25519PublicKey.from_public_bytes(one).verify(base + one, b"anything")


def test_a_key_is_enrolled_once_and_each_change_counts() -> None:
    whole = enrol(empty(), entry(CLIO, CLIO_KEY))
    assert (whole.version, whole.issued_at) == (2, ENROLLED)
    with pytest.raises(RegisterError, match="enrolled already"):
        enrol(whole, entry(CLIO, CLIO_KEY))
    with pytest.raises(RegisterError, match="issued later"):
        enrol(whole, entry(CLIO, OTHER, enrolled_at=ENROLLED - timedelta(seconds=1)))
    gone = entry(CLIO, OTHER, revoked_at=NOW, revoked_because="lost", revoked_by="demo-security")
    with pytest.raises(RegisterError, match="cannot be revoked"):
        enrol(whole, gone)
    assert enrol(whole, entry(CLIO, OTHER)).version == 3


def test_a_revocation_is_made_once_and_is_a_fact_in_time() -> None:
    whole = revoked(NOW)
    known = whole.entry(CLIO_KEY.key_id)
    assert known is not None
    moments = (ENROLLED - timedelta(1), ENROLLED, NOW - timedelta(microseconds=1), NOW, NOW + timedelta(1))
    assert [known.state_at(moment) for moment in moments] == ["not_enrolled", "active", "active", "revoked", "revoked"]
    assert (whole.version, whole.issued_at) == (register().version + 1, NOW)
    with pytest.raises(RegisterError, match="revoked already"):
        revoke(whole, CLIO_KEY.key_id, at=NOW, because="again", by="demo-security")
    with pytest.raises(RegisterError, match="No such key"):
        revoke(whole, "0" * 32, at=NOW, because="lost", by="demo-security")
    with pytest.raises(RegisterError, match="issued later"):
        revoke(whole, whole.entries[1].key_id, at=NOW - timedelta(1), because="lost", by="demo-security")
    with pytest.raises(RegisterError, match="Say when"):
        revoke(register(), CLIO_KEY.key_id, at=NOW, because="", by="demo-security")


def test_an_older_register_than_one_seen_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "register.json"
    path.write_bytes(published(register()))
    known, found = read(path, PUBLIC), content_hash(path.read_bytes())
    for newest in ((known.version, found), (known.version - 1, bytes(32)), (0, b"")):
        require_newest(known, found, newest)
    with pytest.raises(RegisterError, match="older than one seen"):
        require_newest(known, found, (known.version + 1, found))
    with pytest.raises(RegisterError, match="two registers of one version"):
        require_newest(known, found, (known.version, bytes(32)))
    with pytest.raises(RegisterError, match="cannot be read"):
        read(tmp_path / "none.json", PUBLIC)


def test_that_it_cannot_be_read_is_logged_once_for_each_change(tmp_path: Path) -> None:
    """Everybody who sends something asks for it, and what waits asks again and again."""
    path = tmp_path / "register.json"
    path.write_bytes(published(register()))
    file = RegisterFile(path, PUBLIC)
    with capture_logs() as logged:
        for content in (published(register()), b"", b"{}", published(register()), b""):
            path.write_bytes(content)
            for _ in range(3):
                with suppress(RegisterError):
                    file.current()
        path.unlink()
        for _ in range(3):
            with pytest.raises(RegisterError):
                file.current()
    said = [line["event"] for line in logged]
    assert said == ["register.unreadable", "register.readable", "register.unreadable", "register.unreadable"]


def test_a_running_process_sees_a_revocation_at_once_and_no_way_back(tmp_path: Path) -> None:
    path = tmp_path / "register.json"
    path.write_bytes(published(register()))
    file = RegisterFile(path, PUBLIC)
    first = file.current()
    assert file.current() is first
    times = path.stat()
    path.write_bytes(published(revoked(NOW)))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))  # as copying with times kept does
    known = file.current().entry(CLIO_KEY.key_id)
    assert known is not None
    assert known.revoked_at == NOW
    path.write_bytes(published(register()))
    with pytest.raises(RegisterError, match="older than one seen"):
        file.current()
    path.write_bytes(b"{}")
    with pytest.raises(RegisterError, match="not readable"):
        file.current()
    path.unlink()
    with pytest.raises(RegisterError, match="cannot be read"):
        file.current()
    path.write_bytes(published(revoked(NOW)))
    assert file.current() == revoked(NOW)


@pytest.mark.parametrize("spelled", ["{}", " {} ", "{}.", "lower", "dashes"])
def test_a_licence_written_in_another_way_is_no_other_person(spelled: str) -> None:
    number = CLIO.licence.number if CLIO.licence else ""
    other = {"lower": number.lower(), "dashes": "-".join(number)}.get(spelled, spelled.format(number))
    assert CLIO.licence is not None
    alias = CLIO.model_copy(
        update={"id": "alias", "licence": CLIO.licence.model_copy(update={"number": other.strip()})}
    )
    with pytest.raises(RegisterError, match="one person's"):
        enrol(register(), entry(alias, key_of("alias", 77)))


def namesake(printed: str) -> Register:
    """The register with one more person, who prints their name like this."""
    assert CLIO.licence is not None
    licence = CLIO.licence.model_copy(update={"number": "another"})
    another = CLIO.model_copy(update={"id": "another", "licence": licence})
    return enrol(register(), entry(another, key_of("another", 99), printed_name=printed))


@pytest.mark.parametrize("spelled", ["{}", "{} ", "upper", "dots", "wide", "spaces"])
def test_two_people_with_one_printed_name_are_found(spelled: str) -> None:
    name = str(CLIO.name)
    other = {
        "upper": name.upper(),
        "dots": name.replace(", MD", " M.D."),
        "wide": name.replace("C", "\N{FULLWIDTH LATIN CAPITAL LETTER C}"),
        "spaces": name.replace(" ", "  "),
    }.get(spelled, spelled.format(name))
    assert namesakes(namesake(other), CLIO.id, name) == ("another",)
    assert namesakes(namesake(other), "another", other) == (CLIO.id,)


def test_others_have_their_own_names() -> None:
    assert namesakes(namesake("Cleo Invented, MD"), CLIO.id, str(CLIO.name)) == ()
    assert namesakes(register(), CLIO.id, str(CLIO.name)) == (), "two roles of one person are no two people"
