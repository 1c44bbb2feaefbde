"""Connections that are lost, and clients that come back: what is kept, what is handed over, what is missed."""

from __future__ import annotations

import pytest
from msgspec import Raw
from msgspec.structs import replace

from tertulia.contract.events import JoinResult
from tertulia.errors import Invalid
from tertulia.ids import ConnectionId, NodeId, UserId, transport_id
from tertulia.room import effects, inputs, journal, steps
from tertulia.room.answers import Joined
from tertulia.room.commands import Close
from tertulia.room.messages import EventMessage, HandoverMessage, JoinedMessage, StateMessage
from tertulia.room.participant import Participant
from tertulia.room.timers import Blip, Handover
from tests.unit.room.core import HERE, ROOM, SETTINGS, THERE, Core, came, left, member, node

A, B = ConnectionId("a"), ConnectionId("b")


def _two() -> Core:
    """Ann and bob, both here; bob was heard of well after he was last told something."""
    core = Core()
    core.join("ann", "a")
    core.join("bob", "b")
    _hear_of_bob(core)
    core.clear()
    return core


def _hear_of_bob(core: Core, after: float = SETTINGS.arrives_within) -> None:
    core.now += after
    core.meeting.heard(B, core.now)


def _lose(core: Core, some_lost: bool = False) -> None:
    core.give(inputs.ConnectionLost(B, some_lost))


def _return(core: Core, connection: str = "b2", received: int | None = None) -> Joined:
    """Bob's JoinRoom with his resume token, up to the script's answer."""
    bob = core.members["bob"]
    core.ask_to_join("bob", connection, resume_token="r", received=received)
    others = [m for m in core.members.values() if m.user_id != "bob"]
    joined = core.joined(others, replaced=bob, resumed=True)
    return replace(joined, participant=replace(joined.participant, seat=bob.seat))


def _come_back(core: Core, received: int | None = None) -> JoinResult:
    core.answer(steps.Join, _return(core, received=received))
    return core.result("b2")


def test_what_was_missed_is_delivered_in_order() -> None:
    core = _two()
    _lose(core)
    for text in ("one", "two"):
        core.call("a", "SendChat", text=text)
    assert core.texts("b") == []
    result = _come_back(core)
    assert not result.missed
    assert core.texts("b2") == ["one", "two"]
    core.call("a", "SendChat", text="three")
    assert core.texts("b2") == ["one", "two", "three"]
    assert [e.some_lost for e in core.of(effects.Returned)] == [False]


def test_whom_the_join_script_saw_is_told_to_who_returns_before_the_channel_says_it() -> None:
    core = _two()
    _lose(core)
    joined = _return(core)
    core.answer(steps.Join, replace(joined, others=[*joined.others, member("eve", "e")]))
    assert not core.result("b2").missed
    assert core.events("b2") == ["ParticipantJoined"]


def test_what_came_while_the_join_was_under_way_comes_once() -> None:
    core = _two()
    _lose(core)
    core.call("a", "SendChat", text="one")
    joined = _return(core)
    core.call("a", "SendChat", text="two")
    core.answer(steps.Join, joined)
    core.call("a", "SendChat", text="three")
    assert core.texts("b2") == ["one", "two", "three"]


def test_nobody_has_received_more_than_was_sent() -> None:
    core = _two()
    _lose(core)
    core.call("a", "SendChat", text="one")
    assert _come_back(core, received=1).missed
    assert core.texts("b2") == ["one"]


def test_nobody_knows_whether_what_was_sent_last_arrived() -> None:
    core = _two()
    core.call("a", "SendChat", text="into a socket that breaks")
    _lose(core)
    assert _come_back(core).missed


def test_what_was_not_sent_is_in_no_doubt() -> None:
    core = _two()
    core.give(inputs.Message(EventMessage(origin=THERE, event="X", payload=Raw(b"{}"), exclude=UserId("bob"))))
    _lose(core)
    assert not _come_back(core).missed


def test_what_was_sent_and_then_answered_by_a_sign_of_life_has_arrived() -> None:
    core = _two()
    core.call("a", "SendChat", text="heard")
    _hear_of_bob(core)
    _lose(core)
    assert not _come_back(core).missed


@pytest.mark.parametrize("target", [None, "bob"])
def test_a_sign_of_life_may_have_crossed_with_what_was_sent(target: str | None) -> None:
    core = _two()
    core.call("a", "SendChat", text="on its way", target_user_id=target)
    _hear_of_bob(core, SETTINGS.arrives_within - 0.1)
    core.call("b", "KeepAlive")
    _lose(core)
    assert _come_back(core).missed


