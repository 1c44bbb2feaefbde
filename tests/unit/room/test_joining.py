"""JoinRoom, step by step: what a meeting asks, and what follows from each answer."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import Raw
from msgspec.structs import replace

from tertulia.contract.settings import Settings
from tertulia.errors import QuotaExceeded, RoleNotAllowed, RoomFull, Unavailable, UserRemoved
from tertulia.ids import NodeId, SessionId, TenantId, UserId
from tertulia.room import effects, inputs, steps
from tertulia.room.answers import Ongoing, Reading
from tertulia.room.commands import Close, Limit
from tertulia.room.effects import Tell
from tertulia.room.messages import EndedMessage, EventMessage, JoinedMessage, ReadMessage
from tertulia.room.quotas import Quotas
from tests.unit.room.core import HERE, ROOM, SESSION, THERE, Core, came, left, member, node

ANN, BOB = member("ann", "a"), member("bob", "b")


def test_the_channel_is_heard_before_the_script_runs() -> None:
    core = Core()
    made = core.ask_to_join("ann", "a")
    assert [type(e) for e in made] == [effects.Subscribe, effects.Run]


def test_a_channel_that_cannot_be_heard_refuses_everyone_who_waits_for_it() -> None:
    core = Core(is_heard=False)
    core.ask_to_join("ann", "a")
    core.ask_to_join("bob", "b")
    core.give(inputs.NotSubscribed(Unavailable("away")))
    assert core.answers("a") == core.answers("b") == [Unavailable]
    assert isinstance(core.effects[-1], effects.Unused)


def test_the_result_then_the_seat_then_what_follows() -> None:
    core = Core("sfu")
    core.node = NodeId("n1")
    core.nodes.refresh([node("n1")], core.now)
    core.ask_to_join("ann", "a")
    made = core.answer(steps.Join, core.joined([BOB]))
    assert [type(e) for e in made] == [effects.Reply, effects.Sat, effects.Deliver]
    assert [p.user_id for p in core.result("a").participants] == ["bob"]
    assert b"permissions" not in msgspec.json.encode(replace(core.result("a"), participants=[]))
    assert core.events("a") == ["SfuEndpoint"]


def test_a_script_that_fails_changes_nothing() -> None:
    core = Core()
    core.ask_to_join("ann", "a")
    made = core.fail(steps.Join, RoomFull("full"))
    assert [type(e) for e in made] == [effects.Refuse, effects.Unsubscribe, effects.Unused]
    assert core.answers("a") == [RoomFull]


@pytest.mark.parametrize("is_away", [False, True])
def test_a_seat_of_which_nobody_heard_is_given_up(is_away: bool) -> None:
    """Redis may have carried out the script: the client is refused, and whether it is there or gone, it has no seat."""
    core = Core()
    core.ask_to_join("ann", "a")
    made = core.fail(steps.Join, Unavailable("away"))
    assert [type(e) for e in made] == [effects.Run]
    leave = core.step(steps.Leave)
    assert (leave.user, leave.connection) == ("ann", "a")
    made = core.fail(steps.Leave, Unavailable("away")) if is_away else core.answer(steps.Leave, None)
    assert [type(e) for e in made] == [effects.Refuse, effects.Unsubscribe, effects.Unused]
    assert core.answers("a") == [Unavailable]


def test_who_returns_or_takes_over_does_not_lose_the_seat_while_redis_is_away() -> None:
    core = Core()
    core.ask_to_join("ann", "a", resume_token="token")
    core.fail(steps.Join, Unavailable("away"))
    assert not core.asks(steps.Leave)
    assert core.answers("a") == [Unavailable]


@pytest.mark.parametrize(("quota", "wanted", "error"), [(3, 3, QuotaExceeded), (10, 10, RoomFull), (50, 10, RoomFull)])
def test_the_smaller_of_setting_and_quota_holds_and_is_named(quota: int, wanted: int, error: type[Exception]) -> None:
    core = Core()
    core.record = replace(core.record, quotas=Quotas(room_people=quota))
    core.ask_to_join("ann", "a")
    assert core.step(steps.Join).max_participants == wanted
    core.fail(steps.Join, RoomFull("full"))
    assert core.answers("a") == [error]


def test_the_host_gets_in_whatever_the_quota_of_the_room() -> None:
    core = Core()
    core.record = replace(core.record, host_user_id=UserId("ann"), quotas=Quotas(room_people=1))
    core.ask_to_join("ann", "a")
    assert core.step(steps.Join).max_participants is None


def test_a_node_is_told_what_may_come_into_the_room() -> None:
    core = Core("sfu")
    core.node = NodeId("n1")
    core.nodes.refresh([node("n1")], core.now)
    core.record = replace(core.record, quotas=Quotas(room_mbits=7))
    core.ask_to_join("ann", "a")
    core.answer(steps.Join, core.joined([]))
    made = core.give(inputs.Sweep())
    assert Tell(NodeId("n1"), Limit(room=ROOM, mbits=7)) in made


def test_a_node_is_told_of_the_tenants_quota_of_bits_and_that_there_is_none_any_more() -> None:
    core = Core("sfu")
    core.node = NodeId("n1")
    core.nodes.refresh([node("n1")], core.now)

    def limits() -> list[Limit]:
        return [e.command for e in core.give(inputs.Sweep()) if isinstance(e, Tell) and isinstance(e.command, Limit)]

    core.ask_to_join("ann", "a")
    core.answer(steps.Join, core.joined([]))
    assert limits() == []
    given = (
        (Quotas(mbits=40), Limit(room=ROOM, tenant=TenantId("tenant"), tenant_mbits=40)),
        (Quotas(mbits=40, room_mbits=9), Limit(room=ROOM, mbits=9, tenant=TenantId("tenant"), tenant_mbits=40)),
        (Quotas(), Limit(room=ROOM)),
    )
    for number, (quotas, wanted) in enumerate(given):
        core.record = replace(core.record, quotas=quotas)
        core.ask_to_join("bob", f"b{number}")
        assert limits() == [wanted]


def test_a_node_is_told_at_once_of_quotas_that_have_changed() -> None:
    core = Core("sfu")
    core.node = NodeId("n1")
    core.nodes.refresh([node("n1")], core.now)
    core.ask_to_join("ann", "a")
    core.answer(steps.Join, core.joined([]))

    def told(quotas: Quotas) -> list[effects.Effect]:
        return core.give(inputs.QuotasRead(TenantId("tenant"), quotas))

    assert told(Quotas(people=9)) == []
    assert told(Quotas(room_mbits=7)) == [Tell(NodeId("n1"), Limit(room=ROOM, mbits=7))]
    assert told(Quotas(room_mbits=7)) == []
    assert told(Quotas()) == [Tell(NodeId("n1"), Limit(room=ROOM))]


def test_a_role_that_is_not_admitted_finds_the_room_closed() -> None:
    core = Core()
    core.record = replace(core.record, settings=Settings(allowed_roles=("host",)))
    core.ask_to_join("ann", "a")
    assert core.step(steps.Join).entry == "closed"
    core.fail(steps.Join, RoleNotAllowed("this room does not admit the role attendee"))
    assert core.answers("a") == [RoleNotAllowed]


def _first(core: Core, user: str = "ann", connection: str = "a") -> None:
    """A join that made the room's state."""
    core.record = replace(core.record, session_id=None)
    core.ask_to_join(user, connection)
    core.answer(steps.Join, core.joined([], first_of_session=True))


