"""What a provider of OpenID Connect says is believed when it is signed, for this console, for this sign-in, and in
time; a provider that is away or says something else is told in plain words."""

import base64
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from application.errors import NotAllowed, NotVerified, SteppedBack, Unavailable, UseCaseError
from application.identity.openid import provider as openid
from application.identity.openid.provider import Provider, is_answer_to
from application.identity.openid.settings import OpenIdSettings
from tests.console.provider import CLIENT, KEY, Told, settings_for, told_provider

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
AT = int(NOW.timestamp())
NONCE = "nonce-of-this-sign-in"
ISSUER = "https://login.example.org"
RIGHT = {"iss": ISSUER, "aud": CLIENT, "sub": "demo-clinician", "iat": AT, "exp": AT + 300, "nonce": NONCE}
ANOTHER = ECKey.generate_key("P-256", parameters={"kid": "of-the-provider"})
KEYS = {"keys": [KEY.as_dict(private=False)]}


def signed(claims: dict[str, Any], key: Any = KEY, **header: Any) -> str:
    return jwt.encode({"alg": "ES256", "kid": KEY.kid, **header}, claims, key, algorithms=["ES256", "HS256", "RS256"])


def unsigned(claims: dict[str, Any], signature: str = "", **header: Any) -> str:
    parts = [base64url(json.dumps(part).encode()) for part in ({"alg": "none", **header}, claims)]
    return ".".join([*parts, signature])


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def by_secret(secret: bytes) -> str:
    signed = unsigned(but(), alg="HS256", kid=KEY.kid).rpartition(".")[0]
    return f"{signed}.{base64url(hmac.digest(secret, signed.encode(), 'sha256'))}"


def but(**other: Any) -> dict[str, Any]:
    return {name: value for name, value in {**RIGHT, **other}.items() if value is not None}


@pytest.fixture
def settings(tmp_path: Path) -> OpenIdSettings:
    return settings_for(ISSUER, tmp_path)


def person(token: str, settings: OpenIdSettings, keys: Any = KEYS, at: datetime = NOW, claim: str = "sub") -> str:
    tokens = openid.Tokens(id_token=token, access_token="invented")
    return openid.find_person(openid.check_token(tokens, keys, settings, NONCE, at), claim)


@pytest.mark.parametrize(
    "claims",
    [
        but(),
        but(aud=[CLIENT]),
        but(aud=[CLIENT, "another"], azp=CLIENT),
        but(exp=AT - 119),
        but(iat=AT + 119),
        but(nbf=AT + 119),
        but(at_hash=base64url(sha256(b"invented").digest()[:16])),
        but(role="medical_director", clinics=["everywhere"], groups=["admin"]),
    ],
)
def test_what_the_provider_signed_for_this_sign_in_is_believed(
    settings: OpenIdSettings, claims: dict[str, Any]
) -> None:
    assert person(signed(claims), settings) == "demo-clinician"


RSA = RSAKey.generate_key(2048, parameters={"kid": "of-the-provider"})
BAD: dict[str, str] = {
    "for another console": signed(but(aud="another")),
    "for nobody": signed(but(aud=None)),
    "for an empty list": signed(but(aud=[])),
    "for several, and not handed to this one": signed(but(aud=[CLIENT, "another"])),
    "handed to another": signed(but(azp="another")),
    "for a name that begins alike": signed(but(aud=f"{CLIENT}-2")),
    "of another issuer": signed(but(iss="https://login.example.org.evil.example")),
    "of an issuer spelled otherwise": signed(but(iss=f"{ISSUER}/")),
    "of no issuer": signed(but(iss=None)),
    "of another sign-in": signed(but(nonce="of another sign-in")),
    "of no sign-in": signed(but(nonce=None)),
    "of a sign-in in another type": signed(but(nonce=[NONCE])),
    "of nobody": signed(but(sub=None)),
    "of an empty name": signed(but(sub="")),
    "of a number": signed(but(sub=4711)),
    "of several": signed(but(sub=["demo-clinician"])),
    "of a name with a line end": signed(but(sub="demo-clinician\n")),
    "of a very long name": signed(but(sub="x" * 201)),
    "expired": signed(but(exp=AT - 121)),
    "without an end": signed(but(exp=None)),
    "with an end in words": signed(but(exp="never")),
    "with an end of not a number": signed(but(exp=float("nan"))),
    "from the future": signed(but(iat=AT + 121)),
    "without a time": signed(but(iat=None)),
    "not yet to be used": signed(but(nbf=AT + 121)),
    "of another access token": signed(but(at_hash="another")),
    "signed by another key": signed(but(), ANOTHER),
    "signed by a key nobody knows": signed(but(), kid="another"),
    "signed by a key that it brings itself": signed(but(), ANOTHER, jwk=ANOTHER.as_dict(private=False)),
    "signed in another way": jwt.encode({"alg": "RS256", "kid": KEY.kid}, but(), RSA),
    "signed with the public key as a secret": by_secret(KEY.as_pem(private=False)),
    "signed with the client's secret": by_secret(b"invented-client-secret"),
    "not signed": unsigned(but()),
    "not signed, in capitals": unsigned(but(), alg="NONE"),
    "not signed, with a key's name": unsigned(but(), kid=KEY.kid),
    "signed by nothing": unsigned(but(), alg="ES256", kid=KEY.kid),
    "with a signature of zeros": unsigned(but(), "A" * 86, alg="ES256", kid=KEY.kid),
    "with the signature of another": unsigned(but(), signed(but(sub="x")).split(".")[2], alg="ES256", kid=KEY.kid),
    "cut off": signed(but()).rpartition(".")[0],
    "no token": "invented",
    "empty": "",
    "an encrypted one": ".".join(["e30"] * 5),
    "with a demand nobody knows": unsigned(but(), "A" * 86, alg="ES256", kid=KEY.kid, crit=["b64"], b64=False),
}


