"""What the page of a tenant's meetings stands on: titles and times of rooms, and the SFU nodes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from tertulia.ids import NodeId
from tertulia.room.placement import Node
from tertulia.state.connection import connect_redis
from tertulia.state.registry import sfu_nodes
from tests.integration.rest.conftest import Rest, Start, new_id

VIEW = {"load": 0, "rooms": 0, "participants": 0, "recordings": 0, "draining": False}
AT = "2031-05-06T07:08:09.123Z"


def made(rest: Rest, **more: Any) -> str:
    return str(rest.ok("POST", "/v1/rooms", {"hostId": new_id(), **more}, 201)["roomId"])


def test_a_room_has_a_title_and_a_time(rest: Rest) -> None:
    room = made(rest, title="Weekly, with cake 🎂", scheduledFor="2031-05-06T09:08:09.123456+02:00")
    expected = {"title": "Weekly, with cake 🎂", "scheduledFor": AT}
    assert rest.ok("GET", f"/v1/rooms/{room}").items() >= expected.items()
    listed = next(r for r in rest.ok("GET", "/v1/rooms")["items"] if r["id"] == room)
    assert listed.items() >= expected.items()
    plain = rest.ok("GET", f"/v1/rooms/{made(rest)}")
    assert (plain["title"], plain["scheduledFor"]) == (None, None)


def test_they_are_changed_one_by_one_and_removed_by_null(rest: Rest) -> None:
    room = made(rest, title="Before", scheduledFor=AT)
    path = f"/v1/rooms/{room}"
    changed = rest.ok("PATCH", path, {"title": "After"})
    assert (changed["title"], changed["scheduledFor"]) == ("After", AT)
    changed = rest.ok("PATCH", path, {"scheduledFor": None, "settings": {"maxParticipants": 3}})
    assert (changed["title"], changed["scheduledFor"], changed["settings"]["maxParticipants"]) == ("After", None, 3)
    assert rest.ok("PATCH", path, {"title": None})["title"] is None
    assert rest.ok("PATCH", path, {})["settings"]["maxParticipants"] == 3


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"title": ""}, ["title"]),
        ({"title": "x" * 201}, ["title"]),
        ({"title": "a\0b", "scheduledFor": 7}, ["title", "scheduledFor"]),
        ({"scheduledFor": "tomorrow"}, ["scheduledFor"]),
        ({"scheduledFor": "9999-12-31T23:59:00Z"}, ["scheduledFor"]),
        ({"scheduledFor": "2026-02-30T00:00:00Z"}, ["scheduledFor"]),
    ],
)
def test_what_is_wrong_with_them_is_named(rest: Rest, body: dict[str, Any], fields: list[str]) -> None:
    room = made(rest, title="Kept", scheduledFor=AT)
    for method, path, more in (("POST", "/v1/rooms", {"hostId": new_id()}), ("PATCH", f"/v1/rooms/{room}", {})):
        found = rest.refused(method, path, {**more, **body}, status=422, code="invalid")
        assert [error["field"] for error in found["errors"]] == fields
    kept = rest.ok("GET", f"/v1/rooms/{room}")
    assert (kept["title"], kept["scheduledFor"]) == ("Kept", AT)


def test_a_new_room_takes_no_null(rest: Rest) -> None:
    body = {"hostId": new_id(), "title": None, "scheduledFor": None}
    found = rest.refused("POST", "/v1/rooms", body, status=422, code="invalid")
    assert [error["field"] for error in found["errors"]] == ["title", "scheduledFor"]


def test_a_calendar_file_is_of_the_rooms_title_and_time_unless_told(rest: Rest) -> None:
    room = made(rest, title="Board", scheduledFor=AT)
    path = f"/v1/rooms/{room}/invites"
    file = rest.ok("POST", path, {"role": "attendee", "event": {}}, 201)["calendar"]
    assert "\r\nSUMMARY:Board\r\n" in file
    assert "\r\nDTSTART:20310506T070809Z\r\nDTEND:20310506T080809Z\r\n" in file
    event = {"title": "Other", "startsAt": "2030-01-01T00:00:00Z", "minutes": 15}
    file = rest.ok("POST", path, {"role": "attendee", "event": event}, 201)["calendar"]
    assert "\r\nSUMMARY:Other\r\n" in file
    assert "\r\nDTSTART:20300101T000000Z\r\nDTEND:20300101T001500Z\r\n" in file
    bare = f"/v1/rooms/{made(rest)}/invites"
    found = rest.refused("POST", bare, {"role": "attendee", "event": {}}, status=422, code="invalid")
    assert [error["field"] for error in found["errors"]] == ["event.title", "event.startsAt"]


def test_who_may_join_learns_what_the_meeting_is(rest: Rest) -> None:
    room = made(rest, title="Board", scheduledFor=AT)
    about = {"title": "Board", "scheduledFor": AT}
    for key in (rest.invite(room), rest.token(room)):
        assert rest.ok("GET", f"/v1/rooms/{room}/entry", key=key).items() >= about.items()
    bare = made(rest)
    assert rest.ok("GET", f"/v1/rooms/{bare}/entry", key=rest.invite(bare))["title"] is None
    rest.refused("GET", f"/v1/rooms/{room}/entry", key=rest.invite(bare), status=403, code="forbidden")


def test_nodes_are_the_operators_unless_shown(rest: Rest) -> None:
    rest.refused("GET", "/v1/nodes", status=403, code="forbidden")
    rest.refused("GET", "/v1/nodes", key="", status=401, code="unauthorized")
    token = rest.token(rest.room())
    rest.refused("GET", "/v1/nodes", key=token, status=403, code="forbidden")


def test_nodes_are_shown_where_the_operator_says_so(start: Start) -> None:
    busy = Node(id=NodeId("n2"), region="eu", ip="192.0.2.7", ports=[40000], load=0.25, rooms=3, peers=9, recordings=1)
    leaving = Node(id=NodeId("n1"), region="us", ip="192.0.2.8", ports=[40000], load=0, rooms=0, peers=0, draining=True)
    with start(show_nodes="true") as rest:
        assert rest.ok("GET", "/v1/nodes") == []
        asyncio.run(beat(rest.settings["TERTULIA_REDIS_URL"], leaving, busy))
        found = rest.ok("GET", "/v1/nodes")
        for node in found:
            assert abs((datetime.fromisoformat(node.pop("lastBeatAt")) - datetime.now(UTC)).total_seconds()) < 30
        assert found == [
            {**VIEW, "id": "n2", "region": "eu", "load": 0.25, "rooms": 3, "participants": 9, "recordings": 1},
            {**VIEW, "id": "n1", "region": "us", "draining": True},
        ]
        asyncio.run(leave(rest.settings["TERTULIA_REDIS_URL"], leaving, busy))
        rest.refused("GET", "/v1/nodes", key=rest.token(rest.room()), status=403, code="forbidden")


async def beat(url: str, *nodes: Node) -> None:
    redis = await connect_redis(url)
    for node in nodes:
        await sfu_nodes(redis).beat(node)
    await redis.close()


async def leave(url: str, *nodes: Node) -> None:
    redis = await connect_redis(url)
    for node in nodes:
        await sfu_nodes(redis).leave(node.id)
    await redis.close()
