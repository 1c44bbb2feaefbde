"""Removing a participant: in Redis, in SQL, and where one of them is away or has lost the room."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tertulia.contract import events
from tertulia.errors import Forbidden, Unavailable, UserRemoved
from tertulia.ids import HubId, NodeId, UserId
from tertulia.room import answers, commands, effects, inputs, steps
from tertulia.room.answers import KeptAlive, Ongoing, Removed, Restored
from tertulia.room.messages import LeftMessage
from tertulia.room.removing import TRIES
from tertulia.room.timers import RecordAgain
from tests.unit.room.core import HERE, HOST, SESSION, THERE, Core, member

N1 = NodeId("n1")
BOB = member("bob", "b")
LOST = Removed(at_ms=1000, session_id=None, left=None)
RESTORED = Restored(incarnation="new", region="r", node=None, recording=None, created=True, displaced=[])


@pytest.fixture
def core() -> Core:
    """The room's host, a co-host and bob."""
    made = Core()
    made.join(HOST, "h", role="host")
    made.join("ann", "a", role="host")
    made.join("bob", "b")
    made.clear()
    return made


def _resolved(core: Core) -> list[bool]:
    return [effect.result for effect in core.of(effects.Resolve)]


def _recorded(core: Core) -> steps.RecordRemoval:
    return core.step(steps.RecordRemoval)


def _written(core: Core) -> None:
    """SQL has the removal, and Redis has kept it."""
    core.answer(steps.RecordRemoval, None)
    assert core.step(steps.Remove).done_at_ms is not None
    core.answer(steps.Remove, LOST)


def test_the_answer_waits_for_sql(core: Core) -> None:
    core.call("a", "RemoveParticipant", target_user_id="bob", ban=True)
    core.answer(steps.Remove, core.removed(core.left("bob", 2), at_ms=77))
    assert core.events("b") == ["Removed"]
    assert core.answers("a") == []
    assert _recorded(core) == steps.RecordRemoval(session_id=SESSION, user=UserId("bob"), at_ms=77, ban=True)
    core.answer(steps.RecordRemoval, None)
    assert core.answers("a") == []
    assert core.step(steps.Remove) == steps.Remove(user=UserId("bob"), lost=SESSION, done_at_ms=77)
    core.answer(steps.Remove, LOST)
    assert len(core.answers("a")) == 1


def test_who_has_just_left_is_removed_too(core: Core) -> None:
    core.give(inputs.RemoveParticipant(1, UserId("bob")))
    core.answer(steps.Remove, core.removed(None))
    _written(core)
    assert _resolved(core) == [True]


def test_in_a_room_of_which_nobody_is_here_the_node_is_found() -> None:
    core = Core("sfu")
    core.give(inputs.RemoveParticipant(7, UserId("bob")))
    core.answer(steps.Remove, core.removed(answers.Left(participant=BOB, remaining=2)))
    core.answer(steps.Summary, core.summary(node=N1))
    assert [type(tell.command) for tell in core.of(effects.Tell)] == [commands.Close]
    _written(core)
    assert [(e.request, e.result) for e in core.of(effects.Resolve)] == [(7, True)]
    assert isinstance(core.effects[-1], effects.Unused)


def test_redis_is_away(core: Core) -> None:
    core.call("a", "RemoveParticipant", target_user_id="bob")
    core.fail(steps.Remove, Unavailable("away"))
    assert core.answers("a") == [Unavailable]


def test_sql_is_away_and_the_removal_is_written_later(core: Core) -> None:
    core.call("a", "RemoveParticipant", target_user_id="bob")
    core.answer(steps.Remove, core.removed(core.left("bob", 2), at_ms=77))
    core.fail(steps.RecordRemoval, Unavailable("away"))
    assert len(core.answers("a")) == 1
    for _ in range(3):
        core.due(RecordAgain)
        core.fail(steps.RecordRemoval, Unavailable("away"))
    core.due(RecordAgain)
    assert _recorded(core).at_ms == 77
    _written(core)
    assert len(core.answers("a")) == 1
    assert len([log for log in core.of(effects.Log) if log.is_warning]) == 1


def test_it_is_not_tried_for_ever(core: Core) -> None:
    core.give(inputs.RemoveParticipant(1, UserId("bob")))
    core.answer(steps.Remove, core.removed(None))
    core.fail(steps.RecordRemoval, Unavailable("away"))
    for _ in range(TRIES - 1):
        core.due(RecordAgain)
        core.fail(steps.RecordRemoval, Unavailable("away"))
    assert _resolved(core) == [True]
    assert len(core.of(effects.SetTimer)) == TRIES - 1
    assert not core.asks(steps.RecordRemoval)


# --- Redis has lost the room


