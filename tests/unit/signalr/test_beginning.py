"""Handshake, negotiation and the connection token."""

from __future__ import annotations

import json

import pytest

from tertulia.signalr import handshake, negotiate
from tertulia.signalr.errors import HandshakeRefused
from tertulia.signalr.tokens import Claims, Tokens


@pytest.mark.parametrize("name", ["json", "messagepack"])
@pytest.mark.parametrize("version", [0, 1, 2])
def test_each_encoding_in_each_version(name: str, version: int) -> None:
    request = json.dumps({"protocol": name, "version": version, "more": 1}).encode()
    protocol, got = handshake.parse(request, binary=True)
    assert (protocol.name, got) == (name, version)


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ('{"protocol":"xml","version":1}', "The hub protocol is not supported: ask for json or messagepack."),
        ('{"protocol":"json","version":3}', "The server supports versions of the hub protocol up to 2."),
        ('{"protocol":"json","version":-1}', "The server supports versions of the hub protocol up to 2."),
        ('{"protocol":"json"}', "An unexpected error occurred during connection handshake."),
        ('{"protocol":1,"version":1}', "An unexpected error occurred during connection handshake."),
        ("nonsense", "An unexpected error occurred during connection handshake."),
        ("[" * 50_000, "An unexpected error occurred during connection handshake."),
        (
            '{"protocol":"messagepack","version":1}',
            (
                "Cannot use the 'messagepack' protocol on the current transport. "
                "The transport does not support 'Binary' transfer format."
            ),
        ),
    ],
)
def test_what_a_handshake_is_refused_for(request_: str, text: str) -> None:
    with pytest.raises(HandshakeRefused) as refused:
        handshake.parse(request_.encode(), binary=False)
    assert str(refused.value) == text
    assert json.loads(handshake.refusal(text)[:-1]) == {"error": text}


def test_negotiate_version_1() -> None:
    request = negotiate.parse({"negotiateversion": "1"})
    body = json.loads(negotiate.answer(request, "public", "secret"))
    assert body == {
        "negotiateVersion": 1,
        "connectionId": "public",
        "connectionToken": "secret",
        "availableTransports": [
            {"transport": "WebSockets", "transferFormats": ["Text", "Binary"]},
            {"transport": "ServerSentEvents", "transferFormats": ["Text"]},
            {"transport": "LongPolling", "transferFormats": ["Text", "Binary"]},
        ],
    }


def test_negotiate_version_0_has_one_id_only() -> None:
    body = json.loads(negotiate.answer(negotiate.parse({}), "public", "secret"))
    assert body["negotiateVersion"] == 0
    assert body["connectionId"] == "secret"
    assert "connectionToken" not in body
    assert "public" not in json.dumps(body)


@pytest.mark.parametrize(("asked", "got"), [("0", 0), ("1", 1), ("2", 1), ("99", 1)])
def test_the_newest_version_that_both_know(asked: str, got: int) -> None:
    assert negotiate.parse({"negotiateversion": asked}).version == got


@pytest.mark.parametrize(
    ("asked", "got"), [("true", True), ("True", True), ("false", False), ("1", False), ("", False)]
)
def test_stateful_reconnect_only_if_asked_for(asked: str, got: bool) -> None:
    request = negotiate.parse({"negotiateversion": "1", "usestatefulreconnect": asked})
    assert request.stateful is got
    assert json.loads(negotiate.answer(request, "a", "b")).get("useStatefulReconnect") is (True if got else None)


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("x", "The client requested a non-integer protocol version."),
        ("-1", "The client requested a protocol version that the server does not support."),
    ],
)
def test_what_a_negotiation_is_refused_for(asked: str, text: str) -> None:
    with pytest.raises(negotiate.Refused) as refused:
        negotiate.parse({"negotiateversion": asked})
    assert json.loads(negotiate.refusal(refused.value)) == {"error": text}


def test_a_token_says_what_it_was_issued_for_to_every_worker_with_the_key() -> None:
    claims = Claims("hub-1", "id_-9", 1000, stateful=True)
    token = Tokens(lambda: [b"key"], "hub-1").issue(claims)
    assert Tokens(lambda: [b"new", b"key"], "hub-2").read(token) == claims
    assert Tokens(lambda: [b"other"], "hub-1").read(token) is None


def test_no_change_to_a_token_goes_unnoticed() -> None:
    tokens = Tokens(lambda: [b"key"], "w")
    token = tokens.issue(Claims("w", "id", 1000, stateful=False))
    for index in range(len(token)):
        for other in "A.sé\ud800":
            changed = token[:index] + other + token[index + 1 :]
            assert tokens.read(changed) is None or changed == token
    for wrong in ("", ".", "....", "x" * 10_000, token + "x", token[1:], "a.b.c.d.e"):
        assert tokens.read(wrong) is None


def test_a_workers_id_cannot_break_the_form() -> None:
    with pytest.raises(ValueError, match="worker"):
        Tokens(lambda: [b"key"], "a.b")
