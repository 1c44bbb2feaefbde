"""What answers hold: addresses, ICE servers, problems."""

import base64
import hashlib
import hmac
import json

import pytest
from starlette.requests import Request

from tertulia.errors import (
    AlreadyExists,
    BadToken,
    FieldError,
    Invalid,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
    UserRemoved,
)
from tertulia.ids import NodeId, RoomId, UserId
from tertulia.rest.addresses import Base, base_of
from tertulia.rest.ice import stun_url, turn_credential
from tertulia.rest.problem import problem
from tertulia.room.placement import Node

USER = UserId("6f1c0e9a-0000-4000-8000-000000000000")


def request(host: str = "meet.example.org", scheme: str = "https", path: str = "/", **headers: str) -> Request:
    raw = [(b"host", host.encode()), *((k.replace("_", "-").encode(), v.encode()) for k, v in headers.items())]
    scope = {
        "type": "http",
        "scheme": scheme,
        "path": path,
        "query_string": b"",
        "headers": raw,
        "server": ("10.0.0.1", 80),
    }
    return Request(scope)


# --- addresses


def test_addresses_follow_the_request() -> None:
    base = base_of(request("meet.example.org:8443"), None)
    assert (base.ws_url, base.hub_url) == ("wss://meet.example.org:8443/ws", "https://meet.example.org:8443/hub")
    assert base_of(request("localhost:8080", "http"), None).ws_url == "ws://localhost:8080/ws"


def test_the_configured_address_wins() -> None:
    base = base_of(request(), "https://public.example.org/tertulia")
    assert base.ws_url == "wss://public.example.org/tertulia/ws"
    assert base.hub_url == "https://public.example.org/tertulia/hub"


def test_tokens_are_in_the_fragment() -> None:
    base = Base("http://h")
    assert base.invite(RoomId("R"), "T") == "http://h/r/R#invite=T"
    assert base.host(RoomId("R"), "T") == "http://h/r/R#token=T"


# --- ICE servers


def test_turn_credentials_are_those_of_coturn() -> None:
    username, credential = turn_credential("secret", USER, 1_900_000_000)
    assert username == f"1900000000:{USER}"
    expected = hmac.new(b"secret", username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(credential) == expected


@pytest.mark.parametrize(
    ("ip", "url"), [("192.0.2.1", "stun:192.0.2.1:40000"), ("2001:db8::1", "stun:[2001:db8::1]:40000")]
)
def test_a_node_is_a_stun_server(ip: str, url: str) -> None:
    node = Node(id=NodeId("n"), region="r", ip=ip, ports=[40000, 40001], load=0, rooms=0, peers=0)
    assert stun_url(node) == url


# --- problems


def read(error: BaseException) -> tuple[dict[str, object], dict[str, str]]:
    response = problem(error)
    assert response.media_type == "application/problem+json"
    body = json.loads(bytes(response.body))
    assert body["status"] == response.status_code
    assert body["type"] == "about:blank"
    return body, dict(response.headers)


def test_a_refusal_is_told() -> None:
    body, _ = read(NotFound("x is not known"))
    assert body == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "code": "not_found",
        "detail": "x is not known",
    }


def test_why_a_token_is_void_is_told() -> None:
    body, _ = read(Unauthorized.by(UserRemoved()))
    assert (body["code"], body["reason"]) == ("unauthorized", "removed")
    assert "reason" not in read(Unauthorized.by(BadToken("the token has expired")))[0]


@pytest.mark.parametrize("kind", [Invalid, AlreadyExists])
def test_with_its_fields(kind: type[Invalid]) -> None:
    body, _ = read(kind([FieldError("a.b[0]", "is wrong"), FieldError("", "too")]))
    assert body["errors"] == [{"field": "a.b[0]", "message": "is wrong"}, {"field": "", "message": "too"}]


def test_headers_that_belong_to_a_status() -> None:
    assert read(Unauthorized("x"))[1]["www-authenticate"] == "Bearer"
    assert read(RateLimited("x", 0.2))[1]["retry-after"] == "1"
    assert read(RateLimited("x", 3.1))[1]["retry-after"] == "4"
    assert read(Unavailable("redis://secret"))[1]["retry-after"] == "2"
    assert read(MethodNotAllowed("GET, HEAD"))[1]["allow"] == "GET, HEAD"


def test_what_the_server_is_to_blame_for_is_not_told() -> None:
    for error in (RuntimeError("secret"), Unavailable("the database at secret")):
        body, _ = read(error)
        assert "secret" not in json.dumps(body)
    assert read(RuntimeError("x"))[0]["code"] == "internal"
