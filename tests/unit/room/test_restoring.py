"""Redis has lost the room, or messages were missed: what is read, what is written, who is shown what."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Raw
from msgspec.structs import replace

from tertulia.contract.calls import Empty
from tertulia.errors import NoSession, NotJoined, Unavailable
from tertulia.ids import ConnectionId, SeatId, SessionId, UserId
from tertulia.room import answers, effects, hearing, inputs, steps
from tertulia.room.answers import KeptAlive, Ongoing, Reading, Restored, StateLost
from tertulia.room.messages import EventMessage, JoinedMessage, ReadMessage, StateMessage
from tertulia.room.participant import Participant
from tertulia.room.timers import Mark, ReadAgain
from tests.unit.room.core import HERE, THERE, Core, came, left, member

BOB = member("bob", "b")
RESTORED = Restored(incarnation="new", region="r", node=None, recording=None, created=True, displaced=[])


def _mark(core: Core) -> inputs.Message:
    """The channel says the mark of the reading that waits."""
    return inputs.Message(ReadMessage(origin=HERE, mark=core.step(steps.Read).mark))


def _reading(core: Core, *members: Participant, incarnation: str | None = None) -> Reading:
    summary = core.summary(incarnation=incarnation or core.incarnation)
    return Reading(summary=summary, participants=[*members])


def _mine(core: Core, user: str = "ann") -> Participant:
    return core.members[user]


# --- a state that was lost


def test_everyone_who_finds_the_state_lost_at_once_is_answered() -> None:
    core = Core()
    for user in ("ann", "bob", "eve"):
        core.join(user, f"c-{user}")
        core.call(f"c-{user}", "KeepAlive")
    for _ in range(3):
        core.answer(steps.KeepAlive, KeptAlive.LOST)
    core.answer(steps.ReadSession, Ongoing(None))
    assert {m.user_id for m in core.step(steps.Restore).members} == {"ann", "bob", "eve"}
    core.answer(steps.Restore, RESTORED)
    assert {s.incarnation for s in core.open.values() if isinstance(s, steps.KeepAlive)} == {"new"}
    for user in ("ann", "bob", "eve"):
        core.answer(steps.KeepAlive, KeptAlive.ALIVE)
        assert len(core.answers(f"c-{user}")) == 2


@pytest.mark.parametrize(
    ("event", "payload", "kind"),
    [
        ("UpdateState", {"is_muted": True}, steps.Update),
        ("RaiseHand", {"raised": True}, steps.RaiseHand),
        ("SetDisplayName", {"display_name": "Anna"}, steps.SetDisplayName),
    ],
)
def test_other_calls_put_it_back_too(event: str, payload: dict[str, Any], kind: type[Any]) -> None:
    core = Core()
    core.join("ann", "a")
    core.call("a", event, **payload)
    core.fail(kind, StateLost("lost"))
    core.answer(steps.ReadSession, Ongoing(None))
    core.answer(steps.Restore, RESTORED)
    core.fail(kind, StateLost("lost again"))
    assert core.answers("a")[-1] is NotJoined


def test_a_session_that_ended_is_not_put_back() -> None:
    core = Core()
    core.join("ann", "a")
    core.call("a", "KeepAlive")
    core.answer(steps.KeepAlive, KeptAlive.LOST)
    made = core.answer(steps.ReadSession, None)
    assert core.events("a") == ["RoomEnded"]
    assert core.answers("a")[-1] is NotJoined
    assert isinstance(made[-1], effects.Unused)


def test_another_session_in_the_room_ends_this_one() -> None:
    core = Core()
    core.join("ann", "a")
    core.call("a", "KeepAlive")
    core.answer(steps.KeepAlive, KeptAlive.LOST)
    core.answer(steps.ReadSession, Ongoing(None))
    core.fail(steps.Restore, NoSession("another has begun"))
    assert core.events("a") == ["RoomEnded"]


def test_what_cannot_be_put_back_now_is_tried_by_the_next() -> None:
    core = Core()
    core.join("ann", "a")
    core.call("a", "RaiseHand", raised=True)
    core.fail(steps.RaiseHand, StateLost("lost"))
    core.fail(steps.ReadSession, Unavailable("SQL is away"))
    assert core.answers("a")[-1] is Unavailable
    core.call("a", "KeepAlive")
    core.answer(steps.KeepAlive, KeptAlive.LOST)
    core.fail(steps.ReadSession, Unavailable("SQL is away"))
    assert core.answers("a")[-1] == Empty(), "the seat is kept"
    core.call("a", "KeepAlive")
    core.answer(steps.KeepAlive, KeptAlive.LOST)
    assert core.asks(steps.ReadSession)


def test_keepalive_is_answered_while_redis_is_away() -> None:
    core = Core()
    core.join("ann", "a")
    core.call("a", "KeepAlive")
    core.fail(steps.KeepAlive, Unavailable("Redis is away"))
    assert core.answers("a")[-1] == Empty()


def test_who_is_about_to_leave_is_not_written_again() -> None:
    core = Core()
    core.join("ann", "a")
    core.join("bob", "b")
    core.call("b", "LeaveRoom")
    core.call("a", "KeepAlive")
    core.answer(steps.KeepAlive, KeptAlive.LOST)
    core.answer(steps.ReadSession, Ongoing(None))
    assert [m.user_id for m in core.step(steps.Restore).members] == ["ann"]


def test_a_lost_seat_is_written_again_for_its_client_to_return_to() -> None:
    core = Core()
    core.join("ann", "a")
    core.join("bob", "b")
    core.give(inputs.ConnectionLost(ConnectionId("b"), some_lost=False))
    core.call("a", "KeepAlive")
    core.answer(steps.KeepAlive, KeptAlive.LOST)
    core.answer(steps.ReadSession, Ongoing(None))
    assert {m.user_id for m in core.step(steps.Restore).members} == {"ann", "bob"}


def _restored(core: Core) -> None:
    core.call("a", "KeepAlive")
    core.answer(steps.KeepAlive, KeptAlive.LOST)
    core.answer(steps.ReadSession, Ongoing(None))
    core.answer(steps.Restore, RESTORED)
    core.answer(steps.KeepAlive, KeptAlive.ALIVE)


def test_those_whom_their_hub_has_not_written_again_yet_are_believed_for_a_while() -> None:
    core = Core()
    core.join("ann", "a", [BOB])
    core.clear()
    _restored(core)
    core.incarnation = "new"
    core.give(inputs.Gap())
    mark = _mark(core)
    core.answer(steps.Read, _reading(core, _mine(core)))
    core.give(mark)
    assert core.events("a") == []
    core.now += core.hub.settings.seat - 1
    core.give(inputs.Sweep())
    assert core.events("a") == []
    core.now += 1
    core.answer(steps.Expire, answers.Expired(participants=[], remaining=1))
    core.give(inputs.Sweep())
    assert core.events("a") == ["ParticipantLeft"]


def test_nobody_is_doubted_whose_hub_has_written_them_again() -> None:
    core = Core()
    core.join("ann", "a", [BOB])
    core.clear()
    _restored(core)
    core.give(came(BOB, restored=True))
    core.now += 10 * core.hub.settings.seat
    core.give(inputs.Sweep())
    assert core.events("a") == []


def test_who_was_written_again_may_leave_and_join_on_the_same_socket() -> None:
    """The channel is slower than the answers."""
    core = Core()
    core.join("ann", "a")
    core.join("bob", "b")
    core.clear()
    _restored(core)
    ann = _mine(core)
    core.call("a", "LeaveRoom")
    core.answer(steps.Leave, core.left("ann"))
    core.give(came(ann, restored=True))
    core.give(left(ann, origin=HERE))
    core.join("ann", "a")
    core.call("a", "SendChat", text="here again")
    assert core.events("b") == ["ParticipantLeft", "ParticipantJoined", "ChatMessage"]
    assert core.texts("a") == ["here again"]


def test_who_sits_where_a_member_of_this_hub_sat_replaces_them() -> None:
    core = Core()
    core.join("ann", "a")
    core.call("a", "KeepAlive")
    core.answer(steps.KeepAlive, KeptAlive.LOST)
    core.answer(steps.ReadSession, Ongoing(None))
    other = member("ann", "elsewhere", seat=SeatId("other"))
    core.answer(steps.Restore, replace(RESTORED, displaced=[other]))
    assert core.events("a") == ["Replaced"]


# --- messages that were missed


def test_a_hub_that_missed_messages_tells_the_difference() -> None:
    core = Core()
    core.join("ann", "a", [BOB])
    core.clear()
    core.give(inputs.Gap())
    mark = _mark(core)
    core.answer(steps.Read, _reading(core, _mine(core), member("eve", "e", is_muted=True)))
    core.give(mark)
    assert core.events("a") == ["ParticipantLeft", "ParticipantJoined"]


def test_what_was_said_before_the_room_was_read_is_old() -> None:
    """A take-over that is heard late: the new connection is here already."""
    core = Core()
    core.join("ann", "a")
    core.clear()
    core.give(inputs.Gap())
    first, last = member("bob", "b1"), member("bob", "b2")
    mark = _mark(core)
    core.give(came(first))
    core.give(came(last, replaced=first))
    core.answer(steps.Read, _reading(core, _mine(core), last))
    core.give(inputs.Message(EventMessage(origin=THERE, event="ChatMessage", payload=Raw(b'{"text":"hi"}'))))
    core.give(mark)
    core.give(left(last))
    assert core.events("a") == ["ParticipantJoined", "ChatMessage", "ParticipantLeft"]


def test_the_mark_may_come_before_the_answer() -> None:
    core = Core()
    core.join("ann", "a", [BOB])
    core.clear()
    core.give(inputs.Gap())
    core.give(_mark(core))
    core.give(left(BOB))
    core.answer(steps.Read, _reading(core, _mine(core), BOB))
    assert core.events("a") == ["ParticipantLeft"]


def test_a_room_that_cannot_be_read_is_read_again() -> None:
    core = Core()
    core.join("ann", "a", [BOB])
    core.give(inputs.Gap())
    core.fail(steps.Read, Unavailable("away"))
    core.due(ReadAgain)
    mark = _mark(core)
    core.answer(steps.Read, _reading(core, _mine(core)))
    core.give(mark)
    assert core.events("a")[-1] == "ParticipantLeft"


def test_the_mark_of_an_earlier_meeting_does_not_make_its_messages_count_in_the_next_one() -> None:
    core = Core()
    core.join("ann", "a")
    core.give(inputs.Gap())
    mark = _mark(core)
    core.answer(steps.Read, _reading(core, _mine(core)))
    following = SessionId("next")
    core.record = replace(core.record, session_id=following)
    core.ask_to_join("eve", "e")
    joined = core.joined([], session_id=following, incarnation="other")
    core.answer(steps.Join, joined)
    core.answer(steps.Summary, core.summary(session_id=following))
    core.give(mark)
    core.give(came(BOB))  # he was in the earlier one
    core.give(inputs.Message(JoinedMessage(origin=HERE, user_id=UserId("eve"), participant=joined.participant)))
    assert core.members.keys() == {"eve"}
    core.give(came(member("joe", "j")))
    assert core.events("e") == ["ParticipantJoined"]


def test_a_mark_that_does_not_come() -> None:
    core = Core()
    core.join("ann", "a")
    core.give(inputs.Gap())
    core.answer(steps.Read, _reading(core, _mine(core)))
    core.due(Mark)
    core.due(ReadAgain)
    assert core.asks(steps.Read)


def test_messages_missed_while_the_room_is_read_have_it_read_once_more() -> None:
    core = Core()
    core.join("ann", "a")
    core.give(inputs.Gap())
    core.give(inputs.Gap())
    mark = _mark(core)
    core.answer(steps.Read, _reading(core, _mine(core)))
    core.give(mark)
    core.due(ReadAgain)
    assert core.asks(steps.Read)


def test_too_many_messages_while_the_room_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "MAX_BACKLOG", 3)
    core = Core()
    core.join("ann", "a")
    core.give(inputs.Gap())
    for number in range(5):
        core.give(came(member(f"u{number}", f"c{number}")))
    core.give(_mark(core))
    core.answer(steps.Read, _reading(core, _mine(core)))
    core.due(ReadAgain)
    mark = _mark(core)
    core.answer(steps.Read, _reading(core, _mine(core), *(member(f"u{n}", f"c{n}") for n in range(5))))
    core.give(mark)
    assert core.events("a") == ["ParticipantJoined"] * 5


def test_own_changes_are_told_once_though_the_room_was_read_in_between() -> None:
    core = Core()
    core.join("ann", "a")
    core.clear()
    core.call("a", "UpdateState", is_muted=True)
    said = StateMessage(origin=HERE, user_id=UserId("ann"), is_muted=True, is_video_on=False)
    core.answer(steps.Update, said)
    core.give(inputs.Gap())
    mark = _mark(core)
    core.give(inputs.Message(said))
    core.answer(steps.Read, _reading(core, _mine(core)))
    core.give(mark)
    other = StateMessage(origin=THERE, user_id=UserId("ann"), is_muted=False, is_video_on=False)
    core.give(inputs.Message(other))
    assert core.events("a") == ["StateChanged", "StateChanged"]


def test_a_room_that_nobody_needs_is_read_no_more() -> None:
    core = Core()
    core.join("ann", "a")
    core.give(inputs.Gap())
    core.call("a", "LeaveRoom")
    core.answer(steps.Leave, core.left("ann", remaining=1))
    assert isinstance(core.effects[-1], effects.Unsubscribe)
    core.answer(steps.Read, None)
    assert isinstance(core.effects[-1], effects.Unused)


def test_an_answer_that_comes_after_the_channel_counts_once() -> None:
    core = Core()
    core.ask_to_join("ann", "a")
    joined = core.joined([])
    core.give(inputs.Message(JoinedMessage(origin=HERE, user_id=UserId("ann"), participant=joined.participant)))
    core.answer(steps.Join, joined)
    core.give(came(BOB))
    assert core.events("a") == ["ParticipantJoined"]
    assert core.meeting.members[UserId("ann")].connection_id == ConnectionId("a")