def test_events_that_are_known_to_be_lost_are_missed() -> None:
    core = _two()
    _lose(core, some_lost=True)
    assert _come_back(core).missed


def test_what_is_said_while_a_call_of_the_lost_connection_is_under_way() -> None:
    core = _two()
    core.call("b", "UpdateState", is_muted=True)
    _lose(core)
    core.call("a", "SendChat", text="are you there?")
    core.answer(steps.Update, None)
    assert [type(e) for e in core.effects[-1:]] == [effects.Reply]
    assert not _come_back(core).missed
    assert core.texts("b2") == ["are you there?"]


# --- a client that says how many events it has received


def test_exactly_what_followed_is_delivered() -> None:
    core = _two()
    for text in ("one", "two", "three"):
        core.call("a", "SendChat", text=text)
    _lose(core, some_lost=True)
    core.call("a", "SendChat", text="four")
    assert not _come_back(core, received=1).missed
    assert core.texts("b2") == ["two", "three", "four"]


def test_replayed_events_count_on_the_next_return() -> None:
    core = _two()
    core.call("a", "SendChat", text="one")
    core.call("a", "SendChat", text="two")
    _lose(core)
    _come_back(core, received=0)
    core.call("a", "SendChat", text="three")
    core.give(inputs.ConnectionLost(ConnectionId("b2"), some_lost=False))
    core.answer(steps.Join, _return(core, "b3", received=1))
    assert not core.result("b3").missed
    assert core.texts("b3") == ["two", "three"]


def test_what_was_not_sent_to_the_client_does_not_count() -> None:
    core = _two()
    core.give(inputs.Message(EventMessage(origin=THERE, event="X", payload=Raw(b"{}"), exclude=UserId("bob"))))
    core.call("a", "SendChat", text="to bob", target_user_id="bob")
    core.call("a", "SendChat", text="to all")
    _lose(core)
    assert not _come_back(core, received=1).missed
    assert core.texts("b2") == ["to all"]


def test_what_is_confirmed_is_kept_no_more() -> None:
    core = _two()
    core.call("a", "SendChat", text="one")
    core.call("a", "SendChat", text="two")
    core.call("b", "KeepAlive", received=1)
    core.give(inputs.Sweep())
    _lose(core)
    assert _come_back(core, received=0).missed
    assert core.texts("b2") == ["two"]


def test_a_confirmation_counts_for_a_client_that_then_says_nothing() -> None:
    core = _two()
    core.call("a", "SendChat", text="one")
    core.call("b", "KeepAlive", received=1)
    _lose(core)
    assert not _come_back(core).missed


def test_more_than_was_sent_cannot_be_confirmed() -> None:
    core = _two()
    core.call("b", "KeepAlive", received=1)
    assert core.answers("b")[-1] is Invalid
    assert not core.asks(steps.KeepAlive)


def test_who_says_to_have_received_more_than_was_sent_has_missed_something() -> None:
    core = _two()
    _lose(core)
    core.call("a", "SendChat", text="kept")
    assert _come_back(core, received=7).missed
    assert core.texts("b2") == ["kept"]


def test_what_is_too_old_is_missed_and_the_rest_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "MAX_EVENTS", 2)
    monkeypatch.setattr(journal, "SPARE_EVENTS", 1)
    core = _two()
    for text in ("one", "two", "three"):
        core.call("a", "SendChat", text=text)
    _lose(core)
    assert _come_back(core, received=0).missed
    assert core.texts("b2") == ["two", "three"]


def test_a_stale_event_that_was_dropped_for_a_newer_one_does_not_count() -> None:
    """Bob's socket was congested: of two states of ann only the newer one went out."""
    core = _two()
    core.call("a", "SendChat", text="one")
    for muted in (True, False):
        core.give(inputs.Message(StateMessage(origin=THERE, user_id=UserId("ann"), is_muted=muted, is_video_on=False)))
    core.call("a", "SendChat", text="two")
    stale = next(e.event for e in core.of(effects.Deliver) if e.event.name == "StateChanged")
    core.meeting.superseded(B, stale.latest)
    _lose(core)
    assert not _come_back(core, received=2).missed
    assert core.events("b2") == ["ChatMessage"]


def test_the_endpoint_of_today_is_told_once() -> None:
    core = Core("sfu")
    core.node = NodeId("n1")
    core.nodes.refresh([node("n1")], core.now)
    core.join("bob", "b")
    _lose(core)
    _come_back(core, received=0)
    assert core.events("b2") == ["SfuEndpoint"]


