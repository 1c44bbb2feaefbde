"""Invites, their uses and the guests they make (docs/protocol.md). Each test is run with SQLite and with PostgreSQL."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tertulia.db.invites import Invites
from tertulia.db.signing_keys import SigningKeys
from tertulia.ids import RoomId, TenantId, UserId, new_uuid
from tertulia.times import from_seconds
from tertulia.tokens import ADMISSION_SECONDS, Tokens
from tests.integration.rest.conftest import Rest, Start, hub_call, new_id, next_frame, problem, run_command
from tests.integration.rest.recorded import in_sql


def create(rest: Rest, room: str, role: str = "attendee", **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = rest.ok("POST", f"/v1/rooms/{room}/invites", {"role": role, **more}, 201)
    return made


def join(rest: Rest, room: str, credential: str, user: str | None = None, **more: Any) -> Any:
    return rest.call("POST", f"/v1/rooms/{room}/join", {"userId": user or new_id()}, key=credential, **more)


def guest(rest: Rest, room: str, role: str = "attendee") -> tuple[str, str]:
    """A guest's id and room token."""
    user = new_id()
    return user, str(join(rest, room, rest.invite(room, role), user).json()["token"])


def fields(answer: Any, status: int, code: str) -> list[str]:
    return [error["field"] for error in problem(answer, status, code)["errors"]]


# --- what the host sees of them


def test_they_are_listed_with_their_uses_and_deleted(rest: Rest) -> None:
    room = rest.room()
    path = f"/v1/rooms/{room}/invites"
    first, second = create(rest, room, maxUses=5), create(rest, room, "host", expiresIn=60)
    for _ in range(2):
        assert join(rest, room, first["inviteToken"]).status_code == 200
    listed = rest.ok("GET", path)
    assert [(i["id"], i["role"], i["maxUses"], i["uses"]) for i in listed] == [
        (second["id"], "host", None, 0),
        (first["id"], "attendee", 5, 2),
    ]
    assert [i["expiresAt"] for i in listed] == [second["expiresAt"], first["expiresAt"]]
    rest.ok("DELETE", f"{path}/{first['id'].upper()}", status=204)
    assert [i["id"] for i in rest.ok("GET", path)] == [second["id"]]
    rest.refused("DELETE", f"{path}/{first['id']}", status=404, code="not_found")
    rest.refused("DELETE", f"/v1/rooms/{rest.room()}/invites/{second['id']}", status=404, code="not_found")


def test_a_deleted_one_keeps_out_who_has_not_joined(rest: Rest) -> None:
    room, user = rest.room(), new_id()
    made = create(rest, room)
    token = join(rest, room, made["inviteToken"], user).json()["token"]
    rest.ok("DELETE", f"/v1/rooms/{room}/invites/{made['id']}", status=204)
    problem(join(rest, room, made["inviteToken"]), 401, "unauthorized")
    assert join(rest, room, token, user).status_code == 200


@pytest.mark.parametrize("most", [0, 1_000_001, "3", 1.5, None])
def test_how_often_is_a_number(rest: Rest, most: Any) -> None:
    path = f"/v1/rooms/{rest.room()}/invites"
    assert fields(rest.call("POST", path, {"role": "host", "maxUses": most}), 422, "invalid") == ["maxUses"]


# --- uses


def test_it_is_used_as_often_as_it_may_be_whoever_is_first(rest: Rest) -> None:
    room = rest.room()
    made = create(rest, room, maxUses=3)
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda _: join(rest, room, made["inviteToken"]), range(12)))
    assert Counter(answer.status_code for answer in answers) == {200: 3, 403: 9}
    assert problem(next(a for a in answers if a.status_code == 403), 403, "forbidden")["detail"]
    assert rest.ok("GET", f"/v1/rooms/{room}/invites")[0]["uses"] == 3


def test_whether_one_may_join_is_told_without_joining(rest: Rest) -> None:
    room = rest.room()
    path, invites = f"/v1/rooms/{room}/entry", f"/v1/rooms/{room}/invites"
    made = create(rest, room, "host", maxUses=1)
    for _ in range(3):
        assert rest.ok("GET", path, key=made["inviteToken"])["role"] == "host"
    assert rest.ok("GET", invites)[0]["uses"] == 0
    token = join(rest, room, made["inviteToken"]).json()["token"]
    rest.refused("GET", path, key=made["inviteToken"], status=403, code="forbidden")
    assert rest.ok("GET", path, key=token)["role"] == "host"
    rest.refused("GET", f"/v1/rooms/{rest.room()}/entry", key=token, status=403, code="forbidden")
    revoked = create(rest, room)
    rest.ok("DELETE", f"{invites}/{revoked['id']}", status=204)
    rest.refused("GET", path, key=revoked["inviteToken"], status=401, code="unauthorized")
    assert rest.ok("GET", path)["role"] == "attendee"
    rest.refused("GET", f"/v1/rooms/{new_id()}/entry", status=404, code="not_found")
    closed = rest.room(allowedRoles=["host"])
    rest.refused("GET", f"/v1/rooms/{closed}/entry", status=403, code="role_not_allowed")


