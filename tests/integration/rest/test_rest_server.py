"""The server around the operations: settings, health, figures, files, workers, and what happens when a part is away."""

import base64
import hashlib
import hmac
import json
import os
import re
import select
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from tertulia.db.schema import HEAD
from tertulia.ids import NodeId
from tertulia.process import pulse
from tertulia.process.spawn import spawn
from tertulia.room.placement import Node
from tertulia.state.connection import connect_redis
from tertulia.state.registry import sfu_nodes
from tests.integration import servers
from tests.integration.rest.conftest import Rest, Start, hub_call, new_id, problem, run_command, started
from tests.integration.servers.child import START_SECONDS


@pytest.fixture
def rest(rest_sqlite: Rest) -> Rest:
    return rest_sqlite


def join(rest: Rest, user: str | None = None) -> dict[str, Any]:
    grant: dict[str, Any] = rest.ok("POST", f"/v1/rooms/{rest.room()}/join", {"userId": user or new_id()})
    return grant


# --- health, figures, description


def test_health(rest: Rest) -> None:
    for path, status in (("/healthz", "ok"), ("/readyz", "ready")):
        answer = rest.call("GET", path, key="")
        assert (answer.status_code, answer.json()["status"]) == (200, status)
    assert rest.ok("GET", "/readyz")["checks"] == {"redis": "ok", "database": "ok"}


def test_a_web_worker_takes_as_many_descriptors_as_there_are(rest: Rest) -> None:
    (worker,) = rest.web.workers
    limits = Path(f"/proc/{worker}/limits").read_text()
    (soft, hard) = re.findall(r"^Max open files +(\d+) +(\d+)", limits, re.MULTILINE)[0]
    assert soft == hard


def test_figures_are_prometheus_text(rest: Rest) -> None:
    rest.ok("GET", "/v1/rooms")
    answer = rest.call("GET", "/metrics", key="")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert re.search(
        r'^tertulia_http_requests_total\{operation="/v1/rooms",status="200"\} \d', answer.text, re.MULTILINE
    )


def test_the_description_and_the_page_to_try_it(rest: Rest) -> None:
    description = rest.ok("GET", "/openapi.json", key="")
    assert description["openapi"] == "3.1.0"
    assert set(description["paths"]["/v1/rooms/{roomId}"]) == {"get", "patch", "delete"}
    page = rest.call("GET", "/docs", key="")
    assert "text/html" in page.headers["content-type"]
    for asset in re.findall(r'(?:href|src)="([^"]+)"', page.text):
        assert asset.startswith("/")
        assert rest.call("GET", asset, key="").status_code == 200


def test_figures_and_docs_may_have_a_listener_of_their_own(start: Start) -> None:
    operator = f"127.0.0.1:{servers.free_port()}"
    with start(operator_listen=operator) as rest:
        for path in ("/metrics", "/docs", "/openapi.json"):
            assert rest.call("GET", path, key="").status_code == 404
            assert httpx.get(f"http://{operator}{path}").status_code == 200
        assert rest.call("GET", "/readyz", key="").status_code == 200