@pytest.mark.parametrize(("received", "texts", "missed"), [(3, ["four"], False), (1, ["three", "four"], True)])
def test_another_hub_hands_over_what_followed(received: int, texts: list[str], missed: bool) -> None:
    core, _ = _returned_from_elsewhere(received)
    core.give(_handover("three", "four", first=2, lost_at=3))
    assert core.result("b").missed is missed
    assert core.texts("b") == texts


@pytest.mark.parametrize("received", [0, 1])
def test_what_a_dead_hub_had_kept_is_missed(received: int) -> None:
    core, _ = _returned_from_elsewhere(received)
    core.due(Handover)
    assert core.result("b").missed


# --- what the others see of it


def test_a_blip_shows_nothing() -> None:
    core = _two()
    _lose(core)
    _come_back(core)
    assert core.events("a") == []
    assert Blip(B) in [e.timer for e in core.of(effects.CancelTimer)]


def test_a_longer_loss_is_shown_and_so_is_its_end() -> None:
    core = _two()
    _lose(core)
    core.due(Blip)
    _come_back(core)
    assert core.events("a") == ["ConnectionLost", "ConnectionBack"]
    assert core.events("b2") == []


def test_the_hub_that_held_the_connection_hands_over() -> None:
    core = _two()
    _lose(core)
    core.call("a", "SendChat", text="kept")
    new = replace(core.members["bob"], connection_id=ConnectionId("far"), hub=THERE)
    core.give(came(new, replaced=core.members["bob"], resumed=True))
    [handover] = [e.message for e in core.of(effects.Publish) if isinstance(e.message, HandoverMessage)]
    assert (handover.connection_id, handover.first, handover.lost_at, handover.in_doubt) == ("far", 0, 0, False)
    assert [name for name, _ in handover.frames] == ["ChatMessage"]


def _returned_from_elsewhere(received: int | None = None) -> tuple[Core, Participant]:
    core = Core()
    core.join("ann", "a", [member("bob", "far")])
    core.ask_to_join("bob", "b", resume_token="r", received=received)
    bob = core.members["bob"]
    joined = core.joined([core.members["ann"]], replaced=bob, resumed=True)
    core.answer(steps.Join, joined)
    core.give(
        inputs.Message(
            JoinedMessage(
                origin=HERE, user_id=UserId("bob"), participant=joined.participant, replaced=bob, resumed=True
            )
        )
    )
    return core, joined.participant


def _handover(*texts: str, first: int = 0, lost_at: int = 0, unsaid: list[int] | None = None) -> inputs.Message:
    frames = [("ChatMessage", Raw(b'{"text":"%s"}' % text.encode())) for text in texts]
    return inputs.Message(
        HandoverMessage(
            origin=THERE,
            connection_id=B,
            first=first,
            frames=frames,
            lost_at=lost_at,
            in_doubt=False,
            unsaid=unsaid or [],
        )
    )


def test_what_another_hub_kept_is_awaited() -> None:
    core, _ = _returned_from_elsewhere()
    assert core.answers("b") == []
    core.give(_handover("one", "two"))
    assert core.texts("b") == ["one", "two"]
    assert not core.result("b").missed
    assert Handover(B) in [e.timer for e in core.of(effects.CancelTimer)]


def test_a_hub_that_died_hands_nothing_over() -> None:
    core, _ = _returned_from_elsewhere()
    core.due(Handover)
    assert core.result("b").missed
    core.give(_handover("too late"))
    assert core.texts("b") == []


def test_what_both_hubs_heard_comes_once() -> None:
    core, _ = _returned_from_elsewhere()
    core.give(inputs.Message(EventMessage(origin=THERE, event="ChatMessage", payload=Raw(b'{"text":"both"}'))))
    core.give(_handover("before", "both", unsaid=[1]))
    assert core.texts("b") == ["before", "both"]


def test_what_is_said_twice_comes_twice() -> None:
    """The same words before and behind the return: the other hub had heard the first of them on the channel."""
    core, _ = _returned_from_elsewhere()
    core.give(inputs.Message(EventMessage(origin=THERE, event="ChatMessage", payload=Raw(b'{"text":"again"}'))))
    core.give(_handover("again"))
    assert core.texts("b") == ["again", "again"]


