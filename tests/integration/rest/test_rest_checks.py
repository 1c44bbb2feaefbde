"""Bad input, bad credentials, and the order in which they are found. Nothing is changed by any of it."""

import base64
import hmac
import json
import time
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from tertulia.db.access import Access
from tertulia.db.engine import Database
from tertulia.db.tables import IDEMPOTENCY_KEYS
from tertulia.rest.table import OPERATIONS
from tertulia.room.quotas import Quotas
from tertulia.times import from_seconds
from tests.integration.rest.conftest import Rest, new_id, problem

UUID = "6f1c0e9a-0000-4000-8000-000000000000"
JSON = {"Content-Type": "application/json"}
ALL = [(o.method, o.path) for o in OPERATIONS]


def fill(rest: Rest, path: str) -> str:
    """The path with a room that is there, and ids of what is not."""
    return (
        path.replace("{room_id}", rest.room() if "{room_id}" in path else "")
        .replace("{user_id}", new_id())
        .replace("{recording_id}", new_id())
    )


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


# --- 401


@pytest.mark.parametrize(("method", "path"), ALL)
def test_every_operation_asks_for_a_credential(rest: Rest, method: str, path: str) -> None:
    target = path.format(room_id=UUID, user_id=UUID, recording_id=UUID, invite_id=UUID)
    answer = rest.call(method, target, key="")
    problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"


def credentials(rest: Rest) -> dict[str, str]:
    token = rest.token(rest.room())
    head, payload, signature = token.split(".")
    said = json.loads(base64.urlsafe_b64decode(payload + "=="))
    unsigned = b64(json.dumps({"alg": "none", "typ": "tertulia-room+jwt"}).encode())
    longer = b64(json.dumps(said | {"exp": said["exp"] + 9999}).encode())
    host = b64(json.dumps(said | {"role": "host"}).encode())
    own = f"{head}.{host}"
    return {
        "nothing": "Bearer",
        "basic": "Basic dTpw",
        "bare key": rest.key,
        "unknown key": "Bearer tk_" + "A" * 43,
        "cut key": f"Bearer {rest.key[:-1]}",
        "key in upper case": f"Bearer {rest.key.upper()}",
        "two": f"Bearer {rest.key} {rest.key}",
        "comma": f"Bearer {rest.key},{rest.key}",
        "alg none": f"Bearer {unsigned}.{payload}.",
        "alg none, signed": f"Bearer {unsigned}.{payload}.{signature}",
        "longer": f"Bearer {head}.{longer}.{signature}",
        "made host": f"Bearer {own}.{signature}",
        "made host, own key": f"Bearer {own}.{b64(hmac.digest(b'guess', own.encode(), 'sha256'))}",
        "cut token": f"Bearer {token[:-2]}",
        "very long": "Bearer " + "A" * 20_000,
    }


def test_what_is_no_credential_opens_nothing(rest: Rest) -> None:
    for name, value in credentials(rest).items():
        answer = rest.call("GET", "/v1/rooms", key="", headers={"Authorization": value})
        assert problem(answer, 401, "unauthorized"), name


def test_two_credentials_are_none(rest: Rest) -> None:
    headers = [("Authorization", f"Bearer {rest.key}"), ("Authorization", f"Bearer {rest.key}")]
    problem(rest.http.get("/v1/rooms", headers=headers), 401, "unauthorized")


def test_the_scheme_is_read_in_any_case(rest: Rest) -> None:
    assert rest.call("GET", "/v1/rooms", key="", headers={"Authorization": f"bEARER  {rest.key}"}).status_code == 200


# --- the order


def test_the_checks_come_in_the_contracts_order(rest: Rest) -> None:
    """Each request has every fault from its place in the list on; only the first is told."""
    room, other = rest.room(), new_id()
    big = b"[" * 70_000
    path = f"/v1/rooms/{other}/join"
    guest = rest.token(room)

    def send(status: int, code: str, path: str, content: bytes, key: str | None = None, **headers: str) -> None:
        sent = {k.replace("_", "-"): v for k, v in headers.items()}
        problem(rest.call("POST", path, content=content, key=key, headers=sent), status, code)

    bad = b'{"userId": 1}'
    good = json.dumps({"userId": new_id()}).encode()
    send(401, "unauthorized", path, big, key="x", content_type="text/plain", accept="text/html")
    send(413, "too_large", path, big, content_type="text/plain", accept="text/html")
    send(415, "unsupported_media_type", path, b"[", content_type="text/plain", accept="text/html")
    send(400, "not_json", path, b"[", **JSON, accept="text/html")
    send(422, "invalid", path, bad, **JSON, accept="text/html")
    send(404, "not_found", path, good, **JSON, key=guest, accept="text/html")
    send(403, "forbidden", f"/v1/rooms/{room}/join", good, **JSON, key=guest, accept="text/html")
    full = rest.room(maxParticipants=1)
    with rest.meeting(full, new_id()):
        send(409, "room_full", f"/v1/rooms/{full}/join", good, **JSON, accept="text/html")
    send(406, "not_acceptable", f"/v1/rooms/{room}/join", good, **JSON, accept="text/html")


