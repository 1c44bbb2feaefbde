"""Real hubs for tests: workers (each a hub and uvicorn) in this process, on one real Redis and one database; clients
over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tertulia import times
from tertulia.contract.settings import Settings
from tertulia.db import migrate
from tertulia.db.access import Access, NewKey
from tertulia.db.admissions import Admissions
from tertulia.db.audit import Audit
from tertulia.db.audit_queue import AuditQueue
from tertulia.db.directory import Directory
from tertulia.db.engine import Database
from tertulia.db.invites import Invites
from tertulia.db.keyring import Keyring
from tertulia.db.models import Invite
from tertulia.db.recordings import Recordings
from tertulia.db.sign_ins import SignIns
from tertulia.db.signing_keys import SigningKeys
from tertulia.guesses import Guesses
from tertulia.hub.client import Client
from tertulia.hub.hub import Hub
from tertulia.ids import HubId, NodeId, RoomId, TenantId, UserId, new_token, new_uuid
from tertulia.limits import SharedLimit
from tertulia.redis.channels import Channels
from tertulia.redis.client import Redis
from tertulia.rest.callers import Callers
from tertulia.rest.codes import Codes
from tertulia.room import commands, messages
from tertulia.room.messages import EventMessage
from tertulia.room.placement import Node
from tertulia.room.quotas import Quotas
from tertulia.room.settings import HubSettings
from tertulia.senders import Origins
from tertulia.sockets.lobby import Lobby
from tertulia.sockets.plain import socket as plain
from tertulia.sockets.signalr.mark import PURPOSE, Marks
from tertulia.sockets.signalr.other_workers import PURPOSE as SEAL
from tertulia.sockets.signalr.other_workers import OtherWorkers, sealed
from tertulia.sockets.signalr.site import PATH, SignalRSite
from tertulia.sockets.websocket import protocol_class
from tertulia.state import keys
from tertulia.state.connection import connect_redis
from tertulia.state.limits import SharedBuckets
from tertulia.state.registry import BEAT_SECONDS, Registry, sfu_nodes, web_workers
from tertulia.state.rooms import RoomState, room_ttl_ms
from tertulia.state.seats import TenantSeats
from tertulia.tokens import Admission, InviteClaims

Json = dict[str, Any]
ANSWER = 10.0
"""Seconds: a busy machine answers in milliseconds; this is what "hangs" means."""
MAX_MESSAGE = 256 * 1024
SETTINGS = HubSettings(keep_alive=30, blip=0.2, handover=1, arrives_within=0)
"""No clock strikes during a test unless the test sets it."""


class CallRefused(Exception):
    def __init__(self, error: Json) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: str = error["code"]
        self.field: str | None = error.get("field")
        self.reason: str | None = error.get("reason")


class PlainClient:
    """A client of the plain dialect. ``events`` are in the order in which they came."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.frames: list[Json] = []
        """Everything received."""
        self.result: Json = {}
        """JoinRoom's."""
        self._ids = itertools.count(1)
        self._seen = 0
        self._arrived = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    @property
    def events(self) -> list[tuple[str, Json]]:
        return [(f["event"], f["payload"]) for f in self.frames if "event" in f]

    @property
    def received(self) -> int:
        """How many events have come since JoinRoom's result, as a client counts them."""
        result = next(i for i, frame in enumerate(self.frames) if frame.get("result") == self.result)
        return sum("event" in frame for frame in self.frames[result:])

    def named(self, name: str) -> list[Json]:
        return [payload for event, payload in self.events if event == name]

    async def send(self, frame: object) -> None:
        await self.socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))

    def post(self, event: str, payload: object = None, **more: Any) -> Any:
        """Send a call without waiting for its answer; awaited only for the socket to take it."""
        return self.send({"event": event, "payload": payload, **more})

    async def call(self, event: str, payload: object = None) -> Json:
        """Call and give the result. Raises CallRefused."""
        number = next(self._ids)
        await self.post(event, payload, id=number)
        return await self.answer(number)

    async def answer(self, number: object) -> Json:
        frame = await self.frame(lambda f: "replyTo" in f and f["replyTo"] == number)
        if "error" in frame:
            raise CallRefused(frame["error"])
        result: Json = frame["result"]
        return result

    async def frame(self, matches: Any, within: float = ANSWER) -> Json:
        """The first frame, past or to come, that ``matches``; ``within`` so many seconds."""
        async with asyncio.timeout(within), self._arrived:
            while True:
                for frame in self.frames:
                    if matches(frame):
                        return frame
                if self._reader.done():
                    raise AssertionError(f"closed ({self.socket.close_code}) before that came; got {self.frames}")
                await self._arrived.wait()

    async def event(self, name: str, **fields: Any) -> Json:
        """The first event of that name, past or to come, whose payload has these fields."""
        frame = await self.frame(
            lambda f: f.get("event") == name and all(f["payload"].get(k) == v for k, v in fields.items())
        )
        payload: Json = frame["payload"]
        return payload

    async def refused(self, event: str, payload: object = None) -> str:
        """The code of the error that the call gets."""
        try:
            result = await self.call(event, payload)
        except CallRefused as e:
            return e.code
        raise AssertionError(f"{event} was not refused: {result}")

    async def fence(self) -> None:
        """Wait until the hub has handled everything sent so far, and all it said until then is here."""
        number = f"fence-{next(self._ids)}"
        await self.post("NoSuchCall", id=number)
        await self.frame(lambda f: f.get("replyTo") == number)

    async def closed(self) -> int | None:
        """Wait for the end; the close code."""
        await asyncio.wait_for(asyncio.shield(self._reader), ANSWER)
        return self.socket.close_code

    async def close(self, code: int = 1000) -> None:
        await self.socket.close(code)
        await self._reader

    async def cut(self) -> None:
        """The TCP connection breaks, without a close frame."""
        self.socket.transport.abort()
        await self.socket.wait_closed()
        await self._reader

    async def hang_up(self) -> None:
        """End the TCP connection without a close frame, from this side; what the hub has written still arrives."""
        self.socket.transport.write_eof()
        await self._reader

    def _frames_in(self, message: str | bytes) -> list[Json]:
        return [json.loads(message)]

    async def _read(self) -> None:
        try:
            async for message in self.socket:
                async with self._arrived:
                    self.frames += self._frames_in(message)
                    self._arrived.notify_all()
        except ConnectionClosed:
            pass
        finally:
            async with self._arrived:
                self._arrived.notify_all()


