"""Rooms, users, invites, sessions over REST (docs/protocol.md). Each test is run with SQLite and with PostgreSQL."""

import base64
import json
import re
from datetime import UTC, datetime

import pytest
from websockets.sync.client import connect

from tests.integration.rest.conftest import STUN, Rest, hub_call, new_id, next_frame

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DEFAULTS = {
    "isRecordingEnabled": False,
    "maxParticipants": 100,
    "allowedRoles": ["host", "guest"],
    "topology": "sfu",
    "waitingRoom": False,
    "locked": False,
    "muteOnEntry": False,
    "unmute": "everyone",
    "share": "everyone",
    "chat": "everyone",
}


def claims(token: str) -> dict[str, object]:
    payload = token.split(".")[1]
    found: dict[str, object] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def seconds_from_now(moment: str) -> float:
    assert moment.endswith("Z")
    return (datetime.fromisoformat(moment) - datetime.now(UTC)).total_seconds()


# --- create, read


def test_a_room_is_made_and_read(rest: Rest) -> None:
    host = new_id()
    made = rest.ok("POST", "/v1/rooms", {"hostId": host, "settings": {"maxParticipants": 7}}, 201)
    assert UUID.fullmatch(made["roomId"])
    assert seconds_from_now(made["expiresAt"]) == pytest.approx(86_400, abs=60)
    room = rest.ok("GET", f"/v1/rooms/{made['roomId']}")
    assert room.items() >= {"id": made["roomId"], "hostUserId": host, "status": "SCHEDULED"}.items()
    assert room["settings"] == DEFAULTS | {"maxParticipants": 7}
    assert UUID.fullmatch(room["tenantId"])
    assert abs(seconds_from_now(room["createdAt"])) < 60


def test_the_join_token_is_the_hosts_for_a_day(rest: Rest) -> None:
    host = new_id()
    made = rest.ok("POST", "/v1/rooms", {"hostId": host}, 201)
    said = claims(made["joinToken"])
    assert (said["sub"], said["room"], said["role"]) == (host, made["roomId"], "host")
    assert isinstance(said["exp"], int)
    assert datetime.fromtimestamp(said["exp"], UTC) == datetime.fromisoformat(made["expiresAt"])
    with rest.joined(made["roomId"], made["joinToken"]):
        assert [m["role"] for m in rest.ok("GET", f"/v1/rooms/{made['roomId']}/participants")] == ["host"]


@pytest.mark.parametrize(
    "body",
    [{}, {"settings": {}}, {"unknown": {"deep": [1]}}, {"settings": {"allowedRoles": ["host", "host", "guest"]}}],
)
def test_settings_may_be_left_out_and_unknown_keys_are_ignored(rest: Rest, body: dict[str, object]) -> None:
    room = rest.ok("POST", "/v1/rooms", {"hostId": new_id(), **body}, 201)["roomId"]
    assert rest.ok("GET", f"/v1/rooms/{room}")["settings"] == DEFAULTS


def test_a_host_not_known_yet_becomes_a_user_of_the_tenant(rest: Rest) -> None:
    host = new_id()
    room = rest.ok("GET", f"/v1/rooms/{rest.room(host)}")
    user = rest.ok("GET", f"/v1/users/{host}")
    assert user.items() >= {"id": host, "email": None, "displayName": "Guest", "tenantId": room["tenantId"]}.items()


def test_uuids_are_read_in_any_case_and_written_in_lower_case(rest: Rest) -> None:
    host = new_id()
    room = rest.room(host.upper())
    assert rest.ok("GET", f"/v1/rooms/{room.upper()}").items() >= {"id": room, "hostUserId": host}.items()
    assert rest.ok("GET", f"/v1/users/{host.upper()}")["id"] == host
    assert claims(rest.token(room.upper(), host.upper()))["sub"] == host


# --- list