def test_the_page_is_served_for_every_room(rest: Rest) -> None:
    for path in ("/", f"/r/{new_id()}"):
        page = rest.call("GET", path, key="")
        assert page.headers["content-type"].startswith("text/html")
        policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
        assert policy["connect-src"] == f"'self' {rest.web.url.replace('http', 'ws', 1)}"
        assert policy["media-src"] == f"'self' blob: {rest.web.url}"
        assert page.headers["cross-origin-opener-policy"] == "same-origin"
    script = rest.call("GET", "/static/view.js", key="")
    assert script.headers["content-type"].startswith("text/javascript")
    again = rest.call("GET", "/static/view.js", key="", headers={"If-None-Match": script.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


# --- settings


def test_turn_credentials_live_as_long_as_the_token(start: Start) -> None:
    urls = "turn:turn.example.org:3478,turns:turn.example.org:5349?transport=tcp"
    with start(turn_urls=urls, turn_secret="s3cret") as rest:
        user = new_id()
        grant = join(rest, user)
        turn, stun = grant["iceServers"]
        expiry, _, name = turn["username"].partition(":")
        payload = json.loads(base64.urlsafe_b64decode(str(grant["token"]).split(".")[1] + "=="))
        assert (turn["urls"], name, int(expiry)) == (urls.split(","), user, payload["exp"])
        expected = hmac.new(b"s3cret", turn["username"].encode(), hashlib.sha1).digest()
        assert base64.b64decode(turn["credential"]) == expected
        assert stun == {"urls": ["stun:stun.example.org:3478"]}
        assert turn["credential"] not in rest.web.log()


async def test_without_any_the_sfu_nodes_are_the_stun_servers(tmp_path: Path, server_dir: Path) -> None:
    with servers.embedded_valkey(server_dir) as (_, url):
        database = f"sqlite:///{tmp_path / 't.db'}"
        with started(tmp_path, url, database, stun_urls="") as rest:
            room = rest.room()
            answer = rest.call("POST", f"/v1/rooms/{room}/join", {"userId": new_id()})
            problem(answer, 503, "unavailable")
            assert answer.headers["retry-after"]
            redis = await connect_redis(url)
            node = Node(id=NodeId("n"), region="r", ip="192.0.2.7", ports=[40000], load=0, rooms=0, peers=0)
            await sfu_nodes(redis).beat(replace(node, id=NodeId("m"), ports=[40001]), node)
            deadline = time.monotonic() + 10
            while (answer := rest.call("POST", f"/v1/rooms/{room}/join", {"userId": new_id()})).status_code == 503:
                assert time.monotonic() < deadline
            await redis.close()
            assert answer.json()["iceServers"] == [{"urls": ["stun:192.0.2.7:40000"]}]


def test_the_public_address_is_in_every_link(start: Start) -> None:
    with start(public_url="https://meet.example.org") as rest:
        grant = join(rest)
        assert (grant["wsUrl"], grant["hubUrl"]) == ("wss://meet.example.org/ws", "https://meet.example.org/hub")
        room = rest.room()
        invite = rest.ok("POST", f"/v1/rooms/{room}/invites", {"role": "host"}, 201)
        assert invite["url"].startswith("https://meet.example.org/m/")


@pytest.mark.parametrize(("trusted", "scheme"), [("127.0.0.0/8", "wss"), ("192.0.2.0/24", "ws")])
def test_a_proxy_is_believed_only_where_trusted(start: Start, trusted: str, scheme: str) -> None:
    with start(trusted_proxies=trusted) as rest:
        room = rest.room()
        headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.9", "Host": "meet.example.org"}
        grant = rest.ok("POST", f"/v1/rooms/{room}/join", {"userId": new_id()}, headers=headers)
        assert grant["wsUrl"] == f"{scheme}://meet.example.org/ws"


def test_origins(start: Start) -> None:
    with start(cors_origins="https://app.example.org") as rest:
        allowed = {"Origin": "https://app.example.org", "Access-Control-Request-Method": "POST"}
        asked = allowed | {"Access-Control-Request-Headers": "authorization,content-type,idempotency-key"}
        preflight = rest.call("OPTIONS", "/v1/rooms", key="", headers=asked)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == "https://app.example.org"
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert preflight.headers["access-control-allow-headers"] == asked["Access-Control-Request-Headers"]
        for method, key in (("GET", None), ("GET", ""), ("PUT", None)):
            answer = rest.call(method, "/v1/rooms", key=key, headers=allowed)
            assert answer.headers["access-control-allow-origin"] == "https://app.example.org"
            assert "Origin" in answer.headers["vary"]
        other = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        for method in ("OPTIONS", "GET"):
            assert "access-control-allow-origin" not in rest.call(method, "/v1/rooms", headers=other).headers


def test_the_rate_is_limited_by_credential_and_by_address(start: Start) -> None:
    with start(rate_limit="1") as rest:
        answers = [rest.call("GET", f"/v1/rooms/{new_id()}") for _ in range(8)]
        limited = [a for a in answers if a.status_code == 429]
        assert answers[0].status_code == 404
        assert limited
        problem(limited[0], 429, "rate_limited")
        assert int(limited[0].headers["retry-after"]) >= 1
        assert rest.call("GET", "/v1/rooms", key=rest.other_key).status_code == 200
        # Guessing costs the address, and so do those who share it.
        assert [rest.call("GET", "/v1/rooms", key=f"tk_wrong_{n}").status_code for n in range(3)][-1] == 429
        problem(rest.call("GET", "/v1/rooms", key=rest.other_key), 429, "rate_limited")
        assert rest.call("GET", "/healthz", key="").status_code == 200
    # Nothing was made by what was limited.


# --- open development


@pytest.fixture(scope="module")
def open_server(rest_redis: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rest]:
    directory = tmp_path_factory.mktemp("open")
    with started(directory, rest_redis, f"sqlite:///{directory / 't.db'}", open="true") as rest:
        yield rest


def test_open_development_asks_for_nothing(open_server: Rest) -> None:
    host = new_id()
    room = open_server.ok("POST", "/v1/rooms", {"hostId": host}, 201, key="")["roomId"]
    grant = open_server.ok("POST", f"/v1/rooms/{room}/join", {"userId": host}, key="")
    assert grant["token"]
    for origin in (open_server.web.url, "http://localhost:3000"):
        answer = open_server.call("GET", "/v1/rooms", key="", headers={"Origin": origin})
        assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://any.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_without_a_credential_only_pages_of_this_machine_are_answered(
    open_server: Rest, headers: dict[str, str]
) -> None:
    made = open_server.ok("POST", "/v1/rooms", {"hostId": new_id()}, 201, key="")
    for method, path in (("GET", "/v1/rooms"), ("POST", f"/v1/rooms/{made['roomId']}/end")):
        answer = open_server.call(method, path, key="", headers=headers)
        problem(answer, 403, "forbidden")
        assert "access-control-allow-origin" not in answer.headers


def test_open_development_answers_pages_of_any_site_that_have_a_credential(open_server: Rest) -> None:
    host = new_id()
    room = open_server.ok("POST", "/v1/rooms", {"hostId": host}, 201, key="")
    page = {"Origin": "https://app.example"}
    answer = open_server.call("GET", f"/v1/rooms/{room['roomId']}", key=room["joinToken"], headers=page)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://app.example")
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = open_server.call("OPTIONS", "/v1/rooms", key="", headers=page | asked)
    assert (preflight.status_code, preflight.headers["access-control-allow-headers"]) == (204, "authorization")
    problem(open_server.call("GET", "/v1/rooms", key="tk_wrong", headers=page), 401, "unauthorized")
    for path in ("/metrics", "/openapi.json"):
        answer = open_server.call("GET", path, key="tk_any", headers=page)
        assert "access-control-allow-origin" not in answer.headers, "what needs no credential is not shown for one"
    negotiated = open_server.call("POST", "/hub/negotiate", key="", headers=page)
    assert (negotiated.status_code, negotiated.headers["access-control-allow-origin"]) == (200, "https://app.example")
    address = open_server.web.url.replace("http", "ws", 1) + "/ws"
    with connect(address, origin=Origin("https://app.example")) as socket:
        payload = {"roomId": room["roomId"], "token": "forged"}
        socket.send(json.dumps({"event": "JoinRoom", "payload": payload}))
        assert '"bad_token"' in str(socket.recv())


def test_a_credential_that_is_sent_is_checked_all_the_same(open_server: Rest) -> None:
    open_server.refused("GET", "/v1/rooms", key="tk_wrong", status=401, code="unauthorized")
    room = open_server.ok("POST", "/v1/rooms", {"hostId": new_id()}, 201, key="")["roomId"]
    open_server.refused("GET", f"/v1/rooms/{room}", key=open_server.key, status=404, code="not_found")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "192.168.0.1", "localhost.evil.example", "127.0.0.1.evil.example"]
)
def test_pages_that_rebind_a_name_to_us_are_not_served(open_server: Rest, host: str) -> None:
    open_server.refused("GET", "/v1/rooms", key="", headers={"Host": host}, status=401, code="unauthorized")


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8080"])
def test_any_loopback_name_will_do(open_server: Rest, host: str) -> None:
    assert open_server.call("GET", "/v1/rooms", key="", headers={"Host": host}).status_code == 200


