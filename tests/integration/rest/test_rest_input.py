"""Bad input of every kind: each a typed problem, and the server lives. The database never hears of it: SQLite alone."""

import json
import socket
from typing import Any

import pytest

from tertulia.rest.table import OPERATIONS
from tests.integration.rest.conftest import Rest, new_id, problem

UUID = "6f1c0e9a-0000-4000-8000-000000000000"
JSON = {"Content-Type": "application/json"}
BODIES = [(o.method, o.path) for o in OPERATIONS if o.body is not None]
NEEDED = [(o.method, o.path) for o in OPERATIONS if o.body is not None and not o.body_is_optional]


def fill(rest: Rest, path: str) -> str:
    """The path with a room that is there, and ids of what is not."""
    return (
        path.replace("{room_id}", rest.room() if "{room_id}" in path else "")
        .replace("{user_id}", new_id())
        .replace("{recording_id}", new_id())
    )


@pytest.fixture
def rest(rest_sqlite: Rest) -> Rest:
    return rest_sqlite


# --- 413, 415, 400


@pytest.mark.parametrize(("method", "path"), BODIES)
def test_a_body_has_64_kib(rest: Rest, method: str, path: str) -> None:
    target = fill(rest, path)
    fits = b'{"x": "' + b"a" * (65536 - 9) + b'"}'
    assert len(fits) == 65536
    assert rest.call(method, target, content=fits, headers=JSON).status_code in (200, 403, 422)
    problem(rest.call(method, target, content=fits + b" ", headers=JSON), 413, "too_large")


def test_ten_megabytes_are_refused_by_length_and_by_chunks(rest: Rest) -> None:
    megabyte = b" " * 1_000_000
    problem(rest.call("POST", "/v1/rooms", content=megabyte * 10, headers=JSON), 413, "too_large")
    problem(rest.call("POST", "/v1/rooms", content=iter([megabyte] * 10), headers=JSON), 413, "too_large")
    problem(rest.call("POST", f"/v1/rooms/{rest.room()}/end", content=iter([megabyte])), 413, "too_large")
    assert rest.http.get("/healthz").status_code == 200


@pytest.mark.parametrize(("method", "path"), BODIES)
@pytest.mark.parametrize("kind", [None, "text/plain", "application/xml", "application/json; charset=utf-16"])
def test_a_body_is_json(rest: Rest, method: str, path: str, kind: str | None) -> None:
    headers = {"Content-Type": kind} if kind else {}
    problem(rest.call(method, fill(rest, path), content=b"{}", headers=headers), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b'{"hostId": NaN}',
        b'{"a": 1, "a": 2}',
        b"\xff",
        b"\xef\xbb\xbf{}",
        b"[" * 33 + b"]" * 33,
        b'{"a":' * 9999,
    ],
)
@pytest.mark.parametrize(("method", "path"), BODIES)
def test_not_json(rest: Rest, method: str, path: str, content: bytes) -> None:
    problem(rest.call(method, fill(rest, path), content=content, headers=JSON), 400, "not_json")


@pytest.mark.parametrize(("method", "path"), NEEDED)
def test_nothing_is_no_json(rest: Rest, method: str, path: str) -> None:
    problem(rest.call(method, fill(rest, path), content=b"", headers=JSON), 400, "not_json")


@pytest.mark.parametrize(("method", "path"), BODIES)
@pytest.mark.parametrize("content", [b"[]", b"1", b'"x"', b"null", b"true", b"1e999", b"9" * 5000])
def test_a_body_is_an_object(rest: Rest, method: str, path: str, content: bytes) -> None:
    found = problem(rest.call(method, fill(rest, path), content=content, headers=JSON), 422, "invalid")
    assert [e["field"] for e in found["errors"]] == [""]


def test_32_levels_are_read(rest: Rest) -> None:
    deep: Any = 1
    for _ in range(31):
        deep = [deep]
    rest.ok("POST", "/v1/rooms", {"hostId": new_id(), "unknown": deep}, 201)


# --- 422


