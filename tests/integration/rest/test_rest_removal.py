"""Removed is removed: renewed tokens, requests under way, a Redis that forgot it, clocks that differ."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from tertulia.ids import RoomId
from tertulia.state import keys
from tests.integration import servers
from tests.integration.rest.conftest import Rest, Start, hub_call, new_id, next_frame, problem, started
from tests.integration.rest.test_rest_invites import guest, join, refused

SKEWED = Path(__file__).with_name("skewed")


def remove(rest: Rest, room: str, user: str, query: str = "") -> None:
    rest.ok("DELETE", f"/v1/rooms/{room}/participants/{user}{query}", status=204)


def forget(rest: Rest, room: str) -> None:
    """Redis loses all it knows of the room."""
    servers.delete(rest.settings["TERTULIA_REDIS_URL"], *keys.room_keys(RoomId(room)))


def test_renewed_tokens_are_void_too(rest: Rest) -> None:
    room = rest.room()
    for user, first in ((new_id(), ""), guest(rest, room)):
        token = first or rest.token(room, user)
        renewed = join(rest, room, token, user).json()["token"]
        with rest.meeting(room, new_id()), rest.joined(room, renewed):
            again = join(rest, room, renewed, user).json()["token"]
            remove(rest, room, user)
            for void in (token, renewed, again):
                assert problem(join(rest, room, void, user), 401, "unauthorized")["reason"] == "removed"
                refused(rest, room, void)


def test_a_new_admission_is_one(rest: Rest) -> None:
    room, user = rest.room(), new_id()
    with rest.meeting(room, new_id()):
        with rest.meeting(room, user):
            remove(rest, room, user)
        with rest.meeting(room, user):
            assert len(rest.ok("GET", f"/v1/rooms/{room}/participants")) == 2


def test_where_nobody_needs_a_credential_nobody_admits_themselves_again(start: Start) -> None:
    with start(open="true") as rest:
        rest.key = ""
        host, user = new_id(), new_id()
        room = rest.room(host)
        entry = f"/v1/rooms/{room}/entry?userId="
        with rest.meeting(room, host), rest.meeting(room, user):
            remove(rest, room, user)
            for _ in range(2):
                assert problem(join(rest, room, "", user), 401, "unauthorized")["reason"] == "removed"
                assert rest.refused("GET", entry + user, status=401, code="unauthorized")["reason"] == "removed"
                assert rest.ok("GET", entry + new_id())["role"] == "attendee"
                forget(rest, room)
        with rest.meeting(room, host):
            remove(rest, room, host)
            assert rest.ok("GET", entry + host)["role"] == "host"
            rest.ok("POST", f"/v1/rooms/{room}/end", status=204)
        assert rest.ok("GET", entry + user)["role"] == "attendee"


def test_a_renewal_under_way_comes_to_nothing(rest: Rest) -> None:
    """Whatever token anybody gets while the user is being removed, it is void afterwards."""
    room, user = rest.room(), new_id()
    token, got, stop = rest.token(room, user), [], threading.Event()

    def renew() -> None:
        mine = token
        with httpx.Client(base_url=rest.web.url, timeout=30) as http:
            while not stop.is_set():
                headers = {"Authorization": f"Bearer {mine}"}
                answer = http.post(f"/v1/rooms/{room}/join", json={"userId": user}, headers=headers)
                if answer.status_code != 200:
                    return
                mine = answer.json()["token"]
                got.append(mine)

    with rest.meeting(room, new_id()), rest.joined(room, token):
        threads = [threading.Thread(target=renew) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(got) < 20:
            threads[0].join(0.01)
        remove(rest, room, user)
        for thread in threads:
            thread.join(30)
        stop.set()
        for void in {*got[-8:], got[0]}:
            problem(join(rest, room, void, user), 401, "unauthorized")
            refused(rest, room, void)


def test_it_survives_the_loss_of_redis(rest: Rest) -> None:
    room, user = rest.room(), new_id()
    token = rest.token(room, user)
    with rest.meeting(room, new_id()), rest.joined(room, token):
        remove(rest, room, user)
        forget(rest, room)
        problem(join(rest, room, token, user), 401, "unauthorized")
        refused(rest, room, token)
        with rest.meeting(room, new_id()):
            refused(rest, room, token)


def test_it_is_over_with_the_session(rest: Rest) -> None:
    room, user, host = rest.room(), new_id(), new_id()
    token = rest.token(room, user)
    with rest.meeting(room, host), rest.joined(room, token):
        remove(rest, room, user)
        rest.ok("POST", f"/v1/rooms/{room}/end", status=204)
    with rest.joined(room, token):
        assert rest.ok("GET", f"/v1/rooms/{room}/participants", key=token)[0]["userId"] == user


def test_a_ban_is_not(rest: Rest) -> None:
    room = rest.room()
    user, token = guest(rest, room)
    with rest.meeting(room, new_id()), rest.joined(room, token):
        remove(rest, room, user, "?ban=true")
        rest.ok("POST", f"/v1/rooms/{room}/end", status=204)
    assert problem(join(rest, room, token, user), 401, "unauthorized")["reason"] == "removed"
    refused(rest, room, token)


def test_a_ban_revokes_the_invites_of_who_is_banned(rest: Rest) -> None:
    """Theirs may be valid for longer than that by which they came is remembered."""
    room = rest.room()
    user, token = guest(rest, room, "host")
    with rest.meeting(room, new_id()), rest.joined(room, token):
        made = rest.ok("POST", f"/v1/rooms/{room}/invites", {"role": "host"}, 201, key=token)["id"]
        kept = rest.ok("POST", f"/v1/rooms/{room}/invites", {"role": "host"}, 201)["id"]
        remove(rest, room, user, "?ban=true")
    listed = {invite["id"] for invite in rest.ok("GET", f"/v1/rooms/{room}/invites")}
    assert kept in listed
    assert made not in listed


def test_a_guest_who_is_not_there_is_banned_too(rest: Rest) -> None:
    room = rest.room()
    user, token = guest(rest, room)
    rest.refused("DELETE", f"/v1/rooms/{room}/participants/{user}", status=404, code="not_found")
    other = rest.room()
    rest.refused("DELETE", f"/v1/rooms/{other}/participants/{user}?ban=true", status=404, code="not_found")
    rest.refused("DELETE", f"/v1/rooms/{room}/participants/{user}?ban=yes", status=422, code="invalid")
    remove(rest, room, user, "?ban=true")
    refused(rest, room, token)


def test_who_was_removed_has_no_invites_out(rest: Rest) -> None:
    room = rest.room()
    user, token = guest(rest, room, "host")
    with rest.meeting(room, new_id()), rest.joined(room, token):
        body = {"role": "host"}
        invite = rest.ok("POST", f"/v1/rooms/{room}/invites", body, 201, key=token)["inviteToken"]
        assert join(rest, room, invite).status_code == 200
        remove(rest, room, user)
        problem(join(rest, room, invite), 401, "unauthorized")


# --- clocks that differ


class Skewed(NamedTuple):
    """Two workers on the same Redis and database, half a minute before and behind the time."""

    ahead: Rest
    behind: Rest


@pytest.fixture(scope="module")
def skewed(rest_redis: str, server_dir: Path) -> Iterator[Skewed]:
    with ExitStack() as stack:
        wrong = {"PYTHONPATH": str(SKEWED), "SKEW_SECONDS": "30"}
        database = f"sqlite:///{server_dir / 'skewed.db'}"
        ahead = stack.enter_context(started(server_dir, rest_redis, database, environment=wrong))
        settings = ahead.settings | {"SKEW_SECONDS": "-30"}
        web = stack.enter_context(servers.tertulia_web(server_dir, settings=settings))
        behind = Rest(web, settings, ahead.key, ahead.other_key)
        stack.callback(behind.http.close)
        told = [parsedate_to_datetime(rest.call("GET", "/healthz").headers["date"]) for rest in (ahead, behind)]
        assert told[0] - told[1] > timedelta(seconds=50)
        yield Skewed(ahead, behind)


@pytest.mark.parametrize("turned", [False, True])
def test_removals_and_admissions_go_by_one_clock(skewed: Skewed, turned: bool) -> None:
    one, other = reversed(skewed) if turned else skewed
    room, user = one.room(), new_id()
    token = one.token(room, user)
    with other.meeting(room, new_id()), one.joined(room, token):
        renewed = join(one, room, token, user).json()["token"]
        remove(other, room, user)
        for rest in skewed:
            for void in (token, renewed):
                problem(join(rest, room, void, user), 401, "unauthorized")
                refused(rest, room, void)
        with one.joined(room, other.token(room, user)), other.joined(room, one.token(room, user)):
            pass


def test_what_is_written_down_has_the_time_of_the_fleet(skewed: Skewed) -> None:
    """Sessions, the audit log and chat, by whichever web worker."""
    for rest in skewed:
        began, host = datetime.now(UTC), new_id()
        room = rest.room(host)
        with rest.joined(room, rest.token(room, host)) as socket:
            socket.send(json.dumps({"event": "SendChat", "payload": {"text": "hello"}}))
            chat = next_frame(socket, lambda frame: frame.get("event") == "ChatMessage")["payload"]["sentAt"]
            hub_call(socket, "EndRoom")
        [session] = rest.ok("GET", f"/v1/rooms/{room}/sessions")
        for moment in (chat, session["startTime"], session["endTime"], *audited(rest, room)):
            assert abs(datetime.fromisoformat(moment) - began) < timedelta(seconds=20), moment


def audited(rest: Rest, room: str) -> list[str]:
    """When the meeting was ended, by the audit log."""
    ended = rest.audited(lambda entry: (entry["roomId"], entry["action"]) == (room, "room.ended"))
    return [entry["at"] for entry in ended]


@pytest.mark.parametrize("turned", [False, True])
def test_what_expires_expires_by_one_clock(skewed: Skewed, turned: bool) -> None:
    one, other = reversed(skewed) if turned else skewed
    room = one.room()
    assert join(other, room, one.invite(room, expiresIn=60)).status_code == 200