def test_405_comes_after_404_and_says_what_is_offered(rest: Rest) -> None:
    room = rest.room()
    problem(rest.call("PUT", f"/v1/rooms/{room}", key=""), 401, "unauthorized")
    problem(rest.call("PUT", "/v1/rooms", content=b"x" * 70_000), 413, "too_large")
    problem(rest.call("PUT", f"/v1/rooms/{new_id()}"), 404, "not_found")
    problem(rest.call("PUT", "/v1/rooms/x"), 404, "not_found")
    answer = rest.call("PUT", f"/v1/rooms/{room}", headers={"Accept": "text/html"})
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, PATCH, DELETE, OPTIONS"
    assert rest.call("DELETE", "/v1/rooms").headers["allow"] == "POST, GET, HEAD, OPTIONS"
    problem(rest.call("POST", "/healthz", key=""), 405, "method_not_allowed")
    problem(rest.call("TRACE", "/v1/rooms"), 405, "method_not_allowed")


# --- 404


@pytest.mark.parametrize(("method", "path"), [(m, p) for m, p in ALL if "{" in p])
@pytest.mark.parametrize(
    "bad", ["x", UUID[:-1], UUID + "0", UUID.replace("-", ""), "%00", "%ff", "%2e%2e", f"{UUID}%0a", "🙂"]
)
def test_an_id_that_is_no_uuid_is_not_found(rest: Rest, method: str, path: str, bad: str) -> None:
    body = {"userId": UUID, "role": "host", "layout": "grid"} if path.endswith(("join", "invites", "compose")) else {}
    wanted = path.replace("{room_id}", bad) if "{room_id}" in path else path.replace("{user_id}", bad)
    target = wanted.replace("{user_id}", UUID).replace("{recording_id}", UUID).replace("{invite_id}", UUID)
    problem(rest.call(method, target, body if body or method == "PATCH" else None), 404, "not_found")


@pytest.mark.parametrize(("method", "path"), [(m, p) for m, p in ALL if "{room_id}" in p])
def test_another_tenants_room_is_not_found(rest: Rest, method: str, path: str) -> None:
    room = rest.room()
    body = {"userId": UUID, "role": "host", "layout": "grid"} if path.endswith(("join", "invites", "compose")) else None
    target = path.format(room_id=room, user_id=UUID, recording_id=UUID, invite_id=UUID)
    answer = rest.call(method, target, body if method != "PATCH" else {}, key=rest.other_key)
    problem(answer, 404, "not_found")
    assert rest.ok("GET", f"/v1/rooms/{room}")["status"] == "SCHEDULED"


def test_another_tenants_user_is_somebody_else(rest: Rest) -> None:
    user = rest.ok("POST", "/v1/users", {"displayName": "Ours"}, 201)["id"]
    rest.refused("GET", f"/v1/users/{user}", key=rest.other_key, status=404, code="not_found")
    theirs = {"displayName": "Theirs", "id": user}
    assert rest.ok("POST", "/v1/users", theirs, 201, key=rest.other_key)["displayName"] == "Theirs"
    room = rest.ok("POST", "/v1/rooms", {"hostId": user}, 201, key=rest.other_key)["roomId"]
    rest.ok("POST", f"/v1/rooms/{room}/join", {"userId": user}, key=rest.other_key)
    assert rest.ok("GET", f"/v1/users/{user}")["displayName"] == "Ours"


def test_tenants_see_their_own_rooms_only(rest: Rest) -> None:
    room = rest.room()
    page = rest.ok("GET", "/v1/rooms?limit=100", key=rest.other_key)
    assert room not in [r["id"] for r in page["items"]]


