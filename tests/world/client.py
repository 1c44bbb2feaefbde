"""Clients: each is one tab of one user, with its connection and what it shows of the meeting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec
from msgspec import Raw, Struct

from tertulia.contract.calls import JoinRoom, KeepAlive, SetRecordingOptOut, UpdateState
from tertulia.contract.events import JoinResult, ParticipantChanged
from tertulia.contract.fields import Role
from tertulia.contract.settings import Settings
from tertulia.errors import Refused
from tertulia.ids import ConnectionId, RoomId, UserId
from tertulia.room.closing import ENDED, REMOVED, REPLACED
from tertulia.room.events import Event
from tertulia.room.settings import HubSettings
from tests.world.clock import Clock, Process
from tests.world.network import Pipe, Weather
from tests.world.view import View, control_of

KEEP_ALIVE: Final = "KeepAlive"
FINAL_CODES: Final = {ENDED.code, REPLACED.code, REMOVED.code}
"""Who is closed by one of these does not come back by itself."""


class Around(Protocol):
    """What a client needs of the world."""

    clock: Clock
    weather: Weather
    settings: HubSettings
    has_forgotten: bool
    owners: dict[str, Client]
    """The client of each transport."""

    def note(self, text: str) -> None: ...
    def fail(self, kind: str, text: str) -> None: ...
    def return_later(self, client: Client) -> None: ...
    def has_returned(self, connection: ConnectionId) -> bool: ...


class HubPort(Protocol):
    """What a connection needs of a hub."""

    def connected(self, wire: Wire) -> None: ...
    def called(self, wire: Wire, call: int, event: str, payload: Any) -> None: ...
    def disconnected(self, wire: Wire, clean: bool, some_lost: bool) -> None: ...


class Wire:
    """One connection of a client to a hub, until it breaks or one of them closes it."""

    __slots__ = (
        "arrived",
        "client",
        "closed_at",
        "down",
        "hub",
        "id",
        "is_cut",
        "is_open",
        "lost_at",
        "process",
        "sent",
        "up",
    )

    def __init__(self, world: Around, client: Client, hub: HubPort, process: Process, number: int) -> None:
        self.id = ConnectionId(f"c{number}")
        self.client = client
        self.hub = hub
        self.process = process
        """The hub's."""
        self.up = Pipe(world.clock, world.weather, process)
        self.down = Pipe(world.clock, world.weather, None)
        self.is_open = True
        """As the client sees it."""
        self.is_cut = False
        self.closed_at: float | None = None
        """When the client closed it with a word."""
        self.lost_at: float | None = None
        """When the hub noticed that it is broken."""
        self.sent = 0
        self.arrived = 0

    # --- for the hub

    def send(self, event: Event) -> bool:
        """An event to the client; True: no stale one was dropped for it."""
        self.sent += 1
        self.client.is_sent(event)
        self.down.send(self._event, event)
        return True

    def reply(self, call: int, result: Struct) -> None:
        """The answer to a call."""
        if isinstance(result, JoinResult):
            self.client.told.add(result.recording_id)
        self.down.send(self.client.answered, self, call, result)

    def refuse(self, call: int, error: Exception) -> None:
        """The other answer."""
        self.down.send(self.client.answered, self, call, error)

    def close(self, code: int) -> None:
        """End the connection, behind what was sent."""
        self.down.send(self.client.closed, self, code)

    def _event(self, event: Event) -> None:
        self.arrived += 1
        self.client.heard(self, event)


