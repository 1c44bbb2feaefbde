"""What hosts decide about others and about the room, and that everyone is held to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from tertulia.contract.calls import Empty, Permissions
from tertulia.contract.events import JoinResult, Knock
from tertulia.contract.settings import Settings
from tertulia.errors import (
    AlreadyJoined,
    EndedBeforeEntry,
    EntryDenied,
    Forbidden,
    QuotaExceeded,
    Unavailable,
    UnknownTarget,
    WaitedTooLong,
    WaitingRoomFull,
)
from tertulia.ids import ConnectionId, NodeId, UserId
from tertulia.room import commands, effects, inputs, steps, timers, waiting
from tertulia.room.answers import MustWait, RoomRecord, StateLost
from tertulia.room.messages import (
    AdmittedMessage,
    ControlMessage,
    DeniedMessage,
    EndedMessage,
    HandMessage,
    JoinedMessage,
    SettingsMessage,
    StateMessage,
    WaitingMessage,
)
from tertulia.room.quotas import Quotas
from tests.unit.growth import assert_linear
from tests.unit.room.core import HERE, HOST, SESSION, THERE, Core, came, member, node

ANN, EVE = UserId("ann"), UserId("eve")
ELSEWHERE = Knock(user_id="zoe", display_name="Zoe", is_guest=True, since="then")


@pytest.fixture
def core() -> Core:
    """The host and ann, both here, and eve on another hub; an SFU node."""
    made = Core(topology="sfu")
    made.nodes.refresh([node("n")], made.now)
    made.node = NodeId("n")
    made.join(HOST, "h", [member(EVE, "e")], role="host")
    made.join(ANN, "a")
    made.clear()
    return made


def controlled(user: str, role: Any = "attendee", is_spotlit: bool = False, **permissions: bool) -> inputs.Message:
    """The channel says what a host has changed."""
    return inputs.Message(
        ControlMessage(
            origin="", user_id=UserId(user), role=role, is_spotlit=is_spotlit, permissions=Permissions(**permissions)
        )
    )


def change(core: Core, **settings: Any) -> None:
    """Another hub changes the settings."""
    core.record = record_with(core, **settings)
    core.give(inputs.Message(SettingsMessage(origin=THERE)))
    core.answer(steps.ReadRecord, core.record)


def record_with(core: Core, **settings: Any) -> RoomRecord:
    """The room's record with other settings."""
    return replace(core.record, settings=replace(core.record.settings, **settings))


def told(core: Core, kind: type[Any]) -> list[Any]:
    """What the SFU node was told, of this kind."""
    return [effect.command for effect in core.of(effects.Tell) if isinstance(effect.command, kind)]


def knock(core: Core, user: str, connection: str) -> None:
    """JoinRoom of who has to wait."""
    core.ask_to_join(user, connection)
    core.fail(steps.Join, MustWait("waits"))


def of_hosts(core: Core) -> list[tuple[str, str]]:
    """The events about who waits that the host was sent."""
    return [
        (e.event.name, e.event.value().user_id)
        for e in core.of(effects.Deliver)
        if "h" in e.to and e.event.name in ("ParticipantWaiting", "WaitingEnded")
    ]


# --- settings


def test_settings_are_in_the_result_and_a_change_is_told_to_all(core: Core) -> None:
    assert core.join("bob", "b").settings == core.record.settings
    change(core, chat="host")
    assert "SettingsChanged" in core.events("a")
    assert core.join("ben", "c").settings.chat == "host"


def test_a_host_changes_them_in_sql_and_says_so_to_every_hub(core: Core) -> None:
    core.call("h", "ChangeSettings", settings={})
    core.answer(steps.ChangeSettings, record_with(core, share="host").settings)
    assert [type(e.message) for e in core.of(effects.Publish)] == [SettingsMessage]
    assert "SettingsChanged" in core.events("a")
    assert core.answers("h") == [Empty()]


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("ChangeSettings", {"settings": {}}),
        ("Admit", {}),
        ("Deny", {"target_user_id": EVE}),
        ("LowerHand", {"target_user_id": EVE}),
        ("Spotlight", {"target_user_id": EVE, "on": True}),
        ("SetRole", {"target_user_id": EVE, "role": "host"}),
        ("SetPermissions", {"target_user_id": EVE, "permissions": Permissions()}),
    ],
)
def test_only_a_host_may(core: Core, event: str, payload: dict[str, Any]) -> None:
    core.call("a", event, **payload)
    assert core.answers("a") == [Forbidden]
    assert not core.open


