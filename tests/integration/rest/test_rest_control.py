"""Meeting control over REST: settings that a meeting hears of, the lock, and roles given in the meeting."""

from __future__ import annotations

from tertulia.ids import RoomId
from tertulia.state import keys
from tests.integration import servers
from tests.integration.rest.conftest import Rest, hub_call, new_id, next_frame
from tests.integration.rest.test_rest_invites import guest


def test_a_meeting_hears_of_changed_settings_and_the_lock_keeps_out_who_is_new(rest: Rest) -> None:
    host, guest = new_id(), new_id()
    room = rest.room(host)
    path = f"/v1/rooms/{room}"
    with rest.meeting(room, host, guest) as [socket, _]:
        rest.ok("PATCH", path, {"settings": {"locked": True, "chat": "host"}})
        told = next_frame(socket, lambda frame: frame.get("event") == "SettingsChanged")["payload"]["settings"]
        assert (told["locked"], told["chat"]) == (True, "host")
        rest.refused("POST", f"{path}/join", {"userId": new_id()}, status=409, code="room_locked")
        rest.refused("GET", f"{path}/entry?userId={new_id()}", status=409, code="room_locked")
        rest.ok("POST", f"{path}/join", {"userId": guest})
        rest.ok("POST", f"{path}/join", {"userId": host})
        rest.ok("POST", f"{path}/end", status=204)
    assert rest.ok("GET", path)["settings"]["locked"] is False
    rest.ok("PATCH", path, {"settings": {"waitingRoom": True}})
    assert rest.ok("GET", f"{path}/entry?userId={guest}").items() >= {"role": "attendee", "waits": True}.items()
    assert rest.ok("GET", f"{path}/entry?userId={host}").items() >= {"role": "host", "waits": False}.items()


def test_who_is_in_the_meeting_or_was_admitted_does_not_wait(rest: Rest) -> None:
    host, guest, member = new_id(), new_id(), new_id()
    room = rest.room(host)
    path = f"/v1/rooms/{room}"
    with rest.meeting(room, host, member) as [socket, _]:
        rest.ok("PATCH", path, {"settings": {"waitingRoom": True}})
        entry = f"{path}/entry?userId="
        assert rest.ok("GET", entry + guest)["waits"] is True
        assert rest.ok("GET", entry + member)["waits"] is False
        token = rest.token(room, guest)
        with rest.knocking(room, token) as waiting:
            next_frame(socket, lambda frame: frame.get("event") == "ParticipantWaiting")
            hub_call(socket, "Admit", {"targetUserId": guest})
            next_frame(waiting, lambda frame: frame.get("replyTo") == 1)
        assert rest.ok("GET", entry + guest)["waits"] is False


def test_a_role_given_in_the_meeting_holds_for_rest(rest: Rest) -> None:
    host, guest = new_id(), new_id()
    room = rest.room(host)
    path, token = f"/v1/rooms/{room}/sessions", rest.token(room, guest)
    with rest.meeting(room, host) as [socket], rest.joined(room, token):
        rest.refused("GET", path, key=token, status=403, code="forbidden")
        hub_call(socket, "SetRole", {"targetUserId": guest, "role": "host"})
        rest.ok("GET", path, key=token)
        hub_call(socket, "SetRole", {"targetUserId": guest, "role": "attendee"})
        rest.refused("GET", path, key=token, status=403, code="forbidden")


def test_a_role_given_in_the_meeting_outlives_what_redis_knows(rest: Rest) -> None:
    host, member = new_id(), new_id()
    room = rest.room(host)
    path = f"/v1/rooms/{room}/sessions"
    co_host, theirs = guest(rest, room, "host")
    ours = rest.token(room, member)
    with rest.meeting(room, host) as [socket], rest.joined(room, theirs) as left, rest.joined(room, ours) as right:
        hub_call(socket, "SetRole", {"targetUserId": co_host, "role": "attendee"})
        hub_call(socket, "SetRole", {"targetUserId": member, "role": "host"})
        servers.delete(rest.settings["TERTULIA_REDIS_URL"], *keys.room_keys(RoomId(room)))
        for kept in (socket, left, right):
            assert "result" in hub_call(kept, "KeepAlive")
        rest.refused("GET", path, key=theirs, status=403, code="forbidden")
        rest.ok("GET", path, key=ours)