def test_rooms_are_listed_newest_first_page_by_page(rest: Rest) -> None:
    rooms = [rest.room() for _ in range(5)]
    found, cursor = [], None
    while True:
        page = rest.ok("GET", "/v1/rooms", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
        assert len(page["items"]) <= 2
        found += [room["id"] for room in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert found[:5] == rooms[::-1]
    assert len(found) == len(set(found))
    moments = [rest.ok("GET", f"/v1/rooms/{room}")["createdAt"] for room in found[:10]]
    assert moments == sorted(moments, reverse=True)


def test_rooms_are_listed_by_status(rest: Rest) -> None:
    room = rest.room()
    assert room in [r["id"] for r in rest.ok("GET", "/v1/rooms?status=SCHEDULED&limit=100")["items"]]
    for status in ("ACTIVE", "COMPLETED"):
        assert room not in [r["id"] for r in rest.ok("GET", f"/v1/rooms?status={status}&limit=100")["items"]]


def test_a_page_has_50_rooms_unless_told(rest: Rest) -> None:
    for _ in range(51):
        rest.room()
    page = rest.ok("GET", "/v1/rooms")
    assert len(page["items"]) == 50
    assert page["next"]


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("limit=0", ["limit"]),
        ("limit=101", ["limit"]),
        ("limit=-1", ["limit"]),
        ("limit=", ["limit"]),
        ("limit=x", ["limit"]),
        ("limit=1.5", ["limit"]),
        ("limit=%FF", ["limit"]),
        ("limit=%00", ["limit"]),
        ("limit=99999999999999999999", ["limit"]),
        ("limit=1&limit=2", ["limit"]),
        ("status=active", ["status"]),
        ("status=", ["status"]),
        ("cursor=", ["cursor"]),
        ("cursor=x", ["cursor"]),
        ("cursor=%F0%9F%99%82", ["cursor"]),
        ("cursor=OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk6eA", ["cursor"]),
        ("cursor=" + "A" * 300, ["cursor"]),
        ("status=x&limit=0&cursor=", ["status", "limit", "cursor"]),
    ],
)
def test_wrong_queries_are_named_all_at_once(rest: Rest, query: str, fields: list[str]) -> None:
    found = rest.refused("GET", f"/v1/rooms?{query}", status=422, code="invalid")
    assert [e["field"] for e in found["errors"]] == fields


def test_unknown_queries_and_broken_percent_signs_are_ignored(rest: Rest) -> None:
    rest.ok("GET", "/v1/rooms?foo=1&%zz=%&limit=1")


# --- change, delete, end


def test_settings_are_merged(rest: Rest) -> None:
    room = rest.room(maxParticipants=7)
    changed = rest.ok("PATCH", f"/v1/rooms/{room}", {"settings": {"isRecordingEnabled": True, "topology": "p2p"}})
    assert changed["settings"] == DEFAULTS | {"maxParticipants": 7, "isRecordingEnabled": True, "topology": "p2p"}
    assert rest.ok("PATCH", f"/v1/rooms/{room}", {}) == rest.ok("GET", f"/v1/rooms/{room}") == changed


def test_a_changed_setting_holds_from_the_next_join_on_and_puts_nobody_out(rest: Rest) -> None:
    room, first, second = rest.room(), new_id(), new_id()
    with rest.meeting(room, first, second):
        rest.ok("PATCH", f"/v1/rooms/{room}", {"settings": {"maxParticipants": 1}})
        assert len(rest.ok("GET", f"/v1/rooms/{room}/participants")) == 2
        rest.refused("POST", f"/v1/rooms/{room}/join", {"userId": new_id()}, status=409, code="room_full")


def test_a_deleted_room_is_gone(rest: Rest) -> None:
    room, user = rest.room(), new_id()
    token = rest.token(room, user)
    with rest.joined(room, token) as socket:
        rest.ok("DELETE", f"/v1/rooms/{room}", status=204)
        next_frame(socket, lambda frame: frame.get("event") == "RoomEnded")
    for method, path in [("GET", ""), ("DELETE", ""), ("POST", "/end"), ("GET", "/sessions"), ("GET", "/participants")]:
        rest.refused(method, f"/v1/rooms/{room}{path}", status=404, code="not_found")
    rest.refused("POST", f"/v1/rooms/{room}/join", {"userId": user}, status=404, code="not_found")
    rest.refused("GET", f"/v1/rooms/{room}", key=token, status=404, code="not_found")