UUID_FAULTS: list[Any] = [
    None,
    1,
    True,
    [],
    {},
    "",
    "x",
    UUID[:-1],
    UUID + "0",
    UUID + "\n",
    UUID.replace("-", ""),
    f"{{{UUID}}}",
    "٣" * 36,
]
TEXT_FAULTS: list[Any] = [None, 1, True, [], {}, "", "a\0b", "\ud800", "x\udfff"]
ROLE_FAULTS: list[Any] = [None, 1, [], {}, "", "Host", "guest"]

FIELDS: list[tuple[str, str, dict[str, Any], str, list[Any]]] = [
    ("POST", "/v1/rooms", {}, "hostId", UUID_FAULTS),
    ("POST", "/v1/rooms", {"hostId": UUID}, "settings", [None, 1, "x", [], True]),
    ("POST", "/v1/rooms", {"hostId": UUID}, "settings.isRecordingEnabled", [None, 0, "true", []]),
    (
        "POST",
        "/v1/rooms",
        {"hostId": UUID},
        "settings.maxParticipants",
        [None, 0, -1, 1001, 1.5, "5", True, 10**30, 10**400],
    ),
    ("POST", "/v1/rooms", {"hostId": UUID}, "settings.allowedRoles", [None, [], "host", {}, 1]),
    ("POST", "/v1/rooms", {"hostId": UUID}, "settings.topology", [None, "", "SFU", "mesh", 1, []]),
    ("POST", "/v1/rooms", {"hostId": UUID}, "settings.colour", [None, 1]),
    ("PATCH", "/v1/rooms/{room_id}", {}, "settings", [None, 1, [], "x"]),
    ("PATCH", "/v1/rooms/{room_id}", {}, "settings.maxParticipants", [None, 0, 1001]),
    ("PATCH", "/v1/rooms/{room_id}", {}, "settings.unknown", [1]),
    ("POST", "/v1/rooms/{room_id}/join", {}, "userId", UUID_FAULTS),
    ("POST", "/v1/rooms/{room_id}/join", {"userId": UUID}, "displayName", [*TEXT_FAULTS, "x" * 101]),
    ("POST", "/v1/rooms/{room_id}/join", {"userId": UUID}, "region", [*TEXT_FAULTS, "x" * 65]),
    ("POST", "/v1/rooms/{room_id}/invites", {}, "role", ROLE_FAULTS),
    (
        "POST",
        "/v1/rooms/{room_id}/invites",
        {"role": "host"},
        "expiresIn",
        [None, 59, 30 * 86400 + 1, 60.5, "60", True, []],
    ),
    ("POST", "/v1/users", {}, "displayName", [*TEXT_FAULTS, "x" * 101]),
    (
        "POST",
        "/v1/users",
        {"displayName": "A"},
        "email",
        [*TEXT_FAULTS, "x", "a@", "@b", "a b@c", "a@b c", "a@" + "b" * 253],
    ),
    ("POST", "/v1/users", {"displayName": "A"}, "id", UUID_FAULTS),
]


def put(body: dict[str, Any], field: str, value: Any) -> dict[str, Any]:
    first, _, rest = field.partition(".")
    return body | {first: put({}, rest, value) if rest else value}


@pytest.mark.parametrize(
    ("method", "path", "body", "field", "value"),
    [pytest.param(m, p, b, f, v, id=f"{m} {p} {f}={json.dumps(v)[:20]}") for m, p, b, f, vs in FIELDS for v in vs],
)
def test_a_wrong_field_is_named(
    rest: Rest, method: str, path: str, body: dict[str, Any], field: str, value: Any
) -> None:
    content = json.dumps(put(body, field, value)).encode()
    found = problem(rest.call(method, fill(rest, path), content=content, headers=JSON), 422, "invalid")
    assert [e["field"] for e in found["errors"]] == [field]
    assert all(e["message"] for e in found["errors"])


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/v1/rooms", ["hostId"]),
        ("/v1/rooms/{room_id}/join", ["userId"]),
        ("/v1/rooms/{room_id}/invites", ["role"]),
        ("/v1/users", ["displayName"]),
    ],
)
def test_a_missing_field_is_named(rest: Rest, path: str, fields: list[str]) -> None:
    found = rest.refused("POST", fill(rest, path), {}, status=422, code="invalid")
    assert [e["field"] for e in found["errors"]] == fields