def test_what_a_member_here_said_before_the_return_comes_from_the_other_hub_alone() -> None:
    core = Core()
    core.join("ann", "a", [member("bob", "far")])
    core.ask_to_join("bob", "b", resume_token="r", received=0)
    bob = core.members["bob"]
    core.call("a", "SendChat", text="before")
    core.call("a", "SendChat", text="behind")
    before, behind = [e.message for e in core.of(effects.Publish) if isinstance(e.message, EventMessage)]
    core.give(inputs.Message(before))
    joined = core.joined([core.members["ann"]], replaced=bob, resumed=True)
    own = JoinedMessage(origin=HERE, user_id=UserId("bob"), participant=joined.participant, replaced=bob, resumed=True)
    core.give(inputs.Message(own))
    core.give(inputs.Message(behind))
    core.answer(steps.Join, joined)
    core.give(
        inputs.Message(
            HandoverMessage(
                origin=THERE,
                connection_id=B,
                first=0,
                frames=[(before.event, before.payload)],
                lost_at=0,
                in_doubt=False,
            )
        )
    )
    assert core.texts("b") == ["before", "behind"]


def test_a_hub_says_which_of_its_own_events_the_channel_has_not_said() -> None:
    core = Core()
    core.join("ann", "a", [member("eve", "e")])
    core.join("bob", "b")
    core.clear()
    for text in ("said", "on its way"):
        core.call("a", "SendChat", text=text)
    said, _ = [e.message for e in core.of(effects.Publish) if isinstance(e.message, EventMessage)]
    core.give(inputs.Message(said))
    new = replace(core.members["bob"], connection_id=ConnectionId("far"), hub=THERE)
    core.give(came(new, replaced=core.members["bob"], resumed=True))
    [handover] = [e.message for e in core.of(effects.Publish) if isinstance(e.message, HandoverMessage)]
    assert [name for name, _ in handover.frames] == ["ChatMessage", "ChatMessage"]
    assert handover.unsaid == [1]


def test_who_returned_and_is_replaced_before_the_answer_leaves_no_peer_behind() -> None:
    core = Core("sfu")
    core.node = NodeId("n1")
    core.nodes.refresh([node("n1")], core.now)
    core.join("bob", "b")
    _lose(core)
    returned = _return(core).participant
    core.give(came(returned, replaced=core.members["bob"], resumed=True))
    core.clear()
    core.give(came(member("bob", "far"), replaced=returned))
    close = Close(room=ROOM, transport=transport_id(returned.seat, core.node))
    assert [e.command for e in core.of(effects.Tell)] == [close]
    assert core.events("b2") == ["Replaced"]


def test_what_was_said_before_the_return_comes_from_the_other_hub_alone() -> None:
    core = Core()
    core.join("ann", "a", [member("bob", "far"), member("eve", "e")])
    core.ask_to_join("bob", "b", resume_token="r")
    core.give(left(member("eve", "e")))
    bob = core.members["bob"]
    joined = core.joined([core.members["ann"]], replaced=bob, resumed=True)
    own = JoinedMessage(origin=HERE, user_id=UserId("bob"), participant=joined.participant, replaced=bob, resumed=True)
    core.give(inputs.Message(own))
    core.answer(steps.Join, joined)
    core.give(_handover())
    assert core.events("b") == []


def test_returning_while_the_old_socket_seems_to_live() -> None:
    core = _two()
    core.call("a", "SendChat", text="to the old socket")
    assert _come_back(core).missed
    assert core.events("b") == ["ChatMessage", "Replaced"]


def test_a_lost_seat_that_redis_forgot_is_looked_for() -> None:
    core = _two()
    _lose(core)
    core.now += 2.5 * core.hub.settings.seat
    core.give(inputs.Sweep())
    assert core.asks(steps.Read)


def test_who_returns_is_shown_so_even_if_the_hub_that_showed_the_loss_is_dead() -> None:
    core = _two()
    eve = member("eve", "e")
    core.give(came(eve))
    core.clear()
    lost = EventMessage(origin=THERE, event="ConnectionLost", payload=Raw(b'{"userId":"eve"}'))
    back = EventMessage(origin=THERE, event="ConnectionBack", payload=Raw(b'{"userId":"eve"}'))
    core.give(inputs.Message(lost))
    core.give(came(replace(eve, connection_id=ConnectionId("e2")), replaced=eve, resumed=True))
    assert core.events("a") == ["ConnectionLost", "ConnectionBack"]
    core.give(inputs.Message(back))  # it lives, and says so too
    assert core.events("a") == ["ConnectionLost", "ConnectionBack"]
    core.give(inputs.Message(lost))
    core.give(inputs.Message(back))
    assert core.events("a") == ["ConnectionLost", "ConnectionBack"] * 2