def test_end_tells_everyone_and_lets_them_go(rest: Rest) -> None:
    room = rest.room()
    with rest.meeting(room, new_id(), new_id()) as sockets:
        assert rest.ok("GET", f"/v1/rooms/{room}")["status"] == "ACTIVE"
        rest.ok("POST", f"/v1/rooms/{room}/end", status=204)
        for socket in sockets:
            next_frame(socket, lambda frame: frame.get("event") == "RoomEnded")
    assert rest.ok("GET", f"/v1/rooms/{room}")["status"] == "COMPLETED"
    assert rest.ok("GET", f"/v1/rooms/{room}/participants") == []
    (session,) = rest.ok("GET", f"/v1/rooms/{room}/sessions")
    assert session.items() >= {"roomId": room, "recordingUrl": None}.items()
    assert session["startTime"] <= session["endTime"]


def test_end_of_a_room_that_is_not_active_has_no_effect(rest: Rest) -> None:
    room = rest.room()
    rest.ok("POST", f"/v1/rooms/{room}/end", status=204)
    assert rest.ok("GET", f"/v1/rooms/{room}")["status"] == "SCHEDULED"


def test_a_room_that_meets_again_has_a_new_session(rest: Rest) -> None:
    room = rest.room()
    for _ in range(2):
        with rest.meeting(room, new_id()):
            assert rest.ok("GET", f"/v1/rooms/{room}")["status"] == "ACTIVE"
            rest.ok("POST", f"/v1/rooms/{room}/end", status=204)
    newest, oldest = rest.ok("GET", f"/v1/rooms/{room}/sessions")
    assert newest["startTime"] >= oldest["endTime"]
    assert newest["id"] != oldest["id"]


# --- join


def test_join_gives_a_token_and_where_to_go(rest: Rest) -> None:
    room, user = rest.room(), new_id()
    grant = rest.ok("POST", f"/v1/rooms/{room}/join", {"userId": user, "displayName": "Ana", "region": "eu-west-1"})
    assert grant["iceServers"] == [{"urls": [STUN]}]
    assert (grant["wsUrl"], grant["hubUrl"]) == (rest.web.ws_url, f"{rest.web.url}/hub")
    assert seconds_from_now(grant["expiresAt"]) == pytest.approx(3600, abs=60)
    said = claims(grant["token"])
    tenant = rest.ok("GET", f"/v1/rooms/{room}")["tenantId"]
    expected = {"sub": user, "room": room, "role": "attendee", "tenant": tenant, "name": "Ana", "region": "eu-west-1"}
    assert said.items() >= expected.items()


def test_the_host_joins_as_host(rest: Rest) -> None:
    host = new_id()
    assert claims(rest.token(rest.room(host), host))["role"] == "host"


def test_the_name_is_for_this_meeting_and_the_record_keeps_its_own(rest: Rest) -> None:
    user = rest.ok("POST", "/v1/users", {"displayName": "Ana"}, 201)["id"]
    room = rest.room()
    assert claims(rest.token(room, user))["name"] == "Ana"
    assert claims(rest.token(room, user, displayName="Boss"))["name"] == "Boss"
    assert rest.ok("GET", f"/v1/users/{user}")["displayName"] == "Ana"


def test_a_renewed_token_keeps_the_name_and_the_region_unless_others_are_given(rest: Rest) -> None:
    room = rest.room()
    user = rest.ok("POST", "/v1/users", {"displayName": "Ana"}, 201)["id"]
    path, token = f"/v1/rooms/{room}/join", rest.token(room, user, displayName="Boss", region="eu-west-1")
    renewed = claims(rest.ok("POST", path, {"userId": user}, key=token)["token"])
    assert (renewed["name"], renewed["region"]) == ("Boss", "eu-west-1")
    other = {"userId": user, "displayName": "Zoë", "region": "us-east-1"}
    renewed = claims(rest.ok("POST", path, other, key=token)["token"])
    assert (renewed["name"], renewed["region"]) == ("Zoë", "us-east-1")