@pytest.mark.parametrize(
    "path", ["/nope", "/v1", "/v1/rooms/", "/v1/nope", "/r/a/b", "/static/", "/static/nope.js", "/docs/x"]
)
def test_unknown_paths_are_problems_too(rest: Rest, path: str) -> None:
    problem(rest.call("GET", path), 404, "not_found")


def test_unknown_paths_of_the_api_ask_for_a_credential_first(rest: Rest) -> None:
    problem(rest.call("GET", "/v1/nope", key=""), 401, "unauthorized")


# --- 403: what each credential may do

HOST, GUEST, INVITE = "host", "guest", "invite"
MAY: dict[tuple[str, str], set[str]] = {
    ("POST", "/v1/rooms"): set(),
    ("GET", "/v1/rooms"): set(),
    ("GET", "/v1/rooms/{room_id}"): {HOST, GUEST},
    ("PATCH", "/v1/rooms/{room_id}"): {HOST},
    ("DELETE", "/v1/rooms/{room_id}"): {HOST},
    ("POST", "/v1/rooms/{room_id}/join"): {HOST, GUEST, INVITE},
    ("GET", "/v1/rooms/{room_id}/entry"): {HOST, GUEST, INVITE},
    ("POST", "/v1/rooms/{room_id}/end"): {HOST},
    ("POST", "/v1/rooms/{room_id}/invites"): {HOST},
    ("GET", "/v1/rooms/{room_id}/invites"): {HOST},
    ("DELETE", "/v1/rooms/{room_id}/invites/{invite_id}"): {HOST},
    ("POST", "/v1/invites/open"): set(),
    ("POST", "/v1/connection-tests"): {HOST, GUEST, INVITE},
    ("GET", "/v1/rooms/{room_id}/participants"): {HOST, GUEST},
    ("DELETE", "/v1/rooms/{room_id}/participants/{user_id}"): {HOST},
    ("GET", "/v1/rooms/{room_id}/sessions"): {HOST},
    ("GET", "/v1/rooms/{room_id}/recordings"): {HOST},
    ("POST", "/v1/rooms/{room_id}/recordings"): {HOST},
    ("GET", "/v1/rooms/{room_id}/recordings/{recording_id}"): {HOST},
    ("POST", "/v1/rooms/{room_id}/recordings/{recording_id}/stop"): {HOST},
    ("POST", "/v1/rooms/{room_id}/recordings/{recording_id}/compose"): {HOST},
    ("DELETE", "/v1/rooms/{room_id}/recordings/{recording_id}"): {HOST},
    ("POST", "/v1/users"): set(),
    ("GET", "/v1/users/{user_id}"): {HOST, GUEST},
    ("GET", "/v1/audit"): set(),
    ("GET", "/v1/nodes"): set(),
    ("GET", "/v1/sign-in"): set(),
    ("DELETE", "/v1/sign-in"): set(),
}
BODY = {
    "/v1/rooms": {"hostId": UUID},
    "/v1/users": {"displayName": "A"},
    "invites": {"role": "host"},
    "compose": {"layout": "grid"},
    "{room_id}": {},
}


@pytest.mark.parametrize(("method", "path"), ALL)
@pytest.mark.parametrize("who", [HOST, GUEST, INVITE])
@pytest.mark.parametrize("where", ["own room", "other room"])
def test_what_each_credential_may_do(rest: Rest, method: str, path: str, who: str, where: str) -> None:
    host, guest = new_id(), new_id()
    room, other = rest.room(host, isRecordingEnabled=True), rest.room(isRecordingEnabled=True)
    key = {HOST: rest.token(room, host), GUEST: rest.token(room, guest), INVITE: rest.invite(room)}[who]
    me = {HOST: host, GUEST: guest, INVITE: new_id()}[who]
    body: Any = None
    if method in ("POST", "PATCH"):
        body = {"userId": me} if path.endswith("join") else BODY.get(path, BODY.get(path.rsplit("/", 1)[-1]))
    member = new_id()
    with rest.meeting(room, member), rest.meeting(other, member):
        target = path.format(
            room_id=other if where == "other room" else room, user_id=member, recording_id=UUID, invite_id=UUID
        )
        if path == "/v1/users/{user_id}":
            target = f"/v1/users/{me if where == 'own room' and who != INVITE else member}"
        answer = rest.call(method, target, body, key=key)
    if who in MAY[method, path] and (where == "own room" or path == "/v1/connection-tests"):
        assert answer.status_code not in (401, 403), answer.text
    elif "{recording_id}" in path or "{invite_id}" in path:
        problem(answer, 404, "not_found")  # which comes first
    else:
        problem(answer, 403, "forbidden")