def test_the_first_opens_the_session_before_the_answer() -> None:
    core = Core()
    _first(core)
    assert core.step(steps.OpenSession).session_id == SESSION
    assert core.answers("a") == []
    core.answer(steps.OpenSession, True)
    core.answer(steps.Summary, core.summary())
    assert core.result("a").user_id == "ann"


def test_a_session_that_cannot_be_opened_gives_the_seat_up() -> None:
    core = Core()
    core.join("bob", "b")
    _first(core)
    core.fail(steps.OpenSession, Unavailable("SQL is away"))
    leave = core.step(steps.Leave)
    assert (leave.user, leave.connection) == ("ann", "a")
    core.answer(steps.Leave, core.left("ann"))
    assert core.answers("a") == [Unavailable]
    assert core.events("b") == ["ParticipantJoined", "ParticipantLeft"]
    assert core.members.keys() == {"bob"}


def test_a_session_that_is_closed_already_begins_anew() -> None:
    core = Core()
    _first(core)
    core.answer(steps.OpenSession, False)
    assert core.step(steps.End).session_id == SESSION
    core.answer(steps.End, None)
    core.answer(steps.PrepareJoin, replace(core.record, session_id=None))
    first = core.step(steps.Join)
    assert first.placement.session_id != SESSION
    core.answer(steps.Join, core.joined([], session_id=first.placement.session_id, first_of_session=True))
    core.answer(steps.OpenSession, True)
    core.answer(steps.Summary, core.summary(session_id=first.placement.session_id))
    assert core.result("a").user_id == "ann"