@pytest.mark.parametrize(("given", "name"), [({}, "Guest"), ({"displayName": "Zoë 🙂"}, "Zoë 🙂")])
def test_a_user_not_known_yet_is_made(rest: Rest, given: dict[str, str], name: str) -> None:
    user = new_id()
    assert claims(rest.token(rest.room(), user, **given))["name"] == name
    assert rest.ok("GET", f"/v1/users/{user}")["displayName"] == name


@pytest.mark.parametrize(("roles", "host", "guest"), [(["host"], 200, 403), (["guest"], 200, 200)])
def test_allowed_roles_and_the_host_who_is_always_admitted(rest: Rest, roles: list[str], host: int, guest: int) -> None:
    user = new_id()
    room = rest.room(user, allowedRoles=roles)
    assert rest.call("POST", f"/v1/rooms/{room}/join", {"userId": user}).status_code == host
    answer = rest.call("POST", f"/v1/rooms/{room}/join", {"userId": new_id()})
    assert answer.status_code == guest
    if guest == 403:
        assert answer.json()["code"] == "role_not_allowed"


def test_a_member_may_come_back_whose_role_is_not_allowed_any_more(rest: Rest) -> None:
    room, member = rest.room(), new_id()
    with rest.meeting(room, member):
        rest.ok("PATCH", f"/v1/rooms/{room}", {"settings": {"allowedRoles": ["host"]}})
        rest.refused("POST", f"/v1/rooms/{room}/join", {"userId": new_id()}, status=403, code="role_not_allowed")
        rest.token(room, member)


def test_a_second_host_needs_the_role_allowed(rest: Rest) -> None:
    room = rest.room(allowedRoles=["guest"])
    invite = rest.invite(room, "host")
    path = f"/v1/rooms/{room}/join"
    rest.refused("POST", path, {"userId": new_id()}, key=invite, status=403, code="role_not_allowed")


def test_a_full_room_says_so_early_and_a_member_may_come_back(rest: Rest) -> None:
    room, member = rest.room(maxParticipants=1), new_id()
    with rest.meeting(room, member):
        rest.refused("POST", f"/v1/rooms/{room}/join", {"userId": new_id()}, status=409, code="room_full")
        rest.token(room, member)
    assert rest.call("GET", f"/v1/users/{member}").status_code == 200


def test_who_is_refused_does_not_become_a_user(rest: Rest) -> None:
    user = new_id()
    room = rest.room(allowedRoles=["host"])
    rest.refused("POST", f"/v1/rooms/{room}/join", {"userId": user}, status=403, code="role_not_allowed")
    rest.refused("POST", f"/v1/rooms/{new_id()}/join", {"userId": user}, status=404, code="not_found")
    rest.refused("GET", f"/v1/users/{user}", status=404, code="not_found")


# --- users


def test_a_user_is_made_and_read(rest: Rest) -> None:
    user, email = new_id(), f"{new_id()}@example.org"
    made = rest.ok("POST", "/v1/users", {"displayName": "Ana", "email": email, "id": user.upper()}, 201)
    assert made.items() >= {"id": user, "displayName": "Ana", "email": email}.items()
    assert rest.ok("GET", f"/v1/users/{user}") == made
    assert UUID.fullmatch(rest.ok("POST", "/v1/users", {"displayName": "B"}, 201)["id"])


def test_id_and_email_are_taken_once(rest: Rest) -> None:
    user, email = new_id(), f"{new_id()}@example.org"
    rest.ok("POST", "/v1/users", {"displayName": "Ana", "email": email, "id": user}, 201)

    def fields(**body: str) -> list[str]:
        found = rest.refused("POST", "/v1/users", {"displayName": "B", **body}, status=409, code="already_exists")
        return [e["field"] for e in found["errors"]]

    assert fields(id=user) == ["id"]
    assert fields(email=email) == ["email"]
    assert fields(id=user, email=email) == ["id", "email"]