def test_a_room_token_speaks_for_its_own_sub_only(rest: Rest) -> None:
    host, guest = new_id(), new_id()
    room = rest.room(host)
    for key in (rest.token(room, guest), rest.token(room, host)):
        for user in (new_id(), host if key != rest.token(room, host) else guest):
            answer = rest.call("POST", f"/v1/rooms/{room}/join", {"userId": user}, key=key)
            assert answer.status_code in (200, 403)
    rest.refused(
        "POST", f"/v1/rooms/{room}/join", {"userId": host}, key=rest.token(room, guest), status=403, code="forbidden"
    )
    rest.refused(
        "POST", f"/v1/rooms/{room}/join", {"userId": guest}, key=rest.token(room, host), status=403, code="forbidden"
    )


def test_a_second_host_stays_host_with_a_fresh_token(rest: Rest) -> None:
    room, user = rest.room(), new_id()
    first = rest.ok("POST", f"/v1/rooms/{room}/join", {"userId": user}, key=rest.invite(room, "host"))["token"]
    again = rest.ok("POST", f"/v1/rooms/{room}/join", {"userId": user}, key=first)["token"]
    rest.ok("POST", f"/v1/rooms/{room}/end", status=204, key=again)


# --- 406


@pytest.mark.parametrize(("method", "path"), [(o.method, o.path) for o in OPERATIONS if o.answer is not None])
def test_not_acceptable_and_nothing_is_changed(rest: Rest, method: str, path: str) -> None:
    if path in ("/v1/nodes", "/v1/invites/open", "/v1/sign-in") or (method, path) == (
        "POST",
        "/v1/rooms/{room_id}/recordings",
    ):
        pytest.skip("always refused before")
    if path == "/v1/users/{user_id}":
        user = new_id()
        rest.room(user)
        target, body = f"/v1/users/{user}", None
    else:
        room = rest.room()
        target = path.format(room_id=room, recording_id=UUID, invite_id=UUID)
        body = {"userId": new_id()} if path.endswith("join") else BODY.get(path, BODY.get(path.rsplit("/", 1)[-1]))
        body = None if method == "GET" else body
    if "{recording_id}" in path:
        rest.refused(method, target, body, headers={"Accept": "text/html"}, status=404, code="not_found")
        return
    before = len(rest.ok("GET", "/v1/rooms?limit=100")["items"])
    rest.refused(method, target, body, headers={"Accept": "text/html"}, status=406, code="not_acceptable")
    assert len(rest.ok("GET", "/v1/rooms?limit=100")["items"]) == before


def test_what_has_no_body_is_acceptable(rest: Rest) -> None:
    assert rest.call("POST", f"/v1/rooms/{rest.room()}/end", headers={"Accept": "text/html"}).status_code == 204


# --- Idempotency-Key


def test_the_same_request_gets_the_same_answer(rest: Rest) -> None:
    headers = {"Idempotency-Key": new_id()}
    body = {"hostId": new_id(), "settings": {"maxParticipants": 3}}
    first = rest.call("POST", "/v1/rooms", body, headers=headers)
    again = rest.call("POST", "/v1/rooms", dict(reversed(body.items())), headers=headers)
    assert (first.status_code, first.content) == (again.status_code, again.content) == (201, first.content)
    assert again.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/users", {"displayName": "A"}, 201),
        ("/v1/rooms/{room_id}/join", {"userId": UUID}, 200),
        ("/v1/rooms/{room_id}/invites", {"role": "host"}, 201),
        ("/v1/rooms/{room_id}/end", None, 204),
    ],
)
def test_on_every_post(rest: Rest, path: str, body: Any, status: int) -> None:
    if body and "userId" in body:
        body = {"userId": new_id()}
    target, headers = fill(rest, path), {"Idempotency-Key": "k"}
    first = rest.call("POST", target, body, headers=headers | {"Idempotency-Key": new_id()})
    assert first.status_code == status
    headers = {"Idempotency-Key": new_id()}
    answers = [rest.call("POST", target, body, headers=headers) for _ in range(2)]
    assert [a.status_code for a in answers] == [status, status]
    assert answers[0].content == answers[1].content != (first.content or b"-")


