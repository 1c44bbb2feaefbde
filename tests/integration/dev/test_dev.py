"""``tertulia dev`` as people use it: from the command line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import redis

from tertulia.http.listening import bind
from tests.integration import servers
from tests.integration.dev.idle import MEMORY_BAR, WAKEUPS_BAR, measure
from tests.processes import tree

PARTS = ("valkey-server", " sfu", " web", " recorder")
HOST = "6f1c0000-0000-4000-8000-000000000001"


def post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        answer: dict[str, Any] = json.load(response)
        return answer


def refused(*arguments: str, settings: Mapping[str, str] | None = None) -> tuple[int, str]:
    """The exit status and what it said, of a command that does not start."""
    argv, env = servers.tertulia_argv("dev", *arguments), servers.tertulia_env(settings)
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr


def process(dev: servers.Tertulia, part: str) -> int:
    """The process id of one part."""
    return next(p.pid for p in tree(dev.server.pid)[1:] if part in p.command)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_whatever_ends_it(number: signal.Signals, tmp_path: Path) -> None:
    with servers.tertulia_dev(tmp_path) as dev:
        processes = tree(dev.server.pid)
        assert [sum(word in p.command for p in processes) for word in PARTS] == [1] * len(PARTS)
        pidfds = [os.pidfd_open(p.pid) for p in processes]
        dev.server.signal(number)
        assert servers.all_end(pidfds, deadline=20), dev.log()
        assert dev.server.wait() == (-signal.SIGKILL if number == signal.SIGKILL else 0)


def test_it_says_where_to_look_and_makes_a_room_there(tmp_path: Path) -> None:
    with servers.tertulia_dev(tmp_path) as dev:
        dev.server.wait_for_log(f"Open {dev.url}/\n")
        with urllib.request.urlopen(f"{dev.url}/", timeout=10) as page:
            assert page.headers.get_content_type() == "text/html"
        room = post(f"{dev.url}/v1/rooms", {"hostId": HOST})
        assert room["roomId"]


def test_what_was_made_is_there_after_the_next_start_and_for_nobody_else(tmp_path: Path) -> None:
    with servers.tertulia_dev(tmp_path, data=tmp_path / "data") as dev:
        room = post(f"{dev.url}/v1/rooms", {"hostId": HOST})["roomId"]
    with servers.tertulia_dev(tmp_path, data=tmp_path / "data") as dev:
        assert servers.answers(f"{dev.url}/v1/rooms/{room}")
    paths = [tmp_path / "data", *(tmp_path / "data").rglob("*")]
    assert "tertulia.db" in {path.name for path in paths}
    modes = {path: path.stat().st_mode & 0o777 for path in paths if not path.is_socket()}
    assert modes == {path: 0o700 if path.is_dir() else 0o600 for path in modes}


def test_a_taken_port_is_said_in_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = refused("--port", str(port), "--data-dir", str(tmp_path))
    assert status == 2
    assert said.count("\n") == 1
    assert f"port {port}" in said
    assert f"--port {port + 1}" in said


def test_a_taken_operator_address_is_said_in_one_line(tmp_path: Path) -> None:
    with bind("127.0.0.1", 0, is_shared=True) as taken:  # as another web worker, which would share it
        taken.listen()
        port = taken.getsockname()[1]
        address = {"TERTULIA_OPERATOR_LISTEN": f"127.0.0.1:{port}"}
        status, said = refused("--port", "0", "--data-dir", str(tmp_path), settings=address)
    assert status == 2
    assert said.count("\n") == 1
    assert f"port {port}" in said
    assert "another TERTULIA_OPERATOR_LISTEN" in said


def test_two_side_by_side_and_never_two_on_one_directory(tmp_path: Path) -> None:
    with servers.tertulia_dev(tmp_path, data=tmp_path / "one") as one, servers.tertulia_dev(tmp_path) as two:
        room = post(f"{one.url}/v1/rooms", {"hostId": HOST})["roomId"]
        assert servers.answers(f"{one.url}/v1/rooms/{room}")
        assert servers.answers(f"{two.url}/v1/rooms/{room}", 404)
        status, said = refused("--port", "0", "--data-dir", str(tmp_path / "one"))
    assert status == 2
    assert said.count("\n") == 1
    assert "another tertulia dev" in said
    assert "--data-dir" in said


def test_other_machines_may_not_use_it(tmp_path: Path) -> None:
    status, said = refused("--host", "0.0.0.0", "--data-dir", str(tmp_path))
    assert status == 2
    assert said.count("\n") == 1
    assert "loopback" in said


def test_a_directory_that_is_none_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    status, said = refused("--port", "0", "--data-dir", str(tmp_path / "file"))
    assert status == 2
    assert said.count("\n") == 1
    assert str(tmp_path / "file") in said


def test_foreign_keys_of_a_given_redis_are_left_alone(tmp_path: Path) -> None:
    with servers.redis(tmp_path) as (_, url), redis.Redis.from_url(url) as client:
        client.set("room", "mine")
        client.hset("rooms:{1}", mapping={"a": "b"})
        client.set("session", "soon", px=3_600_000)
        before = {key: (client.dump(key), client.type(key)) for key in client.scan_iter()}
        with servers.tertulia_dev(tmp_path, "--redis-url", url) as dev:
            assert not any("valkey" in p.command for p in tree(dev.server.pid))
            room = post(f"{dev.url}/v1/rooms", {"hostId": HOST})["roomId"]
            post(f"{dev.url}/v1/rooms/{room}/join", {"userId": HOST})
            assert client.zcard("{sfu}:beats") == 1
        assert {key: (client.dump(key), client.type(key)) for key in before} == before
        assert 0 < int(client.pttl("session")) <= 3_600_000


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_crashes_comes_back(part: str, tmp_path: Path) -> None:
    with servers.tertulia_dev(tmp_path) as dev:
        before = process(dev, part)
        os.kill(before, signal.SIGKILL)
        dev.server.wait_for_log("was ended by SIGKILL; starting it again")
        dev.server.wait_until(lambda: any(part in p.command and p.pid != before for p in tree(dev.server.pid)[1:]))
        dev.server.wait_until(lambda: servers.answers(f"{dev.url}/readyz"))
        room = post(f"{dev.url}/v1/rooms", {"hostId": HOST})["roomId"]
        dev.server.wait_until(lambda: joins(dev, room), what="let someone join")


def joins(dev: servers.Tertulia, room: str) -> bool:
    try:
        return "token" in post(f"{dev.url}/v1/rooms/{room}/join", {"userId": HOST})
    except OSError:
        return False


def test_without_a_meeting_it_uses_next_to_nothing() -> None:
    idle = measure(seconds=10)
    assert idle.wakeups_total < WAKEUPS_BAR, idle
    assert idle.memory_total < MEMORY_BAR, idle
