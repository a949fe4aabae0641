"""What an organisation's OpenID Connect provider says of who somebody is: the authorization code flow with PKCE.

Taken from it is one thing, the person's id in the register. Who they are, in which role and for which clinics, is what
the register says; other claims are not read. Sources: OpenID Connect Core 1.0, 3.1; RFC 7636 (PKCE); RFC 9207 (issuer
in the answer); RFC 9700 (best current practice).
"""

import asyncio
import hmac
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Annotated, Any, NamedTuple

import httpx2
import structlog
from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped]
from authlib.integrations.httpx_client import AsyncOAuth2Client  # type: ignore[import-untyped]
from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError
from joserfc.jwk import KeySet
from pydantic import AfterValidator, BaseModel, SecretStr

from application.errors import NotAllowed, NotVerified, SteppedBack, Unavailable
from application.identity.openid.settings import OpenIdSettings, is_safe, read_client_secret

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""How an ID token may be signed: by a key that the provider alone has."""
CLOCKS_DIFFER = timedelta(minutes=2)
"""By how much the provider's clock may differ from ours."""
SECONDS = 10.0
"""How long the provider may take for an answer."""
LONGEST_ID = 200
NOT_SIGNED_IN = "You are not signed in. Nothing was sent, and nothing is lost."
OTHERWISE = "Try again later, or sign in with your passkey"
SCOPES = {"email": "openid email", "preferred_username": "openid profile"}
"""What is asked for, where the person's id is another claim than ``sub``."""

log = structlog.get_logger("console")


def _endpoint(address: str) -> str:
    if not is_safe(address):
        raise ValueError("is no address that is reached safely")
    return address


Endpoint = Annotated[str, AfterValidator(_endpoint)]


class _Discovered(BaseModel):
    """What a provider says of itself."""

    issuer: str
    authorization_endpoint: Endpoint
    token_endpoint: Endpoint
    jwks_uri: Endpoint
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class Tokens(BaseModel):
    """What a provider gives for the code that a browser brought."""

    id_token: str
    access_token: str | None = None


class Flow(NamedTuple):
    """One sign-in that waits for what the provider answers. ``address`` is where the browser goes meanwhile; ``nonce``
    and ``verifier`` stay here."""

    address: str
    state: str
    nonce: str
    verifier: str
    token_endpoint: str
    jwks_uri: str
    sends_secret: str

    def __repr__(self) -> str:
        return "Flow(...)"


class Provider:
    """The provider that the settings name. ``now`` gives the time (UTC).

    Raises:
        SettingsError: the secret cannot be read.
    """

    def __init__(self, settings: OpenIdSettings, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._secret: SecretStr = read_client_secret(settings)
        self._now = now
        self._tls = ssl.create_default_context()

    async def begin(self) -> Flow:
        """Begin a sign-in.

        Raises:
            Unavailable: the provider does not answer, or not as one.
        """
        async with self._client("client_secret_basic") as client:
            found = await _discover(client, self._settings)
            state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
            address, _ = client.create_authorization_url(
                found.authorization_endpoint, state=state, nonce=nonce, code_verifier=verifier
            )
        offered = found.token_endpoint_auth_methods_supported
        posted = "client_secret_post" in offered and "client_secret_basic" not in offered
        sends_secret = "client_secret_post" if posted else "client_secret_basic"
        return Flow(address, state, nonce, verifier, found.token_endpoint, found.jwks_uri, sends_secret)

    async def finish(self, flow: Flow, answered: Mapping[str, str]) -> str:
        """Return whose sign-in it was, by their id in the register, with what the provider had their browser bring. It
        is known to be the answer to this sign-in (`is_answer_to`).

        Raises:
            SteppedBack: the person, or the provider, refused.
            NotAllowed: another provider answered, or its code counts no more.
            NotVerified: what the provider says is not signed by it, not for this sign-in, or out of date.
            Unavailable: the provider does not answer, or not as one.
        """
        if answered.get("iss") not in (None, self._settings.issuer):
            _tell_ops("answer_of_another_provider")
            raise not_begun_here()
        if "error" in answered:
            raise _refused(answered["error"])
        async with self._client(flow.sends_secret) as client:
            try:
                tokens = Tokens.model_validate(
                    await client.fetch_token(
                        flow.token_endpoint, code=answered.get("code", ""), code_verifier=flow.verifier
                    )
                )
            except OAuthError as error:
                if error.error in ("invalid_client", "unauthorized_client"):
                    _tell_ops("client_not_taken")
                    raise _away() from None
                _tell_ops("code_not_taken")
                raise not_begun_here() from None
            keys = await _get(client, flow.jwks_uri)
        claims = check_token(tokens, keys, self._settings, flow.nonce, self._now())
        return find_person(claims, self._settings.claim)

    @asynccontextmanager
    async def _client(self, sends_secret: str) -> AsyncIterator[Any]:
        """What speaks with the provider: nothing of the machine's environment is used, and no redirection followed."""
        settings = self._settings
        try:
            async with (
                asyncio.timeout(SECONDS),
                AsyncOAuth2Client(
                    client_id=settings.client_id,
                    client_secret=self._secret.get_secret_value(),
                    token_endpoint_auth_method=sends_secret,
                    scope=SCOPES.get(settings.claim, "openid"),
                    redirect_uri=settings.callback,
                    code_challenge_method="S256",
                    verify=self._tls,
                    follow_redirects=False,
                    trust_env=False,
                    timeout=SECONDS,
                ) as client,
            ):
                yield client
        except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError, OSError, ValueError) as problem:
            # Texts of libraries may hold what was sent.
            _tell_ops("no_answer", type(problem).__name__)
            raise _away() from None