class Client:
    """A tab. It says KeepAlive while it has a seat, and comes back when its connection breaks if ``returns``."""

    comes_at = 0.0
    """When it will come by itself, or last came."""
    is_waiting = False
    """A host has to admit it."""
    settings: Settings | None = None
    """The room's, as it was last told."""

    def __init__(self, world: Around, number: int, room: RoomId, user: UserId, role: Role) -> None:
        self.world = world
        self.number = number
        self.room = room
        self.user = user
        self.role: Role = role
        self.token = ""
        self.admitted_at_ms = 0
        self.wire: Wire | None = None
        self.last_wire: Wire | None = None
        self.wants_in = True
        self.returns = True
        self.is_eager = False
        """It calls more before JoinRoom is answered."""
        self.is_silent = False
        self.was_silent = False
        """Since it sits: it may have been timed out, and hears of that by its next call."""
        self.is_seated = False
        self.resume: str | None = None
        self.counts = number % 3 > 0
        """It says how many events it has received."""
        self.received = 0
        """Events by the connection of its last seat."""
        self.view = View(user, str(self), world.fail)
        self.endpoint: str | None = None
        self.endpoints: set[str] = set()
        """All that it was told of since it sits."""
        self.answers: list[str] = []
        """From whom offers were answered."""
        self.recording: str | None = None
        """The one that goes on, as it was last told."""
        self.told: set[str | None] = set()
        """The recordings that a hub has told it of, be it that the words have arrived."""
        self.joins_out = False
        """It joins with the wish not to be recorded."""
        self.out_since: float | None = None
        """When it was told that it is left out of recordings, and has not asked for anything else since."""
        self._over: set[str] = set()
        """Recordings of whose end it has heard by this connection."""
        self._replayed: str | None = None
        """The one that went on when it returned: how it came to that is replayed behind JoinRoom's result."""
        self.pending: dict[int, tuple[str, float]] = {}
        self.sat_at = 0.0
        """When it was last answered that it sits: what it has missed comes behind that."""
        self.seat_since = 0.0
        """Since when it should have got every event."""
        self.said = 0
        self._calls = 0
        self._keep_alive_due = 0.0
        self._last_words: str | None = None
        self._wants_out = False

    def __str__(self) -> str:
        return f"client {self.number} ({self.user})"

    @property
    def is_coming(self) -> bool:
        """It will come back by itself, or waits for the answer to JoinRoom."""
        return self.world.clock.now <= self.comes_at or self._is_pending("JoinRoom")

    # --- what it does

    def connect(self, wire: Wire) -> None:
        """Open a connection and join."""
        self.wire = self.last_wire = wire
        self.is_seated = False
        self.pending.clear()
        self.is_waiting = False
        self._last_words = None
        self._over.clear()
        wire.up.send(wire.hub.connected, wire)
        self.join()
        if self.is_eager:
            self.call("UpdateState", UpdateState(is_muted=True))

    def join(self, *, anyway: bool = False) -> None:
        """JoinRoom, with the resume token if there is one; also if it has a seat, if ``anyway``."""
        if self.wants_in and self.wire is not None and (anyway or not self.is_seated):
            payload = JoinRoom(
                room_id=self.room,
                token=self.token,
                resume_token=self.resume,
                received=self.received if self.counts else None,
                recording_opt_out=self.joins_out,
            )
            self.call("JoinRoom", payload)

    def call(self, event: str, payload: Any) -> None:
        """Send a call, if there is a connection."""
        wire = self.wire
        if wire is not None and wire.is_open:
            self._calls += 1
            self.pending[self._calls] = (event, self.world.clock.now)
            wire.up.send(wire.hub.called, wire, self._calls, event, payload)

    def opt_out(self, opt_out: bool) -> None:
        """SetRecordingOptOut."""
        self.out_since = None
        self.call("SetRecordingOptOut", SetRecordingOptOut(opt_out=opt_out))
        self._wants_out = opt_out

    def leave(self) -> None:
        """LeaveRoom; the socket stays."""
        self.wants_in = False
        self.call("LeaveRoom", None)

    def close(self) -> None:
        """Close the socket with a word."""
        wire = self.wire
        self.wants_in = False
        if wire is not None and wire.is_open:
            wire.is_open = False
            wire.closed_at = None if wire.is_cut else self.world.clock.now
            wire.up.send(wire.hub.disconnected, wire, True, False)
            self._gone()

    def next_words(self) -> str:
        """A text that says who speaks and how often before."""
        self.said += 1
        return f"{self.user}:{self.number}:{self.said}"

    # --- what it is told

    def answered(self, wire: Wire, call: int, result: Any) -> None:
        """The result of a call, or the error."""
        if wire is not self.wire:
            return
        if call not in self.pending:
            self.world.fail("answered twice", f"{self}: call {call} has no answer to come")
            return
        event, _ = self.pending.pop(call)
        self.world.note(f"{self} gets {_short(result)} for {event}")
        if event == "JoinRoom":
            self.is_waiting = False
            self._joined(result)
        elif isinstance(result, Exception):
            self._refused(event, result)
        elif event == "LeaveRoom":
            self._stood()
        elif event == "SetRecordingOptOut" and self._wants_out and not self._is_pending(event):
            self.out_since = self.world.clock.now

    def is_sent(self, event: Event) -> None:
        """A hub sends it an event."""
        if event.name == "SfuEndpoint":
            self.world.owners[_payload(event)["transportId"]] = self
        elif event.name == "RecordingChanged":
            self.told.add(_payload(event)["recordingId"])

    def heard(self, wire: Wire, event: Event) -> None:
        """An event."""
        if wire is not self.wire:
            return
        self.world.note(f"{self} hears {event.name} {_short(event.payload)}")
        if self.is_seated:
            self.received += 1
        handler = _HANDLERS.get(event.name)
        if handler is not None:
            handler(self, _payload(event))

    def closed(self, wire: Wire, code: int) -> None:
        """The hub has closed the connection."""
        wire.up.send(wire.hub.disconnected, wire, False, False)
        wire.is_open = False
        if wire is not self.wire:
            return
        self.world.note(f"{self} is closed with {code}")
        expected = {ENDED.code: "RoomEnded", REPLACED.code: "Replaced", REMOVED.code: "Removed"}.get(code)
        if expected is not None and self._last_words != expected:
            self.world.fail("closed without a word", f"{self}: {code} without {expected}")
        if code in FINAL_CODES:
            self.wants_in = False
        self._gone()

    def lost(self, wire: Wire) -> None:
        """It notices that its connection is broken."""
        wire.is_open = False
        if wire is self.wire:
            self._gone()

    # --- within

    def _gone(self) -> None:
        self.wire = None
        self.is_seated = False
        self.pending.clear()
        if self.wants_in and self.returns:
            self.world.return_later(self)

    def _stood(self) -> None:
        self.is_seated = False
        self.resume = None

    def _joined(self, result: Any) -> None:
        if isinstance(result, JoinResult):
            self._sits(result)
        elif not isinstance(result, Refused):
            self.comes_at = self.world.clock.now + 1.0  # the server has trouble: again, while it lets us
            self.world.clock.at(self.comes_at, None, self.join)
        elif result.code != "already_joined":
            self.wants_in = False

    def _sits(self, result: JoinResult) -> None:
        world = self.world
        self.is_seated = True
        self.settings = result.settings
        self.sat_at = world.clock.now
        self.received = 0
        self.resume = result.resume_token
        self.view.take(result)
        if result.missed or self.wire is None or not world.has_returned(self.wire.id):
            self.view.begin()
            self.seat_since = world.clock.now
        if self.wire is None or not world.has_returned(self.wire.id):
            self.endpoints.clear()
            self.endpoint = None
        self.was_silent = self.is_silent
        self.out_since = None
        if self.wire is not None and world.has_returned(self.wire.id):
            self._replayed = result.recording_id
        self._records(result.recording_id)
        if result.is_recording != (result.recording_id is not None):
            world.fail("recording", f"{self}: isRecording {result.is_recording}, recordingId {result.recording_id}")
        self._keep_alive(world.settings.keep_alive)

    def _keep_alive(self, after: float) -> None:
        due = self.world.clock.now + after
        self._keep_alive_due = due
        self.world.clock.at(due, None, self._keep_alive_now, self.wire)

    def _keep_alive_now(self, wire: Wire) -> None:
        if wire is self.wire and self.is_seated and self._keep_alive_due <= self.world.clock.now:
            if not self.is_silent:
                self.call(KEEP_ALIVE, KeepAlive(received=self.received if self.counts else None))
            self._keep_alive(self.world.settings.keep_alive)

    def _refused(self, event: str, error: Exception) -> None:
        if getattr(error, "code", "") == "not_joined":
            self.is_seated = False
            if self.wants_in and not self.is_silent and not self._is_pending("JoinRoom"):
                self.join()

    def _is_pending(self, event: str) -> bool:
        return any(pending == event for pending, _ in self.pending.values())

    def _sfu_endpoint(self, payload: dict[str, Any]) -> None:
        self.endpoint = payload["transportId"]
        self.endpoints.add(payload["transportId"])

    def _receive_answer(self, payload: dict[str, Any]) -> None:
        source = payload["sourceUserId"]
        if source.startswith("sfu_") and self.endpoints and source not in self.endpoints:
            self.world.fail("another's answer", f"{self} gets an answer of {source}, its own are {self.endpoints}")
        self.answers.append(source)

    def _recording_changed(self, payload: dict[str, Any]) -> None:
        self._records(payload["recordingId"])
        if payload["isRecording"] != (payload["recordingId"] is not None):
            self.world.fail("recording", f"{self} hears {payload}")

    def _records(self, recording: str | None) -> None:
        if self.recording is not None and recording != self.recording:
            self._over.add(self.recording)
        if recording in self._over and recording != self._replayed and not self.world.has_forgotten:
            self.world.fail("began again", f"{self} hears of {recording} again, whose end it has heard")
        self.recording = recording

    def _settings_changed(self, payload: dict[str, Any]) -> None:
        self.settings = msgspec.convert(payload["settings"], Settings)

    def _waits(self) -> None:
        self.is_waiting = True

    def _last_word(self, name: str) -> None:
        self._last_words = name


