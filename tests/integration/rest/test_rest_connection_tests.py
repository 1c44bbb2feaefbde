"""Testing a connection: who may, what comes of it, and that nothing is left."""

from __future__ import annotations

from tests.integration.rest.conftest import Rest, new_id

PATH = "/v1/connection-tests"


def test_a_test_is_a_room_for_two_that_nobody_lists(rest: Rest) -> None:
    made = rest.ok("POST", PATH, status=201)
    assert made.keys() == {"roomId", "tokens", "iceServers", "wsUrl", "expiresAt"}
    first, second = made["tokens"]
    with rest.joined(made["roomId"], first), rest.joined(made["roomId"], second):
        people = rest.ok("GET", f"/v1/rooms/{made['roomId']}/participants")
        assert [(one["displayName"], one["role"]) for one in people] == [("Test", "attendee")] * 2
        rest.refused("GET", f"/v1/rooms/{made['roomId']}/sessions", key=first, status=403, code="forbidden")
    assert made["roomId"] not in {room["id"] for room in rest.ok("GET", "/v1/rooms?limit=100")["items"]}


def test_whoever_may_join_may_test_and_an_invite_is_not_used(rest: Rest) -> None:
    room = rest.room()
    invite = rest.ok("POST", f"/v1/rooms/{room}/invites", {"role": "attendee", "maxUses": 1}, status=201)
    for credential in (invite["inviteToken"], rest.token(room, new_id())):
        rest.ok("POST", PATH, status=201, key=credential)
    assert [one["uses"] for one in rest.ok("GET", f"/v1/rooms/{room}/invites")] == [0]
    code = invite["url"].rsplit("/", 1)[-1]
    rest.refused("POST", PATH, key=code, status=403, code="forbidden")
    rest.refused("POST", PATH, key="", status=401, code="unauthorized")


def test_tests_are_few(rest: Rest) -> None:
    token = rest.token(rest.room(), new_id())
    answers = [rest.call("POST", PATH, key=token) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [201] * 5 + [429]
    assert int(answers[-1].headers["retry-after"]) <= 10