async def test_of_an_answer_that_is_kept_the_database_has_no_token(rest: Rest) -> None:
    room, headers = rest.room(), {"Idempotency-Key": f"once-{new_id()}"}
    join = rest.ok("POST", f"/v1/rooms/{room}/join", {"userId": new_id()}, headers=headers)
    invite = rest.ok("POST", f"/v1/rooms/{room}/invites", {"role": "host"}, 201, headers=headers)
    engine = Database(rest.settings["TERTULIA_DATABASE_URL"])
    async with engine.read() as connection:
        rows = (await connection.execute(sa.select(IDEMPOTENCY_KEYS))).all()
    await engine.close()
    kept = b"".join(column if isinstance(column, bytes) else str(column).encode() for row in rows for column in row)
    assert len(rows) >= 2
    for secret in (join["token"], invite["inviteToken"], headers["Idempotency-Key"], rest.key, room):
        assert secret.encode() not in kept


def test_another_body_is_refused(rest: Rest) -> None:
    headers = {"Idempotency-Key": new_id()}
    rest.ok("POST", "/v1/rooms", {"hostId": new_id()}, 201, headers=headers)
    found = rest.refused("POST", "/v1/rooms", {"hostId": new_id()}, headers=headers, status=422, code="invalid")
    assert [e["field"] for e in found["errors"]] == ["Idempotency-Key"]


def test_it_is_the_callers_own_for_that_path(rest: Rest) -> None:
    headers, body = {"Idempotency-Key": new_id()}, {"role": "host"}
    room, other = rest.room(), rest.room()
    tokens = {
        rest.ok("POST", f"/v1/rooms/{r}/invites", body, 201, headers=headers)["inviteToken"] for r in (room, other)
    }
    assert len(tokens) == 2
    user = rest.ok("POST", "/v1/users", {"displayName": "A"}, 201, headers=headers)
    foreign = rest.ok("POST", "/v1/users", {"displayName": "A"}, 201, headers=headers, key=rest.other_key)
    assert user["id"] != foreign["id"]


async def set_quotas(rest: Rest, quotas: Quotas) -> None:
    """What the first tenant may have from now on."""
    engine = Database(rest.settings["TERTULIA_DATABASE_URL"])
    access = Access(engine)
    await access.set_quotas((await access.tenant("first")).id, quotas, from_seconds(time.time()))
    await engine.close()


async def test_a_quota_of_people_that_is_reached_is_said_before_joining(rest: Rest) -> None:
    host, ann, eve = new_id(), new_id(), new_id()
    room, other = rest.room(host), rest.room(host)
    guest = rest.invite(other)

    def ask(where: str, user: str) -> list[int]:
        """What the check and the join answer."""
        path = f"/v1/rooms/{where}"
        answers = [rest.call("GET", f"{path}/entry?userId={user}"), rest.call("POST", f"{path}/join", {"userId": user})]
        assert {answer.json().get("code", "") for answer in answers} <= {"", "quota_exceeded"}
        return [answer.status_code for answer in answers]

    try:
        await set_quotas(rest, Quotas(people=1))
        with rest.meeting(room, ann):
            assert ask(other, eve) == ask(room, host) == ask(other, ann) == [403, 403]
            assert ask(room, ann) == [200, 200]
            rest.refused("GET", f"/v1/rooms/{other}/entry", key=guest, status=403, code="quota_exceeded")
            rest.refused(
                "POST", f"/v1/rooms/{other}/join", {"userId": eve}, key=guest, status=403, code="quota_exceeded"
            )
            await set_quotas(rest, Quotas(room_people=1))
            assert ask(room, eve) == [403, 403]
            assert ask(room, host) == ask(room, ann) == ask(other, eve) == [200, 200]
            # 403 before 409: that the id is in use, and that the room is locked.
            invite = rest.invite(room)
            rest.ok("PATCH", f"/v1/rooms/{room}", {"settings": {"locked": True}})
            for quotas in (Quotas(room_people=1), Quotas(people=1)):
                await set_quotas(rest, quotas)
                body = {"userId": eve}
                rest.refused("POST", f"/v1/rooms/{room}/join", body, key=invite, status=403, code="quota_exceeded")
    finally:
        await set_quotas(rest, Quotas())