def test_a_change_while_the_settings_are_read_is_read_too(core: Core) -> None:
    core.give(inputs.Message(SettingsMessage(origin=THERE)))
    core.give(inputs.Message(SettingsMessage(origin=THERE)))
    core.answer(steps.ReadRecord, core.record)
    core.answer(steps.ReadRecord, record_with(core, chat="host"))
    assert core.events("a") == ["SettingsChanged"]
    assert not core.asks(steps.ReadRecord)


def test_a_reaping_finds_a_change_that_nobody_has_told(core: Core) -> None:
    core.give(inputs.Reap(1, SESSION, None, core.record.settings))
    assert not core.asks(steps.ReadRecord)
    core.give(inputs.Reap(2, SESSION, None, record_with(core, chat="host").settings))
    core.answer(steps.ReadRecord, record_with(core, chat="host"))
    assert "SettingsChanged" in core.events("a")


# --- who may unmute, share, chat


def test_who_may_not_unmute_is_muted_and_cannot(core: Core) -> None:
    change(core, unmute="host")
    [step] = [step for step in core.open.values() if isinstance(step, steps.Update)]
    assert (step.user, step.is_muted, step.is_video_on) == (ANN, True, None)
    [block] = told(core, commands.Block)
    assert block.sources == ["microphone"]
    core.answer(steps.Update, StateMessage(origin=HERE, user_id=ANN, is_muted=True, is_video_on=False))
    assert "StateChanged" in core.events("h")
    assert core.answers("a") == []
    core.call("a", "UpdateState", is_muted=False)
    assert core.answers("a") == [Forbidden]
    core.call("a", "UpdateState", is_video_on=True)
    assert core.step(steps.Update).is_video_on is True


def test_who_is_told_to_stop_is_told_again_until_redis_has_it(core: Core) -> None:
    change(core, unmute="host")
    core.give(inputs.Sweep())
    assert len([s for s in core.open.values() if isinstance(s, steps.Update)]) == 1
    core.fail(steps.Update, StateLost("lost"))
    core.give(inputs.Sweep())
    assert core.step(steps.Update).is_muted is True
    assert len(told(core, commands.Block)) == 3


def test_who_was_let_speak_stays_muted_until_they_say_so(core: Core) -> None:
    change(core, unmute="host")
    core.answer(steps.Update, StateMessage(origin=HERE, user_id=ANN, is_muted=True, is_video_on=False))
    core.clear()
    core.give(controlled(ANN, unmute=True))
    assert [state.is_muted for state in told(core, commands.State)] == [True]
    assert [block.sources for block in told(core, commands.Block)] == [[]]
    core.call("a", "UpdateState", is_muted=False)
    assert core.step(steps.Update).is_muted is False


def test_a_stopped_video_is_off_until_a_host_allows_it(core: Core) -> None:
    core.call("h", "SetPermissions", target_user_id=ANN, permissions=Permissions(video=False))
    assert core.step(steps.Control).permissions == Permissions(video=False)
    core.give(controlled(ANN, video=False))
    assert [block.sources for block in told(core, commands.Block)] == [["camera"]]
    assert core.step(steps.Update).is_video_on is False
    core.call("a", "UpdateState", is_video_on=True)
    assert core.answers("a") == [Forbidden]


def test_what_may_not_be_sent_is_said_behind_every_offer(core: Core) -> None:
    change(core, share="host")
    core.clear()
    core.call("a", "SendOffer", target_user_id="sfu", sdp="v=0")
    kinds = [type(effect.command) for effect in core.of(effects.Tell)]
    assert kinds == [commands.Offer, commands.Block]
    assert told(core, commands.Block)[0].sources == ["screen", "screen-audio"]
    core.clear()
    core.call("h", "SendOffer", target_user_id="sfu", sdp="v=0")
    assert [type(effect.command) for effect in core.of(effects.Tell)] == [commands.Offer]


def test_without_chat_one_may_write_to_a_host(core: Core) -> None:
    change(core, chat="host")
    core.call("a", "SendChat", text="hello")
    core.call("a", "SendChat", text="hello", target_user_id=EVE)
    assert core.answers("a") == [Forbidden, Forbidden]
    core.call("a", "SendChat", text="help", target_user_id=HOST)
    core.call("h", "SendChat", text="hello")
    assert core.texts("h") == ["help", "hello"]


