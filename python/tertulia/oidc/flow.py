"""The authorization code flow with PKCE (OpenID Connect Core 1.0, section 3.1; RFC 7636; RFC 9207; RFC 9700)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

import msgspec
from msgspec import Struct

from tertulia.oidc import id_token
from tertulia.oidc.id_token import Claims
from tertulia.oidc.issuer import Issuer
from tertulia.oidc.metadata import Metadata
from tertulia.oidc.steps import Get, Post, Reason, Reply, SignInFailed, Steps

FLOW_SECONDS: Final = 600
"""How long a person may take at the provider."""
_MAX_QUERY: Final = 16 * 1024
_MAX_FIELDS: Final = 32
_REASONS: Final[dict[str, Reason]] = {
    "temporarily_unavailable": "unreachable",
    "server_error": "unreachable",
    "access_denied": "denied",
    "login_required": "denied",
    "consent_required": "denied",
    "interaction_required": "denied",
}
"""Codes of RFC 6749, section 4.1.2.1, and OpenID Connect Core, section 3.1.2.6; others are our fault."""
_EMAIL: Final = frozenset({"email", "email_verified"})
"""Claims that belong together."""
_OF_THE_TOKEN: Final = frozenset({"iss", "sub", "aud", "exp", "iat", "nonce", "azp", "nbf"})
"""Claims that only the ID token makes: it is signed."""


class Client(Struct, frozen=True):
    """Who we are to a provider. ``secret`` None: a public client."""

    issuer: str
    client_id: str
    secret: str | None
    scopes: str


class Flow(Struct, frozen=True):
    """A sign-in that was begun. The browser keeps it until it comes back; ``expires_at`` is in Unix seconds."""

    state: str
    nonce: str
    verifier: str
    redirect_uri: str
    expires_at: float


class Callback(Struct, frozen=True):
    """What the provider sends a person back with: a ``code``, or an ``error``."""

    state: str
    code: str = ""
    error: str = ""
    iss: str | None = None


class _Granted(Struct, frozen=True):
    id_token: str
    access_token: str | None = None


def begin(redirect_uri: str, now: float) -> Flow:
    """A new sign-in."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    return Flow(state, nonce, verifier, redirect_uri, now + FLOW_SECONDS)


def authorize(client: Client, issuer: Issuer, flow: Flow, tick: float) -> Steps[str]:
    """Where to send the person; ``tick`` as of :class:`Issuer`. Raises SignInFailed."""
    endpoint = (yield from issuer.metadata(tick)).authorization_endpoint
    challenge = base64.urlsafe_b64encode(hashlib.sha256(flow.verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": flow.redirect_uri,
        "scope": client.scopes,
        "state": flow.state,
        "nonce": flow.nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"


def read_callback(query: bytes) -> Callback:
    """The query by which a person comes back.

    Raises:
        SignInFailed
    """
    if len(query) > _MAX_QUERY:
        raise SignInFailed("broken", "the provider's answer is too long")
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError:
        raise SignInFailed("broken", "the provider's answer cannot be read") from None
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            raise SignInFailed("broken", f"the provider's answer has {name} twice")
        if name in Callback.__struct_fields__:
            given[name] = value
    if not given.get("state") or bool(given.get("code")) == bool(given.get("error")):
        raise SignInFailed("broken", "the provider's answer has no state, or neither a code nor an error")
    return Callback(**given)


def answers(answer: Callback, flow: Flow) -> bool:
    """Whether the answer is to this sign-in, which is then used up, whatever the answer says."""
    return hmac.compare_digest(answer.state.encode(errors="replace"), flow.state.encode())


def complete(client: Client, issuer: Issuer, flow: Flow, answer: Callback, now: float, tick: float) -> Steps[Claims]:
    """Who has signed in: their claims.

    Raises:
        SignInFailed
    """
    if not answers(answer, flow) or flow.expires_at <= now:
        raise SignInFailed("expired", "the answer belongs to no sign-in of this browser, or came too late")
    metadata = yield from issuer.metadata(tick)
    _check_sender(answer, metadata)
    yield from issuer.keys(tick)  # without them the code, which can be redeemed once, would be lost
    granted = _granted((yield _redeem(client, metadata, flow, answer.code)))
    header = id_token.header_of(granted.id_token)
    key = yield from issuer.key(header.kid, header.alg, tick)
    claims = id_token.verify(
        granted.id_token, key, issuer=client.issuer, client_id=client.client_id, nonce=flow.nonce, now=now
    )
    if metadata.userinfo_endpoint is None or granted.access_token is None:
        return claims
    more = _user_info((yield Get(metadata.userinfo_endpoint, granted.access_token)), claims["sub"])
    if _EMAIL & claims.keys():
        # Both are of one source: the address of one is not verified by what the other says.
        more = {name: value for name, value in more.items() if name not in _EMAIL}
    return more | claims


def _check_sender(answer: Callback, metadata: Metadata) -> None:
    """Check that this provider has answered, and not with an error."""
    if answer.iss != metadata.issuer and (
        answer.iss is not None or metadata.authorization_response_iss_parameter_supported
    ):
        raise SignInFailed("broken", "another provider has answered")
    if answer.error:
        raise SignInFailed(_REASONS.get(answer.error, "broken"), f"the provider says {answer.error[:100]!r}")


def _redeem(client: Client, metadata: Metadata, flow: Flow, code: str) -> Post:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": flow.redirect_uri,
        "code_verifier": flow.verifier,
    }
    if client.secret is None:
        return Post(metadata.token_endpoint, form | {"client_id": client.client_id})
    if "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
        # RFC 6749, section 2.3.1: encoded as in a form.
        return Post(metadata.token_endpoint, form, (quote(client.client_id, ""), quote(client.secret, "")))
    return Post(metadata.token_endpoint, form | {"client_id": client.client_id, "client_secret": client.secret})


def _granted(reply: Reply) -> _Granted:
    if reply.status >= 500:
        raise SignInFailed("unreachable", f"the provider's token endpoint answers {reply.status}")
    if reply.status != 200:
        raise SignInFailed("broken", f"the provider gives no token: {reply.status} {_error_of(reply.body)}")
    try:
        return msgspec.json.decode(reply.body, type=_Granted)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise SignInFailed("broken", "the provider's token endpoint gives no ID token") from None


def _error_of(body: bytes) -> str:
    """The code of an error (RFC 6749, section 5.2), such as ``invalid_client``."""
    try:
        return repr(str(msgspec.json.decode(body, type=dict[str, Any]).get("error", ""))[:100])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return "without a reason"


def _user_info(reply: Reply, subject: str) -> Claims:
    """Further claims (OpenID Connect Core, section 5.3). They are of no effect where the ID token says something."""
    if reply.status >= 500:
        raise SignInFailed("unreachable", f"the provider's UserInfo endpoint answers {reply.status}")
    try:
        claims = msgspec.json.decode(reply.body, type=dict[str, Any]) if reply.status == 200 else {}
    except (msgspec.MsgspecError, ValueError, RecursionError):
        claims = {}
    if claims.get("sub") != subject:
        raise SignInFailed("broken", "the provider's UserInfo endpoint does not tell who has signed in")
    return {name: value for name, value in claims.items() if name not in _OF_THE_TOKEN}
