"""Short links of invites: their codes, passwords and calendar files. Each test is run with SQLite and PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from tertulia import times
from tertulia.db.engine import Database
from tertulia.db.tables import INVITES
from tests.integration.rest.conftest import Rest, Start, new_id, problem, run_command
from tests.integration.rest.recorded import in_sql

OPEN = "/v1/invites/open"


def create(rest: Rest, room: str, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = rest.ok("POST", f"/v1/rooms/{room}/invites", {"role": "attendee", **more}, 201)
    return made


def code_of(made: dict[str, Any]) -> str:
    return str(made["url"].rpartition("/m/")[2])


def test_a_link_opens_its_invite(rest: Rest) -> None:
    room = rest.room()
    made = create(rest, room, maxUses=1)
    assert made["url"].startswith(f"{rest.web.url}/m/")
    for code in (code_of(made), code_of(made).upper()):
        assert rest.ok("POST", OPEN, key=code) == {
            "roomId": room,
            "role": "attendee",
            "inviteToken": made["inviteToken"],
            "expiresAt": made["expiresAt"],
        }
    rest.ok("POST", f"/v1/rooms/{room}/join", {"userId": new_id()}, key=made["inviteToken"])
    [listed] = rest.ok("GET", f"/v1/rooms/{room}/invites")
    assert (listed["url"], listed["hasPassword"], listed["uses"]) == (made["url"], False, 1)


def test_a_code_opens_its_invite_and_nothing_else(rest: Rest) -> None:
    room = rest.room()
    made = create(rest, room)
    code = code_of(made)
    for method, path, body in (
        ("POST", f"/v1/rooms/{room}/join", {"userId": new_id()}),
        ("GET", f"/v1/rooms/{room}/entry", None),
        ("GET", f"/v1/rooms/{room}", None),
        ("GET", f"/v1/rooms/{room}/participants", None),
        ("GET", f"/v1/rooms/{room}/invites", None),
        ("POST", "/v1/rooms", {"hostId": new_id()}),
        ("DELETE", f"/v1/rooms/{room}", None),
    ):
        rest.refused(method, path, body, key=code, status=403, code="forbidden")
    for credential in (rest.key, made["inviteToken"], rest.token(room)):
        rest.refused("POST", OPEN, key=credential, status=403, code="forbidden")


def test_a_link_that_was_revoked_or_has_expired_or_never_was_is_refused_alike(rest: Rest) -> None:
    room = rest.room()
    revoked, expired, deleted, good = (create(rest, room) for _ in range(4))
    rest.ok("DELETE", f"/v1/rooms/{room}/invites/{revoked['id']}", status=204)
    past = sa.update(INVITES).where(INVITES.c.id == expired["id"]).values(expires_at=times.from_seconds(0))
    in_sql(rest, lambda database: _change(database, past))
    other = rest.room()
    deleted = create(rest, other)
    rest.ok("DELETE", f"/v1/rooms/{other}", status=204)
    details = {
        rest.refused("POST", OPEN, key=code, status=401, code="unauthorized")["detail"]
        for code in (code_of(revoked), code_of(expired), "abcd-efgh-jkmn")
    }
    assert len(details) == 1
    assert rest.call("POST", OPEN, key=code_of(deleted)).status_code in (401, 404)
    assert rest.call("POST", OPEN, key=code_of(good)).status_code == 200


def test_the_database_does_not_have_the_code(rest: Rest) -> None:
    made = create(rest, rest.room())
    row = in_sql(rest, lambda database: _row(database, made["id"]))
    assert code_of(made) not in str(row)
    assert code_of(made).replace("-", "") not in str(row)


def test_the_same_request_again_is_the_same_link(rest: Rest) -> None:
    path, headers = f"/v1/rooms/{rest.room()}/invites", {"Idempotency-Key": new_id()}
    answers = [rest.ok("POST", path, {"role": "host"}, 201, headers=headers) for _ in range(2)]
    assert answers[0] == answers[1]


def test_a_link_with_a_password_asks_for_it(rest: Rest) -> None:
    room = rest.room()
    made = create(rest, room, password="correct horse")
    code = code_of(made)
    rest.refused("POST", OPEN, key=code, status=403, code="password_required")
    rest.refused("POST", OPEN, {"password": "wrong horse"}, key=code, status=403, code="wrong_password")
    assert rest.ok("POST", OPEN, {"password": "correct horse"}, key=code)["inviteToken"] == made["inviteToken"]
    assert rest.ok("GET", f"/v1/rooms/{room}/invites")[0]["hasPassword"] is True
    row = in_sql(rest, lambda database: _row(database, made["id"]))
    assert "correct horse" not in str(row)
    entries = rest.audited(lambda entry: entry["target"] == made["id"])
    assert [e["details"] for e in entries] == [{"role": "attendee", "expiresIn": 604800}]


def test_guessing_a_password_is_slow(rest: Rest) -> None:
    code = code_of(create(rest, rest.room(), password="correct horse"))
    with ThreadPoolExecutor(12) as threads:
        guess = lambda number: rest.call("POST", OPEN, {"password": f"guess {number}"}, key=code)  # noqa: E731
        answers = list(threads.map(guess, range(12)))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused
    problem(refused[0], 429, "rate_limited")
    assert int(refused[0].headers["retry-after"]) >= 1


@pytest.mark.parametrize("password", ["", "short", "x" * 129, "a\0bcdef", 123456, None])
def test_what_a_password_may_be(rest: Rest, password: Any) -> None:
    body = {"role": "attendee", "password": password}
    refused = rest.refused("POST", f"/v1/rooms/{rest.room()}/invites", body, status=422, code="invalid")
    assert [error["field"] for error in refused["errors"]] == ["password"]


def test_a_calendar_file(rest: Rest) -> None:
    event = {"title": "Weekly, with cake", "startsAt": "2030-01-02T10:00:00+01:00", "minutes": 45}
    made = create(rest, rest.room(), event=event)
    lines = made["calendar"].split("\r\n")
    assert {"DTSTART:20300102T090000Z", "DTEND:20300102T094500Z", "SUMMARY:Weekly\\, with cake"} <= set(lines)
    assert f"URL:{made['url']}" in lines
    assert "calendar" not in create(rest, rest.room())


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"title": "x", "startsAt": "tomorrow"}, "event.startsAt"),
        ({"title": "x", "startsAt": "9999-12-31T23:30:00Z"}, "event.startsAt"),
        ({"title": "", "startsAt": "2030-01-02T10:00:00Z"}, "event.title"),
        ({"title": "x", "startsAt": "2030-01-02T10:00:00Z", "minutes": 0}, "event.minutes"),
        ({"title": "x"}, "event.startsAt"),
    ],
)
def test_what_an_event_may_be(rest: Rest, event: dict[str, Any], field: str) -> None:
    body = {"role": "attendee", "event": event}
    refused = rest.refused("POST", f"/v1/rooms/{rest.room()}/invites", body, status=422, code="invalid")
    assert [error["field"] for error in refused["errors"]] == [field]


def test_guessing_a_code_counts_as_a_credential_that_is_not_valid(start: Start) -> None:
    with start(rate_limit="5") as rest, ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: rest.call("POST", OPEN, key="abcd-efgh-jkmn").status_code, range(60)))
    assert set(answers) == {401, 429}


def test_a_rotation_of_the_signing_keys_leaves_links_valid_and_a_revocation_does_not(start: Start) -> None:
    with start() as rest:
        room = rest.room()
        before = create(rest, room)
        run_command(rest.settings, "signing-key", "rotate")
        assert rest.ok("POST", OPEN, key=code_of(before))["roomId"] == room
        run_command(rest.settings, "signing-key", "rotate", "--revoke")
        rest.refused("POST", OPEN, key="abcd-efgh-jkmn", status=401, code="unauthorized")  # reads the keys again
        rest.refused("POST", OPEN, key=code_of(before), status=401, code="unauthorized")


def test_the_page_of_a_link_is_the_same_for_all(rest: Rest) -> None:
    code = code_of(create(rest, rest.room()))
    known, unknown = (rest.http.get(f"/m/{it}", headers={"Accept": "text/html"}) for it in (code, "abcd-efgh-jkmn"))
    assert (known.status_code, unknown.status_code) == (200, 200)
    assert known.text.replace(code, "") == unknown.text.replace("abcd-efgh-jkmn", "")
    assert rest.http.get("/m/nonsense", headers={"Accept": "text/html"}).status_code == 404


async def _row(database: Database, invite_id: str) -> str:
    async with database.read() as connection:
        return str((await connection.execute(sa.select(INVITES).where(INVITES.c.id == invite_id))).one())


async def _change(database: Database, change: sa.Update) -> None:
    async with database.write() as connection:
        await connection.execute(change)