@pytest.mark.parametrize(("role", "is_muted"), [("attendee", True), ("host", False)])
def test_attendees_begin_muted_where_the_room_says_so(core: Core, role: Any, is_muted: bool) -> None:
    core.record = record_with(core, mute_on_entry=True)
    core.ask_to_join("bob", "b", role)
    assert core.step(steps.Join).seat.is_muted is is_muted


# --- roles, hands, the spotlight


def test_what_a_host_changes_is_shown_when_the_channel_says_it(core: Core) -> None:
    core.call("h", "SetRole", target_user_id=ANN, role="host")
    core.answer(steps.Control, None)
    assert core.events("a") == []
    core.give(controlled(ANN, role="host"))
    assert core.events("a") == ["ParticipantChanged"]
    core.call("a", "MuteAll")
    assert core.answers("a")[-1] is not Forbidden


def test_a_co_host_stays_one_and_rules_over_attendees_only(core: Core) -> None:
    core.give(controlled(ANN, role="host"))
    core.give(controlled(EVE, role="host"))
    core.call("a", "SetRole", target_user_id=HOST, role="attendee")
    core.call("a", "SetRole", target_user_id=EVE, role="attendee")
    core.call("a", "SetPermissions", target_user_id=EVE, permissions=Permissions(chat=False))
    assert core.answers("a") == [Forbidden] * 3
    core.call("h", "SetRole", target_user_id=EVE, role="attendee")
    assert core.step(steps.Control).role == "attendee"


def test_who_is_no_host_any_more_may_do_no_more_than_others(core: Core) -> None:
    core.give(controlled(ANN, role="host"))
    change(core, share="host")
    assert not told(core, commands.Block)
    core.give(controlled(ANN))
    assert [block.sources for block in told(core, commands.Block)] == [["screen", "screen-audio"]]
    core.call("a", "MuteAll")
    assert core.answers("a") == [Forbidden]


def test_a_hand_is_lowered_and_the_host_spotlights_anyone(core: Core) -> None:
    core.call("h", "LowerHand", target_user_id=EVE)
    assert core.step(steps.Control).lowers_hand
    core.answer(steps.Control, None)
    core.call("h", "Spotlight", target_user_id=HOST, on=True)
    assert core.step(steps.Control).is_spotlit is True
    core.fail(steps.Control, UnknownTarget("gone"))
    assert core.answers("h")[-1] is UnknownTarget


def test_a_lowered_hand_counts_while_another_change_is_under_way(core: Core) -> None:
    core.give(inputs.Message(HandMessage(origin=THERE, user_id=ANN, raised=True)))
    core.call("a", "UpdateState", is_muted=True)
    core.answer(steps.Update, StateMessage(origin=HERE, user_id=ANN, is_muted=True, is_video_on=False))
    core.give(inputs.Message(HandMessage(origin="", user_id=ANN, raised=False)))  # the channel is not at the update
    assert core.members[ANN].hand_raised is False
    core.give(inputs.Message(StateMessage(origin=HERE, user_id=ANN, is_muted=True, is_video_on=False)))
    assert core.members[ANN].is_muted


def test_a_call_goes_on_when_the_room_was_written_again(core: Core) -> None:
    core.call("h", "Spotlight", target_user_id=ANN, on=True)
    core.fail(steps.Control, StateLost("lost"))
    assert core.asks(steps.ReadSession)


def test_what_is_said_of_somebody_while_they_join_is_in_their_result(core: Core) -> None:
    core.ask_to_join("bob", "b")
    joined = core.joined(list(core.members.values()), first_of_session=True)
    core.answer(steps.Join, joined)
    core.give(came(joined.participant))
    core.give(controlled("bob", role="host"))
    core.answer(steps.OpenSession, True)
    core.answer(steps.Summary, core.summary())
    assert core.result("b").role == "host"


# --- the waiting room


def test_who_has_to_wait_is_told_and_so_are_the_hosts(core: Core) -> None:
    knock(core, "bob", "b")
    assert core.events("b") == ["Waiting"]
    assert core.answers("b") == []
    assert of_hosts(core) == [("ParticipantWaiting", "bob")]
    assert "ParticipantWaiting" not in core.events("a")
    assert "bob" not in core.members
    assert [knock.user_id for knock in core.join("kim", "k", role="host").waiting] == ["bob"]
    assert core.join("ben", "c").waiting == []