def test_a_join_that_crosses_with_the_end_again_and_again_is_refused_in_the_end() -> None:
    core = Core()
    _first(core)
    for _ in range(4):
        core.answer(steps.OpenSession, False)
        core.answer(steps.End, None)
        core.answer(steps.PrepareJoin, replace(core.record, session_id=None))
        session = core.step(steps.Join).placement.session_id
        core.answer(steps.Join, core.joined([], session_id=session, first_of_session=True))
    core.answer(steps.OpenSession, False)
    core.answer(steps.End, None)
    assert core.answers("a") == [Unavailable]


def test_a_meeting_that_ended_before_its_session_was_open_is_closed_in_sql() -> None:
    core = Core()
    _first(core)
    core.answer(steps.OpenSession, True)
    core.answer(steps.Summary, None)
    assert core.step(steps.CloseSession).session_id == SESSION
    core.answer(steps.CloseSession, None)
    core.answer(steps.End, None)
    assert core.events("a") == ["RoomEnded"]


def test_two_sessions_cannot_be_on_at_once() -> None:
    core = Core()
    core.join("bob", "b")
    core.record = replace(core.record, session_id=SessionId("next"))
    core.ask_to_join("ann", "a")
    core.answer(steps.Join, core.joined([], session_id=SessionId("next"), incarnation="other"))
    core.answer(steps.Summary, core.summary(session_id=SessionId("next")))
    assert core.events("b") == ["RoomEnded"]
    assert core.result("a").participants == []


def test_what_was_said_of_an_earlier_session_counts_for_nothing() -> None:
    core = Core()
    core.ask_to_join("ann", "a")
    core.give(came(BOB))
    core.give(inputs.Message(EndedMessage(origin=THERE, session_id=SessionId("before"), reason="host")))
    joined = core.joined([])
    core.answer(steps.Join, joined)
    core.give(inputs.Message(JoinedMessage(origin=HERE, user_id=UserId("ann"), participant=joined.participant)))
    assert core.members.keys() == {"ann"}
    core.give(came(BOB))
    assert core.events("a") == ["ParticipantJoined"]


def test_who_joins_meanwhile_is_in_the_list_or_comes() -> None:
    core = Core()
    core.ask_to_join("ann", "a")
    joined = core.joined([])
    core.give(inputs.Message(JoinedMessage(origin=HERE, user_id=UserId("ann"), participant=joined.participant)))
    core.give(came(BOB))
    core.answer(steps.Join, joined)
    assert [p.user_id for p in core.result("a").participants] == ["bob"]


def test_those_whom_the_script_saw_are_told_before_the_channel_has_them() -> None:
    core = Core()
    core.join("ann", "a")
    core.ask_to_join("eve", "e")
    core.answer(steps.Join, core.joined([member("ann", "a", HERE), BOB]))
    assert core.events("a") == ["ParticipantJoined", "ParticipantJoined"]
    core.call("e", "SendChat", text="hello")
    assert [type(e.message) for e in core.of(effects.Publish)] == [EventMessage]
    core.give(came(BOB))
    assert core.events("a").count("ParticipantJoined") == 2


def test_what_the_channel_said_before_the_join_is_not_for_who_joins() -> None:
    """A user leaves and joins again; the answers of both scripts are here before the channel has said the second."""
    core = Core()
    core.join("ann", "a")
    core.join("bob", "b")
    gone = core.left("bob")
    core.call("b", "LeaveRoom")
    core.ask_to_join("bob", "b2")
    core.ask_to_join("eve", "e")
    core.give(left(gone.participant, origin=HERE))
    core.answer(steps.Leave, gone)
    core.answer(steps.Join, core.joined([core.members["ann"]]))
    core.answer(steps.Join, core.joined([*core.members.values()]))
    assert {p.user_id for p in core.result("e").participants} == {"ann", "bob"}
    assert core.events("e") == []


