"""What answers hold: links, ICE servers, problems, CORS headers, files."""

import base64
import hashlib
import hmac
import json
from pathlib import Path

import pytest
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request

from tertulia.config import is_loopback
from tertulia.errors import (
    AlreadyExists,
    FieldError,
    Invalid,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from tertulia.http.cors import Cors
from tertulia.http.pages import Pages
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


# --- links


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


@pytest.mark.parametrize("kind", [Invalid, AlreadyExists])
def test_with_its_fields(kind: type[Invalid]) -> None:
    body, _ = read(kind([FieldError("a.b[0]", "is wrong"), FieldError("", "too")]))
    assert body["errors"] == [{"field": "a.b[0]", "message": "is wrong"}, {"field": "", "message": "too"}]


def test_headers_that_belong_to_a_status() -> None:
    assert read(Unauthorized("x"))[1]["www-authenticate"] == "Bearer"
    assert read(RateLimited("x", 0.2))[1]["retry-after"] == "1"
    assert read(RateLimited("x", 3.1))[1]["retry-after"] == "4"
    assert read(Unavailable("redis://secret"))[1]["retry-after"] == "2"
    assert read(MethodNotAllowed("PUT", "GET, HEAD"))[1]["allow"] == "GET, HEAD"


def test_what_the_server_is_to_blame_for_is_not_told() -> None:
    for error in (RuntimeError("secret"), Unavailable("the database at secret")):
        body, _ = read(error)
        assert "secret" not in json.dumps(body)
    assert read(RuntimeError("x"))[0]["code"] == "internal"


# --- CORS


def marked(cors: Cors, origin: str | None, **asked: str) -> dict[str, str]:
    given = {"origin": origin} if origin else {}
    request_headers = Headers({**given, **{k.replace("_", "-"): v for k, v in asked.items()}})
    response = MutableHeaders()
    cors.mark(request_headers, response)
    cors.mark_preflight(request_headers, response, "GET, HEAD, POST, OPTIONS")
    return dict(response)


def test_a_listed_origin_may_call() -> None:
    headers = marked(Cors(["https://a.example"]), "https://a.example")
    assert headers["access-control-allow-origin"] == "https://a.example"
    assert headers["vary"] == "Origin"


@pytest.mark.parametrize("origin", [None, "https://b.example", "http://a.example", "null", "https://a.example.evil"])
def test_others_may_not(origin: str | None) -> None:
    assert marked(Cors(["https://a.example"]), origin, access_control_request_method="POST") == {}


def test_any_origin_in_development() -> None:
    assert marked(Cors(["*"]), "http://x")["access-control-allow-origin"] == "http://x"


def test_a_preflight_hears_what_is_allowed() -> None:
    headers = marked(
        Cors(["*"]),
        "http://x",
        access_control_request_method="POST",
        access_control_request_headers="authorization,content-type,x-signalr-user-agent",
    )
    assert headers["access-control-allow-methods"] == "GET, HEAD, POST, OPTIONS"
    assert headers["access-control-allow-headers"] == "authorization,content-type,x-signalr-user-agent"


# --- open development


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1", "[::1]"])
def test_loopback_hosts(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example", "192.168.0.1", "127.0.0.1.nip.io", "0.0.0.0"]
)
def test_other_hosts(host: str) -> None:
    assert not is_loopback(host)


# --- files


@pytest.fixture
def pages(tmp_path: Path) -> Pages:
    root = tmp_path / "web"
    (root / "static" / "deep").mkdir(parents=True)
    (root / "index.html").write_text("<!doctype html>")
    (root / "static" / "app.js").write_text("export {}")
    (root / "static" / "deep" / "a.css").write_text("")
    (root / "static" / ".hidden").write_text("")
    (tmp_path / "secret").write_text("")
    (root / "static" / "link").symlink_to(tmp_path / "secret")
    return Pages(root)


def asset(path: str, **headers: str) -> Request:
    made = request(**headers)
    made.scope["path_params"] = {"path": path}
    return made


async def test_files_have_type_etag_and_policy(pages: Pages) -> None:
    index = await pages.index(request())
    assert index.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'self'" in index.headers["content-security-policy"]
    assert "camera=(self)" in index.headers["permissions-policy"]
    script = await pages.asset(asset("app.js"))
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["cache-control"] == "no-cache"
    assert (await pages.asset(asset("deep/a.css"))).headers["content-type"].startswith("text/css")


async def test_what_the_browser_has_is_not_sent_again(pages: Pages) -> None:
    first = await pages.asset(asset("app.js"))
    etag = first.headers["etag"]
    for given in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        again = await pages.asset(asset("app.js", if_none_match=given))
        assert (again.status_code, bytes(again.body), again.headers["etag"]) == (304, b"", etag)
    assert (await pages.asset(asset("app.js", if_none_match='"other"'))).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["", "missing.js", "../index.html", "../../secret", "link", ".hidden", "deep", "a\0b", "/etc/passwd", "x" * 5000],
)
async def test_nothing_else_is_served(pages: Pages, path: str) -> None:
    with pytest.raises(NotFound):
        await pages.asset(asset(path))