def test_who_was_admitted_joins(core: Core) -> None:
    knock(core, "bob", "b")
    core.call("h", "Admit", target_user_id="BOB")
    assert core.step(steps.Admit).users == ["bob"]
    core.answer(steps.Admit, None)
    core.give(inputs.Message(AdmittedMessage(origin=HERE, user_ids=[UserId("bob")])))
    core.answer(steps.PrepareJoin, core.record)
    core.answer(steps.Join, core.joined(list(core.members.values())))
    assert isinstance(core.answers("b")[-1], JoinResult)
    assert of_hosts(core)[-1] == ("WaitingEnded", "bob")


def test_all_who_wait_are_admitted_at_once(core: Core) -> None:
    core.call("h", "Admit")
    assert not core.asks(steps.Admit)
    knock(core, "bob", "b")
    core.give(inputs.Message(WaitingMessage(origin=THERE, knocks=[ELSEWHERE])))
    core.call("h", "Admit")
    assert sorted(core.step(steps.Admit).users) == ["bob", "zoe"]


def test_who_was_denied_is_refused_and_their_tokens_are_void(core: Core) -> None:
    knock(core, "bob", "b")
    core.call("h", "Deny", target_user_id="bob", ban=True)
    assert core.step(steps.Remove).user == "bob"
    core.answer(steps.Remove, core.removed(None))
    [denied] = [e.message for e in core.of(effects.Publish) if isinstance(e.message, DeniedMessage)]
    core.give(inputs.Message(denied))
    assert core.answers("b") == [EntryDenied]
    core.call("h", "Deny", target_user_id=ANN)
    assert core.answers("h") == [UnknownTarget]


def test_who_gives_up_is_not_waited_for(core: Core) -> None:
    knock(core, "bob", "b")
    core.give(inputs.JoinAbandoned(ConnectionId("b")))
    knock(core, "ben", "c")
    core.give(inputs.ConnectionLost(ConnectionId("c"), some_lost=True))
    assert [name for name, _ in of_hosts(core)] == ["ParticipantWaiting", "WaitingEnded"] * 2
    assert len(core.answers("b")) == len(core.answers("c")) == 1


def test_nobody_waits_for_ever(core: Core) -> None:
    knock(core, "bob", "b")
    core.due(timers.Waited)
    assert core.answers("b") == [WaitedTooLong]


def test_a_user_waits_once_and_only_so_many_wait(core: Core) -> None:
    knock(core, "bob", "b")
    knock(core, "bob", "b2")
    assert core.answers("b") == [AlreadyJoined]
    for number in range(waiting.MOST - 1):
        knock(core, f"u{number}", f"c{number}")
    knock(core, "zed", "z")
    assert core.answers("z") == [WaitingRoomFull]


def test_a_room_without_waiting_room_lets_all_in(core: Core) -> None:
    knock(core, "bob", "b")
    core.record = record_with(core, waiting_room=False)
    core.give(inputs.Message(SettingsMessage(origin=THERE)))
    core.answer(steps.ReadRecord, core.record)
    assert core.asks(steps.PrepareJoin)


def test_who_waits_elsewhere_is_shown_as_long_as_their_hub_says_so(core: Core) -> None:
    core.give(inputs.Message(WaitingMessage(origin=THERE, knocks=[ELSEWHERE])))
    assert of_hosts(core) == [("ParticipantWaiting", "zoe")]
    core.now += core.hub.settings.waiting_told + 1
    core.give(inputs.Sweep())
    assert of_hosts(core)[-1] == ("WaitingEnded", "zoe")


@pytest.mark.parametrize(("reason", "answers"), [("host", [EndedBeforeEntry]), ("empty", [])])
def test_the_end_of_a_meeting_ends_the_wait_if_somebody_ended_it(core: Core, reason: str, answers: list[Any]) -> None:
    knock(core, "bob", "b")
    core.give(inputs.Message(EndedMessage(origin=THERE, session_id=SESSION, reason=reason)))
    assert core.answers("b") == answers


def test_a_hub_where_somebody_only_waits_hears_the_channel_and_forgets_it_afterwards() -> None:
    core = Core()
    knock(core, "bob", "b")
    [said] = [e.message for e in core.of(effects.Publish)]
    assert isinstance(said, WaitingMessage)
    core.clear()
    core.give(came(member("kim", "k", role="host")))
    assert [type(e.message) for e in core.of(effects.Publish)] == [WaitingMessage]
    core.give(inputs.Sweep())
    core.answer(steps.ReadRecord, record_with(core, waiting_room=True))
    core.give(inputs.JoinAbandoned(ConnectionId("b")))
    assert isinstance(core.effects[-1], effects.Unused)