def test_another_tenant_may_have_the_same_email(rest: Rest) -> None:
    email = f"{new_id()}@example.org"
    for key in (rest.key, rest.other_key):
        rest.ok("POST", "/v1/users", {"displayName": "Ana", "email": email}, 201, key=key)


# --- invites


def test_an_invite_admits_to_one_room_in_one_role(rest: Rest) -> None:
    room, guest = rest.room(), new_id()
    made = rest.ok("POST", f"/v1/rooms/{room}/invites", {"role": "host", "expiresIn": 60}, 201)
    assert seconds_from_now(made["expiresAt"]) == pytest.approx(60, abs=30)
    assert re.fullmatch(re.escape(rest.web.url) + "/m/[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}", made["url"])
    joined = rest.ok("POST", f"/v1/rooms/{room}/join", {"userId": guest, "displayName": "G"}, key=made["inviteToken"])
    assert claims(joined["token"])["role"] == "host"
    assert rest.ok("GET", f"/v1/users/{guest}")["displayName"] == "G"


def test_it_lives_a_week_unless_told(rest: Rest) -> None:
    made = rest.ok("POST", f"/v1/rooms/{rest.room()}/invites", {"role": "attendee"}, 201)
    assert seconds_from_now(made["expiresAt"]) == pytest.approx(7 * 86400, abs=60)


def test_an_invite_is_no_way_into_another_room(rest: Rest) -> None:
    invite, other = rest.invite(rest.room()), rest.room()
    body = {"userId": new_id()}
    rest.refused("POST", f"/v1/rooms/{other}/join", body, key=invite, status=403, code="forbidden")
    rest.refused("POST", f"/v1/rooms/{new_id()}/join", body, key=invite, status=404, code="not_found")


# --- participants


def test_participants_are_as_in_the_join_result(rest: Rest) -> None:
    room, ana, ben = rest.room(), new_id(), new_id()
    assert rest.ok("GET", f"/v1/rooms/{room}/participants") == []
    tokens = rest.token(room, ana, displayName="Ana"), rest.token(room, ben, displayName="Ben")
    with rest.joined(room, tokens[0]), rest.joined(room, tokens[1]) as second:
        hub_call(second, "UpdateState", {"isMuted": True})
        members = rest.ok("GET", f"/v1/rooms/{room}/participants")
        third = hub_call_join(rest, room)
        assert members == third["participants"]
    assert [(m["userId"], m["displayName"], m["isMuted"]) for m in members] == [(ana, "Ana", False), (ben, "Ben", True)]


def hub_call_join(rest: Rest, room: str) -> dict[str, list[dict[str, object]]]:
    with connect(rest.web.ws_url) as socket:
        answer = hub_call(socket, "JoinRoom", {"roomId": room, "token": rest.token(room)})
        result: dict[str, list[dict[str, object]]] = answer["result"]
        result["participants"].sort(key=lambda m: str(m["joinedAt"]))
        return result


def test_one_is_removed_and_their_tokens_are_void(rest: Rest) -> None:
    room, host, guest = rest.room(), new_id(), new_id()
    token = rest.token(room, guest)
    with rest.meeting(room, host), rest.joined(room, token) as socket:
        rest.ok("GET", f"/v1/rooms/{room}/participants", key=token)
        rest.ok("DELETE", f"/v1/rooms/{room}/participants/{guest.upper()}", status=204)
        next_frame(socket, lambda frame: frame.get("event") == "Removed")
        assert [m["userId"] for m in rest.ok("GET", f"/v1/rooms/{room}/participants")] == [host]
        rest.refused("GET", f"/v1/rooms/{room}/participants", key=token, status=401, code="unauthorized")
        rest.refused("POST", f"/v1/rooms/{room}/join", {"userId": guest}, key=token, status=401, code="unauthorized")
        path = f"/v1/rooms/{room}/participants/{guest}"
        rest.refused("DELETE", path, status=404, code="not_found")