def test_a_removal_from_a_lost_room_is_kept_in_sql_first(core: Core) -> None:
    """Then whoever writes the room again leaves the member out; who has written it meanwhile is asked once more."""
    core.give(inputs.RemoveParticipant(1, UserId("bob")))
    core.answer(steps.Remove, LOST)
    assert _recorded(core).session_id == SESSION
    core.answer(steps.RecordRemoval, None)
    assert core.step(steps.Remove).lost == SESSION
    core.answer(steps.Remove, core.removed(core.left("bob", 2)))
    _written(core)
    assert core.events("b") == ["Removed"]
    assert _resolved(core) == [True]


def test_a_removal_that_redis_has_lost_before_sql_knew_of_it_is_done_again(core: Core) -> None:
    """Whoever made the state again meanwhile has not read it, and may be who was removed."""
    core.give(inputs.RemoveParticipant(1, UserId("bob")))
    core.answer(steps.Remove, core.removed(None, at_ms=77))
    core.answer(steps.RecordRemoval, None)
    core.answer(steps.Remove, core.removed(core.left("bob", 2), at_ms=99))
    assert core.events("b") == ["Removed"]
    assert _resolved(core) == []
    assert _recorded(core).at_ms == 99
    _written(core)
    assert _resolved(core) == [True]


def test_redis_is_asked_again_later_whether_it_has_kept_the_removal(core: Core) -> None:
    core.give(inputs.RemoveParticipant(1, UserId("bob")))
    core.answer(steps.Remove, core.removed(None, at_ms=77))
    core.answer(steps.RecordRemoval, None)
    core.fail(steps.Remove, Unavailable("away"))
    assert _resolved(core) == [True]
    core.due(RecordAgain)
    core.answer(steps.RecordRemoval, None)
    core.answer(steps.Remove, core.removed(core.left("bob", 2), at_ms=99))
    assert core.events("b") == ["Removed"]
    assert _resolved(core) == [True]


def test_the_hub_that_writes_it_again_lets_them_go(core: Core) -> None:
    core.give(inputs.RemoveParticipant(1, UserId("bob")))
    core.answer(steps.Remove, LOST)
    core.answer(steps.RecordRemoval, None)
    core.answer(steps.Remove, LOST)
    assert _resolved(core) == [True]
    core.call("a", "KeepAlive")
    core.answer(steps.KeepAlive, KeptAlive.LOST)
    removals = {UserId("bob"): 1000}
    core.answer(steps.ReadSession, Ongoing(None, removals))
    assert core.step(steps.Restore).known.removals == removals
    core.answer(steps.Restore, replace(RESTORED, removed=[UserId("bob")]))
    assert core.events("b") == ["Removed"]
    assert core.events("a") == ["ParticipantLeft"]
    [told] = [e.message for e in core.of(effects.Publish) if isinstance(e.message, LeftMessage)]
    assert told.reason == "removed"


def test_nobody_here_knows_of_the_meeting() -> None:
    core = Core()
    core.give(inputs.RemoveParticipant(1, UserId("bob")))
    core.answer(steps.Remove, LOST)
    core.answer(steps.ReadRecord, core.record)
    assert _recorded(core).session_id == SESSION
    core.answer(steps.RecordRemoval, None)
    core.answer(steps.Remove, LOST)
    assert _resolved(core) == [True]
    assert isinstance(core.effects[-1], effects.Unused)


def test_there_is_no_meeting() -> None:
    core = Core()
    core.give(inputs.RemoveParticipant(1, UserId("bob")))
    core.answer(steps.Remove, LOST)
    core.answer(steps.ReadRecord, replace(core.record, session_id=None))
    assert _resolved(core) == [False]


def test_sql_is_away_too(core: Core) -> None:
    """Nothing was voided, and the caller is told so."""
    core.call("a", "RemoveParticipant", target_user_id="bob")
    core.answer(steps.Remove, LOST)
    core.fail(steps.RecordRemoval, Unavailable("away"))
    assert core.answers("a") == [Unavailable]
    assert core.of(effects.SetTimer) == []


# --- whoever makes the state again may know less than this hub


def test_a_join_by_an_old_record_does_not_undo_a_removal(core: Core) -> None:
    """Its record was read before the removal, or is the known one of a hub without SQL; Redis may be flushed."""
    core.give(inputs.RemoveParticipant(1, BOB.user_id))
    core.answer(steps.Remove, core.removed(core.left("bob", 2), at_ms=77))
    core.fail(steps.RecordRemoval, Unavailable("away"))
    core.ask_to_join("bob", "b2")
    assert core.record.removals == {}
    assert core.step(steps.Join).placement.removals == {BOB.user_id: 77}


def test_a_removal_by_another_hub_is_remembered_too(core: Core) -> None:
    message = LeftMessage.of(core.members["bob"], "removed", THERE, 77)
    core.give(inputs.Message(message))
    core.ask_to_join("bob", "b2")
    assert core.step(steps.Join).placement.removals == {BOB.user_id: 77}


