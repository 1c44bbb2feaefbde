"""Commands → calls of the engine; the engine's events → room messages."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tertulia.contract.calls import WantedVideo
from tertulia.ids import NodeId, RecordingId, RoomId, SeatId, TenantId, TransportId, UserId, new_uuid
from tertulia.room import commands
from tertulia.sfu import _sfu
from tertulia.sfu.agent import Agent, AgentEvent, Message
from tertulia.sfu.leases import Leases
from tertulia.sfu.overload import SETTLED, Choose, Overload
from tertulia.sfu.shares import Shares

NODE = NodeId("node_1")
USER = UserId(new_uuid())
RECORDING = RecordingId(new_uuid())
TENANT = TenantId(new_uuid())
ROOM, PEER, SEAT = RoomId("r"), TransportId("t"), SeatId("seat-1")
OFFER = commands.Offer(
    room=ROOM, transport=PEER, seat=SEAT, user_id=USER, name="Ann", sdp="v=0", tracks={"1": "screen"}
)


class Engine:
    """Notes the calls; may be told to fail."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.failure: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> None:
            if self.failure is not None:
                raise self.failure
            self.calls.append((name, *args, *kwargs.items()))

        return call


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def agent(engine: Engine) -> Agent:
    return made(engine)


def made(engine: Engine, *, shares: Shares | None = None, overload: Overload | None = None) -> Agent:
    return Agent(NODE, engine, Leases(), shares or Shares(1_000_000), overload or Overload(NODE, "r", 0.8, 0.0))


def told(message: Message | None) -> tuple[str, str | None, str | None, Any]:
    """event, to, seat, payload; the rest is checked."""
    assert message is not None
    assert (message.room, message.event.origin, message.event.exclude) == ("r", "node_1", None)
    return message.event.event, message.event.to, message.event.seat, json.loads(bytes(message.event.payload))


@pytest.mark.parametrize(
    ("command", "call"),
    [
        (
            OFFER,
            (
                *("offer", "r", "t", USER, SEAT, "v=0", ("name", "Ann"), ("recording", None)),
                *(("slots", False), ("tracks", {"1": "screen"})),
            ),
        ),
        (commands.Answer(room=ROOM, transport=PEER, sdp="v=0"), ("answer", "t", "v=0")),
        (commands.Block(room=ROOM, transport=PEER, sources=["camera"]), ("block", "t", ["camera"])),
        (
            commands.Candidate(room=ROOM, transport=PEER, candidate="candidate:1"),
            ("candidate", "t", "candidate:1"),
        ),
        (
            commands.Candidate(room=ROOM, transport=PEER, candidate={"candidate": "x"}),
            ("candidate", "t", "x"),
        ),
        (commands.Candidate(room=ROOM, transport=PEER, candidate={"candidate": 7}), ("candidate", "t", "")),
        (commands.Candidate(room=ROOM, transport=PEER, candidate={}), ("candidate", "t", "")),
        (commands.Candidate(room=ROOM, transport=PEER, candidate=None), ("candidate", "t", "")),
        (
            commands.View(room=ROOM, transport=PEER, videos=[WantedVideo(user_id=USER, max_height=360)]),
            ("view", "t", [(USER, "camera", 360)]),
        ),
        (commands.State(room=ROOM, transport=PEER, is_muted=True), ("state", "t", True, None)),
        (commands.Record(room=ROOM, transport=PEER, recording=RECORDING), ("record", "t", RECORDING, "")),
        (commands.Record(room=ROOM, transport=PEER, name="Ada"), ("record", "t", None, "Ada")),
        (commands.StopRecording(room=ROOM, recording=RECORDING), ("stop_recording", "r", RECORDING)),
        (commands.Limit(room=ROOM, mbits=20), ("limit", "r", 20_000)),
        (commands.Limit(room=ROOM, mbits=20, tenant=TENANT, tenant_mbits=9), ("limit", "r", 9_000)),
        (commands.Limit(room=ROOM), ("limit", "r", 1_000_000)),
        (commands.Close(room=ROOM, transport=PEER), ("close", "t")),
        (commands.End(room=ROOM), ("end", "r")),
    ],
)
def test_each_command_is_one_call(
    agent: Agent, engine: Engine, command: commands.Command, call: tuple[Any, ...]
) -> None:
    assert agent.command(commands.encode(command), 0.0) == []
    assert engine.calls == [call]


def test_what_is_no_command_calls_nothing(agent: Agent, engine: Engine) -> None:
    assert agent.command(b'{"op": "reboot"}', 0.0) == []
    assert engine.calls == []


