"""ID tokens that are forged, of somebody else, or too old are refused."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from tertulia.oidc import id_token, keys
from tertulia.oidc.steps import SignInFailed
from tests.unit.oidc.provider import EC, ISSUER, NOW, OTHER_RSA, RSA, Provider, claims_of, reply, signed


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def by_hand(claims: dict[str, Any], header: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """A token that no careful library would make."""
    text = f"{part(header)}.{part(claims)}"
    return f"{text}.{base64.urlsafe_b64encode(sign(text.encode())).decode().rstrip('=')}"


def hmac_by_public_key(claims: dict[str, Any]) -> str:
    """Algorithm confusion: the RSA public key, which everybody has, as the secret of HS256."""
    pem = RSA.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return by_hand(claims, {"alg": "HS256", "kid": "rsa"}, lambda text: hmac.digest(pem, text, "sha256"))


def hmac_by_client_secret(claims: dict[str, Any]) -> str:
    secret = b"hush: it is secret"
    return by_hand(claims, {"alg": "HS256", "kid": "rsa"}, lambda text: hmac.digest(secret, text, "sha256"))


def critical(claims: dict[str, Any]) -> str:
    """With an extension that has to be understood (RFC 7515, section 4.1.11)."""
    key = RSA.private_key
    assert key is not None
    header = {"alg": "RS256", "kid": "rsa", "crit": ["odd"], "odd": 1}
    return by_hand(claims, header, lambda text: key.sign(text, PKCS1v15(), SHA256()))


def unsigned(claims: dict[str, Any]) -> str:
    return f"{part({'alg': 'none', 'kid': 'rsa'})}.{part(claims)}."


def signed_for_none(claims: dict[str, Any]) -> str:
    return f"{part({'alg': 'RS256', 'kid': 'rsa'})}.{part(claims)}."


def changed(claims: dict[str, Any]) -> str:
    header, _, signature = signed(claims).split(".")
    return ".".join((header, part({**claims, "sub": "root"}), signature))


def with_its_own_key(claims: dict[str, Any]) -> str:
    return signed(claims, OTHER_RSA, jwk=OTHER_RSA.as_dict(private=False), kid="rsa")


FORGED: list[Callable[[dict[str, Any]], str]] = [
    hmac_by_public_key,
    hmac_by_client_secret,
    unsigned,
    signed_for_none,
    changed,
    with_its_own_key,
    lambda claims: signed(claims, OTHER_RSA),
    lambda claims: signed(claims, OTHER_RSA, kid="rsa"),
    lambda claims: signed(claims, EC, "ES256", kid="rsa"),
    critical,
    lambda claims: signed(claims) + "." + part({}),
    lambda _: "",
    lambda _: "..",
    lambda _: "a.b.c",
    lambda claims: signed({**claims, "pad": "x" * 40_000}),
]


@pytest.mark.parametrize("forge", FORGED)
def test_a_forged_token_is_refused(forge: Callable[[dict[str, Any]], str]) -> None:
    provider = Provider()
    provider.sign = forge
    with pytest.raises(SignInFailed) as failed:
        provider.sign_in()
    assert failed.value.reason == "broken"


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://login.example.org/realms/other"},
        {"iss": ISSUER + "/"},
        {"aud": "another"},
        {"aud": []},
        {"aud": ["another"]},
        {"aud": ["tertulia", "another"]},
        {"aud": ["tertulia", "another"], "azp": "another"},
        {"azp": "another"},
        {"exp": NOW - 60},
        {"exp": "never"},
        {"exp": float("nan")},
        {"exp": True},
        {"exp": None},
        {"iat": NOW + 66},
        {"iat": float("nan")},
        {"nbf": NOW + 66},
        {"nbf": float("nan")},
        {"nonce": "another"},
        {"nonce": "é"},
        {"nonce": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
    ],
)
def test_a_token_that_says_the_wrong_thing_is_refused(claims: dict[str, Any]) -> None:
    provider = Provider()
    provider.claims = claims
    with pytest.raises(SignInFailed) as failed:
        provider.sign_in()
    assert failed.value.reason == "broken"


@pytest.mark.parametrize("name", ["iss", "sub", "aud", "exp", "iat", "nonce"])
def test_a_claim_may_not_be_missing(name: str) -> None:
    provider = Provider()
    provider.sign = lambda claims: signed({n: v for n, v in claims.items() if n != name})
    with pytest.raises(SignInFailed, match="lacks a claim"):
        provider.sign_in()


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"aud": ["tertulia"]},
        {"aud": ["another", "tertulia"], "azp": "tertulia"},
        {"exp": NOW - 50},  # the provider's clock may be wrong by a minute
        {"iat": NOW + 60, "nbf": NOW + 60},
    ],
)
def test_a_genuine_token_is_believed(claims: dict[str, Any]) -> None:
    provider = Provider()
    provider.claims = claims
    assert provider.sign_in()["sub"] == "ann"


@pytest.mark.parametrize(("key", "alg"), [(RSA, "RS512"), (RSA, "PS256"), (EC, "ES256")])
def test_algorithms_that_providers_sign_by(key: RSAKey | ECKey, alg: str) -> None:
    provider = Provider()
    provider.sign = lambda claims: signed(claims, key, alg)
    assert provider.sign_in()["sub"] == "ann"


def test_without_a_key_id_there_may_be_one_key_only() -> None:
    one, two = Provider(RSA, EC), Provider(RSA, OTHER_RSA)
    one.sign = two.sign = without_key_id
    assert one.sign_in()["sub"] == "ann"
    with pytest.raises(SignInFailed, match="does not publish"):
        two.sign_in()


def without_key_id(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256"}, claims, RSA, algorithms=["RS256"])


@pytest.mark.parametrize(
    "change",
    [
        {"use": "enc"},
        {"alg": "RS512"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"kty": 7},
        {"kid": 7},
        {"n": "AQAB"},
        {"n": "x" * 2000},
        {"n": None},
        {"e": "!"},
    ],
)
def test_a_key_that_is_not_for_this_is_passed_over(change: dict[str, Any]) -> None:
    given = {**RSA.as_dict(private=False), **change}
    found = keys.read(reply({"keys": [given, 7, None, [], EC.as_dict(private=False)]}))
    assert found.find("rsa", "RS256") is None
    assert found.find("ec", "ES256") is not None
    assert found.find("ec", "ES384") is None
    assert found.find("ec", "none") is None


def test_of_a_private_key_only_the_public_part_is_kept() -> None:
    found = keys.read(reply({"keys": [RSA.as_dict(private=True)]})).find("rsa", "RS256")
    assert found is not None
    assert not found.is_private


_TEXT = st.one_of(st.text(max_size=40), st.binary(max_size=40).map(lambda b: base64.urlsafe_b64encode(b).decode()))


@given(st.tuples(_TEXT, _TEXT, _TEXT).map(".".join))
def test_any_text_is_refused(token: str) -> None:
    with pytest.raises(SignInFailed):
        id_token.verify(token, RSA, issuer=ISSUER, client_id="tertulia", nonce="n", now=NOW)


@given(
    st.dictionaries(
        st.sampled_from([*claims_of("n"), "azp", "nbf"]), st.none() | st.booleans() | st.floats() | st.text()
    )
)
def test_any_claims_are_believed_or_refused(claims: dict[str, Any]) -> None:
    token = signed({**claims_of("n"), **claims})
    try:
        found = id_token.verify(token, RSA, issuer=ISSUER, client_id="tertulia", nonce="n", now=NOW)
    except SignInFailed:
        return
    assert (found["iss"], found["aud"], found["nonce"]) == (ISSUER, "tertulia", "n")
    assert found["exp"] > NOW - 60