def _port(server: uvicorn.Server) -> int:
    return int(server.servers[0].sockets[0].getsockname()[1])


class WatchedHub(Hub):
    """A hub that shows which clients the transports gave it."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.clients: list[Client] = []

    def connected(self, client: Client) -> None:
        self.clients.append(client)
        super().connected(client)


class Worker:
    """One web worker: a hub and a server."""

    def __init__(
        self,
        hub: WatchedHub,
        server: uvicorn.Server,
        internal: uvicorn.Server,
        redis: Redis,
        channels: Channels,
        rooms: RoomState,
    ) -> None:
        self.hub = hub
        self.server = server
        self.internal = internal
        self.redis = redis
        self.channels = channels
        self.rooms = rooms
        """What the hub changes rooms by: a test may slow it down."""

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{_port(self.server)}"

    @property
    def internal_url(self) -> str:
        """Where other workers reach it."""
        return f"http://127.0.0.1:{_port(self.internal)}"

    async def die(self) -> None:
        """It neither says nor hears anything in Redis any more, like a process that was killed."""
        await self.channels.close()
        await self.redis.close()

    async def connect(self, **options: Any) -> PlainClient:
        usual: Any = {"compression": None, "ping_interval": None, "max_size": None}
        return PlainClient(await connect(f"{self.url}/ws", **(usual | options)))


class FakeNode:
    """An SFU node's registration and channel, without media: shows what the hubs tell it."""

    def __init__(self, node: Node, channels: Channels) -> None:
        self.node = node
        self.commands: list[commands.Command] = []
        self._channels = channels
        self._arrived = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    def on_message(self, data: bytes) -> None:
        self.commands.append(commands.decode(data))
        task = asyncio.ensure_future(self._notify())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _notify(self) -> None:
        async with self._arrived:
            self._arrived.notify_all()

    async def command(self, kind: type[Any], **fields: Any) -> Any:
        """The first command of that kind with these fields, past or to come."""
        async with asyncio.timeout(ANSWER), self._arrived:
            while True:
                for command in self.commands:
                    if isinstance(command, kind) and all(getattr(command, k) == v for k, v in fields.items()):
                        return command
                await self._arrived.wait()

    def tell(self, room: str, event: str, payload: Json, *, to: Any = None, seat: Any = None) -> None:
        """Publish an event as a node does."""
        raw = msgspec.Raw(msgspec.json.encode(payload))
        message = EventMessage(origin=self.node.id, event=event, payload=raw, to=to, seat=seat)
        self._channels.publish(keys.room_events(RoomId(room)), messages.encode(message))