SDP = {"sourceUserId": "t", "sdp": "v=0"}
EVENTS: list[tuple[AgentEvent, str, Any]] = [
    (_sfu.Answer("r", "t", USER, SEAT, "v=0"), "ReceiveAnswer", SDP),
    (_sfu.Offer("r", "t", USER, SEAT, "v=0"), "ReceiveOffer", SDP),
    (
        _sfu.Slots("r", "t", USER, SEAT, [_sfu.Slot("2", "video", "u", "screen"), _sfu.Slot("3", "audio", None, None)]),
        "Slots",
        {
            "transportId": "t",
            "slots": [
                {"mid": "2", "kind": "video", "userId": "u", "source": "screen"},
                {"mid": "3", "kind": "audio", "userId": None, "source": None},
            ],
        },
    ),
    (
        _sfu.LayersWanted(
            "r",
            "t",
            USER,
            SEAT,
            [_sfu.WantedLayers("1", "camera", ["q", "h"], True), _sfu.WantedLayers("2", "screen", [], False)],
        ),
        "LayersWanted",
        {
            "transportId": "t",
            "videos": [
                {"mid": "1", "source": "camera", "rids": ["q", "h"], "wanted": True},
                {"mid": "2", "source": "screen", "rids": [], "wanted": False},
            ],
        },
    ),
    (
        _sfu.VideosPaused("r", "t", USER, SEAT, [("u", "screen")]),
        "VideosPaused",
        {"transportId": "t", "videos": [{"userId": "u", "source": "screen", "reason": "bandwidth"}]},
    ),
    (_sfu.VideosPaused("r", "t", USER, SEAT, []), "VideosPaused", {"transportId": "t", "videos": []}),
    (
        _sfu.VideosLimited(
            "r",
            "t",
            USER,
            SEAT,
            [_sfu.LimitedVideo("u", "camera", 180, False), _sfu.LimitedVideo("u", "screen", None, True)],
        ),
        "VideosLimited",
        {
            "transportId": "t",
            "videos": [
                {"userId": "u", "source": "camera", "height": 180, "fewerFrames": False, "reason": "bandwidth"},
                {"userId": "u", "source": "screen", "height": None, "fewerFrames": True, "reason": "bandwidth"},
            ],
        },
    ),
    (
        _sfu.TransportState("r", "t", USER, SEAT, "connected", None),
        "TransportState",
        {"transportId": "t", "state": "connected"},
    ),
    (
        _sfu.TransportState("r", "t", USER, SEAT, "closed", "fault"),
        "TransportState",
        {"transportId": "t", "state": "closed", "reason": "fault"},
    ),
    (
        _sfu.Refused("r", "t", USER, SEAT, "invalid_sdp", "no m-line"),
        "SfuError",
        {"transportId": "t", "code": "invalid_sdp", "message": "no m-line"},
    ),
    (
        _sfu.NoCommonCodec("r", "t", USER, SEAT, "ana", "camera", "VP8", ["H264"]),
        "SfuError",
        {
            "transportId": "t",
            "code": "no_common_codec",
            "message": "the camera of ana is sent as VP8, which this client does not take",
            "userId": "ana",
            "source": "camera",
            "codec": "VP8",
            "accepted": ["H264"],
        },
    ),
]


@pytest.mark.parametrize(("event", "name", "payload"), EVENTS, ids=lambda x: type(x).__name__)
def test_what_concerns_a_transport_goes_to_its_seat(agent: Agent, event: AgentEvent, name: str, payload: Any) -> None:
    assert told(agent.event(event)) == (name, USER, "seat-1", payload)


def test_a_peer_that_no_hub_names_any_more_is_closed(agent: Agent, engine: Engine) -> None:
    agent.command(commands.encode(OFFER), 0.0)
    seated = commands.encode(commands.Seated(room=ROOM, transports=[]))
    engine.calls.clear()
    assert agent.command(seated, 5.0) == []
    assert engine.calls == []
    assert agent.command(seated, 30.0) == []
    assert engine.calls == [("close", PEER)]


def test_speakers_go_to_everyone(agent: Agent) -> None:
    assert told(agent.event(_sfu.ActiveSpeakers("r", [USER]))) == ("ActiveSpeakers", None, None, {"userIds": [USER]})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (commands.Limit(room=ROOM, mbits=3), "room"),
        (commands.Limit(room=ROOM, tenant=TENANT, tenant_mbits=3), "tenant"),
        (commands.Limit(room=ROOM, mbits=3, tenant=TENANT, tenant_mbits=9), "room"),
        (commands.Limit(room=ROOM, mbits=9, tenant=TENANT, tenant_mbits=3), "tenant"),
        (commands.Limit(room=ROOM), "room"),
    ],
)
def test_everyone_hears_that_more_comes_into_the_room_than_may(agent: Agent, given: commands.Limit, said: str) -> None:
    agent.command(commands.encode(given), 0.0)
    assert told(agent.event(_sfu.Limited("r", "t", USER, SEAT, "room"))) == (
        "MediaLimited",
        None,
        None,
        {"limit": said},
    )