def test_what_was_refused_may_be_tried_again(rest: Rest) -> None:
    room, headers, body = rest.room(maxParticipants=1), {"Idempotency-Key": new_id()}, {"userId": new_id()}
    path = f"/v1/rooms/{room}/join"
    with rest.meeting(room, new_id()):
        rest.refused("POST", path, body, headers=headers, status=409, code="room_full")
    rest.ok("POST", f"/v1/rooms/{room}/end", status=204)
    rest.ok("POST", path, body, headers=headers)


async def break_off(database: str) -> None:
    """What a worker leaves that dies after it carried a request out, and before it could keep the answer."""
    engine = Database(database)
    async with engine.write() as connection:
        await connection.execute(sa.update(IDEMPOTENCY_KEYS).values(status=None, sealed=None, leased_until=None))
    await engine.close()


async def test_a_refused_retry_does_not_make_it_happen_twice(rest: Rest) -> None:
    for path, body in (
        ("/v1/rooms", {"hostId": new_id()}),
        ("/v1/users", {"displayName": "A", "email": "a@b.example"}),
    ):
        headers = {"Idempotency-Key": new_id()}
        first = rest.ok("POST", path, body, 201, headers=headers)
        await break_off(rest.settings["TERTULIA_DATABASE_URL"])
        html = headers | {"Accept": "text/html"}
        rest.refused("POST", path, body, headers=html, status=406, code="not_acceptable")
        again = rest.ok("POST", path, body, 201, headers=headers)
        name = "roomId" if path == "/v1/rooms" else "id"
        assert again[name] == first[name]


async def test_a_recording_whose_start_was_broken_off_is_the_same_one(rest: Rest) -> None:
    room, headers = rest.room(isRecordingEnabled=True), {"Idempotency-Key": new_id()}
    path = f"/v1/rooms/{room}/recordings"
    with rest.meeting(room, new_id()):
        first = rest.ok("POST", path, status=202, headers=headers)
        await break_off(rest.settings["TERTULIA_DATABASE_URL"])
        assert rest.ok("POST", path, status=202, headers=headers) == first
    assert len(rest.ok("GET", path)) == 1


async def test_a_retry_is_not_given_somebody_else(rest: Rest) -> None:
    user = rest.ok("POST", "/v1/users", {"displayName": "A"}, 201)["id"]
    headers, body = {"Idempotency-Key": new_id()}, {"displayName": "B", "id": new_id()}
    rest.ok("POST", "/v1/users", body, 201, headers=headers)
    await break_off(rest.settings["TERTULIA_DATABASE_URL"])
    assert rest.ok("POST", "/v1/users", body, 201, headers=headers)["id"] == body["id"]
    found = rest.refused("POST", "/v1/users", {"displayName": "C", "id": user}, status=409, code="already_exists")
    assert [e["field"] for e in found["errors"]] == ["id"]


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "é"])
def test_a_key_is_short_and_plain(rest: Rest, key: str) -> None:
    headers = {"Idempotency-Key": key.encode()}
    found = rest.refused("POST", "/v1/rooms", {"hostId": new_id()}, headers=headers, status=422, code="invalid")
    assert [e["field"] for e in found["errors"]] == ["Idempotency-Key"]


def test_of_many_at_once_one_is_carried_out(rest: Rest) -> None:
    import concurrent.futures

    headers, body = {"Idempotency-Key": new_id()}, {"displayName": new_id()}

    def send(_: int) -> httpx.Response:
        return httpx.post(
            f"{rest.web.url}/v1/users",
            json=body,
            headers=headers | {"Authorization": f"Bearer {rest.key}"},
            timeout=30,
        )

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, range(16)))
    made = {a.json()["id"] for a in answers if a.status_code == 201}
    assert len(made) == 1
    assert {a.status_code for a in answers} <= {201, 409}
    assert {a.json()["code"] for a in answers if a.status_code == 409} <= {"in_progress"}


# --- nothing of it is in the log


def test_no_secret_reaches_the_log(rest: Rest) -> None:
    token = rest.token(rest.room())
    rest.call("GET", f"/v1/rooms?access_token={token}")
    rest.call("GET", f"/hub?access_token={token}")
    rest.call("GET", f"/nope/{token}?key={rest.key}")
    log = rest.web.log()
    assert "/v1/rooms" in log
    for secret in (token, token.split(".")[1], rest.key, rest.other_key):
        assert secret not in log


def test_no_request_of_this_run_was_the_servers_fault(rest: Rest) -> None:
    assert "request failed" not in rest.web.log()
    assert "Traceback" not in rest.web.log()
