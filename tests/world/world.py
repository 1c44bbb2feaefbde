"""The world: a room, its users, hubs, SFU nodes, Redis and SQL, and what happens to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tertulia.contract import OneUser, RaiseHand, SendChat, SendOffer, Settings, UpdateState
from tertulia.ids import ConnectionId, RoomId, TenantId, UserId
from tertulia.room.settings import HubSettings
from tertulia.tokens import RoomClaims
from tests.world.client import Client, Wire
from tests.world.clock import START, Clock
from tests.world.hub import REGION, Hub
from tests.world.network import Weather
from tests.world.node import SfuNode
from tests.world.server import Server
from tests.world.sql import Sql
from tests.world.story import Action, Story

ROOM: Final = RoomId("room")
TENANT: Final = TenantId("tenant")
SETTINGS: Final = HubSettings(empty_room=20)
TTL_SECONDS: Final = 40.0
"""Four keep-alive intervals. Production's least, 90 s, would only make the worlds longer."""
PAUSES: Final = (0.5, 2.0, 3.5, 8.0, 20.0, 45.0)
"""Seconds that something is away or stands still."""
NOTICES: Final = (0.0, 0.0, 0.01, 1.0, 6.0, 20.0)
"""Seconds until a hub hears that a connection is broken."""


class Broken(Exception):
    """An invariant does not hold. ``kind`` says which; the rest is for people."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind


class World:
    """One run of a story."""

    def __init__(self, story: Story, say: Callable[[str], None] | None = None) -> None:
        """``say`` gets a line for everything that happens."""
        self.story = story
        self.settings = SETTINGS
        self.clock = Clock()
        self.weather = Weather(story.seed)
        self.server = Server(self.clock, self.weather)
        self.sql = Sql(self.clock, self.weather)
        self.hubs: list[Hub] = []
        self.nodes: list[SfuNode] = []
        self.clients: list[Client] = []
        self.users = [UserId(f"u{number}") for number in range(story.users)]
        self.is_lossy = False
        """Something happened by which messages between hubs may be lost."""
        self.has_forgotten = False
        """Redis has lost something."""
        self.said: list[tuple[str, float, set[UserId]]] = []
        """The chat messages sent to all, when, and whom the sender saw then."""
        self.removed_at_ms: dict[UserId, int] = {}
        self._say = say
        self._claims: dict[str, RoomClaims] = {}
        self._count = 0
        settings = Settings(max_participants=story.limit, is_recording_enabled=True)
        self.sql.create_room(ROOM, self.users[0], settings)
        for _ in range(story.nodes):
            self._start_node()
        self.clock.run_until(START + 2)
        for _ in range(story.hubs):
            self._start_hub()

    # --- for clients

    def note(self, text: str) -> None:
        """Something worth a line in the trace."""
        if self._say is not None:
            self._say(f"{self.clock.now - START:9.3f} {text}")

    def fail(self, kind: str, text: str) -> None:
        """An invariant is broken."""
        raise Broken(kind, text)

    def cut(self, wire: Wire, told_after: float) -> None:
        """A connection breaks."""
        wire.is_cut = True
        last = wire.up.cut()
        wire.down.cut()
        hub = wire.hub
        if isinstance(hub, Hub):
            self.clock.at(max(last, self.clock.now + told_after), hub.process, self._hub_notices, hub, wire)
        self.clock.after(self.weather.delay(), None, wire.client.lost, wire)

    def return_later(self, client: Client) -> None:
        """Its connection broke: it comes back in a while."""
        self.clock.after(self.weather.random.choice((0.1, 1.0, 4.0, 15.0)), None, self._come_back, client)

    def has_returned(self, connection: ConnectionId) -> bool:
        """Whether the connection returned to a lost seat."""
        return any(connection in hub.returned for hub in self.hubs)

    # --- the story

    def play(self, check: Callable[[World], None]) -> None:
        """Let everything happen; ``check`` after each action."""
        for action in self.story.actions:
            self.clock.run_until(self.clock.now + action.gap)
            self.weather.random.seed(action.luck)
            self.note(f"== {action}")
            _ACTIONS[action.kind](self, action)
            check(self)

    def calm_down(self) -> None:
        """Every fault ends."""
        self.note("== all is well again")
        self.weather.roughness = 0.0
        self.sql.failures = 0.0
        self._redis_is_back()
        for hub in self.hubs:
            self._go_on(hub)
        for node in self.nodes:
            self._node_goes_on(node)
        for client in self.clients:
            client.is_silent = False
        if not any(hub.process.is_alive for hub in self.hubs):
            self._start_hub()
        if not any(node.process.is_alive for node in self.nodes):
            self._start_node()

    def let_pass(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.run_until(self.clock.now + seconds)

    def everybody_goes(self) -> None:
        """Every client leaves in its own way."""
        self.note("== everybody goes")
        for client in self.clients:
            client.wants_in = False
            if client.wire is not None:
                if client.number % 3 == 2:
                    client.cut(0.0)
                else:
                    if client.number % 3 == 1 and client.is_seated:
                        client.leave()
                    client.close()

    def was_taken(self, text: str) -> bool:
        """Whether somebody has heard this chat message: then all should have."""
        return any(text in client.chats for client in self.clients)

    def living_hubs(self) -> list[Hub]:
        """Those that are not dead."""
        return [hub for hub in self.hubs if hub.process.is_alive]

    # --- people

    def _join(self, action: Action) -> None:
        user = self.users[action.who % len(self.users)]
        role = "host" if user == self.users[0] else "attendee"
        client = Client(self, len(self.clients), ROOM, user, role)  # type: ignore[arg-type]
        client.returns = action.how % 4 != 0
        self.clients.append(client)
        self._connect(client, action.where)

    def _connect(self, client: Client, where: int) -> None:
        hubs = self.living_hubs()
        if not hubs or client.wire is not None:
            return
        self._count += 1
        self._issue_token(client)
        hub = hubs[where % len(hubs)]
        wire = Wire(self, client, hub, hub.process, self._count)
        self.note(f"{client} connects to {hub.id} as {wire.id}")
        client.connect(wire)

    def _issue_token(self, client: Client) -> None:
        """By REST join, which knows of removals: a new token for who is not removed, the old one for who is."""
        now = int(self.clock.now * 1000)
        if client.token and client.user in self.removed_at_ms:
            return
        client.token = f"token-{self._count}"
        client.issued_at_ms = now
        self._claims[client.token] = RoomClaims(
            user_id=client.user,
            room_id=ROOM,
            role=client.role,
            tenant_id=TENANT,
            display_name=client.user,
            region=None,
            issued_at_ms=now,
            expires_at=int(self.clock.now) + 3600,
        )

    def _client(self, action: Action) -> Client | None:
        """One of those with a connection."""
        there = [client for client in self.clients if client.wire is not None]
        return there[action.who % len(there)] if there else None

    def _seated(self, action: Action) -> Client | None:
        there = [client for client in self.clients if client.is_seated]
        return there[action.who % len(there)] if there else None

    def _come_back(self, client: Client) -> None:
        if client.wants_in and client.wire is None:
            self._connect(client, self.weather.random.randrange(64))

    def _leave(self, action: Action) -> None:
        client = self._client(action)
        if client is not None:
            client.leave()

    def _close(self, action: Action) -> None:
        client = self._client(action)
        if client is not None:
            client.close()

    def _cut(self, action: Action) -> None:
        client = self._client(action)
        if client is not None:
            client.cut(NOTICES[action.how % len(NOTICES)])

    def _returns(self, action: Action) -> None:
        away = [client for client in self.clients if client.wire is None and client.resume is not None]
        if away:
            client = away[action.who % len(away)]
            client.wants_in = True
            self._connect(client, action.where)

    def _comes_anew(self, action: Action) -> None:
        """A tab is loaded again: it has no resume token."""
        away = [client for client in self.clients if client.wire is None]
        if away:
            client = away[action.who % len(away)]
            client.wants_in, client.resume = True, None
            self._connect(client, action.where)

    def _silence(self, action: Action) -> None:
        client = self._seated(action)
        if client is not None:
            client.is_silent = not client.is_silent

    def _update(self, action: Action) -> None:
        client = self._seated(action)
        if client is not None:
            values = (None, True, False)
            payload = UpdateState(is_muted=values[action.how % 3], is_video_on=values[action.how // 3 % 3])
            client.call("UpdateState", payload)

    def _hand(self, action: Action) -> None:
        client = self._seated(action)
        if client is not None:
            client.call("RaiseHand", RaiseHand(raised=action.how % 2 == 0))

    def _chat(self, action: Action) -> None:
        client = self._seated(action)
        if client is not None:
            client.said += 1
            text = f"{client.user}:{client.number}:{client.said}"
            self.said.append((text, self.clock.now, set(client.members)))
            client.call("SendChat", SendChat(text=text))

    def _whisper(self, action: Action) -> None:
        client = self._seated(action)
        if client is not None:
            client.said += 1
            target = self.users[action.where % len(self.users)]
            text = f"{client.user}:{client.number}:{client.said}"
            client.call("SendChat", SendChat(text=text, target_user_id=target))

    def _offer(self, action: Action) -> None:
        client = self._seated(action)
        if client is not None:
            client.call("SendOffer", SendOffer(target_user_id=client.endpoint or "sfu", sdp="v=0"))

    def _mute_all(self, action: Action) -> None:
        client = self._seated(action)
        if client is not None:
            client.call("MuteAll", None)

    def _remove(self, action: Action) -> None:
        client = self._seated(action)
        if client is not None:
            target = self.users[action.where % len(self.users)]
            client.call("RemoveParticipant", OneUser(target_user_id=target))

    def _end(self, action: Action) -> None:
        client = self._seated(action)
        if client is not None:
            client.call("EndRoom", None)

    # --- the control plane

    def _any_hub(self, action: Action) -> Hub | None:
        hubs = self.living_hubs()
        return hubs[action.where % len(hubs)] if hubs else None

    def _rest_remove(self, action: Action) -> None:
        hub = self._any_hub(action)
        user = self.users[action.who % len(self.users)]
        if hub is not None:
            at = int(self.clock.now * 1000)
            self.clock.after(0.0, hub.process, hub.remove, ROOM, user, lambda done: self._was_removed(user, at, done))

    def _was_removed(self, user: UserId, at_ms: int, done: Any) -> None:
        if done is True:
            self.note(f"{user} was removed")
            self.removed_at_ms[user] = at_ms

    def _rest_end(self, action: Action) -> None:
        hub = self._any_hub(action)
        if hub is not None:
            self.clock.after(0.0, hub.process, hub.end_room, ROOM, "host", lambda done: self.note(f"ended: {done}"))

    def _record(self, action: Action) -> None:
        hub = self._any_hub(action)
        if hub is not None:
            hub.link.call(lambda state: state.set_recording(ROOM, action.how % 2 == 0), lambda _: None)

    # --- faults

    def _start_hub(self) -> None:
        hub = Hub(f"h{len(self.hubs)}", self.server, self.sql, self.settings, TTL_SECONDS, self._claims)
        if self._say is not None:
            hub.log = lambda what, value: self.note(f"  {what} {value}")
        self.hubs.append(hub)

    def _kill_hub(self, action: Action) -> None:
        hub = self._any_hub(action)
        if hub is None:
            return
        self.note(f"{hub.id} dies")
        self.is_lossy = True
        hub.process.is_alive = False
        hub.link.die()
        for client in self.clients:
            if client.wire is not None and client.wire.hub is hub:
                client.wire.down.cut()
                self.clock.after(self.weather.delay(), None, client.lost, client.wire)
        if action.how % 3:
            self.clock.after(PAUSES[action.how % 4], None, self._start_hub)

    def _stop_hub(self, action: Action) -> None:
        hub = self._any_hub(action)
        if hub is not None:
            self.note(f"{hub.id} stands still")
            self.is_lossy = True
            self.clock.freeze(hub.process)
            self.clock.after(PAUSES[action.how % len(PAUSES)], None, self._go_on, hub)

    def _go_on(self, hub: Hub) -> None:
        if hub.process.is_alive and hub.process.is_frozen:
            self.note(f"{hub.id} goes on")
            self.clock.thaw(hub.process)

    def _start_node(self) -> None:
        self.nodes.append(SfuNode(f"n{len(self.nodes)}", self.server, REGION, self.weather.random.random()))

    def _a_node(self, action: Action) -> SfuNode | None:
        nodes = [node for node in self.nodes if node.process.is_alive]
        return nodes[action.where % len(nodes)] if nodes else None

    def _kill_node(self, action: Action) -> None:
        node = self._a_node(action)
        if node is not None:
            self.note(f"{node.id} dies")
            node.stopped_at = self.clock.now
            node.process.is_alive = False
            self.clock.after(PAUSES[action.how % 4], None, self._start_node)

    def _stop_node(self, action: Action) -> None:
        node = self._a_node(action)
        if node is not None:
            self.note(f"{node.id} stands still")
            node.stopped_at = self.clock.now
            self.clock.freeze(node.process)
            self.clock.after(PAUSES[action.how % len(PAUSES)], None, self._node_goes_on, node)

    def _node_goes_on(self, node: SfuNode) -> None:
        if node.process.is_alive and node.process.is_frozen:
            node.stopped_at = None
            self.clock.thaw(node.process)

    def _flush(self, action: Action) -> None:
        self._forgets()
        self.server.flush()

    def _lose_key(self, action: Action) -> None:
        self._forgets()
        self.server.tick()
        self.server.model.keys(ROOM).delete(action.how % 4)

    def _forgets(self) -> None:
        self.has_forgotten = self.is_lossy = True

    def _redis_away(self, action: Action) -> None:
        if self.server.is_up:
            self.is_lossy = True
            self.server.go()
            if action.where % 2:
                self._forgets()
                self.server.flush()
            self.clock.after(PAUSES[action.how % len(PAUSES)], None, self._redis_is_back)

    def _redis_hangs(self, action: Action) -> None:
        self.is_lossy = True
        self.clock.freeze(self.server.process)
        self.clock.after(PAUSES[action.how % len(PAUSES)], None, self._redis_is_back)

    def _redis_is_back(self) -> None:
        if not self.server.is_up:
            self.server.come_back()
        if self.server.process.is_frozen:
            self.server.empty_since = self.clock.now
            self.clock.thaw(self.server.process)

    def _break_calls(self, action: Action) -> None:
        hub = self._any_hub(action)
        if hub is not None:
            self.is_lossy = True
            hub.link.break_calls()

    def _break_channels(self, action: Action) -> None:
        hub = self._any_hub(action)
        if hub is not None:
            self.is_lossy = True
            hub.link.break_channels()

    def _sql_trouble(self, action: Action) -> None:
        self.sql.failures = 0.4
        self.clock.after(PAUSES[action.how % len(PAUSES)], None, self._sql_is_well)

    def _sql_is_well(self) -> None:
        self.sql.failures = 0.0

    def _rough(self, action: Action) -> None:
        self.is_lossy = True
        self.weather.roughness = 0.3
        self.clock.after(PAUSES[action.how % len(PAUSES)], None, self._smooth)

    def _smooth(self) -> None:
        self.weather.roughness = 0.05

    def _hub_notices(self, hub: Hub, wire: Wire) -> None:
        lost = wire.sent > wire.arrived
        hub.disconnected(wire, False, lost and self.weather.chance(0.5))


_ACTIONS: Final[dict[str, Callable[[World, Action], None]]] = {
    "join": World._join,
    "leave": World._leave,
    "close": World._close,
    "cut": World._cut,
    "come_back": World._returns,
    "come_anew": World._comes_anew,
    "silence": World._silence,
    "update": World._update,
    "hand": World._hand,
    "chat": World._chat,
    "whisper": World._whisper,
    "offer": World._offer,
    "mute_all": World._mute_all,
    "remove": World._remove,
    "end": World._end,
    "rest_remove": World._rest_remove,
    "rest_end": World._rest_end,
    "record": World._record,
    "kill_hub": World._kill_hub,
    "stop_hub": World._stop_hub,
    "kill_node": World._kill_node,
    "stop_node": World._stop_node,
    "flush": World._flush,
    "lose_key": World._lose_key,
    "redis_away": World._redis_away,
    "redis_hangs": World._redis_hangs,
    "break_calls": World._break_calls,
    "break_channels": World._break_channels,
    "sql_trouble": World._sql_trouble,
    "rough": World._rough,
}
