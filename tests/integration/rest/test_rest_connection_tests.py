"""Testing a connection: who may, what comes of it, and that nothing is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration import servers
from tests.integration.rest.conftest import Rest, new_id, started

PATH = "/v1/connection-tests"


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def rest(request: pytest.FixtureRequest, server_dir: Path, rest_redis: str) -> Iterator[Rest]:
    """A web worker of its own: how many tests may run at a time does not depend on what ran before."""
    database = f"sqlite:///{server_dir / 'connection_tests.db'}"
    if request.param == "postgres":
        postgres: servers.Postgres = request.getfixturevalue("postgres_server")
        database = postgres.new_database()
    with started(server_dir, rest_redis, database) as own:
        yield own


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


def test_no_test_follows_from_another(rest: Rest) -> None:
    made = rest.ok("POST", PATH, status=201)
    token = made["tokens"][0]
    rest.refused("POST", PATH, key=token, status=403, code="forbidden")
    join = f"/v1/rooms/{made['roomId']}/join"
    rest.refused("POST", join, {"userId": new_id()}, status=403, code="forbidden")


def test_who_has_left_a_meeting_that_was_deleted_tests_nothing(rest: Rest) -> None:
    room = rest.room()
    token = rest.token(room, new_id())
    rest.ok("DELETE", f"/v1/rooms/{room}", status=204)
    rest.refused("POST", PATH, key=token, status=404, code="not_found")


def test_tests_are_few(rest: Rest) -> None:
    """By one credential, and of one tenant, of which others have run."""
    token = rest.token(rest.room(), new_id())
    answers = [rest.call("POST", PATH, key=token) for _ in range(6)]
    made = [answer.status_code for answer in answers].count(201)
    assert [answer.status_code for answer in answers] == [201] * made + [429] * (6 - made)
    assert made <= 5
    assert int(answers[-1].headers["retry-after"]) <= 60