def test_open_is_refused_beyond_loopback(tmp_path: Path) -> None:
    settings = {"TERTULIA_OPEN": "true", "TERTULIA_HOST": "0.0.0.0", "TERTULIA_REDIS_URL": "redis://127.0.0.1:1"}
    with servers.command("open", tmp_path, "web", settings=settings) as server:
        assert server.wait() == 2
        assert server.log().startswith("tertulia: TERTULIA_OPEN lets anyone in")


# --- parts that are away


def test_redis_goes_away_and_comes_back(tmp_path: Path, server_dir: Path) -> None:
    port = servers.free_port()
    database = f"sqlite:///{tmp_path / 't.db'}"
    with servers.embedded_valkey(server_dir, port) as (valkey, url), started(tmp_path, url, database) as rest:
        room, token = rest.room(), rest.token(rest.room())
        valkey.kill()
        answer = rest.call("POST", f"/v1/rooms/{room}/join", {"userId": new_id()})
        problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "2"
        ready = rest.call("GET", "/readyz")
        assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "ok")
        assert ready.json()["checks"]["redis"] != "ok"
        assert rest.call("GET", "/healthz").status_code == 200
        assert rest.call("GET", f"/v1/rooms/{room}").status_code == 200
        assert rest.call("GET", f"/v1/rooms/{room}", key=token).status_code == 503
        with servers.embedded_valkey(server_dir, port):
            rest.web.server.wait_until(lambda: servers.answers(f"{rest.web.url}/readyz"))
            assert rest.call("POST", f"/v1/rooms/{room}/join", {"userId": new_id()}).status_code == 200