# --- recordings


def test_a_recording_starts_where_it_may(rest: Rest) -> None:
    room, recording = rest.room(), new_id()
    path = f"/v1/rooms/{room}/recordings"
    assert rest.ok("GET", path) == []
    found = rest.refused("POST", path, status=403, code="forbidden")
    assert "settings.isRecordingEnabled" in found["detail"]
    settings = {"isRecordingEnabled": True, "topology": "p2p"}
    rest.ok("PATCH", f"/v1/rooms/{room}", {"settings": settings})
    found = rest.refused("POST", path, status=403, code="forbidden")
    assert 'settings.topology to "sfu"' in found["detail"]
    rest.ok("PATCH", f"/v1/rooms/{room}", {"settings": {"topology": "sfu"}})
    rest.refused("POST", path, status=409, code="no_session")
    rest.refused("POST", path, {"layout": "mosaic"}, status=422, code="invalid")
    rest.refused("POST", f"{path}/{recording}/stop", status=404, code="not_found")
    rest.refused("DELETE", f"{path}/{recording}", status=404, code="not_found")
    rest.refused("POST", f"/v1/rooms/{new_id()}/recordings", status=404, code="not_found")


def test_a_recording_is_started_and_stopped(rest: Rest) -> None:
    room = rest.room(isRecordingEnabled=True)
    path = f"/v1/rooms/{room}/recordings"
    with rest.meeting(room, new_id()) as [member]:
        started = rest.ok("POST", path, status=202)
        assert started["status"] == "recording"
        recording = started["id"]
        changed = next_frame(member, lambda f: f.get("event") == "RecordingChanged")
        assert changed["payload"] == {"isRecording": True, "recordingId": recording}
        rest.refused("POST", path, {"layout": "speaker"}, status=409, code="already_recording")
        [shown] = rest.ok("GET", path)
        assert (shown["id"], shown["kind"], shown["status"], shown["url"]) == (
            recording,
            "composite",
            "recording",
            None,
        )
        for _ in range(2):
            assert rest.ok("POST", f"{path}/{recording}/stop", status=202) is None
            assert rest.ok("GET", path)[0]["status"] == "processing"
        changed = next_frame(member, lambda f: f.get("event") == "RecordingChanged")
        assert changed["payload"] == {"isRecording": False, "recordingId": None}
        second = rest.ok("POST", path, {"layout": "speaker"}, 202)["id"]
        assert second != recording
    rest.ok("POST", f"/v1/rooms/{room}/end", status=204)
    assert {r["id"]: r["status"] for r in rest.ok("GET", path)} == {recording: "processing", second: "processing"}
    rest.refused("POST", path, status=409, code="no_session")


def test_a_start_with_a_key_is_one_recording(rest: Rest) -> None:
    room, headers = rest.room(isRecordingEnabled=True), {"Idempotency-Key": new_id()}
    path = f"/v1/rooms/{room}/recordings"
    with rest.meeting(room, new_id()):
        first = rest.ok("POST", path, status=202, headers=headers)
        assert rest.ok("POST", path, {}, 202, headers=headers) == first  # no body is an empty one
        rest.refused("POST", path, {"layout": "single"}, status=422, code="invalid", headers=headers)
    assert len(rest.ok("GET", path)) == 1


def test_a_host_of_the_room_records_it(rest: Rest) -> None:
    host = new_id()
    room = rest.room(host, isRecordingEnabled=True)
    path, token = f"/v1/rooms/{room}/recordings", rest.token(room, host)
    with rest.joined(room, token):
        rest.refused("POST", path, key=rest.token(room), status=403, code="forbidden")
        recording = rest.ok("POST", path, status=202, key=token)["id"]
        rest.ok("POST", f"{path}/{recording}/stop", status=202, key=token)