@pytest.mark.parametrize("token", BAD.values(), ids=BAD)
def test_any_other_token_is_refused(settings: OpenIdSettings, token: str) -> None:
    with pytest.raises(NotVerified) as refused:
        person(token, settings)
    assert "not signed in" in refused.value.state
    for told in (refused.value.reason, refused.value.remedy):
        assert "demo-" not in told


@pytest.mark.parametrize(
    "keys", [{}, {"keys": []}, {"keys": [{}]}, {"keys": "x"}, [], None, "x", {"keys": [{"kty": "EC"}]}], ids=repr
)
def test_keys_that_are_none_verify_nothing(settings: OpenIdSettings, keys: Any) -> None:
    with pytest.raises(NotVerified):
        person(signed(but()), settings, keys)


@pytest.mark.parametrize("token", [BAD["expired"], BAD["from the future"], BAD["not yet to be used"]])
def test_clocks_that_differ_are_named(settings: OpenIdSettings, token: str) -> None:
    with pytest.raises(NotVerified, match="clock") as refused:
        person(token, settings)
    assert "compare the clocks" in refused.value.remedy


@pytest.mark.parametrize(
    ("claim", "claims", "taken"),
    [
        ("employee", but(employee="demo-clinician", sub="4711"), True),
        ("email", but(email="demo-clinician", email_verified=True, sub="4711"), True),
        ("email", but(email="demo-clinician", email_verified=False, sub="4711"), False),
        ("email", but(email="demo-clinician", email_verified="true", sub="4711"), False),
        ("email", but(email="demo-clinician", sub="4711"), False),
        ("employee", but(), False),
    ],
)
def test_the_claim_that_is_set_names_the_person(
    settings: OpenIdSettings, claim: str, claims: dict[str, Any], taken: bool
) -> None:
    if taken:
        assert person(signed(claims), settings, claim=claim) == "demo-clinician"
        return
    with pytest.raises(NotVerified):
        person(signed(claims), settings, claim=claim)


# With a provider that says what it is told


@pytest.fixture
def told() -> Iterator[Told]:
    with told_provider() as provider:
        yield provider


def opened(told: Told, directory: Path) -> Provider:
    return Provider(settings_for(told.issuer, directory), lambda: NOW)


async def back(told: Told, directory: Path, **changed: str) -> str:
    """Begin, and come back with what a provider answers."""
    provider = opened(told, directory)
    flow = await provider.begin()
    told.claims = but(iss=told.issuer, nonce=flow.nonce)
    return await provider.finish(flow, {"code": "invented", "state": flow.state, **changed})