def _payload(event: Event) -> dict[str, Any]:
    payload = event.payload
    if isinstance(payload, Raw):
        return msgspec.json.decode(payload)  # type: ignore[no-any-return]
    return payload if isinstance(payload, dict) else msgspec.to_builtins(payload)


def _short(value: Any) -> str:
    return bytes(value).decode() if isinstance(value, Raw) else repr(value)


_HANDLERS: Final[dict[str, Callable[[Client, dict[str, Any]], None]]] = {
    "ParticipantJoined": lambda client, payload: client.view.came(payload),
    "ParticipantLeft": lambda client, payload: client.view.went(payload),
    "StateChanged": lambda client, payload: client.view.change(
        payload, is_muted=payload["isMuted"], is_video_on=payload["isVideoOn"]
    ),
    "HandRaised": lambda client, payload: client.view.change(payload, hand_raised=payload["raised"]),
    "DisplayNameChanged": lambda client, payload: client.view.change(payload, name=payload["displayName"]),
    "RecordingOptOutChanged": lambda client, payload: client.view.change(payload, opt_out=payload["optOut"]),
    "ConnectionLost": lambda client, payload: client.view.change(payload, is_lost=True),
    "ConnectionBack": lambda client, payload: client.view.change(payload, is_lost=False),
    "ChatMessage": lambda client, payload: client.view.chat(payload),
    "ParticipantChanged": lambda client, payload: client.view.change(
        payload, control=control_of(msgspec.convert(payload, ParticipantChanged))
    ),
    "SettingsChanged": lambda client, payload: client._settings_changed(payload),
    "Waiting": lambda client, _: client._waits(),
    "SfuEndpoint": Client._sfu_endpoint,
    "ReceiveAnswer": Client._receive_answer,
    "RecordingChanged": Client._recording_changed,
    "Replaced": lambda client, _: client._last_word("Replaced"),
    "Removed": lambda client, _: client._last_word("Removed"),
    "RoomEnded": lambda client, _: client._last_word("RoomEnded"),
}