def test_what_is_said_behind_a_reading_is_for_who_joined_before_it() -> None:
    """The channel broke, and never says the join itself."""
    core = Core()
    core.join("ann", "a")
    core.record = replace(core.record, session_id=None)
    core.ask_to_join("eve", "e")
    core.answer(steps.Join, core.joined([core.members["ann"]]))
    core.give(inputs.Gap())
    mark = ReadMessage(origin=HERE, mark=core.step(steps.Read).mark)
    core.answer(steps.Read, Reading(summary=core.summary(), participants=[*core.members.values(), BOB]))
    core.give(inputs.Message(mark))
    core.give(inputs.Message(EventMessage(origin=THERE, event="ChatMessage", payload=Raw(b'{"text":"hi"}'))))
    core.answer(steps.OpenSession, True)
    core.answer(steps.Summary, core.summary())
    assert [p.user_id for p in core.result("e").participants] == ["ann", "bob"]
    assert core.texts("e") == ["hi"]


def test_a_join_that_settles_while_the_room_is_read_is_not_deaf_afterwards() -> None:
    """What the channel said of it was dropped with all that is older than the reading."""
    core = Core()
    core.join("ann", "a")
    core.ask_to_join("eve", "e")
    new = {"session_id": SessionId("new"), "incarnation": "lost and made again"}
    joined = core.joined([], **new)
    core.give(inputs.Gap())
    core.give(inputs.Message(JoinedMessage(origin=HERE, user_id=UserId("eve"), participant=joined.participant)))
    core.give(inputs.Message(ReadMessage(origin=HERE, mark=core.step(steps.Read).mark)))
    core.answer(steps.Join, joined)
    found = Reading(summary=core.summary(**new), participants=[joined.participant])
    core.answer(steps.Read, found)
    core.answer(steps.ReadSession, None)
    assert core.events("a") == ["RoomEnded"]
    core.answer(steps.Summary, core.summary(**new))
    mark = ReadMessage(origin=HERE, mark=core.step(steps.Read).mark)
    core.answer(steps.Read, found)
    core.give(inputs.Message(mark))
    core.answer(steps.OpenSession, True)
    core.answer(steps.Summary, core.summary(**new))
    core.give(inputs.Message(EventMessage(origin=THERE, event="ChatMessage", payload=Raw(b'{"text":"hi"}'))))
    assert core.texts("e") == ["hi"]


def test_whom_the_channel_has_said_to_be_gone_is_not_listed() -> None:
    core = Core()
    core.join("ann", "a", [BOB])
    core.ask_to_join("eve", "e")
    joined = core.joined([member("ann", "a", HERE), BOB])
    core.give(inputs.Message(JoinedMessage(origin=HERE, user_id=UserId("eve"), participant=joined.participant)))
    core.give(came(member("bob", "b2")))
    core.give(left(member("bob", "b2"), "removed"))
    core.answer(steps.Join, joined)
    assert [p.user_id for p in core.result("e").participants] == ["ann"]


def test_the_same_user_again_takes_the_seat() -> None:
    core = Core("sfu")
    core.node = NodeId("n1")
    core.nodes.refresh([node("n1")], core.now)
    core.join("bob", "b")
    core.join("ann", "a")
    core.clear()
    core.ask_to_join("ann", "a2")
    core.answer(steps.Join, core.joined([core.members["bob"]], replaced=core.members["ann"]))
    assert core.events("a") == ["Replaced"]
    assert core.events("b") == []
    assert [type(e.command) for e in core.of(effects.Tell)] == [Close]
    assert [e.connection for e in core.of(effects.Sat)] == ["a2"]


def _take_over(core: Core, **fields: Any) -> None:
    """Ann comes by another connection, by a record that does not know the session."""
    core.record = replace(core.record, session_id=None)
    core.ask_to_join("ann", "a2")
    core.answer(steps.Join, core.joined([], replaced=member("ann", "a", HERE), **fields))