async def test_the_code_is_asked_for_with_what_only_this_console_has(told: Told, tmp_path: Path) -> None:
    provider = opened(told, tmp_path)
    one, other = await provider.begin(), await provider.begin()
    assert not {one.state, one.nonce, one.verifier} & {other.state, other.nonce, other.verifier}
    told.claims = but(iss=told.issuer, nonce=one.nonce)
    assert await provider.finish(one, {"code": "the-code", "state": one.state, "iss": told.issuer}) == RIGHT["sub"]
    address = urlsplit(one.address)
    asked = {name: values[0] for name, values in parse_qs(address.query).items()}
    challenge = base64url(sha256(one.verifier.encode()).digest())
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{told.issuer}/authorize"
    assert asked == {
        "response_type": "code",
        "client_id": CLIENT,
        "redirect_uri": "https://localhost/sign-in/openid/callback",
        "scope": "openid",
        "state": one.state,
        "nonce": one.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    [sent] = told.asked
    secret = base64.b64encode(f"{CLIENT}:invented-client-secret".encode()).decode()
    assert (sent["code"], sent["code_verifier"]) == ("the-code", one.verifier)
    assert sent["redirect_uri"] == asked["redirect_uri"]
    assert sent["authorization"] == f"Basic {secret}"
    assert one.verifier not in repr(one)


async def test_the_secret_is_sent_as_the_provider_takes_it(told: Told, tmp_path: Path) -> None:
    told.discovery = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    await back(told, tmp_path)
    assert told.asked[0]["client_secret"] == "invented-client-secret"
    assert told.asked[0]["authorization"] == ""


async def test_only_what_has_its_state_is_the_answer_to_a_sign_in(told: Told, tmp_path: Path) -> None:
    flow = await opened(told, tmp_path).begin()
    assert is_answer_to(flow, {"code": "invented", "state": flow.state})
    for state in ("another", "", "\ud800", flow.state[:-1]):
        assert not is_answer_to(flow, {"code": "invented", "state": state})
    assert not is_answer_to(flow, {"error": "access_denied"})


DISCOVERY, TOKEN, KEYS_AT = "/.well-known/openid-configuration", "/token", "/keys"


@pytest.mark.parametrize("path", [DISCOVERY, TOKEN, KEYS_AT])
@pytest.mark.parametrize(
    "answer", [(500, b"{}"), (302, b""), (200, b"<html>"), (200, b"[]"), (200, b"\xff"), (404, b"{}"), (200, b"{}")]
)
async def test_a_provider_that_answers_something_else_is_told_of(
    told: Told, tmp_path: Path, path: str, answer: tuple[int, bytes]
) -> None:
    told.answers[path] = answer
    with pytest.raises(UseCaseError) as refused:
        await back(told, tmp_path)
    assert isinstance(refused.value, Unavailable | NotVerified)
    assert "nothing is lost" in refused.value.state


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://login.example.org/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": None},
    ],
)
async def test_a_provider_that_is_another_or_not_safe_is_not_used(
    told: Told, tmp_path: Path, discovery: dict[str, Any]
) -> None:
    told.discovery = discovery
    with pytest.raises(Unavailable):
        await opened(told, tmp_path).begin()
    assert told.asked == []


async def test_a_provider_that_hangs_is_given_up(told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openid, "SECONDS", 0.1)
    told.answers[DISCOVERY] = (0, b"")
    with pytest.raises(Unavailable, match="does not answer"):
        await opened(told, tmp_path).begin()


@pytest.mark.parametrize(
    ("error", "kind"), [("invalid_grant", NotAllowed), ("invalid_client", Unavailable), ("<script>", NotAllowed)]
)
async def test_a_code_that_is_not_taken_is_told_without_the_providers_words(
    told: Told, tmp_path: Path, error: str, kind: type[UseCaseError]
) -> None:
    told.answers[TOKEN] = (400, json.dumps({"error": error, "error_description": "secret-words"}).encode())
    with pytest.raises(kind) as refused:
        await back(told, tmp_path)
    assert "secret-words" not in f"{refused.value.reason}{refused.value.remedy}"


@pytest.mark.parametrize(
    ("answered", "kind"),
    [
        ({"error": "access_denied"}, SteppedBack),
        ({"error": "login_required", "error_description": "secret-words"}, SteppedBack),
        ({"error": "server_error"}, Unavailable),
        ({"error": "<script>"}, Unavailable),
        ({"iss": "https://evil.example"}, NotAllowed),
    ],
)
async def test_what_is_no_answer_asks_for_no_token(
    told: Told, tmp_path: Path, answered: dict[str, str], kind: type[UseCaseError]
) -> None:
    with pytest.raises(kind) as refused:
        await back(told, tmp_path, **answered)
    assert told.asked == []
    assert "secret-words" not in f"{refused.value.reason}{refused.value.remedy}"