def test_a_room_that_could_not_be_told_its_share_is_told_later(engine: Engine) -> None:
    shares = Shares(1_000_000)
    agent = made(engine, shares=shares)
    engine.failure = _sfu.Overloaded()
    agent.command(commands.encode(commands.Limit(room=ROOM, tenant=TENANT, tenant_mbits=3)), 0.0)
    assert shares.changed() == [(ROOM, 3_000)]
    engine.failure = None
    agent.command(commands.encode(commands.Limit(room=ROOM, tenant=TENANT, tenant_mbits=3)), 1.0)
    assert shares.changed() == []


def test_what_comes_into_rooms_is_for_the_tenants_quota(engine: Engine) -> None:
    shares = Shares(1_000_000)
    agent = made(engine, shares=shares)
    agent.command(commands.encode(commands.Limit(room=ROOM, tenant=TENANT, tenant_mbits=3)), 0.0)
    assert agent.event(_sfu.Inflow("r", 1_200)) is None
    assert shares.inflows(TENANT) == [1_200]


def test_what_is_forwarded_in_rooms_is_for_the_node_itself(engine: Engine) -> None:
    overload = Overload(NODE, "r", 0.8, 0.0)
    agent = made(engine, overload=overload)
    rooms = [RoomId("r"), RoomId("s"), RoomId("t")]
    overload.beat(0.0, 0.0, rooms, 0.0)
    now = SETTLED
    while not isinstance(need := overload.beat(1.0, 1.0, rooms, now), Choose):
        now += 1.0
        for room, packets in (("r", 40), ("s", 30), ("t", 30)):
            assert agent.event(_sfu.Forwarded(room, int(packets * now))) is None
    assert max(need.costs, key=lambda room: need.costs[room]) == "r"


def test_everyone_hears_of_trouble_with_a_recording_but_not_what_the_system_said(agent: Agent) -> None:
    trouble = _sfu.RecordingTrouble("r", RECORDING, "disk_full", "No space left on device")
    payload = {"recordingId": RECORDING, "reason": "disk_full"}
    assert told(agent.event(trouble)) == ("RecordingTrouble", None, None, payload)


@pytest.mark.parametrize(
    ("reason", "command", "times"),
    [
        ("disk_full", None, 2),
        ("disk_error", commands.StopRecording(room=ROOM, recording=RecordingId(new_uuid())), 2),
        ("disk_full", commands.StopRecording(room=ROOM, recording=RECORDING), 0),
        ("disk_full", commands.End(room=ROOM), 0),
        ("disk_slow", None, 0),
    ],
)
def test_trouble_that_lasts_is_told_again_until_the_recording_is_stopped(
    agent: Agent, reason: str, command: commands.Command | None, times: int
) -> None:
    agent.event(_sfu.RecordingTrouble(ROOM, RECORDING, reason, "No space left on device"))
    assert agent.again(0.0) == []
    if command is not None:
        agent.command(commands.encode(command), 1.0)
    again = [told(message)[0] for at in range(1, 25) for message in agent.again(float(at))]
    assert again == ["RecordingTrouble"] * times


@pytest.mark.parametrize(
    "event",
    [
        _sfu.Lost(3),
        _sfu.Restarted("why"),
        _sfu.Limited("room", "sfu_1", "user", "seat", "camera"),
    ],
)
def test_the_operators_events_are_for_no_client(agent: Agent, event: AgentEvent) -> None:
    assert agent.event(event) is None


@pytest.mark.parametrize(
    ("failure", "code"),
    [(_sfu.Overloaded(), "overloaded"), (_sfu.Stopped(), "internal"), (ValueError("'x' is no source"), "internal")],
)
def test_an_offer_that_cannot_be_passed_on_is_refused(
    agent: Agent, engine: Engine, failure: Exception, code: str
) -> None:
    engine.failure = failure
    messages = agent.command(commands.encode(OFFER), 0.0)
    assert [(event, to, seat, payload["code"]) for event, to, seat, payload in map(told, messages)] == [
        ("SfuError", USER, "seat-1", code)
    ]
    assert agent.command(commands.encode(commands.Close(room=ROOM, transport=PEER)), 0.0) == []
    assert agent.command(commands.encode(commands.End(room=ROOM)), 0.0) == []