class Fleet:
    """Workers on one Redis and one database, with a tenant and rooms."""

    def __init__(self, redis_url: str, database: Database, keyring: Keyring, tenant: str, redis: Redis) -> None:
        self.redis_url = redis_url
        self.redis = redis
        self.directory = Directory(database)
        self.recordings = Recordings(database)
        self.audit = Audit(database)
        self.admissions = Admissions(database)
        self.invites = Invites(database)
        self._access = Access(database)
        self._sign_ins = SignIns(database)
        self.keyring = keyring
        self.tenant = tenant
        self.state = RoomState(redis, HubId("test"), room_ttl_ms(10))
        self.channels = Channels(redis)
        self._stack = contextlib.AsyncExitStack()
        self._beats: dict[str, asyncio.Task[None]] = {}

    async def worker(
        self,
        settings: HubSettings = SETTINGS,
        origins: tuple[str, ...] = (),
        lobby: Lobby | None = None,
        address_rate: int = 0,
    ) -> Worker:
        """One more worker."""
        return await self._stack.enter_async_context(self._worker(settings, origins, lobby or Lobby(), address_rate))

    async def node(self, name: str = "n1", region: str = "us-east-1") -> FakeNode:
        """One more SFU node, alive until the end of the test unless :meth:`kill_node`."""
        node = Node(id=NodeId(name), region=region, ip="127.0.0.1", ports=[40000], load=0, rooms=0, peers=0)
        fake = FakeNode(node, self.channels)
        await self.channels.subscribe(keys.sfu_commands(node.id), fake.on_message, lambda: None)
        registry = sfu_nodes(self.redis)
        await registry.beat(node)
        self._beats[name] = asyncio.create_task(self._beat(registry, node))
        return fake

    async def register(self, worker: Worker, url: str) -> None:
        """Tell the other workers where this one is reached."""
        await web_workers(self.redis).beat(sealed(worker.hub.id, url, self.keyring.tokens.derived(SEAL)))

    async def api_key(self) -> NewKey:
        """A new key of the tenant."""
        return await self._access.create_key(TenantId(self.tenant), "tests", times.from_seconds(time.time()))

    async def kill_node(self, name: str) -> None:
        """The node is gone."""
        self._beats.pop(name).cancel()
        await sfu_nodes(self.redis).leave(name)

    async def _beat(self, registry: Registry[Node], node: Node) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            await registry.beat(node)

    async def room(self, host: str | None = None, **settings: Any) -> str:
        """A new room. ``settings`` are the contract's, in snake_case."""
        room_id = RoomId(new_uuid())
        now = times.from_seconds(time.time())
        made = Settings(**{"topology": "p2p", **settings})
        await self.directory.create_room(TenantId(self.tenant), room_id, UserId(host or new_uuid()), made, now)
        return room_id

    async def guest(self, room: str) -> tuple[UserId, str]:
        """A user whom an invite has made, and their token."""
        now, tenant, user = times.from_seconds(time.time()), TenantId(self.tenant), UserId(new_uuid())
        invite = Invite(
            id=new_uuid(),
            room_id=RoomId(room),
            role="attendee",
            made_by=None,
            maker_admitted_at=None,
            key_id=None,
            created_at=now,
            expires_at=times.from_seconds(time.time() + 3600),
            max_uses=None,
            uses=0,
            revoked_at=None,
            code_hash=None,
            password_hash=None,
        )
        await self.invites.create(invite)
        claims = InviteClaims(invite.id, invite.room_id, invite.role, tenant, int(time.time()) + 3600)
        await self.invites.use(claims, new_uuid(), user, "Guest", now)
        return user, self.token(room, user, admission=Admission(int(time.time() * 1000), is_guest=True))

    async def ban(self, user: UserId) -> None:
        """A guest may not come any more."""
        await self.invites.ban(TenantId(self.tenant), user, times.from_seconds(time.time()))

    async def revoke(self, key: NewKey) -> None:
        """An API key is revoked."""
        await self._access.revoke_key(key.key.id, times.from_seconds(time.time()))

    async def another_tenant(self) -> str:
        """One more tenant, which can sign tokens."""
        made = await self._access.create_tenant(f"t-{uuid.uuid4()}", times.from_seconds(time.time()))
        await self.keyring.issuing(made.id)
        return made.id

    async def quotas(self, quotas: Quotas) -> None:
        """What the tenant may have from now on."""
        await self._access.set_quotas(TenantId(self.tenant), quotas, times.from_seconds(time.time()))

    def token(
        self, room: str, user: str, role: str = "attendee", name: str = "Ann", *, now: float | None = None, **more: Any
    ) -> str:
        issued = self.keyring.tokens.issue_room(
            user_id=UserId(user),
            room_id=RoomId(room),
            role=role,  # type: ignore[arg-type]
            tenant_id=self.tenant,  # type: ignore[arg-type]
            display_name=name,
            now=time.time() if now is None else now,
            **more,
        )
        return issued.token

    async def join(
        self,
        worker: Worker,
        room: str,
        user: str | None = None,
        *,
        role: str = "attendee",
        name: str = "Ann",
        **more: Any,
    ) -> tuple[PlainClient, str]:
        """A client that has joined, and its userId."""
        user = user or new_uuid()
        client = await worker.connect()
        token = self.token(room, user, role, name)
        client.result = await client.call("JoinRoom", {"roomId": room, "token": token, **more})
        return client, user

    async def hash(self, room: str) -> dict[str, str]:
        """``room:{R}``."""
        flat = await self.redis.call(keys.room(RoomId(room)), b"HGETALL", keys.room(RoomId(room)))
        values = [v.decode() for v in flat]
        return dict(zip(values[::2], values[1::2], strict=True))

    async def members(self, room: str) -> dict[str, Json]:
        """``room:{R}:participants``."""
        key = keys.participants(RoomId(room))
        flat = await self.redis.call(key, b"HGETALL", key)
        return {k.decode(): json.loads(v) for k, v in zip(flat[::2], flat[1::2], strict=True)}

    async def close(self) -> None:
        for beat in self._beats.values():
            beat.cancel()
        await asyncio.gather(*self._beats.values(), return_exceptions=True)
        await self._stack.aclose()

    @asynccontextmanager
    async def _worker(
        self, settings: HubSettings, origins: tuple[str, ...], lobby: Lobby, address_rate: int
    ) -> AsyncIterator[Worker]:
        redis = await connect_redis(self.redis_url)
        channels = Channels(redis)
        hub_id = HubId(new_token("hub_"))
        rooms = RoomState(redis, hub_id, room_ttl_ms(settings.keep_alive))
        audit = AuditQueue(self.audit)
        audit.start()
        take = SharedBuckets(redis).take
        guesses = Guesses(SharedLimit("address", address_rate, take))
        hub = WatchedHub(
            settings=settings,
            hub_id=hub_id,
            rooms=rooms,
            seats=TenantSeats(redis, settings.seat / 2),
            channels=channels,
            nodes=sfu_nodes(redis),
            directory=self.directory,
            admissions=self.admissions,
            recordings=self.recordings,
            keys=self.keyring,
            audit=audit,
            guesses=guesses,
            take=take,
            default_region="us-east-1",
        )
        await hub.start()
        codes = Codes(self.keyring)
        callers = Callers(
            *(self._access, self.admissions, self.invites, self.keyring, codes, rooms, self._sign_ins),
            open_tenant=None,
            public_url=None,
        )
        marks = Marks(lambda: self.keyring.tokens.derived(PURPOSE), self.keyring.now)
        workers = OtherWorkers(web_workers(redis), marks, lambda: self.keyring.tokens.derived(SEAL))
        signalr = SignalRSite(hub, self.keyring, callers, workers, lobby, guesses, MAX_MESSAGE)
        sockets = {"/ws": plain.endpoint(hub, lobby), PATH: signalr.open}
        server = _Server(_config(signalr, protocol_class(sockets, Origins(origins))))
        internal = _Server(_config(signalr.forwarded, protocol_class({PATH: signalr.open_forwarded}, Origins("*"))))
        serving = [asyncio.create_task(one.serve()) for one in (server, internal)]
        await server.is_up.wait()
        await internal.is_up.wait()
        try:
            yield Worker(hub, server, internal, redis, channels, rooms)
        finally:
            await hub.stop()
            await audit.stop()
            server.should_exit = internal.should_exit = True
            await asyncio.gather(*serving)
            await channels.close()
            await redis.close()


def _config(app: Any, ws: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        ws=ws,
        interface="asgi3",
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=2,
    )


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]
        yield

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.is_up.set()


async def migrated(database_url: str) -> None:
    """Apply every migration."""
    database = Database(database_url)
    try:
        await migrate.upgrade(database)
    finally:
        await database.close()


@asynccontextmanager
async def fleet(redis_url: str, database_url: str) -> AsyncIterator[Fleet]:
    """A fleet without workers, on a database that is :func:`migrated`."""
    database = Database(database_url)
    redis = await connect_redis(redis_url)
    keyring = Keyring(SigningKeys(database, None))
    await keyring.start()
    tenant = await Access(database).ensure_tenant(f"t-{uuid.uuid4()}", times.from_seconds(time.time()))
    await keyring.issuing(tenant.id)
    made = Fleet(redis_url, database, keyring, tenant.id, redis)
    try:
        yield made
    finally:
        await made.close()
        await keyring.stop()
        await made.channels.close()
        await redis.close()
        await database.close()
