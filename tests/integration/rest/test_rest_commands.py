"""The command line: tenants, keys, rooms, the schema. Each error is one line."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tertulia.db.schema import HEAD
from tests.integration.rest.conftest import Rest, new_id, problem, run, run_command


def test_a_key_is_shown_once_and_can_be_revoked(rest: Rest) -> None:
    secret = run_command(rest.settings, "key", "create", "first", "--name", "shown once")
    assert re.fullmatch(r"tk_[\w-]{43}", secret)
    assert rest.call("GET", "/v1/rooms", key=secret).status_code == 200
    listed = run_command(rest.settings, "key", "list", "first")
    assert secret not in listed
    (line,) = (line for line in listed.splitlines() if line.endswith("valid  shown once"))
    key_id = line.split()[0]
    assert run_command(rest.settings, "key", "revoke", key_id) == f"revoked {key_id}"
    problem(rest.call("GET", "/v1/rooms", key=secret), 401, "unauthorized")
    assert "revoked" in run_command(rest.settings, "key", "list", "first")


def test_tenants_are_listed(rest: Rest) -> None:
    listed = run_command(rest.settings, "tenant", "list")
    assert {line.split()[-1] for line in listed.splitlines()} >= {"first", "second"}


def test_quotas_are_set_by_hand_and_hold_at_once(rest: Rest) -> None:
    name = f"small {new_id()}"
    run_command(rest.settings, "tenant", "create", name)
    key = run_command(rest.settings, "key", "create", name)
    printed = run_command(rest.settings, "tenant", "quota", name, "--rooms", "1", "--people", "9")
    assert printed.splitlines() == [
        "rooms: 1",
        "people: 9",
        "room-people: no limit",
        "room-mbits: no limit",
        "mbits: no limit",
    ]
    printed = run_command(rest.settings, "tenant", "quota", name, "--people", "none")
    assert printed.splitlines()[:2] == ["rooms: 1", "people: no limit"]
    assert run_command(rest.settings, "tenant", "quota", name) == printed
    room = rest.ok("POST", "/v1/rooms", {"hostId": new_id()}, 201, key=key)["roomId"]
    guest = new_id()
    invite = rest.ok("POST", f"/v1/rooms/{room}/invites", {"role": "attendee"}, 201, key=key)["inviteToken"]
    rest.ok("POST", f"/v1/rooms/{room}/join", {"userId": guest}, key=invite)
    for host in (new_id(), guest):  # 403 comes before 409
        problem(rest.call("POST", "/v1/rooms", {"hostId": host}, key=key), 403, "quota_exceeded")
    done = run(rest.settings, "room", "--tenant", name)
    assert (done.returncode, done.stdout) == (1, "")
    assert "as many as it may have" in done.stderr
    rest.room()
    rest.ok("DELETE", f"/v1/rooms/{room}", status=204, key=key)
    rest.ok("POST", "/v1/rooms", {"hostId": new_id()}, 201, key=key)


def test_a_room_and_its_links(rest: Rest) -> None:
    settings = rest.settings | {"TERTULIA_PUBLIC_URL": rest.web.url}
    printed = run_command(settings, "room", "--tenant", f"made {new_id()}")
    found = re.fullmatch(r"host:   (\S+)/r/(\S+)#token=(\S+)\nguests: (\S+)/r/\2#invite=(\S+)", printed)
    assert found
    base, room, token, _, invite = found.groups()
    assert base == rest.web.url
    assert rest.ok("GET", f"/v1/rooms/{room}", key=token)["status"] == "SCHEDULED"
    joined = rest.ok("POST", f"/v1/rooms/{room}/join", {"userId": new_id()}, key=invite)
    with rest.joined(room, joined["token"]), rest.joined(room, token):
        members = rest.ok("GET", f"/v1/rooms/{room}/participants", key=token)
        assert sorted(m["role"] for m in members) == ["attendee", "host"]


def test_a_rotation_is_taken_up_and_a_revocation_ends_what_was_signed(start) -> None:  # type: ignore[no-untyped-def]
    with start() as rest:
        room = rest.room()
        old = rest.token(room)
        run_command(rest.settings, "signing-key", "rotate")
        assert rest.call("GET", f"/v1/rooms/{room}", key=old).status_code == 200
        printed = run_command(rest.settings | {"TERTULIA_PUBLIC_URL": "http://x"}, "room", "--tenant", "first")
        fresh = re.search(r"#token=(\S+)", printed)
        made = re.search(r"/r/(\S+)#token", printed)
        assert fresh
        assert made
        assert rest.call("GET", f"/v1/rooms/{made[1]}", key=fresh[1]).status_code == 200


def test_one_tenants_tokens_are_revoked_alone(start) -> None:  # type: ignore[no-untyped-def]
    with start() as rest:
        room, others = rest.room(), rest.ok("POST", "/v1/rooms", {"hostId": new_id()}, 201, key=rest.other_key)
        old, theirs = rest.token(room), others["joinToken"]
        run_command(rest.settings, "signing-key", "rotate", "--tenant", "first", "--revoke")
        printed = run_command(rest.settings | {"TERTULIA_PUBLIC_URL": "http://x"}, "room", "--tenant", "first")
        made, fresh = re.findall(r"host:   http://x/r/(\S+)#token=(\S+)", printed)[0]
        assert rest.call("GET", f"/v1/rooms/{made}", key=fresh).status_code == 200  # it makes the worker read the keys
        problem(rest.call("GET", f"/v1/rooms/{room}", key=old), 401, "unauthorized")
        assert rest.call("GET", f"/v1/rooms/{others['roomId']}", key=theirs).status_code == 200


def test_signing_keys_are_encrypted_with_a_master_key(start) -> None:  # type: ignore[no-untyped-def]
    with start(master_key="ab" * 32) as rest:
        room = rest.room()
        assert rest.call("GET", f"/v1/rooms/{room}", key=rest.token(room)).status_code == 200
        run_command(rest.settings, "room", "--tenant", "first")
        without = {name: value for name, value in rest.settings.items() if name != "TERTULIA_MASTER_KEY"}
        done = run(without, "room", "--tenant", "first")
        assert (done.returncode, done.stdout) == (2, "")
        assert "the signing keys are encrypted: set TERTULIA_MASTER_KEY" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["key", "create", "nobody"], 1, "there is no tenant nobody"),
        (["key", "revoke", "x"], 1, "x is not the id of a key"),
        (["key", "revoke", "6f1c0e9a-0000-4000-8000-000000000000"], 1, "there is no key"),
        (["tenant", "create", "first"], 1, "there is a tenant first already"),
        (["tenant", "create", ""], 1, "a name has 1 to 100 printable characters"),
        (["tenant", "create", "x" * 101], 1, "a name has 1 to 100 printable characters"),
        (["tenant", "quota", "first", "--rooms", "-1"], 1, "--rooms takes a whole number, or `none`"),
        (["tenant", "quota", "first", "--room-people", "many"], 1, "--room-people takes a whole number, or `none`"),
        (["tenant", "quota", "nobody", "--rooms", "1"], 1, "there is no tenant nobody"),
        (["signing-key", "rotate", "--tenant", "nobody"], 1, "there is no tenant nobody"),
        (["web", "--port", "x"], 2, "--port: must be a whole number from 0 to 65535"),
        (["migrate", "--down-to", "nonsense"], 2, "there is no schema 'nonsense': it is one of base, 0001"),
        (["migrate", "--database-url", "postgresql://h:port/db"], 2, "TERTULIA_DATABASE_URL must be like"),
        (["web", "--database-url", "postgresql:/x"], 2, "TERTULIA_DATABASE_URL must be like"),
    ],
)
def test_errors_are_one_line(rest_sqlite: Rest, arguments: list[str], status: int, said: str) -> None:
    done = run(rest_sqlite.settings, *arguments)
    assert done.returncode == status
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_an_unknown_setting_is_named(rest_sqlite: Rest) -> None:
    done = run(rest_sqlite.settings | {"TERTULIA_COLOUR": "red"}, "tenant", "list")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("tertulia: TERTULIA_COLOUR is not a setting")


def test_a_command_that_does_not_exist(tmp_path: Path) -> None:
    done = run({}, "fly")
    assert done.returncode == 2
    assert "invalid choice: 'fly'" in done.stderr


def test_help_lists_every_setting() -> None:
    done = run({}, "web", "--help")
    assert done.returncode == 0
    for flag in ("--redis-url", "--database-url", "--storage-url", "--public-url", "--port", "--workers"):
        assert flag in done.stdout
    assert "--supervised" not in done.stdout


def test_the_schema_goes_up_and_down(database_url: str) -> None:
    settings = {"TERTULIA_DATABASE_URL": database_url.replace("+aiosqlite", "").replace("+asyncpg", "")}
    assert run_command(settings, "migrate") == f"the schema is {HEAD}"
    assert run_command(settings, "migrate", "--down-to", "0001") == "the schema is 0001"
    assert run_command(settings, "migrate") == f"the schema is {HEAD}"
    assert run_command(settings, "migrate", "--down-to", "base") == "the schema is empty"
    done = run(settings, "tenant", "list")
    assert (done.returncode, done.stdout) == (2, "")
    assert "run `tertulia migrate`" in done.stderr


def test_administration_finds_the_database_of_dev(tmp_path: Path) -> None:
    settings = {"TERTULIA_DATA_DIR": str(tmp_path)}
    assert run(settings, "tenant", "list").stderr.startswith("tertulia: TERTULIA_DATABASE_URL is not set")
    (tmp_path / "tertulia.db").touch()
    run_command(settings, "migrate")
    run_command(settings, "tenant", "create", "mine")
    assert run_command(settings, "tenant", "list").endswith("mine")


def test_the_modules_of_the_command_line_are_light() -> None:
    heavy = "('sqlalchemy', 'uvicorn', 'starlette')"
    code = f"import sys, tertulia.cli; print([m for m in sys.modules if m.partition('.')[0] in {heavy}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