def test_who_waits_while_messages_were_missed_tries_again() -> None:
    core = Core()
    knock(core, "bob", "b")
    core.give(inputs.Gap())
    core.answer(steps.PrepareJoin, core.record)
    assert core.asks(steps.Join)


def test_who_was_admitted_before_it_is_known_here_that_they_wait_joins(core: Core) -> None:
    core.record = record_with(core, waiting_room=True)
    core.ask_to_join("bob", "b")
    core.give(inputs.Message(AdmittedMessage(origin=THERE, user_ids=[UserId("ben")])))
    core.give(inputs.Message(AdmittedMessage(origin=THERE, user_ids=[UserId("bob")])))
    core.fail(steps.Join, MustWait("wait"))
    assert core.events("b") == []
    core.answer(steps.PrepareJoin, core.record)
    core.fail(steps.Join, MustWait("they were removed since"))
    assert core.events("b") == ["Waiting"]


def test_who_was_admitted_is_refused_if_their_tenant_has_no_seat_left(core: Core) -> None:
    knock(core, "bob", "b")
    core.give(inputs.Message(AdmittedMessage(origin=THERE, user_ids=[UserId("bob")])))
    core.answer(steps.PrepareJoin, replace(core.record, quotas=Quotas(people=7)))
    step = core.step(steps.Join)
    assert (step.tenant, step.people) == ("tenant", 7)
    core.fail(steps.Join, QuotaExceeded("full"))
    assert core.answers("b") == [QuotaExceeded]


@pytest.mark.parametrize(
    ("settings", "role", "entry"),
    [
        (Settings(), "attendee", "open"),
        (Settings(waiting_room=True), "attendee", "waits"),
        (Settings(waiting_room=True, locked=True), "attendee", "locked"),
        (Settings(waiting_room=True, locked=True), "host", "open"),
    ],
)
def test_what_a_join_meets(settings: Settings, role: Any, entry: str) -> None:
    core = Core()
    core.record = record_with(core, waiting_room=settings.waiting_room, locked=settings.locked)
    core.ask_to_join("bob", "b", role)
    assert core.step(steps.Join).entry == entry


def test_an_update_that_crossed_with_a_rule_is_taken_back(core: Core) -> None:
    core.call("a", "UpdateState", is_muted=False)
    change(core, unmute="host")
    core.answer(steps.Update, None)
    forced = [step for step in core.open.values() if isinstance(step, steps.Update)]
    assert [step.is_muted for step in forced] == [True]


def test_a_change_by_a_rule_that_failed_is_asked_for_again_by_the_next_sweep(core: Core) -> None:
    change(core, unmute="host")
    core.give(inputs.Sweep())
    forced = [step for step in core.open.values() if isinstance(step, steps.Update)]
    assert [step.user for step in forced] == [ANN], "one at a time"
    core.fail(steps.Update, Unavailable("Redis is away"))
    core.give(inputs.Sweep())
    assert core.step(steps.Update).is_muted is True


def sweep_of_silenced(people: int) -> Callable[[], object]:
    """A sweep while so many are being muted."""
    core = Core()
    core.join(HOST, "h", role="host")
    for number in range(people):
        core.join(UserId(f"user {number}"), f"connection {number}")
        core.clear()
    change(core, unmute="host")
    assert len([step for step in core.open.values() if isinstance(step, steps.Update)]) == people
    return lambda: core.give(inputs.Sweep())


def test_a_sweep_costs_in_proportion_to_those_who_are_being_silenced() -> None:
    assert_linear(sweep_of_silenced, 600)


def test_what_was_said_of_somebody_before_they_left_is_kept_to_when_they_come_back(core: Core) -> None:
    core.ask_to_join("bob", "b")
    joined = core.joined([])
    bob = replace(joined.participant, permissions=Permissions(unmute=False))
    core.answer(steps.Join, core.joined([], participant=bob))
    core.give(inputs.Message(JoinedMessage(origin=HERE, user_id=UserId("bob"), participant=bob)))
    assert core.result("b").permissions == Permissions(unmute=False)
    forced = core.step(steps.Update)
    assert (forced.user, forced.is_muted) == ("bob", True)