def test_a_hub_that_writes_the_room_again_remembers_what_sql_was_not_told(core: Core) -> None:
    core.give(inputs.RemoveParticipant(1, BOB.user_id))
    core.answer(steps.Remove, core.removed(core.left("bob", 2), at_ms=77))
    core.fail(steps.RecordRemoval, Unavailable("away"))
    core.call("a", "KeepAlive")
    core.answer(steps.KeepAlive, KeptAlive.LOST)
    core.answer(steps.ReadSession, Ongoing(None, {}))
    assert core.step(steps.Restore).known.removals == {BOB.user_id: 77}


def _join_of_a_lost_state(core: Core, *, is_first: bool) -> None:
    core.ask_to_join("eve", "e")
    assert core.step(steps.Join).placement.was_open
    core.answer(steps.Join, core.joined([], first_of_session=is_first, session_unread=True))
    if is_first:
        core.answer(steps.OpenSession, True)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_join_of_a_lost_state_reads_the_removals_again(is_first: bool) -> None:
    core = Core()
    _join_of_a_lost_state(core, is_first=is_first)
    core.answer(steps.ReadSession, Ongoing(None, {BOB.user_id: 77}))
    assert core.step(steps.KeepOut) == steps.KeepOut(session_id=SESSION, removals={BOB.user_id: 77})
    core.answer(steps.KeepOut, None)
    core.answer(steps.Summary, core.summary())
    assert core.result("e").user_id == "eve"


@pytest.mark.parametrize("is_first", [True, False])
def test_who_was_removed_from_a_lost_state_is_not_let_in(is_first: bool) -> None:
    core = Core()
    _join_of_a_lost_state(core, is_first=is_first)
    core.answer(steps.ReadSession, Ongoing(None, {UserId("eve"): 0}))
    assert core.step(steps.Leave).user == "eve"
    core.answer(steps.Leave, core.left("eve", 0))
    assert core.answers("e") == [UserRemoved]


@pytest.mark.parametrize("step", [steps.ReadSession, steps.KeepOut])
def test_nobody_joins_a_lost_state_while_its_removals_are_not_known(step: type[steps.Step]) -> None:
    core = Core()
    _join_of_a_lost_state(core, is_first=False)
    if step is steps.KeepOut:
        core.answer(steps.ReadSession, Ongoing(None))
    core.fail(step, Unavailable("away"))
    core.answer(steps.Leave, core.left("eve", 0))
    assert core.answers("e") == [Unavailable]


def test_a_lost_state_whose_session_has_ended_is_dropped() -> None:
    core = Core()
    _join_of_a_lost_state(core, is_first=False)
    core.answer(steps.ReadSession, None)
    assert core.step(steps.End).session_id == SESSION


def test_who_returns_to_a_lost_state_needs_no_sql() -> None:
    core = Core()
    core.ask_to_join("eve", "e", resume_token="r")
    here = member("eve", "before", HERE)
    core.answer(steps.Join, core.joined([], session_unread=True, resumed=True, replaced=here))
    assert core.result("e").user_id == "eve"


# --- the room's own host and the co-hosts


@pytest.mark.parametrize("event", ["RemoveParticipant", "AskToMute"])
def test_a_co_host_has_no_say_over_the_host(core: Core, event: str) -> None:
    core.call("a", event, target_user_id=HOST)
    assert core.answers("a") == [Forbidden]
    assert core.events("h") == []
    assert not core.asks(steps.Remove)


def test_the_host_has_a_say_over_a_co_host(core: Core) -> None:
    core.call("h", "AskToMute", target_user_id="ann")
    assert core.events("a") == ["MuteRequested"]
    core.call("h", "RemoveParticipant", target_user_id="ann")
    assert core.step(steps.Remove).user == "ann"


def test_a_co_host_mutes_all_but_the_host() -> None:
    core = Core()
    core.join(HOST, "h", [member("eve", "e", HubId("there"))], role="host")
    core.join("ann", "a", role="host")
    core.join("bob", "b")
    core.clear()
    core.call("a", "MuteAll")
    assert {name: core.events(name) for name in ("h", "a", "b")} == {"h": [], "a": [], "b": ["MuteRequested"]}
    [told] = core.of(effects.Publish)
    assert getattr(told.message, "exclude", None) == HOST


def test_the_host_is_admitted_also_to_a_full_room() -> None:
    core = Core()
    core.ask_to_join("ann", "a")
    assert core.step(steps.Join).max_participants == 10
    core.answer(steps.Join, core.joined([]))
    core.ask_to_join(HOST, "h", role="host")
    assert core.step(steps.Join).max_participants is None


def test_guests_are_shown_as_such() -> None:
    core = Core()
    core.ask_to_join("ann", "a", is_guest=True)
    assert core.step(steps.Join).seat.is_guest
    core.answer(steps.Join, core.joined([member("eve", "e", is_guest=True)]))
    [shown] = core.result("a").participants
    assert isinstance(shown, events.ParticipantView)
    assert shown.is_guest
