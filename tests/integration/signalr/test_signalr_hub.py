"""The product's hub and unmodified npm clients: two workers behind one port, so that requests land on either."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from tertulia.db.engine import Database
from tertulia.db.keyring import Keyring
from tertulia.db.signing_keys import SigningKeys
from tertulia.signalr.encoding import HubProtocol
from tertulia.signalr.handshake import JSON, MESSAGEPACK
from tertulia.signalr.messages import Close, Sequence
from tertulia.signalr.tokens import Claims, Tokens
from tertulia.sockets.signalr.site import PURPOSE
from tests.integration import servers
from tests.integration.hub import harness
from tests.integration.hub.harness import PlainClient
from tests.integration.signalr.npm import ANSWER, Json, NpmClient, driven
from tests.integration.signalr.proxy import proxied
from tests.integration.signalr.test_signalr_npm import PAIRS, pairs


class Site:
    """A running product."""

    def __init__(self, tertulia: servers.Tertulia, node: str) -> None:
        self.tertulia = tertulia
        self.url = tertulia.url
        self.hub = f"{tertulia.url}/hub"
        self._node = node

    async def post(self, path: str, body: Json) -> Json:
        async with httpx.AsyncClient(timeout=ANSWER) as client:
            answer = await client.post(f"{self.url}{path}", json=body)
            assert answer.is_success, answer.text
            result: Json = answer.json()
            return result

    async def room(self, **settings: Any) -> str:
        made = await self.post("/v1/rooms", {"hostId": str(uuid.uuid4()), "settings": {"topology": "p2p", **settings}})
        return str(made["roomId"])

    async def ticket(self, room: str, user: str | None = None, name: str = "Ann") -> tuple[str, Json]:
        """A user, and what they say in JoinRoom."""
        user = user or str(uuid.uuid4())
        grant = await self.post(f"/v1/rooms/{room}/join", {"userId": user, "displayName": name})
        return user, {"roomId": room, "token": grant["token"]}

    def client(
        self, transport: str = "WebSockets", protocol: str = "json", *, via: int | None = None, **more: Any
    ) -> AbstractAsyncContextManager[NpmClient]:
        """An npm client; ``via``: through a proxy at that port."""
        hub = self.hub if via is None else f"http://127.0.0.1:{via}/hub"
        return driven(self._node, hub, transport, protocol, **more)

    @contextlib.asynccontextmanager
    async def plain(self) -> AsyncIterator[PlainClient]:
        socket = await connect(self.tertulia.ws_url, compression=None, ping_interval=None)
        client = PlainClient(socket)
        try:
            yield client
        finally:
            await client.close()


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('database')}/test.db"
    asyncio.run(harness.migrated(url))
    return url


@pytest.fixture(scope="module")
def site(
    valkey_server: tuple[Any, str], database: str, tmp_path_factory: pytest.TempPathFactory, node: str
) -> Iterator[Site]:
    directory: Path = tmp_path_factory.mktemp("web")
    settings = {
        "TERTULIA_REDIS_URL": valkey_server[1],
        "TERTULIA_DATABASE_URL": database,
        "TERTULIA_OPEN": "true",
        "TERTULIA_KEEP_ALIVE_SECONDS": "60",
        "TERTULIA_JOIN_TIMEOUT_SECONDS": "300",  # who is connected waits until the others are, too: each is a process
        "TERTULIA_STUN_URLS": "stun:127.0.0.1:3478",
    }
    with servers.tertulia_web(directory, "--workers", "2", settings=settings) as tertulia:
        yield Site(tertulia, node)


async def joined(client: NpmClient, site: Site, room: str, name: str = "Ann") -> tuple[str, Json]:
    user, ticket = await site.ticket(room, name=name)
    return user, await client.call("JoinRoom", ticket)


@pairs
async def test_a_meeting_over_every_transport(site: Site, transport: str, protocol: str) -> None:
    room = await site.room()
    async with site.client(transport, protocol) as ann, site.client(transport, protocol) as bob, site.plain() as eve:
        ann_id, result = await joined(ann, site, room, "Ann")
        assert result["participants"] == []
        assert result["keepAliveSeconds"] == 60
        bob_id, result = await joined(bob, site, room, "Bob")
        assert [p["displayName"] for p in result["participants"]] == ["Ann"]
        assert (await ann.event("ParticipantJoined", userId=bob_id))["displayName"] == "Bob"
        eve_id, ticket = await site.ticket(room, name="Eve")
        result = await eve.call("JoinRoom", ticket)
        assert {p["userId"] for p in result["participants"]} == {ann_id, bob_id}
        await bob.event("ParticipantJoined", userId=eve_id)

        await ann.call("SendOffer", {"targetUserId": bob_id, "sdp": "v=0 é"})
        assert await bob.event("ReceiveOffer") == {"sourceUserId": ann_id, "sdp": "v=0 é"}
        await bob.call("sendanswer", {"targetUserId": eve_id, "sdp": "v=0"})
        assert await eve.event("ReceiveAnswer") == {"sourceUserId": bob_id, "sdp": "v=0"}
        candidate = {"candidate": "candidate:1", "sdpMid": "0", "sdpMLineIndex": 0}
        await eve.call("SendIceCandidate", {"targetUserId": ann_id, "candidate": candidate})
        assert await ann.event("IceCandidate") == {"sourceUserId": eve_id, "candidate": candidate}

        assert await bob.call("UpdateState", {"isMuted": True}) == {}
        for client in (ann, bob, eve):
            assert await client.event("StateChanged", userId=bob_id) == {
                "userId": bob_id,
                "isMuted": True,
                "isVideoOn": False,
            }
        assert await ann.call("KeepAlive") == {}
        assert await ann.call("KeepAlive", {}) == {}
        assert await ann.call("LeaveRoom") == {}
        assert (await bob.event("ParticipantLeft", userId=ann_id))["reason"] == "left"
        await bob.stop()
        assert (await eve.event("ParticipantLeft", userId=bob_id))["reason"] == "closed"


@pairs
async def test_the_words_of_refusals(site: Site, transport: str, protocol: str) -> None:
    room = await site.room(maxParticipants=1)

    def words(target: str, code: str) -> str:
        return f"An unexpected error occurred invoking '{target}' on the server. HubException: {code}: "

    async with site.client(transport, protocol) as ann, site.client(transport, protocol) as bob:
        assert (await ann.refused("UpdateState", {})).startswith(words("UpdateState", "not_joined"))
        assert (await ann.refused("JoinRoom", {"roomId": room})).startswith(words("JoinRoom", "invalid") + "token: ")
        assert (await ann.refused("JoinRoom", {"roomId": room, "token": "x"})).startswith(
            words("JoinRoom", "bad_token")
        )
        assert (await ann.refused("JoinRoom")).startswith(words("JoinRoom", "invalid"))
        assert (await ann.refused("KeepAlive", 1, 2)).startswith(words("KeepAlive", "malformed"))
        assert await ann.refused("Missing") == "Unknown hub method"
        await joined(ann, site, room)
        _, ticket = await site.ticket(await site.room())
        assert (await ann.refused("JoinRoom", ticket)).startswith(words("JoinRoom", "already_joined"))
        grant = await site.post(f"/v1/rooms/{await site.room()}/join", {"userId": str(uuid.uuid4())})
        assert (await bob.refused("JoinRoom", {"roomId": room, "token": grant["token"]})).startswith(
            words("JoinRoom", "bad_token")
        )
        assert (await ann.refused("SendOffer", {"targetUserId": "nobody", "sdp": ""})).startswith(
            words("SendOffer", "unknown_target")
        )
        deep: Any = "x"
        for _ in range(40):
            deep = {"a": deep}
        assert (await ann.refused("SendIceCandidate", {"targetUserId": "x", "candidate": deep})).startswith(
            words("SendIceCandidate", "malformed")
        )
        assert (await ann.refused("SendChat", {"text": "\0"})).startswith(words("SendChat", "invalid") + "text: ")
        assert await ann.call("KeepAlive") == {}


@pairs
async def test_the_same_user_again(site: Site, transport: str, protocol: str) -> None:
    room = await site.room()
    _user, ticket = await site.ticket(room)
    async with site.client(transport, protocol, reconnects=True) as first, site.client(transport, protocol) as second:
        await first.call("JoinRoom", ticket)
        await second.call("JoinRoom", ticket)
        await first.event("Replaced")
        text = await first.closed()
        assert text == "Server returned an error on close: the same user joined from another connection"
        assert not [said for said in first.said if "reconnecting" in said]
        assert await second.call("KeepAlive") == {}


async def test_the_end_of_a_meeting_is_final(site: Site) -> None:
    room = await site.room()
    async with site.client(reconnects=True) as ann, site.client("LongPolling", reconnects=True) as bob:
        await joined(ann, site, room)
        await joined(bob, site, room)
        async with httpx.AsyncClient() as client:
            assert (await client.post(f"{site.url}/v1/rooms/{room}/end")).status_code == 204
        for one in (ann, bob):
            await one.event("RoomEnded")
            assert await one.closed() == "Server returned an error on close: the meeting is over"


@pytest.mark.parametrize(("transport", "protocol"), PAIRS)
async def test_a_lost_client_returns_to_its_seat(site: Site, transport: str, protocol: str) -> None:
    room = await site.room()
    _user, ticket = await site.ticket(room, name="Ann")
    async with site.client() as bob:
        await joined(bob, site, room, "Bob")
        async with site.client(transport, protocol) as ann:
            before = await ann.call("JoinRoom", ticket)
            ann.kill()
        async with site.client(transport, protocol) as ann:
            after = await ann.call("JoinRoom", {**ticket, "resumeToken": before["resumeToken"]})
            assert [p["displayName"] for p in after["participants"]] == ["Bob"]
            await bob.call("UpdateState", {"isVideoOn": True})
            await ann.event("StateChanged", isVideoOn=True)
        await bob.event("ParticipantJoined", displayName="Ann")
        assert len(bob.named("ParticipantJoined")) == 1
        assert bob.named("ParticipantLeft") == []


@pytest.mark.parametrize(("transport", "protocol"), PAIRS)
async def test_who_says_what_came_gets_exactly_the_rest(site: Site, transport: str, protocol: str) -> None:
    """Each connection lands on one of two workers by chance."""
    room = await site.room()
    _user, ticket = await site.ticket(room, name="Ann")
    async with site.client() as bob:
        await joined(bob, site, room, "Bob")
        async with site.client(transport, protocol) as ann:
            before = await ann.call("JoinRoom", ticket)
            for text in ("one", "two", "three"):
                await bob.call("SendChat", {"text": text})
                await ann.event("ChatMessage", text=text)
            await ann.call("KeepAlive", {"received": 1})
            ann.kill()
        await bob.call("SendChat", {"text": "four"})
        back = {**ticket, "resumeToken": before["resumeToken"], "received": 2}
        async with site.client(transport, protocol) as ann:
            result = await ann.call("JoinRoom", back)
            await bob.call("SendChat", {"text": "end"})
            await ann.event("ChatMessage", text="end")
            assert [p["text"] for p in ann.named("ChatMessage")] == ["three", "four", "end"]
            assert "missed" not in result


@pytest.mark.parametrize("protocol", ["json", "messagepack"])
async def test_stateful_reconnect_to_either_worker(site: Site, protocol: str) -> None:
    """Each socket lands on one of two workers by chance; with three clients and four cuts, both kinds come up."""
    room = await site.room()
    async with proxied(site.tertulia.port) as proxy, contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        clients = [await enter(site.client(protocol=protocol, stateful=True, via=proxy.port)) for _ in range(3)]
        talker = await enter(site.client())
        await joined(talker, site, room, "Talker")
        for client in clients:
            await joined(client, site, room)
        texts = [f"message {number}" for number in range(100)]
        for number, text in enumerate(texts):
            await talker.call("SendChat", {"text": text})
            if number % 25 == 10:
                assert proxy.cut() >= 3
                for client in clients:
                    client.post("UpdateState", {"isMuted": number % 2 == 0, "isVideoOn": True})
                    assert await client.call("KeepAlive") == {}
        for client in clients:
            await client.event("ChatMessage", text=texts[-1])
            assert [chat["text"] for chat in client.named("ChatMessage")] == texts
            assert not [said for said in client.said if "reconnecting" in said or "closed" in said]
        assert talker.named("ParticipantLeft") == []


async def test_a_stateful_client_whose_connection_is_gone_begins_anew(site: Site) -> None:
    """The connection ended while the client had no socket; wherever the replacement lands, it hears of that."""
    room = await site.room()
    _user, ticket = await site.ticket(room)
    for _ in range(4):
        async with (
            proxied(site.tertulia.port) as proxy,
            site.client(stateful=True, reconnects=True, via=proxy.port) as client,
            site.client() as other,
        ):
            await client.call("JoinRoom", ticket)
            async with proxy.closed():
                proxy.cut()
                await other.call("JoinRoom", ticket)
            await client.until(lambda said: "reconnected" in said)
            await client.call("JoinRoom", ticket)
            await client.stop()


@pairs
async def test_a_message_beyond_the_bound_ends_the_connection(site: Site, transport: str, protocol: str) -> None:
    room = await site.room()
    async with site.client(transport, protocol) as ann, site.client() as bob:
        await joined(bob, site, room, "Bob")
        ann_id, _ = await joined(ann, site, room)
        await bob.event("ParticipantJoined", userId=ann_id)
        ann.post("SendChat", {"text": "x" * 300_000})
        assert await ann.closed() == "Server returned an error on close: Connection closed with an error."
        await bob.call("SendOffer", {"targetUserId": ann_id, "sdp": "v=0\r\n" + "x" * 199_000})
        assert bob.named("ParticipantLeft") == [], "the seat is kept"


@pairs
async def test_a_credential_that_is_sent_is_checked(site: Site, transport: str, protocol: str) -> None:
    room = await site.room()
    user, ticket = await site.ticket(room)
    async with site.client(transport, protocol, token=ticket["token"]) as client:
        assert (await client.call("JoinRoom", ticket))["userId"] == user
    with pytest.raises(AssertionError, match="401"):
        async with site.client(transport, protocol, token=ticket["token"][:-4] + "AAAA"):
            pass


@pytest.mark.parametrize("credential", ["tk_wrong", "a.b.c", "x"])
async def test_a_wrong_credential_without_negotiation(site: Site, credential: str) -> None:
    with pytest.raises(AssertionError, match="error"):
        async with site.client(token=credential, skipNegotiation=True):
            pass


async def test_no_secret_reaches_the_log(site: Site) -> None:
    room = await site.room()
    _, ticket = await site.ticket(room)
    for transport, protocol in PAIRS:
        async with site.client(transport, protocol, token=ticket["token"]) as client:
            await client.call("JoinRoom", ticket)
    with pytest.raises(AssertionError, match="401"):
        async with site.client(token="a-secret-that-is-wrong"):
            pass
    log = site.tertulia.log()
    assert ticket["token"] not in log
    assert "a-secret-that-is-wrong" not in log
    assert "access_token" not in log
    assert "id=hub_" not in log


async def token_of_a_worker_that_is_gone(database: str, *, stateful: bool) -> str:
    engine = Database(database)
    keyring = Keyring(SigningKeys(engine, None))
    await keyring.start()
    try:
        claims = Claims("hub_gone", "connection", int(time.time()), stateful)
        return Tokens(lambda: keyring.tokens.derived(PURPOSE)).issue(claims)
    finally:
        await keyring.stop()
        await engine.close()


@pytest.mark.parametrize("protocol", [JSON, MESSAGEPACK])
async def test_a_stateful_client_of_a_worker_that_is_gone_is_told_to_begin_anew(
    site: Site, database: str, protocol: HubProtocol
) -> None:
    token = await token_of_a_worker_that_is_gone(database, stateful=True)
    async with connect(f"{site.tertulia.ws_url.removesuffix('/ws')}/hub?id={token}", ping_interval=None) as ws:
        frame = protocol.encode(Sequence(5))
        await ws.send(frame if protocol.binary else frame.decode())
        said = await asyncio.wait_for(ws.recv(), 10)
        data = said if isinstance(said, bytes) else said.encode()
        messages = [protocol.decode(payload) for payload in protocol.framer(1000).feed(data)]
        assert messages == [Sequence(1), Close("The connection is no longer there.", allow_reconnect=True)]
        await asyncio.wait_for(ws.wait_closed(), 10)
        assert ws.close_code == 1012


async def test_a_client_that_shakes_hands_with_a_worker_that_is_gone(site: Site, database: str) -> None:
    token = await token_of_a_worker_that_is_gone(database, stateful=True)
    async with connect(f"{site.tertulia.ws_url.removesuffix('/ws')}/hub?id={token}", ping_interval=None) as ws:
        await ws.send('{"protocol":"json","version":2}\x1e')
        assert "no longer there" in str(await asyncio.wait_for(ws.recv(), 10))


async def test_requests_for_a_worker_that_is_gone(site: Site, database: str) -> None:
    token = await token_of_a_worker_that_is_gone(database, stateful=False)
    async with httpx.AsyncClient() as client:
        for method in ("GET", "POST", "DELETE"):
            answer = await client.request(method, f"{site.hub}?id={token}")
            assert (answer.status_code, answer.text) == (404, "No Connection with that ID")
    async with connect(f"{site.tertulia.ws_url.removesuffix('/ws')}/hub?id={token}", ping_interval=None) as ws:
        await ws.send('{"protocol":"json","version":1}\x1e')
        assert await asyncio.wait_for(ws.recv(), 10) == "{}\x1e", "a plain WebSocket may begin anywhere"