def test_one_user_is_made_once_whoever_asks_at_once(rest: Rest) -> None:
    room, user = rest.room(), new_id()
    made = create(rest, room, maxUses=12)
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda _: join(rest, room, made["inviteToken"], user), range(12)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: 11}
    assert rest.ok("GET", f"/v1/rooms/{room}/invites")[0]["uses"] == 1


def test_the_same_request_again_is_one_use(rest: Rest) -> None:
    room, user, headers = rest.room(), new_id(), {"Idempotency-Key": new_id()}
    made = create(rest, room, maxUses=1)
    tokens = {join(rest, room, made["inviteToken"], user, headers=headers).json()["token"] for _ in range(2)}
    assert len(tokens) == 1
    problem(join(rest, room, made["inviteToken"]), 403, "forbidden")


def test_an_invite_that_is_used_up_is_refused_before_what_is_in_the_way(rest: Rest) -> None:
    room = rest.room(maxParticipants=1)
    used, known = create(rest, room, maxUses=1)["inviteToken"], new_id()
    assert join(rest, room, used, known).status_code == 200
    problem(join(rest, room, used, known), 403, "forbidden")
    problem(join(rest, room, used, headers={"Accept": "text/html"}), 403, "forbidden")
    with rest.meeting(room, new_id()):
        problem(join(rest, room, used), 403, "forbidden")


def test_a_use_is_counted_once_there_is_an_answer(start: Start) -> None:
    with start(stun_urls="") as rest:
        room = rest.room()
        invite = create(rest, room, maxUses=1)["inviteToken"]
        problem(join(rest, room, invite), 503, "unavailable")  # neither STUN nor an SFU node is there
        assert rest.ok("GET", f"/v1/rooms/{room}/invites")[0]["uses"] == 0


def test_who_holds_the_same_invite_does_not_share_keys(rest: Rest) -> None:
    room, headers = rest.room(), {"Idempotency-Key": "1"}
    invite, first, second = rest.invite(room), new_id(), new_id()
    answers = [join(rest, room, invite, user, headers=headers) for user in (first, second, first)]
    tokens = [answer.json()["token"] for answer in answers]
    assert tokens[0] == tokens[2] != tokens[1]


def test_a_key_goes_by_the_path_however_it_is_spelt(rest: Rest) -> None:
    room, user, headers = rest.room(), new_id(), {"Idempotency-Key": new_id()}
    tokens = {join(rest, spelt, rest.key, user, headers=headers).json()["token"] for spelt in (room, room.upper())}
    assert len(tokens) == 1


async def test_a_use_that_was_broken_off_is_found_again(rest: Rest) -> None:
    """Its answer was lost, and the next attempt has the same id."""
    room, user, use = rest.room(), UserId(new_id()), new_uuid()
    made = create(rest, room, maxUses=1)
    token = made["inviteToken"]

    async def twice(database: Any) -> list[Any]:
        tokens = Tokens(await SigningKeys(database, None).all(time.time()))
        invited = tokens.verify_invite(token, time.time())
        at = from_seconds(time.time())
        return [await Invites(database).use(invited, use, user, "Ana", at) for _ in range(2)]

    assert len({found.id for found in in_sql(rest, twice)}) == 1
    assert rest.ok("GET", f"/v1/rooms/{room}/invites")[0]["uses"] == 1


def test_one_of_an_earlier_version_is_entered_when_it_is_used(rest: Rest) -> None:
    room = rest.room()
    tenant = TenantId(rest.ok("GET", f"/v1/rooms/{room}")["tenantId"])

    async def sign(database: Any) -> str:
        tokens = Tokens(await SigningKeys(database, None).all(time.time()))
        issued = tokens.issue_invite(
            invite_id=new_uuid(), room_id=RoomId(room), role="host", tenant_id=tenant, now=time.time(), lifetime=60
        )
        return issued.token

    token = in_sql(rest, sign)
    assert [join(rest, room, token).status_code for _ in range(2)] == [200, 200]
    [listed] = rest.ok("GET", f"/v1/rooms/{room}/invites")
    assert (listed["role"], listed["uses"]) == ("host", 2)
    rest.ok("DELETE", f"/v1/rooms/{room}/invites/{listed['id']}", status=204)
    problem(join(rest, room, token), 401, "unauthorized")


async def test_expired_ones_are_purged(rest: Rest) -> None:
    room = rest.room()
    create(rest, room, expiresIn=60)
    kept = create(rest, room, expiresIn=3600)

    async def purge(database: Any) -> None:
        await Invites(database).purge(from_seconds(time.time() + ADMISSION_SECONDS + 120))

    in_sql(rest, purge)
    assert [i["id"] for i in rest.ok("GET", f"/v1/rooms/{room}/invites")] == [kept["id"]]


# --- guests