@pytest.mark.parametrize("taken", ["database", "redis"])
def test_what_is_missing_at_the_start_is_said_in_one_line(tmp_path: Path, rest_redis: str, taken: str) -> None:
    settings = {"TERTULIA_REDIS_URL": rest_redis, "TERTULIA_DATABASE_URL": f"sqlite:///{tmp_path / 't.db'}"}
    del settings[f"TERTULIA_{taken.upper()}_URL"]
    if taken == "redis":
        run_command(settings, "migrate")
    with servers.command("web", tmp_path, "web", settings=settings) as server:
        assert server.wait() == 2
        assert f"TERTULIA_{taken.upper()}_URL is not set" in server.log()
        assert server.log().count("\n") == 1


def test_an_old_schema_is_said_in_one_line(tmp_path: Path, rest_redis: str) -> None:
    settings = {"TERTULIA_REDIS_URL": rest_redis, "TERTULIA_DATABASE_URL": f"sqlite:///{tmp_path / 't.db'}"}
    with servers.command("web", tmp_path, "web", settings=settings) as server:
        assert server.wait() == 2
        why = f"the database has no schema, needs {HEAD}: run `tertulia migrate`"
        assert server.log() == f"tertulia: web 1 could not start: {why}\n"


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_in_use_is_said_in_one_line(tmp_path: Path, rest: Rest, workers: str) -> None:
    argv = ("web", "--workers", workers, "--port", str(rest.web.port))
    with servers.command("web", tmp_path, *argv, settings=rest.settings) as server:
        assert server.wait() == 2
        start = f"tertulia: cannot listen on 127.0.0.1 port {rest.web.port} (Address already in use): stop what listens"
        assert server.log().startswith(start)
        assert len(server.log().splitlines()) == 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_that_several_workers_share_is_in_use_too(tmp_path: Path, rest: Rest, workers: str) -> None:
    with servers.tertulia_web(tmp_path, "--workers", "2", settings=rest.settings) as web:
        argv = ("web", "--workers", workers, "--port", str(web.port))
        with servers.command("second web", tmp_path, *argv, settings=rest.settings) as server:
            assert server.wait() == 2
            assert "(Address already in use)" in server.log()


# --- several workers


def test_the_supervisor_of_several_workers_shows_its_own_that_it_turns(rest: Rest) -> None:
    shown, theirs = os.pipe()
    env = servers.tertulia_env(rest.settings | {"TERTULIA_PORT": str(servers.free_port())})
    argv = servers.tertulia_argv("web", "--workers", "2")
    try:
        process = spawn(argv, env=env | {pulse.VARIABLE: str(theirs)}, output=subprocess.DEVNULL, keep=(theirs,))
        try:
            assert select.select([shown], [], [], 60.0)[0]
        finally:
            process.terminate()
            process.wait(30)
    finally:
        os.close(theirs)
        os.close(shown)


@contextmanager
def workers(directory: Path, redis: str, count: int, environment: dict[str, str] | None = None) -> Iterator[Rest]:
    database = f"sqlite:///{directory / 't.db'}"
    with started(directory, redis, database, environment=environment, workers=str(count)) as rest:
        rest.web.server.wait_until(lambda: rest.web.log().count('"web worker runs"') == count)
        yield rest