def test_who_takes_over_a_seat_in_a_session_that_sql_has_closed_begins_anew() -> None:
    core = Core()
    _take_over(core)
    core.answer(steps.OpenSession, False)
    assert core.step(steps.End).session_id == SESSION
    assert core.answers("a2") == []


def test_who_takes_over_a_seat_in_a_lost_state_may_have_been_removed() -> None:
    core = Core()
    _take_over(core, session_unread=True)
    core.answer(steps.OpenSession, True)
    core.answer(steps.ReadSession, Ongoing(None, {UserId("ann"): 0}))
    core.answer(steps.Leave, core.left("ann", 0))
    assert core.answers("a2") == [UserRemoved]


def test_who_takes_over_a_seat_while_sql_is_away_has_it() -> None:
    core = Core()
    _take_over(core)
    core.fail(steps.OpenSession, Unavailable("away"))
    assert core.result("a2").user_id == "ann"


def test_who_returns_to_a_seat_waits_for_no_sql() -> None:
    core = Core()
    _take_over(core, resumed=True)
    assert core.result("a2").user_id == "ann"


def test_a_seat_that_is_taken_before_the_answer() -> None:
    core = Core()
    core.join("bob", "b")
    _first(core)
    core.ask_to_join("ann", "a2")
    core.answer(steps.Join, core.joined([core.members["bob"]], replaced=core.members["ann"]))
    core.answer(steps.OpenSession, True)
    core.answer(steps.Summary, core.summary())
    assert core.events("a") == ["Replaced"]
    assert "a" not in [e.connection for e in core.of(effects.Sat)]


def test_a_lost_room_goes_on_where_this_hub_knows_it_to_live() -> None:
    core = Core("sfu")
    core.node = NodeId("n2")
    core.nodes.refresh([node("n2")], core.now)
    core.join("ann", "a")
    core.nodes.refresh([node("n1"), node("n2")], core.now)
    core.ask_to_join("bob", "b")
    assert core.step(steps.Join).placement.node == "n2"


def test_a_client_that_is_gone_before_the_answer_has_a_lost_seat() -> None:
    core = Core()
    core.ask_to_join("ann", "a")
    core.give(inputs.ConnectionLost(ANN.connection_id, some_lost=False))
    core.answer(steps.Join, core.joined([]))
    assert core.meeting.seats.lost.keys() == {"ann"}
    assert core.of(effects.SetTimer)


def test_the_meeting_is_not_used_once_nobody_wants_it() -> None:
    core = Core()
    core.ask_to_join("ann", "a")
    core.fail(steps.Join, RoomFull("full"))
    assert core.of(effects.Unused)
    assert core.meeting.id == ROOM


# --- without SQL


def test_a_running_room_is_joined_while_sql_is_away_and_its_session_is_opened_later() -> None:
    core = Core()
    core.record = replace(core.record, session_id=None)
    core.ask_to_join("bob", "b")
    core.answer(steps.Join, core.joined([member("eve", "e")]))
    core.fail(steps.OpenSession, Unavailable("away"))
    assert core.result("b").user_id == "bob"
    for _ in range(2):
        core.give(inputs.Sweep())
        core.fail(steps.OpenSession, Unavailable("away"))
    core.give(inputs.Sweep())
    core.answer(steps.OpenSession, True)
    core.give(inputs.Sweep())
    assert not core.asks(steps.OpenSession)
    assert not core.asks(steps.End)


def test_a_meeting_that_sql_says_is_over_ends_when_sql_is_back() -> None:
    core = Core()
    core.record = replace(core.record, session_id=None)
    core.ask_to_join("bob", "b")
    core.answer(steps.Join, core.joined([member("eve", "e")]))
    core.fail(steps.OpenSession, Unavailable("away"))
    core.give(inputs.Sweep())
    core.answer(steps.OpenSession, False)
    assert core.step(steps.End).session_id == SESSION


def test_a_new_meeting_needs_sql() -> None:
    core = Core()
    core.record = replace(core.record, session_id=None)
    core.ask_to_join("bob", "b")
    core.answer(steps.Join, core.joined([], first_of_session=True))
    core.fail(steps.OpenSession, Unavailable("away"))
    core.answer(steps.Leave, core.left("bob", remaining=0))
    assert core.answers("b") == [Unavailable]