def test_an_invite_makes_new_users_only(rest: Rest) -> None:
    room, mine, known = rest.room(), new_id(), new_id()
    first, second = rest.invite(room), rest.invite(room)
    assert join(rest, room, first, mine).status_code == 200
    rest.token(room, known)
    for invite, user in ((first, mine), (second, mine), (first, known), (first, known.upper())):
        assert fields(join(rest, room, invite, user), 409, "already_exists") == ["userId"]


def test_a_tenant_does_not_vouch_for_guests(rest: Rest) -> None:
    room = rest.room()
    user, _ = guest(rest, room)
    assert fields(join(rest, room, rest.key, user), 409, "already_exists") == ["userId"]
    assert fields(rest.call("POST", "/v1/rooms", {"hostId": user}), 409, "already_exists") == ["hostId"]
    assert rest.ok("GET", f"/v1/users/{user}")["email"] is None


def test_who_comes_back_uses_their_own_token(rest: Rest) -> None:
    room = rest.room()
    user, token = guest(rest, room, "host")
    again = join(rest, room, token, user).json()
    with rest.joined(room, again["token"]), rest.joined(room, rest.token(room)) as other:
        [member] = [m for m in rest.ok("GET", f"/v1/rooms/{room}/participants") if m["userId"] == user]
        assert (member["role"], member["isGuest"]) == ("host", True)
        [vouched] = [m for m in rest.ok("GET", f"/v1/rooms/{room}/participants") if m["userId"] != user]
        assert vouched["isGuest"] is False
        newcomer, by_invite = guest(rest, room)
        with rest.joined(room, by_invite):
            came = next_frame(other, lambda frame: frame.get("event") == "ParticipantJoined")
            assert (came["payload"]["userId"], came["payload"]["isGuest"]) == (newcomer, True)
    rest.refused("POST", f"/v1/rooms/{room}/join", {"userId": new_id()}, key=token, status=403, code="forbidden")


# --- co-hosts


def test_a_co_host_can_neither_remove_the_host_nor_delete_the_room(rest: Rest) -> None:
    host, other = new_id(), new_id()
    room = rest.room(host)
    user, token = guest(rest, room, "host")
    with rest.meeting(room, host, other), rest.joined(room, token) as socket:
        path = f"/v1/rooms/{room}/participants"
        for query in ("", "?ban=true"):
            rest.refused("DELETE", f"{path}/{host}{query}", key=token, status=403, code="forbidden")
        rest.refused("DELETE", f"/v1/rooms/{room}", key=token, status=403, code="forbidden")
        for call in ("RemoveParticipant", "AskToMute"):
            assert hub_call(socket, call, {"targetUserId": host})["error"]["code"] == "forbidden"
        rest.ok("DELETE", f"{path}/{other}", status=204, key=token)
        rest.ok("DELETE", f"{path}/{user}", status=204, key=rest.token(room, host))
        assert [m["userId"] for m in rest.ok("GET", path)] == [host]


def test_the_host_is_admitted_to_a_full_room(rest: Rest) -> None:
    host = new_id()
    room = rest.room(host, maxParticipants=1)
    with rest.meeting(room, new_id()):
        rest.refused("POST", f"/v1/rooms/{room}/join", {"userId": new_id()}, status=409, code="room_full")
        with rest.meeting(room, host):
            assert len(rest.ok("GET", f"/v1/rooms/{room}/participants")) == 2


# --- the end of an admission


def test_an_api_key_that_is_revoked_takes_its_tokens_with_it(rest: Rest) -> None:
    secret = run_command(rest.settings, "key", "create", "first", "--name", "leaked")
    host, user = new_id(), new_id()
    made = rest.ok("POST", "/v1/rooms", {"hostId": host}, 201, key=secret)
    room = made["roomId"]
    first = rest.ok("POST", f"/v1/rooms/{room}/join", {"userId": user}, key=secret)["token"]
    renewed = rest.ok("POST", f"/v1/rooms/{room}/join", {"userId": user}, key=first)["token"]
    by_key = rest.ok("POST", f"/v1/rooms/{room}/invites", {"role": "host"}, 201, key=secret)["inviteToken"]
    by_host = rest.ok("POST", f"/v1/rooms/{room}/invites", {"role": "host"}, 201, key=made["joinToken"])["inviteToken"]
    came = join(rest, room, by_key).json()["token"]
    [line] = [line for line in run_command(rest.settings, "key", "list", "first").splitlines() if "leaked" in line]
    run_command(rest.settings, "key", "revoke", line.split()[0])
    for void in (made["joinToken"], first, renewed, by_key, by_host):
        problem(join(rest, room, void, user), 401, "unauthorized")
    with rest.joined(room, rest.token(room, host)) as socket:
        for void in (made["joinToken"], first, renewed):
            refused(rest, room, void)
        hub_call(socket, "KeepAlive")
    with rest.joined(room, came):
        pass  # they came while it was valid
    run_command(rest.settings, "key", "list", "first")


def refused(rest: Rest, room: str, token: str) -> None:
    """JoinRoom does not take the token."""
    with pytest.raises(AssertionError, match="bad_token"), rest.joined(room, token):
        pass