@pytest.mark.parametrize(("key", "warnings"), [("", 1), ("4d" * 32, 0)])
def test_without_a_master_key_it_warns(tmp_path: Path, rest_redis: str, key: str, warnings: int) -> None:
    with workers(tmp_path, rest_redis, 1, {"TERTULIA_MASTER_KEY": key} if key else None) as rest:
        assert rest.web.server.stop() == 0
        assert rest.web.log().count("set TERTULIA_MASTER_KEY_FILE") == warnings


@contextmanager
def systemd(directory: Path) -> Iterator[tuple[socket.socket, dict[str, str]]]:
    """What hears a service's notifications, and the environment that names it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(directory / "notify"))
        heard.settimeout(START_SECONDS)
        yield heard, {"NOTIFY_SOCKET": str(directory / "notify"), "WATCHDOG_USEC": "1000000"}


def test_systemd_hears_that_a_worker_serves(tmp_path: Path, rest_redis: str) -> None:
    with systemd(tmp_path) as (heard, env):
        settings = {"TERTULIA_REDIS_URL": rest_redis, "TERTULIA_DATABASE_URL": f"sqlite:///{tmp_path / 't.db'}"}
        run_command(settings, "migrate")
        port = servers.free_port()
        with servers.command("web", tmp_path, "web", "--port", str(port), settings=settings | env):
            assert heard.recv(100) == b"READY=1"
            assert servers.answers(f"http://127.0.0.1:{port}/readyz")
            assert heard.recv(100) == b"WATCHDOG=1"


def test_workers_share_a_port_and_their_figures(tmp_path: Path, rest_redis: str) -> None:
    with systemd(tmp_path) as (heard, env), workers(tmp_path, rest_redis, 2, env) as rest:
        assert heard.recv(100) == b"READY=1"
        assert heard.recv(100) == b"WATCHDOG=1"
        assert len(rest.web.workers) == 2
        for _ in range(20):
            with httpx.Client(base_url=rest.web.url) as fresh:
                assert fresh.get("/v1/rooms", headers={"Authorization": f"Bearer {rest.key}"}).status_code == 200
        figures = rest.call("GET", "/metrics", key="").text
        (counted,) = re.findall(
            r'^tertulia_http_requests_total\{operation="/v1/rooms",status="200"\} (\S+)', figures, re.MULTILINE
        )
        assert float(counted) == 20
        room = rest.room()
        with rest.meeting(room, new_id(), new_id(), new_id()):
            assert len(rest.ok("GET", f"/v1/rooms/{room}/participants")) == 3
            rest.ok("POST", f"/v1/rooms/{room}/end", status=204)


def connections(rest: Rest) -> float:
    (found,) = re.findall(r"^tertulia_hub_connections (\S+)", rest.call("GET", "/metrics", key="").text, re.MULTILINE)
    return float(found)


def lives(client: ClientConnection) -> bool:
    try:
        return hub_call(client, "KeepAlive")["error"]["code"] == "not_joined"  # type: ignore[no-any-return]
    except ConnectionClosed:
        return False


def test_a_worker_that_crashes_is_started_again(tmp_path: Path, rest_redis: str) -> None:
    patient = {"TERTULIA_JOIN_TIMEOUT_SECONDS": "300"}  # those who have not joined outlast the start of a worker
    with workers(tmp_path, rest_redis, 2, patient) as rest, ExitStack() as stack:
        before = rest.web.workers
        sockets = [stack.enter_context(connect(rest.web.ws_url)) for _ in range(6)]
        assert connections(rest) == 6
        os.kill(min(before), signal.SIGKILL)
        rest.web.server.wait_until(lambda: len(rest.web.workers - before) == 1 and len(rest.web.workers) == 2)
        rest.web.server.wait_until(lambda: rest.web.log().count('"web worker runs"') == 3)
        assert rest.call("GET", "/v1/rooms").status_code == 200
        assert connections(rest) == sum(lives(client) for client in sockets)
        descriptors = [os.pidfd_open(pid) for pid in rest.web.workers]
        rest.web.server.kill()
        assert servers.all_end(descriptors)


def test_sigterm_lets_everyone_know_and_ends(start: Start) -> None:
    with start() as rest:
        room = rest.room()
        with connect(rest.web.ws_url, close_timeout=5) as client:
            hub_call(client, "JoinRoom", {"roomId": room, "token": rest.token(room)})
            rest.web.server.signal(signal.SIGTERM)
            with pytest.raises(Exception, match="1012"):
                while True:
                    client.recv(timeout=10)
        assert rest.web.server.wait() == 0
