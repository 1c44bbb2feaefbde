"""What the calls of members do that need nothing but memory, and the short way for them."""

from __future__ import annotations

import pytest

from tertulia.contract.calls import Empty, KeepAlive, SendChat
from tertulia.errors import Forbidden, Invalid, InvalidSdp, NotJoined, UnknownTarget
from tertulia.ids import ConnectionId
from tertulia.room import effects, inputs
from tests.unit.room.core import Core, member

B = ConnectionId("b")


@pytest.fixture
def core() -> Core:
    """Ann and bob, both here, and eve on another hub."""
    made = Core()
    made.join("ann", "a", [member("eve", "e")])
    made.join("bob", "b")
    made.clear()
    return made


def test_what_is_said_to_everyone_is_one_effect_here_and_one_message_elsewhere(core: Core) -> None:
    made = core.call("a", "SendChat", text="hello")
    assert [type(e) for e in made] == [effects.Deliver, effects.Publish, effects.Run, effects.Reply]
    assert core.texts("a") == core.texts("b") == ["hello"]


def test_what_is_said_to_one_goes_where_that_one_is(core: Core) -> None:
    core.call("a", "SendOffer", target_user_id="bob", sdp="v=0")
    assert core.events("b") == ["ReceiveOffer"]
    core.call("a", "SendOffer", target_user_id="eve", sdp="v=0")
    [publish] = core.of(effects.Publish)
    assert getattr(publish.message, "to", None) == "eve"


@pytest.mark.parametrize(
    ("event", "payload", "error"),
    [
        ("SendOffer", {"target_user_id": "nobody", "sdp": "v=0"}, UnknownTarget),
        ("SendOffer", {"target_user_id": "sfu", "sdp": "v=0"}, UnknownTarget),
        ("SendAnswer", {"target_user_id": "bob", "sdp": "hello"}, InvalidSdp),
        ("MuteAll", {}, Forbidden),
    ],
)
def test_a_refusal_changes_nothing(core: Core, event: str, payload: dict[str, str], error: type[Exception]) -> None:
    assert [type(e) for e in core.call("a", event, **payload)] == [effects.Refuse]
    assert core.answers("a") == [error]


def test_who_has_no_seat_may_call_nothing(core: Core) -> None:
    core.call("x", "SendChat", text="hello")
    assert core.answers("x") == [NotJoined]


def test_the_short_way_is_the_same_way(core: Core) -> None:
    made, is_answered = core.meeting.call(inputs.Call(B, "SendChat", SendChat(text="hi"), 0.0), core.now)
    assert ([type(e) for e in made], is_answered) == ([effects.Deliver, effects.Publish, effects.Run], True)
    made, is_answered = core.meeting.call(inputs.Call(B, "KeepAlive", KeepAlive(), 0.0), core.now)
    assert ([type(e) for e in made], is_answered) == ([effects.Run], False)
    with pytest.raises(Forbidden):
        core.meeting.call(inputs.Call(B, "MuteAll", Empty(), 0.0), core.now)


@pytest.mark.parametrize("has_waited", [False, True])
def test_a_call_says_that_what_was_sent_has_arrived_unless_it_waited(core: Core, has_waited: bool) -> None:
    core.call("a", "SendChat", text="to bob")
    core.now += core.hub.settings.arrives_within
    core.give(inputs.Call(B, "KeepAlive", KeepAlive(), 0.0, has_waited))
    core.give(inputs.ConnectionLost(B, some_lost=False))
    assert core.meeting.seats.lost[core.members["bob"].user_id].in_doubt is has_waited


@pytest.mark.parametrize("target", ["bob", "sfu"])
def test_a_candidate_that_is_an_object_has_the_bound_of_a_line(core: Core, target: str) -> None:
    least = len('{"candidate":""}')
    core.call("a", "SendIceCandidate", target_user_id=target, candidate={"candidate": "é" * (4096 - least)})
    made = core.call("a", "SendIceCandidate", target_user_id=target, candidate={"candidate": "x" * (4097 - least)})
    [refused] = [effect for effect in made if isinstance(effect, effects.Refuse)]
    assert made == [refused]
    assert isinstance(refused.error, Invalid)
    assert refused.error.field == "candidate"


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1])
def test_a_candidate_has_no_number_that_messagepack_does_not_have(core: Core, number: int) -> None:
    made = core.call(
        "a", "SendIceCandidate", target_user_id="bob", candidate={"candidate": "", "sdpMLineIndex": number}
    )
    [refused] = [effect for effect in made if isinstance(effect, effects.Refuse)]
    assert made == [refused]
    assert isinstance(refused.error, Invalid)
    assert refused.error.field == "candidate"
