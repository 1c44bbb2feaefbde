"""The world: a room, its users, hubs, SFU nodes, Redis and SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tertulia.contract.settings import Settings, SettingsChange
from tertulia.ids import ConnectionId, RecordingId, RoomId, UserId
from tertulia.room.settings import HubSettings
from tertulia.tokens import Admission, RoomClaims
from tests.world.client import Client, Wire
from tests.world.clock import START, Clock
from tests.world.hub import REGION, Hub
from tests.world.network import Weather
from tests.world.node import SfuNode
from tests.world.server import Server
from tests.world.sql import TENANT, Sql
from tests.world.story import Action, Story

ROOM: Final = RoomId("room")
SETTINGS: Final = HubSettings(empty_room=20)
TTL_SECONDS: Final = 40.0
"""Four keep-alive intervals. Production's least, 90 s, would only make the worlds longer."""
UNDER_WAY: Final = 4.0
"""Seconds after which a change of the settings that was asked for has been made, or has failed."""


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
        self.is_probed = False
        """All was quiet, and everybody was asked to say something."""
        self.said: list[tuple[str, float]] = []
        """The chat messages sent to all, and when."""
        self.probed: list[tuple[Client, Wire]] = []
        """Who was asked to say something when all was quiet."""
        self.ended: list[tuple[float, float]] = []
        """When REST asked to end the meeting, and when that was done."""
        self.owners: dict[str, Client] = {}
        """The client of each transport that a hub has told of."""
        self.stopped: dict[RecordingId, float] = {}
        """Recordings that REST was told to be stopped, and when."""
        self.removed: set[UserId] = set()
        """By REST: they are not admitted anew."""
        self._say = say
        self._claims: dict[str, RoomClaims] = {}
        self._count = 0
        settings = Settings(max_participants=story.limit, is_recording_enabled=True, topology=story.topology)
        self.sql.create_room(ROOM, self.users[0], settings)
        for _ in range(story.nodes):
            self.start_node()
        self.clock.run_until(START + 2)
        for _ in range(story.hubs):
            self.start_hub()

    # --- what happens

    def let_pass(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.run_until(self.clock.now + seconds)

    def note(self, text: str) -> None:
        """Something worth a line in the trace."""
        if self._say is not None:
            self._say(f"{self.clock.now - START:9.3f} {text}")

    def fail(self, kind: str, text: str) -> None:
        """An invariant is broken."""
        raise Broken(kind, text)

    def calm_down(self) -> None:
        """Every fault ends."""
        self.note("== all is well again")
        self.weather.roughness = 0.0
        self.sql_is_well()
        self.redis_is_back()
        for hub in self.hubs:
            self.hub_goes_on(hub)
        for node in self.nodes:
            self.node_goes_on(node)
        for client in self.clients:
            client.is_silent = False
        if not self.living_hubs():
            self.start_hub()
        self.clock.after(UNDER_WAY, None, self._open_doors)
        if not any(node.process.is_alive and not node.is_draining for node in self.nodes):
            self.start_node()

    def _open_doors(self) -> None:
        change = SettingsChange(waiting_room=False, locked=False, chat="everyone")
        if not self.living_hubs():
            self.start_hub()
        hub = self.living_hubs()[0]
        self.clock.after(0.0, hub.process, hub.change_settings, ROOM, change, lambda _: None)

    def everybody_goes(self) -> None:
        """Every client leaves in its own way."""
        self.note("== everybody goes")
        for client in self.clients:
            client.wants_in = False
            if client.wire is None:
                continue
            if client.number % 3 == 2:
                self.cut(client.wire, 0.0)
            else:
                if client.number % 3 == 1 and client.is_seated:
                    client.leave()
                client.close()

    # --- clients

    def connect(self, client: Client, where: int) -> None:
        """It opens a connection to one of the hubs, with a token of this moment."""
        hubs = self.living_hubs()
        if not hubs or client.wire is not None:
            return
        self._count += 1
        self._issue_token(client)
        hub = hubs[where % len(hubs)]
        wire = Wire(self, client, hub, hub.process, self._count)
        self.note(f"{client} connects to {hub.id} as {wire.id}")
        client.connect(wire)

    def cut(self, wire: Wire, told_after: float) -> None:
        """A connection breaks; its hub hears of it after so many seconds."""
        if wire.is_cut:
            return
        wire.is_cut = True
        wire.closed_at = None
        last = wire.up.cut()
        wire.down.cut()
        hub = wire.hub
        self.clock.at(max(last, self.clock.now + told_after), wire.process, self._hub_notices, hub, wire)
        self.clock.after(self.weather.delay(), None, wire.client.lost, wire)

    def return_later(self, client: Client) -> None:
        """Its connection broke: it comes back in a while."""
        client.comes_at = self.clock.now + self.weather.random.choice((0.1, 1.0, 4.0, 15.0))
        self.clock.at(client.comes_at, None, self._come_back, client)

    def has_returned(self, connection: ConnectionId) -> bool:
        """Whether the connection returned to a lost seat."""
        return any(connection in hub.returned for hub in self.hubs)

    def was_heard(self, text: str) -> bool:
        """Whether anybody has heard this chat message."""
        return any(text in client.view.chats for client in self.clients)

    def _come_back(self, client: Client) -> None:
        if client.wants_in:
            self.connect(client, self.weather.random.randrange(64))

    def _hub_notices(self, hub: Hub, wire: Wire) -> None:
        wire.lost_at = self.clock.now
        lost = wire.sent > wire.arrived
        hub.disconnected(wire, False, lost and self.weather.chance(0.5))

    def _issue_token(self, client: Client) -> None:
        """As REST join does: a new admission, but not for who was removed, or a token renewed."""
        now = int(self.clock.now * 1000)
        if client.token and (client.user in self.removed or self._count % 2):
            now = client.admitted_at_ms  # it renews the one it has
        client.token, client.admitted_at_ms = f"token-{self._count}", now
        self._claims[client.token] = RoomClaims(
            user_id=client.user,
            room_id=ROOM,
            role=client.role,
            tenant_id=TENANT,
            display_name=client.user,
            region=None,
            admission=Admission(now),
            expires_at=now // 1000 + 3600,
        )

    # --- hubs

    def living_hubs(self) -> list[Hub]:
        """Those that are not dead."""
        return [hub for hub in self.hubs if hub.process.is_alive]

    def pick_hub(self, action: Action) -> Hub | None:
        """The hub where an action takes place."""
        hubs = self.living_hubs()
        return hubs[action.where % len(hubs)] if hubs else None

    def start_hub(self) -> None:
        """One more."""
        hub = Hub(f"h{len(self.hubs)}", self.server, self.sql, self.settings, TTL_SECONDS, self._claims)
        if self._say is not None:
            hub.log = lambda what, value: self.note(f"  {what} {value}")
        self.hubs.append(hub)

    def bury(self, hub: Hub) -> None:
        """The process ends, and its connections with it."""
        if not hub.process.is_alive:
            return
        hub.process.is_alive = False
        hub.link.die()
        for client in self.clients:
            if client.wire is not None and client.wire.hub is hub:
                client.wire.down.cut()
                self.clock.after(self.weather.delay(), None, client.lost, client.wire)

    def hub_goes_on(self, hub: Hub) -> None:
        """It does not stand still any more."""
        if hub.process.is_alive and hub.process.is_frozen:
            self.note(f"{hub.id} goes on")
            self.clock.thaw(hub.process)

    # --- SFU nodes

    def pick_node(self, action: Action) -> SfuNode | None:
        """The node where an action takes place."""
        nodes = [node for node in self.nodes if node.process.is_alive and not node.is_draining]
        return nodes[action.where % len(nodes)] if nodes else None

    def start_node(self) -> None:
        """One more."""
        self.nodes.append(SfuNode(f"n{len(self.nodes)}", self.server, REGION, self.weather.random.random()))

    def node_goes_on(self, node: SfuNode) -> None:
        """It does not stand still any more."""
        if node.process.is_alive and node.process.is_frozen:
            node.stopped_at, node.went_on_at = None, self.clock.now
            self.clock.thaw(node.process)

    # --- Redis, SQL, the network

    def redis_forgets(self) -> None:
        """What it knew is gone, or a part of it."""
        self.has_forgotten = self.is_lossy = True

    def redis_is_back(self) -> None:
        """It is neither away nor hangs."""
        if not self.server.is_up:
            self.server.come_back()
        if self.server.process.is_frozen:
            self.server.empty_since = self.clock.now
            self.clock.thaw(self.server.process)

    def sql_is_well(self) -> None:
        """Transactions do not fail any more."""
        self.sql.failures = 0.0

    def smooth(self) -> None:
        """Messages take as long as usual."""
        self.weather.roughness = min(self.weather.roughness, 0.05)