def test_all_faults_are_named_at_once(rest: Rest) -> None:
    settings = {"isRecordingEnabled": 1, "maxParticipants": 0, "allowedRoles": ["king", "host", 2], "x": 1, "y": 2}
    found = rest.refused("POST", "/v1/rooms", {"hostId": "x", "settings": settings}, status=422, code="invalid")
    assert [e["field"] for e in found["errors"]] == [
        "hostId",
        "settings.isRecordingEnabled",
        "settings.maxParticipants",
        "settings.allowedRoles[0]",
        "settings.allowedRoles[2]",
        "settings.x",
        "settings.y",
    ]


def test_the_longest_names_pass(rest: Rest) -> None:
    room = rest.room(maxParticipants=1000)
    body = {"userId": new_id(), "displayName": "🙂" * 100, "region": "x" * 64}
    rest.ok("POST", f"/v1/rooms/{room}/join", body)


# --- HEAD, OPTIONS, keep-alive, raw sockets


@pytest.mark.parametrize("path", ["/v1/rooms", "/healthz", "/", "/openapi.json", "/metrics"])
def test_head_is_get_without_a_body(rest: Rest, path: str) -> None:
    got, head = rest.call("GET", path), rest.call("HEAD", path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == got.headers["content-type"]


def test_options_needs_no_credential(rest: Rest) -> None:
    answer = rest.call("OPTIONS", f"/v1/rooms/{UUID}/join", key="")
    assert (answer.status_code, answer.headers["allow"]) == (204, "POST, OPTIONS")
    assert rest.call("OPTIONS", "/healthz", key="").headers["allow"] == "GET, HEAD, OPTIONS"


def test_answers_are_not_kept_by_caches(rest: Rest) -> None:
    answer = rest.call("GET", "/v1/rooms")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers


def raw(rest: Rest, request: bytes, seconds: float = 10, end: bytes = b"\r\n\r\n") -> bytes:
    """What comes back, up to ``end`` or the end of the connection."""
    with socket.create_connection(("127.0.0.1", rest.web.port), timeout=seconds) as connection:
        connection.sendall(request)
        got = b""
        while chunk := connection.recv(65536):
            got += chunk
            if end in got:
                break
        return got


def test_http_1_0_without_a_host_gets_addresses_too(rest: Rest) -> None:
    room = rest.room()
    body = json.dumps({"userId": new_id()}).encode()
    head = (
        f"POST /v1/rooms/{room}/join HTTP/1.0\r\nAuthorization: Bearer {rest.key}\r\nContent-Type: application/json\r\n"
    )
    answer = raw(rest, head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body, end=b"expiresAt")
    assert answer.startswith(b"HTTP/1.1 200")
    assert f"ws://127.0.0.1:{rest.web.port}/ws".encode() in answer


@pytest.mark.parametrize("host", ["evil.example/path", "a b", "x@y", "<script>", ""])
def test_a_host_header_that_is_none_is_not_repeated(rest: Rest, host: str) -> None:
    room = rest.room()
    answer = rest.call("POST", f"/v1/rooms/{room}/join", {"userId": new_id()}, headers={"Host": host})
    if answer.status_code == 200:
        assert answer.json()["wsUrl"] == rest.web.ws_url
    else:
        assert answer.status_code == 400


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(rest: Rest, request_: bytes) -> None:
    assert b" 4" in raw(rest, request_)[:15]
    assert rest.http.get("/healthz").status_code == 200


def test_a_huge_head_is_refused(rest: Rest) -> None:
    assert raw(rest, b"GET / HTTP/1.1\r\n" + b"X-Y: " + b"a" * 100_000 + b"\r\n\r\n").startswith(b"HTTP/1.1 431")
    assert raw(rest, b"GET / HTTP/1.1\r\n" + b"X-Y: aaaaaaaa\r\n" * 10_000 + b"\r\n").startswith(b"HTTP/1.1 431")
    assert raw(rest, b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 431")
    assert rest.http.get("/healthz").status_code == 200


def test_a_body_that_never_comes_holds_nothing_up(rest: Rest) -> None:
    head = (
        f"POST /v1/rooms HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {rest.key}\r\nContent-Type: application/json\r\n"
    )
    assert b" 400 " in raw(rest, head.encode() + b"Content-Length: 100\r\n\r\n{", seconds=30)[:20]
