"""The authorization code flow: what is asked of the provider, and what is made of its answers."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tertulia.oidc import flow
from tertulia.oidc.issuer import Issuer
from tertulia.oidc.person import Terms, person_of
from tertulia.oidc.steps import Get, Post, SignInFailed
from tests.unit.oidc.provider import CLIENT, ISSUER, NOW, REDIRECT, Provider, reply


def reason(provider: Provider, **answer: str) -> str:
    with pytest.raises(SignInFailed) as failed:
        provider.sign_in(answer=answer)
    assert "hush" not in str(failed.value)
    return failed.value.reason


def test_a_person_is_sent_off_with_state_nonce_and_a_challenge() -> None:
    provider, begun = Provider(), flow.begin(REDIRECT, NOW)
    provider.metadata["authorization_endpoint"] += "?kind=staff"
    url = provider.run(flow.authorize(CLIENT, Issuer(ISSUER), begun, 0.0))
    digest = hashlib.sha256(begun.verifier.encode()).digest()
    assert url.startswith(f"{ISSUER}/auth?kind=staff&")
    assert Provider.query_of(url) == {
        "kind": "staff",
        "response_type": "code",
        "client_id": "tertulia",
        "redirect_uri": REDIRECT,
        "scope": "openid profile email",
        "state": begun.state,
        "nonce": begun.nonce,
        "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
        "code_challenge_method": "S256",
    }
    other = flow.begin(REDIRECT, NOW)
    secrets = {begun.state, begun.nonce, begun.verifier, other.state, other.nonce, other.verifier}
    assert len(secrets) == 6
    assert min(map(len, secrets)) >= 43  # RFC 7636, section 4.1


def test_a_code_becomes_claims() -> None:
    provider = Provider()
    claims = provider.sign_in()
    assert (claims["sub"], claims["email"], claims["name"]) == ("ann", "ann@example.org", "Ann")
    metadata, keys, token, me = provider.asked
    assert [metadata.url, keys.url, me.url] == [
        f"{ISSUER}/.well-known/openid-configuration",
        f"{ISSUER}/keys",
        f"{ISSUER}/me",
    ]
    assert isinstance(token, Post)
    assert token.basic == ("tertulia", "hush%3A%20it%20is%20secret")
    assert token.form.items() >= {"code": "code", "redirect_uri": REDIRECT, "grant_type": "authorization_code"}.items()
    assert len(token.form["code_verifier"]) >= 43


@pytest.mark.parametrize(
    ("methods", "secret", "form", "basic"),
    [
        (["client_secret_post"], "s", {"client_id": "tertulia", "client_secret": "s"}, None),
        (["client_secret_post", "client_secret_basic"], "s", {}, ("tertulia", "s")),
        (["none"], None, {"client_id": "tertulia"}, None),
    ],
)
def test_the_client_says_who_it_is_as_the_provider_wants_it(
    methods: list[str], secret: str | None, form: dict[str, str], basic: tuple[str, str] | None
) -> None:
    provider = Provider()
    provider.metadata["token_endpoint_auth_methods_supported"] = methods
    provider.sign_in(client=structs.replace(CLIENT, secret=secret))
    token = next(asked for asked in provider.asked if isinstance(asked, Post))
    assert token.basic == basic
    assert {name: value for name, value in token.form.items() if name.startswith("client_")} == form


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"state": "another"}, "expired"),
        ({"state": "é"}, "expired"),
        ({"state": ""}, "broken"),
        ({"code": ""}, "broken"),
        ({"error": "access_denied"}, "broken"),  # with a code, too
        ({"error": "access_denied", "code": ""}, "denied"),
        ({"error": "access_denied", "code": "", "state": "another"}, "expired"),
        ({"error": "temporarily_unavailable", "code": ""}, "unreachable"),
        ({"error": "invalid_scope", "code": ""}, "broken"),
        ({"iss": "https://other.example.org"}, "broken"),
        ({"iss": ""}, "broken"),  # RFC 9207: the provider says that it names itself
    ],
)
def test_what_comes_back_has_to_be_the_answer(answer: dict[str, str], expected: str) -> None:
    provider = Provider()
    assert reason(provider, **answer) == expected
    assert not any(isinstance(asked, Post) for asked in provider.asked), "the code was sent"


def test_a_provider_that_does_not_name_itself_need_not() -> None:
    provider = Provider()
    del provider.metadata["authorization_response_iss_parameter_supported"]
    assert provider.sign_in(answer={"iss": ""})["sub"] == "ann"
    assert reason(provider, iss="https://other.example.org") == "broken"


def test_a_sign_in_takes_ten_minutes_at_most() -> None:
    provider, issuer, begun = Provider(), Issuer(ISSUER), flow.begin(REDIRECT, NOW)
    provider.nonce = begun.nonce
    query = urlencode({"code": "code", "state": begun.state, "iss": ISSUER}).encode()
    late = structs.replace(begun, expires_at=NOW + 5)
    with pytest.raises(SignInFailed, match="too late"):
        provider.complete(issuer, late, query)
    assert provider.complete(issuer, begun, query)["sub"] == "ann"


@pytest.mark.parametrize(
    ("name", "answer", "expected"),
    [
        ("openid-configuration", reply({}, 404), "unreachable"),
        ("openid-configuration", reply(b"<html>"), "broken"),
        ("openid-configuration", reply(b"[" * 200_000), "broken"),
        ("openid-configuration", reply({"issuer": ISSUER}), "broken"),
        ("keys", reply({}, 500), "unreachable"),
        ("keys", reply({"keys": "none"}), "broken"),
        ("keys", reply({"keys": []}), "broken"),
        ("token", reply({"error": "invalid_client"}, 401), "broken"),
        ("token", reply(b"[]", 400), "broken"),
        ("token", reply(b"", 502), "unreachable"),
        ("token", reply({"access_token": "access"}), "broken"),
        ("me", reply(b"", 503), "unreachable"),
        ("me", reply({"sub": "ben", "email": "ben@example.org"}), "broken"),
        ("me", reply(b"eyJ.signed.userinfo"), "broken"),
        ("me", reply({}, 401), "broken"),
    ],
)
def test_an_answer_that_makes_no_sense_is_not_believed(name: str, answer: Any, expected: str) -> None:
    provider = Provider()
    provider.replies[name] = answer
    assert reason(provider) == expected


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"])
@pytest.mark.parametrize("url", ["http://login.example.org/x", "file:///etc/passwd", "https://u:p@h/", "https://", ""])
def test_nothing_is_sent_without_tls(name: str, url: str) -> None:
    provider = Provider()
    provider.metadata[name] = url
    assert reason(provider) == "broken"
    assert len(provider.asked) == 1


def test_another_issuer_is_not_believed() -> None:
    provider = Provider()
    provider.metadata["issuer"] = "https://evil.example.org"
    assert reason(provider) == "broken"


def test_the_user_info_cannot_speak_for_the_id_token() -> None:
    provider = Provider()
    provider.user_info |= {"iss": "https://evil.example.org", "aud": "x", "nonce": "x", "email": "else@example.org"}
    provider.claims = {"email": "ann@example.org"}
    claims = provider.sign_in()
    assert (claims["iss"], claims["aud"], claims["email"]) == (ISSUER, "tertulia", "ann@example.org")


def test_an_address_that_the_id_token_does_not_verify_is_not_verified_by_another_one() -> None:
    provider = Provider()
    provider.claims = {"email": "victim@example.org"}
    provider.user_info = {"sub": "ann", "email": "mallory@evil.example", "email_verified": True}
    assert person_of(provider.sign_in(), Terms()).email is None
    provider.claims = {"email_verified": True}
    provider.user_info = {"sub": "ann", "email": "victim@example.org"}
    assert person_of(provider.sign_in(), Terms()).email is None
    provider.claims = {}
    provider.user_info |= {"email_verified": True}
    assert person_of(provider.sign_in(), Terms()).email == "victim@example.org"


def test_a_provider_without_user_info_is_asked_for_none() -> None:
    provider = Provider()
    del provider.metadata["userinfo_endpoint"]
    provider.claims = {"name": "Ann"}
    assert provider.sign_in()["name"] == "Ann"
    assert sum(isinstance(asked, Get) for asked in provider.asked) == 2


class TestKeys:
    """What is known of a provider, and for how long."""

    def test_metadata_and_keys_are_read_once_an_hour(self) -> None:
        provider, issuer = Provider(), Issuer(ISSUER)
        for _ in range(3):
            provider.sign_in(issuer)
        assert [asked.url.rpartition("/")[2] for asked in provider.asked].count("keys") == 1
        begun = len(provider.asked)
        provider.run(issuer.metadata(3599.0))
        assert len(provider.asked) == begun
        provider.run(issuer.metadata(3600.0))
        assert len(provider.asked) == begun + 1

    def test_a_new_key_is_looked_for_at_most_once_a_minute(self) -> None:
        provider, issuer = Provider(), Issuer(ISSUER)

        def reads(kid: str, at: float) -> int:
            before = len(provider.asked)
            with pytest.raises(SignInFailed, match="does not publish"):
                provider.run(issuer.key(kid, "RS256", at))
            return len(provider.asked) - before

        provider.run(issuer.key("rsa", "RS256", 0.0))
        assert [reads("new", 10.0), reads("new", 59.0), reads("new", 61.0), reads("newer", 62.0)] == [0, 0, 1, 0]
        provider.keys[0]["kid"] = "new"
        assert provider.run(issuer.key("new", "RS256", 130.0)) is not None

    def test_a_provider_that_does_not_answer_is_left_alone_for_seconds(self) -> None:
        provider, issuer = Provider(), Issuer(ISSUER)
        provider.replies["openid-configuration"] = reply({}, 503)
        for at in (0.0, 1.0, 9.9, 10.0):
            with pytest.raises(SignInFailed) as failed:
                provider.run(issuer.metadata(at))
            assert failed.value.reason == "unreachable"
        assert len(provider.asked) == 2
        del provider.replies["openid-configuration"]
        assert provider.run(issuer.metadata(20.0)).issuer == ISSUER

    def test_keys_that_cannot_be_read_are_left_alone_for_seconds(self) -> None:
        provider, issuer = Provider(), Issuer(ISSUER)
        provider.replies["keys"] = reply({}, 503)
        for at in (0.0, 1.0, 9.9, 10.0):
            with pytest.raises(SignInFailed, match="answered with 503"):
                provider.run(issuer.key("rsa", "RS256", at))
        assert [asked.url.rpartition("/")[2] for asked in provider.asked].count("keys") == 2
        del provider.replies["keys"]
        assert provider.run(issuer.key("rsa", "RS256", 20.0)) is not None

    def test_a_code_is_not_redeemed_without_the_keys(self) -> None:
        provider = Provider()
        provider.replies["keys"] = reply({}, 503)
        assert reason(provider) == "unreachable"
        assert not any(isinstance(asked, Post) for asked in provider.asked), "the code is lost"


_PARTS = st.sampled_from(
    [b"state=", b"code=", b"error=", b"iss=", b"&", b";", b"%", b"%00", b"%C3%A9", b"%ff", b"+", b"a"]
)


@given(st.lists(st.one_of(_PARTS, st.binary(max_size=6)), max_size=60).map(b"".join))
def test_any_query_is_read_or_refused(query: bytes) -> None:
    try:
        found = flow.read_callback(query)
    except SignInFailed as e:
        assert e.reason == "broken"
    else:
        assert found.state
        assert bool(found.code) != bool(found.error)


@pytest.mark.parametrize(
    "query",
    [
        b"state=a&state=a&code=c",
        b"state=a&code=c&code=d",
        b"state=a&code=c&iss=i&iss=i",
        b"state=a&code=c&" + b"x=1&" * 33,
        b"state=a&code=" + b"c" * 16_384,
        b"state=a&code=%ff",
        "state=a&code=é".encode(),
    ],
)
def test_a_query_that_says_too_much_is_refused(query: bytes) -> None:
    with pytest.raises(SignInFailed):
        flow.read_callback(query)
    assert flow.read_callback(b"state=a&code=c&session_state=1&session_state=2").code == "c"