def is_answer_to(flow: Flow, answered: Mapping[str, str]) -> bool:
    """Whether what a browser brings is the answer to a sign-in."""
    return hmac.compare_digest(answered.get("state", "").encode("utf-8", "replace"), flow.state.encode())


def check_token(tokens: Tokens, keys: Any, settings: OpenIdSettings, nonce: str, at: datetime) -> Mapping[str, Any]:
    """Return what an ID token says, once it is known to be the provider's, for this console and this sign-in, and to
    count at a moment (UTC).

    Raises:
        NotVerified: it is not.
    """
    try:
        token = jwt.decode(tokens.id_token, KeySet.import_key_set(keys), algorithms=[*ALGORITHMS])
        claims = CodeIDToken(
            token.claims,
            token.header,
            options={
                "iss": {"essential": True, "value": settings.issuer},
                "aud": {"essential": True, "value": settings.client_id},
            },
            params={"nonce": nonce, "client_id": settings.client_id, "access_token": tokens.access_token},
        )
        claims.validate(now=int(at.timestamp()), leeway=CLOCKS_DIFFER // timedelta(seconds=1))
    except ClaimError as error:
        _tell_ops("token_not_taken", type(error).__name__, claim=error.claim)
        if isinstance(error, ExpiredTokenError) or error.claim in ("iat", "nbf"):
            raise NotVerified(
                "what your organisation's sign-in says is out of date: it took too long, or its clock and that of this "
                "service differ by more than two minutes",
                f"Try again. If it stays so, tell ops to compare the clocks. {_MEANWHILE}",
                state=NOT_SIGNED_IN,
            ) from None
        raise _not_believed() from None
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        # What is malformed raises many kinds of errors. All of them mean that nothing may rely on it.
        _tell_ops("token_not_taken", type(error).__name__)
        raise _not_believed() from None
    return dict(claims)


def find_person(claims: Mapping[str, Any], claim: str) -> str:
    """Return the person's id in the register.

    Raises:
        NotVerified: the claims have none.
    """
    person = claims.get(claim)
    sound = isinstance(person, str) and 0 < len(person) <= LONGEST_ID and person.isprintable()
    if not sound or (claim == "email" and claims.get("email_verified") is not True):
        _tell_ops("no_person_in_token")
        raise NotVerified(
            "your organisation's sign-in does not say who you are in the way that is set up here",
            f"Tell ops. {_MEANWHILE}",
            state=NOT_SIGNED_IN,
        )
    return str(person)


async def _discover(client: Any, settings: OpenIdSettings) -> _Discovered:
    found = _Discovered.model_validate(await _get(client, settings.discovery))
    if found.issuer != settings.issuer:
        raise ValueError("another provider answers at this address")
    return found


async def _get(client: Any, address: str) -> Any:
    answer = await client.request("GET", address, withhold_token=True)
    if answer.status_code != 200:
        raise ValueError("no such answer")
    return answer.json()


def _tell_ops(code: str, error: str | None = None, claim: str | None = None) -> None:
    log.warning("openid.refused", code=code, error=error, claim=claim)


_MEANWHILE = "Meanwhile sign in with your passkey"


def _away() -> Unavailable:
    return Unavailable("your organisation's sign-in does not answer as it should", OTHERWISE, state=NOT_SIGNED_IN)


def _not_believed() -> NotVerified:
    return NotVerified(
        "what came back from your organisation's sign-in cannot be relied on",
        f"Try again. If it stays so, tell ops. {_MEANWHILE}",
        state=NOT_SIGNED_IN,
    )


def not_begun_here() -> NotAllowed:
    """Return the error for an answer that belongs to no sign-in that this browser has begun."""
    return NotAllowed(
        "this sign-in was not begun in this browser, took too long, or was used before",
        "Begin it again on the page to sign in on",
        state=NOT_SIGNED_IN,
    )


def _refused(error: str) -> SteppedBack | Unavailable:
    if error in ("access_denied", "login_required", "consent_required", "interaction_required"):
        return SteppedBack(
            "you were not signed in at your organisation's sign-in: you stepped back there, or it did not let you in",
            "Try again, or sign in with your passkey",
            state=NOT_SIGNED_IN,
        )
    _tell_ops("provider_error")
    return _away()
